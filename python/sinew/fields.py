"""Declaring fields: `field(...)` and its relatives, and the table of field types.

A declaration holds the options as they were given and says nothing until the class statement is over: only then are
model and field known, so that every mistake can name them. `kind_for` finds the row of the table for a type;
`check_options` holds the rules between options.

Adding a field type is one row in `KINDS` (and one in the extension's table of conversions).
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime, time, timedelta
from enum import Enum, Flag
from typing import Any, Final, Literal

from . import _engine
from .errors import one_of, show, suggest

MISSING: Final = _engine.MISSING


# ---------------------------------------------------------------- the table of field types


@dataclass(frozen=True)
class Kind:
    """One field type. name: as the extension calls it. type: the annotation, or where it is found
    ("ipaddress.IPv4Address") if its module is left to those who use it. ordered: whether it may be in an ordered index.
    zoned: whether tz= means something."""

    name: str
    type: type | str | None
    ordered: bool = True
    zoned: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("bool", bool),
        Kind("int", int),
        Kind("float", float),
        Kind("str", str),
        Kind("bytes", bytes),
        Kind("date", date),
        Kind("datetime", datetime, zoned=True),
        Kind("time", time, zoned=True),
        Kind("timedelta", timedelta),
        Kind("Decimal", "decimal.Decimal"),
        Kind("UUID", "uuid.UUID"),
        Kind("IPv4Address", "ipaddress.IPv4Address"),
        Kind("IPv6Address", "ipaddress.IPv6Address"),
        Kind("IPv4Network", "ipaddress.IPv4Network"),
        Kind("IPv6Network", "ipaddress.IPv6Network"),
        Kind("IPv4Interface", "ipaddress.IPv4Interface"),
        Kind("IPv6Interface", "ipaddress.IPv6Interface"),
        Kind("Enum", None),
        Kind("Literal", None),
        Kind("object", None, ordered=False),
    )
}

_BY_TYPE = {kind.type: kind for kind in KINDS.values() if kind.type is not None}


def kind_of_class(cls: type) -> Kind | None:
    """The row of exactly this class.

    >>> kind_of_class(str).name, kind_of_class(Enum)
    ('str', None)
    """
    if cls in _BY_TYPE:
        return _BY_TYPE[cls]
    found = _BY_TYPE.get(f"{cls.__module__}.{cls.__qualname__}")
    return found if found and getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls else None


def homes() -> Iterator[tuple[str, str]]:
    """Module and name of the classes of the table."""
    for kind in KINDS.values():
        if isinstance(kind.type, str):
            module, _, name = kind.type.rpartition(".")
            yield module, name
        elif kind.type is not None:
            yield kind.type.__module__, kind.type.__name__


@dataclass(frozen=True)
class Type:
    """The type of one field: a row of the table, what makes it this one (`arg` as the extension wants it, but for the
    zone), and whether None is among its values."""

    kind: Kind
    arg: Any
    nullable: bool


class NotAType(Exception):
    """What stands in `Attr[...]` cannot be the type of a field; the message says why."""


def kind_for(annotation: Any) -> Type:
    """The row of the table for an evaluated type. Raises NotAType.

    >>> kind_for(str | None).kind.name, kind_for(str | None).nullable
    ('str', True)
    """
    alternatives, nullable = _alternatives(annotation)
    if not alternatives:
        raise NotAType("None alone is no type")
    if any(each is Any or each is object for each in alternatives):
        return Type(KINDS["object"], None, True)
    if len(alternatives) == 1:
        return _single(alternatives[0], nullable)
    if any(typing.get_origin(each) is Literal for each in alternatives):
        raise NotAType("Literal cannot be combined with other types; declare Any with a check=")
    classes = tuple(_class_of(each) for each in alternatives)
    return Type(KINDS["object"], classes, nullable)


def _alternatives(annotation: Any) -> tuple[list[Any], bool]:
    """What a union holds, aliases and wrappers undone, and whether None is among it."""
    if annotation is None or annotation is type(None):
        return [], True
    if hasattr(annotation, "__supertype__"):  # NewType
        return _alternatives(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":  # from 3.12 on
        return _alternatives(annotation.__value__)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        parts = [_alternatives(each) for each in typing.get_args(annotation)]
        return [each for found, _ in parts for each in found], any(null for _, null in parts)
    if origin is Literal and None in typing.get_args(annotation):
        members = tuple(each for each in typing.get_args(annotation) if each is not None)
        return ([Literal[members]] if members else []), True
    return [annotation], False


def _single(annotation: Any, nullable: bool) -> Type:
    if typing.get_origin(annotation) is Literal:
        values = typing.get_args(annotation)
        if not values or any(map(unhashable, values)):
            raise NotAType("a Literal lists constants, Literal['a', 'b']")
        return Type(KINDS["Literal"], typing.get_args(annotation), nullable)
    cls = _class_of(annotation)
    kind = kind_of_class(cls)
    if kind is not None:
        return Type(kind, None, nullable)
    if issubclass(cls, Enum) and not issubclass(cls, Flag):  # combined flags are no members of the list
        if not len(cls):
            raise NotAType(f"the enum {cls.__name__} has no members")
        return Type(KINDS["Enum"], cls, nullable)
    return Type(KINDS["object"], cls, nullable)


def _class_of(annotation: Any) -> type:
    cls = typing.get_origin(annotation) or annotation
    if not isinstance(cls, type):
        raise NotAType(f"{show(annotation)} is not a type")
    try:
        isinstance(None, cls)
    except TypeError as error:
        raise NotAType(f"values cannot be checked against {cls.__name__}: {error}") from None
    if isinstance(cls, _engine.ModelMeta):
        raise NotAType(f"{cls.__name__} is a model: a reference to it is `BelongsTo[{cls.__name__}]`")
    return cls


# ---------------------------------------------------------------- declarations


@dataclass
class FieldDeclaration:
    """What `field(...)` was given. automatic: fills itself ("created", "updated" or "deleted").
    counts: the implicit `id`. problems: mistakes that are
    reported once model and field are known."""

    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    unique: bool | Literal["deferred"] = False
    index: bool | Literal["ordered"] = False
    primary_key: bool = False
    repr: bool = True
    init: bool = True
    check: Callable[[Any], object] | None = None
    key: Callable[[Any], object] | None = None
    intern: bool = False
    type: Any = None
    tz: Literal["naive", "aware"] | None = None
    doc: str | None = None
    automatic: str | None = None
    counts: bool = False
    problems: list[str] = dataclass_field(default_factory=list)

    @property
    def has_default(self) -> bool:
        """Whether the argument may be left out."""
        return self.default is not MISSING or self.default_factory is not None or self.automatic is not None


def implicit_id() -> Any:
    """The `id` of `Model`: an int that counts up from 1 unless it is given."""
    return FieldDeclaration(primary_key=True, counts=True)


OPTIONS = (
    "default", "default_factory", "unique", "index", "primary_key", "repr", "init", "check", "key", "intern", "type",
    "tz", "doc",
)  # fmt: skip


def field(
    *positional: Any,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
    unique: bool | Literal["deferred"] = False,
    index: bool | Literal["ordered"] = False,
    primary_key: bool = False,
    repr: bool = True,
    init: bool = True,
    check: Callable[[Any], object] | None = None,
    key: Callable[[Any], object] | None = None,
    intern: bool = False,
    type: Any = None,
    tz: Literal["naive", "aware"] | None = None,
    doc: str | None = None,
    **unknown: Any,
) -> Any:
    """Options of a field.

    default: its value when none is given; `default=...` (the Ellipsis) says that it may be left out because something
    else gives it. default_factory: called for each record. unique: no two records have the same value ("deferred":
    checked at the end of the transaction). index: for `where` by equality; "ordered" also for ranges and order. check:
    a value for which it is false is refused. key: for a class of one's own, a pure function to a comparable value, used
    by unique, index and ordering. intern: keep one copy of equal texts. type: the type, where the annotation cannot be
    evaluated. tz: "naive" (default) or "aware" datetimes and times. repr, init: whether `repr()` shows it and the
    constructor takes it.

    Mistakes raise DefinitionError when the class statement ends.

        email: Attr[str] = field(unique=True, repr=False)
        tags: Attr[list] = field(default_factory=list)
    """
    problems = unknown_options("field", positional, unknown, OPTIONS)
    return FieldDeclaration(
        MISSING if default is ... else default,
        default_factory, unique, index, primary_key, repr, init, check, key, intern, type, tz, doc,
        problems=problems,
    )  # fmt: skip


def created_at(*, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, **unknown: Any) -> Any:
    """A datetime that is set when the record is created: aware UTC, or naive local time with tz="naive". No constructor
    argument.

        created_at: Attr[datetime] = created_at()
    """
    return _timestamp("created", "created_at", tz, doc, unknown)


def updated_at(*, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, **unknown: Any) -> Any:
    """A datetime that is set when the record is created and with each statement that sets one of its fields, whether
    the value is another one or not: an assignment, `update` of the record or of a query, a move to another parent. Not
    by a move within a collection, and not where deleting another record sets a reference to None
    (on_delete="nullify"). See `created_at`.

    updated_at: Attr[datetime] = updated_at()
    """
    return _timestamp("updated", "updated_at", tz, doc, unknown)


def deleted_at(*, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, **unknown: Any) -> Any:
    """Turns on soft delete: a deleted record gets the moment here and is left out everywhere, but can be restored. None
    while it is not deleted. See docs/soft_delete.md, and `created_at`.

        deleted_at: Attr[datetime | None] = deleted_at()
    """
    return _timestamp("deleted", "deleted_at", tz, doc, unknown)


def _timestamp(
    automatic: str, function: str, tz: Literal["naive", "aware"], doc: str | None, unknown: dict[str, Any]
) -> FieldDeclaration:
    problems = unknown_options(function, (), {k: v for k, v in unknown.items() if k != "init"}, ("tz", "doc"))
    return FieldDeclaration(tz=tz, doc=doc, init=False, automatic=automatic, problems=problems)


def unknown_options(
    function: str, positional: tuple[Any, ...], unknown: dict[str, Any], options: tuple[str, ...]
) -> list[str]:
    """The mistakes in a call of one of the declaring functions."""
    problems = [f"{function}() has no option `{name}`{suggest(name, options)}" for name in unknown]
    if positional:
        problems.append(f"{function}() takes options by keyword, got {show(positional[0])}; did you mean default=...?")
    return problems


# ---------------------------------------------------------------- rules between options


def check_options(d: FieldDeclaration, of: Type) -> Iterator[str]:
    """Every way in which the options of a field contradict each other or its type."""
    yield from d.problems
    yield from _check_values(d)
    if d.default is not MISSING and d.default_factory is not None:
        yield "has both default= and default_factory=; give one"
    if d.automatic and of.kind.name != "datetime":
        yield f"{d.automatic}_at() is for `Attr[datetime]`, not for {of.kind.name}"
    elif d.tz is not None and not of.kind.zoned:
        yield f"tz= is for datetime and time, not for {of.kind.name}"
    if d.automatic == "deleted" and not of.nullable:
        yield "is None until the record is deleted; annotate it `Attr[datetime | None]`"
    if d.key is not None and of.kind.name != "object":
        yield f"key= is for classes of your own, {of.kind.name} is comparable as it is"
    if of.kind.name == "object" and d.key is None and (d.unique or d.index or d.primary_key):
        yield "unique, index and primary_key on a class of your own need key=, a function to a comparable value"
    if d.intern and of.kind.name != "str":
        yield f"intern= is for str, not for {of.kind.name}"
    if d.primary_key and of.nullable:
        yield "is part of the primary key and cannot be None; leave `| None` out"
    if d.default_factory is None and d.default is not MISSING and unhashable(d.default):
        yield (
            f"default={show(d.default)} is mutable and would be shared by all records; "
            f"use default_factory={factory_hint(d.default)}"
        )


def _check_values(d: FieldDeclaration) -> Iterator[str]:
    if d.unique not in (True, False, "deferred"):
        yield f"unique={show(d.unique)} means nothing; use True or 'deferred'"
    if d.index not in (True, False, "ordered"):
        yield f"index={show(d.index)} means nothing; use True, or 'ordered' for ranges and order"
    if d.tz not in (None, "naive", "aware"):
        yield f"tz={show(d.tz)} means nothing; use {one_of(('naive', 'aware'))}"
    for name in ("default_factory", "check", "key"):
        function = getattr(d, name)
        if function is not None and not callable(function):
            yield f"{name}= takes a function, not {show(function)}"
    for name in ("primary_key", "repr", "init", "intern"):
        if not isinstance(getattr(d, name), bool):
            yield f"{name}= takes True or False, not {show(getattr(d, name))}"
    if not isinstance(d.doc, (str, type(None))):
        yield f"doc= takes a str, not {show(d.doc)}"
    if not d.init and not d.has_default:
        yield "init=False needs default= or default_factory="


def unhashable(value: object) -> bool:
    """Whether a default would be shared although it can change."""
    if isinstance(value, (list, dict, set, bytearray)):
        return True
    try:
        hash(value)
    except MemoryError:
        raise
    except Exception:
        return True
    return False


def factory_hint(value: object) -> str:
    """What to write instead of a mutable default."""
    if isinstance(value, (list, dict, set, bytearray)) and not value:
        return type(value).__name__
    return f"lambda: {show(value, 40)}"
