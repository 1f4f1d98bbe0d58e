"""Relations along others, in the random programs: through, recursive, sets; each view after each step, by plain loops
over the oracle's rows. They have no statements of their own: whatever is written shows in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hypothesis.stateful import invariant

from sinew import count

from .machine import Base
from .models import Author, Category, Post
from .oracle import Row


def once(rows: Iterable[Row]) -> list[Row]:
    return list({row.uid: row for row in rows}.values())


class Derived(Base):
    """Asks relations along others what loops say."""

    @invariant()
    def derived_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        for cls, name, naive in self.along():
            self.compare_along(cls, name, naive)

    def along(self) -> Iterator[tuple[Any, str, Callable[[Row], list[Row]]]]:
        yield Author, "categories", self.categories
        yield Author, "above", lambda row: once(each for c in self.categories(row) for each in self.ancestors(c))
        yield Author, "around", lambda row: once([*self.categories(row), *self.above(row)])
        yield Author, "shared", lambda row: [each for each in self.categories(row) if each in self.reviewed(row)]
        yield Author, "unshared", lambda row: [each for each in self.categories(row) if each not in self.reviewed(row)]
        yield Category, "ancestors", self.ancestors
        yield Category, "descendants", self.descendants
        yield (
            Category,
            "writers",
            lambda row: once(each for post in self.posts(row) for each in self.maybe(post, "author")),
        )
        yield Post, "originals", lambda row: self.closure(row, lambda post: self.maybe(post, "origin"))

    def compare_along(self, cls: Any, name: str, naive: Callable[[Row], list[Row]]) -> None:
        rows = self.oracle.of(cls.__name__)
        wanted = [[each.values["id"] for each in naive(row)] for row in rows]
        for row, ids in zip(rows, wanted, strict=True):
            found = getattr(self.record(row), name)
            assert [each.id for each in found] == ids and len(found) == len(ids)
        path = getattr(cls, name)
        assert cls.pluck(count(path)) == [len(ids) for ids in wanted]
        assert cls.where(path.id > 2).pluck(cls.id) == [
            row.values["id"] for row, ids in zip(rows, wanted, strict=True) if any(each > 2 for each in ids)
        ]

    # ------------------------------------------------------------ by loops

    def maybe(self, row: Row, name: str) -> list[Row]:
        """Within a transaction a required reference may dangle, too."""
        target = self.oracle.target(row, self.reference(row.model, name))
        return [] if target is None else [target]

    def posts(self, row: Row, name: str = "") -> list[Row]:
        return self.oracle.children(row, "Post", self.reference("Post", name or row.model.lower()))

    def categories(self, row: Row) -> list[Row]:
        return once(each for post in self.posts(row) for each in self.maybe(post, "category"))

    def reviewed(self, row: Row) -> list[Row]:
        return [each for post in self.posts(row, "reviewer") for each in self.maybe(post, "category")]

    def above(self, row: Row) -> list[Row]:
        return once(each for c in self.categories(row) for each in self.ancestors(c))

    def ancestors(self, row: Row) -> list[Row]:
        return self.closure(row, lambda category: self.maybe(category, "parent"))

    def descendants(self, row: Row) -> list[Row]:
        parent = self.reference("Category", "parent")
        return self.closure(row, lambda category: self.oracle.children(category, "Category", parent))

    def closure(self, row: Row, on: Callable[[Row], list[Row]]) -> list[Row]:
        found: list[Row] = []
        edge = on(row)
        while edge:
            edge = [each for each in once(edge) if each not in found]
            found += edge
            edge = [each for here in edge for each in on(here)]
        return found
