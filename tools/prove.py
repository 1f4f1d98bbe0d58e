"""Runs every proof that the project has and writes what came out as a table into docs/proof.md.

python tools/prove.py [--jobs n] [name ...]     only the named proofs: their rows are written anew

Run by `make prove`, which installs and builds what is needed. Proofs run side by side, as many as there are
processors, those first that took longest the last time; those that time something run alone, at the end. Takes about
three hours on two processors. Each writes its row when it has come to its end. What stands in docs/proof.md outside the
marks of the table is written by hand and stays.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "proof.md"
MARKS = ("<!-- written by make prove -->\n", "<!-- to here -->\n")
LOGS = ROOT / ".build" / "prove"
UNKNOWN = 1_000_000  # seconds: what has never been run may take long
WRITING = Lock()
LONG_RUN = {"SINEW_EXAMPLES": "150", "SINEW_STEPS": "80"}


@dataclass(frozen=True)
class Proof:
    """`alone`: it measures times, or writes what others read."""

    name: str
    shows: str
    command: str
    environment: dict[str, str] | None = None
    alone: bool = False


@dataclass(frozen=True)
class Outcome:
    proof: Proof
    passed: bool
    seconds: float
    summary: str


PROOFS = [
    Proof(
        "engine",
        "every allocation refused in turn: invariants hold, nothing changed; tiny limits",
        "make engine-tests",
        {"BUILD": "../../.build/prove/engine"},
    ),
    Proof(
        "engine-sanitizers",
        "the same under the sanitizers",
        "make --no-print-directory -C tests/engine sanitize",
        {"BUILD": "../../.build/prove/sanitize"},
    ),
    Proof(
        "corpus",
        "the committed inputs of the fuzzer against a naive model in C",
        "make fuzz-replay",
        {"BUILD": "../../.build/prove/corpus"},
    ),
    Proof(
        "fuzz",
        "libFuzzer from that corpus on",
        "make fuzz",
        {"BUILD": "../../.build/prove/fuzz", "FUZZ_SECONDS": "300"},
    ),
    Proof("suite", "the whole test suite", "make test"),
    Proof("lint", "formatting, warnings as errors, mypy --strict", "make lint"),
    Proof("analyze", "gcc -fanalyzer, cppcheck and clang-tidy find nothing in csrc", "make analyze"),
    Proof("types", "pyright itself beside mypy and basedpyright", "make pyright test ARGS=tests/typing"),
    Proof("debug", "asserts on, the whole store walked after each statement", "make debug"),
    Proof("tiny", "the same with the smallest capacities everywhere", "make tiny"),
    Proof("sanitizers", "addresses and undefined behaviour", "make asan"),
    Proof("stateful", "long random programs against a naive oracle", "make test ARGS=tests/stateful", LONG_RUN),
    Proof(
        "stateful-debug",
        "the same, the whole store walked after each statement",
        "make debug ARGS=tests/stateful",
        LONG_RUN,
    ),
    Proof("sweep", "each allocation refused under every public operation: nothing changed", "make sweep"),
    Proof("leaks", "each test over and over: nothing is left behind", "make leaks"),
    Proof("pydebug", "asserts of CPython; references counted over each test", "make pydebug"),
    Proof("valgrind", "no uninitialised read, no invalid access", "make valgrind"),
    Proof("coverage", "lines and branches of csrc that the suite, the C tests and the corpus reach", "make coverage"),
    Proof("interpreters", "sdist, build, install, suite on each Python here", "python tools/interpreters.py"),
    Proof("benchmarks", "both sides of each pair give equal results", "make bench ARGS=--quick", alone=True),
    Proof("demo", "the standard library, read and questioned", "make demo"),
]


# Lines that say how much was run; of each output the last one counts, else its last line.
TELLING = re.compile(r"\d+ passed|^(lines|branches): |^Done \d+ runs|operations|bodies")


def summary(output: str) -> str:
    """The line of an output that says most; of a coverage report both; of C tests their sum."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip(" =") for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("make")]
    telling = [line for line in lines if TELLING.search(line)]
    covered = [line for line in telling if line.startswith(("lines: ", "branches: "))]
    checks = [int(line.split()[2]) for line in lines if re.fullmatch(r"ok \w+ \d+", line)]
    if checks and not telling:
        return f"{len(checks)} programs, {sum(checks):,} checks"
    return "; ".join(covered[-2:] or telling[-1:] or lines[-1:])[:110].replace("|", "/")


def run(proof: Proof) -> Outcome:
    started = time.perf_counter()
    command = proof.command.replace("python ", f"{sys.executable} ", 1)
    done = subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env=os.environ | (proof.environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = Outcome(proof, done.returncode == 0, time.perf_counter() - started, summary(done.stderr + done.stdout))
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{proof.name}.log").write_text(done.stdout + done.stderr)
    verdict = "passed" if outcome.passed else "FAILED"
    print(f"{proof.name}: {proof.command}\n    {verdict} in {outcome.seconds:.0f} s: {outcome.summary}", flush=True)
    write(outcome)
    return outcome


def run_all(proofs: Iterable[Proof], jobs: int) -> list[Outcome]:
    """Those that may share the machine first, the longest of them foremost, then the others one by one; in the order
    given."""
    proofs, took = list(proofs), last_seconds()
    together = sorted((each for each in proofs if not each.alone), key=lambda each: -took.get(each.name, UNKNOWN))
    with ThreadPoolExecutor(jobs) as pool:
        shared = dict(zip([each.name for each in together], pool.map(run, together), strict=True))
    return [run(each) if each.alone else shared[each.name] for each in proofs]


def last_rows() -> dict[str, str]:
    """The rows of the table as it stands, by name."""
    table = PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0]
    return {line.split("|")[1].strip(): line for line in table.splitlines(keepends=True) if line.startswith("| ")}


def last_seconds() -> dict[str, int]:
    """How long each proof of that table took."""
    found = {name: line.rstrip().rstrip("|").rpartition("|")[2].strip() for name, line in last_rows().items()}
    return {name: int(seconds) for name, seconds in found.items() if seconds.isdigit()}


def row(outcome: Outcome) -> str:
    verdict = "passed" if outcome.passed else "**failed**"
    proof = outcome.proof
    return (
        f"| {proof.name} | {proof.shows} | `{proof.command.replace('|', '/')}` | {verdict}: {outcome.summary} "
        f"| {outcome.seconds:.0f} |\n"
    )


def table(rows: Iterable[str]) -> str:
    head = (
        f"{date.today()}: {platform.python_implementation()} {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} processors, {os.cpu_count()} proofs at a time.\n\n"
        "| proof | shows | command | outcome | seconds |\n|---|---|---|---|---|\n"
    )
    return head + "".join(rows)


def write(outcome: Outcome) -> None:
    """Puts its row between the marks; those of other proofs stay as they are."""
    with WRITING:
        before, rest = PAGE.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        rows = last_rows() | {outcome.proof.name: row(outcome)}
        listed = [rows[proof.name] for proof in PROOFS if proof.name in rows]
        PAGE.write_text(before + MARKS[0] + table(listed) + MARKS[1] + after)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(proof.name for proof in PROOFS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="proofs at a time")
    options = parser.parse_args()
    unknown = set(options.names) - {proof.name for proof in PROOFS}
    if unknown:
        parser.error(f"no proof is called {', '.join(sorted(unknown))}")
    outcomes = run_all((proof for proof in PROOFS if not options.names or proof.name in options.names), options.jobs)
    print(f"{PAGE.relative_to(ROOT)} has the table")
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
