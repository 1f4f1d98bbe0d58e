"""The operations that `benchmarks.instructions` counts, and the program that it runs under callgrind.

The program loads one store, then forks for each measurement: every child starts from the same memory, does its work and
exits, and callgrind writes one count for each process, start and load included. Three children for each operation do it
N, N and 2 N times. The first two differ by what the parent does between two forks, so the count of N operations is
`third - 2 * second + first`: all that happens once falls out. The collector is off: where its runs fall would decide.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sinew import Attr, BelongsTo, Database, HasMany, Model, belongs_to, field, getter, has_many

from .workload import Workload, make

POSTS = 10_000
COLUMNS = ("id", "title", "content", "published_at", "author_id")
MIDDLE = datetime(2021, 8, 1)  # about half of the posts are older
store = Database()


class Stored(Model, db=store, abstract=True):
    """The family of the models counted here."""


class Author(Stored):
    name: Attr[str] = field(unique=True)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)

    @getter
    def length(self) -> int:
        return sum([len(post.content) for post in self.posts])


class Post(Stored):
    title: Attr[str]
    content: Attr[str]
    published_at: Attr[datetime]
    author: BelongsTo[Author] = belongs_to()

    def short(self) -> str:
        return self.title

    @getter
    def label(self) -> str:
        return f"{self.title}: {self.content}"


Run = Callable[[int], object]


@dataclass(frozen=True)
class Operation:
    """`prepare` gets the rows and returns the loop, which does `step` operations each time. `times`: N."""

    name: str
    prepare: Callable[[Workload], Run]
    times: int = 1_000
    step: int = 1


def load(posts: int = POSTS) -> Workload:
    """Fills the store. The rows that are returned are those that stand in it."""
    workload = make(posts)
    store.clear()
    Author.insert_many(workload.authors, columns=["id", "name"])
    Post.insert_many(workload.posts, columns=COLUMNS)
    return workload


def further(workload: Workload, count: int) -> list[tuple[Any, ...]]:
    """Rows like those of the workload, with ids that are not in the store."""
    first, posts = len(workload.posts) + 1, workload.posts
    return [(first + number, *posts[number % len(posts)][1:]) for number in range(count)]


# ---------------------------------------------------------------- making


def loop(workload: Workload) -> Run:
    """What the loops below cost themselves."""

    def run(times: int) -> None:
        for _ in workload.posts[:times]:
            pass

    return run


def construct(workload: Workload) -> Run:
    rows = further(workload, 4_000)

    def run(times: int) -> None:
        for number, title, content, published_at, author_id in rows[:times]:
            Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)  # type: ignore[call-arg]

    return run


def insert_tuples(workload: Workload) -> Run:
    rows = further(workload, 4_000)
    return lambda times: Post.insert_many(rows[:times], columns=COLUMNS)


def insert_columns(workload: Workload) -> Run:
    columns = list(zip(*further(workload, 4_000), strict=True))
    return lambda times: Post.insert_many(dict(zip(COLUMNS, [list(values[:times]) for values in columns], strict=True)))


# ---------------------------------------------------------------- reading


def read_str(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.title  # noqa: B018

    return run


def read_int(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.id  # noqa: B018

    return run


def read_datetime(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.published_at  # noqa: B018

    return run


def mixed(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            len(post.title) + len(post.content) + len(post.title) + len(post.short())

    return run


def find(workload: Workload) -> Run:
    ids = [row[0] * 7919 % POSTS + 1 for row in workload.posts]

    def run(times: int) -> None:
        find = Post.find
        for number in ids[:times]:
            find(number)

    return run


def find_by(workload: Workload) -> Run:
    names = [workload.authors[number * 7919 % len(workload.authors)][1] for number in range(4_000)]

    def run(times: int) -> None:
        find_by = Author.find_by
        for name in names[:times]:
            find_by(name=name)

    return run


# ---------------------------------------------------------------- relations


def parent(workload: Workload) -> Run:
    posts, authors = list(Post.all()), list(Author.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.author  # noqa: B018
        assert authors  # they stay held

    return run


def children_held(workload: Workload) -> Run:
    posts = list(Post.all())
    iterate = children(workload)

    def run(times: int) -> None:
        iterate(times)
        assert posts  # they stay held

    return run


def children(workload: Workload) -> Run:
    authors = list(Author.all())

    def run(times: int) -> None:
        for _ in range(times):
            for author in authors:
                for _ in author.posts:
                    pass

    return run


def length(workload: Workload) -> Run:
    authors = list(Author.all()) * 20

    def run(times: int) -> None:
        for author in authors[:times]:
            len(author.posts)

    return run


def move(workload: Workload) -> Run:
    pairs = list(zip(Post.all(), list(Author.all()) * 20, strict=False))

    def run(times: int) -> None:
        for post, author in pairs[:times]:
            post.author = author

    return run


# ---------------------------------------------------------------- queries


def repeat(query: Callable[[], object]) -> Run:
    def run(times: int) -> None:
        for _ in range(times):
            query()

    return run


def count_range(workload: Workload) -> Run:
    return repeat(lambda: Post.where(Post.published_at < MIDDLE).count())


def filter_range(workload: Workload) -> Run:
    return repeat(lambda: list(Post.where(Post.published_at < MIDDLE)))


def order(workload: Workload) -> Run:
    return repeat(lambda: Post.order_by(Post.title).pluck(Post.id))


def small_query(workload: Workload) -> Run:
    return repeat(lambda: Post.where(id=17).first())


def set_field(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.title = "new"

    return run


# ---------------------------------------------------------------- getters


def getter_first(workload: Workload) -> Run:
    posts = list(Post.all())

    def run(times: int) -> None:
        for post in posts[:times]:
            post.label  # noqa: B018

    return run


def getter_kept(workload: Workload) -> Run:
    run = getter_first(workload)
    run(4_000)
    return run


def getter_after_write(workload: Workload) -> Run:
    post = Post.all()[0]
    assert post.label

    def run(times: int) -> None:
        for number in range(times):
            post.published_at = workload.posts[number][3]
            post.label  # noqa: B018

    return run


def getter_of_many(workload: Workload) -> Run:
    posts, author = list(Post.all()), Author.all()[0]
    others = [post for post in posts if post.author is not author]
    assert author.length

    def run(times: int) -> None:
        for post in others[:times]:
            post.content = "new"
            author.length  # noqa: B018

    return run


OPERATIONS = [
    Operation("empty loop", loop),
    Operation("construct", construct, 2_000),
    Operation("insert_many of tuples, a row", insert_tuples, 2_000),
    Operation("insert_many of columns, a row", insert_columns, 2_000),
    Operation("read a str field", read_str),
    Operation("read an int field", read_int),
    Operation("read a datetime field", read_datetime),
    Operation("three str fields and a method call", mixed),
    Operation("set a field", set_field),
    Operation("find by id", find),
    Operation("find_by a unique text", find_by),
    Operation("belongs_to", parent),
    Operation("iterate a has_many, a record held", children_held, 2, POSTS),
    Operation("iterate a has_many, a record not held", children, 2, POSTS),
    Operation("len of a has_many", length),
    Operation("move a child", move),
    Operation("count a range, a row", count_range, 5, POSTS),
    Operation("filter by a range, a row", filter_range, 2, POSTS),
    Operation("order by a str and pluck, a row", order, 1, POSTS),
    Operation("where(id=).first()", small_query, 200),
    Operation("a getter for the first time, 2 reads", getter_first),
    Operation("a getter again", getter_kept),
    Operation("set a field and read a getter of others", getter_after_write),
    Operation("the same field of others, 100 reads", getter_of_many),
]


def counted(operation: Operation, times: int, workload: Workload) -> int:
    """Does it in a child process, whose id is returned when it is over. ChildProcessError if it failed."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            operation.prepare(workload)(times)
        except BaseException:
            traceback.print_exc()
            code = 1
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise ChildProcessError(f"{operation.name}: the child ended with status {status}")
    return child


def main(names: list[str]) -> None:
    """Prints JSON: for each operation the ids of its three children."""
    gc.disable()
    workload = load()
    pids: dict[str, list[int]] = {}
    for operation in [each for each in OPERATIONS if each.name in names]:
        n = operation.times
        pids[operation.name] = [counted(operation, times, workload) for times in (n, n, 2 * n)]
    print(json.dumps(pids))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
