"""Objects that are not what they seem, one kind to a test: subclasses, liars, wrong receivers, odd classes, values."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count as counting
from typing import Any
from uuid import UUID

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    Model,
    NotFound,
    RecordDeleted,
    SinewError,
    UnknownName,
    belongs_to,
    define,
    field,
    has_many,
)

from .world import Boom

db = Database()


class Owner(Model, db=db):
    name: Attr[str] = field(default="")
    things: HasMany[Thing] = has_many(inverse=lambda: Thing.owner)


class Thing(Model, db=db):
    text: Attr[str | None] = field(default=None, index=True)
    number: Attr[int | None] = field(default=None, index="ordered")
    ratio: Attr[float | None] = field(default=None, index=True)
    data: Attr[bytes | None] = field(default=None, unique=True)
    day: Attr[date | None] = field(default=None)
    at: Attr[datetime | None] = field(default=None)
    aware: Attr[datetime | None] = field(default=None, tz="aware")
    hour: Attr[time | None] = field(default=None)
    span: Attr[timedelta | None] = field(default=None)
    price: Attr[Decimal | None] = field(default=None, index="ordered")
    code: Attr[UUID | None] = field(default=None, unique=True)
    any: Attr[Any] = field(default=None)
    owner: BelongsTo[Owner | None] = belongs_to(default=None)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    db.clear()
    yield
    gc.collect()
    db.store.check()


def boom(*_: object, **__: object) -> Any:
    raise Boom


def refusing(base: type[Any]) -> type[Any]:
    """A subclass of which every method raises that a store could be tempted to call."""
    names = [
        "__eq__", "__hash__", "__lt__", "__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__index__",
        "__int__", "__float__", "__bool__", "__reduce__", "__copy__", "encode", "utcoffset", "isoformat", "as_tuple",
    ]  # fmt: skip
    return type(f"Evil{base.__name__}", (base,), {name: boom for name in names if hasattr(base, name)})


VALUES: dict[str, Any] = {
    "text": "x",
    "number": 7,
    "ratio": 0.5,
    "data": b"x",
    "day": date(2020, 1, 1),
    "at": datetime(2020, 1, 1),
    "aware": datetime(2020, 1, 1, tzinfo=UTC),
    "hour": time(1),
    "span": timedelta(1),
    "price": Decimal("1.5"),
    "code": UUID(int=1),
}


def evil(name: str) -> Any:
    value = VALUES[name]
    cls = refusing(type(value))
    if isinstance(value, datetime):
        return cls(2020, 1, 1, tzinfo=value.tzinfo)
    arguments = {date: (2020, 1, 1), time: (1,), timedelta: (1,), UUID: (str(value),)}
    return cls(*arguments.get(type(value), (value,)))


@pytest.mark.parametrize("name", VALUES)
def test_subclasses_whose_methods_raise(name: str) -> None:
    """Refused, or taken as the plain value that they are; their methods never decide what is stored."""
    record = Thing(**{name: VALUES[name]})
    for attempt in (
        lambda: Thing(**{name: evil(name)}),
        lambda: setattr(record, name, evil(name)),
        lambda: Thing.all().update(**{name: evil(name)}),
        lambda: Thing.where(**{name: evil(name)}).count(),
        lambda: Thing.insert_many([{name: evil(name)}]),
    ):
        try:
            attempt()
        except (SinewError, Boom):
            pass
        stored = Thing.pluck(getattr(Thing, name))
        assert all(type(each) is type(VALUES[name]) and each == VALUES[name] for each in stored)
    db.store.check()


def test_subclasses_of_tuples_dicts_and_lists_as_rows() -> None:
    for base, rows in (
        (tuple, lambda cls: Thing.insert_many([cls((1,))], columns=["number"])),
        (list, lambda cls: Thing.insert_many([cls([1])], columns=["number"])),
        (dict, lambda cls: Thing.insert_many([cls(number=1)])),
    ):
        with pytest.raises((SinewError, Boom)):
            rows(refusing(base))
        assert Thing.count() == 0


def test_a_class_that_says_it_is_another() -> None:
    class Liar:
        @property
        def __class__(self) -> type[Any]:  # type: ignore[override]
            return Owner

    class Raising:
        @property
        def __class__(self) -> type[Any]:  # type: ignore[override]
            raise Boom

    thing, owner = Thing(), Owner()
    assert isinstance(Liar(), Owner)
    for liar in (Liar(), Raising()):
        for attempt in (
            lambda liar=liar: Thing(owner=liar),
            lambda liar=liar: setattr(thing, "owner", liar),
            lambda liar=liar: thing.update(owner=liar),
            lambda liar=liar: Thing.all().update(owner=liar),
            lambda liar=liar: owner.things.append(liar),
            lambda liar=liar: Thing.where(owner=liar).count(),
            lambda liar=liar: Thing(number=liar),
        ):
            with pytest.raises((SinewError, Boom, TypeError)):
                attempt()
    assert thing.owner is None and Thing.count() == 1 and len(owner.things) == 0
    with pytest.raises((TypeError, AttributeError), match="read-only"):
        thing.__class__ = Owner  # type: ignore[assignment]


def test_descriptors_called_with_wrong_objects() -> None:
    thing, owner = Thing(), Owner()
    for name in ("text", "id", "owner", "owner_id"):
        descriptor = vars(Thing)[name]
        for wrong in (owner, object(), 3, Thing, type(thing)):
            with pytest.raises((SinewError, TypeError)):
                descriptor.__get__(wrong, Thing)
            with pytest.raises((SinewError, TypeError)):
                descriptor.__set__(wrong, None)
        with pytest.raises((SinewError, TypeError, AttributeError)):
            descriptor.__delete__(thing)
    with pytest.raises((SinewError, TypeError)):
        vars(Owner)["things"].__get__(thing, Owner)
    with pytest.raises((SinewError, TypeError)):
        Thing.update(owner, text="x")
    with pytest.raises((SinewError, AttributeError)):
        del thing.text
    assert thing.text is None


def test_records_that_never_were_made() -> None:
    """object.__new__ and friends give no record without a row."""
    for make in (lambda: object.__new__(Thing), lambda: Thing.__new__(dict), lambda: copy.copy(Thing())):
        with pytest.raises((SinewError, TypeError)):
            make()
    assert type(Thing.__new__(Thing)) is Thing and Thing.count() == 2


def test_copies_and_pickles() -> None:
    thing = Thing(text="x")
    text = pickle.dumps(thing)
    assert pickle.loads(text) is thing
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(SinewError, match="to_dict"):
            copied(thing)
        with pytest.raises(SinewError):
            copied(Owner().things)
    thing.delete()
    with pytest.raises(NotFound):
        pickle.loads(text)
    with pytest.raises(RecordDeleted):
        pickle.dumps(thing)


def test_tracebacks_that_hold_records() -> None:
    """A record that only a traceback holds is the same object still, and goes with it."""

    def fail() -> None:
        held = Thing(text="held")
        held.number = "no"  # type: ignore[assignment]

    try:
        fail()
    except FieldError as error:
        caught: BaseException | None = error
        innermost = error.__traceback__
        while innermost is not None and innermost.tb_frame.f_code.co_name != "fail":
            innermost = innermost.tb_next
        assert innermost is not None and innermost.tb_frame.f_locals["held"] is Thing[1]
        seen = weakref.ref(Thing[1])
    db.store.compact()
    held = seen()
    assert held is not None and held.text == "held"
    del held, innermost, caught
    gc.collect()
    assert seen() is None and Thing[1].text == "held"


def test_a_record_in_a_value_of_its_own() -> None:
    thing = Thing()
    thing.any = {"self": thing, "all": Thing.all(), "query": Thing.where(any=thing), "things": Owner().things}
    thing.any["iterator"] = iter(Thing.all())
    other = Thing(any=[thing] * 3)
    assert repr(other).startswith("<Thing 2 any=[<Thing 1>, <Thing 1>")
    assert len(repr(thing)) < 500
    other.delete()
    thing.delete()
    gc.collect()
    assert Thing.count() == 0


@pytest.mark.parametrize(
    "shown",
    [boom, lambda self: "x" * 10_000_000, lambda self: repr(self), lambda self: 3, lambda self: "\n\ud800\x00" * 50],
    ids=["raises", "huge", "recursive", "no text", "odd text"],
)
def test_representations_in_messages(shown: Any) -> None:
    hostile = type("Hostile", (), {"__repr__": shown, "__str__": shown})()
    thing = Thing()
    for attempt in (
        lambda: Thing(number=hostile),
        lambda: setattr(thing, "text", hostile),
        lambda: Thing.find(hostile),
        lambda: Thing.where(number=hostile).count(),
        lambda: Thing.insert_many([hostile]),
        lambda: Thing.insert_many([{"number": hostile}]),
        lambda: Thing(owner=hostile),
        lambda: Thing.limit(hostile),
        lambda: Thing.pluck(hostile),
        lambda: Thing.order_by(hostile),
        lambda: Owner().things.append(hostile),
    ):
        with pytest.raises(SinewError) as caught:
            attempt()
        assert 0 < len(str(caught.value)) < 2000
    thing.any = hostile
    assert len(repr(thing)) < 500


def test_metaclasses_and_class_hooks() -> None:
    calls: list[str] = []

    class Meta(type(Model)):  # type: ignore[misc]
        def __call__(cls, *args: Any, **options: Any) -> Any:
            calls.append("call")
            return super().__call__(*args, **options)

    class Named:
        def __set_name__(self, owner: type[Any], name: str) -> None:
            calls.append(f"set {name} of {owner.__name__}")
            raise Boom

    for make in (
        lambda: Meta("M", (Model,), {"__module__": __name__}, db=db),
        lambda: type("M", (Model, type), {}),
        lambda: type(Model)("M", (Model, dict), {"__module__": __name__}, db=db),
        lambda: define("M", {"named": Named()}, db=db),
    ):
        try:
            made = make()
        except (SinewError, TypeError, Boom, RuntimeError):
            continue
        assert made() is not None
    assert len(db.models) <= 4
    db.check()


def test_subclass_hooks_that_raise_leave_no_model() -> None:
    class Hooked:
        __slots__ = ()

        def __init_subclass__(cls, **options: Any) -> None:
            raise Boom

    with pytest.raises((Boom, DefinitionError)):

        class Never(Hooked, Model, db=db):
            text: Attr[str]

    class Later(Model, db=db):
        text: Attr[str]

    assert "Never" not in db.models and Later(text="x").text == "x"


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "x" * 1_000_000, "\U0010ffff", "%_\\", "ß" * 70_000],
    ids=["empty", "nul", "nul inside", "surrogate", "surrogates", "long", "last", "pattern", "long umlauts"],
)
def test_texts_of_every_sort(text: str) -> None:
    thing = Thing(text=text)
    assert thing.text == text
    assert Thing.where(text=text).one() is thing
    assert Thing.where(Thing.text.startswith(text[:5])).one() is thing
    assert Thing.where(Thing.text.contains(text[-5:])).one() is thing
    assert Thing.order_by(Thing.text).first() is thing
    assert len(repr(thing)) < 500
    with pytest.raises(FieldError):
        Thing(number=text)


@pytest.mark.parametrize(
    "number", [2**63, -(2**63) - 1, 10**5000, -(10**5000)], ids=["more", "less", "far more", "far less"]
)
def test_integers_that_do_not_fit(number: int) -> None:
    thing = Thing(number=2**63 - 1)
    for attempt in (
        lambda: Thing(number=number),
        lambda: setattr(thing, "number", number),
        lambda: Thing(id=number),
        lambda: Thing.insert_many([{"number": number}]),
        lambda: Thing.all().update(number=Thing.number + 1),
    ):
        with pytest.raises((FieldError, SinewError)):
            attempt()
    assert Thing.find(number) is None or thing
    assert Thing.pluck(Thing.number) == [2**63 - 1]


def test_values_that_are_no_numbers() -> None:
    for attempt in (
        lambda: Thing(ratio=float("nan")),
        lambda: Thing(price=Decimal("nan")),
        lambda: Thing(price=Decimal("snan")),
        lambda: Thing(number=float("nan")),
        lambda: Thing.where(Thing.price < Decimal("nan")).count(),
    ):
        with pytest.raises(SinewError):
            attempt()
    assert Thing.count() == 0
    assert Thing.where(Thing.ratio > float("inf")).count() == 0


def test_names_that_are_very_long_or_odd() -> None:
    name = "f" * 100_000
    model = define("Long", {name: field(type=int, default=1)}, db=Database())
    record = model(**{name: 5})
    assert getattr(record, name) == 5 and model.where(**{name: 5}).one() is record
    for odd in (name + "x", "\ud800", "\x00", "", "a" * 10_000_000):
        with pytest.raises(UnknownName) as caught:
            model(**{odd: 1})
        assert len(str(caught.value)) < len(odd) + 300_000  # the nearest name is suggested
        with pytest.raises(AttributeError):
            getattr(record, odd)
        with pytest.raises(AttributeError):
            setattr(record, odd, 1)


def test_names_that_are_subclasses_of_str() -> None:
    evil = refusing(str)
    for attempt in (
        lambda: Thing.insert_many({evil("text"): ["x"]}),
        lambda: Thing.insert_many([{evil("text"): "x"}]),
        lambda: Thing.insert_many([("x",)], columns=[evil("text")]),
        lambda: getattr(Thing(), evil("text")),
    ):
        try:
            attempt()
        except (SinewError, Boom, TypeError):
            pass
    assert set(Thing.pluck(Thing.text)) <= {"x", None}


def test_rows_without_an_end_are_stopped_by_progress() -> None:
    class Enough(Exception):
        pass

    def progress(done: int) -> None:
        if done > 20_000:
            raise Enough

    with pytest.raises(Enough):
        Thing.insert_many(({"number": number} for number in counting()), progress=progress)
    assert Thing.count() == 0


def test_iterators_that_outlive_everything() -> None:
    Thing.insert_many([{"number": number} for number in range(3000)])
    first, second = iter(Thing.all()), iter(Thing.where(Thing.number > 100).order_by(Thing.number.desc()))
    batches = Thing.all().in_batches(10)
    assert next(first).number == 0 and next(second).number == 2999 and len(next(batches)) == 10
    Thing.where(Thing.number > 5).delete()
    db.store.compact()
    assert [thing.number for thing in first] == [1, 2, 3, 4, 5]
    assert list(second) == [] and list(batches) == []
    third = iter(Thing.all())
    db.clear()
    Thing.insert_many([{"number": -1}] * 10)
    assert list(third) == [] and Thing.count() == 10


def test_a_limit_of_recursion_in_the_middle() -> None:
    """Whatever depth the stack has left, an operation is done or not done."""

    def deeper(depth: int, operation: Any) -> None:
        if depth:
            deeper(depth - 1, operation)
        else:
            operation()

    thing = Thing(number=0)
    limit = sys.getrecursionlimit()
    operations = (lambda: Thing(number=1), lambda: thing.update(number=5), lambda: Thing.where(number=1).count())
    for depth in range(limit - 160, limit):
        before = Thing.count()
        for operation in operations:
            try:
                deeper(depth, operation)
            except (RecursionError, SinewError):
                pass
        assert db.store.depth == 0 and Thing.count() - before in (0, 1)
    db.store.check()
