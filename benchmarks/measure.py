"""Interleaved timing: A B A B ..., medians, results compared before a time counts."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """One operation on both sides. `run` functions return what is compared; `units` operations per run."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    units: int
    budget: float
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True)
class Result:
    """Nanoseconds per operation on each side; `ratio` is ours / theirs and is met when it is at most `budget`."""

    name: str
    ours: float
    theirs: float
    budget: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def met(self) -> bool:
        return self.ratio <= self.budget

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "met": self.met}


def once(run: Callable[[], Any]) -> tuple[float, Any]:
    started = perf_counter()
    result = run()
    return perf_counter() - started, result


def measure(comparison: Comparison, rounds: int = 5) -> Result:
    """Medians over `rounds` interleaved runs. ValueError if the sides disagree about the result."""
    ours, theirs = [], []
    for _ in range(rounds):
        for run, times in ((comparison.ours, ours), (comparison.theirs, theirs)):
            if comparison.prepare:
                comparison.prepare()
            elapsed, result = once(run)
            times.append(elapsed)
            if run is comparison.ours:
                expected = result
            elif result != expected:
                raise ValueError(f"{comparison.name}: the sides disagree")
    scale = 1e9 / comparison.units
    return Result(
        comparison.name, statistics.median(ours) * scale, statistics.median(theirs) * scale, comparison.budget
    )
