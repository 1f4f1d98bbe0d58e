"""Nodes: what a tree includes, and how.

A node is a relation with options, and the nodes below it; the root is the query's own. Nodes are immutable: including a
path gives a new root, which shares what is not on the path. What is included is checked at once, against the models as
they are; when the tree runs, relations are looked up by name in the definitions then in force.

A step that leads to several models (polymorphic) is a node for each of them, all under the name of the relation. What
is said of a many-to-many is said of its links, the rows of the pivot, from which the targets are one step away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from . import _engine, pivots
from .columns import Column, Operand, Ordering
from .compile import Lowering
from .errors import DefinitionError, FieldError, RelationError, UnknownName, one_of, show, suggest
from .moment import Moment
from .path import Path, is_path, paths_to, root_of, steps_of
from .predicates import Expr, Joined, shown
from .reach import as_operand
from .scope import Frame
from .ways import ways

if TYPE_CHECKING:
    from .definition import Definition, Relation
    from .pivots import Link


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What `include` was told about a node; None where it was told nothing."""

    where: Expr | None = None
    order_by: tuple[Ordering, ...] | None = None
    limit: int | None = None
    offset: int | None = None
    only: tuple[str, ...] | None = None

    def given(self) -> Iterator[tuple[str, Any]]:
        """Name and value of what was told."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                yield each.name, value


NAMES = tuple(each.name for each in fields(Options))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A relation in a tree. written: its path, for messages. relation: None at the root. below: by spelling."""

    written: str
    relation: Relation | None = None
    options: Options = Options()
    below: Mapping[str, Node] = field(default_factory=dict)

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {_text(value)}" for name, value in self.options.given())
        return f"{self.written}{f' ({said})' if said else ''}"

    @property
    def names(self) -> list[str]:
        """The names of the relations below."""
        return list(dict.fromkeys(each.relation.name for each in self.below.values() if each.relation is not None))

    def all_below(self) -> Iterator[Node]:
        """The nodes below, each before those below it."""
        waiting = [*self.below.values()][::-1]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += [*node.below.values()][::-1]


def including(root: Node, definition: Definition, paths: Sequence[Any], options: Mapping[str, Any]) -> Node:
    """The root with paths included, the last node of the only one with options. FieldError for what is no path or no
    option's value, RelationError for paths from other models and for what contradicts what is included already,
    UnknownName for options and fields that do not exist."""
    unknown = next((name for name in options if name not in NAMES), None)
    if unknown is not None:
        raise UnknownName(
            f"include() has no option `{unknown}`{suggest(unknown, NAMES) or f'; there are {one_of(NAMES)}'}"
        )
    if not paths:
        example = next((f"{definition.name}.{name}" for name in definition.relations), "Post.author")
        raise FieldError(f"{definition.name}.include() needs a path, such as include({example})")
    said = {name: value for name, value in options.items() if value is not None}
    if said and len(paths) > 1:
        raise FieldError(
            f"include() takes several paths, or one with options; include {paths[0]!r} with {', '.join(said)} by itself"
        )
    for path in paths:
        found = _ways(definition, path)
        if said:
            _need_one_target(path, found, said)
        for steps in found:
            root = _with(root, steps, _options(steps[-1], repr(path), said))
    return root


def _ways(definition: Definition, path: Any) -> list[list[Relation]]:
    """The relations of a path from a model: of each way, if it goes several."""
    if isinstance(path, Column):
        what = "getter" if path.field.computed else "field"
        raise FieldError(
            f"include() takes relations; {path!r} is a {what}, which its record shows anyway (only= chooses among them)"
        )
    if not is_path(path):
        hint = f"; write {definition.name}.{path}" if isinstance(path, str) and path in definition.relations else ""
        raise FieldError(f"include() takes paths such as {definition.name}.name, not {show(path)}{hint}")
    root, steps = root_of(path), steps_of(path)
    if root.cls is not definition.cls:
        rest = repr(path).removeprefix(root.name)
        written = [f"{each}{rest}" for each in paths_to(definition, root.cls)]
        hint = f"; write {' or '.join(written)}" if written else ""
        raise RelationError(f"{path!r} starts at {root.name}, but the roots of this tree are {definition.name}{hint}")
    for place, step in enumerate(steps):
        if step.name == "record":
            raise RelationError(
                f"{Path(root, steps[: place + 1])!r} cannot be included: `record` of a view is the record that it "
                "shows; read it from there"
            )
    return ways(root, steps)


