"""Pivots: the models whose rows link the records of a many-to-many.

A pivot is a model like any other, with a belongs_to to each side. A many-to-many goes backward along one of them
(`near`) to the rows of the pivot, and from there forward along the other (`far`). Here its pivot is found, or made
where none is named, and the two references in it:

    named        by the annotation, by pivot=, or by the many_to_many that inverse= names
    made         `Post.tags` and its inverse share the model `PostTags`, with an `id`, `post` and `tag`; for links
                 within one model `from_user` and `to_user`. Its name is made from the first of the two sides, by the
                 names of the models (within one model: the one declared first), so that any number of them stand beside
                 each other

What a many-to-many asks of its pivot, it gets: the two references cascade unless they say otherwise, and the two keys
together are unique unless unique=False. Both are asked of the registry when they are needed, so that they hold for what
is in force then.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _engine, compile, keys
from .errors import DefinitionError, show, suggest
from .relations import RelationDeclaration, pivots_differ
from .scope import Frame
from .soft import is_soft

if TYPE_CHECKING:
    from .definition import Definition, Relation


Hop: TypeAlias = tuple[Any, ...]
"""A step of a path as the extension takes it."""


@dataclass(frozen=True)
class Link:
    """How a many-to-many goes through its pivot, from `source` to `target`: by two of its references, named, as the
    pivot may be defined anew. across: what leads from a row of the pivot to the target instead of `far`."""

    pivot: Definition
    near_name: str
    far_name: str
    source: Definition
    target: Definition
    across: Relation | OtherSide | None = None

    @property
    def near(self) -> Relation:
        """The reference from the pivot to this side."""
        return self._reference(self.near_name, self.source)

    @property
    def far(self) -> Relation:
        """The reference from the pivot to the other side."""
        return self._reference(self.far_name, self.target)

    def _reference(self, name: str, side: Definition) -> Relation:
        found = _towards(self.pivot.relations[name], side)
        assert found is not None
        return found

    @property
    def step(self) -> Any:
        """What leads from a row of the pivot to the target."""
        return self.far if self.across is None else self.across

    def turned(self) -> Link:
        """The same from the other side."""
        return Link(self.pivot, self.far_name, self.near_name, self.target, self.source)

    def goes_like(self, other: Link) -> bool:
        """Whether both go along the same two references, in the same direction."""
        names = (other.near_name, other.far_name)
        return self.pivot is other.pivot and (self.near_name, self.far_name) == names

    def same_pair(self, other: Link) -> bool:
        """Whether both go along the same two references."""
        return self.goes_like(other) or self.goes_like(other.turned())


def _towards(reference: Relation, side: Definition) -> Relation | None:
    """A belongs_to as a step to this model; None if it does not lead there."""
    return reference.towards(side)


def _links(pivot: Definition) -> Iterator[tuple[Relation, Link]]:
    """The many-to-many that go through a model, as far as its references are what they were when they were found."""
    for definition in tuple(pivot.db.definitions.values()):
        for relation in definition.relations.values():
            link = relation.link
            if link is not None and link.pivot is pivot and {link.near_name, link.far_name} <= pivot.relations.keys():
                yield relation, link


def is_used(reference: Relation) -> bool:
    """Whether a many-to-many goes along this belongs_to."""
    return any(reference.name in (link.near_name, link.far_name) for _, link in _links(reference.definition))


def is_unique(link: Link) -> bool:
    """Whether two records are linked at most once: unless a many-to-many that goes the same way says otherwise."""
    return all(each.declaration.unique for each, other in _links(link.pivot) if link.same_pair(other))


def unique_pairs(pivot: Definition) -> list[tuple[str, ...]]:
    """The names of the fields that are unique together because rows of this model are links."""
    order = list(pivot.relations.values())
    found: dict[tuple[str, ...], None] = {}
    for _, link in _links(pivot):
        if is_unique(link):
            both = sorted((pivot.relations[link.near_name], pivot.relations[link.far_name]), key=order.index)
            found[tuple(info.name for each in both for info in keys.foreign_key_of(each))] = None
    return list(found)


# ---------------------------------------------------------------- which pivot


def reached(relation: Relation) -> list[str]:
    """The names of the models that a relation leads to, its pivot among them: made if need be. What is wrong with it is
    reported by `connect`."""
    names = list(relation.target_names)
    if relation.kind == "many_to_many":
        try:
            names.append(_pivot_of(relation).name)
        except DefinitionError:
            pass
    return names


def _pivot_of(relation: Relation) -> Definition:
    models = relation.definition.db.definitions
    name = _named(relation)
    other = partner(relation)
    if name is None and other is not None:
        name = _named(other)
    if name is None:
        return _made_for(relation, other)
    if name not in models:
        raise relation.definition.problem(
            relation.name,
            f"goes through `{name}`, which is no model of this database{suggest(name, models)} "
            f"(there are: {', '.join(models)}); is the module with its class imported?",
        )
    return models[name]


def _named(relation: Relation) -> str | None:
    """The pivot that a many-to-many names."""
    given, annotated = relation.declaration.pivot, relation.pivot_name
    if given is None:
        return annotated
    value = keys.call(relation, "pivot", given) if not isinstance(given, type) else given
    definition = value if isinstance(value, str) else getattr(value, "__sinew__", None)
    name: str | None = definition if isinstance(definition, str) else getattr(definition, "name", None)
    if name is None:
        raise relation.definition.problem(
            relation.name, f"pivot= takes a model, such as `lambda: Tagging`, or its name, not {show(value)}"
        )
    if not isinstance(definition, str) and definition is not None and definition.db is not relation.definition.db:
        raise relation.definition.problem(relation.name, f"pivot= names {name}, a model of another database")
    if annotated is not None and annotated != name:
        raise relation.definition.problem(relation.name, pivots_differ(annotated, name))
    return name


def partner(relation: Relation) -> Relation | None:
    """The many_to_many that shows the same links from the other side: what inverse= names, or what names this one; or,
    between two models, the only one that comes back, if neither says anything else."""
    from .resolve import inverse_named

    if relation.declaration.inverse is not None:
        return inverse_named(relation, relation.declaration.inverse)
    if relation.declaration.symmetric:
        return None
    back = [each for each in _between(relation.target, relation.definition) if each is not relation]
    pointing = [each for each in back if each.declaration.inverse is not None and _points_at(each, relation)]
    if pointing:
        return pointing[0]
    plain = [each for each in back if _says_nothing(each)]
    if relation.target is relation.definition or not plain or not _says_nothing(relation):
        return None
    own = [each for each in _between(relation.definition, relation.target) if _says_nothing(each)]
    if len(plain) > 1 or len(own) > 1:
        listed = " or ".join(f"inverse=lambda: {relation.target_name}.{each.name}" for each in plain)
        raise relation.definition.problem(
            relation.name, f"may be the other side of several many-to-many; say which: {listed}, or name its pivot"
        )
    return plain[0]


def _between(definition: Definition, target: Definition) -> list[Relation]:
    relations = definition.relations.values()
    return [each for each in relations if each.kind == "many_to_many" and each.target_name == target.name]


def _says_nothing(relation: Relation) -> bool:
    d = relation.declaration
    return d.inverse is None and d.pivot is None and relation.pivot_name is None and not d.symmetric


def _points_at(other: Relation, relation: Relation) -> bool:
    from .resolve import inverse_named

    return inverse_named(other, other.declaration.inverse) is relation


# ---------------------------------------------------------------- making one


def _first(relation: Relation, other: Relation | None) -> Relation:
    """The side after which a pivot that is made is named."""
    if other is None:
        return relation

    def place(each: Relation) -> tuple[str, int]:
        return each.definition.name, list(each.definition.relations).index(each.name)

    return min(relation, other, key=place)


def _made_for(relation: Relation, other: Relation | None) -> Definition:
    """The pivot of a many-to-many that names none, made unless it is there."""
    first = _first(relation, other)
    owner, target = first.definition, first.target
    db = owner.db
    name = owner.name + "".join(part[:1].upper() + part[1:] for part in first.name.split("_"))
    sides = {_side(owner, target, 0): owner.name, _side(owner, target, 1): target.name}
    known = db.definitions.get(name)
    if known is None:
        return _make(first, name, sides)
    same = known.made and {each.name: each.target_name for each in known.relations.values()} == sides
    if not same:
        raise relation.definition.problem(
            relation.name,
            f"needs a pivot, and `{name}`, which would be made for it, is another model already; name one: "
            f"`ManyToMany[{relation.target_name}, {name}]` if that is meant, or pivot=",
        )
    return known


def _side(owner: Definition, target: Definition, side: int) -> str:
    """The name of a reference in a pivot that is made."""
    from .declare import RECORD_METHODS

    model = (owner, target)[side].name
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", model).lower().lstrip("_")
    if owner is target:
        return f"{'from' if side == 0 else 'to'}_{name}"
    return f"{name}_" if name in RECORD_METHODS or name == "id" or keyword.iskeyword(name) else name


def _make(first: Relation, name: str, sides: dict[str, str]) -> Definition:
    from . import declare

    place = first.definition.place.within(name, first.name)
    references = {each: RelationDeclaration("belongs_to", target) for each, target in sides.items()}
    soft = is_soft(first.definition) or is_soft(first.target)  # links that go with what they link come back with it
    definition = declare.made(place, first.definition.db, references, soft=soft)
    definition.made = True
    return definition


# ---------------------------------------------------------------- which references


def connect(relation: Relation) -> None:
    """Finds the pivot of a many-to-many and the references in it. DefinitionError saying what to declare."""
    definition, d = relation.definition, relation.declaration
    if d.symmetric and relation.target_name != definition.name:
        raise definition.problem(
            relation.name,
            f"cannot be symmetric: it leads from {definition.name} to {relation.target_name}, and only links within "
            "one model look the same from both sides",
        )
    if d.symmetric and d.inverse is not None:
        raise definition.problem(relation.name, "is symmetric, which makes it its own inverse; leave inverse= out")
    other = partner(relation)
    if other is not None:
        _check_partner(relation, other)
    pivot = _pivot_of(relation)
    near, far = _sides(relation, other, pivot)
    relation.link = Link(pivot, near.name, far.name, definition, relation.target)
    theirs = None if other is None or other is relation else other.link
    if other is not None and theirs is not None and not theirs.goes_like(relation.link.turned()):
        raise definition.problem(
            relation.name,
            f"and its inverse {other.definition.name}.{other.name} do not go the same way: {_way(relation.link)}, and "
            f"back {_way(theirs)}; foreign_key= names this side's reference, other_key= the other's",
        )


def _way(link: Link) -> str:
    return f"by {link.pivot.name}.{link.near_name} and {link.pivot.name}.{link.far_name}"


def _check_partner(relation: Relation, other: Relation) -> None:
    definition, what = relation.definition, f"{other.definition.name}.{other.name}"
    if other.kind != "many_to_many" or other.target_name != definition.name:
        raise definition.problem(
            relation.name,
            f"inverse= names {what}, a {other.kind} to {other.target_name}; it takes a many_to_many from "
            f"{relation.target_name} to {definition.name}",
        )
    if other.declaration.inverse is not None and not _points_at(other, relation):
        raise definition.problem(
            relation.name, f"inverse= names {what}, whose own inverse= names another; let both name each other"
        )
    ours, theirs = _named(relation), _named(other)
    if ours is not None and theirs is not None and ours != theirs:
        raise definition.problem(
            relation.name, f"goes through {ours}, and its inverse {what} through {theirs}; name the same pivot on both"
        )


def _sides(relation: Relation, other: Relation | None, pivot: Definition) -> tuple[Relation, Relation]:
    definition, d = relation.definition, relation.declaration
    if pivot.made:
        one, two = pivot.relations.values()
        return (one, two) if _first(relation, other) is relation else (two, one)
    near_key, far_key = d.foreign_key, d.other_key
    if other is not None:
        near_key = near_key or other.declaration.other_key
        far_key = far_key or other.declaration.foreign_key
    nears = _candidates(relation, pivot, definition, "foreign_key", near_key)
    fars = _candidates(relation, pivot, relation.target, "other_key", far_key)
    if len(nears) == 1:
        fars = [each for each in fars if each is not nears[0]]
    elif len(fars) == 1:
        nears = [each for each in nears if each is not fars[0]]
    if not nears or not fars:
        raise definition.problem(
            relation.name,
            f"links two records of {definition.name} and needs two references in {pivot.name}, one for each; there is "
            f"only `{(nears or fars)[0].name}`",
        )
    near = _only(relation, pivot, definition, "foreign_key", nears)
    return near, _only(relation, pivot, relation.target, "other_key", fars)


def _candidates(relation: Relation, pivot: Definition, side: Definition, option: str, given: Any) -> list[Relation]:
    """The references in a pivot to one side; the one that an option names, if it does."""
    leading = [each for each in pivot.belongs_to() if _towards(each, side) is not None]
    if given is not None:
        return [_reference_named(relation, pivot, side, option, given, leading)]
    if not leading:
        name = side.name.lower()
        raise relation.definition.problem(
            relation.name,
            f"goes through {pivot.name}, which has no reference to {side.name}; declare "
            f"`{name}: BelongsTo[{side.name}] = belongs_to()` on {pivot.name}",
        )
    return leading


def _reference_named(
    relation: Relation, pivot: Definition, side: Definition, option: str, given: Any, leading: list[Relation]
) -> Relation:
    """By its name or by its columns."""
    names = (given,) if isinstance(given, str) else tuple(given)
    known: dict[tuple[str, ...], Relation] = {}
    for each in pivot.belongs_to():
        known[(each.name,)] = each
        columns = tuple(info.name for info in keys.foreign_key_of(each))
        known[columns] = each
    found = known.get(names)
    if found in leading:
        assert found is not None
        return found
    said = ", ".join(f"`{name}`" for name in names)
    if found is not None:
        listed = ", ".join(f"`{each.name}`" for each in leading) or "there is none"
        raise relation.definition.problem(
            relation.name,
            f"{option}= names {pivot.name}.{found.name}, which leads to {' or '.join(found.target_names)}; "
            f"it takes a reference to {side.name} (those: {listed})",
        )
    near = suggest(names[0], [name for key in known for name in key])
    raise relation.definition.problem(
        relation.name, f"{option}= names {said}, which is no reference of {pivot.name}{near}"
    )


def _only(relation: Relation, pivot: Definition, side: Definition, option: str, candidates: list[Relation]) -> Relation:
    if len(candidates) == 1:
        return candidates[0]
    listed = " or ".join(f'{option}="{each.name}"' for each in candidates)
    raise relation.definition.problem(
        relation.name, f"goes through {pivot.name}, which has several references to {side.name}; say which: {listed}"
    )


# ---------------------------------------------------------------- hops


def branches(relation: Relation) -> tuple[Link, ...]:
    """The ways from a record over the pivot: one, or, if both sides look the same, one in each direction."""
    link = relation.link
    assert link is not None
    return (link, link.turned()) if relation.declaration.symmetric else (link,)


def near_hop(relation: Relation, link: Link, *more: Any) -> Hop:
    """To the rows of the pivot, for which the relation's where= holds, and what is said more."""
    condition = relation.condition
    where = None if condition is None else compile.predicate_ir((condition,), Frame(link.pivot, link=link))
    said = compile.both([each for each in (where, *more) if each is not None])
    return (link.near.descriptor, True, False, said, (), None)


