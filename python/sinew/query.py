"""Queries: immutable descriptions of rows, run when they are iterated or asked.

A Query is a model (or a relation of one record, or rows found before), conditions, Python predicates, an order, an
offset and a limit. Each verb that narrows or sorts gives a new Query and checks it at once, so that mistakes are
reported where they are made; each verb that asks runs it on the store as it is then.

Conditions and orders given after an offset or limit apply to the whole query, before these cut (as in SQLAlchemy).
Orders add up: a later one breaks the ties of the earlier. Python predicates run last, on the rows that everything else
left, before the cut.

A query of a many-to-many of one record that names the pivot, in a condition, in its order or in what it is asked for,
is run over the links: the pivot's rows, from which the target is one step away (scope.py). Its records are still the
targets.

Every verb stands in Queryable, which asks `_query()` for the description, so that collections have them all; Query
holds the state."""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar

from . import _engine, host, kinds, pivots, soft
from .columns import Operand, Ordering
from .compile import IR, both
from .errors import DefinitionError, FieldError, SinewError, show
from .predicates import And, Compare, Expr
from .queryable import Queryable
from .reach import as_operand, speaks_of_link
from .scope import Frame, relation_now
from .steady import settled, steadily

if TYPE_CHECKING:
    from .compile import Slot
    from .definition import Definition, Relation

MOST = sys.maxsize
"""More rows than there can be."""

Predicate = Callable[[Any], object]
_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Compiled:
    """What a query became for the engine. frame: what its rows are: those of the model, or links. conditions: how many
    of the query's are in where, all of which must hold; plain: those of where that need nothing from Python. order: one
    for each term. slots: what Python computes before each run. volatile: good for one run. run: that one, if it is.
    edition: the database's, which must not have changed since."""

    frame: Frame
    conditions: int
    where: list[IR]
    plain: list[IR]
    order: list[IR]
    source: Any
    plan: _engine.Plan
    slots: tuple[Slot, ...]
    volatile: bool
    run: host.Run
    edition: tuple[int, int]


