"""Places in a tree of values, `comments[2].body`, and errors that name them.

An error of ours gets the place in front of its message and stays what it is otherwise; one of the user's own, from a
validator or a mapping, is left alone but for a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .errors import Invalid, SinewError, UniqueError

_SHOWN = 12
"""How many steps of a place a message shows."""


class Place(NamedTuple):
    """Where in a tree: the place around it, and the step from there.

    >>> str(Place(Place(Place(None, "comments"), "[2]"), "author"))
    'comments[2].author'
    """

    around: Place | None
    step: str

    def __str__(self) -> str:
        steps: list[str] = []
        place: Place | None = self
        while place is not None:
            steps.append(place.step)
            place = place.around
        steps.reverse()
        if len(steps) > _SHOWN:
            steps[_SHOWN // 2 : -_SHOWN // 2] = ["..."]
        return "".join(step if step[0] == "[" else f".{step}" for step in steps)[1:]


def at_place(error: BaseException, place: Place | None) -> None:
    """Says in front of an error of ours where in a tree of values it arose, `comments[2].body`: the attribute, if it is
    about one, is added to the place of its record. Exceptions of others stay what they are, with a note. Once said, it
    stays."""
    if not isinstance(error, Exception) or isinstance(error, MemoryError):
        return
    if not isinstance(error, SinewError):
        if place is not None and not getattr(error, "__notes__", ()):
            error.add_note(f"at {place} of a tree of values")
        return
    if error._placed:
        return
    error._placed = True
    attribute = _attribute(error)
    where = place if attribute is None else Place(place, attribute)
    if where is not None:
        error.args = (f"{where}: {error}", *error.args[1:])


def placed(error: Exception, place: Place | None) -> Exception:
    """The error, saying where; to be raised."""
    at_place(error, place)
    return error


def _attribute(error: SinewError) -> str | None:
    """The attribute that an error is about, if it is one."""
    names: Sequence[str] = ()
    if isinstance(error, UniqueError):
        names = error.fields
    elif isinstance(error, Invalid):
        names = tuple(error.errors)
    return (names[0] or None) if len(names) == 1 else error._about


def without_row(error: BaseException) -> int | None:
    """Takes the number that `errors.at_row` has put in front out again."""
    said = str(error.args[0]) if error.args else ""
    number, colon, rest = said.removeprefix("row ").partition(": ")
    if not (said.startswith("row ") and colon and number.isdecimal()):
        return None
    error.args = (rest, *error.args[1:])
    return int(number)
