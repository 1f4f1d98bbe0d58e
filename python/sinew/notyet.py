"""What is declared for the type checkers and not built yet: each name exists and raises DefinitionError when it is
used."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from .errors import DefinitionError


def unbuilt(what: str, *, depth: int = 1) -> DefinitionError:
    """The error for something that is not built yet. depth: how many frames up the user's line is.

    >>> print(unbuilt("the hook", depth=0).args[0].partition(" (")[0])
    the hook is not built yet
    """
    return misuse(f"{what} is not built yet", depth=depth + 1)


def misuse(text: str, *, depth: int = 1) -> DefinitionError:
    """A DefinitionError for the line of the caller."""
    frame = sys._getframe(depth + 1)
    return DefinitionError(text, file=frame.f_code.co_filename, line=frame.f_lineno)


def before_create(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@before_create")


def after_create(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@after_create")


def before_update(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@before_update")


def after_update(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@after_update")


def before_delete(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@before_delete")


def after_delete(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@after_delete")


def after_commit(hook: Any, /) -> NoReturn:
    """A hook. Not built yet."""
    raise unbuilt("@after_commit")


def attribute(function: Any, /) -> NoReturn:
    """A computed entry of a serializer. Not built yet."""
    raise unbuilt("@attribute")


def nested(serializer: Any, /, *, only: Any = None) -> NoReturn:
    """A serializer within another. Not built yet."""
    raise unbuilt("nested()")


class _Unbuilt:
    """A class whose instances nothing makes yet."""

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __init__(self, *_: Any, **__: Any) -> None:
        raise unbuilt(type(self).__name__)


class Diagram(_Unbuilt):
    """A picture of the models. Not built yet."""


class Serializer:
    """Records to plain data. Not built yet: deriving from it raises DefinitionError."""

    def __class_getitem__(cls, item: Any) -> type[Serializer]:
        return cls

    def __init_subclass__(cls, **keywords: Any) -> None:
        raise unbuilt("Serializer")
