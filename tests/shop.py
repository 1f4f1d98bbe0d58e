"""A small shop with everything that queries trip over: id 0, nulls, several parents, rows that match nothing, self
reference, Decimals, aware and naive times, an object without a key, an enum, a literal, a composite key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

from sinew import (
    Attr,
    BelongsTo,
    Database,
    Expr,
    HasMany,
    HasOne,
    KeyedModel,
    Model,
    Query,
    belongs_to,
    field,
    has_many,
    has_one,
    now,
)

shop = Database()

DAY = datetime(2024, 5, 17, 12)
AWARE = DAY.replace(tzinfo=UTC)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size:
    """Compared by its width alone."""

    def __init__(self, width: int) -> None:
        self.width = width

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and other.width == self.width

    __hash__ = None  # type: ignore[assignment]


class Base(Model, db=shop, abstract=True):
    """The models of the shop."""


class Author(Base):
    name: Attr[str]
    surname: Attr[str | None] = field(default=None)
    karma: Attr[int] = field(default=0)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    reviewed: HasMany[Post] = has_many(inverse=lambda: Post.reviewer)
    profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.author)
    hits: HasMany[Post] = has_many(inverse=lambda: Post.author, where=lambda: Post.score > 3)
    drafts: HasMany[Post] = has_many(
        inverse=lambda: Post.author, where=lambda: (Post.state == "draft") & (Post.score == 1)
    )
    best: HasMany[Post] = has_many(
        inverse=lambda: Post.author, order_by=lambda: (Post.score.desc(), Post.title), limit=2
    )
    top: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.score.desc())


class Profile(Base):
    text: Attr[str | None] = field(default=None)
    author: BelongsTo[Author | None] = belongs_to(default=None)


class Category(Base):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)


class Post(Base):
    LONG = 5
    title: Attr[str]
    score: Attr[int | None] = field(default=None, index="ordered")
    ratio: Attr[float] = field(default=1.0)
    state: Attr[Literal["draft", "live"]] = field(default="live")
    published_at: Attr[datetime] = field(default=DAY)
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    reviewer: BelongsTo[Author | None] = belongs_to(default=None, on_delete="nullify")
    category: BelongsTo[Category | None] = belongs_to(default=None, on_delete="nullify")
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.post)

    @classmethod
    def published(cls) -> Expr:
        return cls.published_at <= now()

    @classmethod
    def long(cls) -> Expr:
        return cls.score >= cls.LONG

    @classmethod
    def popular(cls) -> Query[Post]:
        return cls.where(cls.score > 3)


class Comment(Base):
    body: Attr[str]
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")


class Order(Base):
    total: Attr[Decimal] = field(default=Decimal(0))
    paid: Attr[Decimal | None] = field(default=None)
    color: Attr[Color] = field(default=Color.RED)
    size: Attr[Size | None] = field(default=None)
    keyed: Attr[Size | None] = field(default=None, key=lambda size: size.width)
    made_at: Attr[datetime] = field(default=AWARE, tz="aware")
    span: Attr[timedelta] = field(default=timedelta(hours=1))
    number: Attr[int] = field(default=0)
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)


class Item(KeyedModel, db=shop, primary_key=("order", "number")):
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    number: Attr[int]
    price: Attr[Decimal | None] = field(default=None)
    quantity: Attr[int] = field(default=1)
    notes: HasMany[Note] = has_many(inverse=lambda: Note.item)


class Note(Base):
    text: Attr[str]
    item: BelongsTo[Item | None] = belongs_to(default=None)


def fill() -> None:
    """The rows. Author 0 has the id that is false; Dan has nothing; `Cid` has a null surname and posts with nulls."""
    shop.clear()
    shop.clock.unfreeze()
    ann = Author(id=0, name="Ann", surname="Lee", karma=7)
    bob = Author(id=1, name="Bob", surname="Ray", karma=2)
    cid = Author(id=2, name="Cid", karma=5)
    Author(id=3, name="Dan", surname="")
    Profile(id=1, text="of Ann", author=ann)
    Profile(id=2, text=None, author=bob)
    Profile(id=3, text="nobody's")
    root = Category(id=0, title="root")
    news = Category(id=1, title="news", parent=root)
    art = Category(id=2, title="art", parent=root)
    Category(id=3, title="empty", parent=news)
    posts: list[dict[str, Any]] = [
        {"title": "a", "score": 5, "author": ann, "category": news},
        {"title": "a", "score": 1, "author": ann, "category": None, "reviewer": bob, "state": "draft"},
        {"title": "b", "score": None, "author": ann, "category": art, "ratio": 0.5},
        {"title": "a", "score": 4, "author": bob, "category": art, "reviewer": ann},
        {"title": "c", "score": None, "author": cid, "category": None, "published_at": DAY + timedelta(days=3650)},
        {"title": "", "score": 0, "author": cid, "category": root, "ratio": -2.5},
    ]
    for number, values in enumerate(posts):
        Post(id=number, **values)
    for number, (body, post) in enumerate([("code", 0), ("nice", 0), ("code", 3), ("100%", 5)]):
        Comment(id=number, body=body, post=Post[post])
    Order(id=1, total=Decimal("10.50"), paid=Decimal("10.5"), size=Size(1), keyed=Size(3), number=10)
    Order(id=2, total=Decimal("7"), paid=Decimal("2"), color=Color.BLUE, size=Size(2), keyed=Size(1), number=7)
    Order(id=3, total=Decimal("3.25"), made_at=AWARE - timedelta(days=2), span=timedelta(hours=3))
    for order, number, price, quantity in [(1, 1, "1.25", 2), (1, 2, "8.00", 1), (2, 1, "7", 1), (2, 2, None, 3)]:
        Item(order=Order[order], number=number, price=None if price is None else Decimal(price), quantity=quantity)
    Note(id=1, text="first", item=Item[1, 2])
    Note(id=2, text="second", item=Item[1, 2])
    Note(id=3, text="loose")
