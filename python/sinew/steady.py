"""Reading while another thread defines models anew.

What is compiled (paths, plans, what a declared getter goes along) is compiled under the lock that definitions hold. A
read of several steps may still meet a definition between two of them, and then speak of fields or relations that are
not there any more. If that makes it fail, it waits until the models are settled, and is done again from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .database import Database

_T = TypeVar("_T")

ATTEMPTS = 100
"""After so many the last failure is raised: somebody does nothing but define."""


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
    return read(*given)
