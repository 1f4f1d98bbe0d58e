"""Values and the records that have them: what nested writing asks of single records.

An unchanged value is no write: it leaves the record, and when it was changed last, as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from . import _engine, errors, pivots
from .compile import Lowering
from .errors import RelationError, show
from .links import _among
from .scope import Frame

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation
    from .tree_reading import Node


def refers(node: Node, relation: Relation, value: Any) -> bool:
    """Whether the values of a node hold this foreign key."""
    given = tuple(node.values.get(info.name) for info in relation.foreign_key)
    return given == (value if isinstance(value, tuple) else (value,))


def deleted_one(values: Mapping[str, Any]) -> str | None:
    """The name of the first value that is a deleted record."""
    return next((name for name, value in values.items() if _is_deleted(value)), None)


def _is_deleted(value: object) -> bool:
    return isinstance(value, _engine.Record) and not _engine.alive(value)


def require_alive(record: Any) -> None:
    """The record can be written to. RecordDeleted."""
    if _engine.parked(record):
        raise errors.soft_deleted(record)
    if not _engine.alive(record):
        raise errors.deleted(type(record), "it")


def is_here(record: Any, own: Mapping[str, Any]) -> bool:
    """Whether a record refers to the owner already."""
    reference = next(iter(own))
    return _engine.alive(record) and _leads_to(record, type(record).__sinew__.relations[reference], own[reference])


# ---------------------------------------------------------------- unique values


def keys_in(node: Node, names: Set[str]) -> dict[str, Any]:
    """What the values say of these fields, by themselves or by a record that is referred to."""
    found = {name: value for name, value in node.values.items() if name in names}
    for relation in node.definition.belongs_to():
        record = node.values.get(relation.name)
        if record is not None and not names.isdisjoint(info.name for info in relation.foreign_key):
            keys = zip(relation.foreign_key, relation.key_of(record), strict=True)
            found.update((info.name, key) for info, key in keys if info.name in names)
    return found


def would_have(record: Any, new: Mapping[str, Any], names: Sequence[str], values: Sequence[Any]) -> bool:
    """Whether new values make a record have these."""
    if new.keys().isdisjoint(names):
        return False
    fields = [type(record).__sinew__.fields[name].engine for name in names]
    stored = dict(zip(names, _engine.values(record, fields), strict=True))
    return all({**stored, **new}[name] == value for name, value in zip(names, values, strict=True))


def update_together(values: Mapping[Any, Mapping[str, Any]]) -> None:
    """Sets fields of several records of a model as one statement."""
    if len(values) < 2:
        for record, each in values.items():
            _engine.update(record, each)
        return
    definition: Definition = type(next(iter(values))).__sinew__
    where = Lowering(definition.db).predicate(_among(definition, list(values)), Frame(definition))
    rows = _engine.Plan(definition.cls, where=where).rows()
    infos = [definition.fields[name] for name in dict.fromkeys(name for each in values.values() for name in each)]
    fields = [info.engine for info in infos]
    columns: list[list[Any]] = [[] for _ in infos]
    for record in rows.records():
        stored = _engine.values(record, fields)
        for column, info, old in zip(columns, infos, stored, strict=True):
            column.append(values[record].get(info.name, old))
    rows.update(fields, columns, [False] * len(fields))


# ---------------------------------------------------------------- links


def beside_ends(relation: Relation, owner: Any, target: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a link, without what it links. RelationError if that is not these two."""
    wrong: list[str] = []
    for link in pivots.branches(relation):
        ends: dict[str, Any] = {}
        for side, record in ((link.near, owner), (link.far, target)):
            ends[side.name] = record
            ends.update(zip((info.name for info in side.foreign_key), side.key_of(record), strict=True))
        wrong = [name for name, end in ends.items() if name in values and not _is_end(values[name], end)]
        if not wrong:
            return {name: value for name, value in values.items() if name not in ends}
    raise RelationError(
        f"{relation.definition.name}.{relation.name} links {owner!r} and {target!r}; "
        f"{wrong[0]}={show(values[wrong[0]])} contradicts that, leave it out"
    )


def _is_end(value: object, end: object) -> bool:
    if isinstance(end, _engine.Record):
        return value is end
    return type(value) is type(end) and bool(value == end)


# ---------------------------------------------------------------- what is new


def changed(record: Any, definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that a record does not have. FieldError for values of the wrong type."""
    infos = [definition.fields[name] for name in values if name in definition.fields]
    stored = _engine.values(record, [info.engine for info in infos])
    unchanged = {info.name for info, old in zip(infos, stored, strict=True) if _same(info, values[info.name], old)}
    if len(infos) < len(values):
        relations = definition.relations
        unchanged |= {n for n, value in values.items() if n in relations and _leads_to(record, relations[n], value)}
    return {name: value for name, value in values.items() if name not in unchanged}


_EXACT = frozenset({"float", "Decimal", "datetime", "time"})
"""Kinds with values that are equal and not the same: -0.0, 1.0 and 1.00, zones."""


def _same(info: FieldInfo, value: Any, old: Any) -> bool:
    if value is old:
        return True
    if info.kind == "object":
        return False
    value = info.engine.convert(value)
    return type(value) is type(old) and value == old and (info.kind not in _EXACT or repr(value) == repr(old))


def _leads_to(record: Any, relation: Relation, value: Any) -> bool:
    """Whether a belongs_to holds this record already. What cannot be in it is for the assignment to refuse."""
    if value is not None and not (isinstance(value, _engine.Record) and _engine.alive(value)):
        return False
    stored = _engine.values(record, [info.engine for info in relation.foreign_key])
    if value is None:
        return not any(each is not None for each in stored)
    return any(target.cls is type(value) for target in relation.targets) and bool(stored == relation.key_of(value))
