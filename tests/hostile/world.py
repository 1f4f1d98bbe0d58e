"""Models whose every callback can be made hostile, what hostile callbacks do, and the places where they are called.

A `World` is a database of its own with one record, the victim, that somebody holds. A place performs one operation that
calls `world.hook()` somewhere in the middle; an action is what the hook then does, once.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal

from sinew import (
    Attr,
    Database,
    Model,
    SinewError,
    belongs_to,
    count,
    define,
    delegate,
    field,
    getter,
    has_many,
    latest_of,
    max_,
    max_of,
    updated_at,
    validates,
)


class Boom(Exception):
    """What hostile objects raise."""


class World:
    """One database, its models made by `define` so that they can be defined anew."""

    def __init__(self) -> None:
        self.db = Database()
        self.calls = 0
        self.action: Callable[[World], Any] | None = None
        self.place: Callable[[World], Any] | None = None
        self.depth = 0
        self.callbacks: set[str] = set()  # which of the model's own call the hook
        self.define()
        self.owner = self.Owner(name="o")
        self.victim = self.Thing(label="victim", owner=self.owner, any="x", code="v")
        self.others = [self.Thing(label=f"other {n}", number=n, owner=self.owner) for n in range(5)]

    def stamped(self, stamps: int) -> Any:
        """A base whose fields are filled at each write."""
        names = [f"stamp{n}" for n in range(stamps)]
        contents: dict[str, Any] = {"__module__": __name__, "__annotations__": dict.fromkeys(names, Attr[datetime])}
        contents |= {name: updated_at() for name in names}
        return type(Model)("Stamped", (Model,), contents, db=self.db, abstract=True)

    def define(self, stamps: int = 1, **more: Any) -> None:
        world = self

        class Meta(type):
            def __instancecheck__(cls, value: object) -> bool:
                world.callback("instancecheck")
                return type.__instancecheck__(cls, value)

        class Guarded(metaclass=Meta):
            """Its instances are looked for by code."""

        @validates("label")
        def check_label(self: Any, value: str) -> str:
            world.callback("validator")
            return value

        @validates("owner_id")
        def check_owner(self: Any, value: Any) -> Any:
            world.callback("validator of a key")
            return value

        @getter
        def loud(self: Any) -> str:
            world.callback("getter")
            return str(self.label).upper()

        self.Guarded = Guarded
        owner = {
            "name": field(type=str, default=""),
            "things": has_many("Thing"),
            "loudest": latest_of(lambda: world.Owner.things.loud),
            "last_loud": max_of(lambda: world.Owner.things.loud),
        }
        self.Owner: Any = define("Owner", owner, db=self.db)
        self.Thing: Any = define(
            "Thing",
            {
                "label": field(type=str, default=""),
                "made": field(type=str, default_factory=self.factory),
                "number": field(type=int, default=0, check=self.check, index=True),
                "any": field(type=Any, default=None),
                "keyed": field(type=Any, default=None, key=key_of),
                "guarded": field(type=Guarded | None, default=None),
                "when": field(type=datetime | None, default=None, tz="aware", index="ordered"),
                "price": field(type=Decimal | None, default=None, index="ordered"),
                "size": field(type=Literal["s", "m"], default="s"),
                "code": field(type=str | None, default=None, unique=True),
                "owner_id": field(type=int | None, default=None),
                "owner": belongs_to("Owner | None", default=None, on_delete="cascade"),
                "loud": loud,
                "same_loud": delegate(lambda: world.Thing.owner.last_loud),
                "_check_label": check_label,
                "_check_owner": check_owner,
                **more,
            },
            base=self.stamped(stamps),
        )

    def factory(self) -> str:
        self.callback("factory")
        return "made"

    def check(self, value: object) -> bool:
        self.callback("check")
        return True

    def callback(self, name: str) -> None:
        if name in self.callbacks:
            self.hook()

    def hook(self) -> None:
        """What every hostile object calls."""
        self.calls += 1
        action, self.action = self.action, None
        if action is not None:
            action(self)

    def __repr__(self) -> str:
        return "<World>"


def key_of(value: Any) -> int | None:
    """The key= of a field."""
    return value.key() if isinstance(value, Keyed) else None


# ---------------------------------------------------------------- hostile values


class Index:
    """An int that calls the hook while it is being converted."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __index__(self) -> int:
        self.world.hook()
        return 7


