"""Without memory: the short sweep over every public operation (`make sweep` does the whole one), and that no public
name is forgotten."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sinew
from sinew import notyet

HERE = Path(__file__).resolve().parent
STUB = Path(sinew.__file__).with_name("__init__.pyi")
WHOLE = os.environ.get("SINEW_SWEEP") == "whole"

# The default database's transaction(), and what Moment has for type checkers only.
NO_OPERATION = {"transaction", "value"}


def environment() -> dict[str, str]:
    """Where this sinew is found; the order of sets is the same each time, so that a run can be repeated."""
    folders = [str(Path(sinew.__file__).resolve().parent.parent), str(HERE.parent)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": "0"}


def test_without_memory_nothing_changes() -> None:
    pytest.importorskip("_testcapi")
    command = [sys.executable, "-m", "memory.sweep", *(["--whole"] if WHOLE else [])]
    done = subprocess.run(
        command, cwd=HERE.parent, env=environment(), capture_output=True, text=True, check=False, timeout=3600
    )
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]
    if "nothing is swept here" in done.stdout:
        pytest.skip("this CPython loses references to code when a function cannot be made: nothing can be swept")
    assert ", 0 faults" in done.stdout


def public_verbs() -> set[str]:
    """The functions and the methods of the stub, but those that are not built yet."""
    tree = ast.parse(STUB.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not hasattr(notyet, node.name):
            found |= {each.name for each in node.body if isinstance(each, functions)}
    return {name for name in found if not name.startswith("_")}


def names_used(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} | {
        node.id for node in nodes if isinstance(node, ast.Name)
    }


def not_built() -> set[str]:
    """What raises `... is not built yet`."""
    found = set()
    for path in STUB.parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                called = {n.func for n in ast.walk(node) if isinstance(n, ast.Call)}
                names = {getattr(f, "attr", getattr(f, "id", "")) for f in called}
                if names & {"unbuilt", "_unbuilt"}:
                    found.add(node.name)
    return found


def test_every_public_verb_is_swept() -> None:
    used = names_used(HERE / "operations.py") | names_used(HERE / "world.py")
    assert public_verbs() - used - not_built() - NO_OPERATION == set()
