"""One file for each side: `SIDE` in it is the class. A file whose library is not installed cannot be imported."""

from __future__ import annotations

from importlib import import_module

from ..side import Side

PEERS = (
    "handwritten",
    "interpreter",
    "constructing",
    "msgspec",
    "numpy",
    "polars",
    "littletable",
    "sqlite3",
    "peewee",
    "pony",
    "sqlalchemy",
    "django",
)


def load(peer: str) -> type[Side]:
    """The side of this name. ModuleNotFoundError if its library is not installed."""
    side: type[Side] = import_module(f"{__name__}.{peer}").SIDE
    return side
