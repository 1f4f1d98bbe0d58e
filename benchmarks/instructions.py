"""Instructions per operation, counted by callgrind: `python -m benchmarks.instructions [--only WORDS] [--write]`.

Unlike times, counts hardly differ from run to run, also on a busy machine: they show a change of a few per cent.
Compares with benchmarks/instructions.json and exits 1 if an operation has become worse by more than the tolerance.
Counts of another interpreter, compiler or machine are printed beside the baseline, but not judged by it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sinew import _engine

from .instructions_probe import OPERATIONS, Operation

ROOT = Path(__file__).parents[1]
BASELINE = ROOT / "benchmarks" / "instructions.json"


@dataclass(frozen=True)
class Counts:
    """`made_by`: what the counts depend on besides us; `per_operation`: instructions."""

    made_by: Mapping[str, str]
    per_operation: Mapping[str, float]


@dataclass(frozen=True)
class Change:
    """One operation, in instructions; `before` is None when the baseline does not have it."""

    name: str
    before: float | None
    now: float

    @property
    def percent(self) -> float:
        return (self.now / self.before - 1) * 100 if self.before else 0.0

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name:40} {'-':>10} {self.now:10.1f}"
        return f"{self.name:40} {self.before:10.1f} {self.now:10.1f} {self.percent:+8.1f} %"


def compiler() -> str:
    """The compiler of the extension, as it signed it."""
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\w.+-]+", Path(_engine.__file__).read_bytes())
    return found.group().decode() if found else "unknown"


def made_by(valgrind: str) -> dict[str, str]:
    """What counts depend on besides sinew."""
    version = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    build = " ".join(platform.python_build())
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()} ({build})",
        "compiler": compiler(),
        "machine": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "valgrind": version,
    }


def environment() -> dict[str, str]:
    """Nothing of ours but where the package is: hashes, addresses and compiled sources are to be the same each time."""
    package = Path(_engine.__file__).parents[1]
    return {
        "PATH": os.defpath,
        "PYTHONPATH": f"{package}{os.pathsep}{ROOT}",
        "PYTHONHASHSEED": "0",
        "PYTHONPYCACHEPREFIX": str(ROOT / ".build" / "pycache"),
    }


def totals(folder: Path) -> dict[int, int]:
    """Instructions of each process that left a file in the folder, by its id."""
    counts = {}
    for path in folder.iterdir():
        text = path.read_text(errors="replace")
        pid, total = re.search(r"^pid: (\d+)", text, re.M), re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if pid and total:
            counts[int(pid[1])] = int(total[1])
    return counts


def per_operation(operation: Operation, counts: Sequence[int]) -> float:
    """From the counts of its three children (instructions_probe.py)."""
    first, second, third = counts
    return round((third - 2 * second + first) / (operation.times * operation.step), 1)


def count(valgrind: str, operations: Sequence[Operation]) -> dict[str, float]:
    """Runs the operations under callgrind. CalledProcessError, with what it printed, if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        tool = [valgrind, "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/%p"]
        probe = [sys.executable, "-m", "benchmarks.instructions_probe", json.dumps([each.name for each in operations])]
        done = subprocess.run(
            [*tool, *probe], env=environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        counts, pids = totals(Path(folder)), json.loads(done.stdout)
    return {each.name: per_operation(each, [counts[pid] for pid in pids[each.name]]) for each in operations}


def compare(baseline: Counts, now: Counts) -> list[Change]:
    return [Change(name, baseline.per_operation.get(name), value) for name, value in now.per_operation.items()]


def report(baseline: Counts, now: Counts, tolerance: float) -> bool:
    """Prints the changes. False if one is worse than `tolerance` per cent, on what the baseline was made with."""
    print(", ".join(now.made_by.values()))
    print(f"{'instructions per operation':40} {'baseline':>10} {'now':>10} {'change':>10}")
    changes = compare(baseline, now)
    for change in changes:
        print(change)
    if baseline.made_by != now.made_by:
        print(f"not judged: the baseline was made with {', '.join(baseline.made_by.values()) or 'nothing'}")
        return True
    worse = [change.name for change in changes if change.percent > tolerance]
    if worse:
        print(f"worse by more than {tolerance:g} %: {', '.join(worse)}")
    return not worse


def read(path: Path) -> Counts:
    return Counts(**json.loads(path.read_text())) if path.exists() else Counts({}, {})


def write(path: Path, baseline: Counts, now: Counts) -> None:
    """Puts the counts in place of the baseline's; its others stay if they are of the same interpreter and machine."""
    kept = baseline.per_operation if baseline.made_by == now.made_by else {}
    merged = {**kept, **now.per_operation}
    ordered = {each.name: merged[each.name] for each in OPERATIONS if each.name in merged}
    path.write_text(json.dumps(asdict(Counts(now.made_by, ordered)), indent=2) + "\n")


def chosen(words: Sequence[str]) -> list[Operation]:
    """The operations with one of the words in their names; all of them without words. SystemExit if there is none."""
    found = [each for each in OPERATIONS if not words or any(word in each.name for word in words)]
    if not found:
        raise SystemExit(f"no operation is called so; there are: {', '.join(each.name for each in OPERATIONS)}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="operations named so; repeatable")
    parser.add_argument("--write", action="store_true", help=f"make these counts the baseline, {BASELINE.name}")
    parser.add_argument("--tolerance", type=float, default=3.0, metavar="PERCENT", help="default: 3")
    options = parser.parse_args(arguments)
    operations = chosen(options.only)
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise SystemExit("valgrind is not installed, which counts the instructions: apt-get install valgrind")
    if _engine.DEBUG:
        raise SystemExit(f"{_engine.__file__} is a debug build; instructions are counted on a release build")
    baseline, now = read(BASELINE), Counts(made_by(valgrind), count(valgrind, operations))
    good = report(baseline, now, options.tolerance)
    if options.write:
        write(BASELINE, baseline, now)
    return 0 if good or options.write else 1


if __name__ == "__main__":
    sys.exit(main())
