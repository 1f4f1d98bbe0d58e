"""What is compared, and what it may cost. Each is a method of this name on every side that can do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .measure import Budget, Operation
from .side import Side
from .workload import Workload

BY_HAND = "by hand"
NUMPY = "numpy"
INTERPRETER = "bare interpreter"
CONSTRUCTING_OURS = "sinew, constructing"


def posts(side: Side) -> Sequence[Any]:
    return side.posts


def authors(side: Side) -> Sequence[Any]:
    return side.authors


def keys(side: Side) -> Sequence[int]:
    return side.workload.keys


def labels(side: Side) -> Sequence[str]:
    return side.workload.labels


def middle(side: Side) -> Sequence[Any]:
    return [side.workload.middle]


def early(side: Side) -> Sequence[Any]:
    """One post in a hundred was published before."""
    return [side.workload.moments[len(side.workload.moments) // 100]]


def ends(side: Side) -> Sequence[Any]:
    """No post was published before the first, and each but the last before the last."""
    return [side.workload.moments[0], side.workload.moments[-1]]


def some_posts(side: Side) -> Sequence[Any]:
    """One in ten of those held."""
    return side.posts[: max(1, len(side.posts) // 10)]


def nothing(side: Side) -> Sequence[None]:
    return [None]


def names(side: Side) -> Sequence[str]:
    """Of some authors."""
    return [name for _, name in side.workload.authors[:: max(1, len(side.workload.authors) // 20)]]


def some_labels(side: Side) -> Sequence[str]:
    return [label for _, label in side.workload.tags[::10]]


def moves(side: Side) -> Sequence[tuple[int, int]]:
    """Places of posts and of the authors that they move to, each another than before: one post in ten."""
    many = len(side.workload.authors)
    rows = side.workload.posts[: len(side.workload.posts) // 10]
    return [(place, row[4] % many) for place, row in enumerate(rows)]  # ids count from 1: the next author's place


def leaving(side: Side) -> Sequence[int]:
    """Places of authors."""
    return range(min(20, len(side.workload.authors)))


def root(side: Side) -> Sequence[Any]:
    return side.folders[:1]


def leaves(side: Side) -> Sequence[Any]:
    return [side.folders[place] for place in side.workload.leaves]


def ids(side: Side, records: Any) -> list[int]:
    return side.ids(records)


def any_order(side: Side, lists: list[list[int]]) -> list[list[int]]:
    """Where asking for an order would change how SQLite goes about it."""
    return [sorted(numbers) for numbers in lists]


def number_of_posts(workload: Workload) -> int:
    return len(workload.posts)


def posts_of_an_author(workload: Workload) -> float:
    return len(workload.posts) / len(workload.authors)


def number_of_authors(workload: Workload) -> int:
    return len(workload.authors)


def number_of_taggings(workload: Workload) -> int:
    return len(workload.taggings)


def number_of_visits(workload: Workload) -> int:
    return len(workload.visits)


def number_of_folders(workload: Workload) -> int:
    return len(workload.folders)


RANGE = (Budget(1 / 20, BY_HAND), Budget(2, NUMPY))

CONSTRUCTING = [
    Operation(
        "construct",
        "construct: 5 fields, unique id, foreign key",
        lambda side: side.workload.posts,
        (Budget(0.4, BY_HAND),),
        rows="authors",
        held=False,
        changes=True,
    ),
    Operation(
        "insert_many",
        "insert_many from columns, per row",
        lambda side: [side.workload.post_columns],
        (Budget(1 / 3, CONSTRUCTING_OURS),),
        scale=number_of_posts,
        rows="authors",
        held=False,
        changes=True,
    ),
]

READING = [
    Operation("read_str", "read a str field", posts, (Budget(2.2, BY_HAND),), spots=True),
    Operation("read_int", "read an int field", posts, (Budget(4, BY_HAND),), spots=True),
    Operation("read_datetime", "read a datetime field", posts, (Budget(5, BY_HAND),), spots=True),
    Operation("mixed", "three str fields and a method call", posts, (Budget(2, BY_HAND),), spots=True),
    Operation("set_field", "set a field without index", posts, (Budget(3, BY_HAND),), changes=True),
]

RELATIONS = [
    Operation("belongs_to", "belongs_to", posts, (Budget(0.8, BY_HAND),), spots=True),
    Operation(
        "iterate_held",
        "iterate a has_many, per record, held",
        authors,
        (Budget(12),),
        scale=posts_of_an_author,
        spots=True,
    ),
    Operation(
        "iterate",
        "iterate a has_many, per record, not held",
        authors,
        (Budget(45),),
        scale=posts_of_an_author,
        held=False,
        spots=True,
    ),
    Operation("lengths", "len(author.posts)", authors, (Budget(120),), spots=True),
    Operation("move", "move a child, both sides right", moves, (Budget(500),), changes=True),
]

FINDING = [
    Operation("find", "find(id)", keys, (Budget(2.5, BY_HAND),), spots=True),
    Operation("find_by", "find_by(unique)", labels, (Budget(2.5, BY_HAND),), spots=True),
    Operation("small_query", "where(id=...).first()", keys, spots=True),
]

QUERIES = [
    Operation("count_range", "count a range, per row", early, RANGE, scale=number_of_posts),
    Operation("exists_range", "exists in a range, per row", ends, RANGE, scale=number_of_posts, spots=True),
    Operation("pluck_range", "pluck ids of a range, per row", early, RANGE, scale=number_of_posts),
    Operation(
        "pluck_half", "pluck ids, half of the rows, per row", middle, scale=number_of_posts, method="pluck_range"
    ),
    Operation(
        "filter_range",
        "filter by a range, half returned, per row",
        middle,
        (Budget(1 / 1.5, BY_HAND),),
        scale=number_of_posts,
        held=False,
        compared=ids,
    ),
    Operation(
        "order_by_str", "order by a str, ids, per row", nothing, (Budget(1 / 3, BY_HAND),), scale=number_of_posts
    ),
    Operation("order_by_int", "order by an int, ids, per row", nothing, scale=number_of_posts),
    Operation("group", "group by a foreign key and count, per row", nothing, scale=number_of_posts),
    Operation(
        "group_visits",
        "group by an int and count, per row",
        nothing,
        (Budget(2, "polars"),),
        scale=number_of_visits,
        rows="visits",
    ),
    Operation("across", "posts of authors of a name", names, compared=any_order, spots=True),
    Operation("across_two", "posts with a tag of a label", some_labels, compared=any_order, spots=True),
    Operation("count_across", "authors with number of posts, per author", nothing, scale=number_of_authors),
    Operation(
        "count_across_three", "authors with number of distinct tags, per tagging", nothing, scale=number_of_taggings
    ),
    Operation(
        "through",
        "an author's distinct tags through posts and taggings, a list",
        authors,
        (Budget(1 / 10, BY_HAND), Budget(1 / 5, "sqlite3")),
        spots=True,
    ),
    Operation(
        "count_through",
        "how many distinct tags an author has",
        authors,
        (Budget(1 / 10, BY_HAND), Budget(1 / 5, "sqlite3")),
        spots=True,
    ),
]

TREES = [
    Operation(
        "tree",
        "authors with their posts, each title read, per post",
        nothing,
        (Budget(1 / 10, "SQLAlchemy"), Budget(1 / 10, "Django"), Budget(318)),
        scale=number_of_posts,
        held=False,
    ),
    Operation(
        "tree_dicts",
        "authors with their posts as nested dicts, per post",
        nothing,
        (Budget(1 / 10, "SQLAlchemy"), Budget(1 / 10, "Django"), Budget(318)),
        scale=number_of_posts,
        held=False,
    ),
]

CLOSURES = [
    Operation(
        "descendants",
        "all below the root of a tree, ids, per node",
        root,
        scale=number_of_folders,
        rows="folders",
        compared=any_order,
    ),
    Operation("ancestors", "all above a leaf of a tree, ids", leaves, rows="folders", compared=any_order, spots=True),
]

CHANGING = [
    Operation(
        "update", "update a str of half of the posts, per row", middle, scale=number_of_posts, held=False, changes=True
    ),
    Operation(
        "increment", "add 1 to an int of all rows, per row", nothing, scale=number_of_taggings, held=False, changes=True
    ),
    Operation("rollback", "set a field in a transaction, roll back", some_posts, changes=True),
    Operation("delete", "delete an author, 100 posts, 200 taggings", leaving, changes=True),
]

STARTING = [
    Operation(
        "start",
        "a new interpreter with it imported",
        nothing,
        (Budget(60e6, INTERPRETER, extra=True),),
        rows="none",
        slow=True,
    )
]

OPERATIONS = [*STARTING, *CONSTRUCTING, *READING, *RELATIONS, *FINDING, *QUERIES, *TREES, *CLOSURES, *CHANGING]
