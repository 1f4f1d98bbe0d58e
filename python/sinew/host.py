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
from .errors import overflow
from .kinds import Kind
from .moment import Instant, Moment
from .predicates import shown
from .reach import over
from .scope import Frame, field_of

if TYPE_CHECKING:
    from .database import Database


@dataclass(slots=True, eq=False)
class Run:
    """One run of a query: its database and its time."""

    db: Database
    instant: Instant

    def lowering(self) -> Lowering:
        """A lowering that sees the time of this run."""
        return Lowering(self.db, self.instant)


def start(db: Database) -> Run:
    """A run, now."""
    return Run(db, Instant(db.clock))


def fill(plan: _engine.Plan | _engine.Path, slots: Iterable[Slot], run: Run, left: _engine.Rows | None = None) -> None:
    """Computes the host slots of a plan or path: for all rows of their models, or for `left`, the only rows of its own
    that can be among what it finds."""
    for slot in slots:
        model = slot.frame.definition.cls
        rows = left if left is not None and slot.outermost else _engine.live_rows(model)
        columns = [values(each, slot.frame, rows, run, slot.zone) for each in slot.operands]
        plan.set_host(slot.number, model, rows, slot.function(*columns))


def columns(frame: Frame, operands: Sequence[Operand], rows: _engine.Rows, run: Run) -> list[list[Any]]:
    """The values of operands at rows of a frame's model, a list for each operand."""
    lowering = run.lowering()
    in_python = [kinds.computed_in_python(each, field_of) for each in operands]
    by_engine = [lowering.value(each, frame) for each, here in zip(operands, in_python, strict=True) if not here]
    plan = _engine.Plan(frame.definition.cls, values=by_engine)
    fill(plan, lowering.slots, run)
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
    if isinstance(node, Arithmetic) and (zone == "aware" or kinds.computed_in_python(node, field_of)):
        return _arithmetic(node, frame, rows, run, zone)
    if isinstance(node, Aggregate) and kinds.computed_in_python(node, field_of):
        return _aggregate(node, frame, rows, run)
    lowering = run.lowering()
    plan = _engine.Plan(frame.definition.cls, values=[lowering.value(node, frame, zone)])
    fill(plan, lowering.slots, run)
    return plan.columns(rows)[0]


# ---------------------------------------------------------------- arithmetic

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _arithmetic(node: Arithmetic, frame: Frame, rows: _engine.Rows, run: Run, zone: str | None) -> list[Any]:
    sides = (kinds.of_value(node.left, field_of), kinds.of_value(node.right, field_of))
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


# ---------------------------------------------------------------- aggregates


def _aggregate(node: Aggregate, frame: Frame, rows: _engine.Rows, run: Run) -> list[Any]:
    """An aggregate over the targets of each row; the engine finds those that meet the conditions."""
    assert node.over is not None
    lowering = run.lowering()
    plan = _engine.Plan(frame.definition.cls, values=[lowering.targets(node, frame)])
    fill(plan, lowering.slots, run)
    targets, starts = plan.targets(0, rows)
    listed = _at_targets(node.over, over(node, frame)[2].alone(), targets, run)
    kind = kinds.of_value(node.over, field_of)
    return [fold(node.op, listed[begin:end], kind) for begin, end in pairwise(starts)]


def _at_targets(operand: Operand, inner: Frame, targets: _engine.Rows, run: Run) -> list[Any]:
    """The value at each target; a column is that of the path's own end."""
    if not isinstance(operand, Column):
        return values(operand, inner, targets, run)
    plan = _engine.Plan(inner.definition.cls, values=[("column", 0, field_of(operand).engine)])
    return plan.columns(targets)[0]


def fold(op: str, listed: Iterable[Any], kind: Kind) -> Any:
    """An aggregate of values, the missing ones passed over."""
    found = [value for value in listed if value is not None]
    if op == "count":
        return len(found)
    if op == "sum":
        return sum(found, _ZERO.get(kind.name, 0))
    if not found:
        return None
    if op == "avg":
        return sum(found, _ZERO.get(kind.name, 0)) / len(found)
    return (min if op == "min" else max)(found, key=kind.key)


_ZERO: dict[str, Any] = {"Decimal": Decimal(0), "timedelta": timedelta(), "float": 0.0}
