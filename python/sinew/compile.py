"""From expressions to the plain data that the engine takes (the grammar stands at the head of _engine.pyi).

A Lowering translates predicates, values and orderings for a frame (scope.py). Its rules:

  - A comparison that goes over to-many paths is put into one `exists` for each distinct path, and whatever it says is
    said about the rows bound there. So `Author.posts.title != "a"` is *some post with another title*, and `~` around
    it stays outside.
  - To-one steps are part of the value ("follow"): null where there is no target.
  - What the engine cannot compute becomes a host slot: a function of some values, to be evaluated in Python for every
    row of one model before the plan runs (host.py).
  - Moments stay what they are, distances from the time that the engine is told before each run. Where Python computes
    they are the datetimes of the run that the lowering is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from . import _engine, kinds, pivots, scope
from .aggregates import Aggregate
from .columns import Arithmetic, Column, Operand, Ordering, columns_of
from .errors import DefinitionError, FieldError, show
from .kinds import Kind
from .moment import Instant, Moment, distance
from .path import Path, root_of, steps_of
from .predicates import (
    And,
    Between,
    Compare,
    Exists,
    Expr,
    IsA,
    IsNull,
    KeyAmong,
    KeyIs,
    Member,
    Not,
    Or,
    Test,
    Text,
    shown,
)
from .reach import as_operand, leaves, over, speaks_of_link, subject
from .scope import Frame, field_of
from .truths import COMPARE, by_time, codes, columnwise, fitting, is_none, loosely, membership, ranked, ranks
from .ways import walk, ways

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition, FieldInfo, Relation
    from .pivots import Link

IR: TypeAlias = tuple[Any, ...]
NEVER: IR = ("or",)
Held: TypeAlias = "tuple[Any, ...] | None"
"""A key, or None where it is null."""
FARTHEST = 1 << 61
"""Microseconds between now and a moment."""


def both(parts: Sequence[IR]) -> IR | None:
    """All of several predicates; None without any."""
    return ("and", *parts) if len(parts) > 1 else parts[0] if parts else None


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Values that Python computes: `function` of the operands' columns, over rows of the frame's model. outermost:
    whether these are the rows of the query itself. kind: what the engine calls the result. zone: of moments among the
    operands. way: the paths that lead from the rows of the query to these; None if nobody knows."""

    number: int
    frame: Frame
    outermost: bool
    way: tuple[_engine.Path, ...] | None
    kind: str
    function: Callable[..., list[Any]]
    operands: tuple[Any, ...]
    zone: str | None


# ---------------------------------------------------------------- what relations are declared with


def predicate_ir(conditions: Expr | Iterable[Expr], frame: Frame) -> IR | None:
    """The conditions of a relation's where=, about the rows of a frame. DefinitionError for what only a query can
    evaluate."""
    lowering = Lowering(frame.definition.db)
    parts = (conditions,) if isinstance(conditions, Expr) else tuple(conditions)
    ir = lowering.conjunction(parts, frame)
    _only_for_queries(lowering, frame.definition, parts)
    return ir


def order_ir(terms: Iterable[Operand | Ordering], frame: Frame) -> list[IR]:
    """The terms of a relation's order_by=, about the rows of a frame."""
    lowering = Lowering(frame.definition.db)
    listed = tuple(terms)
    orders = [lowering.order(term, frame) for term in listed]
    _only_for_queries(lowering, frame.definition, listed)
    return orders


def _only_for_queries(lowering: Lowering, definition: Definition, parts: Sequence[object]) -> None:
    if lowering.volatile or lowering.slots:
        said = ", ".join(map(repr, parts))
        why = (
            "what Python computes (getters, Decimals, functions) belongs to queries"
            if lowering.slots
            else "it names a record by a key that may change"
        )
        raise DefinitionError(
            f"a relation to {definition.name} is compiled once and cannot hold `{said}`: {why}; use a scope, or "
            ".where(...) on the collection"
        )


