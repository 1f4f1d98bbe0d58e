"""Eager trees in the random programs: relations of every kind, hung from each other at random, with conditions, orders,
windows and fields at every node, as plain data and as views, against loops over the oracle's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from hypothesis import strategies as st

from .derived import Derived
from .links import KINDS, Links
from .machine import PICK, statement
from .models import COLLECTIONS, MODELS, SHAPES
from .oracle import Row

Pair = tuple[Row, Row | None]
"""A target, and the row that links it."""


@dataclass(frozen=True)
class Way:
    """A relation as far as it leads to one model. of: it leads to others too. pivot: the model of its links, if views
    show them."""

    name: str
    target: str
    single: bool = False
    of: bool = False
    pivot: str = ""


ALONG = {
    "Author": {"categories": "Category", "above": "Category", "around": "Category", "shared": "Category"}
    | {"unshared": "Category", "best": "Post"},
    "Category": {"ancestors": "Category", "descendants": "Category", "writers": "Author"},
    "Post": {"originals": "Post"},
}
SINGLE = {"Author": {"profile": "Profile", "top": "Post"}, "Tag": {"pin": "Remark"}}


def ways(model: str) -> Iterator[Way]:
    names = [ref.name for ref in SHAPES[model].refs]
    for ref in SHAPES[model].refs:
        yield Way(ref.name, ref.target, single=True, of=names.count(ref.name) > 1)
    for name, (child, _) in COLLECTIONS.get(model, {}).items():
        yield Way(name, child)
    for kind in KINDS:
        if kind.owner == model:
            yield Way(kind.name, kind.target, pivot=kind.pivot)
    for name, target in ALONG.get(model, {}).items():
        yield Way(name, target)
    for name, target in SINGLE.get(model, {}).items():
        yield Way(name, target, single=True)


WAYS = {model: tuple(ways(model)) for model in MODELS}
ROOTS = [model for model in MODELS if WAYS[model]]
FIELDS = {
    model: [
        name for name in shape.fields if name not in ("gone", "note", "level", "kind") and not name.endswith("_type")
    ]
    for model, shape in SHAPES.items()
}
STEP = st.tuples(PICK, PICK, st.integers(0, 2**12 - 1), PICK)
TREE = st.tuples(st.sampled_from(ROOTS), st.lists(STEP, min_size=1, max_size=6), st.integers(0, 2**9 - 1), PICK)


def sort_key(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


@dataclass
class Options:
    """What a node was told, for include and for loops."""

    given: dict[str, Any] = field(default_factory=dict)
    test: Callable[[Pair], bool] = lambda _: True
    terms: list[tuple[Callable[[Pair], Any], bool]] = field(default_factory=list)  # value, descending
    only: list[str] | None = None

    def left(self, pairs: list[Pair]) -> list[Pair]:
        """What is left of them, in order; nulls last whatever the direction."""
        found = [pair for pair in pairs if self.test(pair)]
        for value, descending in reversed(self.terms):
            there = [pair for pair in found if value(pair) is not None]
            there.sort(key=lambda pair: sort_key(value(pair)), reverse=descending)
            found = there + [pair for pair in found if value(pair) is None]
        found = found[self.given.get("offset", 0) :]
        return found[: self.given.get("limit", len(found))]


@dataclass
class Node:
    """A node of a tree. path: what it is included by; None at the root."""

    model: str
    path: Any = None
    way: Way | None = None
    options: Options = field(default_factory=Options)
    below: list[Node] = field(default_factory=list)

    def child(self, way: Way) -> Node | None:
        return next((node for node in self.below if node.way == way), None)


class Trees(Derived, Links):
    """Asks trees what loops say."""

    # ------------------------------------------------------------ one at random

    @statement(trees=st.lists(TREE, min_size=1, max_size=3))
    def ask_trees(self, trees: list[tuple[str, list[tuple[int, int, int, int]], int, int]]) -> None:
        for model, steps, how, number in trees:
            root = Node(model, options=self.options(Way("", model), how, number))
            tree = MODELS[model].all()
            nodes = [root]
            for hang, which, bits, value in steps:
                tree = self.include_one(tree, nodes, nodes[hang % len(nodes)], (which, bits, value))
            self.compare_tree(self.shaped(tree, root.options), root)

    def shaped(self, tree: Any, options: Options) -> Any:
        given = options.given
        tree = tree.where(given["where"]) if "where" in given else tree
        tree = tree.order_by(*given["order_by"]) if "order_by" in given else tree
        tree = tree.offset(given["offset"]) if "offset" in given else tree
        return tree.limit(given["limit"]) if "limit" in given else tree

    def include_one(self, tree: Any, nodes: list[Node], parent: Node, chosen: tuple[int, int, int]) -> Any:
        """Includes one more relation, or one that is included already, or all that one may lead to."""
        which, bits, value = chosen
        if not WAYS[parent.model]:
            return tree
        way = WAYS[parent.model][which % len(WAYS[parent.model])]
        path = getattr(MODELS[parent.model] if parent.path is None else parent.path, way.name)
        if way.of and bits & 1:
            for each in WAYS[parent.model]:
                if each.name == way.name:
                    self.add_node(nodes, parent, each, path.of(MODELS[each.target]), Options())
            return tree.include(path)
        path = path.of(MODELS[way.target]) if way.of else path
        known = parent.child(way) is not None
        options = Options() if known else self.options(way, bits >> 1, value)
        self.add_node(nodes, parent, way, path, options)
        return tree.include(path, **options.given, **({} if options.only is None else {"only": options.only}))

    def add_node(self, nodes: list[Node], parent: Node, way: Way, path: Any, options: Options) -> None:
        if parent.child(way) is None:
            parent.below.append(Node(way.target, path, way, options))
            nodes.append(parent.below[-1])

    # ------------------------------------------------------------ options

    def options(self, way: Way, bits: int, number: int) -> Options:
        options = Options()
        if bits & 1:
            options.given["where"], options.test = self.condition(way, number)
        if bits & 2 and not way.single:
            columns = [self.column(way, number // 3), self.column(way, number // 7)]
            terms = [(column, value, bool(bits & 4 << i)) for i, (column, value) in enumerate(columns)]
            options.given["order_by"] = [column.desc() if down else column for column, _, down in terms]
            options.terms = [(value, down) for _, value, down in terms]
        if bits & 16 and not way.single:
            options.given["limit"] = number % 4
        if bits & 32 and not way.single:
            options.given["offset"] = number % 3
        if bits & 64 and way.name:
            names = self.oracle.shapes[way.target].fields
            options.only = [name for i, name in enumerate(names) if number >> i & 1] or [names[0]]
        return options

    def column(self, way: Way, number: int) -> tuple[Any, Callable[[Pair], Any]]:
        """A column of the target, or of what links it."""
        linked = bool(way.pivot) and bool(number & 1)
        model = way.pivot if linked else way.target
        name = FIELDS[model][number // 2 % len(FIELDS[model])]
        return getattr(MODELS[model], name), lambda pair: (pair[1] if linked and pair[1] else pair[0]).values[name]

    def condition(self, way: Way, number: int) -> tuple[Any, Callable[[Pair], bool]]:
        """The column compared with what some row has in a column of that name."""
        column, value = self.column(way, number)
        rows = [row for row in self.oracle.rows if column.name in row.values and row.model == column.root.name]
        given = rows[number % len(rows)].values[column.name] if rows else None
        if given is None or number // 5 % 3 == 0:
            return column == given, lambda pair: bool(value(pair) == given)
        if number // 5 % 3 == 1:
            return column != given, lambda pair: bool(value(pair) != given)
        return column >= given, lambda pair: value(pair) is not None and sort_key(value(pair)) >= sort_key(given)

    # ------------------------------------------------------------ by loops

    def going(self, row: Row, way: Way) -> list[Pair]:
        kind = next((each for each in KINDS if (each.owner, each.name) == (row.model, way.name)), None)
        if kind is not None and way.pivot:
            return [(target, link) for target, link in self.pairs(kind, row)]
        found = self.targets(kind, row) if kind is not None else self.rows_along(row, way)
        return [(target, None) for target in found]

    def rows_along(self, row: Row, way: Way) -> list[Row]:
        derived = {(cls.__name__, name): naive for cls, name, naive in self.along()}
        ref = next(
            (r for r in self.oracle.shapes[row.model].refs if (r.name, r.target) == (way.name, way.target)), None
        )
        if ref is not None:
            target = self.oracle.target(row, ref)
            return [] if target is None else [target]
        if way.name in ("best", "top"):
            return self.chosen_posts(row, way.name)
        if (row.model, way.name) in derived:
            return derived[row.model, way.name](row)
        inverse = {"profile": ("Profile", "author"), "pin": ("Remark", "pinned")} | COLLECTIONS.get(row.model, {})
        child, name = inverse[way.name]
        children = self.oracle.children(row, child, self.reference(child, name, row.model))
        return children[:1] if way.single else children

    def chosen_posts(self, row: Row, name: str) -> list[Row]:
        posts = self.posts(row)
        if name == "top":
            posts.sort(key=lambda post: (post.values["score"] is None, -(post.values["score"] or 0)))
            return posts[:1]
        posts = [post for post in posts if (post.values["score"] or 0) > 0]
        posts.sort(key=lambda post: (-post.values["score"], sort_key(post.values["title"])))
        return posts[:3]

    def found(self, node: Node, row: Row) -> list[Pair]:
        assert node.way is not None
        return node.options.left(self.going(row, node.way))

    # ------------------------------------------------------------ comparing

    def compare_tree(self, tree: Any, root: Node) -> None:
        roots = root.options.left([(row, None) for row in self.oracle.of(root.model)])
        assert tree.to_dicts() == [self.data(root, pair) for pair in roots]
        assert len(tree) == len(roots)
        views = tree[:]
        assert len(views) == len(roots)
        for view, pair in zip(views, roots, strict=True):
            self.compare_view(view, root, pair)

    def named(self, node: Node) -> Iterator[tuple[str, list[Node]]]:
        """The nodes below, those of one relation together."""

        def name(each: Node) -> str:
            return each.way.name if each.way else ""

        for key, several in groupby(sorted(node.below, key=name), name):
            yield key, list(several)

    def data(self, node: Node, pair: Pair) -> dict[str, Any]:
        row, link = pair
        found = {name: row.values[name] for name in node.options.only or self.oracle.shapes[row.model].fields}
        if link is not None:
            found["pivot"] = {name: link.values[name] for name in self.oracle.shapes[link.model].fields}
        for name, below in self.named(node):
            shown = [self.data(each, target) for each in below for target in self.found(each, row)]
            single = below[0].way is not None and below[0].way.single
            found[name] = (shown[0] if shown else None) if single else shown
        return found

    def compare_view(self, view: Any, node: Node, pair: Pair) -> None:
        row, link = pair
        assert view.record is self.record(row)
        for name in self.oracle.shapes[row.model].fields:
            if node.options.only is None or name in node.options.only:
                assert getattr(view, name) == row.values[name]
            else:
                assert not hasattr(view, name)
        assert link is None or view.pivot is self.record(link)
        for name, below in self.named(node):
            targets = [(each, target) for each in below for target in self.found(each, row)]
            shown = getattr(view, name)
            if below[0].way is not None and below[0].way.single:
                shown = [] if shown is None else [shown]
            assert len(shown) == len(targets)
            for each, (child, target) in zip(shown, targets, strict=True):
                self.compare_view(each, child, target)
