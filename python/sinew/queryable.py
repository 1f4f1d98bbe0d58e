"""The verbs of queries and collections. What they ask of is the Query that `_query()` gives; see query.py."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine, conditions, errors, soft, writing
from .columns import Operand, Ordering
from .errors import FieldError, NotFound, RecordDeleted, SinewError, UnknownName, show, suggest
from .explain import Plan
from .groups import Groups
from .reach import as_operand

if TYPE_CHECKING:
    from .query import Query
    from .tree import Tree


class Queryable:
    """The verbs of queries and collections."""

    __slots__ = ()

    def _query(self) -> Query:
        raise NotImplementedError

    def __contains__(self, record: object, /) -> bool:
        raise NotImplementedError

    def __getattr__(self, name: str, /) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        raise UnknownName(f"a {type(self).__name__} has no `{name}`{self._instead_of(name)}")

    def _instead_of(self, name: str) -> str:
        """What to write for an attribute that there is not: for what the model or each record has, or the nearest
        verb."""
        definition = self._query()._definition
        spelled = f"{definition.name}.{name}"
        if definition.attribute(name) is not None:
            return f"; each record has one: write pluck({spelled}), or go through the records"
        if name in definition.relations:
            return f"; each record has its own: write include({spelled}), or where(exists({spelled}))"
        if isinstance(inspect.getattr_static(definition.cls, name, None), classmethod):
            return f"; if it is a scope, write where({spelled}())"
        return suggest(name, [each for each in dir(type(self)) if not each.startswith("_")])

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
        listed = tuple(term if isinstance(term, Ordering) else Ordering(as_operand(term, "order_by")) for term in terms)
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

    def with_deleted(self) -> Query:
        """Soft-deleted records too. What a relation leads to is never a deleted record, here neither. SinewError for a
        model without deleted_at().

        >>> from sinew._example import Note
        >>> Note(text="old").delete()
        >>> Note.count(), Note.with_deleted().count()
        (1, 2)
        """
        return self._query()._with_life(soft.STORED, "with_deleted()")

    def only_deleted(self) -> Query:
        """Soft-deleted records only: to `restore()`, or to `delete(force=True)` for good.

        >>> from sinew._example import Note
        >>> Note(text="old").delete()
        >>> Note.only_deleted().restore(), Note.count()
        (1, 2)
        """
        return self._query()._with_life(soft.PARKED, "only_deleted()")

    def restore(self) -> int:
        """Restores all soft-deleted rows as one statement, and what a cascade took with them. Returns the number of
        rows, without what came along. For queries with `only_deleted()` or `with_deleted()`.

        UniqueError if another record has taken a key, IntegrityError if what a record refers to is deleted; nothing has
        changed then."""
        query = self._query()
        soft.require(query._definition, "restore()")
        if query._life == soft.LIVE:
            name = query._definition.name
            raise SinewError(
                f"restore() of a query that leaves deleted records out does nothing; write "
                f"{name}.only_deleted().where(...).restore()"
            )
        restored: int = query._rows().restore()
        return restored

    def include(self, /, *paths: Any, **options: Any) -> Tree:
        """The rows with what relations lead to, as a tree: several paths, or one with where=, order_by=, limit=,
        offset= (of the targets of each row) and only= (of their fields). See Tree.

        FieldError for what is no path, RelationError for a path from another model, UnknownName for names of fields.

        >>> from sinew._example import Author, Post
        >>> tree = Author.include(Author.posts, order_by=Post.views.desc(), limit=1, only=["title"])
        >>> [(author.name, [post.title for post in author.posts]) for author in tree]
        [('Ann', ['Hello']), ('Bob', ['World']), ('Cid', [])]
        """
        from .tree import Tree

        return Tree(self._query()).include(*paths, **options)

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
        query = self._query()
        record = _engine.ModelMeta.find(query._model, key)
        if record is None:
            raise errors.not_found(query._model, key)
        if record not in self:
            raise NotFound(f"{record!r} is not among {query!r}; find() gives None instead of an error")
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
        return query._steadily(query._first_now)

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
            raise SinewError(
                f"{query!r} finds several records, among them {found[0]!r} and {found[1]!r}; first() takes one"
            )
        return found[0] if found else None

    # ------------------------------------------------------------ numbers and values

    def count(self) -> int:
        """How many rows."""
        query = self._query()
        return len(query._rows()) if query._tests else query._steadily(query._count_now)

    def exists(self) -> bool:
        """Whether there is a row."""
        query = self._query()
        if query._tests:
            return len(query._rows()) > 0
        return query._steadily(query._exists_now)

    def pluck(self, /, *columns: Any) -> list[Any]:
        """The values of a column as a list; of several as a list of tuples.

        >>> from sinew._example import Post
        >>> Post.pluck(Post.author.name, Post.views)
        [('Ann', 10), ('Ann', 3), ('Bob', 30)]
        """
        query = self._query()
        found = query._values(_some([as_operand(column, "pluck") for column in columns], "pluck"))
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
        """Lists of at most `size` records, of the rows as they are when the first is taken; rows deleted since are left
        out.

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
        """Sets fields and belongs_to of all rows as one statement; values may be expressions. Returns the number of
        rows.

        A query of all rows needs `.all()`. UnknownName, FieldError, UniqueError, IntegrityError leave everything as it
        was.

        >>> from sinew._example import Post
        >>> Post.where(Post.views > 5).update(views=Post.views + 1)
        2
        """
        query = self._query()._writable("update")
        if query._life != soft.LIVE:
            raise RecordDeleted(
                f"{query!r} may hold soft-deleted records, which are not updated; restore() them first, or leave "
                "with_deleted() and only_deleted() out"
            )
        assignments = writing.parse(query._definition, values)
        rows = query._changing()
        return writing.apply(query._definition, assignments, rows) if assignments else len(rows)

    def delete(self, *, force: bool = False) -> int:
        """Deletes all rows as one statement, by the on_delete rules: softly where the model has a deleted_at(), unless
        `force`. Returns the number of rows; of those that were deleted softly already, only force counts any.

        A query of all rows needs `.all()`. DeleteRestricted if others refer to some; nothing has changed then."""
        return self._query()._writable("delete")._changing().delete(soft.forced(force, "delete"))


# ---------------------------------------------------------------- arguments


def _number(value: Any, verb: str) -> int:
    if isinstance(value, bool) or not hasattr(type(value), "__index__") or value.__index__() < 0:
        raise FieldError(f"{verb}() takes a number of rows, 0 or more, not {show(value)}")
    return int(value.__index__())


def _some(values: list[Operand], verb: str) -> list[Operand]:
    if not values:
        raise FieldError(f"{verb}() needs columns, such as {verb}(Post.title)")
    return values
