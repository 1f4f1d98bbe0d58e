"""A database: an isolated registry of models with their records, its transactions, and its clock.

Models enter it by their class statements. Tables are made at the first use of a model; because the engine refuses new
tables within a transaction, opening the outermost one first lays out whatever can be laid out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine, layout, notyet
from .errors import (
    DefinitionError,
    FieldError,
    NotFound,
    SinewError,
    TransactionError,
    kind_of,
    show,
    suggest,
    transaction_closed,
)
from .moment import EPOCH, TICK

if TYPE_CHECKING:
    from .definition import Definition
    from .report import GetterReport, GetterStats

__all__ = ["Clock", "Database", "Stats", "Transaction", "db", "transaction"]


UNMOVED = timedelta()


class Clock:
    """The time that `now()`, `created_at` and `updated_at` of a database see.

    >>> clock = Clock()
    >>> clock.freeze(datetime(2030, 1, 1, tzinfo=UTC))
    >>> clock.move(timedelta(days=1))
    >>> clock.now()
    datetime.datetime(2030, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """

    def __init__(self) -> None:
        self._frozen: datetime | None = None
        self._shift = UNMOVED
        self._store: _engine.Store | None = None

    def now(self) -> datetime:
        """The current moment, aware, in UTC. A getter that asks for it is good for one read; see `now()`."""
        _engine.track_once()
        return self.reading()

    def reading(self) -> datetime:
        """The same, unnoticed by the getter that asks: it must see to it that its value does not outlast it."""
        if self._frozen is not None:
            return self._frozen
        return datetime.now(UTC) + self._shift

    def naive(self) -> datetime:
        """The same moment as a naive datetime, which means local time."""
        return self.now().astimezone().replace(tzinfo=None)

    def freeze(self, moment: datetime, /) -> None:
        """Stops the clock at a moment (a naive one means local time). FieldError if it is no datetime, or not of the
        years 1 to 9999 in UTC."""
        if not isinstance(moment, datetime):
            raise FieldError(f"clock.freeze() takes a datetime, not {show(moment)} ({kind_of(moment)})")
        try:
            frozen = moment.astimezone(UTC)
        except (OverflowError, ValueError):  # the latter where the C library has no local time
            raise FieldError(
                f"clock.freeze({moment}) lies beyond the years 1 to 9999 in UTC; the clock stays as it is"
            ) from None
        self._set(frozen, self._shift)

    def move(self, delta: timedelta, /) -> None:
        """Puts the clock forward (or back), frozen or not. FieldError if delta is no timedelta, or leads out of the
        years 1 to 9999."""
        if not isinstance(delta, timedelta):
            raise FieldError(f"clock.move() takes a timedelta, not {show(delta)} ({kind_of(delta)})")
        try:
            moved = self.reading() + delta
        except OverflowError:
            raise FieldError(
                f"clock.move({delta}) leads beyond the years 1 to 9999; the clock stays as it is"
            ) from None
        if self._frozen is not None:
            self._set(moved, self._shift)
        else:
            self._set(None, self._shift + delta)

    def unfreeze(self) -> None:
        """Back to the time of day."""
        self._set(None, UNMOVED)

    def _set(self, frozen: datetime | None, shift: timedelta) -> None:
        """Sets the clock, and lets the store know, which decides by it whether the values of getters are right."""
        if self._store is not None:
            self._store.set_clock(frozen is not None, (shift if frozen is None else frozen - EPOCH) // TICK)
        self._frozen = frozen
        self._shift = shift


@dataclass(frozen=True)
class Stats:
    """What a database holds. rows: of all models; by_model: of each; parked: soft-deleted ones, which are in neither.
    bytes, blocks: memory of the engine (the Python values themselves not counted); positions: rows and the places of
    deleted ones; getters: of each whose values are kept, by `Model.name`."""

    rows: int
    by_model: Mapping[str, int]
    parked: int
    positions: int
    handles: int
    blocks: int
    bytes: int
    revision: int
    pins: int
    getters: Mapping[str, GetterStats]

    def __str__(self) -> str:
        lines = [f"{self.rows:,} rows in {len(self.by_model)} models, {self.bytes:,} bytes, revision {self.revision:,}"]
        width = max((len(name) for name in self.by_model), default=0)
        lines += [f"  {name:<{width}} {count:>12,}" for name, count in self.by_model.items()]
        lines += [f"  {name}: {counts}" for name, counts in self.getters.items()]
        return "\n".join(lines)


class Models(Mapping[str, type[Any]]):
    """The models of a database by name; a live view.

    >>> list(Models({}))
    []
    """

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._definitions = definitions

    def __getitem__(self, name: str) -> type[Any]:
        definition = self._definitions.get(name)
        if definition is None:
            raise _NoModel(f"there is no model `{name}` in this database{suggest(name, self._definitions)}")
        return definition.cls

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._definitions))

    def __len__(self) -> int:
        return len(self._definitions)

    def __repr__(self) -> str:
        return f"<models: {', '.join(self._definitions) or 'none'}>"


class _NoModel(NotFound, KeyError):
    __str__ = Exception.__str__


class Transaction:
    """An open `with db.transaction()` block. See `Database.transaction`.

    The open blocks of a database are a chain from the innermost out: leaving one must not need memory."""

    def __init__(self, database: Database, wait: float | None) -> None:
        self._database = database
        self._wait = wait
        self._state = "new"
        self._depth = 0
        self._outer: Transaction | None = None

    def __enter__(self) -> Transaction:
        if self._state != "new":
            raise TransactionError("this transaction has been entered already; call db.transaction() again")
        store = self._database.store
        if store.depth == 0:
            self._database.prepare()
        store.begin(self._wait)
        self._depth = store.depth
        outer = self._database.block
        while outer is not None and outer._depth >= self._depth:
            outer = outer._left()  # ended by the store: its thread or task was gone
        self._outer, self._database.block = outer, self
        self._state = "open"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        store = self._database.store
        state, self._state = self._state, "over"
        if store.closed:
            return
        if state == "undone":
            store.refuse(False)
        elif not self._is_open():
            if kind is None:
                raise transaction_closed()
        elif kind is not None or self._database.block is not self:
            self._undo()
            if kind is None:
                raise TransactionError(
                    "a transaction that was opened within this block is still open: both have been rolled back; end "
                    "them in the reverse order"
                )
        else:
            self._commit()

    def _commit(self) -> None:
        try:
            self._end(commit=True)
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        """Rolls back this block, and with it those within that are open still: their ends will find nothing."""
        database = self._database
        while self._is_open() and database.block is not None:
            database.block._end(commit=False)

    def _end(self, *, commit: bool) -> None:
        """Has the store end this block, the innermost. It is off the chain by then: as soon as the store has ended it,
        another thread may begin, or code that a value runs when it goes."""
        database, store, outer = self._database, self._database.store, self._outer
        database.block, self._outer = outer, None
        try:
            if commit:
                store.commit()
            else:
                store.rollback()
        except BaseException:
            if store.depth >= self._depth:
                database.block, self._outer = self, outer
            raise

    def _is_open(self) -> bool:
        block = self._database.block
        while block is not None and block is not self:
            block = block._outer
        return block is self

    def _left(self) -> Transaction | None:
        """Takes this block out of the chain: the one around it."""
        outer, self._outer = self._outer, None
        return outer

    def rollback(self) -> None:
        """Undoes the block at once; further statements in it raise TransactionError. TransactionError if it is over, or
        if a block within it is still open."""
        if self._state != "open":
            raise transaction_closed()
        store = self._database.store
        if not self._is_open():
            raise transaction_closed()
        if self._database.block is not self or store.depth != self._depth:
            raise TransactionError("a transaction within this one is still open; roll that one back, or leave it first")
        self._end(commit=False)
        self._state = "undone"
        store.refuse(True)  # for which begin() has reserved the memory


class Database:
    """An isolated registry of models with their records.

    `class Base(Model, db=shop, abstract=True)` binds a family of models to it.

    >>> shop = Database()
    >>> len(shop.models)
    0
    """

    clock: Clock
    store: _engine.Store

    def __init__(self) -> None:
        self.store = _engine.Store(self)
        self.clock = Clock()
        self.clock._store = self.store
        self.definitions: dict[str, Definition] = {}
        self.pending: dict[str, Definition] = {}  # those without a table
        self.lock = threading.RLock()
        self.resolving = False
        self.building: Sequence[Definition] = ()  # those whose tables are there, and whose paths are being compiled
        self.block: Transaction | None = None  # the innermost open one
        self.getter_names: set[str] = set()  # of all models, also of those that were defined anew since
        self.redefinitions = 0
        self.redefining = 0  # models that are being exchanged, by whoever holds the lock
        self._models = Models(self.definitions)

    def __repr__(self) -> str:
        return f"<Database{' (closed)' if self.store.closed else ''}: {', '.join(self.definitions) or 'no models'}>"

    @property
    def edition(self) -> tuple[int, int]:
        """What changes when models do: whoever keeps something compiled looks at it."""
        return self.store.schema, self.redefinitions

    @property
    def models(self) -> Mapping[str, type[Any]]:
        """The models by name, a live mapping."""
        return self._models

    def transaction(self, *, wait: float | None = None) -> Transaction:
        """All or nothing: what happens in the `with` block is undone if it raises, or by `tx.rollback()`. Blocks nest.

        wait: how many seconds to wait for a transaction of another thread. TransactionError if one is (still) open;
        IntegrityError, DeleteRestricted or UniqueError at the end of the outermost block if a rule does not hold then.

            with db.transaction() as tx:
                Post(title="x", author=ann)
        """
        if wait is not None and (isinstance(wait, bool) or not isinstance(wait, (int, float)) or not wait >= 0):
            raise FieldError(f"transaction(wait=) takes a number of seconds, not {show(wait)}")
        return Transaction(self, wait)

    def check(self) -> None:
        """Resolves every model. Raises one DefinitionError that lists every problem there is."""
        problems = layout.problems_of(self)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise DefinitionError(f"{len(problems)} problems in the models:\n{listed}", problems=problems)

    def prepare(self) -> None:
        """Lays out the models that can be; the others report when they are used."""
        for definition in tuple(self.pending.values()):
            try:
                definition.ensure()
            except DefinitionError:
                continue

    def explain_getter(self, record: Any, name: str, /) -> GetterReport:
        """What a getter of a record has read, when it was computed, and whether its value is right, or which change
        made it stale. Runs no getter. UnknownName, FieldError for what is no record of this database.

        >>> from sinew._example import ann, db
        >>> _ = ann.initial
        >>> print(db.explain_getter(ann, "initial").state)
        right
        """
        from . import report  # at call time: it needs what needs the database

        return report.explain(self, record, name)

    @property
    def audit_getters(self) -> bool:
        """Whether each read of a getter's kept value computes it anew, and compares: SinewError if they differ, as when
        a kept list was changed in place, or a getter depends on something outside the database. Slow: for finding
        mistakes."""
        return self.store.audits

    @audit_getters.setter
    def audit_getters(self, audit: bool) -> None:
        self.store.audits = audit

    def diagram(self) -> NoReturn:
        """Not built yet."""
        raise notyet.unbuilt("diagram()")

    def clear(self) -> None:
        """Removes all records; the models stay, ids start at 1 again. TransactionError in a transaction."""
        self.store.clear()

    def close(self) -> None:
        """Releases all records for good. Whatever is done with the models afterwards raises SinewError."""
        self.store.close()

    def stats(self) -> Stats:
        """What the database holds."""
        from . import report  # at call time: it needs what needs the database

        if self.store.closed:
            raise SinewError("the database is closed")
        by_model = {
            name: 0 if name in self.pending else _engine.Plan(definition.cls).count()
            for name, definition in self.definitions.items()
        }
        return Stats(by_model=by_model, getters=dict(report.counts(self)), **self.store.stats())


db = Database()
"""The database of models that name no other."""


def transaction(*, wait: float | None = None) -> Transaction:
    """A transaction of the default database; see `Database.transaction`."""
    return db.transaction(wait=wait)