class Keyed:
    """What a key= looks into."""

    def __init__(self, world: World) -> None:
        self.world = world

    def key(self) -> int:
        self.world.hook()
        return 3


class Equal:
    """Compared by code."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __eq__(self, other: object) -> bool:
        self.world.hook()
        return self is other

    def __hash__(self) -> int:
        self.world.hook()
        return hash("s")


class Dying:
    """Calls the hook when it goes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __del__(self) -> None:
        try:
            self.world.hook()
        except (Boom, SinewError, RecursionError):
            pass  # nobody would hear of it


class Zone(tzinfo):
    """A time zone that calls the hook."""

    def __init__(self, world: World) -> None:
        self.world = world

    def utcoffset(self, when: datetime | None) -> timedelta:
        self.world.hook()
        return timedelta(hours=1)

    def dst(self, when: datetime | None) -> None:
        return None


class Truth:
    """An answer whose truth is found by code."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __bool__(self) -> bool:
        self.world.hook()
        return True


class Lying(Mapping[str, Any]):
    """A row whose keys change while they are read, and whose length is wrong."""

    def __init__(self, world: World, where: str) -> None:
        self.world, self.where = world, where

    def __getitem__(self, name: str) -> Any:
        if self.where == "getitem":
            self.world.hook()
        return {"label": "row", "number": 1}[name]

    def __iter__(self) -> Iterator[str]:
        yield "label"
        if self.where == "iter":
            self.world.hook()
        yield "number"

    def __len__(self) -> int:
        if self.where == "len":
            self.world.hook()
        return 1_000_000


class Row(tuple[Any, ...]):
    """A row given as a sequence."""

    world: World

    def __getitem__(self, index: Any) -> Any:
        self.world.hook()
        return tuple.__getitem__(self, index)

    def __iter__(self) -> Iterator[Any]:
        self.world.hook()
        return tuple.__iter__(self)

    def __len__(self) -> int:
        self.world.hook()
        return tuple.__len__(self)


class Shown:
    """A value that no field takes, with a repr that calls the hook."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __repr__(self) -> str:
        self.world.hook()
        return "shown"


# ---------------------------------------------------------------- places

PLACES: dict[str, Callable[[World], Any]] = {}


def place(function: Callable[[World], Any]) -> Callable[[World], Any]:
    PLACES[function.__name__] = function
    return function


def with_callback(name: str, operation: Callable[[World], Any]) -> Callable[[World], Any]:
    def run(world: World) -> Any:
        world.callbacks.add(name)
        return operation(world)

    return run


