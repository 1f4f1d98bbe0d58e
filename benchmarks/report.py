"""What was measured: as tables for a terminal and for a page, and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import sinew

from .measure import Budget, Figure, Operation
from .workload import Workload

Row = tuple[str, ...]

BEGIN = "<!-- python -m benchmarks --markdown writes from here -->"
END = "<!-- to here -->"


def processor() -> str:
    """Its name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def duration(nanoseconds: float) -> str:
    """With three digits and a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{digits(nanoseconds / size)} {unit}"
    return f"{digits(nanoseconds)} ns"


def digits(value: float) -> str:
    """A number with about three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def line(operation: Operation, figure: Figure) -> str:
    """A figure on a line, for those who watch."""
    part = f"  (1 in {figure.part})" if figure.part > 1 else ""
    return f"  {operation.title:44} {figure.ours:14,.1f} {figure.theirs:16,.1f}  x {digits(figure.ratio)}{part}"


@dataclass(frozen=True)
class Verdict:
    """A budget and what became of it; `theirs` is nothing for a budget in nanoseconds."""

    operation: Operation
    budget: Budget
    ours: float
    theirs: float | None

    @property
    def value(self) -> float:
        """What must not be more than the budget's limit."""
        if self.theirs is None:
            return self.ours
        return self.ours - self.theirs if self.budget.extra else self.ours / self.theirs

    @property
    def met(self) -> bool:
        return self.value <= self.budget.limit

    def cells(self) -> Row:
        ratio = self.theirs is not None and not self.budget.extra
        value, limit = (digits(each) if ratio else duration(each) for each in (self.value, self.budget.limit))
        than = f"{'more than ' if self.budget.extra else ''}{self.budget.peer}" if self.budget.peer else "time"
        theirs = duration(self.theirs) if self.theirs is not None else ""
        verdict = "met" if self.met else "NOT MET"
        return self.operation.title, duration(self.ours), than, theirs, value, f"<= {limit}", verdict


@dataclass
class Report:
    """names: of the peers measured. skipped: those that could not be, and why."""

    workload: Workload
    operations: list[Operation]
    names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def figure(self, operation: Operation, peer: str) -> Figure | None:
        found = [each for each in self.figures if (each.operation, each.peer) == (operation.name, peer)]
        return found[0] if found else None

    def ours(self, operation: Operation) -> float | None:
        """The median over the runs beside each peer that did as much as any."""
        found = [each for each in self.figures if each.operation == operation.name]
        most = max((each.units for each in found), default=0)
        return statistics.median(each.ours for each in found if each.units == most) if found else None

    def verdicts(self) -> Iterator[Verdict]:
        """Of each budget whose operation, and whose peer, was measured."""
        for operation in self.operations:
            ours = self.ours(operation)
            for budget in operation.budgets:
                figure = self.figure(operation, budget.peer)
                if figure is not None:
                    yield Verdict(operation, budget, figure.ours, figure.theirs)
                elif ours is not None and not budget.peer:
                    yield Verdict(operation, budget, ours, None)

    # ------------------------------------------------------------ tables

    def setting(self) -> str:
        rows = self.workload
        return (
            f"{len(rows.posts):,} posts of {len(rows.authors):,} authors, {len(rows.taggings):,} taggings, "
            f"{len(rows.visits):,} rows to group, {len(rows.folders):,} folders; "
            f"sinew {sinew.__version__}, CPython {platform.python_version()}, "
            f"{os.cpu_count()} x {processor()}, {date.today().isoformat()}"
        )

    def budgets(self) -> list[Row]:
        head = ("operation", "sinew", "compared with", "its time", "value", "budget", "verdict")
        return [head, *(verdict.cells() for verdict in self.verdicts())]

    def peers(self) -> list[Row]:
        """Times of all; `*`: a part of the operation's units, as all of them take seconds."""
        shown = [name for name in self.names if any(each.peer == name for each in self.figures)]
        rows = [("operation", "sinew", *shown)]
        for operation in self.operations:
            ours = self.ours(operation)
            if ours is not None:
                figures = [self.figure(operation, name) for name in shown]
                rows.append((operation.title, duration(ours), *map(_cell, figures)))
        return rows

    def notes(self) -> list[str]:
        missed = [verdict.operation.title for verdict in self.verdicts() if not verdict.met]
        many = len(list(self.verdicts()))
        notes = [f"{many - len(missed)} of {many} budgets met" + (f"; NOT MET: {'; '.join(missed)}" if missed else "")]
        if any(figure.part > 1 for figure in self.figures):
            notes.append("*: fewer units, as all of them take seconds (sinew was measured beside it on as many)")
        return notes + [f"skipped, not installed: {each}" for each in self.skipped]

    def text(self) -> str:
        tables = [_aligned(self.budgets()), _aligned(self.peers())]
        return "\n\n".join([self.setting(), *tables, "\n".join(self.notes())])

    def markdown(self) -> str:
        tables = [_piped(self.budgets()), _piped(self.peers())]
        return "\n\n".join([self.setting() + ".", *tables, *(f"{note}." for note in self.notes())]) + "\n"

    def into(self, page: str) -> str:
        """The page with the tables between its marks; the tables alone if it has none."""
        before, begin, rest = page.partition(BEGIN)
        _, end, after = rest.partition(END)
        return f"{before}{begin}\n\n{self.markdown()}\n{end}{after}" if end else self.markdown()

    def json(self) -> str:
        figures: list[dict[str, Any]] = [asdict(figure) | {"ratio": figure.ratio} for figure in self.figures]
        budgets = [
            {"operation": each.operation.name, **asdict(each.budget), "value": each.value, "met": each.met}
            for each in self.verdicts()
        ]
        found = {"setting": self.setting(), "figures": figures, "budgets": budgets, "skipped": self.skipped}
        return json.dumps(found, indent=2) + "\n"


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else duration(figure.theirs) + ("*" if figure.part > 1 else "")


def _aligned(rows: Sequence[Row]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *listed[1:]]) for row, listed in zip(rows, cells, strict=True))


def _piped(rows: Sequence[Row]) -> str:
    rule = ("---",) * len(rows[0])
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))
