"""Parking at the level of the extension: clocks that misbehave, malformed calls, rows that have become something
else."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sinew import Attr, Database, Model, RecordDeleted, SinewError, _engine, deleted_at


def world() -> tuple[Any, Any]:
    db = Database()

    class Note(Model, db=db):
        text: Attr[str]
        thing: Attr[Any]
        gone: Attr[datetime | None] = deleted_at(tz="naive")

    return db, Note


def with_clock(act: Callable[[Any, Any, Any], object]) -> tuple[Any, Any, Any]:
    """A model whose clock does something besides, once; the record that is being deleted; the database."""
    db, note = world()
    db.clock.freeze(datetime(2030, 1, 1).astimezone())
    definition = note.__sinew__
    info = definition.fields["gone"]
    armed = [True]

    def moment() -> datetime:
        if armed.pop() if armed else False:
            act(db, note, record)
        return datetime(2030, 1, 1)

    declared = info.engine
    info.engine = _engine.Field(
        "gone", "datetime", arg="naive", nullable=True, default=None, read_only=True, stamp=moment
    )
    assert declared.model is None
    record = note(text="a", thing=[1])
    return db, note, record


ACTS: dict[str, Callable[[Any, Any, Any], object]] = {
    "delete": lambda db, note, record: record.delete(),
    "force": lambda db, note, record: record.delete(force=True),
    "clear": lambda db, note, record: db.clear(),
    "close": lambda db, note, record: db.close(),
    "raise": lambda db, note, record: 1 / 0,
    "collect": lambda db, note, record: gc.collect(),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_clock_that_does_something_else(name: str) -> None:
    db, note, record = with_clock(ACTS[name])
    if name == "collect":
        record.delete()
        assert record.gone == datetime(2030, 1, 1)
        return
    with pytest.raises((SinewError, ZeroDivisionError)):
        record.delete()
    if name == "close":
        return
    db.store.check()
    assert note.count() == (name == "raise") and note.only_deleted().count() == (name == "delete")


@pytest.mark.parametrize("name", ACTS)
def test_the_same_for_many(name: str) -> None:
    db, note, _record = with_clock(ACTS[name])
    rows = note.where(text="a")
    if name in ("close", "raise"):
        with pytest.raises((SinewError, ZeroDivisionError)):
            rows.delete()
        return
    assert rows.delete() == (name == "collect")
    db.store.check()


def test_a_clock_that_says_something_else() -> None:
    db, note = world()
    note.__sinew__.fields["gone"].engine = _engine.Field(
        "gone", "datetime", arg="naive", nullable=True, default=None, read_only=True, stamp=lambda: "now"
    )
    record = note(text="a", thing=None)
    with pytest.raises(SinewError, match="gone"):
        record.delete()
    assert note.count() == 1
    db.store.check()


def test_malformed_calls() -> None:
    _db, note = world()
    record = note(text="a", thing=None)
    for call in (
        lambda: _engine.restore(3), lambda: _engine.parked(3), lambda: _engine.delete(3), lambda: _engine.delete(),
        lambda: _engine.delete(record, True, 1), lambda: _engine.stored_rows(3), lambda: _engine.Plan(note, life=3),
        lambda: _engine.stored_rows(note).delete(1, 2),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="no such life: old"):
        _engine.Plan(note, life="old")
    assert _engine.restore(record) is False and not _engine.parked(record)


def test_rows_that_have_become_something_else() -> None:
    _db, note = world()
    first, second = note(text="a", thing=None), note(text="b", thing=None)
    live, stored = note.all()._rows(), _engine.stored_rows(note)
    first.delete()
    parked = note.only_deleted()._rows()
    assert list(live) == [second] and list(stored) == [first, second] and list(parked) == [first]
    assert live.delete() == 1 and list(live) == [] and len(live) == 2
    assert parked.restore() == 1 and list(parked) == [] and parked.restore() == 0
    assert list(live) == [first] and _engine.Plan(note, source=live).count() == 1
    with pytest.raises(RecordDeleted):
        parked.at(0)
    assert stored.restore() == 1 and stored.delete(True) == 2 and list(stored) == []
    assert _engine.Plan(note, source=stored, life="parked").rows().records() == []
