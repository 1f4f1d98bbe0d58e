"""Aggregates over a path (in `where`, `order_by`, `select`) or over a group (in `agg`), and `exists`.

Over a path each target counts once, however many ways lead to it; `distinct=False` counts ways. Conditions speak of the
target. `sum_` of nothing is 0, `avg`, `min_` and `max_` of nothing are None; missing values are passed over."""

from __future__ import annotations

from typing import Any

from .columns import Operand
from .errors import FieldError, show
from .path import Path, is_path
from .predicates import Exists, Expr, shown


class Aggregate(Operand):
    """A value computed over the targets of a path, or over the rows of a group. Stands wherever a column may.

    >>> from sinew._example import Author, Post
    >>> Author.where(count(Author.posts, Post.views > 1) >= 2).pluck(Author.name)
    ['Ann']
    """

    __slots__ = ("conditions", "distinct", "op", "over", "path")

    def __init__(
        self, op: str, path: Path | None, over: Operand | None, conditions: tuple[Expr, ...], distinct: bool, /
    ) -> None:
        self.op, self.path, self.over, self.conditions, self.distinct = op, path, over, conditions, distinct

    def __repr__(self) -> str:
        name = self.op if self.op in ("count", "avg") else f"{self.op}_"
        subject = [repr(self.path)] if self.path is not None else [shown(self.over)] if self.over is not None else []
        distinct = [] if self.distinct else ["distinct=False"]
        return f"{name}({', '.join([*subject, *map(repr, self.conditions), *distinct])})"


def count(path: Any = None, /, *conditions: Expr, distinct: bool = True) -> Aggregate:
    """How many targets a path has, or how many rows a group (without arguments).

    >>> from sinew._example import Author
    >>> Author.select(Author.name, posts=count(Author.posts))
    [{'name': 'Ann', 'posts': 2}, {'name': 'Bob', 'posts': 1}, {'name': 'Cid', 'posts': 0}]
    """
    if path is None and not conditions:
        return Aggregate("count", None, None, (), True)
    return Aggregate("count", _path(path, "count"), None, _conditions(conditions, "count"), distinct)


def sum_(column: Any, /, *conditions: Expr, distinct: bool = True) -> Aggregate:
    """The sum of a column at the end of a path, or over a group.

    >>> from sinew._example import Author
    >>> Author.where(sum_(Author.posts.views) > 10).pluck(Author.name)
    ['Ann', 'Bob']
    """
    return _of_column("sum", column, conditions, distinct)


def avg(column: Any, /, *conditions: Expr, distinct: bool = True) -> Aggregate:
    """The mean; a float, a Decimal or a timedelta.

    >>> from sinew._example import Author
    >>> Author.where(name="Ann").select(mean=avg(Author.posts.views))
    [{'mean': 6.5}]
    """
    return _of_column("avg", column, conditions, distinct)


def min_(column: Any, /, *conditions: Expr, distinct: bool = True) -> Aggregate:
    """The smallest value.

    >>> from sinew._example import Author
    >>> Author.order_by(min_(Author.posts.title)).pluck(Author.name)
    ['Ann', 'Bob', 'Cid']
    """
    return _of_column("min", column, conditions, distinct)


def max_(column: Any, /, *conditions: Expr, distinct: bool = True) -> Aggregate:
    """The largest value.

    >>> from sinew._example import Post
    >>> Post.group_by(Post.author_id).agg(most=max_(Post.views))
    [{'author_id': 1, 'most': 10}, {'author_id': 2, 'most': 30}]
    """
    return _of_column("max", column, conditions, distinct)


def exists(path: Any, /, *conditions: Expr) -> Expr:
    """Some target of a path meets all the conditions, which speak of the target.

    >>> from sinew._example import Author, Post
    >>> Author.where(exists(Author.posts, Post.title == "Hello", Post.views > 1)).pluck(Author.name)
    ['Ann']
    """
    return Exists(_path(path, "exists"), _conditions(conditions, "exists"))


def _path(path: object, verb: str) -> Path:
    if is_path(path):
        assert isinstance(path, Path)
        return path
    raise FieldError(f"{verb}() takes a path such as {verb}(Author.posts), not {shown(path)}")


def _conditions(conditions: tuple[object, ...], verb: str) -> tuple[Expr, ...]:
    for condition in conditions:
        if not isinstance(condition, Expr):
            raise FieldError(f"the conditions of {verb}() are predicates on the target, not {_named(condition)}")
    return conditions  # type: ignore[return-value]


def _of_column(op: str, column: object, conditions: tuple[object, ...], distinct: bool) -> Aggregate:
    name = "avg" if op == "avg" else f"{op}_"
    if not isinstance(column, Operand):
        hint = "; name a column of it" if is_path(column) else ""
        raise FieldError(f"{name}() takes a column, not {_named(column)}{hint}")
    return Aggregate(op, None, column, _conditions(conditions, name), distinct)


def _named(value: object) -> str:
    return repr(value) if is_path(value) or isinstance(value, Operand) else show(value)
