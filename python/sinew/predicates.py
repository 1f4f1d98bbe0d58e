"""Predicates: what conditions are made of.

Comparing operands (columns.py) gives an Expr, which composes with & | ~. Each kind is a small immutable node that holds
names and constants and looks at no row; compile.py translates it for the model of a query."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from .errors import FieldError, show

if TYPE_CHECKING:
    from .columns import Operand
    from .path import Path


class Expr:
    """A predicate over rows. Composes with `&`, `|` and `~`; has no truth value of its own.

    >>> from sinew._example import Post
    >>> (Post.title == "Hello") & ~Post.title.startswith("x")
    Post.title == 'Hello' & ~Post.title.startswith('x')
    """

    __slots__ = ("__weakref__",)
    _closed: ClassVar[bool] = False  # whether `~` can stand before its repr

    def __and__(self, other: Expr, /) -> Expr:
        return And(self, _predicate(other, "&"))

    def __or__(self, other: Expr, /) -> Expr:
        return Or(self, _predicate(other, "|"))

    def __invert__(self) -> Expr:
        return self.part if isinstance(self, Not) else Not(self)

    def __bool__(self) -> NoReturn:
        raise FieldError(
            f"the predicate {self!r} is neither true nor false before a query runs; join predicates by & | ~ instead "
            "of `and`, `or`, `not`, and write a chain such as 1 < a < 5 as (a > 1) & (a < 5)"
        )


def _predicate(value: object, operator: str) -> Expr:
    if isinstance(value, Expr):
        return value
    raise FieldError(
        f"{operator} joins predicates, not {show(value)}; put comparisons in brackets: (a == 1) {operator} (b == 2)"
    )


class Joined(Expr):
    """Two predicates under one operator. Joining in a loop makes a chain of pairs, each step at the same cost; `parts`
    reads it as one flat list, so that a chain may be as long as memory allows."""

    __slots__ = ("left", "right")

    def __init__(self, left: Expr, right: Expr) -> None:
        self.left, self.right = left, right

    @property
    def parts(self) -> list[Expr]:
        """What the operator joins, from left to right."""
        kind, waiting = type(self), [self.right, self.left]
        found: list[Expr] = []
        while waiting:
            part = waiting.pop()
            if type(part) is kind:
                waiting += (part.right, part.left)
            else:
                found.append(part)
        return found


class And(Joined):
    """All of the parts."""

    __slots__ = ()

    def __repr__(self) -> str:
        return " & ".join(map(_within, self.parts))


class Or(Joined):
    """Any of the parts."""

    __slots__ = ()

    def __repr__(self) -> str:
        return " | ".join(map(_within, self.parts))


class Not(Expr):
    """The exact complement."""

    __slots__ = ("part",)

    def __init__(self, part: Expr) -> None:
        self.part = part

    def __repr__(self) -> str:
        return f"~{self.part!r}" if self.part._closed else f"~({self.part!r})"


def _within(part: Expr) -> str:
    return f"({part!r})" if isinstance(part, (And, Or)) else repr(part)


class Compare(Expr):
    """Two values; at least one is an operand."""

    __slots__ = ("left", "op", "right")

    def __init__(self, op: str, left: Any, right: Any) -> None:
        self.op, self.left, self.right = op, left, right

    def __repr__(self) -> str:
        return f"{shown(self.left)} {self.op} {shown(self.right)}"


class Between(Expr):
    """A value within two others, both included. One predicate: over a to-many path one and the same row meets both."""

    __slots__ = ("high", "low", "value")

    def __init__(self, value: Operand, low: Any, high: Any) -> None:
        self.value, self.low, self.high = value, low, high

    def __repr__(self) -> str:
        return f"{self.value!r}.between({shown(self.low)}, {shown(self.high)})"


class Member(Expr):
    """A value that is (or is not) one of several."""

    __slots__ = ("negated", "value", "values")

    def __init__(self, value: Operand, values: tuple[Any, ...], negated: bool) -> None:
        self.value, self.values, self.negated = value, values, negated

    def __repr__(self) -> str:
        return f"{self.value!r}.{'not_in' if self.negated else 'in_'}({show(list(self.values))})"


class Text(Expr):
    """A text and a pattern."""

    __slots__ = ("op", "pattern", "value")
    _closed = True

    def __init__(self, op: str, value: Operand, pattern: Any) -> None:
        self.op, self.value, self.pattern = op, value, pattern

    def __repr__(self) -> str:
        return f"{self.value!r}.{self.op}({shown(self.pattern)})"


class IsNull(Expr):
    """A value that is missing."""

    __slots__ = ("value",)
    _closed = True

    def __init__(self, value: Operand) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{self.value!r}.is_null()"


class Test(Expr):
    """A value about which Python decides, by a function that says yes or no."""

    __slots__ = ("function", "value")
    __test__ = False  # not for pytest
    _closed = True
    of_text: ClassVar[str] = ""  # the operator's name, if it is for text only

    def __init__(self, value: Operand, function: Callable[[Any], object]) -> None:
        self.value, self.function = value, function

    def over(self, values: list[Any]) -> list[bool]:
        """What it says of the value of each of many rows; runs before the query does."""
        return list(map(bool, map(self.function, values)))

    def __repr__(self) -> str:
        return f"{getattr(self.function, '__qualname__', 'function')}({self.value!r})"


class Matches(Test):
    """A text in which a regular expression of `re` is found somewhere; False of a missing one."""

    __slots__ = ("pattern",)
    of_text = "matches"

    def __init__(self, value: Operand, pattern: re.Pattern[str]) -> None:
        super().__init__(value, pattern.search)
        self.pattern = pattern

    def over(self, values: list[Any]) -> list[bool]:
        """Texts that repeat are searched once."""
        if _repeat(values):
            found = {text: text is not None and self.function(text) is not None for text in set(values)}
            return list(map(found.__getitem__, values))
        try:
            return [match is not None for match in map(self.function, values)]
        except TypeError:  # one is missing
            return [text is not None and self.function(text) is not None for text in values]

    def __repr__(self) -> str:
        flags = re.RegexFlag(self.pattern.flags & ~re.UNICODE)
        return f"{self.value!r}.matches({show(self.pattern.pattern)}{f', {flags!r}' if flags else ''})"


def _repeat(values: list[Any]) -> bool:
    """Whether a sample of the values has most of them several times."""
    sample = values[:: max(1, len(values) // SAMPLE)]
    return len(set(sample)) * 2 <= len(sample)


SAMPLE = 500


def compiled(value: Operand, pattern: object, flags: int) -> re.Pattern[str]:
    """What `matches` was given. FieldError that says where a regular expression is wrong."""
    asked = f"{value!r}.matches({shown(pattern)})"
    if not isinstance(flags, int):
        raise FieldError(f"{asked}: flags= takes flags of `re`, such as re.IGNORECASE, not {show(flags)}")
    if isinstance(pattern, re.Pattern):
        if isinstance(pattern.pattern, bytes):
            raise FieldError(f"{asked}: a pattern of bytes finds nothing in text; give a str")
        if flags:
            raise FieldError(f"{asked}: a compiled pattern has its flags already; leave flags= out")
        return pattern
    if not isinstance(pattern, str):
        raise FieldError(f"{asked}: takes a regular expression, a str or what re.compile() gave")
    try:
        return re.compile(pattern, flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise FieldError(f"{asked}: is no regular expression of `re`: {error}") from None


class KeyIs(Expr):
    """The key of a to-one step is that of a record, or null; at the end of a to-many path: some target is the
    record."""

    __slots__ = ("path", "record")
    _closed = True

    def __init__(self, path: Path, record: Any) -> None:
        self.path, self.record = path, record

    def __repr__(self) -> str:
        return f"{self.path!r}.is_null()" if self.record is None else f"{self.path!r}.is_({show(self.record)})"


class IsA(Expr):
    """A polymorphic step leads to a record of one of some models, whether there is such a record or not."""

    __slots__ = ("classes", "path")
    _closed = True

    def __init__(self, path: Path, classes: tuple[type, ...]) -> None:
        self.path, self.classes = path, classes

    def __repr__(self) -> str:
        return f"{self.path!r}.is_a({', '.join(each.__name__ for each in self.classes)})"


class KeyAmong(Expr):
    """The key of a step is (or is not) that of one of several records, or null if None is among them; as Member of a
    column: at the end of a to-many path it is some target's."""

    __slots__ = ("negated", "path", "records")
    _closed = True

    def __init__(self, path: Path, records: tuple[Any, ...], negated: bool) -> None:
        self.path, self.records, self.negated = path, records, negated

    def __repr__(self) -> str:
        return f"{self.path!r}.{'not_in' if self.negated else 'in_'}({show(list(self.records))})"


class Exists(Expr):
    """Some target of a path meets all conditions, which speak of the target."""

    __slots__ = ("conditions", "path")
    _closed = True

    def __init__(self, path: Path, conditions: tuple[Expr, ...]) -> None:
        self.path, self.conditions = path, conditions

    def __repr__(self) -> str:
        return f"exists({', '.join(map(repr, (self.path, *self.conditions)))})"


def shown(value: object) -> str:
    """How a message shows a part of an expression."""
    if isinstance(value, Expr) or hasattr(type(value), "_sinew_is_operand"):
        return f"({value!r})" if hasattr(type(value), "_sinew_in_brackets") else repr(value)
    return show(value)
