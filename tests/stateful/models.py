"""The models of the stateful test, and the same as the oracle sees them."""

from __future__ import annotations

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    KeyedModel,
    Model,
    belongs_to,
    field,
    has_many,
    has_one,
)

from .oracle import Ref, Shape

store = Database()


class Numbered(Model, db=store, abstract=True):
    """Models with the implicit id."""


class Author(Numbered):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    reviewed: HasMany[Post] = has_many(inverse=lambda: Post.reviewer)
    best: HasMany[Post] = has_many(
        inverse=lambda: Post.author,
        where=lambda: Post.score > 0,
        order_by=lambda: (Post.score.desc(), Post.title),
        limit=3,
    )
    profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.author)
    top: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.score.desc())


class Profile(Numbered):
    text: Attr[str] = field(default="")
    author: BelongsTo[Author] = belongs_to(unique=True, on_delete="cascade")


class Category(Numbered):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None, on_delete="cascade")
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)


class Post(Numbered, index=[("author", "score")], unique=[("author", "title")]):
    title: Attr[str]
    score: Attr[int | None] = field(default=None, index="ordered")
    author: BelongsTo[Author] = belongs_to()
    reviewer: BelongsTo[Author | None] = belongs_to(default=None, on_delete="nullify")
    category: BelongsTo[Category | None] = belongs_to(default=None, on_delete="nullify")
    origin: BelongsTo[Post | None] = belongs_to(default=None, enforce=False, on_delete="keep")
    copies: HasMany[Post] = has_many(inverse=lambda: Post.origin)


class Shelf(KeyedModel, db=store, primary_key=("room", "number")):
    room: Attr[str]
    number: Attr[int]
    boxes: HasMany[Box] = has_many(inverse=lambda: Box.shelf)


class Box(KeyedModel, db=store):
    label: Attr[str] = field(primary_key=True)
    shelf: BelongsTo[Shelf | None] = belongs_to(default=None, on_delete="nullify")
    inside: BelongsTo[Box | None] = belongs_to(default=None)
    content: HasMany[Box] = has_many(inverse=lambda: Box.inside)


MODELS = {"Author": Author, "Profile": Profile, "Category": Category, "Post": Post, "Shelf": Shelf, "Box": Box}

SHAPES = {
    "Author": Shape(("id", "name", "email"), ("id",), frozenset({"email"}), (("email",),)),
    "Profile": Shape(
        ("id", "text", "author_id"),
        ("id",),
        unique=(("author_id",),),
        refs=(Ref("author", ("author_id",), "Author", ("id",), "cascade"),),
    ),
    "Category": Shape(
        ("id", "title", "parent_id"),
        ("id",),
        frozenset({"parent_id"}),
        refs=(Ref("parent", ("parent_id",), "Category", ("id",), "cascade"),),
    ),
    "Post": Shape(
        ("id", "title", "score", "author_id", "reviewer_id", "category_id", "origin_id"),
        ("id",),
        frozenset({"score", "reviewer_id", "category_id", "origin_id"}),
        (("author_id", "title"),),
        (
            Ref("author", ("author_id",), "Author", ("id",)),
            Ref("reviewer", ("reviewer_id",), "Author", ("id",), "nullify"),
            Ref("category", ("category_id",), "Category", ("id",), "nullify"),
            Ref("origin", ("origin_id",), "Post", ("id",), "keep", enforce=False),
        ),
    ),
    "Shelf": Shape(("room", "number"), ("room", "number")),
    "Box": Shape(
        ("label", "shelf_room", "shelf_number", "inside_id"),
        ("label",),
        frozenset({"shelf_room", "shelf_number", "inside_id"}),
        refs=(
            Ref("shelf", ("shelf_room", "shelf_number"), "Shelf", ("room", "number"), "nullify"),
            Ref("inside", ("inside_id",), "Box", ("label",)),
        ),
    ),
}

# relation of has_many / has_one -> (model of the children, name of their belongs_to)
COLLECTIONS = {
    "Author": {"posts": ("Post", "author"), "reviewed": ("Post", "reviewer")},
    "Category": {"children": ("Category", "parent"), "posts": ("Post", "category")},
    "Post": {"copies": ("Post", "origin")},
    "Shelf": {"boxes": ("Box", "shelf")},
    "Box": {"content": ("Box", "inside")},
}
