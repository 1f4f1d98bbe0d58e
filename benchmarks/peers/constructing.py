"""Ours again: rows constructed one by one, which insert_many is measured over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ours
from ..ours import Post
from ..side import Side


class Constructing(Side):
    """It shares the store with the other side, so nothing that it has loaded can be relied on."""

    name = "sinew, constructing"

    def ready(self, rows: str, held: bool) -> None:
        ours.authors(self.workload)

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            for number, title, content, published_at, author_id in zip(*columns.values(), strict=True):
                Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)  # type: ignore[call-arg]
        return Post.count()


SIDE = Constructing
