"""The plugin that looks for leaks finds those of Python, of the engine, and of classes; and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sinew

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
from sinew import Attr, Database, Model

kept = []


def test_objects():
    kept.extend(object() for _ in range(3))


def test_stores():
    kept.append(Database().store)


def test_classes():
    class Kept(Model, db=Database()):
        pass

    kept.append(Kept)


def test_nothing():
    class Gone(Model, db=Database()):
        title: Attr[str]

    assert [Gone(title=str(n)) for n in range(100)]
"""


def test_leaks_are_found(tmp_path: Path) -> None:
    (tmp_path / "test_program.py").write_text(PROGRAM)
    folders = [str(Path(sinew.__file__).resolve().parent.parent), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tools.leaks", "test_program.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONMALLOC": "default"},  # which counts its blocks
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line.partition(" leaks: ") for line in done.stdout.splitlines() if line.startswith("test_program.py::")]
    found = {test.partition("::")[2]: what for test, _, what in told}
    assert set(found) == {"test_objects", "test_stores", "test_classes"}, done.stdout + done.stderr
    assert "blocks" in found["test_objects"] and "engine" not in found["test_objects"]
    assert "engine bytes" in found["test_stores"] and "classes" not in found["test_stores"]
    assert "classes" in found["test_classes"]
    assert "3 failed, 1 passed" in done.stdout
