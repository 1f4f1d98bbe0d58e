"""What expressions reach: the columns and aggregates in an operand, the path over which an aggregate goes, the models
of which a condition speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import scope
from .aggregates import Aggregate
from .columns import Arithmetic, Column, Operand, Ordering, columns_of
from .errors import FieldError, show
from .path import is_path, root_of, steps_of
from .predicates import Between, Compare, Exists, IsNull, Joined, KeyAmong, KeyIs, Member, Not, Test, Text
from .scope import Frame
from .ways import walk

if TYPE_CHECKING:
    from .definition import Definition, Relation


def as_operand(value: object, verb: str) -> Operand:
    """A column, or whatever stands for one. FieldError with a hint for anything else."""
    if isinstance(value, Operand):
        return value
    if is_path(value):
        raise FieldError(f"{verb}() takes columns; {value!r} is a path, name a column of it, such as {value!r}.id")
    if isinstance(value, Ordering):
        raise FieldError(f"{verb}() takes columns, and {value!r} is an ordering; that belongs into order_by()")
    hint = f"; write the column itself, Model.{value}" if isinstance(value, str) and value.isidentifier() else ""
    raise FieldError(f"{verb}() takes columns such as Post.title, not {show(value)}{hint}")


def leaves(value: object) -> Iterator[Column | Aggregate]:
    """The columns and aggregates in an operand."""
    if isinstance(value, (Column, Aggregate)):
        yield value
    elif isinstance(value, Arithmetic):
        yield from leaves(value.left)
        yield from leaves(value.right)


def over(node: Aggregate, frame: Frame) -> tuple[Definition, list[Relation], Frame]:
    """Where an aggregate's path starts, its steps, and the frame in which its value is computed at each target."""
    if node.path is not None:
        root: Any = root_of(node.path)
        steps: Sequence[Relation] = steps_of(node.path)
    elif isinstance(node.over, Column):
        root, steps = node.over.root, node.over.steps
    else:
        root, steps = _common_path(node)
    if not steps:
        raise FieldError(
            f"{node!r} has no path: in agg() it is computed over the rows of a group; elsewhere give it a path, such "
            "as count(Author.posts) or sum_(Author.posts.views)"
        )
    relations = walk(root, steps)
    return root, relations, Frame(relations[-1].target, frame, scope.key_of(root, steps))


def subject(node: Aggregate) -> object:
    """What names an aggregate's path in a message."""
    return node.path if node.path is not None else next(columns_of(node.over), node.over)


def _common_path(node: Aggregate) -> tuple[Any, Sequence[Relation]]:
    found = {}
    for column in columns_of(node.over):
        if column.some:
            found[scope.key_of(column.root, column.some)] = (column.root, column.some)
    if len(found) > 1:
        raise FieldError(f"{node!r} goes along several to-many paths; aggregate over one of them")
    return next(iter(found.values()), (None, ()))


def speaks_of_link(relation: Relation, things: Iterable[object]) -> bool:
    """Whether expressions name the pivot of a many-to-many: then they speak of its links, not of the targets alone."""
    link = relation.link
    return link is not None and any(root.cls is link.pivot.cls for thing in things for root in roots(thing))


def roots(thing: object) -> Iterator[Definition]:
    """The models that an expression names, also those in conditions within it."""
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        if is_path(each):
            yield root_of(each)
        elif isinstance(each, Column):
            yield each.root
        else:
            waiting += _parts(each)


def _parts(thing: object) -> Sequence[object]:
    match thing:
        case Joined():
            return thing.parts
        case Not():
            return (thing.part,)
        case Compare() | Arithmetic():
            return (thing.left, thing.right)
        case Aggregate():
            return (thing.path, thing.over, *thing.conditions)
        case Exists():
            return (thing.path, *thing.conditions)
        case KeyIs() | KeyAmong():
            return (thing.path,)
        case Between():
            return (thing.value, thing.low, thing.high)
        case Member():
            return (thing.value, *thing.values)
        case Text():
            return (thing.value, thing.pattern)
        case Ordering() | IsNull() | Test():
            return (thing.value,)
    return ()
