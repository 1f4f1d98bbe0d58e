"""Many-to-many: every verb of the collections, over a pivot with one row for each pair, one with several, and one whose
rows are seen from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sinew import PivotChanges, count, exists

from .machine import PICK, Base, statement
from .models import MODELS
from .oracle import Row


@dataclass(frozen=True)
class Kind:
    """A many_to_many. near, far: the pivot's references to its owner and to its target."""

    owner: str
    name: str
    pivot: str
    near: str
    far: str
    target: str
    unique: bool = True
    symmetric: bool = False


KINDS = (
    Kind("Post", "tags", "Tagging", "post", "tag", "Tag"),
    Kind("Tag", "posts", "Tagging", "tag", "post", "Post"),
    Kind("Post", "marks", "Mark", "post", "tag", "Tag", unique=False),
    Kind("Tag", "kin", "Kinship", "a", "b", "Tag", symmetric=True),
)
VERBS = ("attach", "detach", "detach all", "sync", "toggle", "update_pivot", "assign", "append", "remove", "clear")
VERB = st.sampled_from(VERBS)
PICKS = st.lists(st.integers(0, 5), max_size=3)
WEIGHT = st.sampled_from([None, 0, 1, 2])
STEP = st.tuples(st.sampled_from(KINDS), VERB, st.integers(0, 5), PICKS, WEIGHT, st.booleans())
Pairs = list[tuple[Row, Row]]


class Changes:
    """What the oracle has done, in the words of PivotChanges."""

    def __init__(self) -> None:
        self.attached: list[Row] = []
        self.detached: list[Row] = []
        self.updated: list[Row] = []


