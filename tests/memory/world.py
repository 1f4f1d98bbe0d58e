"""What the sweep works on: a database of its own with every kind of field, every kind of reference and every on_delete;
and what it is compared by, which is all that can be seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Network
from typing import Any, Literal
from uuid import UUID

from sinew import (
    Attr,
    BelongsTo,
    Collection,
    Database,
    HasMany,
    HasOne,
    Invalid,
    KeyedModel,
    ManyToMany,
    Model,
    Query,
    belongs_to,
    count_of,
    created_at,
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
    now,
    sum_of,
    updated_at,
    validates,
)

NOON = datetime(2024, 5, 17, 12)
AWARE = NOON.replace(tzinfo=UTC)
TOKEN = UUID("12345678123456781234567812345678")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size:
    def __init__(self, width: int) -> None:
        self.width = width

    def __repr__(self) -> str:
        return f"Size({self.width})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and other.width == self.width

    __hash__ = None  # type: ignore[assignment]


def width(size: Size) -> int:
    return size.width


def positive(value: int) -> bool:
    return value >= 0


shop = Database()


class Base(Model, db=shop, abstract=True):
    pass


class Author(Base):
    name: Attr[str] = field(unique=True)
    email: Attr[str | None] = field(default=None, index=True)
    karma: Attr[int] = field(default=0, check=positive)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    reviews: HasMany[Post] = has_many(inverse=lambda: Post.reviewer)
    hits: HasMany[Post] = has_many(inverse=lambda: Post.author, where=lambda: Post.score > 3)
    best: HasMany[Post] = has_many(inverse=lambda: Post.author, order_by=lambda: Post.score.desc(), limit=2)
    top: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.score.desc())
    login: HasOne[Login | None] = has_one(inverse=lambda: Login.author)
    flags: HasMany[Flag] = has_many(inverse=lambda: Flag.on)
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
    any_posts: HasMany[Post] = has_many(union=lambda: (Author.posts, Author.reviews))
    own_hits: HasMany[Post] = has_many(intersection=lambda: (Author.posts, Author.hits))
    others: HasMany[Post] = has_many(difference=lambda: (Author.posts, Author.hits), order_by=lambda: Post.title)
    post_count = count_of(lambda: Author.posts)
    points = sum_of(lambda: Author.posts.score)
    spent = sum_of(lambda: Author.posts.price)
    worst = min_of(lambda: Author.posts.score)
    dearest = max_of(lambda: Author.posts.price)
    longest = max_of(lambda: Author.posts.length)
    latest = latest_of(lambda: Author.posts.score)
    wordiest = latest_of(lambda: Author.posts.length)

    @getter
    def loud(self) -> str:
        return self.name.upper()

    @getter
    def digest(self) -> Any:
        """Reads in each way there is."""
        posts, found = self.posts, Post.find_by(title="a")
        return (
            self.email, [(post.length, post.tags) for post in posts], len(posts), bool(self.reviews), self.top,
            found in posts, Author.find(2), Author.find_by(name="Cid"), found is not None and found.at < now(),
            Post.where(Post.score > 1).count(), Category.where(title="news").pluck(Category.title), self.points,
            [post.title for post in self.best], Post.where(Post.length == 1).exists(), self.latest, self.wordiest,
            Author.include(Author.posts, only=["title"]).to_dicts(), Post.where(Post.at <= now()).sum(Post.score),
        )  # fmt: skip

    @getter
    def number(self) -> int:
        return len(self.digest)

    @getter
    def brittle(self) -> Any:
        """Goes on without what it asks for."""
        try:
            return [post.inverse for post in self.posts]
        except ZeroDivisionError:
            return self.number


class Login(Base):
    name: Attr[str]
    author: BelongsTo[Author | None] = belongs_to(default=None, unique=True, on_delete="nullify")


class Category(Base):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    above: HasMany[Category] = has_many(recursive=lambda: Category.parent)
    below: HasMany[Category] = has_many(recursive=lambda: Category.children)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)


class Post(Base, unique=[("author", "title")], index=[("state", "score")]):
    title: Attr[str]
    score: Attr[int | None] = field(default=None, index="ordered")
    ratio: Attr[float] = field(default=1.5)
    done: Attr[bool] = field(default=False)
    raw: Attr[bytes] = field(default=b"raw")
    day: Attr[date] = field(default=NOON.date())
    at: Attr[datetime] = field(default=NOON, index="ordered")
    seen: Attr[datetime] = field(default=AWARE, tz="aware")
    alarm: Attr[time] = field(default=time(7, 30))
    span: Attr[timedelta] = field(default=timedelta(hours=1))
    price: Attr[Decimal] = field(default=Decimal("1.50"), index=True)
    token: Attr[UUID] = field(default=TOKEN)
    host: Attr[IPv4Address] = field(default=IPv4Address("10.0.0.1"), index=True)
    net: Attr[IPv6Network] = field(default=IPv6Network("2001:db8::/32"))
    color: Attr[Color] = field(default=Color.RED)
    state: Attr[Literal["draft", "live"]] = field(default="live")
    size: Attr[Size | None] = field(default=None)
    keyed: Attr[Size | None] = field(default=None, key=width)
    word: Attr[str] = field(default="wörd", intern=True)
    tags: Attr[Any] = field(default_factory=list)
    made: Attr[datetime] = created_at()
    touched: Attr[datetime] = updated_at()
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    reviewer: BelongsTo[Author | None] = belongs_to(default=None, on_delete="nullify")
    category: BelongsTo[Category | None] = belongs_to(default=None, on_delete="restrict")
    editor: BelongsTo[Author | None] = belongs_to(default=None, on_delete="keep", enforce=False)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.post)
    labels: ManyToMany[Label, Labelling] = many_to_many(inverse=lambda: Label.posts)
    author_name = delegate(lambda: Post.author.name)
    author_loud = delegate(lambda: Post.author.loud)

    @getter
    def length(self) -> int:
        return len(self.title)

    @getter
    def inverse(self) -> float:
        return 1 / (self.score or 0)

    @validates("title")
    def _title(self, value: str) -> str:
        if value == "bad":
            raise Invalid("is bad")
        return value.strip()


class Comment(Base):
    body: Attr[str]
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    flags: HasMany[Flag] = has_many(inverse=lambda: Flag.on)


class Flag(Base):
    """On records of two models."""

    text: Attr[str] = field(default="!")
    on: BelongsTo[Comment | Author | None] = belongs_to(default=None, on_delete="cascade")


class Label(Base):
    text: Attr[str]
    posts: ManyToMany[Post, Labelling] = many_to_many(inverse=lambda: Post.labels)
    kin: ManyToMany[Label] = many_to_many(symmetric=True)


class Labelling(Base):
    post: BelongsTo[Post] = belongs_to()
    label: BelongsTo[Label] = belongs_to()
    weight: Attr[int] = field(default=1, check=positive)


class Order(Base):
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)


class Item(KeyedModel, db=shop, primary_key=("order", "number")):
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    number: Attr[int]
    notes: HasMany[Note] = has_many(inverse=lambda: Note.item)


class Note(Base):
    text: Attr[str]
    item: BelongsTo[Item | None] = belongs_to(default=None)


class Folder(Base):
    title: Attr[str] = field(unique=True)
    parent: BelongsTo[Folder | None] = belongs_to(default=None, on_delete="cascade")
    files: HasMany[File] = has_many(inverse=lambda: File.folder)
    deleted_at: Attr[datetime | None] = deleted_at()


class File(Base):
    name: Attr[str]
    tags: Attr[Any] = field(default_factory=list)
    folder: BelongsTo[Folder] = belongs_to(on_delete="cascade")
    gone: Attr[datetime | None] = deleted_at(tz="naive")


class Shop:
    """The database with its rows; `restore` brings them back to what they are at the beginning."""

    db = shop
    repeats = False

    def __init__(self) -> None:
        self.restore()

    def restore(self) -> None:
        shop.clock.freeze(AWARE)
        while shop.store.depth:
            shop.store.rollback()
        shop.block = None
        shop.clear()
        self.ann, self.bob = Author(name="Ann", email="ä@x"), Author(name="Bob", karma=3)
        self.cid = Author(name="Cid")
        self.login, self.spare = Login(name="ann", author=self.ann), Login(name="spare")
        self.root = Category(title="root")
        self.news = Category(title="news", parent=self.root)
        self.posts = [
            Post(title="a", score=5, author=self.ann, category=self.news, size=Size(2), keyed=Size(2)),
            Post(title="b", score=1, author=self.ann, reviewer=self.bob, state="draft", price=Decimal("2.5")),
            Post(title="c", score=None, author=self.ann, editor=self.bob, ratio=0.5, keyed=Size(1)),
            Post(title="dé", score=4, author=self.bob, category=self.news, word="ünique", color=Color.BLUE),
        ]
        self.comments = [Comment(body="x", post=self.posts[0]), Comment(body="y", post=self.posts[3])]
        self.flags = [Flag(on=self.comments[0]), Flag(on=self.ann), Flag()]
        self.labels = [Label(text=text) for text in "xyz"]
        self.posts[0].labels.attach(self.labels[:2], weight=2)
        self.posts[1].labels.attach(self.labels[1])
        self.labels[0].kin.attach(self.labels[1])
        self.order = Order()
        self.items = [Item(order=self.order, number=n) for n in (1, 2)]
        self.note = Note(text="n", item=self.items[0])
        self.fill_bin()

    def fill_bin(self) -> None:
        """A folder within a folder, and another one that is soft-deleted; each has a file."""
        self.folder = Folder(title="a")
        self.below, self.old = Folder(title="b", parent=self.folder), Folder(title="old")
        self.files = [File(name=each.title, folder=each) for each in (self.folder, self.below, self.old)]
        self.old.delete()

    def check(self) -> None:
        """The engine's invariants hold, and what getters keep is what they would compute."""
        shop.store.check()
        shop.audit_getters = True
        try:
            for author in Author.all():
                author.number, author.brittle, author.latest, author.spent  # noqa: B018
        finally:
            shop.audit_getters = False

    def seen(self) -> Any:
        """All that can be seen of the database: rows, every relation from both sides, what is open."""
        rows = {name: [seen(record.to_dict()) for record in every(model)] for name, model in shop.models.items()}
        views = {
            f"{name}.{relation}": [seen(getattr(record, relation)) for record in model.all()]
            for name, model in shop.models.items()
            for relation in model.__sinew__.relations
        }
        counts = {name: model.count() for name, model in shop.models.items()}
        return {
            "rows": rows,
            "views": views,
            "counts": counts,
            "depth": shop.store.depth,
            "block": shop.block,
            "pending": list(shop.pending),
        }


def every(model: Any) -> Any:
    """All records, soft-deleted ones too."""
    return model.with_deleted() if model in (Folder, File) else model.all()


def seen(value: Any) -> Any:
    """A value as what can be compared: records by their keys, queries by their rows."""
    if isinstance(value, KeyedModel):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): seen(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, Query, Collection)):
        return [seen(each) for each in value]
    return repr(value)
