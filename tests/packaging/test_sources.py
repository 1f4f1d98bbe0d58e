"""The C sources: which file includes which, and what the finished library shows to the outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from sinew import _engine

CSRC = Path(__file__).parents[2] / "csrc"
ENGINE, BINDING = CSRC / "engine", CSRC / "binding"
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
LIBRARY = {
    *("assert.h", "limits.h", "math.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h"),
    *("stdlib.h", "string.h", "float.h"),
}


def includes(file: Path) -> tuple[list[Path], list[str]]:
    """The project's own files and the system's headers that a file includes."""
    found = INCLUDE.findall(file.read_text())
    return [(file.parent / own).resolve() for own, _ in found if own], [system for _, system in found if system]


def sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.[ch]"))


def test_there_are_sources() -> None:
    assert len(sources(ENGINE)) > 15 and len(sources(BINDING)) > 8


@pytest.mark.parametrize("file", sources(ENGINE), ids=lambda file: file.name)
def test_the_engine_knows_neither_python_nor_the_binding(file: Path) -> None:
    own, system = includes(file)
    assert {path.parent for path in own} <= {ENGINE.resolve()}
    assert set(system) <= LIBRARY, "the engine needs the C library only"


@pytest.mark.parametrize("file", sources(BINDING), ids=lambda file: file.name)
def test_the_binding_sees_one_header_of_the_engine(file: Path) -> None:
    own, _ = includes(file)
    assert {path for path in own if path.parent == ENGINE.resolve()} <= {ENGINE.resolve() / "sn.h"}


def test_includes_are_headers_and_have_no_cycle() -> None:
    graph = {file.resolve(): includes(file)[0] for folder in (ENGINE, BINDING) for file in sources(folder)}
    assert all(target.exists() for targets in graph.values() for target in targets)
    assert {target.suffix for targets in graph.values() for target in targets} == {".h"}
    TopologicalSorter(graph).prepare()  # CycleError names the cycle


def test_only_the_init_function_is_exported() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed (Debian: binutils)")
    listed = subprocess.run([nm, "-D", "--defined-only", _engine.__file__], capture_output=True, text=True, check=True)
    names = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert {name for name in names if "asan" not in name and "gcov" not in name} == {"PyInit__engine"}
