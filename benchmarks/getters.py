"""Getters beside `functools.cached_property`, a cache that setters clear by hand, and reaktiv.

Measured as the other operations are (measure.py). What a getter costs by itself is measured over another copy of ours,
which does all but that: the writes alone, the same models without getters, getters whose values are not kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from .getters_sides import ALONE, BARE, PROPERTY, SIDES, Sinew, make
from .measure import Budget, Figure, Operation, measure
from .report import Report, line
from .side import Side
from .workload import Workload

Inputs = Callable[[Side], Sequence[Any]]
VALUES = 1_000_000
LARGE = 99
"""Posts of an author whose getter makes a hundred reads: one of the collection, and one of each post's points."""
SMALL = 19


def some(side: Side) -> Sequence[Any]:
    """One post in a hundred."""
    return side.posts[::100] or side.posts


def every(side: Side) -> Sequence[Any]:
    return side.posts


def of(number: int) -> Inputs:
    """The authors of so many posts."""
    return lambda side: [author for author in side.authors if len(author.posts) == number]


def again(side: Side) -> Sequence[Any]:
    """One post a thousand times."""
    return side.posts[-1:] * 1_000


def beside(number: int) -> Inputs:
    """An author of so many posts a thousand times, or as often as there are posts of others, each with one of these."""

    def pairs(side: Side) -> Sequence[Any]:
        author = of(number)(side)[0]
        others = (post for post in side.posts if len(post.author.posts) not in (SMALL, LARGE))
        return [(author, other) for other in islice(others, 1_000)]

    return pairs


def wanted(side: Side) -> Sequence[str]:
    return [row[1] + ": " + row[2] for row in side.workload.posts[:1]]


def rows(workload: Workload) -> float:
    return len(workload.posts)


OPERATIONS = [
    Operation("hit", "read again, nothing written", some, (Budget(1.5, PROPERTY),)),
    Operation("after_column", "write another column, read again", again, (Budget(60, ALONE, extra=True),)),
    Operation("after_writes", "write another column of a thousand, then read each", some),
    Operation(
        "after_record",
        "write that column of another record, read again, 20 reads",
        beside(SMALL),
        (Budget(150, ALONE, extra=True),),
    ),
    Operation(
        "after_record_100",
        "the same, 100 reads",
        beside(LARGE),
        (Budget(150 + 80 * 3, ALONE, extra=True),),
        method="after_record",
    ),
    Operation("first", "compute for the first time, 2 reads", every, changes=True),
    Operation("invalidated", "write what it read, read again", some, changes=True),
    Operation("write", "write what no getter reads", some, (Budget(1.1, BARE),)),
    Operation("counts", "count_of again, 99 posts", of(LARGE)),
    Operation("sums", "sum_of again, 99 posts", of(LARGE)),
    Operation("delegates", "delegate again", some),
    Operation("filters", "filter by a getter, per row", wanted, scale=rows),
]


class GettersReport(Report):
    """The same tables, of other rows."""

    def setting(self) -> str:
        versions = super().setting().partition("; sinew ")[2]
        return f"{len(self.workload.posts):,} posts of {len(self.workload.authors):,} authors; sinew {versions}"


def against(theirs: Side, ours: Side, rounds: int, seconds: float) -> list[Figure]:
    """What both sides can do, measured, each figure printed when it is known."""
    print(f"\nsinew and {theirs.name}, ns for each", flush=True)
    figures = []
    for operation in OPERATIONS:
        if theirs.can(operation.verb):
            figures.append(measure(operation, ours, theirs, rounds, seconds))
            print(line(operation, figures[-1]), flush=True)
    theirs.close()
    return figures


def memory(values: int) -> list[tuple[int, float, float]]:
    """For getters of 1, 2 and 20 reads: bytes of a value by the engine's account, the value itself and all that came
    with it. Of the last kind a twentieth of the values, as each needs nineteen posts."""
    found = []
    for reads, many in ((1, values), (2, values), (SMALL + 1, values // 20)):
        side = Sinew(make(many if reads < SMALL else many * SMALL, {SMALL: many} if reads > SMALL else {}))
        side.ready("all", True)
        before = side.stats()
        name = side.keep(reads)
        after = side.stats()
        kept = after.getters[name]
        assert kept.values == many
        found.append((reads, kept.bytes / kept.values, (after.bytes - before.bytes) / kept.values))
        side.close()
    return found


def peers(chosen: Sequence[str]) -> tuple[list[type[Side]], list[str]]:
    """The sides to measure, and why others are skipped."""
    found, skipped = [], []
    for side in SIDES:
        try:
            if side.imports:
                import_module(side.imports.split()[-1])
        except ModuleNotFoundError as error:
            skipped.append(f"{side.name} ({error})")
        else:
            found += [side] if not chosen or side.name in chosen else []
    return found, skipped


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.getters", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer rounds")
    parser.add_argument("--posts", type=int, metavar="N", help="so many posts (100,000; quick: 10,000)")
    parser.add_argument("--values", type=int, metavar="N", help=f"so many kept values ({VALUES:,}; quick: a hundredth)")
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME", help="some of the sides, by their names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--markdown", action="store_true", help="the tables as docs/performance.md has them")
    options = parser.parse_args(arguments)
    posts = options.posts or (10_000 if options.quick else 100_000)
    workload = make(posts, {SMALL: posts // 100, LARGE: posts // 500})
    report = GettersReport(workload, OPERATIONS)
    sides, report.skipped = peers(options.peers)
    ours = Sinew(workload)
    for side in sides:
        report.names.append(side.name)
        report.figures += against(side(workload), ours, *((3, 0.02) if options.quick else (5, 0.3)))
    ours.close()
    print("\n" + (report.markdown() if options.markdown else report.text()))
    for reads, value, all_of_it in memory(options.values or VALUES // (100 if options.quick else 1)):
        print(f"a kept value of {reads} reads: {value:.1f} bytes, {all_of_it:.1f} with its place")
    if options.json:
        options.json.write_text(report.json())


if __name__ == "__main__":
    main()