def _need_one_target(path: Any, found: list[list[Relation]], said: Mapping[str, Any]) -> None:
    if len({way[-1].target for way in found}) > 1:
        choices = " or ".join(".".join((root_of(path).name, *(step.spelling for step in way))) for way in found)
        raise RelationError(
            f"{path!r} leads to several models, and {', '.join(f'{name}=' for name in said)} can be about one; include "
            f"{choices}"
        )


def _with(root: Node, steps: Sequence[Relation], options: Options) -> Node:
    """The root with the steps below it, and options at the last."""
    way = [root]
    for step in steps:
        known = way[-1].below.get(step.spelling)
        way.append(Node(f"{way[-1].written}.{step.spelling}", step) if known is None else known)
    made = replace(way[-1], options=_merged(way[-1], options))
    for above, step in zip(reversed(way[:-1]), reversed(steps), strict=True):
        made = replace(above, below={**above.below, step.spelling: made})
    return made


def _merged(node: Node, options: Options) -> Options:
    said = dict(node.options.given())
    for name, value in options.given():
        if name in said and not same(said[name], value):
            raise RelationError(
                f"{node.written} is included twice with different {name}=: {_text(said[name])} and {_text(value)}; "
                "include it with one"
            )
        said[name] = value
    return Options(**said)


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, tuple) else shown(value)


# ---------------------------------------------------------------- options


def _options(relation: Relation, written: str, said: Mapping[str, Any]) -> Options:
    if not relation.to_many:
        for name in ("order_by", "limit", "offset"):
            if name in said:
                raise RelationError(f"{written} leads to one record at most, and {name}= is for several")
    options = Options(
        where=_condition(written, said.get("where")),
        order_by=_terms(said.get("order_by")),
        limit=_number(written, "limit", said.get("limit")),
        offset=_number(written, "offset", said.get("offset")),
        only=_only(relation.target, written, said.get("only")),
    )
    _try(relation, written, options)
    return options


def _condition(written: str, value: Any) -> Expr | None:
    if value is None or isinstance(value, Expr):
        return value
    raise FieldError(
        f"include({written}, where=...) takes a predicate such as Post.views > 3 (several joined by &), not "
        f"{show(value)}"
    )


def _terms(value: Any) -> tuple[Ordering, ...] | None:
    if value is None:
        return None
    listed = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(term if isinstance(term, Ordering) else Ordering(as_operand(term, "order_by")) for term in listed)


def _number(written: str, name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(type(value), "__index__") or value.__index__() < 0:
        raise FieldError(f"include({written}, {name}=...) takes a number of records, 0 or more, not {show(value)}")
    return int(value.__index__())


def _only(target: Definition, written: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, Column)) or is_path(value) or not isinstance(value, Iterable):
        raise FieldError(f'include({written}, only=...) takes several fields, ["id"], not {show(value)}')
    names = tuple(_field_name(target, written, each) for each in value)
    for name in names:
        if names.count(name) > 1:
            raise FieldError(f"include({written}, only=...) names `{name}` twice")
    return names


def _field_name(target: Definition, written: str, value: Any) -> str:
    name = value
    if isinstance(value, Column):
        name = value.field.name
        if value.steps or value.root.cls is not target.cls:
            raise FieldError(f"include({written}, only=...) takes fields of {target.name}, and {value!r} is none")
    if is_path(value):
        name = steps_of(value)[-1].name
    if not isinstance(name, str):
        raise FieldError(f"include({written}, only=...) takes names of fields, or columns, not {show(value)}")
    if target.attribute(name) is None:
        target.ensure()  # may add foreign keys
    if name in target.relations:
        raise FieldError(
            f"include({written}, only=...) chooses fields, and {target.name}.{name} is a relation: include it"
        )
    if target.attribute(name) is None:
        near = suggest(name, [*target.fields, *target.getters])
        raise UnknownName(f"include({written}, only=...): {target.name} has no field `{name}`{near}")
    return name


