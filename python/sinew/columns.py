"""Operands: the values of a row that conditions, orderings and results are made of.

An operand is a Column (a stored field or a getter, here or at the end of a path), Arithmetic on operands, or an
Aggregate over a path (aggregates.py). Columns are singletons (`Post.title is Post.title`), so they hash by identity
although `==` gives a predicate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import FieldError, UnknownName, show, suggest
from .predicates import Between, Compare, Expr, IsNull, Matches, Member, Text, compiled, shown

if TYPE_CHECKING:
    from .computed import Computed
    from .definition import Definition, FieldInfo, Relation


class Operand:
    """What every value of a row can do; see Column."""

    __slots__ = ("__weakref__",)
    _sinew_is_operand = True
    __class_getitem__: Any = classmethod(GenericAlias)

    def __eq__(self, other: object, /) -> Expr:  # type: ignore[override]
        return Compare("==", self, _operand(other))

    def __ne__(self, other: object, /) -> Expr:  # type: ignore[override]
        return Compare("!=", self, _operand(other))

    def __lt__(self, other: object, /) -> Expr:
        return Compare("<", self, _operand(other))

    def __le__(self, other: object, /) -> Expr:
        return Compare("<=", self, _operand(other))

    def __gt__(self, other: object, /) -> Expr:
        return Compare(">", self, _operand(other))

    def __ge__(self, other: object, /) -> Expr:
        return Compare(">=", self, _operand(other))

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise FieldError(
            f"{self!r} is a column and has no truth value; compare it ({self!r} == True), and join predicates by & | ~ "
            "instead of `and`, `or`, `not`"
        )

    def __and__(self, other: object, /) -> NoReturn:
        raise FieldError(f"& joins predicates, not {self!r}; put comparisons in brackets: (a == 1) & (b == 2)")

    __rand__ = __or__ = __ror__ = __and__

    def __iter__(self) -> NoReturn:
        raise FieldError(
            f"{self!r} is a column: `in` and iteration do not work on it; see in_(), contains() and pluck()"
        )

    def __copy__(self) -> Operand:
        return self

    def __deepcopy__(self, memo: object) -> Operand:
        return self

    def __getattr__(self, name: str, /) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownName(f"{type(self).__name__} {self!r} has no `{name}`{suggest(name, _public(type(self)))}")

    def is_(self, other: object, /) -> Expr:
        """The same as `==`, for None without a linter's complaint: `Post.views.is_(None)`."""
        return Compare("==", self, _operand(other))

    def is_null(self) -> Expr:
        """The value is missing. Over a to-many path: some row's value is missing."""
        return IsNull(self)

    def in_(self, values: Iterable[Any], /) -> Expr:
        """The value is one of several; a None among them matches a missing value.

        >>> from sinew._example import Post
        >>> Post.where(Post.title.in_(["Hello", "World"])).count()
        2
        """
        return Member(self, _members(self, values), negated=False)

    def not_in(self, values: Iterable[Any], /) -> Expr:
        """The value is none of several. Over a to-many path: some row's value is none of them."""
        return Member(self, _members(self, values), negated=True)

    def between(self, low: object, high: object, /) -> Expr:
        """From `low` to `high`, both included.

        >>> from sinew._example import Post
        >>> Post.where(Post.views.between(1, 10)).count()
        2
        """
        return Between(self, _operand(low), _operand(high))

    def like(self, pattern: object, /) -> Expr:
        r"""Matches a pattern with `%` (any characters) and `_` (one), case-sensitive; a backslash takes what follows
        literally. What it begins with before the first of these is looked up in an ordered index.

        >>> from sinew._example import Post
        >>> Post.where(Post.title.like("_el%")).pluck(Post.title)
        ['Hello']
        """
        return Text("like", self, _operand(pattern))

    def ilike(self, pattern: object, /) -> Expr:
        """Like `like`, whatever the case (Unicode simple folding)."""
        return Text("ilike", self, _operand(pattern))

    def contains(self, part: object, /) -> Expr:
        """Has the text in it; `%` and `_` are literal here.

        >>> from sinew._example import Post
        >>> Post.where(Post.title.contains("ell")).pluck(Post.title)
        ['Hello']
        """
        return Text("contains", self, _operand(part))

    def startswith(self, prefix: object, /) -> Expr:
        """Begins with a text."""
        return Text("startswith", self, _operand(prefix))

    def endswith(self, suffix: object, /) -> Expr:
        """Ends with a text."""
        return Text("endswith", self, _operand(suffix))

    def matches(self, pattern: object, /, flags: int = 0) -> Expr:
        r"""Has a match of a regular expression in it, as `re.search` finds it. pattern: a str, with flags of `re`, or
        what `re.compile` gave. It is searched in Python, for the rows that other conditions leave.

        >>> from sinew._example import Post
        >>> Post.where(Post.title.matches(r"^[A-Z]\w+o$")).pluck(Post.title)
        ['Hello']
        """
        return Matches(self, compiled(self, pattern, flags))

    def asc(self) -> Ordering:
        """Ascending, None last."""
        return Ordering(self)

    def desc(self) -> Ordering:
        """Descending, None last.

        >>> from sinew._example import Post
        >>> Post.order_by(Post.views.desc()).first().title
        'World'
        """
        return Ordering(self, descending=True)

    def nulls_first(self) -> Ordering:
        """Ascending, None first."""
        return Ordering(self, none_first=True)

    def nulls_last(self) -> Ordering:
        """Ascending, None last (which is so anyway)."""
        return Ordering(self)

    def __add__(self, other: object, /) -> Arithmetic:
        return Arithmetic("+", self, _operand(other))

    def __radd__(self, other: object, /) -> Arithmetic:
        return Arithmetic("+", _operand(other), self)

    def __sub__(self, other: object, /) -> Arithmetic:
        return Arithmetic("-", self, _operand(other))

    def __rsub__(self, other: object, /) -> Arithmetic:
        return Arithmetic("-", _operand(other), self)

    def __mul__(self, other: object, /) -> Arithmetic:
        return Arithmetic("*", self, _operand(other))

    def __rmul__(self, other: object, /) -> Arithmetic:
        return Arithmetic("*", _operand(other), self)

    def __truediv__(self, other: object, /) -> Arithmetic:
        return Arithmetic("/", self, _operand(other))

    def __rtruediv__(self, other: object, /) -> Arithmetic:
        return Arithmetic("/", _operand(other), self)


