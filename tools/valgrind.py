"""Runs a Python program under valgrind and fails if memory of ours is misused.

    python tools/valgrind.py interpreter arguments...      (`make valgrind`)

CPython itself reads what it has not written in places (its suppression file knows some of them), so an error counts if
a function of the extension is on its stack. Leaks are what tools/leaks.py looks for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

SUPPRESSIONS = Path("/usr/lib/valgrind/python3.supp")
OURS = "/sinew/_engine."
OPTIONS = ["--tool=memcheck", "--num-callers=40", "--xml=yes"]


def run(command: list[str], report: Path) -> int:
    known = [f"--suppressions={SUPPRESSIONS}"] if SUPPRESSIONS.exists() else []
    environment = os.environ | {"PYTHONMALLOC": "malloc"}  # or blocks within Python's arenas are not told apart
    return subprocess.run(
        ["valgrind", *OPTIONS, *known, f"--xml-file={report}", *command], env=environment, check=False
    ).returncode


def errors(report: Path) -> Iterator[ElementTree.Element]:
    """Those with a function of the extension on a stack. Leaks are not among them: where it writes XML, valgrind looks
    for some whatever it is told, and takes objects of the collector for lost, as pointers lead behind their head."""
    for _, element in ElementTree.iterparse(report):
        misused = element.tag == "error" and not (element.findtext("kind") or "").startswith("Leak_")
        if misused and any(OURS in (each.text or "") for each in element.iter("obj")):
            yield element


def shown(error: ElementTree.Element) -> str:
    what = error.findtext("what") or error.findtext("xwhat/text") or error.findtext("kind") or "?"
    return "\n".join([what, *(f"    {place(frame)}" for frame in list(error.iter("frame"))[:20])])


def place(frame: ElementTree.Element) -> str:
    file, line = frame.findtext("file") or frame.findtext("obj"), frame.findtext("line")
    return f"{frame.findtext('fn') or '?'} ({file}:{line})"


def main(command: list[str]) -> int:
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: apt-get install valgrind")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status = run(command, report)
        found = list(errors(report))
    for error in found:
        print(shown(error))
    print(f"valgrind: {len(found)} errors with the extension on their stack")
    return 1 if found else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
