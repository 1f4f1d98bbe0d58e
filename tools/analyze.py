"""Static analysis of csrc by gcc -fanalyzer, cppcheck and clang-tidy. What they find fails, and so does an absent tool.

python tools/analyze.py [gcc] [cppcheck] [clang-tidy]     all of them, or those named

They see the engine with its asserts on: an assert states what is proved, and an analyser that cannot prove it takes its
word. What clang-tidy asks, and why not more, is in .clang-tidy. The binding is spared what Python's macros trip: gcc's
analyser, and clang-tidy's checks but for bugprone and the analyser itself. A minute for the first two, minutes for the
third.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE, BINDING = ROOT / "csrc" / "engine", ROOT / "csrc" / "binding"
C11 = ["-std=c11", "-DSN_DEBUG"]
PYTHON_HEADERS = ["-isystem", sysconfig.get_path("include")]
# cppcheck does not read Python's headers: these of their macros change what is returned, or are no statement.
PYTHON_MACROS = ["-DPy_RETURN_NONE=return NULL", "-DPy_BEGIN_ALLOW_THREADS=", "-DPy_END_ALLOW_THREADS="]
FOR_BINDING = (
    "-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-sizeof-expression,"
    "clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling"
)


@dataclass(frozen=True)
class Tool:
    """An analyser: the Debian package that has it, the folders it looks at, and its command for one file."""

    name: str
    package: str
    folders: Sequence[Path]
    command: Callable[[Path], list[str]]


def gcc(file: Path) -> list[str]:
    return ["gcc", *C11, "-O1", "-fanalyzer", "-Werror", "-c", "-o", os.devnull, str(file)]


def clang_tidy(file: Path) -> list[str]:
    ours = file.parent == BINDING
    checks = [f"--checks={FOR_BINDING}"] if ours else []
    return ["clang-tidy", "--quiet", *checks, str(file), "--", *C11, *(PYTHON_HEADERS if ours else [])]


def cppcheck(file: Path) -> list[str]:
    asked = ["--enable=warning,performance,portability", "--inconclusive", "--error-exitcode=1", "--quiet", "--std=c11"]
    return ["cppcheck", *asked, "-DSN_DEBUG", *(PYTHON_MACROS if file.parent == BINDING else []), str(file)]


TOOLS = [
    Tool("gcc", "gcc", [ENGINE], gcc),
    Tool("cppcheck", "cppcheck", [ENGINE, BINDING], cppcheck),
    Tool("clang-tidy", "clang-tidy", [ENGINE, BINDING], clang_tidy),
]


def look(command: list[str]) -> str:
    """What the command has to say against its file; nothing if nothing."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def run(tool: Tool) -> bool:
    if shutil.which(tool.name) is None:
        print(f"{tool.name} is not installed: apt-get install {tool.package}")
        return False
    files = sorted(file for folder in tool.folders for file in folder.glob("*.c"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(look, map(tool.command, files)) if text]
    print("".join(findings), end="")
    print(f"{tool.name}: {len(files)} files, findings in {len(findings) or 'none'}", flush=True)
    return not findings


def main(names: list[str]) -> int:
    unknown = set(names) - {tool.name for tool in TOOLS}
    if unknown:
        print(f"no analyser is called {', '.join(sorted(unknown))}; there are {', '.join(tool.name for tool in TOOLS)}")
        return 2
    outcomes = [run(tool) for tool in TOOLS if not names or tool.name in names]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
