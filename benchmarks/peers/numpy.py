"""Columns as arrays: what they can answer, without records, keys and relations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy

from ..side import Side


class Numpy(Side):
    name = "numpy"
    imports = "import numpy"

    def fill(self) -> None:
        columns = self.workload.post_columns
        self.id, self.author_id = numpy.array(columns["id"]), numpy.array(columns["author_id"])
        self.published_at = numpy.array(columns["published_at"], dtype="datetime64[us]")
        self.title = numpy.array(columns["title"])
        self.weight = numpy.array(self.workload.tagging_columns["weight"])
        self.author_ids = numpy.array([number for number, _ in self.workload.authors])

    def fill_visits(self) -> None:
        self.place = numpy.array(self.workload.visits)

    def before(self, moment: datetime) -> Any:
        """The places of posts that were published before: mask and nonzero."""
        return (self.published_at < numpy.datetime64(moment)).nonzero()[0]

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [len(self.before(moment)) for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        return [len(self.before(moment)) > 0 for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [self.id[self.before(moment)].tolist() for moment in moments]

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        found: list[int] = self.id[self.title.argsort(kind="stable")].tolist()
        return found

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        found: list[int] = self.id[self.author_id.argsort(kind="stable")].tolist()
        return found

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return _counted(self.author_id)

    def group_visits(self, _: Sequence[None]) -> dict[int, int]:
        return _counted(self.place)

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        counts = numpy.bincount(self.author_id, minlength=len(self.author_ids) + 1)
        return list(zip(self.author_ids.tolist(), counts[self.author_ids].tolist(), strict=True))

    def increment(self, _: Sequence[None]) -> int:
        self.weight += 1
        return len(self.weight)


def _counted(column: Any) -> dict[int, int]:
    """For small integers."""
    counts = numpy.bincount(column)
    found = counts.nonzero()[0]
    return dict(zip(found.tolist(), counts[found].tolist(), strict=True))


SIDE = Numpy