class Links(Base):
    """Links made, changed and removed through the collections of either side."""

    # ------------------------------------------------------------ what the oracle sees

    def pairs(self, kind: Kind, owner: Row) -> Pairs:
        found: Pairs = []
        ways = [(kind.near, kind.far), (kind.far, kind.near)] if kind.symmetric else [(kind.near, kind.far)]
        for near, far in ways:
            for row in self.oracle.children(owner, kind.pivot, self.reference(kind.pivot, near)):
                target = self.oracle.target(row, self.reference(kind.pivot, far))
                if target is not None and all(row is not each for _, each in found):
                    found.append((target, row))
        return found

    def targets(self, kind: Kind, owner: Row) -> list[Row]:
        found: list[Row] = []
        for target, _ in self.pairs(kind, owner):
            if not kind.symmetric or target not in found:
                found.append(target)
        return found

    def put(self, kind: Kind, owner: Row, given: list[Row], weight: int | None, again: bool, done: Changes) -> None:
        there = [] if again else self.pairs(kind, owner)
        for target in given:
            rows = [row for each, row in there if each is target]
            for row in rows:
                if weight is not None and row.values["weight"] != weight:
                    row.values["weight"] = weight
                    done.updated.append(target)
            if not rows:
                self.link(kind, owner, target, weight, done)

    def link(self, kind: Kind, owner: Row, target: Row, weight: int | None, done: Changes) -> None:
        near, far = self.reference(kind.pivot, kind.near), self.reference(kind.pivot, kind.far)
        values = {near.columns[0]: owner.values["id"], far.columns[0]: target.values["id"]}
        default = 1 if kind.pivot == "Tagging" else None
        number = 1_000_000 + len(done.attached)
        self.oracle._create(kind.pivot, {"id": number, **values, "weight": default if weight is None else weight})
        done.attached.append(target)

    def cut(self, pairs: Pairs, done: Changes) -> None:
        self.oracle._delete([row.uid for _, row in pairs])
        done.detached += [target for target, _ in pairs]

    def settle(self, kind: Kind, owner: Row, given: list[Row], weight: int | None, done: Changes) -> None:
        left, missing = self.pairs(kind, owner), []
        for target in given:
            pair = next((pair for pair in left if pair[0] is target), None)
            if pair is None:
                missing.append(target)
                continue
            left.remove(pair)
            if weight is not None and pair[1].values["weight"] != weight:
                pair[1].values["weight"] = weight
                done.updated.append(target)
        self.cut(left, done)
        self.put(kind, owner, missing, weight, True, done)

    def arrange(self, kind: Kind, owner: Row, given: list[Row]) -> None:
        """Those whose target is missing come behind, if anything is moved at all."""
        pairs, ref = self.pairs(kind, owner), self.reference(kind.pivot, kind.near)
        if [target for target, _ in pairs] == given:
            return
        order = []
        for target in given:
            pair = next(pair for pair in pairs if pair[0] is target)
            pairs.remove(pair)
            order.append(pair[1].uid)
        hidden = [row.uid for row in self.oracle.children(owner, kind.pivot, ref) if row.uid not in order]
        self.oracle.arrange(order + hidden, ref)

    # ------------------------------------------------------------ rules

    @statement(steps=st.lists(STEP, min_size=2, max_size=6))
    def change_links(self, steps: list[tuple[Kind, str, int, list[int], int | None, bool]]) -> None:
        """Several at once, so that some find what others left."""
        for step in steps:
            self.change_one(*step)

    @statement(kind=st.sampled_from(KINDS), owner=PICK, picks=PICKS, weight=WEIGHT)
    def attach(self, kind: Kind, owner: int, picks: list[int], weight: int | None) -> None:
        self.change_one(kind, "attach", owner, picks, weight, False)

    @statement(kind=st.sampled_from(KINDS), owner=PICK, picks=PICKS, weight=WEIGHT)
    def sync(self, kind: Kind, owner: int, picks: list[int], weight: int | None) -> None:
        self.change_one(kind, "sync", owner, picks, weight, True)

    @statement(kind=st.sampled_from(KINDS), owner=PICK, picks=PICKS)
    def assign(self, kind: Kind, owner: int, picks: list[int]) -> None:
        self.change_one(kind, "assign", owner, picks, None, False)
        self.change_one(kind, "assign", owner, picks[::-1], None, False)

    @statement(kind=st.sampled_from(KINDS), owner=PICK, picks=PICKS, weight=WEIGHT)
    def toggle(self, kind: Kind, owner: int, picks: list[int], weight: int | None) -> None:
        self.change_one(kind, "toggle", owner, picks, weight, False)
        self.change_one(kind, "update_pivot", owner, picks, weight, False)

    def change_one(self, kind: Kind, verb: str, owner: int, picks: list[int], weight: int | None, by_key: bool) -> None:
        row, targets = self.pick(kind.owner, owner), self.oracle.of(kind.target)
        if row is None or not targets:
            return
        given = [targets[pick % len(targets)] for pick in picks]
        given = given if not kind.unique else list({each.uid: each for each in given}.values())
        if verb == "update_pivot":
            linked = self.targets(kind, row)
            given = [each for each in given if each in linked]
        elif verb in ("append", "remove"):
            given = given[:1] if verb == "append" else [each for each in given if each in self.targets(kind, row)][:1]
            if not given:
                return
        record = self.record(row)
        arguments = [each.values["id"] if by_key else self.record(each) for each in given]
        self.run(kind, verb, row, given, record, arguments, weight if verb not in ("assign", "append") else None)

    def run(
        self, kind: Kind, verb: str, row: Row, given: list[Row], record: Any, arguments: list[Any], weight: int | None
    ) -> None:
        done = Changes()
        links, values = getattr(record, kind.name), {} if weight is None else {"weight": weight}
        before = set(MODELS[kind.pivot].pluck(MODELS[kind.pivot].id))
        ours: dict[str, Callable[[], Any]] = {
            "attach": lambda: links.attach(arguments, **values),
            "detach": lambda: links.detach(arguments),
            "detach all": lambda: links.detach(),
            "sync": lambda: links.sync(arguments, **values),
            "toggle": lambda: links.toggle(arguments, **values),
            "update_pivot": lambda: links.update_pivot(arguments, **values),
            "assign": lambda: setattr(record, kind.name, arguments),
            "append": lambda: links.append(*arguments),
            "remove": lambda: links.remove(*arguments),
            "clear": lambda: links.clear(),
        }
        told: list[Any] = []
        self.both(
            lambda: told.append(ours[verb]()),
            lambda: self.oracle.statement(self.change, kind, verb, row, given, weight, done),
        )
        made = [key for key in MODELS[kind.pivot].pluck(MODELS[kind.pivot].id) if key not in before]
        fresh = [each for each in self.oracle.of(kind.pivot) if each.values["id"] >= 1_000_000]
        for each, key in zip(fresh, made, strict=True):
            each.values["id"] = key
        if isinstance(told[0], PivotChanges):
            for name in ("attached", "detached", "updated"):
                assert sorted(self.record_keys(getattr(told[0], name))) == sorted(self.keys(getattr(done, name)))

    def change(self, kind: Kind, verb: str, row: Row, given: list[Row], weight: int | None, done: Changes) -> None:
        pairs = self.pairs(kind, row)
        those = [pair for pair in pairs if pair[0] in given]
        if verb in ("attach", "append", "update_pivot"):
            self.put(kind, row, given, weight, not kind.unique and verb != "update_pivot", done)
        elif verb in ("detach", "remove"):
            self.cut(those, done)
        elif verb in ("detach all", "clear"):
            self.cut(pairs, done)
        elif verb == "toggle":
            self.cut(those, done)
            linked = [target for target, _ in those]
            self.put(kind, row, [each for each in given if each not in linked], weight, True, done)
        else:
            self.settle(kind, row, given, weight, done)
            if verb == "assign" and not kind.symmetric:
                self.arrange(kind, row, given)

    # ------------------------------------------------------------ comparing

    def compare_more(self, row: Row, record: Any) -> None:
        super().compare_more(row, record)
        for kind in KINDS:
            if kind.owner == row.model:
                self.compare_links(kind, row, getattr(record, kind.name))

    def compare_links(self, kind: Kind, row: Row, links: Any) -> None:
        pairs, targets = self.pairs(kind, row), self.targets(kind, row)
        assert self.record_keys(links) == self.keys(targets)
        assert len(links) == len(targets) == links.count()
        assert all(self.record(each) in links for each in targets)
        assert [(target.id, link.id) for target, link in links.pairs()] == [
            (target.values["id"], link.values["id"]) for target, link in pairs
        ]
        weight = MODELS[kind.pivot].weight
        assert links.pluck(MODELS[kind.target].id, weight) == [
            (target.values["id"], link.values["weight"]) for target, link in pairs
        ]

    @invariant()
    def links_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        for kind in KINDS:
            owner, pivot = MODELS[kind.owner], MODELS[kind.pivot]
            path, heavy = getattr(owner, kind.name), pivot.weight > 1
            links = {row.values["id"]: self.pairs(kind, row) for row in self.oracle.of(kind.owner)}
            weights = {key: [link.values["weight"] or 0 for _, link in pairs] for key, pairs in links.items()}
            assert owner.where(exists(path, heavy)).pluck(owner.id) == [
                k for k, w in weights.items() if max([0, *w]) > 1
            ]
            assert owner.where(exists(path)).pluck(owner.id) == [key for key, pairs in links.items() if pairs]
            if not kind.symmetric:
                assert owner.select(n=count(path), m=count(path, heavy)) == [
                    {"n": len(each), "m": sum(weight > 1 for weight in each)} for each in weights.values()
                ]
            for row in self.oracle.of(kind.owner)[:2]:
                pairs = links[row.values["id"]]
                expected = [target.values["id"] for target, link in pairs if (link.values["weight"] or 0) > 1]
                assert getattr(self.record(row), kind.name).where(heavy).pluck(MODELS[kind.target].id) == expected
