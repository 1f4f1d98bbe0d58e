"""Runs the doctests of one module, each docstring in a forked process, so that none sees the models of another.

python tests/run_doctests.py sinew.query
"""

from __future__ import annotations

import doctest
import importlib
import os
import sys


def holds(test: doctest.DocTest) -> bool:
    """Runs one docstring's examples in a child process; prints what differs."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            failed = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed
            status = 1 if failed else 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def main(name: str) -> int:
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    sys.stdout.flush()
    broken = [test.name for test in tests if not holds(test)]
    print(f"{name}: {len(tests)} docstrings with examples, {len(broken)} do not hold {broken or ''}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
