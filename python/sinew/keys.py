"""Keys: what identifies a record, and what refers to it.

A primary key, an index or a unique group is declared by names of fields or of relations; a relation stands for its
foreign key. A foreign key has the types of the key that it holds, which may itself hold references: so columns are
created by following keys from model to model, and a key that leads back to itself is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _engine, expressions, pivots, polymorphic
from .errors import DefinitionError, show
from .fields import MISSING, FieldDeclaration, Type

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation


_WIDEST = 8
"""How many fields an index of the extension can have."""


@dataclass(frozen=True)
class IndexPlan:
    """An index to be: unique, many or ordered, over fields by name."""

    kind: str
    names: tuple[str, ...]
    deferred: bool = False


def call(relation: Relation, option: str, given: Any) -> Any:
    """What the lambda of a declaration gives, or the value that stands there instead. Whatever it raises becomes a
    DefinitionError, but for a lack of memory."""
    if expressions.is_path(given) or not callable(given):
        return given
    try:
        return given()
    except (DefinitionError, MemoryError):
        raise
    except Exception as error:
        raise relation.definition.problem(relation.name, f"{option}= fails: {error}") from error


# ---------------------------------------------------------------- keys and foreign keys


def key_of(definition: Definition, busy: tuple[Relation, ...] = ()) -> tuple[FieldInfo, ...]:
    """The fields of the primary key, those of relations in it created if need be."""
    infos = expand(definition, definition.key_names, "primary_key", busy)
    for info in infos:
        if info.nullable:
            raise definition.problem(info.name, "is part of the primary key and cannot be None; leave `| None` out")
    return infos


def expand(
    definition: Definition, names: Iterable[str], option: str, busy: tuple[Relation, ...] = ()
) -> tuple[FieldInfo, ...]:
    """The fields that names stand for; a relation stands for its foreign key."""
    infos: list[FieldInfo] = []
    for name in names:
        relation = definition.relations.get(name)
        if relation is not None and relation.kind == "belongs_to":
            infos += foreign_key_of(relation, busy)
        elif name in definition.fields:
            infos.append(definition.fields[name])
        else:
            for each in () if busy else definition.belongs_to():
                foreign_key_of(each)  # may be the one that creates it
            if name in definition.relations:
                raise definition.problem(
                    None, f"{option}= names `{name}`, a {definition.relations[name].kind}, which has no column here"
                )
            if name in definition.getters:
                raise definition.problem(None, f"{option}= names `{name}`, a getter, which has no column here")
            if name not in definition.fields:
                raise definition.problem(
                    None, f"{option}= names `{name}`, which is no field of it{definition.suggest(name)}"
                )
            infos.append(definition.fields[name])
    return tuple(infos)


def foreign_key_of(relation: Relation, busy: tuple[Relation, ...] = ()) -> tuple[FieldInfo, ...]:
    """The foreign key of a belongs_to, created unless it is declared."""
    if relation.foreign_key:
        return relation.foreign_key
    if relation.base is not relation:
        foreign_key_of(relation.base, busy)
        return relation.foreign_key
    if relation in busy:
        way = " -> ".join(f"{each.definition.name}.{each.name}" for each in (*busy, relation))
        raise relation.definition.problem(relation.name, f"is part of a key that depends on itself: {way}")
    if relation.members:
        return polymorphic.foreign_key_of(relation, (*busy, relation))
    references = _references_of(relation, (*busy, relation))
    names = foreign_key_names(relation, references)
    infos = tuple(foreign_key_field(relation, name, ref) for name, ref in zip(names, references, strict=True))
    relation.definition.add_created(relation, [info for info in infos if info.name not in relation.definition.fields])
    relation.foreign_key, relation.references = infos, references
    return infos


def _references_of(relation: Relation, busy: tuple[Relation, ...]) -> tuple[FieldInfo, ...]:
    """The fields of the target that a belongs_to refers to."""
    given, target = relation.declaration.references, relation.target
    if given is None:
        return key_of(target, busy)
    value = call(relation, "references", given)
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    names = [each if isinstance(each, str) else _column_name(relation, each, target) for each in items]
    infos = expand(target, names, "references", busy)
    unique = unique_over(target, tuple(info.name for info in infos))
    if unique is None:
        listed = ", ".join(f"`{info.name}`" for info in infos)
        raise relation.definition.problem(
            relation.name,
            f"refers to {target.name} by {listed}, which must be unique (and not deferred): declare unique=True there",
        )
    return tuple(target.fields[name] for name in unique)


def _column_name(relation: Relation, item: Any, target: Definition) -> str:
    if isinstance(item, expressions.Column) and item.root is target and not item.steps:
        return item.field.name
    if expressions.is_path(item) and expressions.root_of(item) is target and len(expressions.steps_of(item)) == 1:
        return expressions.steps_of(item)[0].name
    raise relation.definition.problem(
        relation.name,
        f"references= takes fields of {target.name}, such as `lambda: {target.name}.name`, not {show(item)}",
    )


def unique_over(target: Definition, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns, in its order, of a unique index that has exactly these."""
    for plan in index_plans(target, references=False):
        if plan.kind == "unique" and not plan.deferred and sorted(plan.names) == sorted(names):
            return plan.names
    return None


