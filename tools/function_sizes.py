"""How long the functions are, of C and of Python apart: count, median, ninth decile and the longest.

python tools/function_sizes.py [--longest 10] [--limit 75] [folder ...]

Lines are counted from the name (C) or from `def` (Python) to the end, docstrings left out. With --limit it fails when a
function is longer.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "csrc" / "engine", ROOT / "csrc" / "binding", ROOT / "python" / "sinew"]
# The name stands at the beginning of a line (.clang-format sees to it), the body between braces in the first column.
FUNCTION = re.compile(r"^(?P<name>[a-z_]\w*)\((?:[^;{}]*)\)\n\{\n(?P<body>.*?)^\}$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, order=True)
class Function:
    lines: int
    name: str
    file: Path
    line: int


def c_functions(file: Path) -> list[Function]:
    text = file.read_text()
    return [
        Function(match[0].count("\n") + 1, match["name"], file, text.count("\n", 0, match.start()) + 1)
        for match in FUNCTION.finditer(text)
    ]


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def python_functions(file: Path) -> list[Function]:
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            lines = lines_of(node) - (lines_of(node.body[0]) if documented else 0)
            found.append(Function(lines, node.name, file, node.lineno))
    return found


LANGUAGES = {"C": ("*.c", c_functions), "Python": ("*.py", python_functions)}


def report(language: str, functions: list[Function], longest: int) -> None:
    sizes = [each.lines for each in functions]
    ninth = quantiles(sizes, n=10)[8] if len(sizes) > 1 else sizes[0]
    print(f"{language}: {len(sizes)} functions, median {median(sizes):g}, 90% have at most {ninth:g} lines; longest:")
    for each in reversed(functions[-longest:] if longest else []):
        print(f"{each.lines:5}  {each.name}  {each.file.name}:{each.line}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=FOLDERS)
    parser.add_argument("--longest", type=int, default=10, metavar="N", help="how many of the longest to list")
    parser.add_argument("--limit", type=int, default=None, metavar="LINES", help="fail when a function has more lines")
    options = parser.parse_args()
    most = 0
    for language, (pattern, functions) in LANGUAGES.items():
        found = sorted(each for folder in options.folders for file in folder.glob(pattern) for each in functions(file))
        if found:
            report(language, found, options.longest)
            most = max(most, found[-1].lines)
    if not most:
        print("no functions found")
    return 1 if not most or (options.limit and most > options.limit) else 0


if __name__ == "__main__":
    sys.exit(main())
