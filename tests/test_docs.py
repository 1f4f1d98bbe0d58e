"""Every Python block of README.md and docs/ runs, and the doctests of the package hold.

A block runs as pasted: in a process of its own, with databases of its own. Two marks may follow the language:

    ```python continues     this block goes on where the one before it ended
    ```python raises=Name   ends with this exception

A block in ```output right below a Python block is what that block prints, to the letter.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import sinew

ROOT = Path(__file__).parents[1]
PACKAGE = Path(sinew.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULES = sorted(
    ".".join(("sinew", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.glob("**/*.py")
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    code: str
    raises: str
    prints: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    fences = list(FENCE.finditer(text))
    found: list[Block] = []
    for index, fence in enumerate(fences):
        language, marks, code = fence.groups()
        if language != "python":
            continue
        follower = fences[index + 1] if index + 1 < len(fences) else None
        between = text[fence.end() : follower.start()] if follower else "-"
        prints = follower[3] if follower and follower[1] == "output" and not between.strip() else None
        raises = re.search(r"raises=(\w+)", marks)
        before = found[-1].code if "continues" in marks else ""
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(page, line, before + code, raises[1] if raises else "", prints))
    return found


ALL = [block for page in PAGES for block in blocks(page)]


def test_the_readme_has_a_program() -> None:
    assert [block for block in ALL if block.page.name == "README.md"]


@pytest.mark.parametrize("block", ALL, ids=str)
def test_the_block_runs_as_pasted(block: Block, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(block.code)
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)
    if block.raises:
        last = done.stderr.strip().splitlines()[-1] if done.stderr else "nothing was raised"
        assert re.match(rf"([\w.]+\.)?{block.raises}\b", last), done.stderr
    else:
        assert done.returncode == 0, done.stderr
    if block.prints is not None:
        assert done.stdout == block.prints


def test_every_make_target_that_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([\w-]+(?: [\w-]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    pages = [*PAGES, ROOT / "CONTRIBUTING.md"]
    named = {
        name for page in pages for name in re.findall(r"(?:^|`)make ([a-z][\w-]*)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= named
    assert named - known == set()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("module", MODULES)
def test_the_doctests_of_the_module_hold(module: str) -> None:
    assert importlib.util.find_spec(module)
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "run_doctests.py", module], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_has_doctests() -> None:
    assert sum(path.read_text().count(">>> ") for path in PACKAGE.glob("**/*.py")) > 20
