"""One side at one size, for `benchmarks.growth`: `python -m benchmarks.growth_probe sinew 100000` prints JSON.

Rows are made in chunks and handed over at once, so that nothing but the store grows. Memory is measured twice: as the
engine accounts for it, and as what the process gained (resident pages). Text is counted by itself, as the strings are
the program's own, and alike on both sides.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import thread_time
from typing import Any

from . import handwritten
from .ours import Author, Post, store
from .workload import make

CHUNK = 10_000
ROUNDS = 5
SAMPLE = 100_000
POSTS_PER_AUTHOR = 100
START = datetime(2020, 1, 1)
SPAN = 100_000_000  # seconds
Columns = dict[str, list[Any]]


@dataclass
class Figures:
    """What one side needs for one size: bytes in all, seconds to load, nanoseconds for each operation."""

    posts: int
    text_bytes: int = 0
    engine_bytes: int = 0
    resident_bytes: int = 0
    peak_bytes: int = 0
    load_seconds: float = 0.0
    times: dict[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- rows


def authors_of(posts: int) -> int:
    return max(1, posts // POSTS_PER_AUTHOR)


def chunks(posts: int) -> Iterator[Columns]:
    """The posts in columns, CHUNK at a time, from a fixed seed, their authors in random order."""
    rng, authors = random.Random(7), authors_of(posts)
    for first in range(1, posts + 1, CHUNK):
        ids = range(first, min(first + CHUNK, posts + 1))
        yield {
            "id": list(ids),
            "title": [f"title {rng.getrandbits(40):x}" for _ in ids],
            "content": [f"content of post {number}" for number in ids],
            "published_at": [START + timedelta(seconds=each) for each in rng.choices(range(SPAN), k=len(ids))],
            "author_id": rng.choices(range(1, authors + 1), k=len(ids)),
        }


def size_of_text(columns: Columns) -> int:
    """Bytes of the strings, as the interpreter's allocator rounds them."""
    return sum((sys.getsizeof(text) + 15) // 16 * 16 for name in ("title", "content") for text in columns[name])


# ---------------------------------------------------------------- memory


def resident() -> int:
    """Bytes of the process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def load(figures: Figures, take: Callable[[Columns], object]) -> None:
    """Gives each chunk to `take`, and measures time and memory of all of it."""
    before = resident()
    for columns in chunks(figures.posts):
        figures.text_bytes += size_of_text(columns)
        started = thread_time()
        take(columns)
        figures.load_seconds += thread_time() - started
        del columns
    figures.resident_bytes = resident() - before
    figures.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before


def by_hand(posts: int) -> Figures:
    """Loads the hand-written side; memory alone."""
    figures = Figures(posts)
    plain = handwritten.Store(make(0, authors_of(posts)))

    def take(columns: Columns) -> None:
        for number, title, content, published_at, author in zip(*columns.values(), strict=True):
            handwritten.Post(
                id=number, title=title, content=content, published_at=published_at, author_id=author, store=plain
            )

    load(figures, take)
    draw = sampler(authors_of(posts), 6)
    figures.times["random has_many, a record held"] = median(
        lambda: [plain.authors[number] for number in draw()], children
    )
    return figures


def ours(posts: int) -> Figures:
    """Loads the store and times what is done with it."""
    figures = Figures(posts)
    store.clear()
    Author.insert_many({"name": [f"author {number}" for number in range(authors_of(posts))]})
    before = store.stats().bytes
    load(figures, Post.insert_many)
    figures.engine_bytes = store.stats().bytes - before
    figures.times["load a row"] = figures.load_seconds / posts * 1e9
    for measurements in (on_their_own, held):
        for name, nanoseconds in measurements(posts):
            figures.times[name] = nanoseconds
    return figures


# ---------------------------------------------------------------- times

Times = Iterator[tuple[str, float]]


def median(prepare: Callable[[], Any], run: Callable[[Any], int]) -> float:
    """Nanoseconds for each unit; `run` gets what `prepare` made, anew each time, and returns how many units it did."""
    times = []
    for _ in range(ROUNDS):
        made = prepare()
        started = thread_time()
        units = run(made)
        times.append((thread_time() - started) / units)
    return statistics.median(times) * 1e9


def sampler(highest: int, seed: int) -> Callable[[], list[int]]:
    """Draws ids: other ones each time, so that a store that is larger than the cache is not found there."""
    rng = random.Random(seed)
    count = min(SAMPLE, highest // 5 + 1)
    return lambda: [rng.randrange(1, highest + 1) for _ in range(count)]


def nothing() -> None:
    """For what needs no preparation."""


def find(ids: list[int]) -> int:
    find = Post.find
    for number in ids:
        find(number)
    return len(ids)


def parents(posts: list[Post]) -> int:
    for post in posts:
        post.author  # noqa: B018
    return len(posts)


def children(authors: list[Author]) -> int:
    seen = 0
    for author in authors:
        for _ in author.posts:
            seen += 1
    return seen


def lengths(authors: list[Author]) -> int:
    for author in authors:
        len(author.posts)
    return len(authors)


def iterate(_: None) -> int:
    for _post in Post.all():
        pass
    return Post.count()


def count_range(_: None) -> int:
    Post.where(Post.published_at < START + timedelta(seconds=SPAN // 2)).count()
    return Post.count()


def total(_: None) -> int:
    Post.sum(Post.id)
    return Post.count()


def pluck(_: None) -> int:
    return len(Post.pluck(Post.id))


def order(_: None) -> int:
    return len(Post.order_by(Post.title).pluck(Post.id))


def retitle(posts: list[Post]) -> int:
    for post in posts:
        post.title = "new"
    return len(posts)


def move(pairs: list[tuple[Post, Author]]) -> int:
    for post, author in pairs:
        post.author = author
    return len(pairs)


def some_authors(posts: int, seed: int) -> Callable[[], list[Author]]:
    draw = sampler(authors_of(posts), seed)
    return lambda: [Author[number] for number in draw()]


def on_their_own(posts: int) -> Times:
    """What is done with rows that nobody holds."""
    draw = sampler(posts, 1)
    yield "iterate all, a row", median(nothing, iterate)
    yield "count a range, a row", median(nothing, count_range)
    yield "sum of a column, a row", median(nothing, total)
    yield "list(range(n)), a number", median(nothing, lambda _: len(list(range(posts))))
    yield "pluck numbers, a row", median(nothing, pluck)
    yield "order by a str and pluck, a row", median(nothing, order)
    yield "find a random id", median(draw, find)
    yield "belongs_to of a random record", median(lambda: [Post[number] for number in draw()], parents)
    yield "len of a random has_many", median(some_authors(posts, 2), lengths)
    yield "random has_many, a record not held", median(some_authors(posts, 3), children)


def held(posts: int) -> Times:
    """What is done while every record is held, and what is done to random ones of them."""
    every = list(Post.all())
    authors = list(Author.all())
    draw, draw_author = sampler(posts, 4), random.Random(5)
    yield "random has_many, a record held", median(some_authors(posts, 6), children)
    yield "set a field of a random record", median(lambda: [every[number - 1] for number in draw()], retitle)
    yield (
        "move a random child",
        median(lambda: [(every[each - 1], draw_author.choice(authors)) for each in draw()], move),
    )


SIDES = {"sinew": ours, "hand-written": by_hand}

if __name__ == "__main__":
    print(json.dumps(asdict(SIDES[sys.argv[1]](int(sys.argv[2])))))
