"""A side: one library (or none) with the workload loaded, and a method for each operation that it can do.

A method is named as its operation in operations.py, takes the operation's inputs and returns what is compared. Whatever
else must happen (loading, holding records) happens outside the measured time, in the methods of `Side`. A side that
does not define an operation is left out of it. What an operation has changed is loaded again before the next, unless
the side has a method `undo_<operation>`, which gets the same inputs and leaves the rows as they were."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, ClassVar

from .workload import Workload


class Side:
    """What all sides have. `posts`, `authors`, `folders`: the records that are held, in the order of their ids; a slow
    side holds the first ones only."""

    name: ClassVar[str]
    imports: ClassVar[str] = ""
    """The statement that a program begins with to use it, if it is a library."""
    parts: ClassVar[dict[str, int]] = {}
    """Operations of which it does one in so many units, as all of them would take seconds."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.posts: Sequence[Any] = []
        self.authors: Sequence[Any] = []
        self.folders: Sequence[Any] = []
        self.loaded = ""
        self.held: bool | None = None

    def can(self, operation: str) -> bool:
        return bool(self.imports) if operation == "start" else hasattr(self, operation)

    def ready(self, rows: str, held: bool) -> None:
        """Loads `rows` ("all", "authors", "visits", "folders" or "none") unless they are there, then holds the records
        or lets go of them."""
        if rows != self.loaded:
            self.posts, self.authors, self.folders, self.held = [], [], [], None
            fill = {"all": self.fill, "authors": self.empty, "visits": self.fill_visits, "folders": self.fill_folders}
            fill.get(rows, self.drop)()
            self.loaded = rows
        if rows == "all" and held is not self.held:
            self.hold() if held else self.release()
            self.held = held

    def changed(self, operation: str, inputs: Sequence[Any]) -> None:
        """The operation has changed rows: they are put back, or loaded again when they are needed."""
        undo = getattr(self, f"undo_{operation}", None)
        if undo is None:
            self.loaded = ""
        else:
            undo(inputs)

    def fill(self) -> None:
        """Loads every row, whatever was there."""
        raise NotImplementedError

    def empty(self) -> None:
        """Leaves authors and tags, as if nothing else had ever been there."""
        raise NotImplementedError

    def fill_visits(self) -> None:
        """Loads the visits and nothing else."""
        raise NotImplementedError

    def fill_folders(self) -> None:
        """Loads the folders and nothing else, and holds them."""
        raise NotImplementedError

    def drop(self) -> None:
        """Nothing need be there."""

    def hold(self) -> None:
        """Fills `posts` and `authors`."""

    def release(self) -> None:
        """Fills `authors` and lets go of every post."""

    def close(self) -> None:
        """The side is not needed any more."""

    def start(self, inputs: Sequence[None]) -> None:
        """A new interpreter with the library imported: from compiled files, as after any first run."""
        compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        for _ in inputs:
            subprocess.run([sys.executable, "-c", self.imports], check=True, env=compiled)

    def ids(self, records: Sequence[Any]) -> list[int]:
        """What is compared of records."""
        return [record.id for record in records]


def own(function: Any) -> Any:
    """A copy with code of its own: the interpreter specialises code for the types it meets, and sides differ."""
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


class Objects(Side):
    """A side whose records are objects with attributes: the loops over them are the same text for all, and each side
    gets its own copy of their code."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, function in vars(Objects).items():
            if isinstance(function, FunctionType) and not name.startswith("_") and name not in vars(cls):
                inherited: Callable[..., Any] = getattr(cls, name)
                setattr(cls, name, own(inherited))

    def read_str(self, posts: Sequence[Any]) -> Any:
        for post in posts:
            value = post.title
        return value

    def read_int(self, posts: Sequence[Any]) -> Any:
        for post in posts:
            value = post.id
        return value

    def read_datetime(self, posts: Sequence[Any]) -> Any:
        for post in posts:
            value = post.published_at
        return value

    def mixed(self, posts: Sequence[Any]) -> Any:
        total = 0
        for post in posts:
            total += len(post.title) + len(post.content) + len(post.title) + len(post.short())
        return total

    def set_field(self, posts: Sequence[Any]) -> Any:
        for post in posts:
            post.content = "new"
        return post.content

    def undo_set_field(self, posts: Sequence[Any]) -> None:
        for post, row in zip(posts, self.workload.posts, strict=False):
            post.content = row[2]

    def belongs_to(self, posts: Sequence[Any]) -> Any:
        for post in posts:
            author = post.author
        return author.id

    def iterate_held(self, authors: Sequence[Any]) -> Any:
        for author in authors:
            for post in author.posts:  # noqa: B007 - its last value
                pass
        return post.id

    def lengths(self, authors: Sequence[Any]) -> Any:
        total = 0
        for author in authors:
            total += len(author.posts)
        return total
