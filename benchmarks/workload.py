"""The rows that every side gets: made once, from a fixed seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

POSTS = ("id", "title", "content", "published_at", "author_id")
TAGGINGS = ("id", "post_id", "tag_id", "weight")


@dataclass(frozen=True)
class Workload:
    """`authors`: (id, name); `posts`: see POSTS; `tags`: (id, label), labels unique; `taggings`: see TAGGINGS, each
    pair of post and tag at most once; `visits`: a place for each visit; `folders`: (id, id of the one around it or
    None), a tree."""

    authors: list[tuple[int, str]]
    posts: list[tuple[int, str, str, datetime, int]]
    tags: list[tuple[int, str]] = field(default_factory=list)
    taggings: list[tuple[int, int, int, int]] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)
    folders: list[tuple[int, int | None]] = field(default_factory=list)

    @cached_property
    def keys(self) -> list[int]:
        """The ids of all posts, shuffled."""
        keys = [row[0] for row in self.posts]
        random.Random(1).shuffle(keys)
        return keys

    @cached_property
    def labels(self) -> list[str]:
        """Labels of tags at random, as many as posts; each an object of its own, as if read from outside."""
        rng = random.Random(2)
        return [f"tag {rng.randrange(1, len(self.tags) + 1)}" for _ in self.posts]

    @cached_property
    def moments(self) -> list[datetime]:
        """When posts were published, sorted."""
        return sorted(row[3] for row in self.posts)

    @cached_property
    def leaves(self) -> list[int]:
        """Places of the folders that no other is in."""
        around = {parent for _, parent in self.folders}
        return [place for place, (number, _) in enumerate(self.folders) if number not in around]

    @property
    def middle(self) -> datetime:
        """About half of the posts were published before."""
        return self.moments[len(self.moments) // 2]

    @cached_property
    def post_columns(self) -> dict[str, list[object]]:
        """The posts as columns, by name."""
        return {name: list(column) for name, column in zip(POSTS, zip(*self.posts, strict=True), strict=True)}

    @cached_property
    def tagging_columns(self) -> dict[str, list[int]]:
        """The taggings as columns, by name."""
        return {name: list(column) for name, column in zip(TAGGINGS, zip(*self.taggings, strict=True), strict=True)}


def make(
    posts: int, authors: int | None = None, seed: int = 7, *, tags: int = 0, visits: int = 0, folders: int = 0
) -> Workload:
    """`posts` posts of `authors` authors (one for each hundred posts). With `tags`, each post has one to three. Each
    of the `folders` but the first is in any of those before it."""
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
        [(number, f"tag {number}") for number in range(1, tags + 1)],
        _taggings(posts, tags, random.Random(seed + 1)) if tags else [],
        random.Random(seed + 2).choices(range(1, 1001), k=visits),
        _folders(folders, random.Random(seed + 3)),
    )


def _folders(folders: int, rng: random.Random) -> list[tuple[int, int | None]]:
    return [(number, rng.randrange(1, number) if number > 1 else None) for number in range(1, folders + 1)]


def _taggings(posts: int, tags: int, rng: random.Random) -> list[tuple[int, int, int, int]]:
    every = range(1, tags + 1)
    pairs = [(post, tag) for post in range(1, posts + 1) for tag in rng.sample(every, rng.randint(1, min(tags, 3)))]
    return [(number, post, tag, rng.randrange(10)) for number, (post, tag) in enumerate(pairs, 1)]
