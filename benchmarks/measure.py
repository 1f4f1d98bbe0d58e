"""Interleaved timing: A B A B ..., medians, results compared before a time counts."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from .side import Side
from .workload import Workload

MOST_ROUNDS = 25
SPOTS = 20
SHORT = 2e6
"""Nanoseconds: a run is repeated until it takes about that, but not more than so many times:"""
MOST_TIMES = 50


@dataclass(frozen=True)
class Budget:
    """How ours may compare with `peer`: at most `limit` times its time; with `extra`, at most `limit` ns more than it;
    with no peer, at most `limit` ns for a unit."""

    limit: float
    peer: str = ""
    extra: bool = False


def one(workload: Workload) -> float:
    return 1


@dataclass(frozen=True)
class Operation:
    """What sides do by their method of this name (or `method`).

    inputs: what the method is given; a slow side takes the first ones only. scale: rows that one input stands for,
    times are for each of them. rows, held: what must be loaded, and whether its records are held meanwhile. changes: it
    leaves other rows than it found. spots: inputs can be given one by one, and some are, to compare more than one
    result. compared: what is compared of a result, instead of itself.
    slow: in a quick run it is measured beside the peers of its budgets only."""

    name: str
    title: str
    inputs: Callable[[Side], Sequence[Any]]
    budgets: tuple[Budget, ...] = ()
    scale: Callable[[Workload], float] = one
    rows: str = "all"
    held: bool = True
    changes: bool = False
    spots: bool = False
    compared: Callable[[Side, Any], Any] | None = None
    method: str = ""
    slow: bool = False

    @property
    def verb(self) -> str:
        return self.method or self.name

    def share(self, side: Side) -> int:
        """How many inputs the side takes."""
        return max(1, len(self.inputs(side)) // side.parts.get(self.name, 1))


@dataclass(frozen=True)
class Figure:
    """Nanoseconds for each of `units` on both sides, medians over `rounds`; `part`: one in how many of the operation's
    inputs both sides took."""

    operation: str
    peer: str
    ours: float
    theirs: float
    units: int
    part: int
    rounds: int

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


class Disagreement(Exception):
    """Both sides did the same, and the results differ."""


@dataclass(frozen=True)
class Share:
    """Which of the operation's inputs: those from `start` to `stop`."""

    start: int
    stop: int


def once(operation: Operation, side: Side, share: Share, times: int) -> tuple[float, Any]:
    """Nanoseconds of one run out of `times` in a row, and what is compared."""
    side.ready(operation.rows, operation.held)
    taken = operation.inputs(side)[share.start : share.stop]
    run = getattr(side, operation.verb)
    started = perf_counter_ns()
    for _ in range(times):
        result = run(taken)
    elapsed = (perf_counter_ns() - started) / times
    if operation.compared:
        result = operation.compared(side, result)
    if operation.changes:
        side.changed(operation.verb, taken)
    return elapsed, result


def pair(operation: Operation, sides: Sequence[Side], share: Share, times: Sequence[int] = (1, 1)) -> list[float]:
    """The times of both sides. Disagreement if their results differ."""
    (ours, our_result), (theirs, their_result) = (
        once(operation, side, share, often) for side, often in zip(sides, times, strict=True)
    )
    if our_result != their_result:
        names = " and ".join(side.name for side in sides)
        raise Disagreement(f"{operation.title}: {names} differ: {our_result!r:.200} and {their_result!r:.200}")
    return [ours, theirs]


def measure(operation: Operation, ours: Side, theirs: Side, rounds: int = 5, seconds: float = 0.3) -> Figure:
    """Medians over at least `rounds` interleaved runs, more of them while they took less than `seconds` together. Each
    side runs once before, and short runs are repeated. Disagreement if the sides' results differ in any of them."""
    sides = (ours, theirs)
    for side in sides:
        side.ready(operation.rows, operation.held)
    share = Share(0, min(operation.share(side) for side in sides))
    for place in range(0, share.stop if operation.spots else 0, max(1, share.stop // SPOTS)):
        pair(operation, sides, Share(place, place + 1))
    gc.collect()
    first = pair(operation, sides, share)
    long = 0 if operation.changes else min(SHORT, seconds * 1e8)
    often = [round(min(MOST_TIMES, max(1, long / elapsed))) for elapsed in first]
    runs: list[list[float]] = []
    while len(runs) < rounds or (len(runs) < MOST_ROUNDS and sum(map(sum, runs)) < seconds * 1e9):
        runs.append(pair(operation, sides, share, often))
    our_time, their_time = (statistics.median(column) for column in zip(*runs, strict=True))
    units = max(1, round(share.stop * operation.scale(ours.workload)))
    part = max(1, round(len(operation.inputs(ours)) / share.stop))
    return Figure(operation.name, theirs.name, our_time / units, their_time / units, units, part, len(runs))
