# mypy: disable-error-code="attr-defined,union-attr,arg-type,no-untyped-call"
"""peewee, on SQLite in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import (
    JOIN,
    CharField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    chunked,
    fn,
    prefetch,
)

from ..workload import Workload
from .sql import Mapped

database = SqliteDatabase(":memory:", pragmas={"foreign_keys": 1})


class Stored(Model):
    class Meta:
        database = database


class Author(Stored):
    name = CharField()

    class Meta:
        table_name = "authors"


class Post(Stored):
    title = CharField()
    content = TextField()
    published_at = DateTimeField()
    author = ForeignKeyField(Author, backref="posts", on_delete="CASCADE")

    class Meta:
        table_name = "posts"

    def short(self) -> Any:
        return self.title


class Tag(Stored):
    label = CharField(unique=True)

    class Meta:
        table_name = "tags"


class Tagging(Stored):
    post = ForeignKeyField(Post, backref="taggings", on_delete="CASCADE")
    tag = ForeignKeyField(Tag, backref="taggings", on_delete="CASCADE")
    weight = IntegerField()

    class Meta:
        table_name = "taggings"
        indexes = ((("post", "tag"), True),)


class Peewee(Mapped):
    name = "peewee"
    imports = "import peewee"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        database.connect(reuse_if_open=True)
        database.create_tables([Author, Post, Tag, Tagging])

    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection = database.connection()
        return found

    def hold(self) -> None:
        self.posts = list(Post.select(Post, Author).join(Author).where(Post.id <= self.first()).order_by(Post.id))
        some = Author.select().where(Author.id <= self.authors_held()).order_by(Author.id)
        self.authors = prefetch(some, Post.select().order_by(Post.id))
        self.places = list(Author.select().order_by(Author.id))

    def release(self) -> None:
        self.posts, self.authors = [], list(Author.select().order_by(Author.id))

    def close(self) -> None:
        super().close()
        self.posts, self.authors = [], []
        database.close()

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        with database.atomic():
            for number, title, content, published_at, author_id in rows:
                Post.create(id=number, title=title, content=content, published_at=published_at, author=author_id)
        return int(Post.select().count())

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            rows = zip(*columns.values(), strict=True)
            fields = [Post.id, Post.title, Post.content, Post.published_at, Post.author]
            with database.atomic():
                for batch in chunked(rows, 5000):
                    Post.insert_many(batch, fields=fields).execute()
        return int(Post.select().count())

    def iterate(self, authors: Sequence[Any]) -> int:
        for author in authors:
            for post in author.posts:  # noqa: B007 - its last value
                pass
        return int(post.id)

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        posts, authors = self.posts, self.places
        with database.atomic():
            for place, author in moves:
                post = posts[place]
                post.author = authors[author]
                post.save(only=[Post.author])
        return [Post.select().where(Post.author == author).count() for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post.get_or_none(Post.id == key)
        return str(post.title)

    def find_by(self, labels: Sequence[str]) -> int:
        for label in labels:
            tag = Tag.get_or_none(Tag.label == label)
        return int(tag.id)

    def small_query(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post.select().where(Post.id == key).first()
        return str(post.title)

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [Post.select().where(Post.published_at < moment).count() for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        return [Post.select().where(Post.published_at < moment).exists() for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [_ids(Post.select(Post.id).where(Post.published_at < moment)) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        return list(Post.select().where(Post.published_at < moments[0]))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return _ids(Post.select(Post.id).order_by(Post.title, Post.id))

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return _ids(Post.select(Post.id).order_by(Post.author, Post.id))

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return dict(Post.select(Post.author, fn.COUNT(Post.id)).group_by(Post.author).tuples())

    def across(self, names: Sequence[str]) -> list[list[int]]:
        query = Post.select(Post.id).join(Author)
        return [_ids(query.where(Author.name == name)) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        query = Post.select(Post.id).join(Tagging).join(Tag)
        return [_ids(query.where(Tag.label == label)) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        query = Author.select(Author.id, fn.COUNT(Post.id)).join(Post, JOIN.LEFT_OUTER).group_by(Author.id)
        return list(query.tuples())

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        query = Author.select(Author.id, fn.COUNT(Tagging.tag.distinct())).join(Post, JOIN.LEFT_OUTER)
        return list(query.join(Tagging, JOIN.LEFT_OUTER).group_by(Author.id).tuples())

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        return int(Post.update(content="new").where(Post.published_at < moments[0]).execute())

    def increment(self, _: Sequence[None]) -> int:
        return int(Tagging.update(weight=Tagging.weight + 1).execute())

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        with database.atomic() as transaction:
            for post in posts:
                post.content = "new"
                post.save(only=[Post.content])
            transaction.rollback()
        return [str(Post.get_by_id(post.id).content) for post in posts[:10]]

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        with database.atomic():
            for place in places:
                self.places[place].delete_instance()
        return int(Post.select().count()), int(Tagging.select().count())


def _ids(query: Any) -> list[int]:
    return [row[0] for row in query.tuples()]


SIDE = Peewee
