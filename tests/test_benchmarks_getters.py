"""The benchmarks of getters on a few rows: sides agree, each does what it is there for, what is absent is named."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import getters, getters_sides  # noqa: E402

pytestmark = pytest.mark.bulk

INSTALLED = [side for side in getters_sides.SIDES if not side.imports or importlib.util.find_spec(side.name)]
TINY = ["--quick", "--posts", "2000", "--values", "200"]


def run(*arguments: str, without: str = "") -> str:
    """What `python -m benchmarks.getters` prints; `without`: a module that cannot be imported."""
    program = "import runpy, sys; runpy.run_module('benchmarks.getters', run_name='__main__', alter_sys=True)"
    if without:
        program = f"import sys; sys.modules[{without!r}] = None\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", program, *TINY, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_side_is_measured_in_what_it_is_there_for(tmp_path: Path) -> None:
    printed = run("--json", f"{tmp_path}/figures.json")
    found = json.loads((tmp_path / "figures.json").read_text())
    measured = {(each["operation"], each["peer"]) for each in found["figures"]}
    assert measured == {
        (operation.name, side.name)
        for side in INSTALLED
        for operation in getters.OPERATIONS
        if operation.verb in side.does  # type: ignore[attr-defined]
    }
    assert len(found["budgets"]) == sum(len(operation.budgets) for operation in getters.OPERATIONS)
    assert "a kept value of 20 reads: 728.0 bytes" in printed


def test_a_library_that_is_not_installed_is_skipped_by_name() -> None:
    printed = run("--peers", "reaktiv", without="reaktiv")
    assert "skipped, not installed: reaktiv" in printed


def test_a_value_of_so_many_reads_takes_so_many_bytes() -> None:
    assert [(reads, value) for reads, value, _ in getters.memory(100)] == [(1, 120.0), (2, 152.0), (20, 728.0)]
