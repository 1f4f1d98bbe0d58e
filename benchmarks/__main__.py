"""Measures sinew against every library that is installed, then prints what was found. Times fail no run; differing
results do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .measure import Figure, Operation, measure
from .operations import OPERATIONS
from .peers import PEERS, load
from .peers.sinew import Sinew
from .report import Report, line
from .side import Side
from .workload import make

TAGS = 200


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("--quick", action="store_true", help="fewer rows and rounds: about a minute")
    made.add_argument("--posts", type=int, metavar="N", help="so many posts (100,000; quick: 10,000)")
    made.add_argument("--visits", type=int, metavar="N", help="rows to group (1,000,000; quick: 100,000)")
    made.add_argument("--rounds", type=int, metavar="N", help="so many runs of each (at least 5; quick: at least 3)")
    made.add_argument("--only", default="", metavar="WORD", help="operations with this word in their name or title")
    made.add_argument("--peers", type=peers, default=PEERS, metavar="A,B", help=f"some of {', '.join(PEERS)}")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    made.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the tables here, between marks if it has any"
    )
    return made


def peers(names: str) -> list[str]:
    found = names.split(",")
    unknown = set(found) - set(PEERS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return found


@dataclass(frozen=True)
class Care:
    """How much of it: rounds and seconds as in `measure`."""

    quick: bool
    rounds: int
    seconds: float

    def takes(self, operation: Operation, theirs: Side) -> bool:
        wanted = not self.quick or not operation.slow or any(theirs.name == each.peer for each in operation.budgets)
        return wanted and theirs.can(operation.verb)


def against(theirs: Side, ours: Side, operations: list[Operation], care: Care) -> list[Figure]:
    """What both sides can do, measured, each figure printed when it is known."""
    print(f"\nsinew and {theirs.name}, ns for each", flush=True)
    figures = []
    for operation in operations:
        if care.takes(operation, theirs):
            figures.append(measure(operation, ours, theirs, care.rounds, care.seconds))
            print(line(operation, figures[-1]), flush=True)
    theirs.close()
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    posts = options.posts or (10_000 if options.quick else 100_000)
    visits = options.visits or (100_000 if options.quick else 1_000_000)
    care = Care(options.quick, *((options.rounds, 0) if options.rounds else (3, 0.02) if options.quick else (5, 0.3)))
    workload = make(posts, tags=TAGS, visits=visits, folders=max(10, posts // 10))
    operations = [each for each in OPERATIONS if options.only in each.name or options.only in each.title]
    report = Report(workload, operations)
    ours = Sinew(workload)
    for peer in options.peers:
        try:
            side = load(peer)
        except ModuleNotFoundError as error:
            report.skipped.append(f"{peer} ({error})")
            continue
        report.names.append(side.name)
        report.figures += against(side(workload), ours, operations, care)
    print("\n" + report.text())
    if options.json:
        options.json.write_text(report.json())
    if options.markdown:
        page = options.markdown.read_text() if options.markdown.exists() else ""
        options.markdown.write_text(report.into(page))


if __name__ == "__main__":
    main()
