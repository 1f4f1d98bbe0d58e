"""What the rules share: running a statement on both sides, units, holding records, comparing every view."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from sinew import DeleteRestricted, FieldError, IntegrityError, RecordDeleted, SinewError, UniqueError

from .models import COLLECTIONS, MODELS, PLAIN, SHAPES, store
from .oracle import Oracle, Ref, Refused, Row

EXPECTED: dict[str, tuple[type[SinewError], ...]] = {
    "half": (FieldError,),
    "unique": (UniqueError,),
    "reference": (IntegrityError, DeleteRestricted),
    "key_in_use": (IntegrityError,),
    "late": (UniqueError, IntegrityError, DeleteRestricted),
}
SAYS = {
    "unique": "exists already|exists by now",
    "reference": "do not exist|cannot be deleted",
    "key_in_use": "cannot change while",
    "late": "",
    "half": "say together which record is meant",
    "null": "None",
}
NAMES = st.sampled_from(["", "a", "b", "ä", "a%b", "\ud800", "long " * 20])
SCORES = st.sampled_from([None, -1, 0, 1, 2, 2**63 - 1])
PICK = st.integers(0, 10_000)
SELDOM = st.sampled_from([False, False, False, True])  # what rows refuse most, and what leaves few of them

ARGUMENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {}


def statement(**arguments: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What a step of a program chooses from. A rule of its own for each would do less: hypothesis leaves most of so
    many rules out of a program."""

    def made(function: Callable[..., None]) -> Callable[..., None]:
        ARGUMENTS[function.__name__] = arguments
        return function

    return made


class Boom(Exception):
    """What leaves a block of a transaction."""


