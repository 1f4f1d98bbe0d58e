"""A naive store: lists, linear searches, whole-state copies. It knows no index, no cache and no journal.

Unique keys are judged at the end of each statement, references at the end of the outermost unit (docs/transactions.md).
Deleting follows on_delete; whatever then still refers to a row that is gone is refused, by a restrict or as dangling.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """The oracle's verdict; `kind` is null, unique, reference or key_in_use."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Ref:
    """A belongs_to: `columns` here hold the values of `target_columns` of `target`."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str = "restrict"
    enforce: bool = True


@dataclass(frozen=True)
class Shape:
    """What the oracle knows of a model."""

    fields: tuple[str, ...]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    unique: tuple[tuple[str, ...], ...] = ()
    refs: tuple[Ref, ...] = ()


@dataclass
class Row:
    uid: int
    model: str
    values: dict[str, Any]
    arrival: dict[str, int] = field(default_factory=dict)

    def get(self, columns: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(self.values[c] for c in columns)


class Oracle:
    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = shapes
        self.rows: list[Row] = []
        self.saved: list[list[Row]] = []
        self.stamp = 0
        self.uids = 0

    # ------------------------------------------------------------ reading

    def of(self, model: str) -> list[Row]:
        return [row for row in self.rows if row.model == model]

    def by_uid(self, uid: int) -> Row | None:
        return next((row for row in self.rows if row.uid == uid), None)

    def target(self, row: Row, ref: Ref) -> Row | None:
        key = row.get(ref.columns)
        if None in key:
            return None
        return next((t for t in self.of(ref.target) if t.get(ref.target_columns) == key), None)

    def children(self, row: Row, model: str, ref: Ref) -> list[Row]:
        """Rows of `model` that refer to this one, in order of arrival."""
        key = row.get(ref.target_columns)
        found = [child for child in self.of(model) if child.get(ref.columns) == key and None not in key]
        return sorted(found, key=lambda child: child.arrival[ref.name])

    # ------------------------------------------------------------ units

    def begin(self) -> None:
        self.saved.append(copy.deepcopy(self.rows))

    def rollback(self) -> None:
        self.rows = self.saved.pop()

    def commit(self) -> None:
        if len(self.saved) == 1:
            self.check_references()
        self.saved.pop()

    def statement(self, change: Any, *arguments: Any) -> Any:
        self.begin()
        try:
            result = change(*arguments)
            self.check_rows()
            self.commit()
        except Refused:
            self.rollback()
            raise
        return result

    def check_rows(self) -> None:
        for model, shape in self.shapes.items():
            rows = self.of(model)
            for row in rows:
                for name in shape.fields:
                    if row.values[name] is None and name not in shape.nullable:
                        raise Refused("null")
            for columns in (shape.key, *shape.unique):
                keys = [row.get(columns) for row in rows]
                keys = [key for key in keys if None not in key]
                if len(keys) != len(set(keys)):
                    raise Refused("unique")

    def check_references(self) -> None:
        for row in self.rows:
            for ref in self.shapes[row.model].refs:
                if ref.enforce and None not in row.get(ref.columns) and self.target(row, ref) is None:
                    raise Refused("reference")

    # ------------------------------------------------------------ statements

    def create(self, model: str, values: dict[str, Any]) -> Row:
        return self.statement(self._create, model, values)

    def _create(self, model: str, values: dict[str, Any]) -> Row:
        self.uids += 1
        row = Row(self.uids, model, dict.fromkeys(self.shapes[model].fields) | values)
        for ref in self.shapes[model].refs:
            self.arrive(row, ref)
        self.rows.append(row)
        return row

    def arrive(self, row: Row, ref: Ref) -> None:
        self.stamp += 1
        row.arrival[ref.name] = self.stamp

    def update(self, changes: list[tuple[int, dict[str, Any]]]) -> None:
        self.statement(self._update, changes)

    def _update(self, changes: list[tuple[int, dict[str, Any]]]) -> None:
        for uid, values in changes:
            row = self.by_uid(uid)
            assert row is not None
            before = {ref: row.get(ref.columns) for ref in self.shapes[row.model].refs}
            row.values.update(values)
            for ref, old in before.items():
                if row.get(ref.columns) != old:
                    self.arrive(row, ref)

    def delete(self, uids: list[int]) -> None:
        self.statement(self._delete, uids)

    def _delete(self, uids: list[int]) -> None:
        waiting = list(uids)
        while waiting:
            row = self.by_uid(waiting.pop(0))
            if row is None:
                continue
            for model, shape in self.shapes.items():
                for ref in shape.refs:
                    if ref.target == row.model:
                        for child in self.children(row, model, ref):
                            if ref.on_delete == "cascade":
                                waiting.append(child.uid)
                            elif ref.on_delete == "nullify":
                                child.values.update(dict.fromkeys(ref.columns))
                                self.arrive(child, ref)
            self.rows.remove(row)
