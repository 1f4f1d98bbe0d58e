"""Declaring computed attributes.

`@getter` makes one of a function of the record; `delegate`, `count_of`, `sum_of`, `min_of`, `max_of` and `latest_of`
make one of a path, which the engine goes along. On the class each is a column, usable wherever a column is.

A declaration says nothing until the class statement is over: only then are model and attribute known, so that every
mistake can name them. What a model makes of it is in computed.py."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import Any

from .annotations import evaluate
from .errors import show
from .fields import Type, kind_for


class Getter:
    """What `@getter`, `delegate()` and their relatives make: in a class body the declaration of a computed attribute.

    verb: how it was declared. given: the function of the record, or the lambda that gives a path. returns: the type
    that the function is annotated with, if it is one that a field may have; known from the class statement on."""

    __slots__ = ("cache", "doc", "given", "returns", "settled", "verb")
    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, verb: str, given: Any, cache: Any = True, doc: Any = None, /) -> None:
        self.verb, self.given, self.cache, self.doc = verb, given, cache, doc
        self.returns: Type | None = None
        self.settled = False

    def __repr__(self) -> str:
        return f"<{self.verb} {getattr(self.given, '__qualname__', show(self.given))}>"

    def settle(self, names: Mapping[str, Any]) -> None:
        """Evaluates what the function is annotated to return, once."""
        if self.verb == "getter" and not self.settled:
            self.returns = _returns(self.given, names)
        self.settled = True

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        if self.verb != "getter":
            if not callable(self.given) or isinstance(self.given, type):
                yield f"takes a lambda, {self.verb}(lambda: {_EXAMPLES[self.verb]}), not {show(self.given)}"
            return
        if not isinstance(self.cache, bool):
            yield f"has cache={show(self.cache)}; use True or False"
        if self.doc is not None and not isinstance(self.doc, str):
            yield f"has doc={show(self.doc)}; use a text"
        yield from _function_problems(self.given)


_EXAMPLES = {
    "delegate": "Post.author.name",
    "count_of": "Author.posts",
    "sum_of": "Order.items.total",
    "min_of": "Author.posts.published_at",
    "max_of": "Author.posts.published_at",
    "latest_of": "Author.posts.published_at",
}


def getter(function: Any = None, /, *, cache: bool = True, doc: str | None = None) -> Any:
    """Makes a method an attribute that is computed: read like a field, never set. On the class it is a column, usable
    in queries wherever a column is; what the function is annotated to return says how its values compare and sort.

    cache=False: computed at each read, for what depends on anything outside of the database. doc: its `__doc__`, if not
    that of the function.

    DefinitionError (by the class statement) for generator and async functions, and for other parameters than the
    record.

    >>> from sinew import Attr, Database, Model
    >>> class Person(Model, db=Database()):
    ...     name: Attr[str]
    ...     @getter
    ...     def initial(self) -> str:
    ...         return self.name[0]
    >>> Person(name="Ann").initial, Person.where(Person.initial == "A").count()
    ('A', 1)
    """
    if function is None:
        return lambda function: Getter("getter", function, cache, doc)
    return Getter("getter", function, cache, doc)


def delegate(path: Any, /) -> Any:
    """An attribute of the record at the end of a to-one path; None where a step of it leads nowhere.

    >>> from sinew import Attr, BelongsTo, Database, Model, belongs_to
    >>> class Base(Model, db=Database(), abstract=True):
    ...     pass
    >>> class Writer(Base):
    ...     name: Attr[str]
    >>> class Book(Base):
    ...     writer: BelongsTo[Writer | None] = belongs_to(default=None)
    ...     writer_name = delegate(lambda: Book.writer.name)
    >>> Book(writer=Writer(name="Ann")).writer_name, Book().writer_name, Book.where(writer_name="Ann").count()
    ('Ann', None, 1)
    """
    return Getter("delegate", path)


def count_of(path: Any, /) -> Any:
    """How many records a path leads to.

    >>> from sinew import Attr, BelongsTo, Database, HasMany, Model, belongs_to, has_many
    >>> class Base(Model, db=Database(), abstract=True):
    ...     pass
    >>> class Writer(Base):
    ...     books: HasMany["Book"] = has_many(inverse=lambda: Book.writer)
    ...     book_count = count_of(lambda: Writer.books)
    ...     pages = sum_of(lambda: Writer.books.pages)
    ...     longest = latest_of(lambda: Writer.books.pages)
    >>> class Book(Base):
    ...     pages: Attr[int]
    ...     writer: BelongsTo[Writer] = belongs_to()
    >>> ann = Writer()
    >>> short, long = Book(pages=10, writer=ann), Book(pages=30, writer=ann)
    >>> ann.book_count, ann.pages, ann.longest is long, Writer.where(Writer.pages > 39).count()
    (2, 40, True, 1)
    """
    return Getter("count_of", path)


def sum_of(column: Any, /) -> Any:
    """The sum of a column along a path; 0 without any."""
    return Getter("sum_of", column)


def min_of(column: Any, /) -> Any:
    """The least value of a column along a path, or None."""
    return Getter("min_of", column)


def max_of(column: Any, /) -> Any:
    """The greatest value of a column along a path, or None."""
    return Getter("max_of", column)


def latest_of(column: Any, /) -> Any:
    """The record with the greatest value of a column along a path; of equal ones the last in arrival. None without
    any."""
    return Getter("latest_of", column)


# ---------------------------------------------------------------- the function


def _function_problems(function: Any) -> Iterator[str]:
    if isinstance(function, property):
        yield "is a property under @getter; leave @property out, a getter is read like one"
    elif isinstance(function, (staticmethod, classmethod)):
        kind = type(function).__name__
        yield f"is a {kind} under @getter, which needs the record: `def name(self)`, without @{kind}"
    elif not callable(function) or isinstance(function, type):
        yield f"is declared with @getter, which takes a function of the record, not {show(function)}"
    elif inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield "is an async function, and reading an attribute cannot be awaited; make it a method, without @getter"
    elif inspect.isgeneratorfunction(function):
        yield "is a generator function, whose values can be gone through once only; return a list or a tuple"
    else:
        yield from _parameter_problems(function)


def _parameter_problems(function: Any) -> Iterator[str]:
    try:
        parameters = _signature(function)
    except (TypeError, ValueError):  # what is not written in Python may not tell
        return
    try:
        parameters.bind(None)
    except TypeError:
        yield f"takes {parameters}, but a getter is called with the record alone: `def name(self)`"


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature, annotations as texts: they may name what is not there yet (since 3.14)."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(function, annotation_format=annotationlib.Format.STRING)
    return inspect.signature(function)


def _returns(function: Any, names: Mapping[str, Any]) -> Type | None:
    """The type that a function is annotated with, if it is one that a field may have."""
    try:
        given = _return_annotation(function)
        return None if given is None else kind_for(evaluate(given, names) if isinstance(given, str) else given)
    except MemoryError:
        raise
    except Exception:  # whatever the text is: its values compare as they do themselves
        return None


def _return_annotation(function: Callable[..., Any]) -> Any:
    """The annotation; as a text if it names what is not there yet (since 3.14, where it is evaluated here)."""
    try:
        return getattr(function, "__annotations__", {}).get("return")
    except NameError:
        if sys.version_info >= (3, 14):
            import annotationlib

            return annotationlib.get_annotations(function, format=annotationlib.Format.STRING).get("return")
        raise