def _try(relation: Relation, written: str, options: Options) -> None:
    """Compiles the conditions and the order for the sake of their mistakes. Models that cannot be laid out yet report
    when the tree runs."""
    target = relation.target
    try:
        relation.definition.ensure()
        target.ensure()
    except DefinitionError:
        return
    link = relation.link
    if link is not None and ("pivot" in target.fields or "pivot" in target.relations):
        raise RelationError(
            f"{written} cannot be included: `pivot` of a view is the row of {link.pivot.name} that links it, and "
            f"{target.name} has a `pivot` of its own"
        )
    for frame in frames_of(relation):
        where, order = lower(Lowering(target.db), frame, options)
        _engine.Plan(frame.definition.cls, where=where, order=order)


def frames_of(relation: Relation) -> tuple[Frame, ...]:
    """What conditions on a node look at: the target, or the link that leads to it, by each of the ways."""
    return (Frame(relation.target),) if relation.link is None else pivots.frames(relation)


def lower(lowering: Lowering, frame: Frame, options: Options) -> tuple[Any, tuple[Any, ...]]:
    """Condition and order as the extension takes them. FieldError if they are nested too deep, and what the compiler
    raises."""
    try:
        where = None if options.where is None else lowering.predicate(options.where, frame)
        return where, tuple(lowering.order(term, frame) for term in options.order_by or ())
    except RecursionError:
        raise FieldError(f"the conditions on {frame.definition.name} in this tree are nested too deep") from None


# ---------------------------------------------------------------- sameness


def same(a: Any, b: Any) -> bool:
    """Whether two options say the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Joined):
        return same(a.parts, b.parts)
    if isinstance(a, (Expr, Operand, Ordering, Moment)):
        return not isinstance(a, Column) and all(same(getattr(a, name), getattr(b, name)) for name in _slots(type(a)))
    if is_path(a) or callable(a):
        return False
    try:
        return bool(a == b)
    except MemoryError:
        raise
    except Exception:
        return False


def _slots(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (name for name in ((slots,) if isinstance(slots, str) else slots) if name != "__weakref__")


# ---------------------------------------------------------------- levels


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A node in the definitions that are in force. parent: its number; of the root, 0. relation: of the root, None.
    below: numbers by name, several for what leads to several models."""

    node: Node
    parent: int
    relation: Relation | None
    definition: Definition
    below: dict[str, int | tuple[int, ...]] = field(default_factory=dict)

    @property
    def link(self) -> Link | None:
        """How the targets are linked, by a many-to-many."""
        return None if self.relation is None else self.relation.link

    def add(self, relation: Relation, number: int) -> None:
        """A level below."""
        name = relation.name
        if relation.base is relation:
            self.below[name] = number
        else:
            others = self.below.get(name, ())
            assert isinstance(others, tuple)
            self.below[name] = (*others, number)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are shown, and getters that only= names."""
        only = self.node.options.only
        if only is None:
            return tuple(self.definition.fields)
        for name in only:
            if self.definition.attribute(name) is None:
                raise UnknownName(
                    f"{self.definition.name} has no field `{name}` any more, which only= names at {self.node.written}"
                )
        return only

    def known(self) -> dict[str, Any]:
        """What views at this level know, by name: fields, the numbers of levels below, None for fields not shown."""
        fields = self.definition.fields
        known: dict[str, Any] = dict.fromkeys(fields)
        known.update((name, fields[name].engine) for name in self.names if name in fields)
        known.update(self.below)
        known.pop("record", None)
        if self.link is not None:
            known.pop("pivot", None)
        return known


def levels(root: Node, definition: Definition) -> list[Level]:
    """The nodes of a tree, each before those below it; lays the models out."""
    definition.ensure()
    found = [Level(root, 0, None, definition)]
    waiting = [(0, each) for each in [*root.below.values()][::-1]]
    while waiting:
        parent, node = waiting.pop()
        assert node.relation is not None
        here = found[parent].definition
        relation = node.relation.in_force(here)
        if relation is None:
            spelling = node.relation.spelling
            raise UnknownName(f"{here.name} has no relation `{spelling}` any more{here.suggest(node.relation.name)}")
        relation.target.ensure()
        waiting += [(len(found), each) for each in [*node.below.values()][::-1]]
        found[parent].add(relation, len(found))
        found.append(Level(node, parent, relation, relation.target))
    return found
