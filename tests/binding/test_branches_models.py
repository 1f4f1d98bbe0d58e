"""What only malformed calls, hostile values and ill-timed callbacks reach in models, records, fields and conversion.

Each call is refused with an error that says why, and nothing has changed by then.
"""

from __future__ import annotations

import contextlib
import enum
import gc
import importlib.util
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from .test_models import EAST, Color, Errors, Invalid, Refused, World, related


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    if not made.store.closed:
        made.store.check()


@pytest.fixture
def shop(world: World) -> SimpleNamespace:
    """Authors and posts, two of each; the posts have a validator and an index."""
    made = SimpleNamespace(world=world, engine=world.engine, store=world.store)
    made.author, made.post = related(world)
    made.size = world.field("size", "int", default=0)
    made.hook = None
    made.Thing = world.model(
        "Thing",
        made.size,
        validators={"size": (lambda record, value: made.hook(record, value) if made.hook else value,)},
    )
    made.ann, made.bob = made.author(name="Ann"), made.author(name="Bob")
    made.first = made.post(author=made.ann)
    made.things = [made.Thing(size=n) for n in range(3)]
    made.author_id = made.post.__dict__["author_id"]
    made.reference = made.post.__dict__["author"]
    return made


def seen(shop: SimpleNamespace) -> Any:
    things = [(each.id, each.size) for each in shop.things if shop.engine.alive(each)]
    return things, shop.first.author_id, shop.ann.name, shop.store.stats()["rows"], shop.store.depth


def bare_engine() -> Any:
    """The extension without its hooks."""
    found = importlib.util.find_spec("sinew._engine")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- calls that are refused

Call = Callable[[SimpleNamespace], Any]
NOTHING: dict[str, Any] = {"fields": [], "parameters": [], "primary_key": [], "validators": {}}


def fresh(shop: SimpleNamespace) -> Any:
    return shop.engine.ModelMeta("Fresh", (shop.engine.Record,), {})


def bind(shop: SimpleNamespace, **changed: Any) -> None:
    given = {name: value for name, value in (NOTHING | changed).items() if value is not ...}
    shop.engine.bind_model(fresh(shop), shop.store, **given)


def rebind(shop: SimpleNamespace, **changed: Any) -> None:
    """Binds another reference from the posts to the authors."""
    key = shop.author.__dict__["id"]
    given = {
        "target": shop.author,
        "fields": [key],
        "here": shop.store.add_index(shop.post, "many", [shop.author_id]),
        "there": shop.store.add_index(shop.author, "unique", [key]),
        "action": "restrict",
    }
    reference = shop.engine.Reference("other", [shop.author_id], required=True)
    reference.bind(*(given | changed).values(), True)


def dropped(shop: SimpleNamespace) -> Any:
    index = shop.store.add_index(shop.author, "unique", [shop.author.__dict__["id"]])
    shop.store.drop_index(index)
    return index


def abroad(shop: SimpleNamespace) -> dict[str, Any]:
    """A model of another store, and its index."""
    world = shop.world
    here, world.store = world.store, shop.engine.Store()
    try:
        author = world.model("Author", world.field("name", "str"))
        key = author.__dict__["id"]
        return {"target": author, "fields": [key], "there": world.store.add_index(author, "unique", [key])}
    finally:
        world.store = here


def with_truth() -> Any:
    class Undecided:
        def __bool__(self) -> bool:
            raise ZeroDivisionError("made to")

    return Undecided()


