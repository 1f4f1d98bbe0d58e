"""Rows in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine, host, kinds
from .aggregates import Aggregate
from .columns import Column, Operand, to_many
from .errors import FieldError, UnknownName, show
from .path import is_path, root_of, steps_of
from .predicates import shown
from .scope import Frame, find
from .ways import walk, ways

if TYPE_CHECKING:
    from .definition import Definition, Relation
    from .query import Query


@dataclass(frozen=True, slots=True, eq=False)
class _By:
    """What rows are grouped by: the columns that are compared, and, for a relation, the path to the record that is
    shown."""

    name: str
    columns: tuple[Operand, ...]
    steps: tuple[Relation, ...] | None
    root: Definition


class Groups:
    """Rows with equal columns or equal related records, in order of first encounter. Ask by `agg`.

    >>> from sinew._example import Post
    >>> from sinew import count, sum_
    >>> Post.group_by(Post.author.name).agg(n=count(), views=sum_(Post.views))
    [{'name': 'Ann', 'n': 2, 'views': 13}, {'name': 'Bob', 'n': 1, 'views': 30}]
    """

    __slots__ = ("_by", "_query")

    def __init__(self, query: Query, by: tuple[Any, ...]) -> None:
        if not by:
            raise FieldError("group_by() needs columns or relations, such as group_by(Post.author)")
        self._query = query
        self._by = tuple(map(_key, by))
        names = [each.name for each in self._by]
        for name in names:
            if names.count(name) > 1:
                raise FieldError(f"group_by(): several are named `{name}`; group by one of them, or by the relation")

    def __repr__(self) -> str:
        return f"<Groups of {self._query!r} by {', '.join(each.name for each in self._by)}>"

    def __getattr__(self, name: str, /) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        raise UnknownName(f"a group_by() has no `{name}`; ask it by agg(), such as agg(n=count())")

    def agg(self, **aggregates: Any) -> list[dict[str, Any]]:
        """A dict for each group: what it is grouped by under the name of the column or relation (the record), and the
        aggregates: count(), sum_(column), avg, min_, max_."""
        for name, aggregate in aggregates.items():
            self._check(name, aggregate)
        return self._query._steadily(self._agg_now, aggregates)

    def _agg_now(self, aggregates: dict[str, Any]) -> list[dict[str, Any]]:
        columns = [column for each in self._by for column in each.columns]
        query = self._query._over_links([*columns, *aggregates.values()])
        run = host.start(query._definition.db)
        frame, rows = query._found(run)
        lowering = run.lowering()
        for each in self._by:
            _need_key(each)
        keys = [lowering.coded(column, frame) for column in columns]
        plan = _engine.Plan(frame.definition.cls, values=keys, at=run.time)
        host.fill(plan, lowering.slots, run, rows)
        firsts, groups = plan.group(range(len(keys)), rows)
        shown_keys = [_shown(each, frame, firsts, run) for each in self._by]
        found = [_computed(aggregate, frame, rows, groups, len(firsts), run) for aggregate in aggregates.values()]
        names = [*(each.name for each in self._by), *aggregates]
        return [dict(zip(names, row, strict=True)) for row in zip(*shown_keys, *found, strict=True)]

    def _check(self, name: str, aggregate: object) -> None:
        if not isinstance(aggregate, Aggregate):
            raise FieldError(
                f"agg({name}=...) takes aggregates such as count() or max_(Post.views), not "
                f"{shown(aggregate) if isinstance(aggregate, Operand) else show(aggregate)}"
            )
        if aggregate.path is not None:
            raise FieldError(
                f"agg({name}=...): {aggregate!r} goes along a path; over a group write count(), or name a column"
            )
        if aggregate.conditions:
            raise FieldError(
                f"agg({name}=...): {aggregate!r} has conditions, which choose among what a path leads to; choose the "
                f"rows before they are grouped, as in {self._query._definition.name}.where(...).group_by(...)"
            )
        if any(each.name == name for each in self._by):
            raise FieldError(f"agg({name}=...): the groups have `{name}` already; choose another name")


def _key(value: Any) -> _By:
    if is_path(value):
        return _relation_key(value)
    if isinstance(value, Column):
        return _By(value.name, (value,), None, value.root)
    raise FieldError(f"group_by() takes columns and relations such as Post.author, not {show(value)}")


def _need_key(by: _By) -> None:
    for column in by.columns:
        kind = kinds.of_value(column)
        if kind.name == "object" and kind.key is None and not kind.loose:
            raise FieldError(f"group_by() needs values that can be indexed; declare {column!r} with field(key=...)")


def _relation_key(path: Any) -> _By:
    """By the foreign key where it surely leads to a record, else by the key of the record."""
    root, steps = root_of(path), steps_of(path)
    last = ways(root, steps)[0][-1].base if steps[-1].members else walk(root, steps)[-1]
    if to_many(steps):
        raise FieldError(
            f"group_by() takes to-one relations, and {path!r} is to-many; group the other model: by its belongs_to"
        )
    last.definition.ensure()
    if last.members or (last.kind == "belongs_to" and last.declaration.enforce and last.base is last):
        columns = tuple(Column(root, steps[:-1], info) for info in last.foreign_key)
    else:
        target = last.target
        columns = tuple(Column(root, steps, target.fields[name]) for name in target.primary_key)
    return _By(last.name, columns, steps, root)


def _shown(by: _By, frame: Frame, firsts: _engine.Rows, run: host.Run) -> list[Any]:
    """What stands for each group: a value, or the record."""
    if by.steps is None:
        return host.columns(frame, by.columns, firsts, run)[0]
    before, steps = find(by.root, by.name, frame)[2], by.steps
    if not steps[-1].members:
        path = run.lowering().path([*before, *walk(by.root, steps)])
        return [path.first(record) for record in firsts]
    owners, way = list(firsts), [*before, *walk(by.root, steps[:-1])]
    if way:
        path = run.lowering().path(way)
        owners = [path.first(record) for record in owners]
    return [None if owner is None else getattr(owner, steps[-1].name) for owner in owners]


def _computed(
    aggregate: Aggregate, frame: Frame, rows: _engine.Rows, groups: Sequence[int], count: int, run: host.Run
) -> list[Any]:
    """One aggregate, a value for each group."""
    if aggregate.over is None:
        return _engine.Plan(frame.definition.cls).group_aggregate("count", None, rows, groups, count)
    kind = kinds.of_value(aggregate.over)
    kinds.aggregated(aggregate.op, aggregate.over, kind)
    if kinds.computed_in_python(aggregate):
        listed: list[list[Any]] = [[] for _ in range(count)]
        for group, value in zip(groups, host.columns(frame, [aggregate.over], rows, run)[0], strict=True):
            if group < count:  # else it has been deleted since
                listed[group].append(value)
        return [host.fold(aggregate.op, values, kind) for values in listed]
    lowering = run.lowering()
    plan = _engine.Plan(frame.definition.cls, values=[lowering.value(aggregate.over, frame)], at=run.time)
    host.fill(plan, lowering.slots, run, rows)
    return plan.group_aggregate(aggregate.op, 0, rows, groups, count)
