"""Runs every proof that the project has and writes what came out as a table to docs/proof.md.

python tools/prove.py [name ...]     only the named proofs (the table is written for a full run alone)

Run by `make prove`, which installs what is needed. Takes about half an hour on two cores.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "proof.md"
LOGS = ROOT / ".build" / "prove"
LONG_RUN = {"SINEW_EXAMPLES": "1000", "SINEW_STEPS": "80"}


@dataclass(frozen=True)
class Proof:
    name: str
    shows: str
    command: str
    environment: dict[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    proof: Proof
    passed: bool
    seconds: float
    summary: str


PROOFS = [
    Proof(
        "engine", "every allocation refused in turn: invariants hold, nothing changed; tiny limits", "make engine-tests"
    ),
    Proof("engine-sanitizers", "the same under the sanitizers", "make --no-print-directory -C tests/engine sanitize"),
    Proof("fuzz", "the committed corpus against a naive model in C", "make fuzz-replay"),
    Proof("suite", "the whole test suite", "make test"),
    Proof("lint", "formatting, warnings as errors, mypy --strict", "make lint"),
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
    Proof("coverage", "lines and branches of csrc that the suite, the C tests and the corpus reach", "make coverage"),
    Proof("interpreters", "sdist, build, install, suite on each Python here", "python tools/interpreters.py"),
    Proof("benchmarks", "both sides of each pair give equal results", "make bench ARGS=--quick"),
    Proof("demo", "the standard library, read and questioned", "make demo"),
]


def summary(output: str) -> str:
    """The line that says most: pytest's last, gcovr's lines, else the last one."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip(" =") for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\d+ passed|^lines: ", line)]
    return (telling or lines or [""])[-1][:110].replace("|", "/")


def run(proof: Proof) -> Outcome:
    print(f"{proof.name}: {proof.command}", flush=True)
    started = time.perf_counter()
    command = proof.command.replace("python ", f"{sys.executable} ", 1)
    done = subprocess.run(
        command.split(),
        cwd=ROOT,
        env=os.environ | (proof.environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = Outcome(proof, done.returncode == 0, time.perf_counter() - started, summary(done.stdout))
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{proof.name}.log").write_text(done.stdout + done.stderr)
    print(f"    {'passed' if outcome.passed else 'FAILED'} in {outcome.seconds:.0f} s: {outcome.summary}", flush=True)
    return outcome


def table(outcomes: list[Outcome]) -> str:
    head = (
        "# Proof\n\n"
        f"Written by `make prove` on {date.today()}: {platform.python_implementation()} {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} processors. What each proof is: [testing](testing.md).\n\n"
        "| proof | shows | command | outcome | seconds |\n|---|---|---|---|---|\n"
    )
    rows = [
        f"| {each.proof.name} | {each.proof.shows} | `{each.proof.command}` "
        f"| {'passed' if each.passed else '**failed**'}: {each.summary} | {each.seconds:.0f} |\n"
        for each in outcomes
    ]
    return head + "".join(rows)


def main(names: list[str]) -> int:
    unknown = set(names) - {proof.name for proof in PROOFS}
    if unknown:
        print(f"no proof is called {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PROOFS)}")
        return 2
    outcomes = [run(proof) for proof in PROOFS if not names or proof.name in names]
    if not names:
        PAGE.write_text(table(outcomes))
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0 if all(each.passed for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
