"""What is compared: the hot paths, against hand-written classes."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import FunctionType
from typing import Any

from . import handwritten, ours
from .measure import Comparison
from .workload import Workload


class Sides:
    """Both stores, loaded with the same rows, and their records held in lists."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.fill()

    def fill(self) -> None:
        self.empty()
        ours.load(self.workload)
        self.plain.load(self.workload)
        self.our_posts = list(ours.Post.all())
        self.our_authors = list(ours.Author.all())
        self.plain_posts = list(self.plain.posts.values())
        self.plain_authors = list(self.plain.authors.values())

    def ensure(self) -> None:
        """Fills both stores again if a comparison has emptied them."""
        if not self.our_posts:
            self.fill()

    def empty(self) -> None:
        self.our_posts, self.our_authors, self.plain_posts, self.plain_authors = [], [], [], []
        ours.authors(self.workload)
        self.plain = handwritten.Store(self.workload)


def comparisons(sides: Sides) -> list[Comparison]:
    """Those that only read come first; the last one leaves the children moved."""
    return [*constructing(sides), *reading(sides), *relating(sides), *querying(sides), *writing(sides)]


def constructing(sides: Sides) -> list[Comparison]:
    def construct_ours() -> int:
        ours.load(sides.workload)
        return ours.Post.count()

    def construct_plain() -> int:
        sides.plain.load(sides.workload)
        return len(sides.plain.posts)

    n = len(sides.workload.posts)
    return [Comparison("construct, 5 fields, 2 indexes", construct_ours, construct_plain, n, 0.4, sides.empty)]


def own(function: Any) -> Any:
    """A copy with code of its own: the interpreter specialises code for the types it meets, and sides differ."""
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


def loop(records: Callable[[], list[Any]], name: str) -> Callable[[], Any]:
    """A loop over records that reads one attribute, its name written out as in a program."""
    scope: dict[str, Any] = {}
    exec(f"def run(records):\n    for record in records():\n        value = record.{name}\n    return value", scope)
    return lambda: scope["run"](records)


def reading(sides: Sides) -> list[Comparison]:
    def mixed(records: list[Any]) -> int:
        total = 0
        for record in records:
            total += len(record.title) + len(record.content) + len(record.title) + len(record.short())
        return total

    n = len(sides.workload.posts)
    mixed_ours, mixed_plain = own(mixed), own(mixed)
    attributes = [("title", "str", 2.2), ("id", "int", 4.0), ("published_at", "datetime", 5.0)]
    return [
        *(
            Comparison(
                f"read a {kind} field",
                loop(lambda: sides.our_posts, name),
                loop(lambda: sides.plain_posts, name),
                n,
                budget,
                sides.ensure,
            )
            for name, kind, budget in attributes
        ),
        Comparison(
            "three str fields and a method call",
            lambda: mixed_ours(sides.our_posts),
            lambda: mixed_plain(sides.plain_posts),
            n,
            2.0,
        ),
    ]


def relating(sides: Sides) -> list[Comparison]:
    n = len(sides.workload.posts)

    def names(posts: list[Any]) -> str:
        for post in posts:
            name = post.author.name
        return name

    def iterate(authors: list[Any]) -> int:
        seen = 0
        for author in authors:
            for _ in author.posts:
                seen += 1
        return seen

    def lengths(authors: list[Any]) -> int:
        total = 0
        for author in authors:
            total += len(author.posts)
        return total

    names_ours, names_plain = own(names), own(names)
    iterate_ours, iterate_plain = own(iterate), own(iterate)
    lengths_ours, lengths_plain = own(lengths), own(lengths)
    return [
        Comparison("belongs_to", lambda: names_ours(sides.our_posts), lambda: names_plain(sides.plain_posts), n, 0.8),
        Comparison(
            "iterate a has_many, per record held",
            lambda: iterate_ours(sides.our_authors),
            lambda: iterate_plain(sides.plain_authors),
            n,
            4.0,
        ),
        Comparison(
            "len of a has_many",
            lambda: lengths_ours(sides.our_authors),
            lambda: lengths_plain(sides.plain_authors),
            len(sides.workload.authors),
            6.0,
        ),
    ]


def querying(sides: Sides) -> list[Comparison]:
    workload = sides.workload
    keys = [row[0] for row in workload.posts]
    random.Random(1).shuffle(keys)
    middle = sorted(row[3] for row in workload.posts)[len(workload.posts) // 2]
    n = len(workload.posts)

    def find_ours() -> str:
        find = ours.Post.find
        for key in keys:
            post = find(key)
        assert post is not None
        return post.title

    def find_plain() -> str:
        get = sides.plain.posts.get
        for key in keys:
            post = get(key)
        assert post is not None
        return post.title

    def ordered() -> list[int]:
        return [post.id for post in sorted(sides.plain_posts, key=lambda post: post.title)]

    return [
        Comparison("find by id", find_ours, find_plain, n, 2.5),
        Comparison(
            "count a range, no index",
            lambda: ours.Post.where(ours.Post.published_at < middle).count(),
            lambda: sum([post.published_at < middle for post in sides.plain_posts]),
            n,
            1 / 20,
        ),
        Comparison(
            "filter by a range, half of the records",
            lambda: len([*ours.Post.where(ours.Post.published_at < middle)]),
            lambda: len([post for post in sides.plain_posts if post.published_at < middle]),
            n,
            1 / 1.5,
        ),
        Comparison(
            "order by a str, keys",
            lambda: ours.Post.order_by(ours.Post.title).pluck(ours.Post.id),
            ordered,
            n,
            1 / 3,
        ),
    ]


def writing(sides: Sides) -> list[Comparison]:
    n = len(sides.workload.posts)

    def retitle(posts: list[Any]) -> str:
        for post in posts:
            post.title = "new"
        return posts[0].title

    def move(posts: list[Any], authors: list[Any]) -> list[int]:
        for number in range(0, len(posts), 10):
            posts[number].author = authors[number % len(authors)]
        return [len(author.posts) for author in authors]

    retitle_ours, retitle_plain = own(retitle), own(retitle)
    move_ours, move_plain = own(move), own(move)
    return [
        Comparison(
            "set a field", lambda: retitle_ours(sides.our_posts), lambda: retitle_plain(sides.plain_posts), n, 3.0
        ),
        Comparison(
            "move a child",
            lambda: move_ours(sides.our_posts, sides.our_authors),
            lambda: move_plain(sides.plain_posts, sides.plain_authors),
            n // 10,
            1.0,
        ),
    ]
