"""The rows that every side gets: made once, from a fixed seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Workload:
    """`posts`: (id, title, content, published_at, author_id); `authors`: (id, name)."""

    authors: list[tuple[int, str]]
    posts: list[tuple[int, str, str, datetime, int]]


def make(posts: int, authors: int | None = None, seed: int = 7) -> Workload:
    """`posts` posts of `authors` authors (one for each hundred posts)."""
    rng = random.Random(seed)
    authors = authors or max(1, posts // 100)
    start = datetime(2020, 1, 1)
    return Workload(
        [(number, f"author {number}") for number in range(1, authors + 1)],
        [
            (
                number,
                f"title {rng.getrandbits(40):x}",
                f"content of post {number}",
                start + timedelta(seconds=rng.randrange(100_000_000)),
                rng.randrange(1, authors + 1),
            )
            for number in range(1, posts + 1)
        ],
    )
