"""The examples print what is written down beside them. (The demo has a test of its own: test_stdlib_example.py.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_blog_prints_its_walk() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", EXAMPLES / "blog.py"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EXAMPLES / "blog.txt").read_text(encoding="utf-8")


def test_the_readme_shows_that_walk() -> None:
    walk = (EXAMPLES / "blog.txt").read_text(encoding="utf-8").strip("\n")
    assert walk in (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
