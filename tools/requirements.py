"""Prints the requirements of the named extras of pyproject.toml, one to a line: for `pip install`."""

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirements(extras: list[str]) -> list[str]:
    declared: dict[str, list[str]] = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    return [requirement for extra in extras for requirement in declared[extra]]


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
