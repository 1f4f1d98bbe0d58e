"""What users get: the sdist holds all that a build needs, the wheel all that a program and its type checker need."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import sinew

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROGRAM = """
from sinew import Attr, HasMany, BelongsTo, Model, belongs_to, has_many
import sinew, sys
class Author(Model):
    name: Attr[str]
    posts: HasMany["Post"] = has_many(inverse=lambda: Post.author)
class Post(Model):
    author: BelongsTo[Author] = belongs_to()
ann = Author(name="Ann")
Post(author=ann)
assert len(ann.posts) == 1 and sinew.__file__.startswith(sys.argv[1]), sinew.__file__
"""


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    environment = {**os.environ, "CFLAGS": "-O0", **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", out, ROOT)
    (archive,) = out.iterdir()
    return archive


def test_one_version() -> None:
    assert PROJECT["version"] == sinew.__version__
    assert f"## {sinew.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_is_needed_at_run_time() -> None:
    assert PROJECT["dependencies"] == []


def test_the_sdist_has_sources_headers_and_tests(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {
        str(path.relative_to(ROOT))
        for pattern in (
            "csrc/*/*.[ch]",
            "python/sinew/**/*.py*",
            "tests/**/*.py",
            "tests/engine/**/*.[ch]",
            "examples/*",
        )
        for path in ROOT.glob(pattern)
        if path.is_file() and path.suffix != ".pyc"
    }
    assert len([name for name in wanted if name.endswith(".h")]) > 6
    assert wanted - names == set()
    assert {"LICENSE", "README.md", "Makefile", "setup.py", "pyproject.toml"} <= names
    assert [name for name in names if name.endswith((".so", ".o", ".pyc"))] == []


@pytest.mark.slow
def test_the_sdist_builds_a_wheel_that_works(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    out, site = tmp_path / "wheel", tmp_path / "site"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert {"sinew/py.typed", "sinew/__init__.pyi", "sinew/_engine.pyi"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"sinew", f"sinew-{sinew.__version__}.dist-info"}
    assert [name for name in names if name.endswith((".c", ".h"))] == []
    run(sys.executable, "-c", PROGRAM, str(site), cwd=tmp_path, PYTHONPATH=str(site))
