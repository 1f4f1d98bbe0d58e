"""How long the C functions are: count, median, ninth decile and the longest, in lines from name to closing brace.

python tools/function_sizes.py [--longest 10] [--limit 70] [folder ...]

With --limit it fails when a function is longer.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
# The name stands at the beginning of a line (.clang-format sees to it), the body between braces in the first column.
FUNCTION = re.compile(r"^(?P<name>[a-z_]\w*)\((?:[^;{}]*)\)\n\{\n(?P<body>.*?)^\}$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, order=True)
class Function:
    lines: int
    name: str
    file: Path
    line: int


def functions(file: Path) -> list[Function]:
    text = file.read_text()
    return [
        Function(match[0].count("\n") + 1, match["name"], file, text.count("\n", 0, match.start()) + 1)
        for match in FUNCTION.finditer(text)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "csrc" / "engine", ROOT / "csrc" / "binding"])
    parser.add_argument("--longest", type=int, default=10, metavar="N", help="how many of the longest to list")
    parser.add_argument("--limit", type=int, default=None, metavar="LINES", help="fail when a function has more lines")
    options = parser.parse_args()
    found = sorted(each for folder in options.folders for file in folder.glob("*.c") for each in functions(file))
    if len(found) < 2:
        print("no functions found")
        return 1
    sizes = [each.lines for each in found]
    print(f"{len(found)} functions: median {median(sizes):g}, 90% have at most {quantiles(sizes, n=10)[8]:g} lines")
    for each in reversed(found[-options.longest :]):
        print(f"{each.lines:5}  {each.name}  {each.file.name}:{each.line}")
    return 1 if options.limit and sizes[-1] > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
