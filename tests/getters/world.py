"""A small blog whose every record has the getter `probe`: each test says what it computes, and counts how often it
runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    belongs_to,
    count_of,
    delegate,
    deleted_at,
    field,
    getter,
    has_many,
    has_one,
    latest_of,
    many_to_many,
    max_of,
    min_of,
    sum_of,
)

Body = Callable[[Any], Any]


class World:
    """body: what `probe` computes; runs: how often it did. Ann has two posts, Bob one and Cid none."""

    Author: Any
    Profile: Any
    Category: Any
    Post: Any
    Tag: Any
    Tagging: Any
    Photo: Any
    Comment: Any
    Note: Any

    def __init__(self, db: Database) -> None:
        self.db = db
        self.body: Body = lambda record: None
        self.runs = 0
        self.declare()
        self.fill()

    def declare(self) -> None:
        world = self

        class Base(Model, db=self.db, abstract=True):
            @getter
            def probe(self):  # type: ignore[no-untyped-def]
                world.runs += 1
                return world.body(self)

        class Author(Base):
            name: Attr[str]
            email: Attr[str | None] = field(default=None, unique=True)
            age: Attr[int | None] = field(default=None, index="ordered")
            posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
            profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.author)
            categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
            best: HasMany[Post] = has_many(
                inverse=lambda: Post.author, where=lambda: Post.score > 0, order_by=lambda: Post.score.desc(), limit=2
            )
            notes: HasMany[Note] = has_many(inverse=lambda: Note.author)
            friends: ManyToMany[Author] = many_to_many(symmetric=True)
            post_count = count_of(lambda: Author.posts)
            category_count = count_of(lambda: Author.posts.category)
            score_sum = sum_of(lambda: Author.posts.score)
            best_score = max_of(lambda: Author.posts.score)
            least_score = min_of(lambda: Author.posts.score)
            latest = latest_of(lambda: Author.posts.rank)

            @getter
            def size(self) -> int:
                return len(self.posts)

        class Profile(Base):
            text: Attr[str]
            author: BelongsTo[Author] = belongs_to(unique=True, on_delete="cascade")

        class Category(Base):
            title: Attr[str]
            parent: BelongsTo[Category | None] = belongs_to(default=None, on_delete="nullify")
            children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
            ancestors: HasMany[Category] = has_many(recursive=lambda: Category.parent)
            descendants: HasMany[Category] = has_many(recursive=lambda: Category.children)
            posts: HasMany[Post] = has_many(inverse=lambda: Post.category)

        class Post(Base):
            title: Attr[str]
            score: Attr[int] = field(default=0)
            rank: Attr[int | None] = field(default=None, index="ordered")
            author: BelongsTo[Author] = belongs_to(on_delete="cascade")
            category: BelongsTo[Category | None] = belongs_to(default=None, on_delete="nullify")
            origin: BelongsTo[Post | None] = belongs_to(default=None, enforce=False, on_delete="keep")
            tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
            author_name = delegate(lambda: Post.author.name)
            category_parent = delegate(lambda: Post.category.parent.title)
            author_size = delegate(lambda: Post.author.size)
            comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)

        class Tag(Base):
            label: Attr[str] = field(unique=True)
            posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)

        class Tagging(Base):
            post: BelongsTo[Post] = belongs_to(on_delete="cascade")
            tag: BelongsTo[Tag] = belongs_to(on_delete="cascade")
            weight: Attr[int] = field(default=1)

        class Photo(Base):
            url: Attr[str]
            comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)

        class Comment(Base):
            text: Attr[str]
            subject: BelongsTo[Post | Photo] = belongs_to(on_delete="cascade")

        class Note(Base):
            text: Attr[str]
            gone: Attr[datetime | None] = deleted_at()
            author: BelongsTo[Author] = belongs_to(on_delete="cascade")

        for model in (Author, Profile, Category, Post, Tag, Tagging, Photo, Comment, Note):
            setattr(self, model.__name__, model)

    def fill(self) -> None:
        self.ann = self.Author(name="Ann", email="ann@x", age=30)
        self.bob = self.Author(name="Bob", email="bob@x", age=40)
        self.cid = self.Author(name="Cid")
        self.code = self.Category(title="Code")
        self.python = self.Category(title="Python", parent=self.code)
        self.one = self.Post(title="one", score=1, rank=1, author=self.ann, category=self.python)
        self.two = self.Post(title="two", score=2, rank=2, author=self.ann, origin_id=99)
        self.three = self.Post(title="three", score=3, rank=9, author=self.bob, category=self.code)
        self.fast, self.slow = self.Tag(label="fast"), self.Tag(label="slow")
        self.one.tags.attach(self.fast, weight=5)
        self.photo = self.Photo(url="x.png")
        self.comment = self.Comment(text="nice", subject=self.one)
        self.note = self.Note(text="n", author=self.ann)

    def watch(self, record: Any, body: Body) -> Callable[[bool], None]:
        """Computes `probe` of a record. Returns what tells whether it runs again when it is read the next time, and
        is right."""
        self.body, self.runs = body, 0
        value = record.probe
        assert self.runs == 1
        assert record.probe is value, "a hit is the same object"
        assert self.runs == 1, "nothing has changed"

        def look(again: bool) -> None:
            runs = self.runs
            assert record.probe == body(record), "not what the function returns now"
            assert self.runs - runs == again, "ran again" if self.runs > runs else "did not run again"
            record.probe  # noqa: B018
            assert self.runs - runs == again, "ran twice for one state"

        return look
