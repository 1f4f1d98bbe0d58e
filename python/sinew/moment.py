"""The time at which something runs.

`now()` is no datetime but a *Moment*: "now", plus or minus a duration. Within a query it stays symbolic and is
evaluated when the query runs, by the clock of the query's database, naive or aware as the column that it meets.
Anywhere else it is a plain datetime as soon as it is compared, subtracted, stored or read (`.value`).

A naive time is the local one, an aware time is in UTC; both are the same instant.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

if TYPE_CHECKING:
    from .database import Clock


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
        """The moment as a naive datetime, by the clock of the default database."""
        return self.at(_default_clock(), aware=False)

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
        if isinstance(other, Moment):
            return self._offset == other._offset
        return self._beside(other) == other if isinstance(other, datetime) else NotImplemented

    def __lt__(self, other: object, /) -> Any:
        if isinstance(other, Moment):
            return self._offset < other._offset
        return self._beside(other) < other if isinstance(other, datetime) else NotImplemented

    def __le__(self, other: object, /) -> Any:
        if isinstance(other, Moment):
            return self._offset <= other._offset
        return self._beside(other) <= other if isinstance(other, datetime) else NotImplemented

    def __gt__(self, other: object, /) -> Any:
        if isinstance(other, Moment):
            return self._offset > other._offset
        return self._beside(other) > other if isinstance(other, datetime) else NotImplemented

    def __ge__(self, other: object, /) -> Any:
        if isinstance(other, Moment):
            return self._offset >= other._offset
        return self._beside(other) >= other if isinstance(other, datetime) else NotImplemented

    def __repr__(self) -> str:
        if not self._offset:
            return "now()"
        sign, size = ("-", -self._offset) if self._offset < timedelta() else ("+", self._offset)
        return f"now() {sign} {size!r}"

    def _beside(self, other: datetime) -> datetime:
        return self.at(_default_clock(), aware=other.tzinfo is not None)


class Instant:
    """One reading of a clock, naive and aware: every moment within one run of a query sees the same time."""

    __slots__ = ("_clock", "_time")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._time: datetime | None = None

    def now(self) -> datetime:
        """Aware, in UTC."""
        if self._time is None:
            self._time = self._clock.now()
        return self._time

    def naive(self) -> datetime:
        """Naive local time."""
        return self.now().astimezone().replace(tzinfo=None)


def now() -> Moment:
    """The moment at which a query runs, or a plain datetime wherever one is needed.

    >>> from sinew._example import Post
    >>> Post.where(Post.published_at <= now()).count()
    3
    >>> now().value <= datetime.now()
    True
    """
    return Moment()


def _default_clock() -> Clock:
    from .database import db  # at call time: the database's modules lead back here

    return db.clock
