"""Frames: what they can answer, on one thread, without records and keys."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read when polars is imported

import polars
from polars import DataFrame, col

from ..side import Side


class Polars(Side):
    name = "polars"
    imports = "import polars"

    def fill(self) -> None:
        workload = self.workload
        self.frame = DataFrame(workload.post_columns)
        self.author_frame = DataFrame(workload.authors, schema=["id", "name"], orient="row")
        self.tag_frame = DataFrame(workload.tags, schema=["id", "label"], orient="row")
        self.tagging_frame = DataFrame(workload.tagging_columns)

    def fill_visits(self) -> None:
        self.visit_frame = DataFrame({"place": self.workload.visits})

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        frame = self.frame
        return [int(frame.select((col("published_at") < moment).sum()).item()) for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        frame = self.frame
        return [bool(frame.select((col("published_at") < moment).any()).item()) for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [self.frame.filter(col("published_at") < moment)["id"].to_list() for moment in moments]

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return self.frame.select(col("id").sort_by("title", maintain_order=True))["id"].to_list()

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return self.frame.select(col("id").sort_by("author_id", maintain_order=True))["id"].to_list()

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return dict(self.frame.group_by("author_id").len().iter_rows())

    def group_visits(self, _: Sequence[None]) -> dict[int, int]:
        return dict(self.visit_frame.group_by("place").len().iter_rows())

    def across(self, names: Sequence[str]) -> list[list[int]]:
        found = []
        for name in names:
            named = self.author_frame.filter(col("name") == name)
            found.append(self.frame.join(named, left_on="author_id", right_on="id", how="semi")["id"].to_list())
        return found

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        found = []
        for label in labels:
            tags = self.tag_frame.filter(col("label") == label)
            taggings = self.tagging_frame.join(tags, left_on="tag_id", right_on="id", how="semi")
            found.append(self.frame.join(taggings, left_on="id", right_on="post_id", how="semi")["id"].to_list())
        return found

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        counts = self.frame.group_by("author_id").len()
        joined = self.author_frame.join(counts, left_on="id", right_on="author_id", how="left", maintain_order="left")
        return joined.select("id", col("len").fill_null(0)).rows()

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        tagged = self.tagging_frame.join(self.frame, left_on="post_id", right_on="id").group_by("author_id")
        counts = tagged.agg(col("tag_id").n_unique())
        joined = self.author_frame.join(counts, left_on="id", right_on="author_id", how="left", maintain_order="left")
        return joined.select("id", col("tag_id").fill_null(0)).rows()

    def update(self, moments: Sequence[datetime]) -> int:
        chosen = col("published_at") < moments[0]
        content = polars.when(chosen).then(polars.lit("new")).otherwise(col("content"))
        self.frame = self.frame.with_columns(content.alias("content"))
        return int(self.frame.select((col("content") == "new").sum()).item())

    def increment(self, _: Sequence[None]) -> int:
        self.tagging_frame = self.tagging_frame.with_columns(col("weight") + 1)
        return len(self.tagging_frame)


SIDE = Polars
