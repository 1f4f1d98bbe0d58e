"""Getters in bad company: values that do things when they go, collectors that run anywhere, threads that take away the
store, the class or the record while a function runs."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    Model,
    RecordDeleted,
    SinewError,
    _engine,
    belongs_to,
    count_of,
    field,
    getter,
    has_many,
    latest_of,
    sum_of,
)

from .world import Boom

SECONDS = float(os.environ.get("SINEW_THREAD_SECONDS", "0.4"))


class Blog:
    """body: what `value` computes; `upper` reads `value`, `top` reads `upper`."""

    def __init__(self) -> None:
        self.db = Database()
        self.body: Callable[[Any], Any] = lambda author: (author.name, tuple(author.posts))
        self.define()
        self.ann = self.Author(name="Ann", code=UUID(int=1), any=["x"])
        self.bob = self.Author(name="Bob", code=UUID(int=2), any=["y"])
        self.posts = [self.Post(title=f"p{n}", score=n, author=(self.ann, self.bob)[n % 2]) for n in range(6)]

    def define(self) -> None:
        blog = self

        class Author(Model, db=self.db):
            name: Attr[str]
            code: Attr[UUID | None] = field(default=None)
            any: Attr[Any] = field(default=None)
            posts: HasMany[Post] = has_many(inverse=lambda: blog.db.models["Post"].author)
            total = sum_of(lambda: blog.db.models["Author"].posts.score)
            number = count_of(lambda: blog.db.models["Author"].posts)
            newest = latest_of(lambda: blog.db.models["Author"].posts.score)

            @getter
            def value(self) -> Any:
                return blog.body(self)

            @getter
            def upper(self) -> Any:
                return [self.value]

            @getter
            def top(self) -> Any:
                return len(self.upper), self.name

        class Post(Model, db=self.db):
            title: Attr[str]
            score: Attr[int] = field(default=0)
            author: BelongsTo[Author] = belongs_to(on_delete="cascade")

        self.Author, self.Post = Author, Post

    def check(self) -> None:
        if not self.db.store.closed:
            self.db.store.check()
            assert self.db.store.stats()["pins"] == 0


@pytest.fixture
def blog() -> Iterator[Blog]:
    blog = Blog()
    yield blog
    blog.check()


# ---------------------------------------------------------------- values that do things when they go


class Dying:
    """Calls a function when it goes."""

    def __init__(self, last: Callable[[], Any], errors: list[BaseException]) -> None:
        self.last = last
        self.errors = errors

    def __del__(self) -> None:
        try:
            self.last()
        except SinewError:
            pass
        except BaseException as error:  # what __del__ raises goes nowhere
            self.errors.append(error.with_traceback(None))  # without the rows that its frames hold


LAST: dict[str, Callable[[Blog], Any]] = {
    "reads itself": lambda b: b.ann.value,
    "reads what reads it": lambda b: (b.ann.top, b.bob.top),
    "reads all": lambda b: b.Author.pluck(b.Author.top, b.Author.total),
    "explains": lambda b: [b.db.explain_getter(b.ann, name) for name in ("value", "upper", "top", "newest")],
    "expires": lambda b: b.ann.expire(),
    "writes": lambda b: b.ann.update(name=b.ann.name + "!"),
    "writes another": lambda b: b.posts[0].update(score=b.posts[0].score + 1),
    "deletes": lambda b: b.ann.delete(),
    "clears": lambda b: b.db.clear(),
    "closes": lambda b: b.db.close(),
    "defines anew": lambda b: b.define(),
    "unbinds": lambda b: vars(b.Author)["value"].unbind(),
    "collects": lambda b: gc.collect(),
    "raises": lambda b: [][1],
    "audits": lambda b: setattr(b.db, "audit_getters", True),
}
GOES: dict[str, Callable[[Blog], Any]] = {
    "is replaced": lambda b: (setattr(b.ann, "name", "Anna"), b.ann.value, b.ann.upper),
    "was read": lambda b: (setattr(b.ann, "name", "Anna"), b.ann.top),
    "is expired": lambda b: (b.ann.expire("value"), b.ann.value),
    "row goes": lambda b: b.ann.delete(),
    "row goes and comes back": lambda b: undone(b, b.ann.delete),
    "all go": lambda b: b.db.clear(),
    "store closes": lambda b: b.db.close(),
    "schema changes": lambda b: b.define(),
    "getter goes": lambda b: vars(b.Author)["value"].unbind(),
}


def undone(blog: Blog, act: Callable[[], Any]) -> None:
    with blog.db.transaction() as block:
        act()
        block.rollback()


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("goes", GOES)
def test_a_value_that_does_something_when_it_goes(blog: Blog, last: str, goes: str) -> None:
    errors: list[BaseException] = []
    calls = [0]

    def do() -> None:
        calls[0] += 1
        if calls[0] < 10:
            LAST[last](blog)

    blog.body = lambda author: (author.name, [Dying(do, errors)])
    assert blog.ann.top == (1, "Ann") and blog.bob.top == (1, "Bob")
    with suppress(SinewError):  # the record, the getter or the store may be gone before all of it is done
        GOES[goes](blog)
    expected = (IndexError,) if last == "raises" else (RecursionError,) if goes == "getter goes" else ()
    expected = (TypeError, AttributeError) if last in ("defines anew", "unbinds") else expected
    assert all(isinstance(error, expected) for error in errors), errors
    calls[0] = 10  # those that are there still go in peace
    blog.body = lambda author: None
    blog.db.audit_getters = False


# ---------------------------------------------------------------- collectors that run anywhere


@contextmanager
def at_any_allocation(act: Callable[[], Any]) -> Iterator[None]:
    """The collector runs as often as it can, and `act` with it."""
    busy = False

    def run(phase: str, info: Any) -> None:
        nonlocal busy
        if not busy:
            busy = True
            try:
                act()
            except (SinewError, AttributeError):
                pass
            finally:
                busy = False

    before = gc.get_threshold()
    gc.callbacks.append(run)
    gc.set_threshold(1, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(run)


INTERFERENCE: dict[str, Callable[[Blog], Any]] = {
    "writes what was read": lambda b: b.ann.update(code=UUID(int=random.getrandbits(64)), any=[random.random()]),
    "reads": lambda b: (b.ann.value, b.ann.top),
    "expires": lambda b: (b.ann.expire(), b.ann.top),
    "deletes": lambda b: b.ann.delete(),
    "clears": lambda b: b.db.clear(),
    "closes": lambda b: b.db.close(),
    "defines anew": lambda b: b.define(),
}


@pytest.mark.parametrize("name", INTERFERENCE)
def test_reports_while_anything_may_happen(blog: Blog, name: str) -> None:
    blog.body = lambda author: [author.code, author.any, *(post.author.code for post in author.posts)]
    ann = blog.ann
    for number in range(20):
        try:
            ann.top  # noqa: B018
            ann.code, ann.any = UUID(int=number), [number]
            with at_any_allocation(lambda: INTERFERENCE[name](blog)):
                for getter_name in ("value", "upper", "top", "total", "newest"):
                    report = blog.db.explain_getter(ann, getter_name)
                    [(read.was, read.now, read.what) for read in report.reads]
        except (SinewError, AttributeError, TypeError):
            break


@pytest.mark.parametrize("name", INTERFERENCE)
def test_reads_while_anything_may_happen(blog: Blog, name: str) -> None:
    blog.body = lambda author: [author.code, author.any, *(post.author.code for post in author.posts)]
    ann, bob = blog.ann, blog.bob
    with at_any_allocation(lambda: INTERFERENCE[name](blog)):
        for number in range(20):
            try:
                bob.code, bob.any = UUID(int=number), [number]
                bob.top, ann.top, ann.newest, bob.total  # noqa: B018
                blog.Author.pluck(blog.Author.value, blog.Author.number)
            except (SinewError, AttributeError, TypeError):
                break
    blog.body = lambda author: 1


# ---------------------------------------------------------------- values that are not what they seem


class Text(str):
    """A str whose comparison is code."""

    def __eq__(self, other: object) -> bool:
        raise Boom

    __hash__ = str.__hash__


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "make", [lambda n: Text("x"), lambda n: Liar(n), lambda n: (1, Text("x")), lambda n: (Liar(n),)]
)
def test_no_code_of_a_value_is_asked_whether_it_is_the_same(blog: Blog, make: Callable[[int], Any]) -> None:
    blog.body = lambda author: make(len(author.name))
    first = blog.ann.value
    blog.ann.name = "Anna"
    assert blog.ann.value is not first
    assert type(blog.ann.value) is type(first)


def test_a_value_that_is_the_record_itself_or_its_class(blog: Blog) -> None:
    for value in (lambda a: a, type, lambda a: [a, a], lambda a: (a.posts, blog), lambda a: a.posts.where(score=1)):
        blog.body = value
        blog.ann.expire()
        assert type(blog.ann.value) is type(value(blog.ann))
        assert blog.ann.value is blog.ann.value
        assert blog.ann.top == (1, blog.ann.name)


# ---------------------------------------------------------------- re-entrance


def test_a_function_that_starts_a_thread_that_reads_the_same(blog: Blog) -> None:
    found: list[Any] = []
    inside = threading.local()

    def body(author: Any) -> Any:
        if not getattr(inside, "on", False) and threading.current_thread() is threading.main_thread():

            def read() -> None:
                inside.on = True
                found.append(author.value)

            thread = threading.Thread(target=read)
            thread.start()
            thread.join()
        return author.name, object()

    blog.body = body
    value = blog.ann.value
    assert found == [value] and found[0] is value is blog.ann.value


def test_a_function_that_catches_its_own_cycle(blog: Blog) -> None:
    def body(author: Any) -> Any:
        try:
            return author.value
        except RecursionError:
            return author.name

    blog.body = body
    assert (blog.ann.value, blog.ann.top) == ("Ann", (1, "Ann"))
    blog.ann.name = "Anna"
    assert (blog.ann.value, blog.ann.top) == ("Anna", (1, "Anna"))


def test_threads_that_take_everything_away() -> None:
    """Getters are read while others write, delete, undo, expire, explain, clear, and define the models anew."""
    blog = Blog()
    blog.body = lambda author: (author.name, [post.title for post in author.posts if post.author is author], author.any)
    errors: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        for author in blog.Author.all():
            author.top, author.total, author.newest, author.number  # noqa: B018
        blog.Author.where(blog.Author.number > 1).pluck(blog.Author.upper)

    def write() -> None:
        with blog.db.transaction(wait=5) as block:
            author = blog.Author(name=str(random.random()), any=[1])
            blog.Post(title="x", author=author)
            author.top  # noqa: B018
            if random.random() < 0.5:
                block.rollback()

    def take() -> None:
        action = random.randrange(12)
        authors = list(blog.Author.all())
        if action == 0:
            blog.db.clear()
        elif action == 1:
            blog.define()
        elif authors and action < 5:
            random.choice(authors).delete()
        elif authors and action < 8:
            random.choice(authors).expire()
        elif authors:
            str(blog.db.explain_getter(random.choice(authors), "top"))
            blog.db.stats()

    def repeat(act: Callable[[], Any]) -> None:
        while not over.is_set():
            try:
                act()
            except SinewError:
                pass  # a record is gone, or a definition meets rows in use
            except BaseException as error:
                errors.append(error)
                over.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=repeat, args=(act,)) for act in (read, read, write, take)]
    try:
        for thread in threads:
            thread.start()
        over.wait(SECONDS * 3)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not errors, errors
    blog.check()
    for author in blog.Author.all():
        assert author.value == blog.body(author)


@pytest.mark.parametrize("how", ["close", "clear"])
def test_another_thread_takes_the_store_away_while_a_function_runs(blog: Blog, how: str) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def body(author: Any) -> Any:
        read = author.name, author.code, author.any, len(author.posts)
        inside.set()
        assert go_on.wait(5)
        return read, author.name

    results: list[Any] = []

    def run() -> None:
        try:
            results.append(blog.ann.upper)
        except SinewError as error:
            results.append(error)

    blog.body = body
    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(5)
    getattr(blog.db, how)()
    if how == "clear":
        other = blog.Author(name="new", code=UUID(int=9), any=[9])
        go_on.set()
        thread.join()
        assert isinstance(results[0], RecordDeleted)
        blog.body = lambda author: author.name
        assert (other.value, other.upper) == ("new", ["new"])
    else:
        go_on.set()
        thread.join()
        assert isinstance(results[0], SinewError)


# ---------------------------------------------------------------- databases that are dropped


def record_in_a_field(blog: Blog, author: Any) -> Any:
    author.any[0].name  # noqa: B018
    return 1


KEEPS: dict[str, Callable[[Blog, Any], Any]] = {
    "list of records": lambda b, author: [b.ann, *author.posts],
    "itself": lambda b, author: author,
    "records": lambda b, author: {b.bob: b.ann},
    "a record in a field that it read": record_in_a_field,
    "a query": lambda b, author: b.Post.where(b.Post.score > 1).count(),
    "rows of a query": lambda b, author: next(post.title for post in b.Post.order_by(b.Post.score)),
    "an aggregate": lambda b, author: author.total,
    "a closure": lambda b, author: lambda: author,
    "a collection": lambda b, author: author.posts,
    "a database": lambda b, author: b.db,
    "a class": lambda b, author: b.Author,
    "another getter's": lambda b, author: (b.bob.newest, author.newest),
    "a tree": lambda b, author: b.Author.include(b.Author.posts)[0],
    "a getter that raised": lambda b, author: [author.any[0]],
}


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("name", KEEPS)
def test_a_database_that_is_dropped(name: str, closing: bool) -> None:
    blog = Blog()
    for author in (blog.ann, blog.bob):
        author.any = [blog.bob, author, blog]
    keeps = KEEPS[name]
    blog.body = partial(keeps, blog)
    blog.Author.pluck(blog.Author.top, blog.Author.total)
    assert blog.ann.value is not None
    dead: list[weakref.ref[Any]] = [weakref.ref(each) for each in (blog, blog.db, blog.ann, blog.bob, blog.Author)]
    dead += [weakref.ref(blog.posts[0]), weakref.ref(blog.db.store)]
    if closing:
        blog.db.close()
    del blog, author
    gc.collect()
    gc.collect()
    assert [each() for each in dead] == [None] * len(dead)


def test_databases_that_are_dropped_while_the_collector_runs_all_the_time() -> None:
    before = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    dead: list[weakref.ref[Any]] = []
    try:
        for number in range(12):
            blog = Blog()
            blog.body = lambda author, blog=blog: [author, *author.posts, blog]  # type: ignore[misc]
            blog.ann.any = [blog.bob, blog]
            for _ in range(5):
                blog.ann.name = str(number)
                blog.Author.pluck(blog.Author.top, blog.Author.newest, blog.Author.upper)
            dead.append(weakref.ref(blog))
    finally:
        gc.set_threshold(*before)
    del blog
    gc.collect()
    assert [each() for each in dead] == [None] * 12


def test_a_getter_of_a_class_that_is_gone() -> None:
    blog = Blog()
    descriptor = vars(blog.Author)["value"]
    assert blog.ann.value
    del blog
    gc.collect()
    assert isinstance(descriptor, _engine.Getter)
    descriptor.unbind()
    assert descriptor.model is None
    start = time.monotonic()
    gc.collect()
    assert time.monotonic() - start < 60
