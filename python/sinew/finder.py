"""Which record a mapping of values means: the one that has its primary key, or else its unique keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _engine
from .errors import FieldError, show

if TYPE_CHECKING:
    from .definition import Definition, Relation
    from .tree_reading import Node


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index. parts: each of its fields by name, with the references whose foreign keys it is in, and its place
    there."""

    index: _engine.Index
    parts: tuple[tuple[str, tuple[tuple[Relation, int], ...]], ...]

    @property
    def names(self) -> str:
        """Its fields, for messages."""
        return ", ".join(name for name, _ in self.parts)

    def of(self, values: Mapping[str, Any], implied: Mapping[str, Any]) -> list[Any] | None:
        """What it is for these values; None unless they hold all of it."""
        found = []
        for name, references in self.parts:
            value = implied.get(name)
            if value is None:
                value = values.get(name)
            if value is None:
                value = next(
                    (key for relation, i in references if (key := _key_at(values, relation, i)) is not None), None
                )
            if value is None:
                return None
            found.append(value)
        return found


def _key_at(values: Mapping[str, Any], relation: Relation, position: int) -> Any:
    value = values.get(relation.name)
    if not isinstance(value, tuple(target.cls for target in relation.targets)):
        return None
    return relation.key_of(value)[position]


class Finder:
    """Finds records by the keys of their models, which it looks up once."""

    def __init__(self) -> None:
        self._keys: dict[Definition, tuple[Key, Sequence[Key], frozenset[str]]] = {}

    def has_primary_key(self, node: Node) -> bool:
        """Whether the values hold the primary key."""
        return self._of(node.definition)[0].of(node.values, {}) is not None

    def unique_fields(self, definition: Definition) -> frozenset[str]:
        """The names of the fields that are in a unique key, but for the primary one."""
        return self._of(definition)[2]

    def find(self, node: Node, implied: Mapping[str, Any]) -> Any:
        """The record with the primary key that these values hold, or the one with each of their unique keys; None if
        there is none, or no key. FieldError for keys of different records, or of one and of none."""
        primary, others, _ = self._of(node.definition)
        key = primary.of(node.values, implied)
        if key is not None:
            return primary.index.find(key)
        found = [(each, each.index.find(key)) for each in others if (key := each.of(node.values, implied)) is not None]
        if not found:
            return None
        record = found[0][1]
        if any(other is not record for _, other in found):
            listed = "; ".join(f"({key.names}) of {'none' if each is None else show(each)}" for key, each in found)
            raise FieldError(
                f"these values hold unique keys of different {node.definition.name} records: {listed}; say which is "
                f"meant by its primary key ({primary.names}), or give the record"
            )
        return record

    def _of(self, definition: Definition) -> tuple[Key, Sequence[Key], frozenset[str]]:
        known = self._keys.get(definition)
        if known is None:
            definition.ensure()
            keys = [
                Key(index, tuple((name, _references(definition, name)) for name in (f.name for f in index.fields)))
                for plan, index in definition.table.indexes.items()
                if plan.kind == "unique" and not plan.deferred
            ]
            names = set(definition.primary_key)
            primary = next(key for key in keys if {name for name, _ in key.parts} == names)
            others = [key for key in keys if key is not primary]
            fields = frozenset(name for key in others for name, _ in key.parts if name not in names)
            known = self._keys[definition] = (primary, others, fields)
        return known


def _references(definition: Definition, name: str) -> tuple[tuple[Relation, int], ...]:
    found = []
    for relation in definition.belongs_to():
        found += [(relation, i) for i, info in enumerate(relation.foreign_key) if info.name == name]
    return tuple(found)