class Query(Queryable, metaclass=ABCMeta):
    """An immutable description of rows. See Queryable for the verbs. Collections are registered as a subclass: they
    answer the same questions.

    >>> from sinew._example import Post
    >>> long = Query(Post).where(Post.views > 5).order_by(Post.views.desc())
    >>> [post.title for post in long], long[0].title, len(long)
    (['World', 'Hello'], 'World', 2)
    """

    __slots__ = (
        "__weakref__",
        "_among",
        "_compiled",
        "_conditions",
        "_explicit",
        "_known",
        "_life",
        "_limit",
        "_linked",
        "_model",
        "_offset",
        "_seen",
        "_source",
        "_tail",
        "_terms",
        "_tests",
    )
    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, model: Any, /, *, source: tuple[Relation, Any] | None = None) -> None:
        if getattr(model, "__sinew__", None) is None:
            raise FieldError(f"a query needs a concrete model, and {show(model)} is none")
        self._model = model
        self._source = source
        self._among: _engine.Rows | None = None  # instead of a source: these rows, as far as they live
        self._conditions: tuple[Expr, ...] = ()
        self._tests: tuple[Predicate, ...] = ()
        self._terms: tuple[Ordering, ...] = ()
        self._tail: tuple[Ordering, ...] = ()  # the order of the collection that this was, after any that is asked for
        self._life: soft.Life = soft.LIVE
        self._offset = 0
        self._limit: int | None = None
        self._explicit = False
        self._linked = False  # whether it is run over links, whatever it names
        self._compiled: Compiled | None = None
        self._known: Compiled | None = None  # what the query from which this was made became
        self._seen: tuple[int, int, int] | None = None  # the last iteration: revision, run of a getter, number of rows

    def __iter__(self) -> Iterator[Any]:
        rows = self._rows()
        self._iterated(len(rows))
        made = self._compiled
        engine_only = made is not None and not made.plan.timed and not self._tests
        return iter(rows) if engine_only else self._forgetful(rows)

    def __len__(self) -> int:
        seen, self._seen = self._seen, None  # list(query) asks for the length right after the iterator
        if seen is not None and seen[:2] == (self._definition.db.store.revision, _engine.getter_run()):
            return seen[2]
        return self.count()

    def _iterated(self, rows: int) -> None:
        """So many rows have been found. A getter that asks for the length relies on what it has found itself."""
        self._seen = (self._definition.db.store.revision, _engine.getter_run(), rows)

    def __bool__(self) -> bool:
        return self.exists()

    def __contains__(self, record: object, /) -> bool:
        if not isinstance(record, self._model) or not (_engine.alive(record) or _engine.parked(record)):
            return False
        if self._life != soft.LIVE:  # where several may have one key
            return record in self._rows().records()
        if _engine.parked(record):
            return False
        if self._offset or self._limit is not None:
            return record in self._rows().records()
        return self._replace(conditions=(*self._conditions, *self._identity(record))).exists()

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        place = _index(index)
        record = self._at(place)
        if record is None:
            raise IndexError(f"{self!r} has no row {place}")
        return record

    def __repr__(self) -> str:
        parts = [self._definition.name, *_LIVES[self._life]]
        if self._source is not None:
            parts.append(f"of {self._source[1]!r}")
        parts += [f"among {len(self._among)} rows"] if self._among is not None else []
        said = [*map(repr, self._conditions), *(getattr(test, "__qualname__", show(test)) for test in self._tests)]
        parts += [f"where {' and '.join(said)}"] if said else []
        parts += [f"order by {', '.join(map(repr, self._terms))}"] if self._terms else []
        parts += [f"offset {self._offset}"] if self._offset else []
        parts += [f"limit {self._limit}"] if self._limit is not None else []
        return f"<Query {' '.join(parts)}>"

    # ------------------------------------------------------------ state

    @property
    def _definition(self) -> Definition:
        found: Definition = self._model.__sinew__
        return found

    def _query(self) -> Query:
        return self

    def _replace(self, **changes: Any) -> Query:
        other = object.__new__(Query)
        other._model, other._source, other._among = self._model, self._source, self._among
        other._conditions = self._conditions
        other._tests, other._terms, other._explicit = self._tests, self._terms, self._explicit
        other._offset, other._limit, other._linked = self._offset, self._limit, self._linked
        other._life, other._tail = self._life, self._tail
        other._known = self._known if self._compiled is None else self._compiled
        other._compiled = other._seen = None
        for name, value in changes.items():
            setattr(other, f"_{name}", value)
        return other

    def _with_life(self, life: soft.Life, verb: str) -> Query:
        """The same question to other rows. Deleted ones are in no collection, so that of a relation becomes one about
        the foreign key."""
        soft.require(self._definition, verb)
        changes: dict[str, Any] = {"life": life, "explicit": self._explicit or life == soft.PARKED}
        if self._source is not None:
            relation = relation_now(self._source[0])
            held = soft.of_owner(relation, self._source[1], verb)
            tail = tuple(each if isinstance(each, Ordering) else Ordering(each) for each in relation.ordering)
            changes |= {"source": None, "conditions": (*held, *self._conditions), "tail": tail, "known": None}
        return self._replace(**changes)._checked()

    def _window(self, start: int, count: int | None) -> Query:
        """The rows from `start` on, at most `count`, of what this query finds."""
        left = None if self._limit is None else max(0, self._limit - start)
        limit = left if count is None else count if left is None else min(count, left)
        return self._replace(offset=self._offset + start, limit=limit)

    def _identity(self, record: Any) -> list[Expr]:
        definition = self._definition
        keys = [definition.fields[name] for name in definition.primary_key]
        values = _engine.values(record, [info.engine for info in keys])
        return [Compare("==", info.column, value) for info, value in zip(keys, values, strict=True)]

    def _writable(self, verb: str) -> Query:
        bare = (
            self._source is None
            and self._among is None
            and not self._conditions
            and not self._tests
            and self._limit is None
        )
        if bare and not self._explicit:
            name = self._definition.name
            raise SinewError(f"{verb} of every {name} is not done by accident: write {name}.all().{verb}(...)")
        return self

    # ------------------------------------------------------------ running

    def _checked(self) -> Query:
        """This query, compiled once for the sake of its mistakes. Models that cannot be laid out yet report when it
        runs."""
        try:
            self._definition.ensure()
        except DefinitionError:
            return self
        self._ready()
        return self

    def _ready(self, run: host.Run | None = None) -> Compiled:
        """The query for the engine; kept for the next run unless it needs Python. FieldError if its conditions are
        nested too deep."""
        if self._compiled is not None and self._compiled.edition == self._definition.db.edition:
            return self._compiled
        self._definition.ensure()
        try:
            made = settled(self._definition.db, self._compile, run or host.start(self._definition.db))
        except RecursionError:
            raise FieldError(
                f"the conditions of this query of {self._definition.name} are nested too deep; a chain joined by one "
                "of & and | may be of any length, but `~` and brackets within each other may not"
            ) from None
        if not made.slots and not made.volatile:
            self._compiled = made
        return made

    def _compile(self, run: host.Run) -> Compiled:
        """The query for the engine; what Python computes sees the time of the run. Conditions and terms are only ever
        added, so what is known of those that were there before still holds. Where Python predicates are to come, it
        does not cut."""
        db = self._definition.db
        edition = db.edition
        lowering, (frame, source, there) = run.lowering(), self._start()
        known = self._known if self._known is not None and self._known.edition == edition else None
        known = known if known is not None and known.frame.definition is frame.definition else None
        terms = (*self._terms, *self._tail)
        where, order = (list(known.where), list(known.order)) if known is not None else ([], [])
        if known is None:
            where += there
        plain = list(where)  # what is kept needs no slots
        for part in _parts(self._conditions[0 if known is None else known.conditions :]):
            slots = len(lowering.slots)
            where.append(lowering.predicate(part, frame))
            if len(lowering.slots) == slots:
                plain.append(where[-1])
        order = [] if self._tail else order  # the tail moves with each term
        order += [lowering.order(term, frame) for term in terms[len(order) :]]
        offset, limit = (0, None) if self._tests else (min(self._offset, MOST), self._limit)
        plan = _engine.Plan(
            frame.definition.cls,
            where=both(where),
            order=order,
            offset=offset,
            limit=None if limit is None else min(limit, MOST),
            source=source,
            life=self._life,
            at=run.time if lowering.slots else None,
        )
        return Compiled(
            *(frame, len(self._conditions), where, plain, order, source, plan, tuple(lowering.slots)),
            *(lowering.volatile, run, edition),
        )

    def _start(self) -> tuple[Frame, Any, list[IR]]:
        """The rows that the query is about, where they come from, and what must hold for each of them."""
        if self._source is None:
            return Frame(self._definition), self._among, []
        relation, owner = relation_now(self._source[0]), self._source[1]
        if not (self._linked or speaks_of_link(relation, (*self._conditions, *self._terms))):
            return Frame(self._definition), (relation.path, owner), []
        path, link = relation.pair_path, pivots.link_from(relation, owner)
        return Frame(link.pivot, link=link), (path, owner), [("exists", 0, link.step.path, None)]

    def _over_links(self, operands: Iterable[object]) -> Query:
        """This query, over links if these operands speak of them."""
        if self._source is None or self._linked or not speaks_of_link(relation_now(self._source[0]), operands):
            return self
        return self._replace(linked=True)

    def _plan(self) -> _engine.Plan:
        """The plan, ready to run."""
        return self._prepared().plan

    def _prepared(self, run: host.Run | None = None) -> Compiled:
        """The query for the engine, with all that it needs to run. What Python computes of a row is computed for those
        that the other conditions leave: about the rest they have said no."""
        made = self._ready(run)
        if made.slots:
            narrowed = made.source is not None or made.plain or self._life != soft.LIVE
            left = None
            if narrowed:
                model, where = made.frame.definition.cls, both(made.plain)
                left = _engine.Plan(model, where=where, source=made.source, life=self._life).rows(made.run.time)
            host.fill(made.plan, made.slots, made.run, left)
        return made

    def _found(self, run: host.Run | None = None) -> tuple[Frame, _engine.Rows]:
        """The rows, now (or at the time of a run), and what they are: those of the model, or links."""
        made = self._prepared(run)
        frame, rows = made.frame, made.plan.rows() if run is None or made.slots else made.plan.rows(run.time)
        if not self._tests:
            return frame, rows
        for test in self._tests:
            rows = rows.filter(_of_target(frame, test))
        stop = len(rows) if self._limit is None else min(len(rows), self._offset + self._limit)
        return frame, rows.slice(min(self._offset, stop), stop)

    def _steadily(self, read: Callable[..., _T], *given: object) -> _T:
        """What a read of this query gives, whoever defines models meanwhile."""
        return steadily(self._definition.db, read, *given)

    def _rows(self, run: host.Run | None = None) -> _engine.Rows:
        """The rows of the model, now, or at the time of a run."""
        return self._steadily(self._rows_now, run)

    def _rows_now(self, run: host.Run | None) -> _engine.Rows:
        frame, rows = self._found(run)
        return rows if frame.link is None else frame.link.step.path.expand(rows)[0]

    def _first_now(self) -> Any:
        made = self._prepared()
        return made.plan.first() if made.frame.link is None else self._at(0)

    def _count_now(self) -> int:
        return self._plan().count()

    def _exists_now(self) -> bool:
        return self._plan().exists()

    def _changing(self) -> _engine.Rows:
        """The rows of the model, now, each once: to be changed."""
        rows = self._rows()
        relation = None if self._source is None else relation_now(self._source[0])
        if relation is None or relation.each_once:
            return rows
        definition = self._definition
        fields = [definition.fields[name].engine for name in definition.primary_key]
        plan = _engine.Plan(self._model, values=[("column", 0, each.key_field or each) for each in fields])
        return plan.group(range(len(fields)), rows)[0]

    def _forgetful(self, rows: _engine.Rows) -> Iterator[Any]:
        """The records. Their number is not remembered from the first on: time and Python functions may say
        otherwise."""
        self._seen = None
        yield from rows

    def _at(self, place: int) -> Any:
        """The record at a place (negative from the end), or None."""
        rows = self._rows() if place < 0 else self._window(place, 1)._rows()
        place = place if place < 0 else 0
        return rows.at(place) if -len(rows) <= place < len(rows) else None

    def _slice(self, index: slice) -> list[Any]:
        start, stop, step = _bound(index.start), _bound(index.stop), _bound(index.step)
        if (start or 0) < 0 or (0 if stop is None else stop) < 0 or (1 if step is None else step) < 0:
            return self._rows().records()[start:stop:step]
        start = start or 0
        rows = self._window(start, None if stop is None else max(0, stop - start))._rows()
        return rows.records()[::step]

    def _batches(self, size: int) -> Iterator[list[Any]]:
        rows = self._rows()
        for start in range(0, len(rows), size):
            batch = rows.records(start, min(start + size, len(rows)))
            if batch:
                yield batch

    def _values(self, operands: list[Operand]) -> list[list[Any]]:
        return self._steadily(self._values_now, operands)

    def _values_now(self, operands: list[Operand]) -> list[list[Any]]:
        run = host.start(self._definition.db)
        frame, rows = self._over_links(operands)._found(run)
        return host.columns(frame, operands, rows, run)

    def _aggregate(self, op: str, column: Any) -> Any:
        return self._steadily(self._aggregate_now, op, column)

    def _aggregate_now(self, op: str, column: Any) -> Any:
        value = as_operand(column, op)
        kind = kinds.of_value(value)
        result = kinds.aggregated(op, value, kind)
        run = host.start(self._definition.db)
        frame, rows = self._over_links([value])._found(run)
        in_python = result.name in ("Decimal", "object") and (op in ("sum", "avg") or kind.key is not None)
        if in_python or kinds.computed_in_python(value):
            return host.fold(op, host.columns(frame, [value], rows, run)[0], kind)
        lowering = run.lowering()
        plan = _engine.Plan(frame.definition.cls, values=[lowering.value(value, frame)], at=run.time)
        host.fill(plan, lowering.slots, run, rows)
        return plan.aggregate(op, 0, rows)


_LIVES = {soft.LIVE: (), soft.PARKED: ("only deleted",), soft.STORED: ("with deleted",)}


def _parts(conditions: Iterable[Expr]) -> Iterator[Expr]:
    """What must hold for all of several conditions to hold."""
    for condition in conditions:
        yield from condition.parts if isinstance(condition, And) else (condition,)


def _of_target(frame: Frame, test: Predicate) -> Predicate:
    """A predicate on records, asked of the rows of a frame."""
    if frame.link is None:
        return test
    target = frame.link.step.path.first
    return lambda link: test(target(link))


def _index(value: Any) -> int:
    if not hasattr(type(value), "__index__"):
        raise FieldError(
            f"a query is indexed by an int or a slice, not by {show(value)}; by key it is get({show(value)})"
        )
    return int(value.__index__())


def _bound(value: Any) -> int | None:
    """A part of a slice."""
    if value is None or hasattr(type(value), "__index__"):
        return None if value is None else int(value.__index__())
    raise FieldError(f"the parts of a query's slice are ints, not {show(value)}")