def far_hop(link: Link) -> Hop:
    """From a row of the pivot to the target."""
    return (link.far.descriptor, False, False, None, (), None)


def frames(relation: Relation) -> tuple[Frame, ...]:
    """What conditions on the links look at, by each of the ways."""
    return tuple(Frame(link.pivot, link=link) for link in branches(relation))


def orders(relation: Relation) -> tuple[tuple[Any, ...], ...]:
    """The relation's order, about the rows of the pivot, by each of the ways."""
    return tuple(tuple(compile.order_ir(relation.ordering, frame)) for frame in frames(relation))


def pair_hop(relation: Relation) -> Hop:
    """To the rows of the pivot, in the relation's order."""
    order = orders(relation)
    if len(order) == 1:
        return (*near_hop(relation, branches(relation)[0])[:4], order[0], None)
    return by_ways([(path, None, each, None) for path, each in zip(relation.way_paths, order, strict=True)])


def by_ways(ways: Sequence[tuple[_engine.Path, Any, Any, _engine.Path | None]], cut: Any = None) -> Hop:
    """To the rows of the pivot by several ways, of which each says its own condition and order, and what leads on."""
    return (("union", *ways), False, False, None, (), cut)


def hops_of(relation: Relation) -> tuple[Hop, ...]:
    """The hops of a many-to-many. Conditions and order look at the rows of the pivot, and from there at the target.
    What is linked both ways round is one target of links seen from both sides."""
    assert relation.link is not None
    if not relation.declaration.symmetric:
        return pair_hop(relation), far_hop(relation.link)
    links = branches(relation)
    if not relation.ordering:
        return (_union(relation, [[near_hop(relation, link), far_hop(link)] for link in links]),)
    parts = zip(relation.way_paths, orders(relation), links, strict=True)
    along = by_ways([(path, None, order, link.far.path) for path, order, link in parts])
    return ((_engine.Path(relation.definition.db.store, [along]), False, False, None, (), None),)


