"""A naive store: lists, linear searches, whole-state copies. It knows no index, no cache and no journal.

Unique keys are judged at the end of each statement, references and deferred unique keys at the end of the outermost
unit (docs/transactions.md). A key that enforced references hold does not change. Deleting follows on_delete; whatever
then still refers to a row that is gone is refused, by a restrict or as dangling. Rows of a soft model go into a bin and
come back from it; nothing but the bin knows them meanwhile. A model may get another shape: rows
are kept by the names of their fields, or the old shape stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """The oracle's verdict; `kind` is null, half, unique, reference, key_in_use, or late (several that wait for the
    end)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Ref:
    """A belongs_to: `columns` here hold the values of `target_columns` of `target`. tag: of one that may lead to
    several models, the column that says to which, and what it holds for this one; each of them has a Ref of that
    name."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str = "restrict"
    enforce: bool = True
    tag: tuple[str, Any] | None = None

    def key(self, row: Row) -> tuple[Any, ...] | None:
        """The key of the target that a row holds, or None if it refers to nothing by this."""
        key = row.get(self.columns)
        ours = self.tag is None or row.values[self.tag[0]] == self.tag[1]
        return key if ours and None not in key else None

    @property
    def all_columns(self) -> tuple[str, ...]:
        return (*self.columns, self.tag[0]) if self.tag else self.columns


@dataclass(frozen=True)
class Shape:
    """What the oracle knows of a model."""

    fields: tuple[str, ...]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    unique: tuple[tuple[str, ...], ...] = ()
    refs: tuple[Ref, ...] = ()
    deferred: tuple[tuple[str, ...], ...] = ()
    soft: bool = False


@dataclass
class Row:
    uid: int
    model: str
    values: dict[str, Any]
    arrival: dict[str, int] = field(default_factory=dict)
    taken: bool = False  # into the bin by a cascade

    def get(self, columns: tuple[str, ...]) -> tuple[Any, ...]:
        values = self.values
        return tuple([values[name] for name in columns])

    def copy(self) -> Row:
        return Row(self.uid, self.model, dict(self.values), dict(self.arrival), self.taken)


class Oracle:
    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = dict(shapes)
        self.rows: list[Row] = []
        self.bin: list[Row] = []
        self.saved: list[tuple[list[Row], list[Row]]] = []
        self.stamp = 0
        self.uids = 0

    # ------------------------------------------------------------ reading

    def of(self, model: str) -> list[Row]:
        return [row for row in self.rows if row.model == model]

    def by_uid(self, uid: int) -> Row | None:
        return next((row for row in self.rows if row.uid == uid), None)

    def target(self, row: Row, ref: Ref) -> Row | None:
        key = ref.key(row)
        return key and next((t for t in self.of(ref.target) if t.get(ref.target_columns) == key), None)

    def deleted(self, model: str) -> list[Row]:
        """Those in the bin, in order of insertion."""
        return sorted((row for row in self.bin if row.model == model), key=lambda row: row.uid)

    def children(self, row: Row, model: str, ref: Ref) -> list[Row]:
        """Rows of `model` that refer to this one, in order of arrival."""
        key = row.get(ref.target_columns)
        found = [child for child in self.of(model) if ref.key(child) == key]
        return sorted(found, key=lambda child: child.arrival[ref.name])

    # ------------------------------------------------------------ units

    def begin(self) -> None:
        self.saved.append(([row.copy() for row in self.rows], [row.copy() for row in self.bin]))

    def rollback(self) -> None:
        self.rows, self.bin = self.saved.pop()

    def commit(self) -> None:
        if len(self.saved) == 1:
            self.check_the_end()
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
                for ref in shape.refs:
                    if ref.tag and len({value is None for value in row.get(ref.all_columns)}) > 1:
                        raise Refused("half")
            if any(self.repeated(rows, columns) for columns in (shape.key, *shape.unique)):
                raise Refused("unique")

    def repeated(self, rows: list[Row], columns: tuple[str, ...]) -> bool:
        keys = [key for row in rows if None not in (key := row.get(columns))]
        return len(keys) != len(set(keys))

    def check_the_end(self) -> None:
        deferred = any(
            self.repeated(self.of(model), columns) for model, shape in self.shapes.items() for columns in shape.deferred
        )
        dangling = self.is_dangling()
        if deferred or dangling:
            raise Refused("late" if deferred and dangling else "unique" if deferred else "reference")

    def is_dangling(self) -> bool:
        return any(
            ref.enforce and ref.key(row) is not None and self.target(row, ref) is None
            for row in self.rows
            for ref in self.shapes[row.model].refs
        )

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
            self.check_key_unused(uid, values)
        for uid, values in changes:
            row = self.by_uid(uid)
            assert row is not None
            before = {ref: row.get(ref.all_columns) for ref in self.shapes[row.model].refs}
            row.values.update(values)
            for ref, old in before.items():
                if row.get(ref.all_columns) != old:
                    self.arrive(row, ref)

    def check_key_unused(self, uid: int, values: dict[str, Any]) -> None:
        row = self.by_uid(uid)
        assert row is not None
        for model, shape in self.shapes.items():
            for ref in shape.refs:
                if ref.enforce and ref.target == row.model and self.children(row, model, ref):
                    if any(values.get(name, row.values[name]) != row.values[name] for name in ref.target_columns):
                        raise Refused("key_in_use")

    def arrange(self, uids: list[int], ref: Ref) -> None:
        """Makes this the order of arrival of these rows."""
        for uid in uids:
            row = self.by_uid(uid)
            assert row is not None
            self.arrive(row, ref)

    def delete(self, uids: list[int], force: bool = False) -> None:
        self.statement(self._delete, uids, force)

    def _delete(self, uids: list[int], force: bool = False) -> None:
        rows = [row for row in self.rows if row.uid in uids]
        aside = not force and any(self.shapes[row.model].soft for row in rows)
        gone = [row for row in self.bin if row.uid in uids and force]
        self.bin = [row for row in self.bin if row not in gone]
        waiting = [row.uid for row in rows]
        loose: list[tuple[Row, Ref]] = []
        while waiting:
            row = self.by_uid(waiting.pop(0))
            if row is None:
                continue
            waiting += self._follow(row, loose)
            self.rows.remove(row)
            row.taken = row.uid not in uids
            (self.bin if aside else gone).append(row)
        for child, ref in loose:
            if child in self.rows:  # what goes along keeps its keys, whatever went first
                child.values.update(dict.fromkeys(ref.all_columns))
                self.arrive(child, ref)
        if not aside:
            self._delete_deleted(gone)

    def _follow(self, row: Row, loose: list[tuple[Row, Ref]]) -> list[int]:
        """Those that go with a row; adds to `loose` those that are cut loose from it, by which reference."""
        going: list[int] = []
        for model, shape in self.shapes.items():
            for ref in shape.refs:
                if ref.target == row.model:
                    for child in self.children(row, model, ref):
                        if ref.on_delete == "cascade":
                            going.append(child.uid)
                        elif ref.on_delete == "nullify":
                            loose.append((child, ref))
        return going

    def _delete_deleted(self, gone: list[Row]) -> None:
        """What in the bin refers to rows that are gone goes too, or is cut loose."""

        def refers(row: Row, ref: Ref) -> bool:
            return any(each.model == ref.target and each.get(ref.target_columns) == ref.key(row) for each in gone)

        more = True
        while more:
            refs = {row.uid: self.shapes[row.model].refs for row in self.bin}
            found = [r for r in self.bin if any(f.on_delete == "cascade" and refers(r, f) for f in refs[r.uid])]
            self.bin = [row for row in self.bin if row not in found]
            gone += found
            more = bool(found)
        for row in self.bin:
            for ref in self.shapes[row.model].refs:
                if ref.on_delete == "nullify" and refers(row, ref):
                    row.values.update(dict.fromkeys(ref.all_columns))

    def restore(self, uids: list[int]) -> list[Row]:
        """Returns the rows that came back."""
        found: list[Row] = self.statement(self._restore, uids)
        return found

    def _restore(self, uids: list[int]) -> list[Row]:
        named = sorted((row for row in self.bin if row.uid in uids), key=lambda row: row.uid)
        fit = [row for row in self.bin if row.taken and row not in named]
        back = {row.uid for row in (*self.rows, *named)}
        while True:  # the most that miss nothing but each other
            there = back | {row.uid for row in fit}
            staying = [row for row in fit if not self._misses(row, there)]
            if len(staying) == len(fit):
                break
            fit = staying
        returned = list(named)
        for row in returned:  # which grows
            for other in fit:
                calls = row not in named and self._refers(row, other)  # who is named waits for what it misses
                if other not in returned and (calls or self._refers(other, row)):
                    returned.append(other)
        self.bin = [row for row in self.bin if row not in returned]
        self.rows = sorted((*self.rows, *returned), key=lambda row: row.uid)
        for row in returned:
            row.taken = False
            for ref in self.shapes[row.model].refs:
                self.arrive(row, ref)
        return returned

    def _refers(self, row: Row, to: Row) -> bool:
        return any(
            ref.target == to.model and ref.key(row) == to.get(ref.target_columns) for ref in self.shapes[row.model].refs
        )

    def _misses(self, row: Row, there: set[int]) -> bool:
        """An enforced reference of it has no target among these."""
        for ref in self.shapes[row.model].refs:
            key = ref.key(row)
            targets = [
                each
                for each in (*self.rows, *self.bin)
                if each.uid in there and each.model == ref.target and each.get(ref.target_columns) == key
            ]
            if ref.enforce and key and not targets:
                return True
        return False

    # ------------------------------------------------------------ another shape

    def redefine(self, model: str, shape: Shape, defaults: dict[str, Any]) -> None:
        """Fields that stay keep their values, new ones take their default. Where the column of a foreign key or the
        kind of index over it changes, rows count as arriving in order of insertion."""
        old = self.shapes[model]
        try:
            self.statement(self._redefine, model, shape, defaults)
        except Refused:
            self.shapes[model] = old
            raise

    def _redefine(self, model: str, shape: Shape, defaults: dict[str, Any]) -> None:
        old, self.shapes[model] = self.shapes[model], shape
        for row in self.of(model):
            row.values = {name: row.values.get(name, defaults.get(name)) for name in shape.fields}
            for ref in shape.refs:
                if not self.column_stays(old, shape, ref.columns):
                    self.arrive(row, ref)

    def column_stays(self, old: Shape, new: Shape, columns: tuple[str, ...]) -> bool:
        """The column of a foreign key, and the kind of index over it."""
        same = all(name in old.fields and (name in old.nullable) == (name in new.nullable) for name in columns)
        return same and (columns in old.unique) == (columns in new.unique)
