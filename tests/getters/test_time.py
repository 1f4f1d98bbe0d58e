"""The time in getters: comparisons that flip by themselves, at exactly their moment, forwards and back; all else is
good for one read."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sinew import Attr, BelongsTo, Database, HasMany, Model, belongs_to, field, getter, has_many, now

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
HOUR, MINUTE, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)


class Program:
    """Events with getters that look at the clock, and how often each ran. `aware` and `naive` mean the same instant."""

    Event: Any
    Hall: Any

    def __init__(self, db: Database) -> None:
        self.db, self.clock, self.runs = db, db.clock, Counter[str]()
        self.clock.freeze(START)
        self.body: Callable[[Any], Any] = lambda event: None
        program = self

        class Hall(Model, db=db):
            name: Attr[str] = field(default="")
            events: HasMany[Event] = has_many(inverse=lambda: Event.hall)

            @getter
            def probe(self):  # type: ignore[no-untyped-def]
                program.runs["hall"] += 1
                return program.body(self)

        class Event(Model, db=db):
            naive: Attr[datetime | None] = field(default=None, tz="naive")
            aware: Attr[datetime | None] = field(default=None, tz="aware", index="ordered")
            hall: BelongsTo[Hall | None] = belongs_to(default=None)

            @getter
            def probe(self):  # type: ignore[no-untyped-def]
                program.runs["event"] += 1
                return program.body(self)

            @getter
            def begun(self) -> bool:
                program.runs["begun"] += 1
                return self.aware is not None and self.aware <= now()

            @getter
            def label(self) -> str:
                program.runs["label"] += 1
                return "over" if self.begun else "to come"

        self.Hall, self.Event = Hall, Event

    def event(self, after: timedelta, **values: Any) -> Any:
        moment = START + after
        return self.Event(aware=moment, naive=moment.astimezone().replace(tzinfo=None), **values)


@pytest.fixture
def program(db: Database) -> Program:
    return Program(db)


BODIES: dict[str, tuple[Callable[[Any], Any], Callable[[datetime, datetime], Any]]] = {
    "aware <=": (lambda e: e.aware <= now(), lambda at, t: at <= t),
    "aware <": (lambda e: e.aware < now(), lambda at, t: at < t),
    "aware >": (lambda e: e.aware > now(), lambda at, t: at > t),
    "aware >=": (lambda e: e.aware >= now(), lambda at, t: at >= t),
    "aware ==": (lambda e: e.aware == now(), lambda at, t: at == t),
    "aware !=": (lambda e: e.aware != now(), lambda at, t: at != t),
    "naive <=": (lambda e: e.naive <= now(), lambda at, t: at <= t),
    "naive >": (lambda e: e.naive > now(), lambda at, t: at > t),
    "now first": (lambda e: now() >= e.aware, lambda at, t: t >= at),
    "now first, naive": (lambda e: now() < e.naive, lambda at, t: t < at),
    "later": (lambda e: now() + HOUR >= e.aware, lambda at, t: t + HOUR >= at),
    "earlier": (lambda e: e.naive < now() - HOUR, lambda at, t: at < t - HOUR),
    "twice moved": (lambda e: now() + HOUR - MINUTE > e.aware, lambda at, t: t + HOUR - MINUTE > at),
    "added to the field": (lambda e: e.aware + HOUR < now(), lambda at, t: at + HOUR < t),
    "between": (lambda e: now() - HOUR <= e.aware <= now() + HOUR, lambda at, t: t - HOUR <= at <= t + HOUR),
    "both kinds": (lambda e: (e.naive <= now(), e.aware < now() - HOUR), lambda at, t: (at <= t, at < t - HOUR)),
    "min and max": (lambda e: e.aware == max(e.aware, START) and e.aware > now(), lambda at, t: at >= START and at > t),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_comparison_flips_by_itself(program: Program, name: str) -> None:
    """Around each of its moments, a tick before, at it and a tick after it, in both directions; and only there."""
    program.body, naive = BODIES[name]
    event = program.event(HOUR)
    at = START + HOUR
    moments = [at + base + tick for base in (-HOUR, -HOUR + MINUTE, 0 * HOUR, HOUR) for tick in (-TICK, 0 * TICK, TICK)]
    moments = [START - HOUR, *moments, at + 5 * HOUR]
    answers = []
    for moment in (*moments, *reversed(moments), *moments):
        program.clock.freeze(moment)
        answers.append(naive(at, moment))
        assert event.probe == answers[-1], moment
        assert event.probe == answers[-1], moment
    changes = sum(a != b for a, b in itertools.pairwise(answers))
    assert program.runs["event"] <= 3 * len(moments)
    if not isinstance(answers[0], tuple) and name not in ("between", "min and max"):
        assert program.runs["event"] == 1 + changes, "ran where nothing had flipped"


@pytest.mark.parametrize("name", BODIES)
def test_a_walk_of_the_clock_and_of_the_field(program: Program, name: str) -> None:
    program.body, naive = BODIES[name]
    event, at = program.event(HOUR), START + HOUR
    walk = random.Random(name)
    for _ in range(300):
        if walk.random() < 0.8:
            program.clock.move(walk.choice([-1, 1]) * walk.choice([TICK, MINUTE, HOUR, HOUR / 2, timedelta(days=2)]))
        else:
            at = program.clock.now() + walk.choice([-1, 0, 1]) * walk.choice([TICK, HOUR, MINUTE])
            event.update(aware=at, naive=at.astimezone().replace(tzinfo=None))
        assert event.probe == naive(at, program.clock.now())


def test_it_does_not_run_while_nothing_flips(program: Program) -> None:
    event = program.event(HOUR)
    assert event.begun is False
    for _ in range(59):
        program.clock.move(MINUTE)
        assert event.begun is False
    assert program.runs["begun"] == 1
    program.clock.move(MINUTE)
    assert (event.begun, program.runs["begun"]) == (True, 2)
    program.clock.move(-TICK)
    assert (event.begun, program.runs["begun"]) == (False, 3)


def test_what_reads_it_runs_only_when_it_flips(program: Program) -> None:
    event = program.event(HOUR)
    assert event.label == "to come"
    program.clock.move(HOUR - TICK)
    assert (event.label, program.runs["label"], program.runs["begun"]) == ("to come", 1, 1)
    program.clock.move(TICK)
    assert (event.label, program.runs["label"], program.runs["begun"]) == ("over", 2, 2)
    program.clock.move(HOUR)
    assert (event.label, program.runs["label"], program.runs["begun"]) == ("over", 2, 2)
    program.clock.move(-2 * HOUR)
    assert (event.label, program.runs["label"]) == ("to come", 3)


def test_another_field_and_the_time(program: Program) -> None:
    event = program.event(HOUR)
    assert event.label == "to come"
    event.hall = program.Hall()
    assert (event.label, program.runs["label"], program.runs["begun"]) == ("to come", 1, 1)
    event.aware = START - HOUR
    assert (event.label, program.runs["label"], program.runs["begun"]) == ("over", 2, 2)
    event.aware = None
    assert (event.label, program.runs["begun"]) == ("to come", 3)
    program.clock.move(100 * HOUR)
    assert (event.label, program.runs["begun"]) == ("to come", 3)


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (
            lambda e: now().value.replace(microsecond=0),
            lambda at, t: t.astimezone().replace(tzinfo=None, microsecond=0),
        ),
        (lambda e: now() - e.aware, lambda at, t: t - at),
        (lambda e: e.naive - now(), lambda at, t: at - t),
        (lambda e: (e.aware - now()) > HOUR, lambda at, t: at - t > HOUR),
        (lambda e: str(now().value), lambda at, t: str(t.astimezone().replace(tzinfo=None))),
        (lambda e: (now() + HOUR).value.hour, lambda at, t: (t + HOUR).astimezone().hour),
    ],
    ids=["value", "minus a field", "field minus it", "a duration compared", "its text", "a part of it"],
)
def test_anything_else_is_good_for_one_read(program: Program, body: Any, plain: Any) -> None:
    program.body = body
    event = program.event(HOUR)
    for number in range(1, 4):
        assert event.probe == plain(START + HOUR, program.clock.now())
        program.clock.move(MINUTE * 7)
        assert program.runs["event"] == number


def test_what_reads_one_that_is_good_for_one_read_is_right(program: Program) -> None:
    program.body = lambda record: (
        str(now().value) if isinstance(record, program.Event) else [event.probe for event in record.events]
    )
    hall = program.Hall()
    program.event(HOUR, hall=hall)
    for _ in range(3):
        assert hall.probe == [str(program.clock.naive())]
        program.clock.move(MINUTE)


def test_a_moment_is_not_hashed(program: Program) -> None:
    program.body = lambda event: {now(): 1}
    with pytest.raises(TypeError, match="hash"):
        program.event(HOUR).probe  # noqa: B018


@pytest.mark.parametrize("scan", [False, True], ids=["by an index", "by a scan"])
def test_queries_with_the_time(program: Program, scan: bool) -> None:
    Event = program.Event
    condition = (lambda: Event.naive <= now()) if scan else (lambda: Event.aware <= now())
    program.body = lambda hall: (Event.where(condition()).count(), hall.events.where(condition()).pluck(Event.id))
    hall = program.Hall()
    events = [program.event(HOUR * number, hall=hall) for number in range(5)]
    times = [START + HOUR * number for number in range(5)]
    walk = random.Random(1)
    for _ in range(200):
        if walk.random() < 0.8:
            program.clock.move(walk.choice([-1, 1]) * walk.choice([TICK, MINUTE, HOUR, 3 * HOUR]))
        else:
            number = walk.randrange(5)
            times[number] = program.clock.now() + walk.choice([-1, 0, 1]) * walk.choice([TICK, HOUR])
            events[number].update(aware=times[number], naive=times[number].astimezone().replace(tzinfo=None))
        expected = [event.id for event, at in zip(events, times, strict=True) if at <= program.clock.now()]
        assert hall.probe == (len(expected), expected)


def test_a_new_row_between_now_and_the_boundary(program: Program) -> None:
    """The nearest boundary was computed among other rows."""
    program.body = lambda hall: program.Event.where(program.Event.aware <= now()).count()
    hall = program.Hall()
    program.event(3 * HOUR)
    assert hall.probe == 0
    program.event(HOUR)
    assert hall.probe == 0
    program.clock.move(HOUR)
    assert hall.probe == 1
    program.clock.move(2 * HOUR)
    assert hall.probe == 2
    program.clock.move(-9 * HOUR)
    assert hall.probe == 0


def test_a_scope_in_a_getter(program: Program) -> None:
    program.body = lambda hall: [event.id for event in hall.events if event.begun]
    hall = program.Hall()
    first, second = program.event(HOUR, hall=hall), program.event(2 * HOUR, hall=hall)
    assert hall.probe == []
    program.clock.move(HOUR)
    assert hall.probe == [first.id]
    program.clock.move(MINUTE)
    runs = program.runs["hall"]
    assert (hall.probe, program.runs["hall"]) == ([first.id], runs)
    program.clock.move(HOUR)
    assert hall.probe == [first.id, second.id]


def test_the_clock_is_that_of_the_records_database(program: Program) -> None:
    """And not that of the default one."""
    event = program.event(timedelta(days=100_000))
    assert not event.begun
    program.clock.move(timedelta(days=100_000))
    assert event.begun


def test_a_clock_that_runs(program: Program) -> None:
    program.clock.unfreeze()
    soon = program.clock.now() + timedelta(milliseconds=30)
    event = program.Event(aware=soon)
    assert not event.begun
    while program.clock.now() < soon:
        assert not event.begun or program.clock.now() >= soon
        time.sleep(0.001)
    assert event.begun
    runs = program.runs["begun"]
    assert (event.begun, program.runs["begun"]) == (True, runs)


def test_unfreezing_is_seen(program: Program) -> None:
    event = program.event(timedelta())
    event.aware = datetime(2020, 1, 1, tzinfo=UTC)
    program.clock.freeze(datetime(2019, 1, 1, tzinfo=UTC))
    assert not event.begun
    program.clock.unfreeze()
    assert event.begun


@pytest.fixture
def berlin() -> Iterator[None]:
    """Local time with a summer."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_local_time_goes_back_in_autumn(berlin: None, program: Program) -> None:
    """02:30 comes twice: a naive time is reached, lies ahead again, and is reached once more."""
    event = program.Event(naive=datetime(2025, 10, 26, 2, 30))
    program.body = lambda event: event.naive <= now()
    answers = []
    for minutes in (0, 29, 30, 45, 60, 75, 89, 90, 120):
        program.clock.freeze(datetime(2025, 10, 26, 0, 0, tzinfo=UTC) + MINUTE * minutes)
        answers.append(event.probe)
        assert answers[-1] == (event.naive <= program.clock.naive())
    assert answers == [False, False, True, True, False, False, False, True, True]


def test_local_time_leaps_in_spring(berlin: None, program: Program) -> None:
    event = program.Event(naive=datetime(2025, 3, 30, 2, 30))
    program.body = lambda event: event.naive <= now()
    for minutes in (0, 59, 60, 61, 120, 60, 59, 0):
        program.clock.freeze(datetime(2025, 3, 30, 0, 0, tzinfo=UTC) + MINUTE * minutes)
        assert event.probe == (event.naive <= program.clock.naive())