def narrowed(relation: Relation, said: Callable[[Link], Any]) -> tuple[Hop, ...]:
    """The hops of a many-to-many, along those links only for which something holds."""
    ways = [[near_hop(relation, link, said(link)), far_hop(link)] for link in branches(relation)]
    return tuple(ways[0]) if len(ways) == 1 else (_union(relation, ways),)


def _union(relation: Relation, ways: Sequence[Sequence[Hop]]) -> Hop:
    store = relation.definition.db.store
    return (("union", *(_engine.Path(store, way) for way in ways)), False, False, None, (), None)


class OtherSide:
    """The step from a row of the pivot to the record at the other end, seen from one that is at either; to that record
    itself if it is at both; nowhere if nothing is at the other end. Takes the place of a belongs_to in paths."""

    kind, to_many, distinct = "belongs_to", False, True
    link = along = None

    def __init__(self, relation: Relation, owner: Any) -> None:
        link = relation.link
        assert link is not None
        self.name, self.target = link.far_name, link.target
        self.definition = link.pivot
        infos = [link.target.fields[name].engine for name in link.target.primary_key]
        keys = zip(infos, _engine.values(owner, infos), strict=True)
        is_owner = ("and", *(("compare", "==", ("column", 0, info), ("const", info, key)) for info, key in keys))
        far, near = link.far.descriptor, link.near.descriptor
        store = relation.definition.db.store
        both = [_engine.Path(store, [(end, False, False, is_owner, (), None)]) for end in (far, near)]
        ways: list[list[Hop]] = [
            [(far, False, False, ("not", is_owner), (), None)],
            [(near, False, False, ("not", is_owner), (), None)],
            [(("intersection", *both), False, False, None, (), None)],
        ]
        along = _union(relation, ways)[0]
        self._hops = ((along, False, True, None, (), None),)
        self.path = _engine.Path(store, self._hops)

    def hops(self) -> tuple[Hop, ...]:
        """The steps of the path, as the extension takes them."""
        return self._hops

    whole = hops


def link_from(relation: Relation, owner: Any) -> Link:
    """How a many-to-many goes from one record."""
    link = relation.link
    assert link is not None
    return replace(link, across=OtherSide(relation, owner)) if relation.declaration.symmetric else link
