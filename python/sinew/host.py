"""What Python computes for a query: Decimals, aware times, objects, and the functions that users give.

Values are computed a column at a time: the engine yields the columns of the parts, `map` runs the operator over them,
and what a plan needs goes back to it as a host slot. Missing values stay missing, and so does what a division by zero
would give."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, DivisionByZero, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from . import _engine, kinds
from .aggregates import Aggregate
from .columns import Arithmetic, Column, Operand
from .compile import Lowering, Slot
from .errors import FieldError, overflow
from .kinds import Kind
from .moment import Instant, Moment
from .predicates import shown
from .reach import over
from .scope import Frame, ends, locate

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition, Relation


@dataclass(slots=True, eq=False)
class Run:
    """One run of a query: its database and its time."""

    db: Database
    instant: Instant

    @property
    def time(self) -> int:
        """What the engine is told of the time."""
        return self.instant.time

    def lowering(self) -> Lowering:
        """A lowering that sees the time of this run."""
        return Lowering(self.db, self.instant)


def start(db: Database) -> Run:
    """A run, now."""
    return Run(db, Instant(db.store))


def fill(plan: _engine.Plan | _engine.Path, slots: Iterable[Slot], run: Run, left: _engine.Rows | None = None) -> None:
    """Computes the host slots of a plan or path: for all rows of their models, or for `left`, the only rows of its own
    that can be among what it finds."""
    found = None
    for slot in slots:
        found = found or _Found(run, left)
        rows = found.rows(slot)
        columns = [found.column(each, slot, rows) for each in slot.operands]
        plan.set_host(slot.number, slot.frame.definition.cls, rows, slot.function(*columns))


class _Found:
    """What slots are computed of: each value and each set of rows once."""

    def __init__(self, run: Run, left: _engine.Rows | None) -> None:
        self.run = run
        self.left = left
        self.sets: dict[tuple[Any, ...], _engine.Rows] = {}
        self.columns: dict[tuple[Any, ...], list[Any]] = {}

    def rows(self, slot: Slot) -> _engine.Rows:
        """The rows of which a slot speaks: of those that are left, or to which these lead; or all of their model."""
        if self.left is None or slot.way is None:
            return self._kept((slot.frame.definition.cls,), lambda: _engine.live_rows(slot.frame.definition.cls))
        rows = self.left
        for number, path in enumerate(slot.way, 1):
            key = tuple(map(id, slot.way[:number]))
            rows = self._kept(key, lambda path=path, rows=rows: each_once(path.expand(rows, self.run.time)[0])[0])  # type: ignore[misc]
        return rows

    def _kept(self, key: tuple[Any, ...], find: Callable[[], _engine.Rows]) -> _engine.Rows:
        if key not in self.sets:
            self.sets[key] = find()
        return self.sets[key]

    def column(self, operand: Any, slot: Slot, rows: _engine.Rows) -> list[Any]:
        """The values of an operand."""
        if not isinstance(operand, Operand):
            return values(operand, slot.frame, rows, self.run, slot.zone)
        frame = slot.frame
        key = (id(operand), id(rows), frame.definition.cls, frame.bound, id(frame.link), slot.zone)
        if key not in self.columns:
            self.columns[key] = values(operand, frame, rows, self.run, slot.zone)
        return self.columns[key]


def each_once(rows: _engine.Rows) -> tuple[_engine.Rows, Sequence[int]]:
    """Rows without those that come again, and for each row its place among them."""
    definition = rows.model.__sinew__  # type: ignore[attr-defined]
    fields = [definition.fields[name].engine for name in definition.primary_key]
    plan = _engine.Plan(rows.model, values=[("column", 0, each.key_field or each) for each in fields])
    return plan.group(range(len(fields)), rows)


def columns(frame: Frame, operands: Sequence[Operand], rows: _engine.Rows, run: Run) -> list[list[Any]]:
    """The values of operands at rows of a frame's model, a list for each operand."""
    lowering = run.lowering()
    in_python = [kinds.computed_in_python(each) for each in operands]
    by_engine = [lowering.value(each, frame) for each, here in zip(operands, in_python, strict=True) if not here]
    plan = _engine.Plan(frame.definition.cls, values=by_engine, at=run.time)
    fill(plan, lowering.slots, run, rows)
    listed = iter(plan.columns(rows) if by_engine else ())
    return [
        values(each, frame, rows, run) if here else next(listed) for each, here in zip(operands, in_python, strict=True)
    ]