def equalities(condition: Expr, definition: Definition) -> Iterator[tuple[str, Any]]:
    """The simple equalities that a condition demands: what a record created through a relation is given."""
    if isinstance(condition, And):
        for part in condition.parts:
            yield from equalities(part, definition)
    elif isinstance(condition, Compare) and condition.op == "==" and not isinstance(condition.right, (Operand, Moment)):
        column = condition.left
        if _is_own(column, definition):
            yield column.field.name, condition.right
    elif isinstance(condition, IsNull):
        column = condition.value
        if _is_own(column, definition):
            yield column.field.name, None
    elif isinstance(condition, KeyIs) and root_of(condition.path).cls is definition.cls:
        steps = steps_of(condition.path)
        if len(steps) == 1 and steps[0].kind == "belongs_to":
            yield steps[0].name, condition.record


def _is_own(value: object, definition: Definition) -> TypeGuard[Column]:
    """Whether an operand is a field of a model itself."""
    return (
        isinstance(value, Column)
        and not value.steps
        and value.root.cls is definition.cls
        and value.field.name in definition.fields
    )


# ---------------------------------------------------------------- lowering


class Lowering:
    """Translates expressions for one plan. volatile: whether the result is good for one run only; slots: what Python
    has to compute before."""

    def __init__(self, db: Database, instant: Instant | None = None) -> None:
        self.db = db
        self.instant = Instant(db.store) if instant is None else instant
        self.volatile = False
        self.slots: list[Slot] = []

    # ------------------------------------------------------------ predicates

    def conjunction(self, conditions: Sequence[Expr], frame: Frame) -> IR | None:
        """All of the conditions; None without any."""
        return both([self.predicate(condition, frame) for condition in conditions])

    def predicate(self, expr: Expr, frame: Frame) -> IR:
        """Any predicate."""
        match expr:
            case Compare():
                left, right = expr.left, expr.right
                return self._some((left, right), frame, lambda f: self._compare(expr.op, left, right, f))
            case And():
                return ("and", *(self.predicate(part, frame) for part in expr.parts))
            case Or():
                return ("or", *(self.predicate(part, frame) for part in expr.parts))
            case Not():
                return ("not", self.predicate(expr.part, frame))
            case Exists():
                return self._exists(expr, frame)
            case KeyIs():
                return self._key_is(expr, frame)
            case KeyAmong():
                return self._key_among(expr, frame)
            case IsA():
                return self._is_a(expr, frame)
            case Between():
                return self._some((expr.value, expr.low, expr.high), frame, lambda f: self._between(expr, f))
            case Member():
                return self._some((expr.value, *expr.values), frame, lambda f: self._member(expr, f))
            case Text():
                return self._some((expr.value, expr.pattern), frame, lambda f: self._text(expr, f))
            case IsNull():
                return self._some((expr.value,), frame, lambda f: self._null(expr.value, f))
            case Test():
                return self._some((expr.value,), frame, lambda f: self._test(expr, f))
        raise FieldError(f"{show(expr)} is not a predicate that queries know")

    def _some(self, operands: Sequence[object], frame: Frame, say: Callable[[Frame], IR]) -> IR:
        """What `say` says, about some rows at the ends of the to-many paths among the operands: one row for each
        distinct path."""
        bound: dict[scope.Key, Column] = {}
        for column in (each for operand in operands if isinstance(operand, Operand) for each in columns_of(operand)):
            if column.some:
                bound.setdefault(scope.key_of(column.root, column.some), column)
        return self._bind(list(bound.items()), frame, say)

    def _bind(self, columns: list[tuple[scope.Key, Column]], frame: Frame, say: Callable[[Frame], IR]) -> IR:
        """What `say` says when a row at the end of each column's to-many path is bound: by any of the ways that lead
        there."""
        if not columns:
            return say(frame)
        (key, column), rest = columns[0], columns[1:]
        home, depth, before = scope.find(column.root, column, frame)
        said = []
        for relations in _ways_to(column):
            path = self.path([*before, *relations])
            inner = Frame(relations[-1].target, frame, key, via=(home, path))
            said.append(("exists", depth, path, self._bind(rest, inner, say)))
        return said[0] if len(said) == 1 else ("or", *said)

    def _exists(self, expr: Exists, frame: Frame) -> IR:
        root = root_of(expr.path)
        home, depth, before = scope.find(root, expr.path, frame)
        found = ways(root, steps_of(expr.path))
        if expr.conditions and len({way[-1].target for way in found}) > 1:
            walk(root, steps_of(expr.path))  # a condition speaks of one model
        said = [each for way in found for each in self._exists_along(home, depth, [*before, *way], expr, frame)]
        return said[0] if len(said) == 1 else ("or", *said)

    def _exists_along(self, home: Frame, depth: int, relations: list[Relation], expr: Exists, frame: Frame) -> list[IR]:
        last = relations[-1]
        if speaks_of_link(last, expr.conditions):
            return [self._exists_link(home, depth, relations, link, expr, frame) for link in pivots.branches(last)]
        path = self.path(relations)
        inner = Frame(last.target, frame, via=(home, path))
        return [("exists", depth, path, self.conjunction(expr.conditions, inner))]

    def _exists_link(
        self, home: Frame, depth: int, relations: Sequence[Relation], link: Link, expr: Exists, frame: Frame
    ) -> IR:
        """The same of the links of a many-to-many at the end of a path."""
        hops = [hop for relation in relations[:-1] for hop in relation.hops()]
        path = _engine.Path(self.db.store, [*hops, pivots.near_hop(relations[-1], link)])
        inner = Frame(link.pivot, frame, None, link, (home, path))
        there = ("exists", 0, link.far.path, None)
        return ("exists", depth, path, both([there, *(self.predicate(each, inner) for each in expr.conditions)]))

    def _key_is(self, expr: KeyIs, frame: Frame) -> IR:
        root, steps = root_of(expr.path), steps_of(expr.path)
        last = ways(root, steps)[0][-1]
        if last.kind == "belongs_to":
            return self._foreign_key_is(root, steps, last, expr.record, frame)
        if expr.record is not None:
            target: Definition = type(expr.record).__sinew__
            names = zip(target.primary_key, _engine_values(expr.record, target, target.primary_key), strict=True)
            equal = tuple(Compare("==", Column(target, (), target.fields[name]), value) for name, value in names)
            return self._exists(Exists(expr.path, equal), frame)
        return self._without_one(root, steps, frame)

    def _foreign_key_is(
        self, root: Definition, steps: Sequence[Relation], last: Relation, record: Any, frame: Frame
    ) -> IR:
        keys = _key_columns(root, steps, last)
        if record is None:
            return self._some(keys[:1], frame, lambda f: ("or", *(self._null(key, f) for key in keys)))
        way = last.base.towards(type(record).__sinew__) if steps[-1].members else last
        if way is None:
            return NEVER
        pairs = tuple(zip(keys, self._key_values(way, record), strict=True))
        return self._some(keys[:1], frame, lambda f: ("and", *(self._compare("==", k, v, f) for k, v in pairs)))

    def _key_among(self, expr: KeyAmong, frame: Frame) -> IR:
        """Membership of the foreign key at the end of steps; where another relation ends them, of the target's key."""
        root, steps = root_of(expr.path), steps_of(expr.path)
        last = ways(root, steps)[0][-1]
        if last.kind == "belongs_to":
            keys = _key_columns(root, steps, last)
            held = self._keys_held(last.base if steps[-1].members else last, expr.records)
        else:
            target = walk(root, steps)[-1].target
            names = target.primary_key
            keys = tuple(Column(root, tuple(steps), target.fields[name]) for name in names)
            held = [None if each is None else _engine_values(each, target, names) for each in expr.records]
        typed = last.kind == "belongs_to" and bool(last.base.members)

        def say(inner: Frame) -> IR:
            among = self._among(keys, held, typed, inner)
            return ("not", among) if expr.negated else among

        return self._some(keys[:1], frame, say)

    def _among(self, keys: Sequence[Column], held: Sequence[Held], typed: bool, frame: Frame) -> IR:
        """A key is one of several, a missing one among them or not: one membership test for a key of one column, or one
        for each value of the type field before it, which an index can answer."""
        if len(keys) == 1:
            return self._member(Member(keys[0], tuple(each and each[0] for each in held), negated=False), frame)
        said = [self._null(key, frame) for key in keys] if None in held else []
        for each in _alike(held, typed and len(keys) == 2):
            first = [self._compare("==", key, value, frame) for key, value in zip(keys, each[0][:-1], strict=False)]
            last = Member(keys[-1], tuple(key[-1] for key in each), negated=False)
            said.append(("and", *first, self._member(last, frame)))
        return said[0] if len(said) == 1 else ("or", *said)

    def _is_a(self, expr: IsA, frame: Frame) -> IR:
        """The type field is that of one of the models."""
        root, steps = root_of(expr.path), steps_of(expr.path)
        last = ways(root, steps)[0][-1]
        column = _key_columns(root, steps, last)[0]
        said = field_of(column).type_of
        values = tuple(value for name, value in said if _names(last, name, expr.classes))
        return self.predicate(Member(column, values, negated=False), frame)

    def _without_one(self, root: Definition, steps: Sequence[Relation], frame: Frame) -> IR:
        """No target of a has_one at the end of steps; over a to-many path: some row there has none."""
        owner = Column(root, tuple(steps[:-1]), next(iter(steps[-1].definition.fields.values())))

        def say(inner: Frame) -> IR:
            here, depth, owners = scope.locate(owner, inner)
            found = []
            for way in owners:
                there = ways(way[-1].target if way else here.definition, steps[-1:])
                found += [("exists", depth, self.path([*way, *last]), None) for last in there]
            return ("not", found[0] if len(found) == 1 else ("or", *found))

        return self._some((owner,), frame, say)

    def _key_values(self, relation: Relation, record: Any) -> tuple[Any, ...]:
        names = tuple(info.name for info in relation.references)
        if names != relation.target.primary_key:  # other keys may change
            self.volatile = True
        return relation.key_of(record)

    def _keys_held(self, step: Relation, records: Iterable[Any]) -> list[Held]:
        """The foreign keys of those that refer to some records by a belongs_to, if it leads to them."""
        found: list[Held] = []
        for record in records:
            way = step if record is None or not step.members else step.towards(type(record).__sinew__)
            if way is not None:
                found.append(None if record is None else self._key_values(way, record))
        return found

    def _compare(self, op: str, left: Any, right: Any, frame: Frame) -> IR:
        if right is None:
            if op not in ("==", "!="):
                return NEVER
            null = self._null(left, frame)
            return null if op == "==" else ("not", null)
        kind = self.kind(left)
        if kind.loose or (isinstance(right, Operand) and self.kind(right).loose):
            return self._compare_loosely(op, left, right, frame)
        zone: str | None = kind.arg if kind.name == "datetime" else None
        if isinstance(right, Operand) or kind.field is None:
            other = self.kind(right)
            in_python = self._compared_in_python(op, left, kind, right, other)
            zone = zone or (other.arg if other.name == "datetime" else None)
        else:
            in_python = self._constant_in_python(op, left, kind, right)
        if in_python:
            return ("truth", self._slot(columnwise(COMPARE[op]), (left, right), frame, "bool", zone))
        value = self.computed(left, frame, zone)
        beside = self.computed(right, frame, zone) if isinstance(right, Operand) else self.constant(kind, right)
        return ("compare", op, value, beside)

    def _compare_loosely(self, op: str, left: Any, right: Any, frame: Frame) -> IR:
        """A comparison of values that Python alone knows to compare."""
        kind, text = self.kind(left), f"{shown(left)} {op} {shown(right)}"
        other = self.kind(right) if isinstance(right, Operand) else None
        kind = other if other is not None and not kind.loose else kind
        if kind.name == "Enum" and other is None and not isinstance(right, kind.arg):
            raise FieldError(f"{text}: {kinds.described(left, kind)}, and {show(right)} is none of its members")
        if isinstance(right, Moment):
            times = tuple(right.at(self.instant, aware=aware) for aware in (False, True))
            return ("truth", self._slot(loosely(by_time(COMPARE[op], *times), text), (left,), frame, "bool", None))
        rank = kind.rank if kind.name == "object" or op not in ("==", "!=") else None
        test = COMPARE[op] if rank is None else ranked(COMPARE[op], rank)
        return ("truth", self._slot(loosely(columnwise(test), text), (left, right), frame, "bool", None))

    def _compared_in_python(self, op: str, left: Any, kind: Kind, right: Any, other: Kind) -> bool:
        """Whether Python has to compare two values. FieldError if nobody can."""
        who = kinds.comparer(op, kind, other)
        if who is None:
            raise FieldError(
                f"{left!r} {op} {shown(right)}: {kinds.described(left, kind)} and {kinds.described(right, other)}, "
                f"which cannot be compared by `{op}`"
            )
        return who == "python"

    def _constant_in_python(self, op: str, left: Any, kind: Kind, constant: Any) -> bool:
        """Whether Python has to compare with a constant. Beside a field it may be anything: what is no number beside a
        number is judged by the field's own conversion."""
        if kind.name == "object":
            self._need_key(op, left, kind)
            return kind.key is None
        return kind.name in ("int", "float") and isinstance(constant, Decimal)

    def _between(self, expr: Between, frame: Frame) -> IR:
        return (
            "and",
            self._compare(">=", expr.value, expr.low, frame),
            self._compare("<=", expr.value, expr.high, frame),
        )

    def _null(self, value: Any, frame: Frame) -> IR:
        if self._python(value, self.kind(value).arg):
            return ("truth", self._slot(columnwise(is_none), (value,), frame, "bool", None))
        return ("null", self.value(value, frame))

    def _member(self, expr: Member, frame: Frame) -> IR:
        value = expr.value
        kind = self.kind(value)
        constants = [None if each is None else self._simple(kind, each) for each in expr.values]
        said: IR
        listed = not any(isinstance(each, Operand) for each in expr.values)
        if listed and (kind.loose or (kind.name == "object" and kind.key is None)):
            said = ("truth", self._slot(columnwise(membership(expr.values)), (value,), frame, "bool", None))
        elif any(each == () for each in constants) or (not isinstance(value, Column) and self._python(value, None)):
            said = ("or", *(self._compare("==", value, each, frame) for each in expr.values))
        else:
            like = (kind.field.key_field if kind.key and kind.field else kind.field) or kind.plain
            said = ("in", self.computed(value, frame), like, [None if each is None else each[2] for each in constants])
        return ("not", said) if expr.negated else said

    def _simple(self, kind: Kind, value: Any) -> IR:
        """A member as a constant of the kind itself; () if it takes a comparison of its own."""
        if isinstance(value, (Operand, Moment)) or kind.field is None or (kind.name == "object" and kind.key is None):
            return ()
        if kinds.of_constant(value).name in kinds.NUMBERS and kind.name in ("int", "float"):
            if kinds.of_constant(value).name != kind.name:
                return ()
        return self.constant(kind, value)

    def _text(self, expr: Text, frame: Frame) -> IR:
        for operand in (expr.value, expr.pattern):
            self._need_text(expr, expr.op, operand)
        value, pattern = self.computed(expr.value, frame), expr.pattern
        if isinstance(pattern, Operand):
            return ("text", expr.op, value, self.computed(pattern, frame))
        said: IR = ("text", expr.op, value, ("const", "str", pattern))
        return _like(said, value, pattern, isinstance(expr.value, Column)) if expr.op == "like" else said

    def _need_text(self, expr: Expr, op: str, operand: object) -> None:
        kind = self.kind(operand)
        if kind.name != "str":
            raise FieldError(f"{expr!r}: {op} works on text, and {kinds.described(operand, kind)}")

    def _test(self, expr: Test, frame: Frame) -> IR:
        if expr.of_text:
            self._need_text(expr, expr.of_text, expr.value)
        return ("truth", self._slot(expr.over, (expr.value,), frame, "bool", None))

    def _need_key(self, op: str, value: object, kind: Kind) -> None:
        if kind.key is None and op not in ("==", "!="):
            raise FieldError(f"`{op}` needs an order: {kinds.described(value, kind)}; declare field(key=...)")

    # ------------------------------------------------------------ values

    def kind(self, value: object) -> Kind:
        """The kind of an operand or constant."""
        return kinds.of_value(value)

    def value(self, node: Operand, frame: Frame, zone: str | None = None, *, keyed: bool = False) -> IR:
        """An operand that the engine can compute. keyed: of an object, the key by which it is compared."""
        if isinstance(node, Column):
            return self._column(node, frame, keyed)
        if isinstance(node, Arithmetic):
            return self._arithmetic(node, frame, zone)
        if isinstance(node, Aggregate):
            return self._aggregate(node, frame)
        raise FieldError(f"{show(node)} is not a value that queries know")

    def computed(self, node: Operand, frame: Frame, zone: str | None = None) -> IR:
        """Any operand, computed beforehand if the engine cannot."""
        kind = self.kind(node)
        zone = kind.arg if kind.name == "datetime" and kind.arg else zone
        if not self._python(node, zone):
            return self.value(node, frame, zone, keyed=True)
        plain = "datetime_aware" if kind.name == "datetime" and zone == "aware" else kind.plain
        fits = fitting(node, kind) if isinstance(node, Column) and kind.field is not None else list
        return self._slot(fits, (node,), frame, plain, zone)

    def coded(self, node: Operand, frame: Frame) -> IR:
        """Any operand, to be grouped by: what only Python can compare is numbered by it."""
        if not self.kind(node).loose:
            return self.computed(node, frame)
        return self._slot(codes(repr(node)), (node,), frame, "int", None)

    def constant(self, kind: Kind, value: Any) -> IR:
        """A constant beside a value of a kind."""
        if isinstance(value, Moment):
            return self._moment(value, kind)
        if kind.name == "int" and isinstance(value, float):
            return ("const", "float", value)
        if kind.name == "Decimal" and isinstance(value, (int, float)) and not isinstance(value, bool):
            value = Decimal(value)
        if kind.key is not None and kind.field is not None:
            return ("const", kind.field.key_field, kind.key(kind.field.convert(value)))
        return ("const", kind.field or kind.plain, value)

    def _moment(self, moment: Moment, kind: Kind) -> IR:
        if kind.name != "datetime":
            raise FieldError(f"{moment!r} is a datetime and does not go together with a value of kind {kind.name}")
        if abs(distance(moment)) > FARTHEST:
            raise FieldError(f"{moment!r} is too far from now: 73,000 years at most")
        return ("moment", kind.field or kind.plain, distance(moment))

    def _column(self, column: Column, frame: Frame, keyed: bool) -> IR:
        values: list[IR] = []
        here, depth, found = scope.locate(column, frame)
        for way in found:
            for further, there, info in scope.ends(way, way[-1].target if way else here.definition, column.field.name):
                at = 0 if further else depth
                value = self._fold(info, there, at) if info.computed is True else ("column", at, _stored(info, keyed))
                values.append(("follow", depth, self.path(further), value) if further else value)
        if not values:
            field_of(column)  # which says that it is not there any more
        value = values[-1]
        for other in reversed(values[:-1]):
            value = ("else", other, value)
        return value

    def _fold(self, info: Any, definition: Definition, depth: int) -> IR:
        """A getter that is an aggregate, at a row of its model: it looks at nothing around that row."""
        op, _, *rest = self._aggregate(info.expression, Frame(definition))
        return (op, depth, *rest)

    def _arithmetic(self, node: Arithmetic, frame: Frame, zone: str | None) -> IR:
        left, right = self.kind(node.left), self.kind(node.right)
        self.kind(node)
        zone = next((each.arg for each in (left, right) if each.name == "datetime" and each.arg), zone)
        return ("arith", node.op, self._side(node.left, frame, zone), self._side(node.right, frame, zone))

    def _side(self, node: Any, frame: Frame, zone: str | None) -> IR:
        if isinstance(node, Operand):
            return self.value(node, frame, zone)
        if isinstance(node, Moment):
            return self._moment(node, Kind("datetime", zone))
        return ("const", kinds.of_constant(node).plain, node)

    def _aggregate(self, node: Aggregate, frame: Frame) -> IR:
        self.kind(node)
        root, relations, inner = over(node, frame)
        home, depth, way = scope.find(root, subject(node), frame)
        value = None if node.over is None else self._aggregated(node.over, inner)
        distinct = node.distinct and (len(relations) > 1 or relations[0].distinct)
        if speaks_of_link(relations[-1], node.conditions):
            path, where = self._narrowed([*way, *relations], node, distinct), None
        else:
            path = self.path([*way, *relations], distinct)
            where = self.conjunction(node.conditions, Frame(relations[-1].target, frame, via=(home, path)))
        return ("aggregate", depth, node.op, path, where, value, distinct)

    def _narrowed(self, relations: Sequence[Relation], node: Aggregate, distinct: bool) -> _engine.Path:
        """A path that ends with a many-to-many, along those of its links only that meet the conditions of an aggregate:
        so each target still counts once."""
        inside = Lowering(self.db, self.instant)

        def said(link: Link) -> IR | None:
            return inside.conjunction(node.conditions, Frame(link.pivot, link=link))

        last = pivots.narrowed(relations[-1], said)
        self.volatile = self.volatile or inside.volatile
        if inside.slots:
            raise FieldError(
                f"{node!r}: what Python computes (Decimals, functions) cannot be asked of links in an aggregate; write "
                "it with exists(...)"
            )
        before = [hop for step in relations[:-1] for hop in (step.hops() if distinct else step.whole())]
        return _engine.Path(self.db.store, [*before, *last], distinct=distinct)

    def targets(self, node: Aggregate, frame: Frame) -> IR:
        """The count of what an aggregate looks at: it has the same path and conditions."""
        root, relations, _ = over(node, frame)
        path = Path(root, tuple(relations))
        return self._aggregate(Aggregate("count", path, None, node.conditions, node.distinct), frame)

    def _aggregated(self, operand: Operand, inner: Frame) -> IR:
        """The value at a target: the column of the path's own end, or arithmetic on what is bound there."""
        if isinstance(operand, Column):
            return self._column(Column(inner.definition, (), operand.field), Frame(inner.definition), keyed=False)
        return self.value(operand, inner)

    def path(self, relations: Sequence[Relation], distinct: bool = True) -> _engine.Path:
        """The engine's path along relations."""
        if len(relations) == 1 and (relations[0].distinct == distinct or relations[0].link is not None):
            return relations[0].path
        hops = [hop for relation in relations for hop in (relation.hops() if distinct else relation.whole())]
        return _engine.Path(self.db.store, hops, distinct=distinct)

    # ------------------------------------------------------------ orderings

    def order(self, term: object, frame: Frame) -> IR:
        """A term of an order."""
        ordering = term if isinstance(term, Ordering) else Ordering(as_operand(term, "order_by"))
        kind = self.kind(ordering.value)
        if kind.loose:
            place = self._slot(ranks(kind.rank, repr(ordering)), (ordering.value,), frame, "int", None)
            return (place, ordering.descending, ordering.none_first)
        if kind.name == "object":
            self._need_key("order_by", ordering.value, kind)
        return (self.computed(ordering.value, frame), ordering.descending, ordering.none_first)

    # ------------------------------------------------------------ what Python computes

    def _python(self, value: object, zone: str | None) -> bool:
        """Whether a value is Python's to compute; arithmetic on a moment is, if the zone that it takes on is aware."""
        if zone == "aware" and isinstance(value, Arithmetic) and self.kind(value).name == "datetime":
            return True
        return kinds.computed_in_python(value)

    def _slot(
        self, function: Callable[..., list[Any]], operands: tuple[Any, ...], frame: Frame, kind: str, zone: str | None
    ) -> IR:
        here, depth = self._level(operands, frame)
        for leaf in (leaf for operand in operands for leaf in leaves(operand) if isinstance(leaf, Aggregate)):
            Lowering(self.db, self.instant).targets(leaf, here.alone())  # its conditions see no row around that one
        slot = Slot(len(self.slots), here.alone(), here.outer is None, _way_to(here), kind, function, operands, zone)
        self.slots.append(slot)
        return ("host", depth, slot.number, kind)

    def _level(self, operands: Sequence[object], frame: Frame) -> tuple[Frame, int]:
        """The one row at which all the operands can be computed."""
        found = {}
        for operand in operands:
            for leaf in leaves(operand):
                here, depth, _ = (
                    scope.locate(leaf, frame)
                    if isinstance(leaf, Column)
                    else scope.find(over(leaf, frame)[0], subject(leaf), frame)
                )
                found[depth] = here
        if len(found) != 1:
            names = " and ".join(here.definition.name for here in found.values())
            raise FieldError(
                f"{', '.join(map(repr, operands))}: this is computed in Python, for the rows of one model, but speaks "
                f"of rows of {names}; write the condition on one of them"
            )
        depth, here = next(iter(found.items()))
        return here, depth


