"""Queries: immutable descriptions of rows, run when they are iterated or asked.

A Query is a model (or a relation of one record), conditions, Python predicates, an order, an offset and a limit. Each verb that
narrows or sorts gives a new Query and checks it at once, so that mistakes are reported where they are made; each verb that asks
runs it on the store as it is then.

Conditions and orders given after an offset or limit apply to the whole query, before these cut (as in SQLAlchemy). Orders add up:
a later one breaks the ties of the earlier. Python predicates run last, on the rows that everything else left, before the cut.

Every verb stands in Queryable, which asks `_query()` for the description, so that collections have them all; Query holds the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine, conditions, errors, host, kinds, writing
from .columns import Operand, Ordering
from .compile import operand
from .errors import DefinitionError, FieldError, NotFound, SinewError, show
from .explain import Plan
from .groups import Groups
from .predicates import Compare, Expr
from .scope import Frame, field_of

if TYPE_CHECKING:
    from .compile import Slot
    from .definition import Definition
    from .moment import Instant

Predicate = Callable[[Any], object]


class Queryable:
    """The verbs of queries and collections."""

    __slots__ = ()

    def _query(self) -> Query:
        raise NotImplementedError

    def __contains__(self, record: object, /) -> bool:
        raise NotImplementedError

    # ------------------------------------------------------------ narrowing and sorting

    def where(self, /, *predicates: Any, **equalities: Any) -> Query:
        """Only rows for which everything given holds: predicates, Python functions of a record, and `name=value`.

        A value may be a list (any of them), a function (tests the value), None (missing), or for a relation a record.
        UnknownName, FieldError, RelationError for what the model cannot answer.

        >>> from sinew._example import Post, ann
        >>> Post.where(Post.views > 5, author=ann).pluck(Post.title)
        ['Hello']
        """
        query = self._query()
        found, tests = conditions.parse(query._definition, predicates, equalities)
        changed = query._replace(conditions=(*query._conditions, *found), tests=(*query._tests, *tests))
        return changed._checked()

    def order_by(self, /, *terms: Any) -> Query:
        """Sorted by columns, each ascending or `.desc()`; None last. A second order breaks the ties of the first.

        >>> from sinew._example import Post
        >>> Post.order_by(Post.author.name, Post.views.desc()).pluck(Post.title)
        ['Hello', 'Again', 'World']
        """
        query = self._query()
        listed = tuple(term if isinstance(term, Ordering) else Ordering(operand(term, "order_by")) for term in terms)
        return query._replace(terms=(*query._terms, *listed))._checked()

    def offset(self, rows: int, /) -> Query:
        """Without the first rows."""
        return self._query()._replace(offset=_number(rows, "offset"))

    def limit(self, rows: int, /) -> Query:
        """At most so many rows.

        >>> from sinew._example import Post
        >>> Post.offset(1).limit(1).pluck(Post.title)
        ['Again']
        """
        return self._query()._replace(limit=_number(rows, "limit"))

    def all(self) -> Query:
        """All rows; says that an `update` or `delete` of all of them is meant."""
        return self._query()._replace(explicit=True)

    def with_deleted(self) -> NoReturn:
        """Soft delete is not built yet: raises DefinitionError."""
        _unbuilt("with_deleted() (soft delete)")

    def only_deleted(self) -> NoReturn:
        """Soft delete is not built yet: raises DefinitionError."""
        _unbuilt("only_deleted() (soft delete)")

    def restore(self) -> NoReturn:
        """Soft delete is not built yet: raises DefinitionError."""
        _unbuilt("restore() (soft delete)")

    def include(self, /, *paths: Any, **options: Any) -> NoReturn:
        """Trees of views are not built yet: raises DefinitionError."""
        _unbuilt("include()")

    def group_by(self, /, *by: Any) -> Groups:
        """Rows in groups of equal columns or equal related records; ask by `.agg(...)`.

        >>> from sinew._example import Author, Post, ann
        >>> from sinew import count
        >>> Post.group_by(Post.author).agg(n=count())[0] == {"author": ann, "n": 2}
        True
        """
        return Groups(self._query(), by)

    # ------------------------------------------------------------ one record

    def find(self, key: Any, /) -> Any:
        """The record with this primary key (a tuple for a composite one) if it is among the rows, else None."""
        record = _engine.ModelMeta.find(self._query()._model, key)
        return record if record is not None and record in self else None

    def get(self, key: Any, /) -> Any:
        """The record with this primary key. NotFound if it is not among the rows.

        >>> from sinew._example import Post
        >>> Post.where(Post.views > 5).get(1).title
        'Hello'
        """
        record = self.find(key)
        if record is None:
            raise errors.not_found(self._query()._model, key)
        return record

    def find_by(self, /, **equalities: Any) -> Any:
        """The first record with these values, or None. FieldError without any."""
        if not equalities:
            raise FieldError(
                f"{self._query()._definition.name}.find_by() needs a value to look for, such as find_by(name=...)"
            )
        return self.where(**equalities).first()

    def first(self) -> Any:
        """The first record in the query's order, or None."""
        query = self._query()
        if query._tests:
            return query._at(0)
        return query._plan().first()

    def last(self) -> Any:
        """The last record in the query's order, or None."""
        return self._query()._at(-1)

    def one(self) -> Any:
        """The only record. NotFound if there is none, SinewError if there are several.

        >>> from sinew._example import Post
        >>> Post.where(title="World").one().views
        30
        """
        record = self.one_or_none()
        if record is None:
            raise NotFound(f"{self._query()!r} finds no record; one_or_none() gives None instead of an error")
        return record

    def one_or_none(self) -> Any:
        """The only record, or None if there is none. SinewError if there are several."""
        query = self._query()
        found = query._window(0, 2)._rows().records()
        if len(found) > 1:
            raise SinewError(f"{query!r} finds several records, among them {found[0]!r} and {found[1]!r}; first() takes one")
        return found[0] if found else None

    # ------------------------------------------------------------ numbers and values

    def count(self) -> int:
        """How many rows."""
        query = self._query()
        return len(query._rows()) if query._tests else query._plan().count()

    def exists(self) -> bool:
        """Whether there is a row."""
        query = self._query()
        if query._tests:
            return len(query._rows()) > 0
        return query._plan().exists()

    def pluck(self, /, *columns: Any) -> list[Any]:
        """The values of a column as a list; of several as a list of tuples.

        >>> from sinew._example import Post
        >>> Post.pluck(Post.author.name, Post.views)
        [('Ann', 10), ('Ann', 3), ('Bob', 30)]
        """
        query = self._query()
        found = query._values(_some([operand(column, "pluck") for column in columns], "pluck"))
        return found[0] if len(found) == 1 else list(zip(*found, strict=True))

    def select(self, /, *columns: Any, **named: Any) -> list[dict[str, Any]]:
        """Rows as dicts: columns by their names, and whatever is named (aggregates, arithmetic, columns over paths).

        >>> from sinew._example import Post
        >>> Post.where(title="Hello").select(Post.id, author=Post.author.name, twice=Post.views * 2)
        [{'id': 1, 'author': 'Ann', 'twice': 20}]
        """
        given = conditions.named(columns, named, "select")
        found = self._query()._values(_some(list(given.values()), "select"))
        return [dict(zip(given, row, strict=True)) for row in zip(*found, strict=True)]

    def sum(self, column: Any, /) -> Any:
        """The sum of a column of numbers or durations; 0 without rows.

        >>> from sinew._example import Post
        >>> Post.sum(Post.views)
        43
        """
        return self._query()._aggregate("sum", column)

    def avg(self, column: Any, /) -> Any:
        """The mean of a column of numbers or durations, None without rows."""
        return self._query()._aggregate("avg", column)

    def min(self, column: Any, /) -> Any:
        """The smallest value of a column, None without rows."""
        return self._query()._aggregate("min", column)

    def max(self, column: Any, /) -> Any:
        """The largest value of a column, None without rows."""
        return self._query()._aggregate("max", column)

    def in_batches(self, size: int = 1000, /) -> Iterator[list[Any]]:
        """Lists of at most `size` records, of the rows as they are when the first is taken; rows deleted since are left out.

        >>> from sinew._example import Post
        >>> [len(batch) for batch in Post.all().in_batches(2)]
        [2, 1]
        """
        if _number(size, "in_batches") == 0:
            raise FieldError("in_batches(0): a batch has at least one record")
        return self._query()._batches(size)

    def explain(self) -> Plan:
        """Runs the query and tells how: which index served, how many rows were looked at.

        >>> from sinew._example import Post, ann
        >>> Post.where(author=ann).explain().rows_examined
        2
        """
        query = self._query()
        return Plan.of(query._definition.name, query._plan().explain(), len(query._tests))

    # ------------------------------------------------------------ changing

    def update(self, /, **values: Any) -> int:
        """Sets fields and belongs_to of all rows as one statement; values may be expressions. Returns the number of rows.

        A query of all rows needs `.all()`. UnknownName, FieldError, UniqueError, IntegrityError leave everything as it was.

        >>> from sinew._example import Post
        >>> Post.where(Post.views > 5).update(views=Post.views + 1)
        2
        """
        query = self._query()._writable("update")
        assignments = writing.parse(query._definition, values)
        rows = query._rows()
        return writing.apply(query._definition, assignments, rows) if assignments else len(rows)

    def delete(self, *, force: bool = False) -> int:
        """Deletes all rows as one statement, by the on_delete rules. Returns the number of rows.

        A query of all rows needs `.all()`. DeleteRestricted if others refer to some; nothing has changed then. `force` means
        something with soft delete only.
        """
        return self._query()._writable("delete")._rows().delete()


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What a query became for the engine. slots: what Python computes before each run."""

    definition: Definition
    plan: _engine.Plan
    slots: tuple[Slot, ...]
    instant: Instant


class Query(Queryable):
    """An immutable description of rows. See Queryable for the verbs.

    >>> from sinew._example import Post
    >>> long = Query(Post).where(Post.views > 5).order_by(Post.views.desc())
    >>> [post.title for post in long], long[0].title, len(long)
    (['World', 'Hello'], 'World', 2)
    """

    __slots__ = (
        "__weakref__",
        "_compiled",
        "_conditions",
        "_explicit",
        "_limit",
        "_model",
        "_offset",
        "_seen",
        "_source",
        "_terms",
        "_tests",
        "_timed",
    )
    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, model: Any, /, *, source: tuple[_engine.Path, Any] | None = None) -> None:
        if getattr(model, "__sinew__", None) is None:
            raise FieldError(f"a query needs a concrete model, and {show(model)} is none")
        self._model = model
        self._source = source
        self._conditions: tuple[Expr, ...] = ()
        self._tests: tuple[Predicate, ...] = ()
        self._terms: tuple[Ordering, ...] = ()
        self._offset = 0
        self._limit: int | None = None
        self._explicit = False
        self._compiled: Compiled | None = None
        self._timed = False  # whether the time matters
        self._seen: tuple[int, int] | None = None  # revision and number of rows of the last iteration

    def __iter__(self) -> Iterator[Any]:
        rows = self._rows()
        if not self._timed:
            self._seen = (self._definition.db.store.revision, len(rows))
        return iter(rows)

    def __len__(self) -> int:
        seen, self._seen = self._seen, None  # list(query) asks for the length right after the iterator
        if seen is not None and seen[0] == self._definition.db.store.revision:
            return seen[1]
        return self.count()

    def __bool__(self) -> bool:
        return self.exists()

    def __contains__(self, record: object, /) -> bool:
        if not isinstance(record, self._model) or not _engine.alive(record):
            return False
        if self._offset or self._limit is not None:
            return any(each is record for each in self._rows())
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
        parts = [self._definition.name]
        if self._source is not None:
            parts.append(f"of {self._source[1]!r}")
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
        other = Query(self._model, source=self._source)
        for name in ("conditions", "tests", "terms", "offset", "limit", "explicit"):
            setattr(other, f"_{name}", changes.get(name, getattr(self, f"_{name}")))
        return other

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
        bare = self._source is None and not self._conditions and not self._tests and self._limit is None
        if bare and not self._explicit:
            name = self._definition.name
            raise SinewError(f"{verb} of every {name} is not done by accident: write {name}.all().{verb}(...)")
        return self

    # ------------------------------------------------------------ running

    def _checked(self) -> Query:
        """This query, compiled once for the sake of its mistakes. Models that cannot be laid out yet report when it runs."""
        try:
            self._definition.ensure()
        except DefinitionError:
            return self
        self._ready()
        return self

    def _ready(self) -> Compiled:
        """The query for the engine; kept for the next run unless it holds moments or needs Python. Where Python predicates are
        to come, it does not cut."""
        definition = self._definition
        if self._compiled is not None and self._compiled.definition is definition:
            return self._compiled
        definition.ensure()
        run = host.start(definition.db)
        lowering, frame = run.lowering(), Frame(definition)
        where = lowering.conjunction(self._conditions, frame)
        order = [lowering.order(term, frame) for term in self._terms]
        offset, limit = (0, None) if self._tests else (self._offset, self._limit)
        plan = _engine.Plan(definition.cls, where=where, order=order, offset=offset, limit=limit, source=self._source)
        made = Compiled(definition, plan, tuple(lowering.slots), run.instant)
        self._timed = lowering.volatile
        if not lowering.volatile and not lowering.slots:
            self._compiled = made
        return made

    def _plan(self) -> _engine.Plan:
        """The plan, ready to run."""
        made = self._ready()
        host.fill(made.plan, made.slots, host.Run(made.definition.db, made.instant))
        return made.plan

    def _rows(self) -> _engine.Rows:
        """The rows, now."""
        rows = self._plan().rows()
        if not self._tests:
            return rows
        for test in self._tests:
            rows = rows.keep(list(map(test, rows.records())))
        stop = len(rows) if self._limit is None else min(len(rows), self._offset + self._limit)
        return rows.slice(min(self._offset, stop), stop)

    def _at(self, place: int) -> Any:
        """The record at a place (negative from the end), or None."""
        rows = self._rows() if place < 0 else self._window(place, 1)._rows()
        place = place if place < 0 else 0
        return rows.at(place) if -len(rows) <= place < len(rows) else None

    def _slice(self, index: slice) -> list[Any]:
        start, stop = index.start or 0, index.stop
        if start < 0 or (stop is not None and stop < 0) or (index.step or 1) < 0:
            return self._rows().records()[index]
        rows = self._window(start, None if stop is None else max(0, stop - start))._rows()
        return rows.records()[:: index.step]

    def _batches(self, size: int) -> Iterator[list[Any]]:
        rows = self._rows()
        for start in range(0, len(rows), size):
            batch = rows.records(start, min(start + size, len(rows)))
            if batch:
                yield batch

    def _values(self, operands: list[Operand]) -> list[list[Any]]:
        rows = self._rows()
        return host.columns(self._definition, operands, rows, host.start(self._definition.db))

    def _aggregate(self, op: str, column: Any) -> Any:
        value = operand(column, op)
        kind = kinds.of_value(value, field_of)
        result = kinds.aggregated(op, value, kind)
        rows = self._rows()
        run = host.start(self._definition.db)
        in_python = result.name in ("Decimal", "object") and (op in ("sum", "avg") or kind.key is not None)
        if in_python or kinds.computed_in_python(value, field_of):
            return host.fold(op, host.columns(self._definition, [value], rows, run)[0], kind)
        lowering = run.lowering()
        plan = _engine.Plan(self._model, values=[lowering.value(value, Frame(self._definition))])
        host.fill(plan, lowering.slots, run)
        return plan.aggregate(op, 0, rows)


# ---------------------------------------------------------------- arguments


def _number(value: Any, verb: str) -> int:
    if isinstance(value, bool) or not hasattr(type(value), "__index__") or value.__index__() < 0:
        raise FieldError(f"{verb}() takes a number of rows, 0 or more, not {show(value)}")
    return int(value.__index__())


def _index(value: Any) -> int:
    if not hasattr(type(value), "__index__"):
        raise FieldError(f"a query is indexed by an int or a slice, not by {show(value)}; by key it is get({show(value)})")
    return int(value.__index__())


def _some(values: list[Operand], verb: str) -> list[Operand]:
    if not values:
        raise FieldError(f"{verb}() needs columns, such as {verb}(Post.title)")
    return values


def _unbuilt(what: str) -> NoReturn:
    raise DefinitionError(f"{what} is not built yet")
