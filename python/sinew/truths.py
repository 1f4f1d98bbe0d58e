"""Comparisons in Python, with the engine's logic: two-valued, and a comparison with a missing value is False, `!=`
being the complement of `==`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import InvalidOperation
from typing import Any


def columnwise(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The function over columns: of the values of each row."""
    return lambda *columns: list(map(function, *columns))


def is_none(value: Any) -> bool:
    return value is None


def _equal(left: Any, right: Any) -> bool:
    return left is not None and right is not None and bool(left == right)


def _differ(left: Any, right: Any) -> bool:
    return not _equal(left, right)


def membership(members: tuple[Any, ...]) -> Callable[[Any], bool]:
    return lambda value: any(bool(value == member) for member in members)


def _ordered(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        try:
            return bool(test(left, right))
        except InvalidOperation:  # a Decimal that is not a number
            return False

    return compare


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": _differ,
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
}
