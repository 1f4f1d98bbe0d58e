"""Writes csrc/engine/casefold.c, the table of simple case folding that `ilike` uses.

A character folds to its full case folding if that is one character, else to its lower case if that is one character,
else to itself. Run it with the newest supported Python, whose Unicode tables are the newest; the output is committed,
so building needs no Python.

    python tools/make_casefold.py > csrc/engine/casefold.c
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass

HEAD = """\
/*
 * casefold.c - Unicode {version} simple case folding as ranges. Made by tools/make_casefold.py; do not edit.
 *
 * A range {{first, last, delta, step}} folds first, first + step, ... last by adding delta. Ranges do not overlap and
 * are in order, so that a character is found by bisection.
 */
#include "match.h"

const sn__fold_range sn__fold_ranges[] = {{
"""
TAIL = """\
};

const size_t sn__fold_count = sizeof sn__fold_ranges / sizeof sn__fold_ranges[0];
"""


@dataclass
class Range:
    """Characters first, first + step, ... last that fold by adding delta."""

    first: int
    last: int
    delta: int
    step: int

    def take(self, code: int, delta: int) -> bool:
        """Grows by one character if it continues the range."""
        gap = code - self.last
        if delta != self.delta or gap not in (1, 2) or (self.last != self.first and gap != self.step):
            return False
        self.last, self.step = code, gap
        return True


def fold(code: int) -> int:
    """The simple folding of one character.

    >>> chr(fold(ord("A")))
    'a'
    """
    char = chr(code)
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return ord(folded)
    return code


def ranges() -> list[Range]:
    """All characters that fold to another one, in order."""
    found: list[Range] = []
    for code in range(sys.maxunicode + 1):
        delta = fold(code) - code
        if delta and not (found and found[-1].take(code, delta)):
            found.append(Range(code, code, delta, 1))
    return found


def main() -> None:
    """Prints the C file."""
    out = [HEAD.format(version=unicodedata.unidata_version)]
    out += [f"    {{0x{r.first:05x}, 0x{r.last:05x}, {r.delta}, {r.step}}},\n" for r in ranges()]
    sys.stdout.write("".join([*out, TAIL]))


if __name__ == "__main__":
    main()
