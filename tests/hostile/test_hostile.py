"""Objects that raise, re-enter the store, delete records or write while it is at work. Never a crash, nothing lost."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    HasMany,
    Model,
    RecordDeleted,
    SinewError,
    TransactionError,
    belongs_to,
    field,
    has_many,
)

db = Database()
on_default: list[Callable[[], Any]] = []
on_check: list[Callable[[Any], Any]] = []


def factory() -> str:
    for action in on_default:
        action()
    return "made"


def check(value: Any) -> bool:
    for action in on_check:
        action(value)
    return True


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Owner(Base):
    name: Attr[str] = field(default="")
    things: HasMany[Thing] = has_many(inverse=lambda: Thing.owner)


class Thing(Base):
    label: Attr[str] = field(default_factory=factory)
    number: Attr[int] = field(default=0, check=check)
    any: Attr[Any] = field(default=None)
    unique: Attr[str | None] = field(default=None, unique=True)
    owner: BelongsTo[Owner | None] = belongs_to(default=None)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    db.clear()
    on_default.clear()
    on_check.clear()
    yield
    on_default.clear()
    on_check.clear()
    gc.collect()
    db.store.check()


class Boom(Exception):
    """What hostile objects raise."""


class EvilIndex:
    """An int that does something while it is being converted."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __index__(self) -> int:
        self.action()
        return 7


