"""The sides of the benchmarks of getters: posts of authors, a label of a post, the points of an author's posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from types import FunctionType
from typing import Any, ClassVar

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    Model,
    Stats,
    belongs_to,
    count_of,
    delegate,
    getter,
    has_many,
    sum_of,
)

from .side import Side, own
from .workload import Workload

PROPERTY = "cached_property"
BY_HAND = "cleared by hand"
ALONE = "sinew, writing alone"
BARE = "sinew without getters"
UNKEPT = "sinew, cache=False"
WHAT_ALL_DO = {"hit", "first", "after_column", "after_writes", "after_record", "invalidated", "write", "filters"}
MOMENT = datetime(2020, 1, 1)


def make(posts: int, sizes: dict[int, int]) -> Workload:
    """So many authors with so many posts each, by number of posts; the posts that are left, in hundreds and a bit."""
    owners: list[int] = []
    for size, many in sizes.items():
        for _ in range(many):
            owners += [owners[-1] + 1 if owners else 1] * size
    while len(owners) < posts:
        owners += [owners[-1] + 1 if owners else 1] * 101
    del owners[posts:]
    return Workload(
        [(number, f"author {number}") for number in range(1, owners[-1] + 1)],
        [(number, f"title {number}", f"content {number}", MOMENT, owner) for number, owner in enumerate(owners, 1)],
    )


class Getters(Side):
    """The loops, the same text for all whose values are attributes; each side gets its own copy of their code. `does`:
    the operations that it is there for. `turn`: so that each write changes something."""

    does: ClassVar[set[str]] = set()
    turn = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, function in vars(Getters).items():
            if isinstance(function, FunctionType) and not name.startswith("_") and name not in vars(cls):
                setattr(cls, name, own(getattr(cls, name)))

    def can(self, operation: str) -> bool:
        return operation in self.does

    def hit(self, posts: Sequence[Any]) -> str:
        for post in posts:
            value = post.label
        return str(value)

    def first(self, posts: Sequence[Any]) -> str:
        for post in posts:
            value = post.label
        return str(value)

    def after_column(self, posts: Sequence[Any]) -> str:
        self.turn += len(posts)
        for note, post in enumerate(posts, self.turn):
            post.note = note
            value = post.label
        return str(value)

    def after_writes(self, posts: Sequence[Any]) -> str:
        self.write(posts)
        return self.hit(posts)

    def after_record(self, pairs: Sequence[tuple[Any, Any]]) -> int:
        self.turn += len(pairs)
        for points, (author, other) in enumerate(pairs, self.turn):
            other.points = points
            value = author.total
        return int(value)

    def invalidated(self, posts: Sequence[Any]) -> str:
        for post in posts:
            post.title = "new"
            value = post.label
        return str(value)

    def undo_invalidated(self, posts: Sequence[Any]) -> None:
        for post in posts:
            post.title = f"title {post.id}"
            assert post.label

    def write(self, posts: Sequence[Any]) -> int:
        self.turn += len(posts)
        for note, post in enumerate(posts, self.turn):
            post.note = note
        return len(posts)

    def counts(self, authors: Sequence[Any]) -> int:
        for author in authors:
            value = author.post_count
        return int(value)

    def sums(self, authors: Sequence[Any]) -> int:
        for author in authors:
            value = author.points
        return int(value)

    def delegates(self, posts: Sequence[Any]) -> str:
        for post in posts:
            value = post.author_name
        return str(value)


# ---------------------------------------------------------------- ours


def bare_models(store: Database) -> tuple[Any, Any]:
    class Stored(Model, db=store, abstract=True):
        """The family of the models without getters."""

    class Author(Stored):
        name: Attr[str]
        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)

    class Post(Stored):
        title: Attr[str]
        content: Attr[str]
        note: Attr[int]
        points: Attr[int]
        author: BelongsTo[Author] = belongs_to()

    return Author, Post


def models(store: Database, cache: bool) -> tuple[Any, Any]:
    class Stored(Model, db=store, abstract=True):
        """The family of the models with getters."""

    class Author(Stored):
        name: Attr[str]
        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
        post_count = count_of(lambda: Author.posts)
        points = sum_of(lambda: Author.posts.points)

        @getter(cache=cache)
        def total(self) -> int:
            return sum([post.points for post in self.posts])

    class Post(Stored):
        title: Attr[str]
        content: Attr[str]
        note: Attr[int]
        points: Attr[int]
        author: BelongsTo[Author] = belongs_to()
        author_name = delegate(lambda: Post.author.name)

        @getter(cache=cache)
        def label(self) -> str:
            return f"{self.title}: {self.content}"

        @getter(cache=cache)
        def heading(self) -> str:
            return self.title.upper()

    return Author, Post


class Sinew(Getters):
    name = "sinew"
    make_models: ClassVar[Callable[[Database], tuple[Any, Any]]] = lambda store: models(store, cache=True)

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.store = Database()
        self.Author, self.Post = type(self).make_models(self.store)

    def fill(self) -> None:
        rows = self.workload.posts
        self.close()
        self.Author.insert_many(self.workload.authors, columns=["id", "name"])
        self.Post.insert_many(
            {
                "id": [row[0] for row in rows],
                "title": [row[1] for row in rows],
                "content": [row[2] for row in rows],
                "note": [0] * len(rows),
                "points": [row[0] % 10 for row in rows],
                "author_id": [row[4] for row in rows],
            }
        )

    def hold(self) -> None:
        self.posts, self.authors = list(self.Post.all()), list(self.Author.all())

    def close(self) -> None:
        self.posts, self.authors = [], []
        self.store.clear()

    def filters(self, labels: Sequence[str]) -> list[list[int]]:
        return [self.Post.where(self.Post.label == label).pluck(self.Post.id) for label in labels]

    def stats(self) -> Stats:
        return self.store.stats()

    def keep(self, reads: int) -> str:
        """Computes a getter of so many reads for each record, and gives its name."""
        name, records = {1: ("heading", self.posts), 2: ("label", self.posts), 20: ("total", self.authors)}[reads]
        for record in records:
            getattr(record, name)
        return f"{type(records[0]).__name__}.{name}"


class WritingAlone(Sinew):
    """Writes, and reads once."""

    name = ALONE
    does: ClassVar[set[str]] = {"after_column", "after_record"}

    def after_column(self, posts: Sequence[Any]) -> str:
        self.turn += len(posts)
        for note, post in enumerate(posts, self.turn):
            post.note = note
        return str(post.label)

    def after_record(self, pairs: Sequence[tuple[Any, Any]]) -> int:
        self.turn += len(pairs)
        for points, (author, other) in enumerate(pairs, self.turn):  # noqa: B007 - its last value
            other.points = points
        return int(author.total)


class Bare(Sinew):
    """It has no getters."""

    name = BARE
    does: ClassVar[set[str]] = {"write"}
    make_models = bare_models


class Unkept(Sinew):
    """Its getters run at each read."""

    name = UNKEPT
    does: ClassVar[set[str]] = {"hit", "filters"}
    make_models = lambda store: models(store, cache=False)  # noqa: E731


# ---------------------------------------------------------------- by hand


class Owner:
    """An author of the sides by hand."""

    def __init__(self, number: int, name: str) -> None:
        self.id = number
        self.name = name
        self.posts: list[Any] = []
        self._total: int | None = None

    @property
    def total(self) -> int:
        if self._total is None:
            self._total = sum([post.points for post in self.posts])
        return self._total


class Cleared:
    """A post whose setters clear what has been computed of it."""

    __slots__ = ("_content", "_label", "_points", "_title", "author", "id", "note")

    def __init__(self, number: int, title: str, content: str, author: Any) -> None:
        self.id = number
        self._title = title
        self._content = content
        self._points = number % 10
        self._label: str | None = None
        self.note = 0
        self.author = author

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        self._title = title
        self._label = None

    @property
    def content(self) -> str:
        return self._content

    @content.setter
    def content(self, content: str) -> None:
        self._content = content
        self._label = None

    @property
    def points(self) -> int:
        return self._points

    @points.setter
    def points(self, points: int) -> None:
        self._points = points
        self.author._total = None

    @property
    def label(self) -> str:
        if self._label is None:
            self._label = f"{self._title}: {self._content}"
        return self._label


class ClearedByHand(Getters):
    """`fill` makes posts of this class."""

    name = BY_HAND
    does: ClassVar[set[str]] = {*WHAT_ALL_DO, "counts", "sums", "delegates"}
    Author: ClassVar[Any] = Owner
    Post: ClassVar[Any] = Cleared

    def fill(self) -> None:
        authors = {number: self.Author(number, name) for number, name in self.workload.authors}
        self.authors = list(authors.values())
        self.posts = []
        for number, title, content, _, author_id in self.workload.posts:
            author = authors[author_id]
            post = self.Post(number, title, content, author)
            author.posts.append(post)
            self.posts.append(post)

    def hold(self) -> None:
        """They are held."""

    def close(self) -> None:
        self.posts, self.authors = [], []

    def counts(self, authors: Sequence[Any]) -> int:
        for author in authors:
            value = len(author.posts)
        return value

    def sums(self, authors: Sequence[Any]) -> int:
        for author in authors:
            value = sum([post.points for post in author.posts])
        return value

    def delegates(self, posts: Sequence[Any]) -> str:
        for post in posts:
            value = post.author.name
        return str(value)

    def filters(self, labels: Sequence[str]) -> list[list[int]]:
        return [[post.id for post in self.posts if post.label == label] for label in labels]


class Cached:
    """A post whose label is computed once and never again."""

    def __init__(self, number: int, title: str, content: str, author: Any) -> None:
        self.id = number
        self.title = title
        self.content = content
        self.author = author

    @cached_property
    def label(self) -> str:
        return f"{self.title}: {self.content}"


class CachedProperty(ClearedByHand):
    name = PROPERTY
    does: ClassVar[set[str]] = {"hit", "first"}
    Post = Cached


# ---------------------------------------------------------------- reaktiv


class Reactive:
    """A post of signals."""

    def __init__(self, number: int, title: str, content: str, author: Any) -> None:
        from reaktiv import Computed, Signal

        self.id = number
        self.title = Signal(title)
        self.content = Signal(content)
        self.note = Signal(0)
        self.points = Signal(number % 10)
        self.author = author
        self.label = Computed(lambda: f"{self.title()}: {self.content()}")


class ReactiveOwner:
    def __init__(self, number: int, name: str) -> None:
        from reaktiv import Computed

        self.id = number
        self.name = name
        self.posts: list[Any] = []
        self.total = Computed(lambda: sum([post.points() for post in self.posts]))


class Reaktiv(ClearedByHand):
    """Its values are called."""

    name = "reaktiv"
    imports = "import reaktiv"
    parts: ClassVar[dict[str, int]] = {"first": 10}
    does: ClassVar[set[str]] = WHAT_ALL_DO
    Author = ReactiveOwner
    Post = Reactive

    def hit(self, posts: Sequence[Any]) -> str:
        for post in posts:
            value = post.label()
        return str(value)

    first = hit

    def write(self, posts: Sequence[Any]) -> int:
        self.turn += len(posts)
        for note, post in enumerate(posts, self.turn):
            post.note.set(note)
        return len(posts)

    def after_column(self, posts: Sequence[Any]) -> str:
        self.turn += len(posts)
        for note, post in enumerate(posts, self.turn):
            post.note.set(note)
            value = post.label()
        return str(value)

    def after_record(self, pairs: Sequence[tuple[Any, Any]]) -> int:
        self.turn += len(pairs)
        for points, (author, other) in enumerate(pairs, self.turn):
            other.points.set(points)
            value = author.total()
        return int(value)

    def invalidated(self, posts: Sequence[Any]) -> str:
        for post in posts:
            post.title.set("new")
            value = post.label()
        return str(value)

    def undo_invalidated(self, posts: Sequence[Any]) -> None:
        for post in posts:
            post.title.set(f"title {post.id}")
            assert post.label()

    def filters(self, labels: Sequence[str]) -> list[list[int]]:
        return [[post.id for post in self.posts if post.label() == label] for label in labels]


SIDES: list[type[Side]] = [CachedProperty, ClearedByHand, Reaktiv, WritingAlone, Bare, Unkept]