CALLS: dict[str, tuple[type[BaseException], str, Call]] = {
    # model.c
    "bind: no fields": (TypeError, "needs fields", lambda s: bind(s, fields=...)),
    "bind: no parameters": (TypeError, "needs fields", lambda s: bind(s, parameters=...)),
    "bind: no primary key": (TypeError, "needs fields", lambda s: bind(s, primary_key=...)),
    "bind: no validators": (TypeError, "needs fields", lambda s: bind(s, validators=...)),
    "bind: fields of no kind": (TypeError, "sequence of Field", lambda s: bind(s, fields=3)),
    "bind: a field of a model": (TypeError, "no model has yet", lambda s: bind(s, fields=[s.size])),
    "bind: nine keys": (TypeError, "at most", lambda s: bind(s, primary_key=[s.size] * 99)),
    "bind: a key of no field": (TypeError, "of its fields", lambda s: bind(s, primary_key=[s.size])),
    "bind: validators that are no pairs": (
        TypeError,
        "map names",
        lambda s: bind(s, validators=SimpleNamespace(items=lambda: [3])),
    ),
    "bind: validators of three": (
        TypeError,
        "map names",
        lambda s: bind(s, validators=SimpleNamespace(items=lambda: [(1, 2, 3)])),
    ),
    "bind: validators without items": (AttributeError, "items", lambda s: bind(s, validators=3)),
    "bind: names that do not hash": (
        TypeError,
        "unhashable",
        lambda s: bind(s, validators=SimpleNamespace(items=lambda: [([], ())])),
    ),
    "bind: a store of no kind": (TypeError, "Store", lambda s: s.engine.bind_model(fresh(s), 3, **NOTHING)),
    "primary index: no index": (TypeError, "Index", lambda s: s.engine.set_primary_index(s.Thing, 3)),
    "primary index: no model": (TypeError, "expected a model", lambda s: s.engine.set_primary_index(int, dropped(s))),
    "primary index: no class": (TypeError, "expected a model", lambda s: s.engine.set_primary_index(3, dropped(s))),
    "primary index: without a table": (
        TypeError,
        "an index of",
        lambda s: s.engine.set_primary_index(fresh(s), dropped(s)),
    ),
    "primary index: of another": (TypeError, "an index of", lambda s: s.engine.set_primary_index(s.Thing, dropped(s))),
    "laid out: no model": (TypeError, "expected a model", lambda s: s.engine.laid_out(int)),
    "attach: no name": (TypeError, "attach", lambda s: s.engine.attach(s.Thing)),
    "attach: no model": (TypeError, "takes a model", lambda s: s.engine.attach(int, "x", 1)),
    "attach: no class": (TypeError, "takes a model", lambda s: s.engine.attach(3, "x", 1)),
    "attach: deletes nothing": (KeyError, "nothing", lambda s: s.engine.attach(s.Thing, "nothing")),
    "new class: no arguments": (TypeError, "new_class", lambda s: s.engine.new_class()),
    "new class: another metaclass": (TypeError, "expected ModelMeta", lambda s: s.engine.new_class(type, "A", (), {})),
    "new class: no record": (
        TypeError,
        "derive from Record",
        lambda s: s.engine.new_class(s.engine.ModelMeta, "A", (), {}),
    ),
    "insert into no model": (TypeError, "expected a model", lambda s: s.engine.insert_rows(int, [], None)),
    "insert columns into no model": (TypeError, "expected a model", lambda s: s.engine.insert_columns(3, {})),
    # meta.c
    "metaclass: no arguments": (TypeError, "ModelMeta", lambda s: s.engine.ModelMeta("A")),
    "find in what is abstract": (Refused, "abstract", lambda s: fresh(s).find(1)),
    "find by in what is abstract": (Refused, "abstract", lambda s: fresh(s).find_by(id=1)),
    # record.c
    "values: no fields": (TypeError, "values", lambda s: s.engine.values(s.first)),
    "values: of no record": (TypeError, "expected a record", lambda s: s.engine.values(3, [])),
    "values: of no sequence": (TypeError, "iterable", lambda s: s.engine.values(s.first, 3)),
    "values: of no field": (TypeError, "expected a Field", lambda s: s.engine.values(s.first, [3])),
    "values: of another's field": (TypeError, "is read on records of", lambda s: s.engine.values(s.first, [s.size])),
    "alive: no record": (TypeError, "expected a record", lambda s: s.engine.alive(3)),
    "row: no record": (TypeError, "expected a record", lambda s: s.engine.row(3)),
    "key: no record": (TypeError, "expected a record", lambda s: s.engine.key(3)),
    "delete: no record": (TypeError, "expected a record", lambda s: s.engine.delete(3)),
    "new: positional": (Refused, "positional", lambda s: s.Thing.__new__(s.Thing, 1)),
    "new: of no model": (TypeError, "is not a model", lambda s: s.engine.Record.__base__()),
    "a name like a dunder": (AttributeError, "has no attribute '__not_here__'", lambda s: s.first.__not_here__),
    "a name with one score": (AttributeError, "has no _nothing", lambda s: s.first._nothing),
    "a short name": (AttributeError, "has no ab", lambda s: s.first.ab),
    "a class's name with one score": (AttributeError, "has no _nothing", lambda s: s.Thing._nothing),
    # change.c
    "update: no values": (TypeError, "update", lambda s: s.engine.update(s.first)),
    "update: no record": (TypeError, "expected a record", lambda s: s.engine.update(3, {})),
    "update: no mapping": (AttributeError, "keys", lambda s: s.engine.update(s.first, 3)),
    "update: a name that is no str": (Refused, "unknown_argument", lambda s: s.engine.update(s.first, {3: 1})),
    "update: a method": (Refused, "unknown_argument", lambda s: s.engine.update(s.first, {"__reduce__": 1})),
    # bulk.c
    "rows: no arguments": (TypeError, "update", lambda s: s.engine.live_rows(s.Thing).update()),
    "rows: fields of no kind": (TypeError, "iterable", lambda s: s.engine.live_rows(s.Thing).update(3, [], [])),
    "rows: columns of no kind": (TypeError, "iterable", lambda s: s.engine.live_rows(s.Thing).update([], 3, [])),
    "rows: flags of no kind": (TypeError, "iterable", lambda s: s.engine.live_rows(s.Thing).update([], [], 3)),
    "rows: too few columns": (
        ValueError,
        "as many columns",
        lambda s: s.engine.live_rows(s.Thing).update([s.size], [], [True]),
    ),
    "rows: too few flags": (
        ValueError,
        "as many columns",
        lambda s: s.engine.live_rows(s.Thing).update([s.size], [1], []),
    ),
    "rows: too few values": (
        ValueError,
        "one value for each row",
        lambda s: s.engine.live_rows(s.Thing).update([s.size], [[1]], [False]),
    ),
    "rows: values of no kind": (
        TypeError,
        "iterable",
        lambda s: s.engine.live_rows(s.Thing).update([s.size], [1], [False]),
    ),
    "rows: a flag without truth": (
        ZeroDivisionError,
        "made to",
        lambda s: s.engine.live_rows(s.Thing).update([s.size], [1], [with_truth()]),
    ),
    "rows: no field": (
        TypeError,
        "is not a field of",
        lambda s: s.engine.live_rows(s.Thing).update([3], [1], [True]),
    ),
    "rows: another's field": (
        TypeError,
        "is not a field of",
        lambda s: s.engine.live_rows(s.Thing).update([s.author_id], [1], [True]),
    ),
    "rows: a field of no model": (
        Refused,
        "was changed by code",
        lambda s: s.engine.live_rows(s.Thing).update([s.world.field("x", "int")], [1], [True]),
    ),
    "rows: read only": (
        Refused,
        "read_only",
        lambda s: s.engine.live_rows(s.Thing).update([s.Thing.__dict__["id"]], [1], [True]),
    ),
    "move: no arguments": (TypeError, "move", lambda s: s.engine.move()),
    "move: before the first": (ValueError, "from 0", lambda s: s.engine.move(s.first, s.reference, -1)),
    "move: not bound": (
        ValueError,
        "bound Reference",
        lambda s: s.engine.move(s.first, s.engine.Reference("x", [s.author_id], required=True), 0),
    ),
    "move: another's record": (Refused, "expected a record", lambda s: s.engine.move(s.ann, s.reference, 0)),
    # insert.c
    "rows: no columns": (TypeError, "insert_rows", lambda s: s.engine.insert_rows(s.Thing)),
    "columns: no columns": (TypeError, "insert_columns", lambda s: s.engine.insert_columns(s.Thing)),
    "rows of no kind": (TypeError, "iterable", lambda s: s.engine.insert_rows(s.Thing, 3, None)),
    "rows of unknown length": (
        ValueError,
        "should return >= 0",
        lambda s: s.engine.insert_rows(s.Thing, NegativeLength(), None),
    ),
    "rows: names of no kind": (TypeError, "iterable", lambda s: s.engine.insert_rows(s.Thing, [], 3)),
    "rows: bytes": (Refused, "row_shape", lambda s: s.engine.insert_rows(s.Thing, [b"a"], ["size"])),
    "rows: text": (Refused, "row_shape", lambda s: s.engine.insert_rows(s.Thing, ["a"], ["size"])),
    "rows: a set": (Refused, "row_shape", lambda s: s.engine.insert_rows(s.Thing, [{1}], ["size"])),
    "rows: a sequence that breaks": (
        ZeroDivisionError,
        "made to",
        lambda s: s.engine.insert_rows(s.Thing, [BrokenSequence()], ["size"]),
    ),
    "rows: a mapping that breaks": (
        ZeroDivisionError,
        "made to",
        lambda s: s.engine.insert_rows(s.Thing, [BrokenMapping()], None),
    ),
    "rows: a name that is no str": (
        Refused,
        "unknown_argument",
        lambda s: s.engine.insert_rows(s.Thing, [{3: 1}], None),
    ),
    "rows: what cannot say that it is a mapping": (
        ZeroDivisionError,
        "made to",
        lambda s: s.engine.insert_rows(s.Thing, [Undecided()], None),
    ),
    "rows: what cannot say that it is none": (
        ZeroDivisionError,
        "made to",
        lambda s: s.engine.insert_rows(s.Thing, [Undecided()], ["size"]),
    ),
    "rows: columns, of which the first and the last are one": (
        ValueError,
        "given twice",
        lambda s: s.engine.insert_rows(s.Thing, [], ["size", "id", "size"]),
    ),
    "rows: two columns of one": (
        ValueError,
        "given twice",
        lambda s: s.engine.insert_rows(s.Thing, [], ["size", "size", "id"]),
    ),
    "columns: no mapping": (AttributeError, "keys", lambda s: s.engine.insert_columns(s.Thing, 3)),
    "columns: keys without values": (KeyError, "size", lambda s: s.engine.insert_columns(s.Thing, BrokenColumns())),
    "columns: of no kind": (TypeError, "iterable", lambda s: s.engine.insert_columns(s.Thing, {"size": 3})),
    "columns: interrupted": (
        KeyboardInterrupt,
        "made to",
        lambda s: s.engine.insert_columns(s.author, {"name": ["a"], "id": [Interrupting()]}),
    ),
    # reference.c
    "bind a reference: no arguments": (TypeError, "bind", lambda s: s.reference.bind()),
    "bind a reference: no such action": (ValueError, "on_delete", lambda s: rebind(s, action="explode")),
    "bind a reference: fields of no kind": (TypeError, "iterable", lambda s: rebind(s, fields=3)),
    "bind a reference: too many fields": (
        ValueError,
        "another number",
        lambda s: rebind(s, fields=[s.size, s.size]),
    ),
    "bind a reference: from a dropped index": (ValueError, "do not belong", lambda s: rebind(s, here=dropped(s))),
    "bind a reference: to a dropped index": (ValueError, "do not belong", lambda s: rebind(s, there=dropped(s))),
    "bind a reference: to another model": (ValueError, "do not belong", lambda s: rebind(s, target=s.Thing)),
    "bind a reference: to another store": (ValueError, "do not belong", lambda s: rebind(s, **abroad(s))),
    "a reference without fields": (TypeError, "1 to", lambda s: s.engine.Reference("x", [], required=True)),
    "a reference of many fields": (TypeError, "1 to", lambda s: s.engine.Reference("x", [s.size] * 99, required=True)),
    "a reference of no field": (TypeError, "1 to", lambda s: s.engine.Reference("x", [3], required=True)),
    "a reference of no sequence": (TypeError, "iterable", lambda s: s.engine.Reference("x", 3, required=True)),
    "a reference on another's record": (
        TypeError,
        "is not one of a Author",
        lambda s: type(s.reference).__get__(s.reference, s.ann, s.author),
    ),
    "a reference of no model": (
        TypeError,
        "is not one of a Author",
        lambda s: type(s.reference).__get__(s.engine.Reference("x", [s.size], required=True), s.ann, s.author),
    ),
    "a reference set on another's record": (
        TypeError,
        "is not one of a Author",
        lambda s: s.reference.__set__(s.ann, None),
    ),
    "a reference to an int": (Refused, "bad_reference", lambda s: setattr(s.first, "author", 3)),
    "a reference to a class with a vowel": (Refused, "an Author record", lambda s: s.post(author=3)),
    # field.c
    "a field of no model": (
        TypeError,
        "is read on records of None",
        lambda s: s.world.field("x", "int").__get__(s.ann),
    ),
    "a field on another's record": (TypeError, "is read on records of", lambda s: s.size.__get__(s.ann)),
    "a field set on another's record": (TypeError, "is read on records of", lambda s: s.size.__set__(s.ann, 1)),
    "a field of no model set": (
        TypeError,
        "is read on records of None",
        lambda s: s.world.field("x", "int").__set__(s.ann, 1),
    ),
    "a kind that is no str": (TypeError, "str", lambda s: s.engine.Field("x", 3)),
    "an Enum of a value": (TypeError, "needs an Enum class", lambda s: s.world.field("x", "Enum", arg=3)),
    "an Enum without iteration": (
        ZeroDivisionError,
        "made to",
        lambda s: s.world.field("x", "Enum", arg=broken_enum()),
    ),
    "a Literal of nothing": (TypeError, "needs a tuple", lambda s: s.world.field("x", "Literal")),
}