OPERATIONS: dict[str, Callable[[World], Any]] = {
    "construct": lambda w: w.Thing(label="new", number=1, owner=w.owner, guarded=None),
    "assign": lambda w: setattr(w.victim, "number", 5),
    "assign text": lambda w: setattr(w.victim, "label", "changed"),
    "assign key": lambda w: setattr(w.victim, "owner_id", w.owner.id),
    "construct with a key": lambda w: w.Thing(label="new", owner_id=w.owner.id),
    "update key by query": lambda w: w.Thing.all().update(owner_id=w.owner.id, label="changed"),
    "insert keys": lambda w: w.Thing.insert_many([{"owner_id": w.owner.id}] * 2),
    "update": lambda w: w.victim.update(label="changed", number=4, owner=None),
    "update by query": lambda w: w.Thing.all().update(label="changed", number=9, owner=w.owner),
    "insert_many": lambda w: w.Thing.insert_many([{"label": "a", "number": 2}, {"label": "b", "owner": w.owner}]),
    "insert columns": lambda w: w.Thing.insert_many({"label": ["a", "b"], "number": [1, 2], "owner": [w.owner] * 2}),
    "create in a collection": lambda w: w.owner.things.create(label="c", number=3),
    "upsert": lambda w: w.Thing.upsert(code="v", label="up", number=2),
    "guarded": lambda w: w.Thing(guarded=type("Sub", (w.Guarded,), {})()),
    "read": lambda w: (w.victim.loud, w.victim.to_dict("loud")),
    "read for an owner": lambda w: (w.owner.loudest, w.owner.last_loud, w.victim.same_loud),
    "where": lambda w: w.Thing.where(w.Thing.loud.startswith("OTHER"), w.Thing.number < 4).count(),
    "where over a path": lambda w: w.Owner.where(w.Owner.things.loud == "VICTIM", w.Owner.id == w.owner.id).all()[:],
    "order": lambda w: w.Thing.order_by(w.Thing.loud.desc(), w.Thing.same_loud).limit(3)[:],
    "values": lambda w: w.Thing.pluck(w.Thing.loud, w.Thing.owner.loudest, w.Thing.same_loud),
    "group": lambda w: w.Thing.group_by(w.Thing.loud).agg(n=count(), last=max_(w.Thing.same_loud)),
    "update to a getter": lambda w: w.Thing.where(w.Thing.loud != "VICTIM").update(label=w.Thing.loud),
    "tree": lambda w: w.Owner.include(w.Owner.things, where=w.Thing.loud < "Z", only=["id", "loud"]).to_dicts(),
}
for callback, names in {
    "factory": ("construct", "insert_many", "insert columns", "create in a collection"),
    "check": ("construct", "assign", "update", "update by query", "insert_many", "insert columns", "upsert"),
    "validator": ("construct", "assign text", "update", "update by query", "insert_many", "upsert"),
    "validator of a key": (
        "construct",
        "construct with a key",
        "assign key",
        "update key by query",
        "insert keys",
        "insert columns",
        "create in a collection",
    ),
    "instancecheck": ("guarded",),
    "getter": (
        "read",
        "read for an owner",
        "where",
        "where over a path",
        "order",
        "values",
        "group",
        "update to a getter",
        "tree",
    ),
}.items():
    for operation in names:
        PLACES[f"{callback} in {operation}"] = with_callback(callback, OPERATIONS[operation])


@place
def index_in_constructor(w: World) -> Any:
    return w.Thing(label="new", number=Index(w), code="n")


@place
def index_in_assignment(w: World) -> Any:
    w.victim.number = Index(w)


@place
def index_in_update(w: World) -> Any:
    w.victim.update(label="changed", number=Index(w), code="changed")


@place
def index_in_update_by_query(w: World) -> Any:
    return w.Thing.where(owner=w.owner).update(number=Index(w), label="changed")


@place
def index_in_insert_many(w: World) -> Any:
    return w.Thing.insert_many([{"label": "a"}, {"number": Index(w)}, {"label": "b"}])


@place
def index_in_insert_columns(w: World) -> Any:
    return w.Thing.insert_many({"label": ["a", "b"], "number": [1, Index(w)]})


@place
def index_in_where(w: World) -> Any:
    return w.Thing.where(number=Index(w)).pluck(w.Thing.label)


@place
def index_in_a_list(w: World) -> Any:
    return w.Thing.where(w.Thing.number.in_([1, Index(w), 2])).count()


@place
def index_in_find(w: World) -> Any:
    return w.Thing.find(Index(w))


@place
def index_in_slice(w: World) -> Any:
    return w.Thing.all()[Index(w)], w.owner.things[Index(w) :]


@place
def index_in_limit(w: World) -> Any:
    return w.Thing.limit(Index(w)).offset(Index(w)).all()[:]


@place
def key_in_constructor(w: World) -> Any:
    return w.Thing(keyed=Keyed(w), code="k")


@place
def key_in_assignment(w: World) -> Any:
    w.victim.keyed = Keyed(w)


@place
def key_in_update_by_query(w: World) -> Any:
    return w.Thing.all().update(keyed=Keyed(w))


@place
def key_in_insert_many(w: World) -> Any:
    return w.Thing.insert_many([{"keyed": Keyed(w)}] * 3)


@place
def key_in_where(w: World) -> Any:
    return w.Thing.where(keyed=Keyed(w)).count()


@place
def equality_in_where(w: World) -> Any:
    w.victim.any = Equal(w)
    return w.Thing.where(any="x").pluck(w.Thing.label)


@place
def equality_of_what_is_asked(w: World) -> Any:
    return w.Thing.where(any=Equal(w)).count(), w.Thing.where(w.Thing.any.in_([Equal(w)])).count()


@place
def equality_in_a_collection(w: World) -> Any:
    return Equal(w) in w.owner.things, w.owner.things == [Equal(w)] * 6


