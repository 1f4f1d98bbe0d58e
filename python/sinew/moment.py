"""The time at which something runs.

`now()` is no datetime but a *Moment*: "now", plus or minus a duration. Within a query, and in the conditions of a
relation, it stays symbolic: the engine moves it with the clock of its database, naive or aware as the column that it
meets, whenever the query runs or the relation is asked. Anywhere else it is a plain datetime as soon as it is compared,
subtracted, stored or read (`.value`).

Within a getter a comparison with a time says until when its answer holds, so that the value of the getter is right
until then, and computed anew at that very moment. Whatever else is done with a moment there makes the value good for
one read.

A naive time is the local one, an aware time is in UTC; both are the same instant.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ReferenceType

from . import _engine

if TYPE_CHECKING:
    from .database import Clock

Comparison: TypeAlias = Callable[[Any, Any], bool]


class Moment:
    """Now, plus or minus a duration; see `now`. Unhashable: its value changes.

    >>> later = now() + timedelta(hours=1)
    >>> later > datetime.now(), later - timedelta(hours=1)
    (True, now())
    """

    __slots__ = ("_offset",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, offset: timedelta = timedelta(), /) -> None:
        self._offset = offset

    @property
    def value(self) -> datetime:
        """The moment as a naive datetime, by the clock of the default database, or that of the getter that asks."""
        store = _engine.getter_store()
        return self.at(_default_clock() if store is None else _clock_of(store), aware=False)

    def at(self, clock: Clock | Instant, /, *, aware: bool) -> datetime:
        """The moment as a datetime, by a clock."""
        return (clock.now() if aware else clock.naive()) + self._offset

    def __datetime__(self, database: ReferenceType[Any] | None, aware: bool, /) -> datetime:
        """What is stored: called by the extension when a datetime field is given a moment."""
        owner = None if database is None else database()
        return self.at(_default_clock() if owner is None else owner.clock, aware=aware)

    def __add__(self, other: object, /) -> Any:
        return Moment(self._offset + other) if isinstance(other, timedelta) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: object, /) -> Any:
        if isinstance(other, timedelta):
            return Moment(self._offset - other)
        if isinstance(other, Moment):
            return self._offset - other._offset
        return self._beside(other) - other if isinstance(other, datetime) else NotImplemented

    def __rsub__(self, other: object, /) -> Any:
        return other - self._beside(other) if isinstance(other, datetime) else NotImplemented

    def __eq__(self, other: object, /) -> Any:
        return self._compare(operator.eq, other)

    def __lt__(self, other: object, /) -> Any:
        return self._compare(operator.lt, other)

    def __le__(self, other: object, /) -> Any:
        return self._compare(operator.le, other)

    def __gt__(self, other: object, /) -> Any:
        return self._compare(operator.gt, other)

    def __ge__(self, other: object, /) -> Any:
        return self._compare(operator.ge, other)

    def __repr__(self) -> str:
        if not self._offset:
            return "now()"
        sign, size = ("-", -self._offset) if self._offset < timedelta() else ("+", self._offset)
        return f"now() {sign} {size!r}"

    def _compare(self, holds: Comparison, other: object) -> Any:
        if isinstance(other, Moment):
            return holds(self._offset, other._offset)
        if not isinstance(other, datetime):
            return NotImplemented
        store = _engine.getter_store()
        if store is None:
            return holds(self._beside(other), other)
        return self._compare_for_getter(holds, other, _clock_of(store))

    def _compare_for_getter(self, holds: Comparison, other: datetime, clock: Clock) -> bool:
        """The answer, and until when the getter that asks may rely on it."""
        reading = clock.reading()
        aware = other.tzinfo is not None
        result: bool = holds((reading if aware else _local(reading)) + self._offset, other)
        window = _window(holds, result, reading, other, self._offset)
        if window is None:
            _engine.track_once()
        else:
            _engine.track_time(*window)
        return result

    def _beside(self, other: datetime) -> datetime:
        store = _engine.getter_store()
        return self.at(_default_clock() if store is None else _clock_of(store), aware=other.tzinfo is not None)


class Instant:
    """One reading of a database's clock: every moment within one run of a query sees the same time. time: what the
    engine is told of it, in microseconds since 1970."""

    __slots__ = ("time",)

    def __init__(self, store: _engine.Store) -> None:
        self.time = store.time()

    def now(self) -> datetime:
        """Aware, in UTC. A getter that asks for it is good for one read."""
        _engine.track_once()
        return EPOCH + self.time * TICK

    def naive(self) -> datetime:
        """Naive local time."""
        return _local(self.now())


def now() -> Moment:
    """The moment at which a query runs, or a relation is asked that is declared with it; a plain datetime wherever one
    is needed.

    >>> from sinew._example import Post
    >>> Post.where(Post.published_at <= now()).count()
    3
    >>> now().value <= datetime.now()
    True
    """
    return Moment()


def distance(moment: Moment) -> int:
    """How far it is from now, in microseconds."""
    return moment._offset // TICK


# ---------------------------------------------------------------- until when a comparison holds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
A_DAY_ROUND_THE_WORLD = timedelta(hours=26)  # between the most different local times of one instant


def _window(
    holds: Comparison, result: bool, reading: datetime, other: datetime, offset: timedelta
) -> tuple[int | None, int | None] | None:
    """From when until when the answer is this one, in microseconds since 1970; None if that cannot be said.

    The answer turns when the clock reaches the instant that is `other` less the offset. A naive time may be two
    instants, or none, when clocks are put back or forward: near such an hour nothing is said."""
    try:
        turn = (other - offset).astimezone(UTC)
        if other.tzinfo is None and not _runs_evenly(turn):
            return None
        low, high = _bounds(holds, (turn - EPOCH) // TICK, (reading - EPOCH) // TICK)
    except OverflowError:
        return None
    inside = (low is None or low <= (reading - EPOCH) // TICK) and (high is None or (reading - EPOCH) // TICK < high)
    return (low, high) if inside and holds((reading - EPOCH) // TICK, (turn - EPOCH) // TICK) == result else None


def _bounds(holds: Comparison, turn: int, at: int) -> tuple[int | None, int | None]:
    """The times around `at` for which the comparison with `turn` gives what it gives at `at`."""
    if holds is operator.eq:
        return (turn, turn + 1) if at == turn else (None, turn) if at < turn else (turn + 1, None)
    turn += holds in (operator.le, operator.gt)
    return (None, turn) if at < turn else (turn, None)


def _runs_evenly(turn: datetime) -> bool:
    """Whether local time is as far from UTC all around an instant."""
    around = (turn - A_DAY_ROUND_THE_WORLD, turn, turn + A_DAY_ROUND_THE_WORLD)
    return len({each.astimezone().utcoffset() for each in around}) == 1


def _local(reading: datetime) -> datetime:
    return reading.astimezone().replace(tzinfo=None)


def _clock_of(store: _engine.Store) -> Clock:
    database = store.database
    return _default_clock() if database is None else database.clock


def _default_clock() -> Clock:
    from .database import db  # at call time: the database's modules lead back here

    return db.clock
