"""Comparisons in Python, with the engine's logic: two-valued, and a comparison with a missing value is False, `!=`
being the complement of `==`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import InvalidOperation
from typing import TYPE_CHECKING, Any

from .errors import FieldError, kind_of, show
from .fields import KINDS, kind_of_class

if TYPE_CHECKING:
    from .columns import Operand
    from .kinds import Kind


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


# ---------------------------------------------------------------- what getters give


def fitting(node: Operand, kind: Kind) -> Callable[[list[Any]], list[Any]]:
    """The values of a getter as the engine takes them: those of the kind that its function is annotated with."""
    known, convert = KINDS[kind.name], kind.field.convert if kind.field is not None else None

    def fit(value: Any) -> Any:
        if value is None or convert is None:
            return value
        try:
            return convert(int(value) if known.type is int and isinstance(value, bool) else value)
        except FieldError:
            raise FieldError(
                f"{node!r} is annotated to give {kind.name}, and gave {show(value)} ({kind_of(value)}); correct the "
                "annotation or the function"
            ) from None

    def over(values: list[Any]) -> list[Any]:
        exact = all(cls is type(None) or kind_of_class(cls) is known for cls in set(map(type, values)))
        return list(values) if exact else list(map(fit, values))

    return over


def loosely(function: Callable[..., list[bool]], text: str) -> Callable[..., list[bool]]:
    """A comparison of columns whose values may not go together. text: what was asked."""

    def over(*columns: list[Any]) -> list[bool]:
        try:
            return function(*columns)
        except (TypeError, ValueError, KeyError) as error:
            raise FieldError(f"{text} cannot be compared: {_reason(error)}") from error

    return over


def ranked(test: Callable[[Any, Any], bool], rank: Callable[[Any], Any]) -> Callable[[Any, Any], bool]:
    """A comparison by the places of two values in a list of members, or by the keys of two objects."""
    return lambda left, right: test(None if left is None else rank(left), None if right is None else rank(right))


def by_time(test: Callable[[Any, Any], bool], naive: datetime, aware: datetime) -> Callable[[list[Any]], list[bool]]:
    """A comparison with a moment, which is naive or aware as the value beside it."""
    return lambda values: [test(each, naive if getattr(each, "tzinfo", None) is None else aware) for each in values]


def ranks(rank: Callable[[Any], Any] | None, text: str) -> Callable[[list[Any]], list[int | None]]:
    """For each value its place in the order of all, equal ones the same; by rank, or by the values' own `<`."""

    def over(values: list[Any]) -> list[int | None]:
        found: list[int | None] = [None] * len(values)
        try:
            keys: list[Any] = values if rank is None else [None if each is None else rank(each) for each in values]
            order = sorted((i for i, key in enumerate(keys) if key is not None), key=lambda i: keys[i])
            place = 0
            for before, i in zip([order[:1], *([each] for each in order)], order, strict=False):
                place += bool(keys[before[0]] < keys[i])
                found[i] = place
        except (TypeError, KeyError) as error:
            raise FieldError(f"{text} cannot be sorted by: {_reason(error)}") from error
        return found

    return over


def codes(text: str) -> Callable[[list[Any]], list[int | None]]:
    """A number for each value, the same for equal ones."""

    def over(values: list[Any]) -> list[int | None]:
        numbers: dict[Any, int] = {}
        try:
            return [None if each is None else numbers.setdefault(each, len(numbers)) for each in values]
        except TypeError as error:
            raise FieldError(f"{text} cannot be grouped by: {error}") from error

    return over


def _reason(error: Exception) -> str:
    return f"{error} is none of the members that it is annotated with" if isinstance(error, KeyError) else str(error)