@place
def zone_in_constructor(w: World) -> Any:
    return w.Thing(when=datetime(2020, 1, 1, tzinfo=Zone(w)))


@place
def zone_in_assignment(w: World) -> Any:
    w.victim.when = datetime(2020, 1, 1, tzinfo=Zone(w))


@place
def zone_in_query(w: World) -> Any:
    w.victim.when = datetime(2020, 1, 1, tzinfo=UTC)
    return w.Thing.where(w.Thing.when < datetime(2030, 1, 1, tzinfo=Zone(w))).count()


@place
def zone_in_arithmetic(w: World) -> Any:
    action, w.action = w.action, None
    w.victim.when = datetime(2020, 1, 1, tzinfo=Zone(w))
    w.others[0].when = datetime(2021, 1, 1, tzinfo=UTC)
    w.action = action
    return w.Thing.where(w.Thing.when - datetime(2020, 1, 1, tzinfo=UTC) > timedelta(0)).pluck(w.Thing.label)


@place
def dying_when_replaced(w: World) -> Any:
    w.victim.any = Dying(w)
    w.victim.any = None


@place
def dying_when_updated_by_query(w: World) -> Any:
    w.Thing.all().update(any=Dying(w))
    w.Thing.all().update(any=None)


@place
def dying_with_its_record(w: World) -> Any:
    w.victim.any = Dying(w)
    w.victim.delete()


@place
def dying_in_a_cascade(w: World) -> Any:
    w.victim.any = Dying(w)
    w.owner.delete()


@place
def dying_at_the_end_of_a_transaction(w: World) -> Any:
    with w.db.transaction():
        w.victim.any = Dying(w)
        w.victim.any = None


@place
def dying_in_a_rollback(w: World) -> Any:
    with w.db.transaction() as tx:
        w.Thing(any=Dying(w))
        tx.rollback()


@place
def dying_in_clear(w: World) -> Any:
    w.victim.any = Dying(w)
    w.db.clear()


@place
def dying_in_close(w: World) -> Any:
    w.victim.any = Dying(w)
    w.db.close()


@place
def dying_in_a_refused_constructor(w: World) -> Any:
    return w.Thing(any=Dying(w), code="v")


@place
def dying_in_a_refused_load(w: World) -> Any:
    return w.Thing.insert_many([{"any": Dying(w)}, {"code": "v"}])


@place
def dying_in_a_cycle(w: World) -> Any:
    w.victim.any = None
    for other in w.others:
        other.any = [other, Dying(w)]
        other.any.append(other.any)
        other.delete()
    gc.collect()


@place
def rows_from_a_generator(w: World) -> Any:
    def rows() -> Iterator[dict[str, Any]]:
        yield {"label": "a"}
        w.hook()
        yield {"label": "b", "number": 2}

    return w.Thing.insert_many(rows())


@place
def rows_that_lie_about_their_length(w: World) -> Any:
    class Rows(list[Any]):
        def __len__(self) -> int:
            w.hook()
            return 2**40

        def __length_hint__(self) -> int:
            w.hook()
            return 2**50

    return w.Thing.insert_many(Rows([{"label": "a"}, {"label": "b"}]))


@place
def a_row_whose_items_change(w: World) -> Any:
    return w.Thing.insert_many([{"label": "a"}, Lying(w, "iter"), {"label": "b"}])


@place
def a_row_that_looks_up_by_code(w: World) -> Any:
    return w.Thing.insert_many([Lying(w, "getitem"), Lying(w, "len")])


@place
def a_row_that_is_a_sequence(w: World) -> Any:
    row = Row(("a", 1))
    row.world = w
    return w.Thing.insert_many([("b", 2), row], columns=["label", "number"])


@place
def columns_that_are_iterators(w: World) -> Any:
    def column() -> Iterator[int]:
        yield 1
        w.hook()
        yield 2

    return w.Thing.insert_many({"number": column(), "label": ["a", "b"]})


@place
def progress(w: World) -> Any:
    return w.Thing.insert_many(({"number": n} for n in range(3000)), progress=lambda n: w.hook())


@place
def a_predicate(w: World) -> Any:
    return w.Thing.where(lambda thing: w.hook() is None).pluck(w.Thing.label)


