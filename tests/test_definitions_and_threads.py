"""Models that are defined anew while other threads read: a reader waits, or sees the models before or after."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sinew import (
    Database,
    SinewError,
    TransactionError,
    belongs_to,
    count,
    define,
    delegate,
    field,
    getter,
    has_many,
    many_to_many,
    sum_of,
)

pytestmark = pytest.mark.usefixtures("fast_switches")
SECONDS = float(os.environ.get("SINEW_THREAD_SECONDS", "0.4")) * 3


class Blog:
    """Three authors with three posts each; the post of number n has the score n and the first n % 3 tags."""

    def __init__(self) -> None:
        self.db = Database()
        self.models = models = self.db.models
        define("Tag", {"name": str, "posts": many_to_many("Post")}, db=self.db)
        self.define_author(0)
        self.define_post(0)
        self.Author: Any = models["Author"]
        self.Post: Any = models["Post"]
        self.authors = [self.Author(name=f"a{n}") for n in range(3)]
        self.tags = [models["Tag"](name=f"t{n}") for n in range(3)]
        self.posts = [self.Post(title=f"p{n}", score=n, author=self.authors[n % 3]) for n in range(9)]
        for n, post in enumerate(self.posts):
            post.tags = self.tags[: n % 3]

    def define_author(self, round: int) -> None:
        models = self.models
        best = {"where": lambda: models["Post"].score > 4, "order_by": lambda: models["Post"].score.desc()}
        fields = {
            "name": str,
            "extra": field(type=int, default=round % 2),
            "posts": has_many("Post"),
            "best": has_many("Post", **best),
            "total": sum_of(lambda: models["Author"].posts.score),
            "titles": getter(lambda self: [post.title for post in self.posts]),
        }
        define("Author", fields, db=self.db)

    def define_post(self, round: int) -> None:
        models = self.models
        fields = {
            "title": str,
            "score": field(type=int, default=0, index=bool(round % 2)),
            "author": belongs_to("Author", on_delete="cascade"),
            "tags": many_to_many("Tag"),
            "author_name": delegate(lambda: models["Post"].author.name),
        }
        define("Post", fields, db=self.db)

    def reads(self) -> dict[str, Callable[[], Any]]:
        Author, Post, authors, posts, tags = self.Author, self.Post, self.authors, self.posts, self.tags
        return {
            "field": lambda: authors[0].name,
            "field of another": lambda: posts[4].author.name,
            "length": lambda: len(authors[0].posts),
            "collection": lambda: [post.title for post in authors[1].posts],
            "with a condition": lambda: [post.title for post in authors[1].best],
            "narrowed": lambda: authors[0].posts.where(Post.score > 2).count(),
            "links": lambda: [tag.name for tag in posts[2].tags],
            "links back": lambda: [post.title for post in tags[0].posts],
            "query": lambda: Author.where(Author.posts.score > 7).pluck(Author.name, Author.total),
            "count": lambda: Post.where(Post.author.name == "a1").count(),
            "exists": lambda: Post.where(Post.author.name == "a1").exists(),
            "first": lambda: Post.where(Post.author.name == "a1").first().title,
            "groups": lambda: [each["n"] for each in Post.group_by(Post.author.name).agg(n=count())],
            "sum": lambda: Post.where(Post.author.name == "a1").sum(Post.score),
            "tree": lambda: [[post.title for post in view.posts] for view in Author.all().include(Author.posts.tags)],
            "dict": lambda: authors[0].to_dict("total")["name"],
            "fold": lambda: authors[2].total,
            "getter": lambda: authors[2].titles,
            "delegate": lambda: posts[3].author_name,
            "delegate in a query": lambda: Post.where(Post.author_name == "a0").count(),
        }


def test_readers_of_models_that_are_defined_anew() -> None:
    blog = Blog()
    reads = blog.reads()
    expected = {name: read() for name, read in reads.items()}
    over, found = threading.Event(), list[Any]()
    defined = [0]

    def repeatedly(act: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                act()
        except BaseException as error:
            found.append(error)
            over.set()

    def read() -> None:
        for name, each in reads.items():
            value = each()
            assert value == expected[name], (name, value, expected[name])

    def define_anew() -> None:
        defined[0] += 1
        try:
            (blog.define_author, blog.define_post)[defined[0] // 2 % 2](defined[0])
        except TransactionError:
            pass  # a reader has rows in use

    threads = [threading.Thread(target=repeatedly, args=(act,)) for act in (read, read, define_anew)]
    for thread in threads:
        thread.start()
    over.wait(SECONDS)
    over.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if found:
        raise found[0]
    assert defined[0] > 3
    blog.db.store.check()
    assert {name: read() for name, read in reads.items()} == expected


class Lone:
    """One author of a model whose definition can be met in the middle: the new field has a factory that acts."""

    def __init__(self) -> None:
        self.db = Database()
        self.Author = define("Author", {"name": str, "loud": getter(lambda self: self.name.upper())}, db=self.db)
        self.ann = self.Author(name="Ann")

    def define_anew(self, act: Callable[[], Any]) -> None:
        done = list[int]()

        def factory() -> int:
            if not done:
                done.append(1)
                act()
            return 0

        fields = {"name": str, "loud": getter(lambda self: self.name), "new": field(type=int, default_factory=factory)}
        define("Author", fields, db=self.db)
        assert done


def test_the_defining_thread_does_not_wait_for_itself() -> None:
    """What runs in the middle of a definition is told so."""
    lone, told = Lone(), list[str]()

    def act() -> None:
        assert lone.ann.name == "Ann"  # which stays what it is
        with pytest.raises(SinewError) as caught:
            lone.ann.loud  # noqa: B018
        told.append(str(caught.value))

    lone.define_anew(act)
    assert told == [
        "Author.loud is used by code that runs while the model is defined anew; use it when that is done",
    ]
    assert (lone.ann.name, lone.ann.loud) == ("Ann", "Ann")


def test_other_threads_wait_until_the_definition_is_done() -> None:
    """They begin in the middle, and read what is there after it."""
    lone, found, threads = Lone(), dict[str, Any](), list[threading.Thread]()
    reads: dict[str, Callable[[], Any]] = {
        "getter": lambda: lone.ann.loud,
        "new field": lambda: lone.ann.new,
        "query": lambda: lone.Author.where(name="Ann").count(),
        "dict": lambda: lone.ann.to_dict(),
    }

    def act() -> None:
        for name, read in reads.items():
            threads.append(threading.Thread(target=lambda name=name, read=read: found.update({name: read()})))
            threads[-1].start()
            threads[-1].join(0.1)
        assert not found

    lone.define_anew(act)
    for thread in threads:
        thread.join(10)
    assert found == {"getter": "Ann", "new field": 0, "query": 1, "dict": lone.ann.to_dict()}
