"""The kinds of values in expressions: which operators go together, and who computes them.

The engine computes on bool, int, float, text and inline times. Decimals, aware datetimes and objects it can compare by
a key or only hold; arithmetic on them is Python's (host.py), as are comparisons between kinds that Python can compare
and the engine cannot (an int and a Decimal)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from .aggregates import Aggregate
from .columns import Arithmetic, Column, Operand
from .errors import FieldError, show
from .errors import kind_of as type_name
from .fields import kind_of_class
from .moment import Moment
from .predicates import shown
from .scope import computes, field_of

if TYPE_CHECKING:
    from . import _engine
    from .computed import Computed
    from .definition import FieldInfo

NUMBERS = frozenset({"int", "float", "Decimal"})
SUMMABLE = frozenset({"int", "float", "Decimal", "timedelta"})


@dataclass(slots=True, eq=False)
class Kind:
    """The kind of a value. name: as of a field. arg: what makes it this one (the enum, "naive" or "aware"; None for a
    moment that adapts). field: the engine's field by which it is converted, if it has one; key: how an object becomes
    its key. loose: Python alone compares and sorts the values, which getters compute; rank: by what, if not by
    themselves."""

    name: str
    arg: Any = None
    field: _engine.Field | None = None
    key: Callable[[Any], Any] | None = None
    loose: bool = False
    rank: Callable[[Any], Any] | None = None

    @property
    def plain(self) -> str:
        """What the engine calls this kind of a value without a field."""
        return "datetime_aware" if self.name == "datetime" and self.arg == "aware" else self.name

    @property
    def in_python(self) -> bool:
        """Whether arithmetic on it is Python's."""
        return self.name == "Decimal" or (self.name == "datetime" and self.arg == "aware")


def of_field(info: FieldInfo | Computed) -> Kind:
    """The kind of a stored field, or of a getter: the same object each time."""
    if info.computed is True:
        return info.value_kind
    field = info.engine
    kind: Kind | None = info.value_kind
    if kind is None or kind.field is not field:
        key = info.declaration.key if info.kind == "object" else None
        kind = info.value_kind = Kind(info.kind, field.arg, field, key)
    return kind


def of_constant(value: object) -> Kind:
    """The kind of a constant that stands in arithmetic."""
    if isinstance(value, Moment):
        return Kind("datetime")
    if isinstance(value, datetime):
        return Kind("datetime", "naive" if value.tzinfo is None else "aware")
    if isinstance(value, Enum):
        return Kind("Enum", type(value))
    for base in type(value).__mro__:
        known = kind_of_class(base)
        if known is not None:
            return Kind(known.name)
    return Kind("int") if hasattr(type(value), "__index__") else Kind("object")


def of_value(value: object) -> Kind:
    """The kind of an operand or constant. FieldError if its parts do not go together."""
    if isinstance(value, Column):
        return of_field(field_of(value))
    if isinstance(value, Arithmetic):
        return _of_arithmetic(value, of_value(value.left), of_value(value.right))
    if isinstance(value, Aggregate):
        return _of_aggregate(value)
    return of_constant(value)


# ---------------------------------------------------------------- arithmetic

_TIMES: dict[tuple[str, str, str], str] = {
    ("+", "datetime", "timedelta"): "datetime",
    ("+", "timedelta", "datetime"): "datetime",
    ("+", "date", "timedelta"): "date",
    ("+", "timedelta", "date"): "date",
    ("+", "timedelta", "timedelta"): "timedelta",
    ("-", "datetime", "timedelta"): "datetime",
    ("-", "datetime", "datetime"): "timedelta",
    ("-", "date", "timedelta"): "date",
    ("-", "date", "date"): "timedelta",
    ("-", "timedelta", "timedelta"): "timedelta",
    ("*", "timedelta", "int"): "timedelta",
    ("*", "timedelta", "float"): "timedelta",
    ("*", "int", "timedelta"): "timedelta",
    ("*", "float", "timedelta"): "timedelta",
    ("/", "timedelta", "int"): "timedelta",
    ("/", "timedelta", "float"): "timedelta",
    ("/", "timedelta", "timedelta"): "float",
}