def _like(said: IR, value: IR, pattern: str, twice: bool) -> IR:
    """A like by what indexes know: a pattern of text alone is equality, one that goes on with anything is a prefix, any
    other has one that is asked for beside it (twice: if the value may be looked at again)."""
    prefix, rest = _literal_start(pattern)
    if not rest:
        return ("compare", "==", value, ("const", "str", prefix))
    if not prefix:
        return said
    starts = ("text", "startswith", value, ("const", "str", prefix))
    return starts if not rest.strip("%") else ("and", starts, said) if twice else said


def _literal_start(pattern: str) -> tuple[str, str]:
    """What a like pattern begins with before its first wildcard, and the rest of it from there on."""
    start = _LITERAL.match(pattern)
    assert start is not None
    return _ESCAPED.sub(r"\1", start[0]), pattern[start.end() :]


_LITERAL = re.compile(r"(?:[^%_\\]|\\.|\\\Z)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _way_to(frame: Frame) -> tuple[_engine.Path, ...] | None:
    """The paths from the outermost row to that of a frame, one after another."""
    paths: list[_engine.Path] = []
    while frame.outer is not None:
        if frame.via is None:
            return None
        frame, path = frame.via
        paths.append(path)
    return tuple(reversed(paths))


def _stored(info: FieldInfo, keyed: bool) -> _engine.Field:
    engine = info.engine
    return engine.key_field if keyed and engine.key_field is not None else engine


def _names(relation: Relation, name: str, classes: tuple[type, ...]) -> bool:
    """Whether a name is that of one of some models."""
    found = relation.definition.db.definitions.get(name)
    return found is not None and found.cls in classes


def _ways_to(column: Column) -> list[list[Relation]]:
    """The ways up to the row that a comparison binds, of those by which the column is reached."""
    found: dict[tuple[Relation, ...], None] = {}
    for way in ways(column.root, column.steps):
        if way[-1].target.attribute(column.field.name) is not None:
            found[tuple(way[: len(column.some)])] = None
    return [list(way) for way in found]


def _key_columns(root: Definition, steps: Sequence[Relation], last: Relation) -> tuple[Column, ...]:
    """The foreign key of the belongs_to at the end of steps."""
    last.definition.ensure()
    if len(steps) == 1:
        return tuple(info.column for info in last.foreign_key)
    return tuple(Column(root, tuple(steps[:-1]), info) for info in last.foreign_key)


def _alike(held: Iterable[Held], typed: bool) -> list[list[tuple[Any, ...]]]:
    """Keys apart, or, of the pairs of type field and key, those of one model together."""
    found: dict[object, list[tuple[Any, ...]]] = {}
    for number, key in enumerate(held):
        if key is not None:
            found.setdefault(key[0] if typed else number, []).append(key)
    return list(found.values())


def _engine_values(record: Any, definition: Definition, names: Iterable[str]) -> tuple[Any, ...]:
    return _engine.values(record, [definition.fields[name].engine for name in names])