class Undecidable(type):
    """What is asked of the class raises."""

    @property
    def keys(cls) -> Any:
        raise ZeroDivisionError("made to")

    items = __datetime__ = keys


class Undecided(metaclass=Undecidable):
    def __getitem__(self, at: int) -> Any:
        raise IndexError

    def __len__(self) -> int:
        return 0


class NegativeLength:
    def __length_hint__(self) -> int:
        return -1

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class BrokenSequence(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise ZeroDivisionError("made to")


class BrokenMapping:
    def keys(self) -> Any:
        raise ZeroDivisionError("made to")


class BrokenColumns(dict[str, Any]):
    def keys(self) -> Any:
        return ["size"]


class Interrupting:
    def __index__(self) -> int:
        raise KeyboardInterrupt("made to")


def broken_enum() -> Any:
    class Meta(enum.EnumMeta):
        def __iter__(cls) -> Any:
            raise ZeroDivisionError("made to")

    return Meta("Broken", (enum.Enum,), enum.EnumMeta.__prepare__("Broken", (enum.Enum,)))


@pytest.mark.parametrize("name", CALLS)
def test_refused_calls_say_why_and_change_nothing(shop: SimpleNamespace, name: str) -> None:
    error, message, call = CALLS[name]
    before = seen(shop)
    with pytest.raises(error, match=message):
        call(shop)
    assert seen(shop) == before


# ---------------------------------------------------------------- hooks that are not there, or do half of their work


def test_without_its_hooks_the_extension_says_so() -> None:
    engine = bare_engine()
    with pytest.raises(RuntimeError, match=r"install\(\) gives declare"):
        engine.ModelMeta("Thing", (engine.Record,), {})
    cls = engine.new_class(engine.ModelMeta, "Thing", (engine.Record,), {})
    with pytest.raises(RuntimeError, match=r"install\(\) gives layout"):
        cls()
    with pytest.raises(AttributeError, match="nothing"):
        cls.nothing  # noqa: B018
    store, size = engine.Store(), engine.Field("size", "int", check=bool)

    def refuses(record: Any, value: int) -> int:
        raise Invalid("no")

    engine.bind_model(cls, store, fields=[size], parameters=[size], primary_key=[size], validators={"size": (refuses,)})
    with pytest.raises(RuntimeError, match=r"install\(\) gives find_by"):
        cls.find_by(size=1)
    with pytest.raises(RuntimeError, match="while raising internal"):
        cls.find(1)
    with pytest.raises(RuntimeError, match="while raising bad_check"):
        cls(size=0)
    with pytest.raises(Invalid, match="no"):
        cls(size=1)
    with pytest.raises(RuntimeError, match="while raising missing_arguments"):
        cls()
    engine.laid_out(engine.new_class(engine.ModelMeta, "Other", (engine.Record,), {}))
    assert store.stats()["rows"] == 0


def test_attributes_of_records_without_a_hook() -> None:
    engine = bare_engine()
    cls = engine.new_class(engine.ModelMeta, "Thing", (engine.Record,), {})
    store, size = engine.Store(), engine.Field("size", "int")
    engine.bind_model(cls, store, fields=[size], parameters=[size], primary_key=[], validators={})
    record = cls(size=1)
    with pytest.raises(AttributeError, match="'Thing' record has no attribute 'nothing'"):
        record.nothing  # noqa: B018
    assert engine.key(record) == ()


def test_a_layout_that_makes_no_table(world: World) -> None:
    cls = fresh(SimpleNamespace(engine=world.engine))
    world.layouts["Fresh"] = lambda each: None
    with pytest.raises(RuntimeError, match="has no table after its layout"):
        cls()


@pytest.mark.parametrize("answer", [(1, 2), ()], ids=repr)
def test_an_answer_that_is_no_error(answer: Any) -> None:
    engine = bare_engine()
    engine.install(
        errors=None,
        declare=lambda meta, name, bases, body, keywords: engine.new_class(meta, name, bases, body),
        layout=lambda cls: None,
        missing_class_attribute=lambda cls, name: answer,
        missing_record_attribute=lambda record, name: AttributeError(name),
        find_by=lambda cls, values: None,
        current_task=lambda: None,
    )
    cls = engine.ModelMeta("Thing", (engine.Record,), {})
    with pytest.raises(SystemError, match="not a BaseException subclass"):
        cls.nothing  # noqa: B018


def test_a_table_in_a_closed_store(world: World) -> None:
    world.store.close()
    with pytest.raises(Refused, match="store_closed"):
        bind(SimpleNamespace(engine=world.engine, store=world.store))


# ---------------------------------------------------------------- callbacks at the wrong time


def test_rows_that_go_while_rows_are_updated(shop: SimpleNamespace) -> None:
    """The first row's validator deletes the second row, the third row's the first, which had been made already."""

    def deletes(record: Any, value: int) -> int:
        if record.id == 1:
            shop.engine.delete(shop.things[1])
        elif record.id == 3:
            shop.engine.delete(shop.things[0])
        return value

    shop.hook = deletes
    assert shop.engine.live_rows(shop.Thing).update([shop.size], [[7, 8, 9]], [False]) == 1
    assert seen(shop)[0] == [(3, 9)]


@pytest.mark.parametrize("shared", [False, True], ids=["by row", "shared"])
def test_a_model_that_changes_while_rows_are_updated(shop: SimpleNamespace, shared: bool) -> None:
    class Changes:
        def __index__(self) -> int:
            shop.store.add_field(shop.post, shop.world.field("more", "int", nullable=True))
            return 7

    before = seen(shop)
    model, field = (shop.post, shop.author_id) if shared else (shop.Thing, shop.size)
    rows = shop.engine.live_rows(model)
    values = Changes() if shared else [Changes(), 1, 2]
    with pytest.raises(Refused, match="was changed by code"):
        rows.update([field], [values], [shared])
    assert seen(shop) == before


@pytest.mark.parametrize("call", ["assign", "update"])
def test_a_record_that_goes_while_it_is_written(shop: SimpleNamespace, call: str) -> None:
    def deletes(record: Any, value: int) -> int:
        shop.engine.delete(shop.things[0])
        return value

    shop.hook = deletes
    with pytest.raises(Refused, match="deleted"):
        if call == "update":
            shop.engine.update(shop.things[0], {"size": 7})
        else:
            shop.things[0].size = 7
    assert seen(shop)[0] == [(2, 1), (3, 2)]


def test_a_touch_factory_that_raises_or_changes_the_model(world: World) -> None:
    def stamp() -> Any:
        return stamps.pop()()

    def changes() -> str:
        world.store.add_field(cls, world.field(f"more{len(stamps)}", "int", nullable=True))
        return "changed"

    def breaks() -> str:
        raise ZeroDivisionError("made to")

    first = world.field("first", "str", touch=True, default_factory=stamp)
    second = world.field("second", "str", touch=True, default_factory=stamp)
    never = world.field("never", "str", touch=True, nullable=True, default=None)
    name = world.field("name", "str", default="a")
    stamps: list[Callable[[], Any]] = [lambda: "x", lambda: "y"]
    cls = world.model("Thing", first, second, never, name)
    record = cls()
    rows = world.engine.live_rows(cls)
    for bad, error in ((breaks, ZeroDivisionError), (lambda: 3, Refused), (changes, Refused)):
        for write in (
            lambda: setattr(record, "name", "b"),
            lambda: world.engine.update(record, {"name": "b"}),
            lambda: rows.update([name], ["b"], [True]),
        ):
            stamps[:] = [lambda: "z", bad] if bad is not changes else [changes, lambda: "z"]
            with pytest.raises(error):
                write()
            assert (record.name, record.first, record.second, record.never) == ("a", "y", "x", None)
    stamps[:] = [lambda: "w"]
    world.engine.update(record, {"name": "b", "first": "given"})
    assert (record.first, record.second) == ("given", "w")


def test_a_relation_that_is_not_bound_any_more(shop: SimpleNamespace) -> None:
    shop.reference.unbind()
    shop.reference.unbind()
    with pytest.raises(Refused, match="used before its models are laid out"):
        shop.first.author  # noqa: B018
    with pytest.raises(Refused, match="used before its models are laid out"):
        shop.first.author = shop.bob
    with pytest.raises(Refused, match="used before its models are laid out"):
        shop.post(author=shop.bob)
    assert shop.first.author_id == 1


# ---------------------------------------------------------------- values


class Broken(tzinfo):
    """A zone whose offset cannot be told."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        raise ZeroDivisionError("made to")


class Dateless(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None


def nested(depth: int) -> Any:
    value: Any = ()
    for _ in range(depth):
        value = (value,)
    return value


class Unequal:
    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("made to")

    __hash__ = object.__hash__


class NoInstances(type):
    def __instancecheck__(cls, value: object) -> bool:
        raise ZeroDivisionError("made to")


class Broad(metaclass=NoInstances):
    pass


class Indexless:
    def __index__(self) -> int:
        raise ZeroDivisionError("made to")


class Minute(datetime):
    """Derived from the standard library's, and not pandas'."""


class Apparent:
    """Says that it is a moment, and gives no datetime."""

    def __datetime__(self, database: Any, aware: bool) -> Any:
        return None


class Unready:
    def __datetime__(self, database: Any, aware: bool) -> Any:
        raise ZeroDivisionError("made to")


def pandas_like(base: type, module: Any, **members: Any) -> Any:
    return type("Stamp", (base,), {"__module__": module, **members})


def keyed(value: Any) -> dict[str, Any]:
    return {"key": lambda _: value}


BAD: dict[str, tuple[str, dict[str, Any], Any, type[BaseException]]] = {
    "int: an index that raises": ("int", {}, Indexless(), ZeroDivisionError),
    "float: an index that raises": ("float", {}, Indexless(), ZeroDivisionError),
    "float: too large": ("float", {}, 10**400, Refused),
    "Literal: an equality that raises": ("Literal", {"arg": (Unequal(),)}, Unequal(), ZeroDivisionError),
    "object: a class that cannot say": ("object", {"arg": Broad}, 3, ZeroDivisionError),
    "date: a datetime": ("date", {}, datetime(2024, 1, 1), Refused),
    "datetime: derived": ("datetime", {}, Minute(2024, 1, 1), Refused),
    "datetime: aware": ("datetime", {}, datetime(2024, 1, 1, tzinfo=UTC), Refused),
    "datetime: no moment": ("datetime", {}, Apparent(), Refused),
    "datetime: what cannot say that it is a moment": ("datetime", {}, Undecided(), ZeroDivisionError),
    "datetime: a moment that raises": ("datetime", {}, Unready(), ZeroDivisionError),
    "datetime: like pandas'": (
        "datetime",
        {},
        pandas_like(datetime, "pandas.core", nanosecond=0, to_pydatetime=lambda self: 3)(2024, 1, 1),
        Refused,
    ),
    "datetime: of pandas itself, and no nanosecond": (
        "datetime",
        {},
        pandas_like(datetime, "pandas")(2024, 1, 1),
        AttributeError,
    ),
    "datetime: nearly pandas'": ("datetime", {}, pandas_like(datetime, "pandastic")(2024, 1, 1), Refused),
    "datetime: of a module that is no str": ("datetime", {}, pandas_like(datetime, 3)(2024, 1, 1), Refused),
    "datetime: of a module that is no text": ("datetime", {}, pandas_like(datetime, "\ud800")(2024, 1, 1), Refused),
    "timedelta: derived": ("timedelta", {}, pandas_like(timedelta, "here")(1), Refused),
    "timedelta: like pandas'": (
        "timedelta",
        {},
        pandas_like(timedelta, "pandas.core", nanoseconds=0, to_pytimedelta=lambda self: 3)(1),
        Refused,
    ),
    "timedelta: no timedelta": ("timedelta", {}, 3, Refused),
    "timedelta: too long": ("timedelta", {}, timedelta.max, Refused),
    "aware: a zone that raises": (
        "datetime",
        {"arg": "aware"},
        datetime(2024, 1, 1, tzinfo=Broken()),
        ZeroDivisionError,
    ),
    "aware: a zone without offset": ("datetime", {"arg": "aware"}, datetime(2024, 1, 1, tzinfo=Dateless()), Refused),
    "aware: no datetime": ("datetime", {"arg": "aware"}, 3, Refused),
    "time: a zone that raises": ("time", {}, time(1, tzinfo=Broken()), ZeroDivisionError),
    "time: aware, where arg is no str": ("time", {"arg": 3}, time(1, tzinfo=UTC), Refused),
    "time: aware, where arg is nothing": ("time", {}, time(1, tzinfo=UTC), Refused),
    "time: a datetime": ("time", {}, datetime(2024, 1, 1), Refused),
    "time: no time": ("time", {}, 3, Refused),
    "key: a zone that raises": ("object", keyed(datetime(2024, 1, 1, tzinfo=Broken())), 1, ZeroDivisionError),
    "key: a time whose zone raises": ("object", keyed(time(1, tzinfo=Broken())), 1, ZeroDivisionError),
    "key: a timedelta too long": ("object", keyed(timedelta.max), 1, Refused),
    "key: NaN": ("object", keyed(float("nan")), 1, Refused),
    "key: Decimal NaN": ("object", keyed(Decimal("-NaN")), 1, Refused),
    "key: Decimal sNaN in a tuple": ("object", keyed((Decimal("sNaN"),)), 1, Refused),
    "key: tuples in tuples": ("object", keyed(nested(100_000)), 1, RecursionError),
    "key: a list": ("object", keyed([]), 1, Refused),
    "Decimal: NaN": ("Decimal", {}, Decimal("NaN"), Refused),
    "Decimal: a float": ("Decimal", {}, 1.5, Refused),
    "Enum: no member": ("Enum", {"arg": Color}, "red", Refused),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_values_leave_the_record(world: World, name: str) -> None:
    kind, options, value, error = BAD[name]
    cls = world.model("Thing", world.field("value", kind, **({"nullable": True, "default": None} | options)))
    record = cls()
    for write in (
        lambda: setattr(record, "value", value),
        lambda: cls(value=value),
        lambda: world.engine.update(record, {"value": value}),
        lambda: world.engine.insert_columns(cls, {"value": [value]}),
        lambda: cls.__dict__["value"].convert(value) if "key" not in options else cls(value=value),
    ):
        with pytest.raises(error):
            write()
        assert record.value is None and world.store.stats()["rows"] == 1


@pytest.mark.parametrize("zone", [UTC, EAST, None, Dateless()], ids=repr)
@pytest.mark.parametrize("make", [lambda zone: datetime(2024, 1, 1, tzinfo=zone), lambda zone: time(3, tzinfo=zone)])
def test_keys_that_are_moments(world: World, make: Callable[[Any], Any], zone: Any) -> None:
    field = world.field("value", "object", key=lambda value: make(value[0]))
    cls = world.model("Thing", field)
    index = world.store.add_index(cls, "unique", [field.key_field])
    record = cls(value=[zone])
    assert index.find([make(zone)]) is record


def test_minus_one_is_no_error(world: World) -> None:
    cls = world.model("Thing", world.field("a", "int"), world.field("b", "float"), world.field("c", "float"))

    class MinusOne:
        def __index__(self) -> int:
            return -1

    record = cls(a=MinusOne(), b=MinusOne(), c=-1)
    assert (record.a, record.b, record.c) == (-1, -1.0, -1.0)


def test_long_values_of_every_buffer(world: World) -> None:
    """Keys longer than what the stack takes, with and without a part that crosses its end."""
    field = world.field("value", "object", key=lambda value: value)
    cls = world.model("Thing", field)
    digits = "123456789" * 40
    values: list[Any] = [("a" * n, Decimal(digits), b"\0" * n, 2**n, UUID(int=n)) for n in range(40, 80)]
    for value in values:
        cls(value=value)
    plan = world.engine.Plan(cls, order=[(("column", 0, field.key_field), False, False)])
    assert [record.value for record in plan.rows()] == sorted(values)


@pytest.mark.parametrize("kind", ["UUID", "Decimal", "object"])
def test_a_class_that_its_module_does_not_have(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    made = World()
    options = {"key": lambda value: Decimal(value)} if kind == "object" else {}
    cls = made.model("Thing", made.field("value", kind, **options))
    for name in ("uuid", "decimal"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with pytest.raises(AttributeError, match="has no attribute"):
        cls(value=UUID(int=1) if kind == "UUID" else 1)
    monkeypatch.undo()
    assert made.store.stats()["rows"] == 0


@pytest.mark.parametrize(
    ("kind", "value", "remedy"),
    [
        ("datetime", "datetime64", 'value.astype("datetime64[us]").item()'),
        ("date", "datetime64", 'value.astype("datetime64[D]").item()'),
        ("time", "datetime64", 'value.astype("datetime64[us]").item()'),
        ("timedelta", "timedelta64", 'value.astype("timedelta64[us]").item()'),
    ],
)
def test_what_numpy_calls_a_time(world: World, kind: str, value: str, remedy: str) -> None:
    numpy = pytest.importorskip("numpy")
    given = numpy.datetime64("2024-01-01T01:02:03") if value == "datetime64" else numpy.timedelta64(3, "s")
    field = world.field("value", kind)
    with pytest.raises(Refused) as caught:
        field.convert(given)
    assert caught.value.args[4] == remedy


def test_numpy_has_floats_that_are_none(world: World) -> None:
    numpy = pytest.importorskip("numpy")
    field = world.field("value", "float")
    for name in ("float16", "float32", "float64", "longdouble"):
        assert field.convert(getattr(numpy, name)(1.5)) == 1.5


def test_a_moment_without_a_store(world: World) -> None:
    class Moment:
        def __datetime__(self, database: Any, aware: bool) -> Any:
            assert database is None
            return datetime(2024, 1, 1, tzinfo=UTC if aware else None)

    assert world.field("value", "datetime").convert(Moment()) == datetime(2024, 1, 1)
    assert world.field("value", "datetime", arg="aware").convert(Moment()) == datetime(2024, 1, 1, tzinfo=UTC)
    assert world.field("value", "datetime", arg=3).kind == "datetime" and world.field("value", "int").kind == "int"


def test_a_class_whose_module_nobody_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value cannot be of a class of a module that is not there; afterwards it is looked for again."""
    made = World()
    cls = made.model("Thing", made.field("value", "UUID"))
    monkeypatch.delitem(sys.modules, "uuid")
    with pytest.raises(Refused, match="bad_value"):
        cls(value=UUID(int=1))
    monkeypatch.undo()
    assert cls(value=UUID(int=1)).value == UUID(int=1)


def test_models_without_columns_and_with_numbers_of_their_own(world: World) -> None:
    engine, store = world.engine, world.store
    empty = fresh(SimpleNamespace(engine=engine))
    engine.bind_model(empty, store, **NOTHING)
    assert engine.insert_rows(empty, [{}, {}], None) == 2 and engine.alive(empty())
    numbers = iter(range(10, 20))
    own = world.field("own", "int", automatic=True, default_factory=lambda: next(numbers))
    name = world.field("name", "str")
    cls = engine.ModelMeta("Own", (engine.Record,), {"own": own, "name": name})
    engine.bind_model(cls, store, fields=[own, name], parameters=[own, name], primary_key=[own], validators={})
    assert engine.insert_columns(cls, {"name": ["a", "b"]}) == 2
    assert [each.own for each in engine.live_rows(cls).records()] == [10, 11]


def test_rows_that_the_engine_refuses_are_named(world: World) -> None:
    value = world.field("value", "float")
    cls = world.model("Thing", value)
    world.store.add_index(cls, "unique", [value])
    for bad in (float("nan"), 1.0):
        with pytest.raises(Refused) as caught:
            world.engine.insert_rows(cls, [{"value": 1.0}, {"value": 2.0}, {"value": bad}], None)
        assert caught.value.args[0] == "row 2" and world.store.stats()["rows"] == 0


# ---------------------------------------------------------------- looking for records


def test_finding_by_what_is_no_key(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("key", "object", key=len, default=""))
    assert cls.find_by(nothing=1) == ("general", {"nothing": 1})
    assert cls.find_by(key="") == ("general", {"key": ""})
    composite = world.engine.ModelMeta("Pair", (world.engine.Record,), {})
    fields = [world.field("a", "int"), world.field("b", "int")]
    world.engine.bind_model(composite, world.store, fields=fields, parameters=fields, primary_key=fields, validators={})
    assert composite.find_by(a=1) == ("general", {"a": 1})
    with pytest.raises(Refused, match="internal"):
        composite.find((1, 2))
    index = world.store.add_index(composite, "unique", fields)
    world.engine.set_primary_index(composite, index)
    assert composite.find_by(a=1) == ("general", {"a": 1}) and composite.find((1, 2)) is None
    world.store.drop_index(index)
    with pytest.raises(Refused, match="internal"):
        composite.find((1, 2))


def test_a_key_of_which_the_better_index_was_dropped(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str", default=""))
    key = cls.__dict__["id"]
    record = cls()
    world.store.drop_index(world.store.add_index(cls, "unique", [key]))
    assert cls.find_by(id=1) is record and cls.find_by(name="") == ("general", {"name": ""})
    world.store.close()
    assert cls.find_by(id=1) == ("general", {"id": 1})


# ---------------------------------------------------------------- relations


def test_a_relation_of_another_model(shop: SimpleNamespace) -> None:
    """What is a parameter of one model and reads the columns of another cannot be set."""
    engine, world = shop.engine, shop.world
    own = world.field("own", "int", default=0)
    cls = engine.ModelMeta("Odd", (engine.Record,), {"own": own, "author": shop.reference})
    engine.bind_model(cls, shop.store, fields=[own], parameters=[own], primary_key=[own], validators={})
    record = cls()
    with pytest.raises(Refused, match="unknown_argument"):
        engine.update(record, {"author": shop.ann})
    other = fresh(shop)
    engine.bind_model(
        other,
        shop.store,
        fields=[world.field("own", "int", default=0)],
        parameters=[shop.reference],
        primary_key=[],
        validators={},
    )
    with pytest.raises(Refused, match="foreign key of another model"):
        other(author=shop.ann)
    assert shop.store.stats()["rows"] == 7


def test_a_relation_and_what_it_refers_to_when_the_store_is_closed(shop: SimpleNamespace) -> None:
    engine = shop.engine
    unbound = engine.Reference("x", [shop.author_id], required=True)
    assert (unbound.model, shop.reference.model) == (None, shop.post)
    with pytest.raises(Refused, match="deleted"):
        target = shop.author(name="gone")
        engine.delete(target)
        shop.first.author = target
    key = shop.author.__dict__["id"]
    there, here = (
        shop.store.add_index(shop.author, "unique", [key]),
        shop.store.add_index(shop.post, "many", [shop.author_id]),
    )
    shop.store.close()
    for refused in (
        lambda: unbound.bind(shop.author, [key], here, there, "restrict", True),
        shop.reference.unbind,
        lambda: setattr(shop.first, "author", shop.bob),
        lambda: engine.live_rows(shop.post),
    ):
        with pytest.raises((Refused, ValueError)):
            refused()
    assert unbound.model is None


def test_a_key_that_is_no_parameter(world: World) -> None:
    """A foreign key of two columns of which one is hidden: the relation alone can give it."""
    engine, store = world.engine, world.store
    columns = [world.field("a", "int"), world.field("b", "int")]
    pair = engine.ModelMeta("Pair", (engine.Record,), {each.name: each for each in columns})
    engine.bind_model(pair, store, fields=columns, parameters=columns, primary_key=columns, validators={})
    found = store.add_index(pair, "unique", columns)
    own = [world.field("a", "int"), world.field("b", "int", hidden=True)]
    reference = engine.Reference("pair", own, required=True)
    cls = engine.ModelMeta("Thing", (engine.Record,), {"a": own[0], "b": own[1], "pair": reference})
    engine.bind_model(cls, store, fields=own, parameters=[own[0], reference], primary_key=[], validators={})
    reference.bind(pair, columns, store.add_index(cls, "many", own), found, "restrict", True)
    target, other = pair(a=1, b=2), pair(a=1, b=3)
    for given in ({}, {"a": 1}):
        with pytest.raises(Refused) as caught:
            cls(**given)
        assert caught.value.args == ("missing_arguments", cls, ["pair"])
    record = cls(pair=target, a=1)
    assert (record.a, record.b) == (1, 2)
    for values in ({"pair": other, "a": 7}, {"pair": other, "b": 7}, {"pair": other, "a": None}):
        with pytest.raises(Refused):
            engine.update(record, values)
        assert (record.a, record.b) == (1, 2)
    engine.update(record, {"pair": other, "a": 1})
    assert record.pair is other


# ---------------------------------------------------------------- callbacks of the conversion of a plain value


@pytest.mark.parametrize("what", ["schema", "validators", "compact", "refuse"])
def test_a_plain_write_whose_conversion_changes_things(world: World, what: str) -> None:
    cls = world.model("Thing", world.field("size", "int"), world.field("name", "str", default=""))
    gone, record = cls(size=0), cls(size=1)
    parameters = [each for each in vars(cls).values() if isinstance(each, world.engine.Field)]

    class Changes:
        def __index__(self) -> int:
            if what == "schema":
                world.store.add_field(cls, world.field("more", "int", nullable=True))
            elif what == "validators":
                world.store.set_parameters(cls, parameters, {"name": (lambda record, value: value,)})
            elif what == "compact":
                world.engine.delete(gone)
                world.store.compact()
            else:
                world.store.refuse(True)
            return 7

    if what in ("compact", "validators"):
        record.size = Changes()
        assert record.size == 7
    elif what == "refuse":
        with world_transaction(world):
            with pytest.raises(Refused):
                record.size = Changes()
            world.store.refuse(False)
        assert record.size == 1
    else:
        with pytest.raises(Refused, match="was changed by code"):
            record.size = Changes()
        assert record.size == 1


@pytest.mark.parametrize("call", ["assign", "delete", "move", "rows"])
def test_a_record_that_goes_while_a_statement_begins(shop: SimpleNamespace, call: str) -> None:
    """Inside a transaction the hook is asked which task is running, and may be any code."""
    armed: list[Any] = []
    rows = shop.engine.live_rows(shop.post)

    def task() -> None:
        if armed:
            shop.engine.delete(armed.pop())

    shop.engine.install(
        errors=Errors(),
        declare=lambda *given: None,
        layout=lambda cls: None,
        missing_class_attribute=lambda cls, name: AttributeError(name),
        missing_record_attribute=lambda record, name: AttributeError(name),
        find_by=lambda cls, values: None,
        current_task=task,
    )
    before = seen(shop)
    shop.store.begin()
    armed.append(shop.first)
    if call == "rows":
        assert rows.delete() == 0
    else:
        with pytest.raises(Refused, match="deleted"):
            if call == "assign":
                shop.first.author_id = 2
            elif call == "delete":
                shop.engine.delete(shop.first)
            else:
                shop.engine.move(shop.first, shop.reference, 0)
    assert not shop.engine.alive(shop.first) and armed == []
    shop.store.rollback()
    assert seen(shop) == before


def test_a_task_that_cannot_be_told(shop: SimpleNamespace) -> None:
    """The error of the hook for tasks comes out, and nothing has begun."""

    def task() -> None:
        if armed:
            raise ZeroDivisionError("made to")

    armed: list[bool] = []
    shop.engine.install(
        errors=Errors(),
        declare=lambda *given: None,
        layout=lambda cls: None,
        missing_class_attribute=lambda cls, name: AttributeError(name),
        missing_record_attribute=lambda record, name: AttributeError(name),
        find_by=lambda cls, values: None,
        current_task=task,
    )
    before = seen(shop)
    shop.store.begin()
    armed.append(True)
    for write in (
        lambda: setattr(shop.things[0], "size", 9),
        lambda: shop.engine.update(shop.first, {"author": shop.bob}),
        lambda: shop.engine.move(shop.first, shop.reference, 0),
        lambda: shop.engine.delete(shop.first),
        lambda: shop.engine.live_rows(shop.Thing).delete(),
        lambda: shop.engine.live_rows(shop.Thing).update([shop.size], [9], [True]),
        lambda: shop.engine.insert_rows(shop.Thing, [{"size": 9}], None),
        lambda: shop.Thing(size=9),
    ):
        with pytest.raises(ZeroDivisionError, match="made to"):
            write()
    armed.clear()
    shop.store.rollback()
    assert seen(shop) == before


@contextlib.contextmanager
def world_transaction(world: World) -> Iterator[None]:
    world.store.begin()
    try:
        yield
    finally:
        world.store.rollback()


# ---------------------------------------------------------------- the collector


def test_the_collector_sees_what_a_shape_holds_alone(shop: SimpleNamespace) -> None:
    """After a change of the schema the constructor's shape is of the fields as they were, until it is used again."""
    before = [each for each in gc.get_referents(shop.Thing) if isinstance(each, tuple | dict)]
    fields = [each for each in vars(shop.Thing).values() if isinstance(each, shop.engine.Field)]
    shop.store.add_field(shop.Thing, shop.world.field("more", "int", nullable=True))
    shop.store.set_parameters(shop.Thing, fields, {})
    after = gc.get_referents(shop.Thing)
    old = [each for each in before if any(each is one for one in after)]
    assert len(old) >= 4
    for held in old:
        assert any(each is shop.Thing for each in gc.get_referrers(held))


def test_the_collector_sees_what_each_object_holds(shop: SimpleNamespace) -> None:
    arg, default, doc, column = (Color,), ["default"], "A text of its own.", ["column"]
    field = shop.world.field(
        "f", "object", arg=arg, default=default, doc=doc, column=column, key=lambda value: 1, check=lambda value: True
    )
    factory = shop.world.field("g", "object", default_factory=lambda: [])
    choice = shop.world.field("h", "Enum", arg=Color)
    fallback = ["fallback"]
    reference = shop.engine.Reference("r", [factory], required=False, default=fallback, doc=doc)
    reference.path = path = ["path"]
    unique = shop.store.add_index(shop.Thing, "unique", [shop.size])
    for owner, held in (
        *((field, each) for each in (type(field), field.name, arg, default, doc, column, field.key_field)),
        (factory, factory.default_factory),
        (choice, Color),
        (shop.size, unique),
        (reference, fallback),
        (reference, path),
        (reference, doc),
        (reference, type(reference)),
        (shop.reference, shop.author),
        (shop.first, shop.post),
        (shop.Thing, shop.store),
        (shop.Thing, shop.world.engine.ModelMeta),
    ):
        assert any(each is owner for each in gc.get_referrers(held)), (owner, held)
    for owner in (field, choice, reference, shop.reference, shop.Thing):
        for held in gc.get_referents(owner):
            assert any(each is owner for each in gc.get_referrers(held)), (owner, held)