def foreign_key_names(relation: Relation, references: tuple[FieldInfo, ...]) -> tuple[str, ...]:
    given = relation.declaration.foreign_key
    if given is None:
        if len(references) == 1:
            return (f"{relation.name}_id",)
        return tuple(f"{relation.name}_{info.name}" for info in references)
    names = (given,) if isinstance(given, str) else tuple(given)
    if len(names) != len(references):
        raise relation.definition.problem(
            relation.name,
            f"has {len(names)} foreign key fields ({', '.join(names)}) for {len(references)} key fields of "
            f"{relation.target_name} ({', '.join(info.name for info in references)})",
        )
    return names


def foreign_key_field(relation: Relation, name: str, reference: FieldInfo) -> FieldInfo:
    definition = relation.definition
    declared = definition.fields.get(name)
    if declared is not None:
        if not declared.same_values(reference):
            raise definition.problem(
                name,
                f"holds the key of {relation.target_name} for `{relation.name}` and must be of the type of "
                f"{relation.target_name}.{reference.name}: {reference.kind}, not {declared.kind}",
            )
        if declared.nullable == relation.required:
            yes, no = (relation.name, name) if relation.required else (name, relation.name)
            raise definition.problem(
                name,
                f"holds the key for `{relation.name}`; annotate both `| None` or neither "
                f"(`{no}` may be None, `{yes}` not)",
            )
        return declared
    if name in definition.relations or taken(definition, name):
        raise definition.problem(
            relation.name,
            f"needs a foreign key field `{name}`, but that name is taken; choose another with foreign_key=",
        )
    made = FieldDeclaration(
        default=None if relation.declaration.default is None else MISSING,
        index=True,
        key=reference.declaration.key,
        tz=reference.arg if reference.type.kind.zoned else None,
        init=relation.declaration.init,
    )
    of = Type(reference.type.kind, reference.type.arg, not relation.required)
    return definition.created(relation, name, of, made)


def taken(definition: Definition, name: str) -> bool:
    """Whether the class has an attribute of this name that is no field."""
    found = next((vars(base)[name] for base in definition.cls.__mro__ if name in vars(base)), None)
    return found is not None and not isinstance(found, _engine.Field)


def check_foreign_keys(definition: Definition) -> None:
    by_names: dict[frozenset[str], Relation] = {}
    for relation in definition.belongs_to():
        if relation.declaration.acyclic and relation.target is not definition:
            raise definition.problem(
                relation.name,
                f"takes acyclic=True only if it leads to {definition.name} itself; going on along it ends at "
                f"{relation.target.name}",
            )
        names = frozenset(info.name for info in relation.foreign_key)
        other = by_names.setdefault(names, relation) if names else relation
        if other is not relation:
            raise definition.problem(
                relation.name,
                f"has the same foreign key as `{other.name}` ({', '.join(sorted(names))}); "
                "choose another with foreign_key=",
            )


# ---------------------------------------------------------------- indexes


def index_plans(definition: Definition, *, references: bool = True) -> tuple[IndexPlan, ...]:
    """Every index of a model; each kind over the same fields once, and none that only repeats a unique one."""
    key = tuple(info.name for info in key_of(definition))
    plans = [IndexPlan("unique", key)]
    for info in definition.fields.values():
        d = info.declaration
        if d.unique:
            plans.append(IndexPlan("unique", (info.name,), d.unique == "deferred"))
        if d.index and info.relation is None:
            plans.append(IndexPlan("ordered" if d.index == "ordered" else "many", (info.name,)))
    for option, kind, groups in (
        ("unique", "unique", definition.options.unique),
        ("index", "ordered", definition.options.index),
    ):
        plans += [IndexPlan(kind, tuple(info.name for info in expand(definition, group, option))) for group in groups]
    for relation in definition.belongs_to() if references else ():
        names = tuple(info.name for info in foreign_key_of(relation))
        plans.append(IndexPlan("unique" if relation.declaration.unique else "many", names))
    for names in pivots.unique_pairs(definition) if references else ():
        if not any(plan.kind == "unique" and sorted(plan.names) == sorted(names) for plan in plans):
            plans.append(IndexPlan("unique", names))
    return _without_repetition(definition, plans)


def _without_repetition(definition: Definition, plans: Iterable[IndexPlan]) -> tuple[IndexPlan, ...]:
    kept: dict[tuple[str, tuple[str, ...]], IndexPlan] = {}
    for plan in plans:
        kept.setdefault((plan.kind, plan.names), plan)
    for plan in kept.values():
        for name in plan.names:
            info = definition.fields[name]
            if info.kind == "object" and info.declaration.key is None:
                raise definition.problem(name, "is in an index and needs key=, a function to a comparable value")
        if len(plan.names) > _WIDEST:
            raise definition.problem(
                None, f"has an index over {len(plan.names)} fields ({', '.join(plan.names)}); {_WIDEST} are the most"
            )
        if len(set(plan.names)) != len(plan.names):
            raise definition.problem(None, f"has an index over {', '.join(plan.names)}, which names a field twice")
    return tuple(plan for (kind, names), plan in kept.items() if kind != "many" or ("unique", names) not in kept)
