"""What other threads do between two reads of a getter: rows that are passed over, models that are in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sinew import Attr, BelongsTo, Database, HasMany, Model, belongs_to, getter, has_many, layout


class Other:
    """A thread that does one thing after another, as it is told."""

    def __init__(self) -> None:
        self._todo: list[Callable[[], Any] | None] = []
        self._told, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            self._told.acquire()
            action = self._todo.pop()
            if action is None:
                return
            action()
            self._done.release()

    def do(self, action: Callable[[], Any]) -> None:
        self._todo.append(action)
        self._told.release()
        assert self._done.acquire(timeout=20)

    def end(self) -> None:
        self._todo.append(None)
        self._told.release()
        self._thread.join(20)


class Between:
    """What a getter of these models does between two reads."""

    do: Callable[[], Any]


between = Between()


@pytest.fixture
def other() -> Iterator[Other]:
    thread = Other()
    yield thread
    thread.end()


@pytest.fixture
def models() -> Any:
    between.do = lambda: None
    db = Database()

    class Author(Model, db=db):
        name: Attr[str]
        posts: HasMany[Post] = has_many(inverse=lambda: db.models["Post"].author)

        @getter
        def titles(self) -> list[str]:
            rows = iter(self.posts)
            between.do()
            return [post.title for post in rows]

        @getter
        def records(self) -> list[Any]:
            rows = self.posts.where(db.models["Post"].title != "")._rows()
            between.do()
            return list(rows.records())

    class Post(Model, db=db):
        title: Attr[str]
        author: BelongsTo[Author | None] = belongs_to(default=None)

        @getter
        def led(self) -> bool:
            return layout.Unsettled(db, "author", None).__get__(self) is not None

    return db, Author, Post


@pytest.mark.parametrize("name", ["titles", "records"])
def test_a_row_that_is_passed_over_and_comes_back(models: Any, other: Other, name: str) -> None:
    db, author_class, post_class = models
    author = author_class(name="Ann")
    post = post_class(title="x", author=author)
    block = db.transaction()

    def take() -> None:
        block.__enter__()
        post.delete()

    between.do = lambda: other.do(take)
    assert getattr(author, name) == []
    between.do = lambda: None
    other.do(block.rollback)
    other.do(lambda: block.__exit__(None, None, None))
    assert len(getattr(author, name)) == 1


def test_an_attribute_of_a_model_that_is_defined_anew_is_good_for_one_read(models: Any) -> None:
    db, author, post_class = models
    post = post_class(title="x", author=author(name="Ann"))
    assert post.led
    assert db.explain_getter(post, "led").state == "good for one read"


def test_forgetting_drops_what_is_kept_and_what_is_computed(models: Any) -> None:
    db, author_class, post_class = models
    author = author_class(name="Ann")
    post_class(title="x", author=author)
    assert author.titles == ["x"]

    assert db.stats().getters["Author.titles"].values == 1
    db.store.forget()
    assert db.stats().getters["Author.titles"].values == 0
    between.do = db.store.forget
    assert author.titles == ["x"]
    assert db.stats().getters["Author.titles"].values == 0, "it was being computed"
    between.do = lambda: None
    assert author.titles == ["x"] and db.stats().getters["Author.titles"].values == 1
