# mypy: disable-error-code="attr-defined,misc,no-any-return,type-arg,valid-type"
"""Pony, on SQLite in memory. One session is open all the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pony.orm import (
    Database,
    PrimaryKey,
    Required,
    Set,
    commit,
    composite_key,
    count,
    db_session,
    exists,
    flush,
    rollback,
    select,
)

from ..workload import Workload
from .sql import Mapped

database: Any = Database()
Entity: Any = database.Entity


class Author(Entity):
    _table_ = "authors"
    id = PrimaryKey(int)
    name = Required(str)
    posts = Set("Post")


class Post(Entity):
    _table_ = "posts"
    id = PrimaryKey(int)
    title = Required(str)
    content = Required(str)
    published_at = Required(datetime)
    author = Required(Author, column="author_id")
    taggings = Set("Tagging")

    def short(self) -> Any:
        return self.title


class Tag(Entity):
    _table_ = "tags"
    id = PrimaryKey(int)
    label = Required(str, unique=True)
    taggings = Set("Tagging")


class Tagging(Entity):
    _table_ = "taggings"
    id = PrimaryKey(int)
    post = Required(Post, column="post_id")
    tag = Required(Tag, column="tag_id")
    weight = Required(int)
    composite_key(post, tag)


database.bind("sqlite", ":memory:")
database.generate_mapping(create_tables=True)


class Pony(Mapped):
    name = "Pony"
    imports = "import pony.orm"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        db_session.__enter__()
        self.raw: sqlite3.Connection = database.get_connection()

    def connection(self) -> sqlite3.Connection:
        self.anew()
        return self.raw

    def anew(self) -> None:
        """Another session: no object of the last one is known, no transaction is open."""
        rollback()
        db_session.__exit__()
        db_session.__enter__()

    def forget(self) -> None:
        """Pony keeps the results of queries for the session: every run asks anew."""
        database._get_cache().query_results.clear()

    def stored(self, moment: datetime) -> str:
        return moment.isoformat(" ", "microseconds")

    def hold(self) -> None:
        self.anew()
        first, some = self.first(), self.authors_held()
        self.places = list(Author.select().order_by(Author.id))
        self.authors = self.places[:some]
        for author in self.authors:
            author.posts.load()
        self.posts = list(Post.select(lambda post: post.id <= first).order_by(Post.id))

    def release(self) -> None:
        self.anew()
        self.posts, self.authors = [], list(Author.select().order_by(Author.id))

    def close(self) -> None:
        rollback()
        for table in ("taggings", "tags", "posts", "authors"):
            database.execute(f"delete from {table}")
        commit()
        db_session.__exit__()
        super().close()
        self.posts, self.authors, self.places = [], [], []

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        for number, title, content, published_at, author_id in rows:
            Post(id=number, title=title, content=content, published_at=published_at, author=author_id)
        commit()
        return int(count(post for post in Post))

    def iterate_held(self, authors: Sequence[Any]) -> int:
        """In no order: the greatest id."""
        for author in authors:
            for post in author.posts:  # noqa: B007 - its last value
                pass
        return max(post.id for post in author.posts)

    def lengths(self, authors: Sequence[Any]) -> int:
        return sum([len(author.posts) for author in authors])

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        posts, authors = self.posts, self.places
        for place, author in moves:
            posts[place].author = authors[author]
        flush()
        return [len(author.posts) for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post[key]
        return str(post.title)

    def find_by(self, labels: Sequence[str]) -> int:
        for label in labels:
            tag = Tag.get(label=label)
        return int(tag.id)

    def small_query(self, keys: Sequence[int]) -> str:
        self.forget()
        for key in keys:
            post = Post.select(lambda post: post.id == key).first()  # noqa: B023 - run at once
        return str(post.title)

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        self.forget()
        return [count(post for post in Post if post.published_at < moment) for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        self.forget()
        return [exists(post for post in Post if post.published_at < moment) for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        self.forget()
        return [list(select(post.id for post in Post if post.published_at < moment)) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        self.forget()
        before = moments[0]
        return list(select(post for post in Post if post.published_at < before))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        self.forget()
        return list(select((post.id) for post in Post).order_by("post.title, post.id"))

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        self.forget()
        return list(select(post.id for post in Post).order_by("post.author.id, post.id"))

    def group(self, _: Sequence[None]) -> dict[int, int]:
        self.forget()
        return dict(select((post.author.id, count(post)) for post in Post))

    def across(self, names: Sequence[str]) -> list[list[int]]:
        self.forget()
        return [list(select(post.id for post in Post if post.author.name == name)) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        self.forget()
        return [list(select(each.post.id for each in Tagging if each.tag.label == label)) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        self.forget()
        return list(select((author.id, count(author.posts)) for author in Author).order_by(1))

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        self.forget()
        return list(select((author.id, count(author.posts.taggings.tag)) for author in Author).order_by(1))

    # ------------------------------------------------------------ changes

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        places = [post.id for post in posts[:10]]
        for post in posts:
            post.content = "new"
        flush()
        rollback()
        return [str(Post[place].content) for place in places]

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        for place in places:
            self.places[place].delete()
        commit()
        return int(count(post for post in Post)), int(count(each for each in Tagging))


SIDE = Pony
