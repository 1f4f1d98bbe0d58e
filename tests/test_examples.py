"""The examples print what is written down beside them. (What they answer is checked in tests/examples, and the
demo in test_stdlib_example.py.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
WALKS = sorted(EXAMPLES.glob("*.txt"))


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.stem)
def test_the_example_prints_its_walk(walk: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", walk.with_suffix(".py")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == walk.read_text(encoding="utf-8")


def test_every_example_but_the_demo_has_a_walk() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {walk.stem for walk in WALKS} | {"stdlib"}


def test_the_readme_shows_the_walk_of_the_blog() -> None:
    walk = (EXAMPLES / "blog.txt").read_text(encoding="utf-8").strip("\n")
    assert walk in (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
