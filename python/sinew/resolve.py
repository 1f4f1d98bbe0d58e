"""Resolving: what declarations mean, worked out for a model and everything that its relations lead to.

Each belongs_to gets its foreign key (keys.py), each has_one and has_many its inverse; then lambdas are called, which
speak of fields and relations that are known by now. Nothing is built. All mistakes are collected; if there are any,
every definition goes back to what is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from . import computed, expressions, pivots, soft
from .errors import DefinitionError, SinewError, show, suggest
from .keys import call, check_foreign_keys, expand, foreign_key_of, index_plans, key_of
from .routes import conditions, find_routes

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition, Relation


class NotLaidOut(SinewError):
    """A path was asked for by what runs while models are still being resolved. The conditions of relations are compiled
    again after the layout; whoever else asks is code of a definition, and learns what it has done."""

    def __init__(self, spelling: str) -> None:
        super().__init__(
            f"{spelling} is used by code that runs while models are being defined; use it when that is done"
        )


def resolve_all(db: Database, definitions: Iterable[Definition]) -> tuple[list[Definition], list[DefinitionError]]:
    """The models without a table among these and all reachable, resolved; or why that is impossible, all undone."""
    problems: list[DefinitionError] = []
    found: list[Definition] = []
    db.resolving = True
    try:
        found = _reachable(definitions)
        _resolve(found, problems)
    finally:
        db.resolving = False
        if problems or not all(each.resolved for each in found):
            for each in found:
                each.reset()
                if each.made and not each.table.bound:  # to be made again
                    db.definitions.pop(each.name, None)
                    db.pending.pop(each.name, None)
    return found, problems


def _reachable(definitions: Iterable[Definition]) -> list[Definition]:
    found: dict[str, Definition] = {}
    waiting = list(definitions)
    while waiting:
        each = waiting.pop(0)
        if each.laid_out or each.name in found:
            continue
        found[each.name] = each
        models = each.db.definitions
        names = [name for relation in each.relations.values() for name in pivots.reached(relation)]
        waiting += [models[name] for name in names if name in models]
    return list(found.values())


def _resolve(definitions: Sequence[Definition], problems: list[DefinitionError]) -> None:
    def attempt(step: Callable[[Any], object], things: Iterable[Any]) -> None:
        for thing in things:
            try:
                step(thing)
            except DefinitionError as problem:
                if str(problem) not in map(str, problems):
                    problems.append(problem)

    attempt(foreign_key_of, [relation for each in definitions for relation in each.belongs_to()])
    attempt(key_of, definitions)
    attempt(check_foreign_keys, definitions)
    has = [r for each in definitions for r in each.relations.values() if r.kind != "belongs_to"]
    attempt(find_other_side, has)
    attempt(_plan_indexes, definitions)
    attempt(_check_inverse, [relation for each in definitions for relation in each.belongs_to()])
    attempt(soft.check_fields, definitions)
    attempt(soft.check_cascade, [relation for each in definitions for relation in each.belongs_to()])
    if problems:
        return  # the lambdas below speak of fields and relations that may be missing
    for each in definitions:
        _finish_fields(each)
    attempt(call_lambdas, has)
    attempt(_check_getter, [info for each in definitions for info in each.getters.values()])
    if not problems:
        for each in definitions:
            each.resolved = True


def _check_getter(info: computed.Computed) -> None:
    info.check()


def _plan_indexes(definition: Definition) -> None:
    definition.table.plan = index_plans(definition)


def _finish_fields(definition: Definition) -> None:
    """Tells each field whether it is part of the key, and makes it anew if that changes it."""
    key = definition.table.plan[0].names
    for info in definition.fields.values():
        if info.in_key != (info.name in key):
            info.in_key = not info.in_key
            info.build()


# ---------------------------------------------------------------- inverses


def find_other_side(relation: Relation) -> None:
    """Finds what a relation leads along: a belongs_to of the target, other relations, or the references of a pivot."""
    if relation.along is not None:
        find_routes(relation)
    elif relation.kind == "many_to_many":
        pivots.connect(relation)
    else:
        find_inverse(relation)


def find_inverse(relation: Relation) -> None:
    """Finds the belongs_to of the target that a has_one or has_many shows from the other side."""
    target, definition = relation.target, relation.definition
    candidates = [way for each in target.belongs_to() if (way := each.towards(definition)) is not None]
    if relation.declaration.inverse is not None:
        inverse = _named_inverse(relation, candidates)
    else:
        pointing = [each for each in candidates if _points_at(each, relation)]
        inverse = _only(relation, pointing or candidates)
    relation.foreign_key = foreign_key_of(inverse)
    relation.references = inverse.references
    relation.inverse_of = inverse


def _only(relation: Relation, candidates: list[Relation]) -> Relation:
    definition, target = relation.definition, relation.target
    if not candidates:
        name = definition.name.lower()
        raise definition.problem(
            relation.name,
            f"needs a reference back: declare `{name}: BelongsTo[{definition.name}] = belongs_to()` on {target.name}",
        )
    if len(candidates) > 1:
        listed = " or ".join(f"inverse=lambda: {target.name}.{each.name}" for each in candidates)
        raise definition.problem(relation.name, f"may be the other side of several references; say which: {listed}")
    return candidates[0]


def _named_inverse(relation: Relation, candidates: list[Relation]) -> Relation:
    definition, target = relation.definition, relation.target
    found = inverse_named(relation, relation.declaration.inverse, target)
    way = found.towards(definition)
    if way in candidates:
        return way
    listed = ", ".join(f"`{each.name}`" for each in candidates) or "there is none"
    raise definition.problem(
        relation.name,
        f"inverse= names {found.definition.name}.{found.name}, which is no belongs_to from {target.name} to "
        f"{definition.name} (those: {listed})",
    )


def inverse_named(relation: Relation, given: Any, target: Definition | None = None) -> Relation:
    """The relation of the target that `inverse=` names."""
    target = relation.target if target is None else target
    if isinstance(given, str):
        found = target.relations.get(given)
        if found is None:
            raise relation.definition.problem(
                relation.name,
                f"inverse= names `{given}`, which is no relation of {target.name}{suggest(given, target.relations)}",
            )
        return found
    path = call(relation, "inverse", given)
    if not expressions.is_path(path) or len(expressions.steps_of(path)) != 1:
        raise relation.definition.problem(
            relation.name,
            f"inverse= takes a relation of {target.name}, such as `lambda: {target.name}.name`, not {show(path)}",
        )
    return expressions.steps_of(path)[0]


def _points_at(belongs_to: Relation, relation: Relation) -> bool:
    given = belongs_to.declaration.inverse
    return given is not None and inverse_named(belongs_to, given, relation.definition) is relation


def _check_inverse(belongs_to: Relation) -> None:
    """A belongs_to that names its other side must be named, or found, by it."""
    if belongs_to.declaration.inverse is None:
        return
    other = inverse_named(belongs_to, belongs_to.declaration.inverse, belongs_to.target)
    if other.inverse_of is not None and other.inverse_of is not belongs_to:
        raise belongs_to.definition.problem(
            belongs_to.name,
            f"inverse= names {other.definition.name}.{other.name}, which is the other side of "
            f"{other.inverse_of.definition.name}.{other.inverse_of.name}",
        )
    if other.kind == "belongs_to":
        raise belongs_to.definition.problem(
            belongs_to.name, f"inverse= names `{other.name}`, which is a belongs_to itself"
        )


# ---------------------------------------------------------------- conditions and orders


def call_lambdas(relation: Relation) -> None:
    d, definition = relation.declaration, relation.definition
    if d.where is not None:
        relation.condition = call(relation, "where", d.where)
        if not isinstance(relation.condition, expressions.Expr):
            raise definition.problem(
                relation.name, f"where= takes a condition on {relation.target_name}, not {show(relation.condition)}"
            )
    relation.ordering = _ordering(relation)
    try:
        if relation.along is None:
            relation.compile_conditions()
        else:
            conditions(relation)
    except NotLaidOut:
        pass  # it goes over other relations: compiled after the layout
    except (SinewError, TypeError) as error:
        raise definition.problem(relation.name, f"where= or order_by= cannot be used: {error}") from error


def _ordering(relation: Relation) -> tuple[Any, ...]:
    given, target = relation.declaration.order_by, relation.target
    pivot = None if relation.link is None else relation.link.pivot
    models = target.name if pivot is None else f"{target.name} or {pivot.name}"
    if given is None:
        return ()
    value = call(relation, "order_by", given)
    terms = []
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(each, str):
            of_pivot = pivot is not None and each not in {*target.fields, *target.relations}
            each = expand(pivot if of_pivot and pivot is not None else target, [each], "order_by")[0].column
        if not isinstance(each, (expressions.Column, expressions.Ordering)):
            raise relation.definition.problem(
                relation.name,
                f"order_by= takes columns of {models}, such as `lambda: {target.name}.id`, not {show(each)}",
            )
        terms.append(each)
    return tuple(terms)
