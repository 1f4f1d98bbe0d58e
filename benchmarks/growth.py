"""Memory for each post and time for each operation as the store grows: `python -m benchmarks.growth [--markdown]`.

Each size runs in a process of its own (growth_probe.py). Times are processor time of the one thread, medians of five:
other work on the machine counts less so. Caches are shared all the same, and figures to publish need a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .growth_probe import Figures

ROOT = Path(__file__).parents[1]
BYTES_PER_POST = 90.0
OF_HAND_WRITTEN = 0.4
BYTES_TO_RUN = 600  # for each post: the store, the texts, and every record held
LARGEST_BY_HAND = 1_000_000
SEQUENTIAL, RANDOM = 1.3, 5.0
IMPORT_MILLISECONDS, IMPORTS = 60.0, 20

# How many times as long an operation may take at the largest size. Loading is random work: parents come in random
# order, and each row ends in another list.
GROWTH = {
    "load a row": RANDOM,
    "iterate all, a row": SEQUENTIAL,
    "count a range, a row": SEQUENTIAL,
    "sum of a column, a row": SEQUENTIAL,
    "pluck numbers, a row": SEQUENTIAL,
    "order by a str and pluck, a row": RANDOM,
    "find a random id": RANDOM,
    "belongs_to of a random record": RANDOM,
    "len of a random has_many": RANDOM,
    "random has_many, a record not held": RANDOM,
    "random has_many, a record held": RANDOM,
    "set a field of a random record": RANDOM,
    "move a random child": RANDOM,
}

# What the interpreter does by itself when it makes that many objects, and grows too: judged is what is grown beyond it.
BESIDE = {"pluck numbers, a row": "list(range(n)), a number"}

# Nanoseconds that an operation may take at a size.
NANOSECONDS = {
    ("random has_many, a record not held", 10_000_000): 100.0,
    ("random has_many, a record held", 10_000_000): 80.0,
}


@dataclass(frozen=True)
class Line:
    """One line of the table: a figure for each size, and whether what is judged meets its budget."""

    name: str
    figures: list[str]
    judged: str = ""
    budget: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        verdict = "" if self.met is None else "met" if self.met else "NOT MET"
        return [self.name, *self.figures, self.judged, self.budget, verdict]


# ---------------------------------------------------------------- running


def available() -> int:
    """Bytes of memory that are free to take, or 0 where the system does not say."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def probe(side: str, posts: int) -> Figures:
    """Runs one side at one size in a process of its own. CalledProcessError if it fails."""
    command = [sys.executable, "-m", "benchmarks.growth_probe", side, str(posts)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


def processor_time(code: str) -> float:
    """Milliseconds that an interpreter takes in all to run the code, modules compiled before."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(ROOT / ".build" / "pycache")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1e3


def import_time() -> float:
    """Milliseconds that `import sinew` takes beyond a bare interpreter. In turn; the first round fills the caches."""
    bare, ours = [], []
    for _ in range(IMPORTS + 1):
        bare.append(processor_time("pass"))
        ours.append(processor_time("import sinew"))
    return statistics.median(ours[1:]) - statistics.median(bare[1:])


def run(sizes: Sequence[int]) -> tuple[list[Figures], list[Figures]]:
    """Our figures and the hand-written side's, smallest first. What does not fit into memory is left out by name."""
    ours, theirs = [], []
    for posts in sorted(sizes):
        if available() < posts * BYTES_TO_RUN:
            print(f"left out: {posts:,} posts need {posts * BYTES_TO_RUN >> 20:,} MiB, free are {available() >> 20:,}")
            continue
        ours.append(probe("sinew", posts))
        if posts <= LARGEST_BY_HAND:
            theirs.append(probe("hand-written", posts))
    return ours, theirs


# ---------------------------------------------------------------- judging


def without_text(figures: Figures) -> float:
    """Bytes that the process gained for each post, its strings aside."""
    return (figures.resident_bytes - figures.text_bytes) / figures.posts


def memory(ours: Sequence[Figures], theirs: Sequence[Figures]) -> list[Line]:
    engine = [each.engine_bytes / each.posts for each in ours]
    plain = {each.posts: without_text(each) for each in theirs}
    shares = {each.posts: without_text(each) / plain[each.posts] for each in ours if each.posts in plain}
    worst, share = max(engine), max(shares.values())
    return [
        Line(
            "bytes per post, the engine's account",
            [f"{each:.1f}" for each in engine],
            f"{worst:.1f}",
            f"{BYTES_PER_POST:.0f}",
            worst <= BYTES_PER_POST,
        ),
        Line("bytes per post, resident, strings aside", [f"{without_text(each):.1f}" for each in ours]),
        Line(
            "the same, hand-written",
            [f"{plain[each.posts]:.1f}" if each.posts in plain else "" for each in ours],
            f"{share:.2f}",
            f"{OF_HAND_WRITTEN}",
            share <= OF_HAND_WRITTEN,
        ),
        Line("bytes per post of strings", [f"{each.text_bytes / each.posts:.1f}" for each in ours]),
        Line("resident at the peak of loading, MiB", [f"{each.peak_bytes / 2**20:.0f}" for each in ours]),
        Line("seconds to load", [f"{each.load_seconds:.2f}" for each in ours]),
    ]


def growth(ours: Sequence[Figures]) -> list[Line]:
    """Nanoseconds at each size, judged by how many times the smallest the largest takes."""

    def times(name: str) -> list[float]:
        return [each.times[name] for each in ours]

    def ratio(name: str) -> float:
        return times(name)[-1] / times(name)[0]

    lines = []
    for name, allowed in GROWTH.items():
        grown = ratio(name) / (ratio(BESIDE[name]) if name in BESIDE else 1.0)
        figures = [f"{each:.1f}" for each in times(name)]
        lines.append(Line(name, figures, f"{grown:.2f} x", f"{allowed} x", grown <= allowed))
    return lines + [Line(name, [f"{each:.1f}" for each in times(name)]) for name in BESIDE.values()]


def absolute(ours: Sequence[Figures]) -> list[Line]:
    """The budgets in nanoseconds, of the sizes that were run."""
    times = {(name, each.posts): value for each in ours for name, value in each.times.items()}
    return [
        Line(f"{name}, {posts:,} posts", [""] * len(ours), f"{times[name, posts]:.1f} ns", f"{allowed:g} ns", met)
        for (name, posts), allowed in NANOSECONDS.items()
        if (name, posts) in times
        for met in [times[name, posts] <= allowed]
    ]


def importing(columns: int) -> Line:
    time = import_time()
    budget = f"{IMPORT_MILLISECONDS:g} ms"
    return Line("import sinew", [""] * columns, f"{time:.1f} ms", budget, time <= IMPORT_MILLISECONDS)


# ---------------------------------------------------------------- printing


def aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]).rstrip() for row in rows
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000], metavar="POSTS")
    parser.add_argument("--markdown", action="store_true", help="the table as docs/performance.md has it")
    options = parser.parse_args(arguments)
    ours, theirs = run(options.sizes)
    if not ours or not theirs:
        raise SystemExit(f"nothing to compare: give at least one size up to {LARGEST_BY_HAND:,} that fits into memory")
    print(f"CPython {platform.python_version()}, {platform.machine()}; ns of processor time, medians of 5")
    head = ["", *(f"{each.posts:,}" for each in ours), "judged", "budget", ""]
    lines = [*memory(ours, theirs), *growth(ours), *absolute(ours), importing(len(ours))]
    rows = [head, *(line.cells() for line in lines)]
    print(markdown(rows) if options.markdown else aligned(rows))


if __name__ == "__main__":
    main()