class Column(Operand):
    """A stored value, or one that a getter computes: of the model, or of the model at the end of a path. A hashable
    singleton.

    Over to-one steps it is the value there, None without a target. Over a to-many step a comparison means "some".

    >>> from sinew._example import Post
    >>> Post.author.name, Post.title is Post.title
    (Post.author.name, True)
    """

    __slots__ = ("field", "root", "some", "steps")

    def __init__(self, root: Definition, steps: tuple[Relation, ...], field: FieldInfo | Computed, /) -> None:
        self.root, self.steps, self.field = root, steps, field
        self.some = steps[: to_many(steps)]  # what a comparison binds; the rest is followed

    @property
    def name(self) -> str:
        """The name of the field or getter."""
        return self.field.name

    def __repr__(self) -> str:
        return ".".join((self.root.name, *(step.spelling for step in self.steps), self.field.name))


HIGHEST = 100
"""How deep arithmetic may be nested: what reads it calls itself."""


class Arithmetic(Operand):
    """`+ - * /` on numbers and times. With a missing value the result is missing; so is a division by zero.

    >>> from sinew._example import Post
    >>> Post.where(Post.views * 2 > 50).count()
    1
    """

    __slots__ = ("height", "left", "op", "right")
    _sinew_in_brackets = True

    def __init__(self, op: str, left: Any, right: Any, /) -> None:
        self.op, self.left, self.right = op, left, right
        self.height: int = 1 + max(side.height if isinstance(side, Arithmetic) else 0 for side in (left, right))
        if self.height > HIGHEST:
            raise FieldError(f"arithmetic is nested more than {HIGHEST} deep; compute it in Python, on the records")

    def __repr__(self) -> str:
        return f"{shown(self.left)} {self.op} {shown(self.right)}"


class Ordering:
    """An operand with a direction; None comes last unless `nulls_first()` says otherwise.

    >>> from sinew._example import Post
    >>> Post.category_id.desc().nulls_first()
    Post.category_id.desc().nulls_first()
    """

    __slots__ = ("descending", "none_first", "value")

    def __init__(self, value: Operand, *, descending: bool = False, none_first: bool = False) -> None:
        self.value, self.descending, self.none_first = value, descending, none_first

    def nulls_first(self) -> Ordering:
        """The same with None first."""
        return Ordering(self.value, descending=self.descending, none_first=True)

    def nulls_last(self) -> Ordering:
        """The same with None last."""
        return Ordering(self.value, descending=self.descending)

    def __getattr__(self, name: str, /) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownName(f"the ordering {self!r} has no `{name}`{suggest(name, _public(Ordering))}")

    def __repr__(self) -> str:
        return f"{shown(self.value)}{'.desc()' if self.descending else ''}{'.nulls_first()' if self.none_first else ''}"


# ---------------------------------------------------------------- helpers


def to_many(steps: Sequence[Relation]) -> int:
    """How many steps there are up to the last to-many one, included."""
    for place in range(len(steps), 0, -1):
        if steps[place - 1].to_many:
            return place
    return 0


def columns_of(value: object) -> Iterator[Column]:
    """The columns in an operand, from left to right; not those within aggregates, which look at rows of their own."""
    if isinstance(value, Column):
        yield value
    elif isinstance(value, Arithmetic):
        yield from columns_of(value.left)
        yield from columns_of(value.right)


def _public(cls: type) -> list[str]:
    return [name for name in dir(cls) if not name.startswith("_")]


def _operand(value: object) -> object:
    """The other side of an operator; paths, models and predicates are none."""
    if isinstance(value, Expr):
        raise FieldError(f"a predicate is no value: {value!r}; put comparisons in brackets and join them by & | ~")
    if isinstance(value, Ordering):
        raise FieldError(f"an ordering is no value: {value!r}; it belongs into order_by()")
    if hasattr(type(value), "_sinew_is_path"):
        raise FieldError(f"{value!r} is a path and no value; name a column of it, or compare records by .is_(record)")
    return value


def _members(column: Operand, values: object) -> tuple[Any, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable) or isinstance(values, Operand):
        raise FieldError(f"{column!r}: in_() and not_in() take several values, such as a list, not {show(values)}")
    return tuple(_operand(value) for value in values)
