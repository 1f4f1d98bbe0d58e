"""What a query did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ACCESS = {
    "scan": "looked at every row",
    "probe": "one key in the unique index on",
    "postings": "looked up in the index on",
    "range": "a range of the ordered index on",
    "semijoin": "rows found backwards over a relation",
    "path": "the targets of a relation",
    "rows": "given rows",
    "empty": "nothing: the conditions contradict each other",
}


@dataclass(frozen=True)
class Plan:
    """How a query was answered. access: scan, probe, postings, range, semijoin, path, rows or empty; index: the fields
    of the index that served; predicates: Python functions that ran on what was found.

    >>> from sinew._example import Post
    >>> print(Post.where(id=1).explain())
    Post: one key in the unique index on id; 1 row examined, 1 found
    """

    model: str
    access: str
    index: tuple[str, ...] | None
    ordered_by_index: bool
    sorted: bool
    rows_examined: int
    rows_found: int
    predicates: int

    @staticmethod
    def of(model: str, told: Mapping[str, Any], predicates: int) -> Plan:
        """From what the engine tells."""
        index = told["index"]
        return Plan(
            model=model,
            access=told["access"],
            index=None if index is None else tuple(index),
            ordered_by_index=bool(told["ordered_by_index"]),
            sorted=bool(told["sorted"]),
            rows_examined=told["examined"],
            rows_found=told["found"],
            predicates=predicates,
        )

    def __str__(self) -> str:
        how = _ACCESS.get(self.access, self.access)
        parts = [f"{self.model}: {how}{' ' + ', '.join(self.index) if self.index else ''}"]
        parts.append(
            f"{self.rows_examined:,} row{'' if self.rows_examined == 1 else 's'} examined, {self.rows_found:,} found"
        )
        if self.ordered_by_index:
            parts.append("in the order of the index")
        if self.sorted:
            parts.append("sorted")
        if self.predicates:
            parts.append(f"then {self.predicates} Python predicate{'' if self.predicates == 1 else 's'}")
        return "; ".join(parts)


@dataclass(frozen=True)
class NodePlan:
    """What a node of a tree took: its path, the records gone on from, the records found, and their places, of which a
    record has one below each that it belongs to."""

    path: str
    parents: int
    records: int
    places: int

    def __str__(self) -> str:
        found = f"{_number(self.records, 'record')} at {_number(self.places, 'place')}"
        return f"{self.path}: from {_number(self.parents, 'record')} to {found}"


@dataclass(frozen=True)
class TreePlan:
    """How a tree was found: its roots as a query, then each node.

    >>> from sinew._example import Post
    >>> Post.include(Post.author).explain().nodes[0].records
    2
    """

    roots: Plan
    nodes: tuple[NodePlan, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, (self.roots, *self.nodes)))


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