@place
def a_predicate_with_an_odd_answer(w: World) -> Any:
    return w.Thing.where(lambda thing: Truth(w)).delete()


@place
def a_predicate_in_an_update(w: World) -> Any:
    return w.Thing.where(lambda thing: w.hook() is None).update(label="changed")


@place
def iteration(w: World) -> Any:
    found = []
    for thing in w.Thing.all():
        w.hook()
        found.append(thing.label)
    return found


@place
def iteration_of_a_collection(w: World) -> Any:
    return [w.hook() or thing.number for thing in w.owner.things]


@place
def batches(w: World) -> Any:
    return [[w.hook() or thing.label for thing in batch] for batch in w.Thing.all().in_batches(2)]


@place
def members_from_a_generator(w: World) -> Any:
    def members() -> Iterator[Any]:
        yield w.victim
        w.hook()
        yield w.others[0]

    w.owner.things = members()


@place
def a_repr_in_a_message(w: World) -> Any:
    return w.Thing(number=Shown(w))


@place
def a_repr_of_a_record(w: World) -> Any:
    w.victim.any = Shown(w)
    return repr(w.victim), repr(w.owner.things)


@place
def a_block_of_a_transaction(w: World) -> Any:
    with w.db.transaction():
        w.Thing(label="in")
        w.hook()
        w.Thing(label="in too")


@place
def a_weak_reference(w: World) -> Any:
    import weakref

    def gone(_: object) -> None:
        try:
            w.hook()
        except (Boom, SinewError, RecursionError):
            pass

    record = w.Thing(label="short")
    seen = weakref.ref(record, gone)
    del record
    assert seen() is None


# ---------------------------------------------------------------- actions

ACTIONS: dict[str, Callable[[World], Any]] = {}


def action(function: Callable[[World], Any]) -> Callable[[World], Any]:
    ACTIONS[function.__name__] = function
    return function


@action
def nothing(w: World) -> None:
    """For comparison: the operation succeeds."""


@action
def raise_(w: World) -> None:
    raise Boom


@action
def write(w: World) -> None:
    w.Owner(name="from a callback")
    w.others[0].label = "from a callback"


@action
def grow(w: World) -> None:
    w.Thing.insert_many([{"label": "grown"}] * 300)


@action
def delete_the_record(w: World) -> None:
    w.victim.delete()


@action
def delete_the_parent(w: World) -> None:
    w.owner.delete()


@action
def delete_everything(w: World) -> None:
    w.Thing.all().delete()
    gc.collect()


@action
def churn(w: World) -> None:
    """Enough rows come and go for a compaction."""
    w.Thing.insert_many([{"label": "churn"}] * 1200)
    w.Thing.where(label="churn").delete()
    w.db.store.compact()


@action
def clear(w: World) -> None:
    w.db.clear()


@action
def clear_and_fill(w: World) -> None:
    w.db.clear()
    w.Thing.insert_many([{"label": "filled", "number": 100}] * 20)


@action
def close(w: World) -> None:
    w.db.close()


@action
def leave_a_transaction_open(w: World) -> None:
    w.db.store.begin()
    w.Thing(label="left")


@action
def roll_back(w: World) -> None:
    w.db.store.rollback()


@action
def commit(w: World) -> None:
    w.db.store.commit()


@action
def nested_rollback(w: World) -> None:
    with w.db.transaction() as tx:
        w.Thing.all().delete()
        tx.rollback()


@action
def define_anew(w: World) -> None:
    w.define(extra=field(type=int, default=1, index=True))


@action
def define_without(w: World) -> None:
    define("Thing", {"label": str, "owner": belongs_to("Owner | None", default=None)}, db=w.db)


@action
def define_with_stamps(w: World) -> None:
    """More columns that are filled at each write than there were columns."""
    w.define(stamps=40)


@action
def collect(w: World) -> None:
    gc.collect()


@action
def recurse(w: World) -> None:
    if w.depth < 5 and w.place is not None:
        w.depth += 1
        w.action = recurse
        w.place(w)


@action
def read_in_a_thread(w: World) -> None:
    found: list[int] = []

    def read() -> None:
        try:
            found.append(w.Thing.count())
            found.append(len(w.Thing.pluck(w.Thing.label)))
        except SinewError:
            assert w.db.store.closed

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found or w.db.store.closed