class EvilDel:
    """A value that does something while it goes."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __del__(self) -> None:
        self.action()


class EvilEq:
    """Equality and hash that raise."""

    def __eq__(self, other: object) -> bool:
        raise Boom

    def __hash__(self) -> int:
        raise Boom


class EvilRepr:
    """A repr that raises."""

    def __repr__(self) -> str:
        raise Boom


def boom() -> None:
    raise Boom


def test_a_conversion_that_raises() -> None:
    thing = Thing()
    for action in (
        lambda: Thing(number=EvilIndex(boom)),
        lambda: setattr(thing, "number", EvilIndex(boom)),
        lambda: thing.update(label="x", number=EvilIndex(boom)),
        lambda: Thing.all().update(number=EvilIndex(boom)),
        lambda: Thing.insert_many([{"number": 1}, {"number": EvilIndex(boom)}]),
        lambda: Thing.where(number=EvilIndex(boom)).count(),
        lambda: Thing.find(EvilIndex(boom)),
    ):
        with pytest.raises(Boom):
            action()
    assert Thing.count() == 1
    assert (thing.label, thing.number) == ("made", 0)


def test_a_conversion_that_deletes_the_record() -> None:
    thing = Thing()
    with pytest.raises(RecordDeleted):
        thing.number = EvilIndex(thing.delete)  # type: ignore[assignment]
    assert Thing.count() == 0


def test_a_conversion_that_clears_the_store() -> None:
    thing = Thing(label="x")
    with pytest.raises(RecordDeleted):
        thing.update(label="y", number=EvilIndex(db.clear))
    Thing(number=EvilIndex(db.clear), label="kept")  # type: ignore[arg-type]
    assert Thing.pluck(Thing.label) == ["kept"]


def test_a_conversion_that_constructs_and_grows_the_table() -> None:
    def grow() -> None:
        Thing.insert_many([{"label": str(n)} for n in range(5000)])

    thing = Thing(number=EvilIndex(grow))  # type: ignore[arg-type]
    assert thing.number == 7
    thing.number = EvilIndex(grow)  # type: ignore[assignment]
    assert Thing.count() == 10_001


def test_a_default_factory_that_raises_or_reenters() -> None:
    on_default.append(boom)
    with pytest.raises(Boom):
        Thing()
    on_default[:] = [lambda: Owner(name="inner")]
    thing = Thing()
    assert thing.label == "made"
    assert Owner.count() == 1
    on_default[:] = [db.clear]
    assert Thing().label == "made"


def test_a_factory_that_opens_a_transaction_and_leaves_it_to_roll_back() -> None:
    def nested() -> None:
        with db.transaction() as tx:
            Owner(name="gone")
            tx.rollback()

    on_default.append(nested)
    Thing()
    assert (Thing.count(), Owner.count()) == (1, 0)


def test_a_check_that_raises_or_deletes() -> None:
    thing = Thing()
    on_check.append(lambda value: boom())
    with pytest.raises(Boom):
        thing.number = 3
    on_check[:] = [lambda value: thing.delete() if Thing.count() else None]
    with pytest.raises(RecordDeleted):
        thing.number = 3


def test_a_value_whose_del_writes() -> None:
    made: list[Any] = []
    thing = Thing(any=EvilDel(lambda: made.append(Owner(name="from del"))))
    thing.any = None
    gc.collect()
    assert len(made) == 1
    thing.any = EvilDel(lambda: made.append(Owner(name="again")))
    thing.delete()
    gc.collect()
    assert [owner.name for owner in made] == ["from del", "again"]


def test_a_value_whose_del_deletes_its_own_record() -> None:
    thing = Thing()
    thing.any = EvilDel(thing.delete)
    thing.any = None
    gc.collect()
    assert Thing.count() == 0
    for _ in range(50):
        Thing(any=EvilDel(gc.collect))
    Thing.all().delete()
    assert Thing.count() == 0


def test_a_value_whose_del_clears_the_store_during_rollback() -> None:
    with db.transaction() as tx:
        Thing(any=EvilDel(lambda: Owner(name="after")))
        tx.rollback()
    gc.collect()
    assert Thing.count() == 0
    assert Owner.count() == 1


def test_equality_that_raises() -> None:
    thing = Thing(any=EvilEq())
    with pytest.raises(Boom):
        Thing.where(Thing.any == 3).count()
    assert Thing.find(1) is thing
    with pytest.raises(FieldError):
        Thing.find(EvilEq())
    with pytest.raises(FieldError):
        Thing.find_by(unique=EvilEq())


def test_messages_survive_a_hostile_repr() -> None:
    with pytest.raises(FieldError, match=r"Thing\.number"):
        Thing(number=EvilRepr())  # type: ignore[arg-type]
    Thing(any=EvilRepr())
    assert isinstance(repr(Thing[1]), str)


def test_str_and_int_subclasses() -> None:
    class Text(str):
        def __eq__(self, other: object) -> bool:
            raise Boom

        __hash__ = str.__hash__

    class Number(int):
        def __index__(self) -> int:
            raise Boom

    with pytest.raises(FieldError):
        Thing(label=Text("x"))
    with pytest.raises(FieldError):
        Thing(unique=Text("x"))
    assert type(Thing(number=Number(3)).number) is int


def test_python_predicates_that_misbehave() -> None:
    for number in range(10):
        Thing(number=number)
    with pytest.raises(Boom):
        Thing.where(lambda thing: boom()).count()

    def delete_all(thing: Thing) -> bool:
        Thing.all().delete()
        return True

    assert list(Thing.where(delete_all)) == []
    assert Thing.count() == 0


def test_deleting_while_iterating() -> None:
    owner = Owner()
    for number in range(10):
        Thing(number=number, owner=owner)
    seen = []
    for thing in owner.things:
        seen.append(thing.number)
        for other in Thing.where(Thing.number == thing.number + 1):
            other.delete()
    assert seen == [0, 2, 4, 6, 8]
    for thing in Thing.all():
        thing.delete()
    assert len(owner.things) == 0


def test_clearing_and_closing_while_iterating() -> None:
    owner = Owner()
    for _ in range(3):
        Thing(owner=owner)
    iterator = iter(owner.things)
    next(iterator)
    db.clear()
    assert list(iterator) == []
    with pytest.raises(RecordDeleted):
        len(owner.things)


def test_moving_while_iterating() -> None:
    first, second = Owner(), Owner()
    for number in range(5):
        Thing(number=number, owner=first)
    for thing in first.things:
        thing.owner = second
    assert (len(first.things), len(second.things)) == (0, 5)


def test_iterables_that_raise_or_write() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"label": "a"}
        Thing(label="inside")
        yield {"label": "b"}
        raise Boom

    with pytest.raises(Boom):
        Thing.insert_many(rows())
    assert Thing.pluck(Thing.label) == ["inside"]


def test_rows_that_lie_about_their_length() -> None:
    """Room is made for what an iterable says, within reason."""

    class Rows(list[dict[str, Any]]):
        def __len__(self) -> int:
            return 2**50

    class Hinted:
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return iter([{"label": "b"}])

        def __length_hint__(self) -> int:
            return 2**60

    assert Thing.insert_many(Rows([{"label": "a"}])) == 1
    assert Thing.insert_many(Hinted()) == 1
    assert Thing.pluck(Thing.label) == ["a", "b"]


def test_a_comparison_that_clears_the_store() -> None:
    """The values that were compared belong to rows that are gone."""

    class Clearing:
        def __eq__(self, other: object) -> bool:
            db.clear()
            Thing(label="later")
            return True

        __hash__ = object.__hash__

    for _ in range(3):
        Thing(any=Clearing())
    assert Thing.where(Thing.any == "x").pluck(Thing.label) == []
    assert Thing.pluck(Thing.label) == ["later"]


def test_a_value_that_goes_with_a_transaction_opens_another() -> None:
    """It runs when the block is over in the store, and not yet in Python."""

    def nested() -> None:
        with db.transaction():
            Owner(name="nested")

    thing = Thing()
    for leave in ("commit", "rollback", "raise"):
        thing.any = EvilDel(nested)
        try:
            with db.transaction() as tx:
                Thing(any=EvilDel(nested))
                thing.any = None
                thing.any = EvilDel(nested)
                if leave == "rollback":
                    tx.rollback()
                elif leave == "raise":
                    raise Boom
        except Boom:
            pass
        assert db.store.depth == 0 and db.block is None
    with db.transaction():
        with db.transaction():
            thing.any = None
            thing.any = EvilDel(nested)
        with db.transaction() as tx:
            thing.any = None
            tx.rollback()
        thing.any = None
    assert db.store.depth == 0 and db.block is None
    assert Owner.count() > 3


def test_progress_that_raises_leaves_nothing() -> None:
    with pytest.raises(SinewError):
        Thing.insert_many([{"label": "a"}, {"label": 3}])
    assert Thing.count() == 0


def test_records_are_weakly_held_and_identity_is_kept() -> None:
    thing = Thing()
    assert Thing[1] is thing
    dead = weakref.ref(thing, lambda _: Thing(label="from the callback"))
    del thing
    gc.collect()
    assert dead() is None
    assert Thing.pluck(Thing.label) == ["made", "from the callback"]


def test_records_outlive_their_store() -> None:
    database = Database()

    class Lonely(Model, db=database):
        name: Attr[str]

    record = Lonely(name="x")
    database.close()
    with pytest.raises(SinewError):
        _ = record.name
    with pytest.raises(SinewError):
        Lonely(name="y")
    assert repr(record)


def test_cycles_through_the_store_are_collected() -> None:
    def build() -> weakref.ref[Any]:
        database = Database()

        class Node(Model, db=database):
            other: Attr[Any] = field(default=None)

        node = Node()
        node.other = [node, lambda: node]
        return weakref.ref(database)

    dead = build()
    for _ in range(3):
        gc.collect()
    assert dead() is None


def test_copying_is_refused() -> None:
    import copy

    thing = Thing()
    with pytest.raises(SinewError, match="to_dict"):
        copy.copy(thing)
    with pytest.raises(SinewError, match="to_dict"):
        copy.deepcopy(thing)


def test_absurd_sizes() -> None:
    Thing()
    for absurd in (2**31, 2**63, 2**70, -2, -(2**70)):
        with pytest.raises(IndexError):
            Thing.all()[absurd]
    for refused in (lambda: Thing.all().limit(-1), lambda: Thing.all().offset(-1), lambda: Thing.all().limit("5")):
        with pytest.raises(SinewError):
            refused()
    assert len(Thing.all().limit(2**70)) == 1
    assert len(Thing.all().offset(2**70)) == 0
    assert Thing.all()[-(2**70) : 2**70] == [Thing[1]]
    assert Thing.where(Thing.number.in_(range(200_000))).count() == 1


def test_deep_expressions_are_refused_not_crashed() -> None:
    expression = Thing.number == 0
    for number in range(50_000):
        expression = ~(expression & (Thing.number == number))
    try:
        Thing.where(expression).count()
    except (SinewError, RecursionError):
        pass


def test_threads() -> None:
    """Writers and readers with a switch interval of 1 us: no crash, no lost row."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            owner = Owner(name=str(number))
            for each in range(200):
                thing = Thing(number=each, owner=owner)
                thing.number += 1
                assert thing in owner.things
                if each % 3 == 0:
                    thing.delete()
                list(Thing.where(Thing.number > 190))
        except BaseException as error:
            errors.append(error)

    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    assert Owner.count() == 4
    assert Thing.count() == 4 * 133


def test_another_threads_transaction() -> None:
    outcome: list[Any] = []

    def write() -> None:
        try:
            Thing()
        except TransactionError as error:
            outcome.append(str(error))
        outcome.append(Thing.count())

    with db.transaction():
        Thing()
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert "thread" in outcome[0]
    assert outcome[1] == 1
