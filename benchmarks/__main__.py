"""Prints a table: operation, ours, hand-written, ratio, budget, met or not. Times fail no run; differing results do."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from pathlib import Path

from .measure import Result, measure
from .operations import Sides, comparisons
from .workload import make


def row(result: Result) -> str:
    verdict = "met" if result.met else "NOT MET"
    figures = f"{result.ours:10.1f} {result.theirs:10.1f} {result.ratio:8.3f} {result.budget:8.3f}"
    return f"{result.name:40} {figures}  {verdict}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer records: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    posts = 20_000 if options.quick else 100_000
    print(f"{posts} posts, CPython {platform.python_version()}, {platform.machine()}; ns per operation, medians of 5")
    print(f"{'operation':40} {'sinew':>10} {'by hand':>10} {'ratio':>8} {'budget':>8}")
    results = []
    for comparison in comparisons(Sides(make(posts))):
        results.append(measure(comparison))
        print(row(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([result.as_dict() for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
