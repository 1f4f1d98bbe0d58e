"""Reading while another thread defines models anew.

What belongs to a model (the paths of its relations, what its declared getters go along) is compiled under the lock
that definitions hold. A read of several steps may meet a definition between two of them, and then speak of fields or
relations that are not there any more. If that makes it fail, it waits until the models are settled, and is done again
from the beginning; so is the making of a plan even if it succeeds. They hold no lock, as conditions run code of users
which may wait for other threads; only where somebody defines again and again is the last attempt made under it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .database import Database

_T = TypeVar("_T")

ATTEMPTS = 5


def settled(db: Database, make: Callable[..., _T], *given: object) -> _T:
    """What a function makes of models that are settled, all the time that it takes. Raises what it raises of those."""
    for _ in range(ATTEMPTS):
        before = db.redefinitions
        made = steadily(db, make, *given)
        if db.redefinitions == before and not db.redefining:
            return made
        with db.lock:  # waits for another thread
            if db.redefining:  # it is this one
                return made
    with db.lock:
        return make(*given)


def steadily(db: Database, read: Callable[..., _T], *given: object) -> _T:
    """What a function that only reads returns, for models that are settled. Raises what it raises of those."""
    for _ in range(ATTEMPTS):
        before = db.redefinitions
        try:
            return read(*given)
        except Exception:
            with db.lock:  # waits for another thread; within a definition of this one there is nothing to wait for
                if db.redefinitions == before:
                    raise
    with db.lock:
        return read(*given)
