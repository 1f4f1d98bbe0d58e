"""What the sides that keep their rows in SQLite share."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, ClassVar

from ..side import Objects, Side
from ..workload import Workload


class InSQLite(Side):
    """Tables authors, posts, tags and taggings in a database in memory. Rows are written once, then put back by
    SQLite's own backup whenever they are needed again."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.images: dict[str, sqlite3.Connection] = {}

    def connection(self) -> sqlite3.Connection:
        """Of the database. No transaction is open in it, and it is not held open by records."""
        raise NotImplementedError

    def stored(self, moment: datetime) -> str:
        """A datetime as the library stores it."""
        return str(moment)

    def fill(self) -> None:
        self.put_back("all")

    def empty(self) -> None:
        self.put_back("authors")

    def put_back(self, rows: str) -> None:
        connection = self.connection()
        if not self.images:
            self.write_authors(connection)
            self.keep("authors", connection)
            self.write_posts(connection)
            self.keep("all", connection)
        self.images[rows].backup(connection)

    def keep(self, rows: str, connection: sqlite3.Connection) -> None:
        connection.commit()
        self.images[rows] = sqlite3.connect(":memory:")
        connection.backup(self.images[rows])

    def write_authors(self, connection: sqlite3.Connection) -> None:
        connection.executemany("insert into authors (id, name) values (?, ?)", self.workload.authors)
        connection.executemany("insert into tags (id, label) values (?, ?)", self.workload.tags)

    def write_posts(self, connection: sqlite3.Connection) -> None:
        stored = self.stored
        connection.executemany(
            "insert into posts (id, title, content, published_at, author_id) values (?, ?, ?, ?, ?)",
            [(*row[:3], stored(row[3]), row[4]) for row in self.workload.posts],
        )
        connection.executemany(
            "insert into taggings (id, post_id, tag_id, weight) values (?, ?, ?, ?)", self.workload.taggings
        )

    def close(self) -> None:
        for image in self.images.values():
            image.close()
        self.images = {}


class Mapped(InSQLite, Objects):
    """A side with records mapped to rows, of which it holds one in ten, and does fewer of what asks the database each
    time. `places`: all authors, by their places, without posts."""

    parts: ClassVar[dict[str, int]] = {
        "construct": 20,
        "move": 10,
        "find": 100,
        "find_by": 100,
        "small_query": 100,
        "iterate": 20,
        "through": 20,
        "delete": 4,
    }

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.places: list[Any] = []

    def first(self) -> int:
        """Posts with an id up to this are held."""
        return max(1, len(self.workload.posts) // 10)

    def authors_held(self) -> int:
        """Authors with an id up to this are held, with their posts."""
        return max(1, len(self.workload.authors) // 10)