class Base(RuleBasedStateMachine):
    """`held` maps the oracle's uid to a record that somebody holds."""

    def start(self) -> None:
        store.clear()
        PLAIN.define()
        self.oracle = Oracle(SHAPES)
        self.held: dict[int, Any] = {}
        self.open: list[Any] = []
        self.iterators: list[tuple[Any, list[int]]] = []
        self.collections = dict(COLLECTIONS)

    def teardown(self) -> None:
        self.iterators = []
        while getattr(self, "open", None):
            block, transaction = self.open.pop()
            transaction.rollback()
            block.__exit__(None, None, None)

    # ------------------------------------------------------------ helpers

    def key(self, row: Row) -> Any:
        key = row.get(self.oracle.shapes[row.model].key)
        return key[0] if len(key) == 1 else key

    def record(self, row: Row) -> Any:
        return MODELS[row.model][self.key(row)]

    def reference(self, model: str, name: str, target: str = "") -> Ref:
        refs = self.oracle.shapes[model].refs
        return next(ref for ref in refs if ref.name == name and (not target or ref.target == target))

    def pick(self, model: str, number: int) -> Row | None:
        rows = self.oracle.of(model)
        return rows[number % len(rows)] if rows else None

    def pick_crowded(self, model: str, number: int) -> Row | None:
        """One of the rows that most others refer to, as often as any."""
        rows = self.oracle.of(model)
        if number % 2 or not rows:
            return self.pick(model, number // 2)
        refs = [(name, ref) for name, shape in self.oracle.shapes.items() for ref in shape.refs if ref.target == model]
        return max(rows, key=lambda row: sum(len(self.oracle.children(row, name, ref)) for name, ref in refs))

    def both(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> bool:
        """Runs a statement on both sides; they must agree on success and on the kind of refusal."""
        try:
            theirs()
        except Refused as refused:
            try:
                ours()
            except EXPECTED[refused.kind] as error:
                assert re.search(SAYS[refused.kind], str(error)), f"{refused.kind}: {error}"
                return False
            raise AssertionError(f"should have been refused: {refused.kind}") from None
        ours()
        return True

    def create(self, model: str, arguments: dict[str, Any], values: dict[str, Any], hold: bool) -> None:
        made: list[Any] = []

        def ours() -> None:
            made.append(MODELS[model](**arguments))

        key = self.oracle.shapes[model].key
        if key == ("id",) and "id" not in values:
            try:
                ours()
            except (UniqueError, IntegrityError) as error:
                fresh = max((row.values["id"] for row in self.oracle.of(model)), default=0) + 1_000_000
                try:
                    self.oracle.create(model, values | {"id": fresh})
                except Refused as refused:
                    assert isinstance(error, EXPECTED[refused.kind])
                    return
                raise
            row = self.oracle.create(model, values | {"id": made[0].id})
        elif self.both(ours, lambda: self.oracle.create(model, values)):
            row = self.oracle.rows[-1]
        else:
            return
        if hold:
            self.held[row.uid] = made[0]

    # ------------------------------------------------------------ units

    @statement()
    def begin(self) -> None:
        if len(self.open) == 3:
            return
        block = store.transaction()
        self.open.append((block, block.__enter__()))
        self.oracle.begin()

    @statement()
    def rollback(self) -> None:
        if not self.open:
            return
        block, transaction = self.open.pop()
        transaction.rollback()
        block.__exit__(None, None, None)
        self.oracle.rollback()

    @statement()
    def leave_by_an_exception(self) -> None:
        if not self.open:
            return
        block, _ = self.open.pop()
        block.__exit__(Boom, Boom(), None)
        self.oracle.rollback()

    @statement()
    def commit(self) -> None:
        if not self.open:
            return
        block, _ = self.open.pop()
        try:
            self.oracle.commit()
        except Refused as refused:
            self.oracle.rollback()
            try:
                block.__exit__(None, None, None)
            except EXPECTED[refused.kind] as error:
                assert re.search(SAYS[refused.kind], str(error)), f"{refused.kind}: {error}"
                return
            raise AssertionError("the commit should have been refused") from None
        block.__exit__(None, None, None)

    # ------------------------------------------------------------ holding

    @statement(model=st.sampled_from(list(MODELS)), which=PICK)
    def hold(self, model: str, which: int) -> None:
        if row := self.pick(model, which):
            self.held[row.uid] = self.record(row)

    @statement(which=PICK)
    def let_go(self, which: int) -> None:
        if self.held:
            seen = weakref.ref(self.held.pop(list(self.held)[which % len(self.held)]))
            assert seen() is None, "somebody else holds it"

    @statement()
    def collect(self) -> None:
        gc.collect()

    # ------------------------------------------------------------ comparing

    def is_alive(self, record: Any) -> bool:
        try:
            record.to_dict()
        except RecordDeleted:
            return False
        return True

    def keys(self, rows: list[Row]) -> list[Any]:
        return [self.key(row) for row in rows]

    def record_keys(self, records: Any) -> list[Any]:
        names = {"Shelf": ("room", "number"), "Box": ("label",)}
        found = []
        for each in records:
            key = tuple(getattr(each, name) for name in names.get(type(each).__name__, ("id",)))
            found.append(key[0] if len(key) == 1 else key)
        return found

    @invariant()
    def store_is_sound(self) -> None:
        store.store.check()

    @invariant()
    def every_view_agrees(self) -> None:
        if not hasattr(self, "oracle"):
            return
        for model, cls in MODELS.items():
            rows = self.oracle.of(model)
            assert self.record_keys(cls.all()) == self.keys(rows)
            assert cls.count() == len(rows)
            for row in rows:
                self.compare_row(row, self.record(row))
        for uid, record in self.held.items():
            row = self.oracle.by_uid(uid)
            deleted = next((each for each in self.oracle.bin if each.uid == uid), None)
            assert self.is_alive(record) == (row is not None or deleted is not None)
            if row is not None:
                assert self.record(row) is record

    def compare_row(self, row: Row, record: Any) -> None:
        shape = self.oracle.shapes[row.model]
        values = record.to_dict()
        assert values == {name: row.values[name] for name in shape.fields}
        assert repr(values) == repr({name: row.values[name] for name in values}), "equal, but not the same"
        for ref in shape.refs:
            self.compare_reference(row, record, ref)
        for name, (child, ref_name) in self.collections.get(row.model, {}).items():
            ref = self.reference(child, ref_name, row.model)
            expected = self.oracle.children(row, child, ref)
            collection = getattr(record, name)
            assert self.record_keys(collection) == self.keys(expected)
            assert len(collection) == len(expected)
            assert all(self.record(each) in collection for each in expected)
        self.compare_more(row, record)

    def compare_more(self, row: Row, record: Any) -> None:
        """What the rules of one model compare besides."""

    def compare_reference(self, row: Row, record: Any, ref: Ref) -> None:
        ways = [self.oracle.target(row, each) for each in self.oracle.shapes[row.model].refs if each.name == ref.name]
        target = next(filter(None, ways), None)
        required = not any(name in self.oracle.shapes[row.model].nullable for name in ref.columns)
        if target is None and required:
            try:
                getattr(record, ref.name)
            except IntegrityError:
                return
            raise AssertionError("a required reference that dangles was read")
        found = getattr(record, ref.name)
        assert found is (None if target is None else self.record(target))