def values(node: Any, frame: Frame, rows: _engine.Rows, run: Run, zone: str | None = None) -> list[Any]:
    """The values of an operand (or constant) at rows of the frame's model. zone: of moments in it."""
    if isinstance(node, Moment):
        return [node.at(run.instant, aware=zone == "aware")] * len(rows)
    if not isinstance(node, Operand):
        return [node] * len(rows)
    if isinstance(node, Arithmetic) and (zone == "aware" or kinds.computed_in_python(node)):
        return _arithmetic(node, frame, rows, run, zone)
    if isinstance(node, Aggregate) and kinds.computed_in_python(node):
        return _aggregate(node, frame, rows, run)
    if isinstance(node, Column) and kinds.computed_in_python(node):
        return _column(node, frame, rows, run)
    lowering = run.lowering()
    plan = _engine.Plan(frame.definition.cls, values=[lowering.value(node, frame, zone)], at=run.time)
    fill(plan, lowering.slots, run, rows)
    return plan.columns(rows)[0]


# ---------------------------------------------------------------- getters


def _column(node: Column, frame: Frame, rows: _engine.Rows, run: Run) -> list[Any]:
    """A column that a getter computes, along whichever way leads to a value."""
    found: list[list[Any]] = []
    for way in locate(node, frame)[2]:
        for further, there, info in ends(way, way[-1].target if way else frame.definition, node.field.name):
            found.append(_along(further, there, info, rows, run) if further else _of(there, info, rows, run))
    listed = found[0]
    for others in found[1:]:
        listed = [other if value is None else value for value, other in zip(listed, others, strict=True)]
    return listed


def _along(way: Sequence[Relation], definition: Definition, info: Any, rows: _engine.Rows, run: Run) -> list[Any]:
    """The values at the one target of each row, each target asked once."""
    targets, starts = run.lowering().path(way).expand(rows, run.time)
    single, places = each_once(targets)
    listed = _of(definition, info, single, run)
    at = (places[start] if start < stop else len(listed) for start, stop in pairwise(starts))
    return [listed[place] if place < len(listed) else None for place in at]


def _of(definition: Definition, info: Any, rows: _engine.Rows, run: Run) -> list[Any]:
    if info.computed:
        found: list[Any] = info.values(rows, run)
        return found
    return _engine.Plan(definition.cls, values=[("column", 0, info.engine)]).columns(rows)[0]


# ---------------------------------------------------------------- arithmetic

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _arithmetic(node: Arithmetic, frame: Frame, rows: _engine.Rows, run: Run, zone: str | None) -> list[Any]:
    sides = (kinds.of_value(node.left), kinds.of_value(node.right))
    zone = next((side.arg for side in sides if side.name == "datetime" and side.arg), zone)
    operation = _OPERATORS[node.op]

    def compute(left: Any, right: Any) -> Any:
        if left is None or right is None:
            return None
        try:
            return operation(left, right)
        except (DivisionByZero, InvalidOperation, ZeroDivisionError):
            return None

    try:
        return list(map(compute, values(node.left, frame, rows, run, zone), values(node.right, frame, rows, run, zone)))
    except (OverflowError, ArithmeticError):
        raise overflow(shown(node)) from None
    except TypeError as error:
        raise FieldError(f"{shown(node)} cannot be computed: {error}") from error


# ---------------------------------------------------------------- aggregates


def _aggregate(node: Aggregate, frame: Frame, rows: _engine.Rows, run: Run) -> list[Any]:
    """An aggregate over the targets of each row; the engine finds those that meet the conditions."""
    assert node.over is not None
    lowering = run.lowering()
    plan = _engine.Plan(frame.definition.cls, values=[lowering.targets(node, frame)], at=run.time)
    fill(plan, lowering.slots, run, rows)
    targets, starts = plan.targets(0, rows)
    listed = at_targets(node.over, over(node, frame)[2].alone(), targets, run)
    kind = kinds.of_value(node.over)
    return [fold(node.op, listed[begin:end], kind) for begin, end in pairwise(starts)]


def at_targets(operand: Operand, inner: Frame, targets: _engine.Rows, run: Run) -> list[Any]:
    """The value at each target; a column is that of the path's own end."""
    if not isinstance(operand, Column):
        return values(operand, inner, targets, run)
    return values(Column(inner.definition, (), operand.field), Frame(inner.definition), targets, run)


def fold(op: str, listed: Iterable[Any], kind: Kind) -> Any:
    """An aggregate of values, the missing ones passed over."""
    found = [value for value in listed if value is not None]
    if op == "count":
        return len(found)
    try:
        if op == "sum":
            return sum(found, _ZERO.get(kind.name, 0))
        if not found:
            return None
        if op == "avg":
            return sum(found, _ZERO.get(kind.name, 0)) / len(found)
        return (min if op == "min" else max)(found, key=kind.key or kind.rank)
    except (TypeError, KeyError) as error:
        raise FieldError(f"{op} over values that do not go together: {error}") from error


_ZERO: dict[str, Any] = {"Decimal": Decimal(0), "timedelta": timedelta(), "float": 0.0}
