"""Getters, moments and walks of the extension, called as the Python layer never calls them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    Model,
    RecordDeleted,
    SinewError,
    _engine,
    belongs_to,
    field,
    getter,
    has_many,
    now,
)

db = Database()
HUGE = 2**70


class Author(Model, db=db):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)

    @getter
    def loud(self) -> str:
        return self.name.upper()

    @getter(cache=False)
    def quiet(self) -> str:
        return self.name.lower()


class Post(Model, db=db):
    title: Attr[str | None] = field(default=None)
    author: BelongsTo[Author | None] = belongs_to(default=None, on_delete="nullify")


@pytest.fixture(autouse=True)
def world() -> Iterable[None]:
    db.clear()
    Post(author=Author(name="Ann"))
    yield
    db.store.check()


def engine_of(name: str) -> Any:
    """What the extension calls a getter."""
    return vars(Author)[name]


def ann() -> Author:
    return Author.where().one()


def authors() -> Any:
    return _engine.live_rows(Author)


def posts() -> Any:
    return Author.__sinew__.relations["posts"].path


def a_getter(*given: Any, **named: Any) -> Any:
    return _engine.Getter(*given, **named)


@pytest.mark.parametrize(
    "use",
    [
        lambda: _engine.expire(ann()),
        lambda: _engine.expire(ann(), "loud"),
        lambda: _engine.expire(Post(), engine_of("loud")),
        lambda: _engine.expire(3, engine_of("loud")),
        lambda: _engine.expire(ann(), a_getter("free", str)),
        lambda: _engine.getter_report(ann()),
        lambda: _engine.getter_report(Post(), engine_of("loud")),
        lambda: _engine.getter_counts(3),
        lambda: _engine.getter_counts(ann()),
        lambda: _engine.getter_values(3, authors()),
        lambda: _engine.getter_values(engine_of("loud"), [ann()]),
        lambda: _engine.getter_values(engine_of("loud"), _engine.live_rows(Post)),
        lambda: a_getter(),
        lambda: a_getter(3, str),
        lambda: a_getter("name", "no function"),
        lambda: a_getter("name", str, cash=True),
        lambda: a_getter("name", str).bind(int),
        lambda: a_getter("name", str).bind(3),
        lambda: engine_of("loud").bind(Post),
        lambda: _engine.track_time(),
        lambda: _engine.track_time("a", None),
        lambda: _engine.track_time(None, "b"),
        lambda: _engine.track_time(HUGE, None),
        lambda: _engine.track_time(None, -HUGE),
        lambda: db.store.set_clock(True),
        lambda: db.store.set_clock(True, "noon"),
        lambda: db.store.set_clock(True, HUGE),
        lambda: posts().expand(),
        lambda: posts().expand(authors(), None, None),
        lambda: posts().expand(authors(), "now"),
        lambda: posts().expand(authors(), HUGE),
        lambda: posts().expand([ann()]),
        lambda: posts().expand(_engine.live_rows(Post)),
        lambda: posts().levels(Post()),
        lambda: posts().levels(3),
    ],
)
def test_what_is_refused(use: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        use()


def test_what_a_getter_without_values_tells() -> None:
    quiet = engine_of("quiet")
    assert ann().quiet == "ann"
    assert _engine.getter_counts(quiet) == (0, 0, 0, 0, 0)
    assert _engine.getter_report(ann(), quiet) is None and _engine.expire(ann(), quiet) is False
    assert _engine.getter_report(ann(), engine_of("loud")) is None  # not read yet
    free = a_getter("free", str)
    assert _engine.getter_counts(free) == (0, 0, 0, 0, 0) and "free" in repr(free)


def test_a_deleted_record_has_no_report() -> None:
    gone = ann()
    gone.delete()
    for use in (_engine.getter_report, _engine.expire):
        with pytest.raises(RecordDeleted, match="Author has been deleted"):
            use(gone, engine_of("loud"))


def test_rows_that_have_gone_have_no_values() -> None:
    Author(name="Bob")
    rows = authors()
    ann_row, _ = rows.records()
    ann_row.delete()
    assert _engine.getter_values(engine_of("loud"), rows) == [None, "BOB"]


def test_getters_of_a_closed_store() -> None:
    other = Database()

    class Thing(Model, db=other):
        @getter
        def same(self) -> int:
            return 1

    thing = Thing()
    same = vars(Thing)["same"]
    assert thing.same == 1
    other.close()
    for use in (lambda: thing.same, lambda: _engine.getter_report(thing, same), lambda: _engine.expire(thing, same)):
        with pytest.raises(SinewError):
            use()
    later = a_getter("later", str)
    with pytest.raises(SinewError, match="closed"):
        later.bind(Thing)
    gc.collect()


PLAIN: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "int": (lambda: int("1" * 30), lambda: 1),
    "str": (lambda: "".join(["a", "bc"]), lambda: "ab"),
    "bytes": (lambda: bytes([1, 2]), lambda: b""),
    "float": (lambda: float("0.5"), lambda: -0.0),
    "date": (lambda: date(2030, 1, 1), lambda: date(2030, 1, 2)),
    "timedelta": (lambda: timedelta(days=3), lambda: timedelta(days=4)),
    "tuple": (
        lambda: (date(2030, 1, 1), (timedelta(1), float("0.0"))),
        lambda: (date(2030, 1, 1), (timedelta(1), -0.0)),
    ),
    "shorter": (lambda: (date(2030, 1, 1), timedelta(1)), lambda: (date(2030, 1, 1),)),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_computed_again_and_equal_stops_there(kind: str) -> None:
    same, other = PLAIN[kind]
    runs = 0

    class Thing(Model, db=Database()):
        number: Attr[int] = field(default=0)

        @getter
        def value(self) -> Any:
            return same() if self.number < 3 else other()

        @getter
        def shown(self) -> str:
            nonlocal runs
            runs += 1
            return repr(self.value)

    thing = Thing()
    assert thing.shown == repr(same()) and runs == 1
    thing.number = 1
    assert thing.shown == repr(same()) and runs == 1
    thing.number = 3
    assert thing.shown == repr(other()) and runs == 2


def test_the_time_outside_of_a_getter_is_nobodys() -> None:
    assert _engine.track_time(None, None) is None
    assert _engine.track_time(0, 1) is None


def test_a_clock_that_the_python_layer_would_refuse() -> None:
    class Offer(Model, db=Database()):
        ends: Attr[datetime]

    offer = Offer(ends=datetime(2030, 1, 1))
    store = Offer.__sinew__.db.store
    current = Offer.where(Offer.ends > now())
    for frozen in (True, False):
        for moment in (2**62, -(2**62)):
            store.set_clock(frozen, moment)
            with pytest.raises(OverflowError, match="beyond the years 1 to 9999"):
                current.count()
    store.set_clock(True, 0)
    assert current.all().first() is offer
