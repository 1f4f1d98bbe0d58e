"""Nested values as nodes: what `create_tree` and `assign_tree` are given, read before anything is changed.

A node stands for one record: the values of its fields and references, the nodes that it refers to (`parents`), and a
branch for each of its relations that is given. Everything that can be said without looking at records is said here:
names that do not exist, things of the wrong shape, mappings within themselves. Whatever code of the user runs when a
mapping or a list is read has run then; what these hold afterwards does not matter any more.

Trees are read with a stack of our own, so that their depth is bounded by DEEPEST alone, which is there for mappings
that go on for ever. Nodes know nothing of those above: dropping the root drops all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _engine, errors
from .collection import _inverse, _name
from .errors import FieldError, RelationError, UnknownName, kind_of, show, suggest
from .places import Place, at_place, placed

if TYPE_CHECKING:
    from .definition import Definition, Relation

DEEPEST = 10_000
"""How many levels a tree may have."""


@dataclass(slots=True, eq=False)
class Node:
    """One record to be. record: what it is, as soon as that is known. key: what it is looked for by, if that is all
    there is. fresh: made by this tree. pivot: the values of its link."""

    definition: Definition
    place: Place | None
    values: dict[str, Any] = field(default_factory=dict)
    parents: tuple[tuple[Relation, Node], ...] = ()
    branches: tuple[Branch, ...] = ()
    pivot: Mapping[str, Any] | None = None
    record: Any = None
    key: Any = None
    fresh: bool = False


@dataclass(slots=True, eq=False)
class Branch:
    """A relation of a node and what it is to hold; nothing, for a has_one that is to be None."""

    relation: Relation
    place: Place
    nodes: list[Node] = field(default_factory=list)


Met: TypeAlias = tuple[Node, "Relation | None", Node | None]
"""A node in the order of reading; and the relation in whose branch it is, and of which node, unless it is the root or
referred to."""


def read(root: Node, values: Mapping[str, Any]) -> list[Met]:
    """Fills the root, and makes all other nodes. FieldError, UnknownName, RelationError, saying where; what the given
    mappings and lists raise."""
    reader = _Reader()
    reader.stack.append(((root, None, None), values))
    while reader.stack:
        reader.step()
    return reader.met


def is_mapping(value: object) -> bool:
    """Whether a value stands for the values of a record."""
    return type(value) is dict or (isinstance(value, Mapping) and not isinstance(value, _engine.Record))


class _Reader:
    def __init__(self) -> None:
        self.met: list[Met] = []
        self.stack: list[tuple[Met | None, Any]] = []  # what is to be read; (None, mapping) where one has been
        self.open: set[int] = set()  # the mappings around what is read: the stack holds them
        self.next: list[tuple[Met | None, Any]] = []

    def step(self) -> None:
        met, values = self.stack.pop()
        if met is None:
            self.open.discard(id(values))
            return
        self.met.append(met)
        try:
            self.fill(met, values)
        except Exception as error:
            at_place(error, met[0].place)
            raise
        if self.next:
            self.stack.append((None, values))
            self.stack.extend(reversed(self.next))
            self.next.clear()
        else:
            self.open.discard(id(values))

    def fill(self, met: Met, values: Any) -> None:
        if id(values) in self.open:
            raise FieldError("this mapping holds itself, and the tree would have no end; give another one here")
        if len(self.open) >= DEEPEST:
            raise FieldError(f"the tree has more than {DEEPEST:,} levels; create it in parts")
        self.open.add(id(values))
        row = dict(values)
        node, relation, _ = met
        if relation is not None and relation.link is not None:
            node.pivot = _pivot(relation, row)
        for name, value in row.items():
            if name in node.definition.fields and name not in node.definition.relations:
                node.values[name] = value
            else:
                self.attribute(met, row, name, value)

    def attribute(self, met: Met, row: Mapping[str, Any], name: Any, value: Any) -> None:
        node = met[0]
        relation = node.definition.relations.get(name) if isinstance(name, str) else None
        if relation is None:
            raise _unknown(node, name)
        if relation.kind == "belongs_to":
            self.reference(met, row, relation, value)
        else:
            self.branch(node, relation, Place(node.place, name), value)

    def reference(self, met: Met, row: Mapping[str, Any], relation: Relation, value: Any) -> None:
        """A record, None, or the values of one."""
        node, via, _ = met
        place = Place(node.place, relation.name)
        found = _target(relation, row, value, place)
        if found is None:
            node.values[relation.name] = value
            return
        if via is not None and via.inverse_of is not None and via.inverse_of.base is relation:
            raise placed(
                RelationError(f"{_name(via)} sets {_name(relation)} itself, to the record around it; leave it out"),
                place,
            )
        parent = Node(found[0], place)
        node.parents += ((relation, parent),)
        self.next.append(((parent, None, None), found[1]))

    def branch(self, node: Node, relation: Relation, place: Place, value: Any) -> None:
        """What a has_one, has_many or many-to-many is given."""
        branch = Branch(relation, place)
        node.branches += (branch,)
        try:
            if relation.link is None:
                _inverse(relation)
            listed = _one(value) if relation.kind == "has_one" else _several(relation, value)
        except Exception as error:
            at_place(error, place)
            raise
        target = relation.target
        for index, each in enumerate(listed):
            entry = Node(target, place if relation.kind == "has_one" else Place(place, f"[{index}]"))
            branch.nodes.append(entry)
            self.entry((entry, relation, node), relation, each)

    def entry(self, met: Met, relation: Relation, value: Any) -> None:
        node = met[0]
        if is_mapping(value):
            self.next.append((met, value))
            return
        self.met.append(met)
        if isinstance(value, node.definition.cls):
            node.record = value
        elif relation.link is not None and value is not None and not isinstance(value, _engine.Record):
            node.key = value
        else:
            raise placed(FieldError(_not_an_entry(relation, value)), node.place)


def _unknown(node: Node, name: Any) -> UnknownName | FieldError:
    definition = node.definition
    shown = f"`{name}`" if isinstance(name, str) else show(name)
    if isinstance(name, str) and name in definition.getters:
        return errors.given_getter(definition.getters[name])
    near = suggest(name, [*definition.fields, *definition.relations])
    return UnknownName(f"{definition.name} has no field or relation {shown}{near}")


# ---------------------------------------------------------------- shapes


def _pivot(relation: Relation, row: dict[str, Any]) -> Mapping[str, Any]:
    """The values of the link, taken out of those of the target, as `Links.create` has them."""
    target = relation.target
    if "pivot" not in row or "pivot" in target.fields or "pivot" in target.relations:
        return {}
    pivot = row.pop("pivot")
    if not is_mapping(pivot):
        raise FieldError(f"{_name(relation)}: pivot holds a mapping of the pivot's values, not {show(pivot)}")
    return dict(pivot)


def _one(value: Any) -> list[Any]:
    return [] if value is None else [value]


def _several(relation: Relation, value: Any) -> Iterator[Any]:
    single = is_mapping(value) or isinstance(value, (str, bytes, _engine.Record))
    if single or not isinstance(value, Iterable):
        hint = f"; a single one goes into a list: {relation.name}=[...]" if single else ""
        raise FieldError(f"{_name(relation)} takes a list of {_entries(relation)}, not {show(value)}{hint}")
    return iter(list(value))


def _entries(relation: Relation) -> str:
    keys = ", keys of them," if relation.link is not None else ""
    return f"{relation.target.name} records{keys} and mappings of values"


def _not_an_entry(relation: Relation, value: object) -> str:
    target = relation.target.name
    other = f"a {target} of another database" if kind_of(value) == target else kind_of(value)
    takes = f"a {target} record, a mapping of values, or None" if relation.kind == "has_one" else _entries(relation)
    return f"{_name(relation)} takes {takes}, not {show(value)} ({other})"


# ---------------------------------------------------------------- references to several models


def _target(
    relation: Relation, row: Mapping[str, Any], value: Any, place: Place
) -> tuple[Definition, Mapping[str, Any]] | None:
    """The model and the values of a record that a belongs_to is given as a mapping; None if it is given otherwise. With
    several models, a pair names the one that is meant, (Post, {...}), or the type field beside it does."""
    model, values = None, value
    if relation.members and isinstance(value, tuple) and len(value) == 2 and is_mapping(value[1]):
        model, values = value
    elif not is_mapping(value):
        return None
    if not relation.members:
        return relation.target, values
    try:
        return _typed(relation, row) if values is value else _named(relation, model), values
    except Exception as error:
        at_place(error, place)
        raise


def _named(relation: Relation, model: Any) -> Definition:
    found = next((each for each in relation.targets if each.cls is model), None)
    if found is None:
        shown = model.__name__ if isinstance(model, type) else show(model)
        raise FieldError(f"{_name(relation)} leads to {' or '.join(relation.target_names)}, not to {shown}")
    return found


def _typed(relation: Relation, row: Mapping[str, Any]) -> Definition:
    name = relation.foreign_key[0].name
    given = row.get(name)
    for member in relation.members:
        if name in row and type(given) is type(member.value) and given == member.value:
            return member.target
    models = [f"({each}, {{...}})" for each in relation.target_names]
    said = f"{name}={show(given)} names none of them" if name in row else "a mapping does not say which"
    raise FieldError(
        f"{_name(relation)} leads to {' or '.join(relation.target_names)}, and {said}; give {' or '.join(models)}, or "
        f"`{name}` beside it"
    )
