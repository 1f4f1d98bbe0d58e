"""Which row a name in a condition speaks of.

A condition is evaluated at a row, within `exists` or an aggregate at a row around which there are others. Each is a
Frame, the innermost first; its depth is how many frames stand inside of it. Two sorts:

    named   the row of the query, or the target in exists(path, ...) and count(path, ...);
            a column `Post.title` speaks of the innermost named frame of Post
    bound   the "some" row of one comparison over a to-many path;
            only columns of that comparison with just that path see it

The row of a frame may be a link: a row of a pivot, for which its own names are looked up, and those of the target to
which it leads as well. That is one step further, along the pivot's reference.

A path is cut in two: up to the last to-many step (that is what a comparison binds), and the to-one steps after it
(followed as part of the value). Names are looked up in the definitions as they are now, so that a model may have been
defined anew since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from .columns import Column
from .errors import RelationError, UnknownName
from .path import paths_to
from .ways import current, walk, ways

if TYPE_CHECKING:
    from . import _engine
    from .computed import Computed
    from .definition import Definition, FieldInfo, Relation
    from .pivots import Link

Key: TypeAlias = tuple[type, tuple[str, ...]]
"""A path by names: the class at which it starts and its steps."""


@dataclass(slots=True, eq=False)
class Frame:
    """A row that conditions look at. bound: the path that a comparison went along to it; None for a named frame.
    link: how a many-to-many goes of which the row is a link. via: the row around it from which a path leads here, and
    that path; None where nobody needs it."""

    definition: Definition
    outer: Frame | None = None
    bound: Key | None = None
    link: Link | None = None
    via: tuple[Frame, _engine.Path] | None = None

    def alone(self) -> Frame:
        """The same row with nothing around it."""
        return Frame(self.definition, None, self.bound, self.link)

    def way_to(self, cls: type) -> tuple[Relation, ...] | None:
        """The to-one steps from the row to the one of this model that it stands for; None if it stands for none."""
        if self.bound is not None:
            return None
        if self.definition.cls is cls:
            return ()
        return (self.link.step,) if self.link is not None and self.link.target.cls is cls else None


def relation_now(relation: Relation) -> Relation:
    """A relation as it is in the definition that is in force."""
    return walk(relation.definition, (relation,))[0]


def field_of(column: Column) -> Any:
    """The field or getter of a column in the definition that is in force; over several models, of the first that has
    it."""
    info = None if column.steps else current(column.root).fields.get(column.field.name)
    return infos_of(column)[0] if info is None else info


def infos_of(column: Column) -> list[FieldInfo | Computed]:
    """The fields or getters of a column in the definitions that are in force, of each way that it goes."""
    name = column.field.name
    targets = [way[-1].target for way in ways(column.root, column.steps)] if column.steps else [current(column.root)]
    found = [end[2] for target in targets for end in ends([], target, name)]
    if not found:
        raise UnknownName(f"{targets[0].name} has no field `{name}` any more{targets[0].suggest(name)}")
    return found


def computes(column: Column) -> bool:
    """Whether Python computes a column: a getter that is a function, wherever it leads to one."""
    if column.field.name not in column.root.db.getter_names:
        return False
    return any(info.computed is True and info.in_python for info in infos_of(column))


End: TypeAlias = "tuple[Sequence[Relation], Definition, FieldInfo | Computed]"


def ends(way: Sequence[Relation], here: Definition, name: str, passed: tuple[str, ...] = ()) -> list[End]:
    """Where an attribute at the end of a way is at home: there, or, of one that is delegated, on from there. Nothing if
    the model does not have it. DefinitionError for delegates that lead around in a circle."""
    info = here.attribute(name)
    if info is None:
        return []
    if not info.delegates:
        return [(way, here, info)]
    called = f"{here.name}.{name}"
    if called in passed:
        raise info.problem(f"leads around in a circle: {' -> '.join((*passed, called))}")
    column, found = info.expression, []
    for further in ways(column.root, column.steps):
        target = further[-1].target if further else current(column.root)
        found += ends([*way, *further], target, column.field.name, (*passed, called))
    return found


def key_of(root: Definition, steps: Sequence[Relation]) -> Key:
    """A path by names."""
    return root.cls, tuple(step.spelling for step in steps)


def locate(column: Column, frame: Frame) -> tuple[Frame, int, list[list[Relation]]]:
    """The frame of which a column speaks, its depth, and the to-one steps from there, as they are now: each way that
    they go. RelationError for a column of a model that is not in sight, or over a to-many path that no comparison has
    bound."""
    if not column.some:
        here, depth, before = find(column.root, column, frame)
        return here, depth, [[*before, *way] for way in ways(column.root, column.steps)]
    key = key_of(column.root, column.some)
    depth, here = 0, frame
    while here.bound != key:
        if here.outer is None:
            _several(column)
        depth, here = depth + 1, here.outer
    return here, depth, ways(here.definition, column.steps[len(column.some) :])


def find(root: Definition, thing: object, frame: Frame) -> tuple[Frame, int, tuple[Relation, ...]]:
    """The innermost named frame of a model, its depth, and the steps from its row to the one that is meant.
    RelationError naming the path to write if there is none."""
    depth = 0
    here: Frame | None = frame
    while here is not None:
        way = here.way_to(root.cls)
        if way is not None:
            return here, depth, way
        depth, here = depth + 1, here.outer
    _foreign(root, thing, frame)


def _foreign(root: Definition, thing: object, frame: Frame) -> NoReturn:
    here = frame
    while here.bound is not None and here.outer is not None:
        here = here.outer
    rest = repr(thing).removeprefix(root.name)
    definition = here.definition if here.link is None else here.link.target
    written = [f"`{path}{rest}`" for path in paths_to(definition, root.cls)]
    hint = f"write {' or '.join(written)}" if written else f"no relation of {definition.name} leads to {root.name}"
    rows = definition.name if here.link is None else f"{definition.name} and {here.definition.name}"
    raise RelationError(f"{thing!r} speaks of {root.name}, but here the rows are those of {rows}; {hint}")


def _several(column: Column) -> NoReturn:
    path = ".".join((column.root.name, *(step.spelling for step in column.some)))
    raise RelationError(
        f"{column!r} leads over {path}, which is to-many and gives several values; take one by an aggregate such as "
        f"min_({column!r}), or ask about some of them in where()"
    )
