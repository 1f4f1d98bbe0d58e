"""Tables of plain objects with indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from littletable import Table

from ..side import Side


class Record:
    """What a table keeps: an object with attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Littletable(Side):
    name = "littletable"
    imports = "import littletable"
    parts: ClassVar[dict[str, int]] = {"construct": 10, "iterate_held": 10, "lengths": 10, "small_query": 100}

    def fill(self) -> None:
        self.empty()
        columns = self.workload.post_columns
        self.table.insert_many(_records(columns))

    def empty(self) -> None:
        self.table = Table("posts")
        self.table.create_index("id", unique=True)
        self.table.create_index("author_id")
        self.tag_table = Table("tags")
        self.tag_table.create_index("label", unique=True)
        self.tag_table.insert_many(Record(id=number, label=label) for number, label in self.workload.tags)
        self.author_table = Table("authors")
        self.author_table.create_index("id", unique=True)
        self.author_table.create_index("name")
        self.author_table.insert_many(Record(id=number, name=name) for number, name in self.workload.authors)
        self.hold()

    def hold(self) -> None:
        self.posts, self.authors = list(self.table), list(self.author_table)

    def construct(self, rows: Sequence[Any]) -> int:
        insert = self.table.insert
        for number, title, content, published_at, author_id in rows:
            insert(Record(id=number, title=title, content=content, published_at=published_at, author_id=author_id))
        return len(self.table)

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            self.table.insert_many(_records(columns))
        return len(self.table)

    def iterate_held(self, authors: Sequence[Any]) -> int:
        for author in authors:
            for post in self.table.by.author_id[author.id]:  # noqa: B007 - its last value
                pass
        number: int = post.id
        return number

    def lengths(self, authors: Sequence[Any]) -> int:
        by_author = self.table.by.author_id
        return sum([len(by_author[author.id]) for author in authors])

    def find(self, keys: Sequence[int]) -> str:
        by_id = self.table.by.id
        for key in keys:
            post = by_id[key]
        title: str = post.title
        return title

    def find_by(self, labels: Sequence[str]) -> int:
        by_label = self.tag_table.by.label
        for label in labels:
            tag = by_label[label]
        number: int = tag.id
        return number

    def small_query(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = self.table.where(id=key)[0]
        title: str = post.title
        return title

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [len(self.table.where(published_at=Table.lt(moment))) for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [list(self.table.where(published_at=Table.lt(moment)).all.id) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        return list(self.table.where(published_at=Table.lt(moments[0])))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return list(self.table.orderby("title").all.id)

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return list(self.table.orderby("author_id, id").all.id)

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return Counter(self.table.all.author_id)

    def across(self, names: Sequence[str]) -> list[list[int]]:
        by_author, by_name = self.table.by.author_id, self.author_table.by.name
        return [[post.id for author in by_name[name] for post in by_author[author.id]] for name in names]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        by_author = self.table.by.author_id
        return [(author.id, len(by_author[author.id])) for author in self.author_table]


def _records(columns: dict[str, list[Any]]) -> list[Record]:
    return [
        Record(id=number, title=title, content=content, published_at=published_at, author_id=author_id)
        for number, title, content, published_at, author_id in zip(*columns.values(), strict=True)
    ]


SIDE = Littletable