def _result(op: str, left: str, right: str) -> str | None:
    both = {left, right}
    if both <= {"int", "float"}:
        return "float" if op == "/" or "float" in both else "int"
    if "Decimal" in both and both <= {"Decimal", "int"}:
        return "Decimal"
    return _TIMES.get((op, left, right))


def _of_arithmetic(node: Arithmetic, left: Kind, right: Kind) -> Kind:
    name = _result(node.op, left.name, right.name)
    if name is None or not _zones_agree(left, right):
        raise FieldError(
            f"{node!r}: {described(node.left, left)} and {described(node.right, right)} do not go together with "
            f"`{node.op}`; + - * / work on numbers of one family and on times"
        )
    if name != "datetime":
        return Kind(name)
    time_side = left if left.name == "datetime" else right
    return Kind("datetime", time_side.arg, time_side.field, loose=time_side.loose)


def _zones_agree(left: Kind, right: Kind) -> bool:
    if left.name != "datetime" or right.name != "datetime":
        return True
    return left.arg == right.arg or None in (left.arg, right.arg)


def computed_in_python(node: object) -> bool:
    """Whether Python has to compute a value, because the engine cannot."""
    if isinstance(node, Column):
        return computes(node)
    if isinstance(node, Arithmetic):
        sides = (node.left, node.right)
        return any(of_value(side).in_python or computed_in_python(side) for side in sides)
    if isinstance(node, Aggregate) and node.over is not None:
        kind = of_value(node.over)
        folded = kind.name == "Decimal" and node.op in ("sum", "avg")
        return folded or kind.name == "object" or computed_in_python(node.over)
    return False


# ---------------------------------------------------------------- aggregates


def _of_aggregate(node: Aggregate) -> Kind:
    if node.over is None:
        return Kind("int")
    kind = aggregated(node.op, node.over, of_value(node.over))
    return Kind("object", kind.arg, loose=True, rank=kind.key) if kind.name == "object" and not kind.loose else kind


def aggregated(op: str, operand: Operand, kind: Kind) -> Kind:
    """The kind of an aggregate of values of a kind. FieldError if there is no such aggregate."""
    if op in ("sum", "avg"):
        if kind.name not in SUMMABLE:
            raise FieldError(
                f"{op} works on int, float, Decimal and timedelta, and {described(operand, kind)}; "
                "count records by count(), compare texts and dates by min and max"
            )
        return Kind("float" if op == "avg" and kind.name == "int" else kind.name)
    if kind.name == "object" and kind.key is None and not kind.loose:
        raise FieldError(f"{op} needs an order: {described(operand, kind)}; declare field(key=...)")
    return kind


# ---------------------------------------------------------------- comparisons

Comparer = Literal["engine", "python"]


def comparer(op: str, left: Kind, right: Kind) -> Comparer | None:
    """Who compares two operands; None if nobody can."""
    names = {left.name, right.name}
    equality = op in ("==", "!=")
    if "object" in names:
        keyed = len(names) == 1 and left.key is not None and left.key is right.key
        return "engine" if keyed else "python" if equality else None
    if len(names) == 1:
        if left.name == "Enum":
            return "engine" if left.arg is right.arg else None
        if left.name == "Literal" and left.arg != right.arg:
            return "python" if equality else None
        return (
            "engine"
            if left.name not in ("datetime", "time") or left.arg == right.arg or not _fixed(left, right)
            else None
        )
    if names <= NUMBERS:
        return "python" if "Decimal" in names else "engine"
    return "python" if "Literal" in names and equality else None


def _fixed(left: Kind, right: Kind) -> bool:
    return left.arg is not None and right.arg is not None


def described(value: object, kind: Kind) -> str:
    """`Post.title is a str`, for messages."""
    if not isinstance(value, Operand):
        return f"{show(value)} is {_article(type_name(value))}"
    zone = f" ({kind.arg})" if kind.name in ("datetime", "time") and kind.arg else ""
    name = getattr(kind.arg, "__name__", "Enum") if kind.name == "Enum" else kind.name
    return f"{shown(value)} is {_article(name)}{zone}"


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"
