"""Soft delete: what a `deleted_at()` field demands of the models around it, and which rows a query counts.

The engine parks deleted rows of a model that has such a field (csrc/engine/park.c); nothing here looks at rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from . import _engine
from .conditions import equality
from .errors import FieldError, RelationError, SinewError, show
from .predicates import Expr, Member

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation

Life: TypeAlias = Literal["live", "parked", "stored"]
LIVE: Final[Life] = "live"
PARKED: Final[Life] = "parked"
STORED: Final[Life] = "stored"
"""Which rows a query counts: those that are not deleted, those that are, or both."""


def stamps(definition: Definition) -> Iterator[FieldInfo]:
    """The fields of a model that turn soft delete on; there may be one."""
    return (info for info in definition.declared.values() if info.declaration.automatic == "deleted")


def is_soft(definition: Definition) -> bool:
    """Whether records of the model are deleted softly."""
    return any(True for _ in stamps(definition))


def check_fields(definition: Definition) -> None:
    """A model has one deleted_at() at most. DefinitionError."""
    names = [info.name for info in stamps(definition)]
    if len(names) > 1:
        raise definition.problem(
            names[1], f"is a second deleted_at(), beside `{names[0]}`; a record is deleted once, keep one of them"
        )


def check_cascade(relation: Relation) -> None:
    """What goes with a record that is deleted softly can be restored with it. DefinitionError."""
    if relation.on_delete != "cascade" or is_soft(relation.definition):
        return
    model = relation.definition.name
    for target in (each.name for each in relation.targets if is_soft(each)):
        raise relation.definition.problem(
            relation.name,
            f'has on_delete="cascade" to {target}, whose records are deleted softly, but {model} has no deleted_at() '
            f"and could not be restored with its {target}; declare `deleted_at: Attr[datetime | None] = deleted_at()` "
            f"on {model}, or another on_delete=",
        )


def check_kept(definition: Definition, before: Iterator[FieldInfo]) -> None:
    """A model that has soft-deleted records goes on deleting softly. DefinitionError."""
    lost = next(before, None)
    if lost is None or is_soft(definition):
        return
    count = _engine.Plan(definition.cls, life=PARKED).count()
    if count:
        name = definition.name
        raise definition.problem(
            None,
            f"has {count:,} soft-deleted record{'' if count == 1 else 's'}, which `{lost.name}` keeps; restore them "
            f"({name}.only_deleted().restore()) or delete them for good ({name}.only_deleted().delete(force=True)) "
            "before it goes",
        )


def require(definition: Definition, verb: str) -> None:
    """The model has soft delete. SinewError."""
    if not is_soft(definition):
        raise SinewError(
            f"{verb} is for soft delete, and {definition.name} has none: its records are deleted for good; "
            f"`deleted_at: Attr[datetime | None] = deleted_at()` on {definition.name} turns it on"
        )


def forced(force: object, verb: str) -> bool:
    """The value of `force=`. FieldError."""
    if not isinstance(force, bool):
        raise FieldError(f"{verb}(force=) takes True or False, not {show(force)}")
    return force


def of_owner(relation: Relation, owner: Any, verb: str) -> tuple[Expr, ...]:
    """What holds for the records that refer to one record, deleted ones too: these are in no collection."""
    inverse, name = relation.inverse_of, f"{relation.definition.name}.{relation.name}"
    target = relation.target.name
    if inverse is None or relation.declaration.limit is not None:
        why = "has a limit" if inverse is not None else "leads over other relations"
        raise RelationError(f"{verb} on {name}, which {why}: write {target}.{verb}.where(...)")
    keys = _engine.values(owner, [info.engine for info in inverse.references])
    if None in keys:
        return (Member(relation.target.fields[relation.target.primary_key[0]].column, (), negated=False),)
    here = equality(relation.target, inverse.name, owner)
    assert isinstance(here, Expr)
    return (here,) if relation.condition is None else (here, relation.condition)
