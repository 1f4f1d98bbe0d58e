"""Nested writing in the random programs: trees of new records, of records that are named by their keys, and of records
themselves, written to the store at once and to the oracle one statement after another, in the order that the page on it
says. What is refused has changed nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from sinew import SinewError

from .links import KINDS, Changes, Kind, Links
from .machine import PICK, statement
from .models import COLLECTIONS, MODELS
from .oracle import Ref, Refused, Row

PLAIN: dict[str, dict[str, Sequence[Any]]] = {
    "Author": {"name": ["", "a", "ä"], "email": [None, "a@x", "b@x", "c@x"]},
    "Profile": {"text": ["", "p"]},
    "Category": {"title": ["a", "b"]},
    "Post": {"title": ["a", "b", "c"], "score": [None, 0, 2]},
    "Tag": {"label": ["a", "b", "c"], "rank": [None, 1, 2]},
    "Tagging": {"weight": [1, 2]},
    "Badge": {"code": ["x", "y", "z"]},
    "Member": {},
    "Remark": {"text": ["", "r"]},
    "Hall": {},
    "Reader": {"name": ["a", "b", "c"]},
    "Topic": {"title": [None, "a", "b"]},
    "Watch": {},
    "Shelf": {"room": ["a", "b"], "number": [0, 1]},
    "Box": {"label": ["a", "b", "c"]},
}
DEFAULTS: dict[str, dict[str, Any]] = {"Profile": {"text": ""}, "Tagging": {"weight": 1}}
LINKS = {(kind.owner, kind.name): kind for kind in KINDS if not kind.symmetric}
DIRECT = {model: dict(COLLECTIONS.get(model, {})) for model in PLAIN}
DIRECT["Author"]["profile"] = ("Profile", "author")
BELOW = {
    model: [name for name, (child, _) in DIRECT[model].items() if child in PLAIN]
    + [name for owner, name in LINKS if owner == model]
    for model in PLAIN
}
FRESH = 10**12  # numbers of new rows, until the store has said what they are
PICKS = st.lists(st.integers(0, 99), max_size=40)


@dataclass
class Spec:
    """A record to be, as tree_reading.py has it: its values, what it refers to, what hangs from it."""

    model: str
    values: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    refs: list[tuple[Ref, Row | None]] = field(default_factory=list)
    parents: list[tuple[Ref, Spec]] = field(default_factory=list)
    branches: list[tuple[str, list[Spec]]] = field(default_factory=list)
    row: Row | None = None
    named: Row | None = None  # whose key it holds, when the tree is made up
    bare: bool = False  # the record itself, nothing being said
    key: Any = None  # of a link, nothing else being said
    weight: int | None = None
    fresh: bool = False


class Choices:
    """Numbers from the front of a list; 0 when it is used up, which ends a tree."""

    def __init__(self, picks: Iterable[int]) -> None:
        self.picks = iter(picks)

    def of(self, count: int) -> int:
        return next(self.picks, 0) % count

    def among(self, things: Sequence[Any]) -> Any:
        return things[self.of(len(things))]


class Nested(Links):
    """Writes trees."""

    @statement(model=st.sampled_from(list(PLAIN)), picks=PICKS)
    def create_tree(self, model: str, picks: list[int]) -> None:
        choices = Choices(picks)
        root = Spec(model)
        self.fill_fields(root, choices, whole=True)
        self.fill_relations(root, choices, 3, None)
        mapping = self.mapping(root)
        self.write_tree(root, lambda: MODELS[model].create_tree(**mapping), remove=False)

    @statement(model=st.sampled_from(list(PLAIN)), which=PICK, picks=PICKS, remove=st.booleans())
    def assign_tree(self, model: str, which: int, picks: list[int], remove: bool) -> None:
        row, choices = self.pick_crowded(model, which), Choices(picks)
        if row is None:
            return
        root = Spec(model, row=row, named=row)
        self.fill_fields(root, choices, whole=False)
        self.fill_relations(root, choices, 3, None)
        mapping, record = self.mapping(root), self.record(row)
        self.write_tree(root, lambda: record.assign_tree(mapping, remove_missing=remove), remove=remove)

    @statement(model=st.sampled_from([model for model in PLAIN if BELOW[model]]), which=PICK, picks=PICKS)
    def assign_what_is_there(self, model: str, which: int, picks: list[int]) -> None:
        """A record's tree as it is, most of it; what is left out is missing."""
        row, choices = self.pick_crowded(model, which), Choices(picks)
        if row is None:
            return
        root = Spec(model, row=row, named=row)
        self.repeat_relations(root, choices, 2)
        mapping, record = self.mapping(root), self.record(row)
        self.write_tree(root, lambda: record.assign_tree(mapping, remove_missing=True), remove=True)

    # ------------------------------------------------------------ a tree at random

    def repeat_relations(self, spec: Spec, choices: Choices, depth: int) -> None:
        for name in BELOW[spec.model]:
            if depth == 0 or choices.of(3) == 2:
                continue
            nodes = [self.by_key(row) for row in self.rows_here(spec, name) if choices.of(6) < 5]
            for node in nodes:
                self.fill_fields(node, choices, whole=False)
                self.repeat_relations(node, choices, depth - 1)
            spec.branches.append((name, nodes[:: choices.among([1, 1, -1])]))

    def by_key(self, row: Row) -> Spec:
        key = {name: row.values[name] for name in self.oracle.shapes[row.model].key}
        return Spec(row.model, key, dict(key), named=row)

    def fill_fields(self, spec: Spec, choices: Choices, *, whole: bool) -> None:
        for name, values in PLAIN[spec.model].items():
            if whole or choices.of(2):
                spec.values[name] = spec.given[name] = choices.among(values)

    def fill_relations(self, spec: Spec, choices: Choices, depth: int, via: tuple[str, str] | None) -> None:
        """via: the reference that the place says."""
        shape = self.oracle.shapes[spec.model]
        for name in dict.fromkeys(ref.name for ref in shape.refs):
            required = not any(ref.all_columns[0] in shape.nullable for ref in shape.refs if ref.name == name)
            if (spec.model, name) != via and ((required and spec.row is None) or choices.of(4) == 1):
                ref = choices.among([ref for ref in shape.refs if ref.name == name and ref.target in PLAIN])
                self.refer(spec, ref, choices, depth, required=required)
        for name in BELOW[spec.model]:
            if depth and choices.of(5) in (1, 2):
                self.hang_from(spec, name, choices, depth - 1)

    def refer(self, spec: Spec, ref: Ref, choices: Choices, depth: int, *, required: bool) -> None:
        """To a row that is there, to none, or to what is nested."""
        how = choices.of(4)
        if how == 1 and depth:
            parent = self.entry(ref.target, self.oracle.of(ref.target), choices, depth - 1, None)
            if not parent.bare:
                spec.parents.append((ref, parent))
                return
        target = None if how == 2 and not required else self.pick(ref.target, choices.of(100))
        if target is not None or not required:
            spec.refs.append((ref, target))
            spec.given[ref.name] = target and self.record(target)

    def resolved(self, spec: Spec) -> dict[str, Any]:
        """The values, with the keys that what they refer to has now."""
        values = dict(spec.values)
        for ref, target in spec.refs:
            if target is not None and not self.alive(target):
                self.refuse()
            self.set_reference_of(values, ref, target and self.now(target))
        return values

    def set_reference_of(self, values: dict[str, Any], ref: Ref, target: Row | None) -> None:
        values.update(zip(ref.columns, target.get(ref.target_columns) if target else [None] * 9, strict=False))
        if ref.tag:
            values[ref.tag[0]] = None if target is None else ref.tag[1]

    def hang_from(self, spec: Spec, name: str, choices: Choices, depth: int) -> None:
        kind = LINKS.get((spec.model, name))
        child, via = (kind.target, "") if kind else DIRECT[spec.model][name]
        count = choices.of(2) if name == "profile" else choices.of(4)
        rows = (self.rows_here(spec, name) if choices.of(2) else []) or self.oracle.of(child)
        nodes = [self.entry(child, rows, choices, depth, (child, via), kind) for _ in range(count)]
        spec.branches.append((name, nodes))

    def rows_here(self, spec: Spec, name: str) -> list[Row]:
        if spec.named is None:
            return []
        if kind := LINKS.get((spec.model, name)):
            return self.targets(kind, spec.named)
        child, ref = self.inverse(spec, name)
        return self.oracle.children(spec.named, child, ref)

    def entry(
        self,
        model: str,
        rows: Sequence[Row],
        choices: Choices,
        depth: int,
        via: tuple[str, str] | None,
        kind: Kind | None = None,
    ) -> Spec:
        """0: a new one; else one of these records, one by its key (maybe of none), or by a key that none has."""
        how, spec = choices.of(6), Spec(model)
        row = choices.among(rows) if rows and how in (1, 2, 3) else None
        if kind is not None and choices.of(2):
            spec.weight = choices.of(3)
        if row is not None and (how == 1 or (how == 2 and kind is not None)):
            spec.row, spec.bare = (row, True) if how == 1 else (None, False)
            spec.key = None if how == 1 else row.values["id"] + choices.of(10) // 9 * 500
            spec.weight = None
            return spec
        self.fill_fields(spec, choices, whole=row is None)
        if row is not None:
            spec.named, names = row, self.oracle.shapes[model].key
            spec.values |= {name: row.values[name] for name in names}
        elif how == 4 and "id" in self.oracle.shapes[model].fields:
            spec.values["id"] = -7 - choices.of(3)
        spec.given |= {name: value for name, value in spec.values.items() if name in self.oracle.shapes[model].key}
        self.fill_relations(spec, choices, depth, via)
        return spec

    def mapping(self, spec: Spec) -> Any:
        """As the store is given it."""
        if spec.bare and spec.row is not None:
            return self.record(spec.row)
        if spec.key is not None:
            return spec.key
        found = dict(spec.given)
        for ref, parent in spec.parents:
            nested = self.mapping(parent)
            found[ref.name] = (MODELS[ref.target], nested) if ref.tag else nested
        for name, nodes in spec.branches:
            listed = [self.mapping(node) for node in nodes]
            found[name] = (listed[0] if listed else None) if name == "profile" else listed
        return found if spec.weight is None else found | {"pivot": {"weight": spec.weight}}

    # ------------------------------------------------------------ writing it

    def write_tree(self, root: Spec, ours: Any, *, remove: bool) -> None:
        self.remove, self.places = remove, dict[tuple[str, str, int], tuple[str, Row, int]]()
        self.made = 0
        before = {model: set(self.record_keys(MODELS[model].all())) for model in MODELS}
        self.oracle.begin()
        try:
            if remove:
                self.find_beforehand(root)
            self.write(root, find=False)
            self.oracle.commit()
        except Refused:
            self.oracle.rollback()
            try:
                ours()
            except SinewError:
                return
            raise AssertionError("this tree should have been refused") from None
        ours()
        self.number_new_rows(before)

    def number_new_rows(self, before: dict[str, set[Any]]) -> None:
        for model in MODELS:
            fresh = [row for row in self.oracle.of(model) if (row.values.get("id") or 0) >= FRESH]
            made = [key for key in self.record_keys(MODELS[model].all()) if key not in before[model]]
            made = [key for key in made if not self.known(model, key)]
            for row, key in zip(fresh, made, strict=True):
                self.renumber(row, key)

    def known(self, model: str, key: Any) -> bool:
        return any(self.key(row) == key for row in self.oracle.of(model))

    def renumber(self, row: Row, key: Any) -> None:
        old = row.values["id"]
        for model, shape in self.oracle.shapes.items():
            for ref in shape.refs:
                if ref.target == row.model and ref.target_columns == ("id",):
                    for each in self.oracle.of(model):
                        if ref.key(each) == (old,):
                            each.values[ref.columns[0]] = key
        row.values["id"] = key

    def refuse(self) -> None:
        raise Refused("nested")

    def alive(self, row: Row) -> bool:
        return any(each.uid == row.uid for each in self.oracle.rows)

    def now(self, row: Row) -> Row:
        """Statements that are taken back leave copies."""
        return next((each for each in self.oracle.rows if each.uid == row.uid), row)

    def find_beforehand(self, spec: Spec) -> None:
        for _, parent in spec.parents:
            self.find(parent, {})
            self.find_beforehand(parent)
        for name, nodes in spec.branches:
            for node in nodes:
                if name == "profile":
                    self.find_one(node, self.first_profile(spec.row) if spec.row else None)
                else:
                    linked = (spec.model, name) in LINKS or spec.row is None
                    self.find(node, {} if linked or spec.row is None else self.own(spec, name))
                self.find_beforehand(node)

    def write(self, spec: Spec, *, find: bool = True) -> None:
        self.write_parents(spec)
        if find:
            self.find(spec, {})
        self.put_row(spec, {})
        self.write_branches(spec)

    def write_parents(self, spec: Spec) -> None:
        for ref, parent in spec.parents:
            self.write(parent)
            spec.refs.append((ref, parent.row))

    def find(self, spec: Spec, implied: dict[str, Any]) -> None:
        """By the primary key, or by all unique keys alike."""
        shape = self.oracle.shapes[spec.model]
        if spec.row is not None:
            return
        values = self.resolved(spec) | {name: value for name, value in implied.items() if value is not None}

        def rows(key: tuple[str, ...]) -> list[Row]:
            return [row for row in self.oracle.of(spec.model) if row.get(key) == tuple(values[name] for name in key)]

        whole = [key for key in (shape.key, *shape.unique) if all(values.get(name) is not None for name in key)]
        found = [next(iter(rows(key)), None) for key in whole[: 1 if shape.key in whole else None]]
        if any(each is not found[0] for each in found):
            self.refuse()
        spec.row = found[0] if found else None

    def put_row(self, spec: Spec, own: dict[str, Any]) -> None:
        values = self.resolved(spec) | own
        if spec.row is None:
            number = (
                {} if "id" in values or "id" not in self.oracle.shapes[spec.model].fields else {"id": self.number()}
            )
            spec.row = self.oracle.create(spec.model, DEFAULTS.get(spec.model, {}) | values | number)
            spec.fresh = True
            return
        row = self.now(spec.row)
        if not self.alive(row):
            self.refuse()
        changes = {name: value for name, value in values.items() if row.values[name] != value}
        if not changes.keys().isdisjoint(self.oracle.shapes[row.model].key):
            self.refuse()
        if changes:
            self.oracle.update([(row.uid, changes)])
        spec.row = self.now(row)

    def number(self) -> int:
        self.made += 1
        return FRESH + self.made

    def write_branches(self, spec: Spec) -> None:
        for name, nodes in spec.branches:
            assert spec.row is not None
            if not self.alive(spec.row):
                self.refuse()
            spec.row = self.now(spec.row)
            for node in nodes:
                self.write_parents(node)
            if (spec.model, name) in LINKS:
                self.write_links(spec, LINKS[spec.model, name], nodes)
            elif name == "profile":
                self.write_one(spec, nodes)
            else:
                self.write_many(spec, name, nodes)
            for node in nodes:
                self.write_branches(node)

    # ------------------------------------------------------------ one relation

    def inverse(self, spec: Spec, name: str) -> tuple[str, Ref]:
        child, ref = DIRECT[spec.model][name]
        return child, self.reference(child, ref, spec.model)

    def own(self, spec: Spec, name: str) -> dict[str, Any]:
        own: dict[str, Any] = {}
        self.set_reference_of(own, self.inverse(spec, name)[1], spec.row)
        return own

    def hold_place(self, spec: Spec, name: str, node: Spec) -> None:
        """A record has one place among those that a reference may give it."""
        if node.row is None:
            return
        assert spec.row is not None
        child, ref = self.inverse(spec, name)
        place, key = (f"{spec.model}.{name}", spec.row, id(node)), (child, ref.name, node.row.uid)
        before = self.places.setdefault(key, place)
        if before[2] != place[2] and (before[0] == place[0] or before[1].uid != place[1].uid):
            self.refuse()

    def write_many(self, spec: Spec, name: str, nodes: list[Spec]) -> None:
        own, exact = self.own(spec, name), self.remove and not spec.fresh
        child, ref = self.inverse(spec, name)
        assert spec.row is not None
        for node in nodes:
            self.find(node, own)
            self.hold_place(spec, name, node)
        if exact:
            staying = [node.row.uid for node in nodes if node.row]
            left = [row.uid for row in self.oracle.children(spec.row, child, ref) if row.uid not in staying]
            self.leave(child, ref, left)
        if not spec.fresh:
            self.exchange([node for node in nodes if node.row and self.has_values(node.row, own)])
        for node in nodes:
            self.put_row(node, own)
        if exact:
            self.oracle.arrange([node.row.uid for node in nodes if node.row], ref)

    def has_values(self, row: Row, values: dict[str, Any]) -> bool:
        return self.alive(row) and all(self.now(row).values[name] == value for name, value in values.items())

    def leave(self, child: str, ref: Ref, uids: list[int]) -> None:
        if not uids:
            return
        if ref.all_columns[0] in self.oracle.shapes[child].nullable:
            nothing: dict[str, Any] = dict.fromkeys(ref.all_columns)
            self.oracle.update([(uid, nothing) for uid in uids])
        else:
            self.oracle.delete(uids)

    def exchange(self, nodes: list[Spec]) -> None:
        """Unique values of records that stay go first, all at once."""
        changes: dict[int, dict[str, Any]] = {}
        for node in nodes:
            shape = self.oracle.shapes[node.model]
            names = {name for key in shape.unique for name in key} - set(shape.key)
            row = self.now(node.row) if node.row else None
            if row:
                values = self.resolved(node)
                new = {name: values[name] for name in names if name in values}
                changes[row.uid] = {name: value for name, value in new.items() if row.values[name] != value}
        try:
            self.oracle.update([(uid, each) for uid, each in changes.items() if each])
        except Refused as refused:
            if refused.kind == "unique":
                raise

    def first_profile(self, row: Row) -> Row | None:
        return next(iter(self.oracle.children(row, "Profile", self.reference("Profile", "author"))), None)

    def find_one(self, node: Spec, old: Row | None) -> None:
        if node.row is None and "id" not in node.values:
            node.row = old
        self.find(node, {})

    def write_one(self, spec: Spec, nodes: list[Spec]) -> None:
        assert spec.row is not None
        old = None if spec.fresh else self.first_profile(spec.row)
        for node in nodes:
            self.find_one(node, old)
            self.hold_place(spec, "profile", node)
        if old and not any(node.row and node.row.uid == old.uid for node in nodes):
            if not self.remove:
                self.refuse()
            self.oracle.delete([old.uid])
        for node in nodes:
            self.put_row(node, self.own(spec, "profile"))

    def write_links(self, spec: Spec, kind: Kind, nodes: list[Spec]) -> None:
        for node in nodes:
            self.find_linked(node)
        self.exchange([node for node in nodes if node.row and self.alive(node.row)])
        for node in nodes:
            self.find_linked(node)
            self.put_row(node, {})
        assert spec.row is not None
        targets = [self.now(node.row) for node in nodes if node.row]
        if kind.unique and len({row.uid for row in targets}) < len(targets):
            self.refuse()
        self.oracle.statement(self.link_all, spec, kind, list(zip(targets, nodes, strict=True)))

    def find_linked(self, node: Spec) -> None:
        if node.key is not None and node.row is None:
            node.row = next((row for row in self.oracle.of(node.model) if row.values["id"] == node.key), None)
            if node.row is None:
                self.refuse()
        self.find(node, {})

    def link_all(self, spec: Spec, kind: Kind, given: list[tuple[Row, Spec]]) -> None:
        assert spec.row is not None
        owner, done = self.now(spec.row), Changes()
        left = [] if spec.fresh else self.pairs(kind, owner)
        missing = []
        for target, node in given:
            pair = next((pair for pair in left if pair[0].uid == target.uid), None)
            if pair is None:
                missing.append((target, node))
                continue
            left.remove(pair)
            if node.weight is not None:
                pair[1].values["weight"] = node.weight
        if self.remove:
            self.cut(left, done)
        for target, node in missing:
            self.link(kind, owner, self.now(target), node.weight, done)
            self.oracle.rows[-1].values["id"] = self.number()
        if self.remove and not spec.fresh:
            self.arrange(kind, owner, [self.now(target) for target, _ in given])
