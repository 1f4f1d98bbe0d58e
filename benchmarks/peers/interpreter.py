"""Python alone: what an import is measured over."""

from __future__ import annotations

from ..side import Side


class Interpreter(Side):
    name = "bare interpreter"
    imports = "pass"


SIDE = Interpreter
