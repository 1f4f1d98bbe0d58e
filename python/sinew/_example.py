"""The models of the examples in the docstrings: three authors, three posts, four categories, two tags, and a note that
is deleted softly, in a database of their own."""

from __future__ import annotations

from datetime import datetime

from . import (
    Attr,
    BelongsTo,
    Database,
    Expr,
    HasMany,
    ManyToMany,
    Model,
    belongs_to,
    deleted_at,
    field,
    getter,
    has_many,
    many_to_many,
    now,
)

db = Database()


class Author(Model, db=db):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)

    @getter
    def initial(self) -> str:
        return self.name[:1]


class Category(Model, db=db):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)
    ancestors: HasMany[Category] = has_many(recursive=lambda: Category.parent)


class Post(Model, db=db):
    title: Attr[str]
    views: Attr[int] = field(default=0)
    published_at: Attr[datetime] = field(default=datetime(2024, 1, 1))
    author: BelongsTo[Author] = belongs_to()
    category: BelongsTo[Category | None] = belongs_to(default=None)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)

    @classmethod
    def published(cls) -> Expr:
        return cls.published_at <= now()


class Tag(Model, db=db):
    label: Attr[str]
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)


class Tagging(Model, db=db):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int] = field(default=1)


class Note(Model, db=db):
    text: Attr[str]
    deleted_at: Attr[datetime | None] = deleted_at()


ann, bob, cid = Author(name="Ann"), Author(name="Bob"), Author(name="Cid")
news, art = Category(title="News"), Category(title="Art")
prose = Category(title="Prose", parent=art)
crime = Category(title="Crime", parent=prose)
hello = Post(title="Hello", views=10, author=ann, category=news)
again = Post(title="Again", views=3, author=ann)
world = Post(title="World", views=30, author=bob, category=art)
python, c = Tag(label="python"), Tag(label="c")
hello.tags.attach(c)
hello.tags.attach(python, weight=2)
note = Note(text="Remember")
