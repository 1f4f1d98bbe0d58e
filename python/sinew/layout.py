"""From declared models to tables.

`ensure(definition)` takes the definition and everything that its relations lead to, and

    resolves    each belongs_to gets its foreign key columns (types of the target's key, which may itself hold references), each
                has_one and has_many its inverse; lambdas are called; the indexes are planned
    builds      tables, indexes, references, then paths

Mistakes are found while resolving, which changes nothing but the definitions and is undone (`Definition.reset`) when it fails.
Building goes from what others need to what needs others, and each part of it is done once: a build that an outside cause cut short
(no memory) goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _engine, collection, compile, expressions
from .errors import DefinitionError, SinewError, TransactionError, show, suggest
from .fields import MISSING, FieldDeclaration, Type

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition, FieldInfo, Relation


@dataclass(frozen=True)
class IndexPlan:
    """An index to be: unique, many or ordered, over fields by name."""

    kind: str
    names: tuple[str, ...]
    deferred: bool = False


@dataclass
class Table:
    """What has been built of one model."""

    bound: bool = False
    plan: tuple[IndexPlan, ...] = ()
    indexes: dict[IndexPlan, _engine.Index] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)

    def index(self, kind: str, names: tuple[str, ...]) -> _engine.Index | None:
        """The index of this kind over exactly these fields."""
        found = (index for plan, index in self.indexes.items() if plan.kind == kind and plan.names == names)
        return next(found, None)


class NotLaidOut(Exception):
    """A path was asked for while models are still being resolved: what needs it is compiled again after the layout."""


# ---------------------------------------------------------------- what a class has before its layout


class UnlaidRelation:
    """The descriptor of a relation until the layout: gives the path at class level."""

    __slots__ = ("relation",)

    def __init__(self, relation: Relation) -> None:
        self.relation = relation

    def __get__(self, record: Any, cls: Any = None) -> Any:
        return self.relation.column_path


# ---------------------------------------------------------------- the two entrances


def ensure(definition: Definition) -> None:
    """Resolves and lays out a model and everything reachable from it. DefinitionError, and nothing has changed."""
    db = definition.db
    with db.lock:
        if definition.laid_out or db.resolving:
            return
        if db.store.depth:
            raise TransactionError(
                f"{definition.name} is used for the first time within a transaction, where no tables can be made; "
                "define models before it is opened"
            )
        found, problems = resolve_all(db, (definition,))
        if problems:
            own = [problem for problem in problems if (problem.file, problem.line) == (definition.file, definition.line)]
            raise (own or problems)[0]
        build(found)


def problems_of(db: Database) -> list[DefinitionError]:
    """Why models of a database cannot be resolved. Lays them out if there is no reason."""
    with db.lock:
        found, problems = resolve_all(db, tuple(db.pending.values()))
        if not problems and not db.store.depth:
            build(found)
    return problems


def resolve_all(
    db: Database, definitions: Iterable[Definition]
) -> tuple[list[Definition], list[DefinitionError]]:
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
        waiting += [models[r.target_name] for r in each.relations.values() if r.target_name in models]
    return list(found.values())


# ---------------------------------------------------------------- resolving


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
    attempt(_check_foreign_keys, definitions)
    attempt(_plan_indexes, definitions)
    has = [r for each in definitions for r in each.relations.values() if r.kind != "belongs_to"]
    attempt(find_inverse, has)
    attempt(_check_inverse, [relation for each in definitions for relation in each.belongs_to()])
    if problems:
        return  # the lambdas below speak of fields and relations that may be missing
    for each in definitions:
        _finish_fields(each)
    attempt(call_lambdas, has)
    if not problems:
        for each in definitions:
            each.resolved = True


def key_of(definition: Definition, busy: tuple[Relation, ...] = ()) -> tuple[FieldInfo, ...]:
    """The fields of the primary key, those of relations in it created if need be."""
    infos = _expand(definition, definition.key_names, "primary_key", busy)
    for info in infos:
        if info.nullable:
            raise definition.problem(info.name, "is part of the primary key and cannot be None; leave `| None` out")
    return infos


def _expand(
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
            if name not in definition.fields:
                raise definition.problem(None, f"{option}= names `{name}`, which is no field of it{definition.suggest(name)}")
            infos.append(definition.fields[name])
    return tuple(infos)


def foreign_key_of(relation: Relation, busy: tuple[Relation, ...] = ()) -> tuple[FieldInfo, ...]:
    """The foreign key of a belongs_to, created unless it is declared."""
    if relation.foreign_key:
        return relation.foreign_key
    if relation in busy:
        way = " -> ".join(f"{each.definition.name}.{each.name}" for each in (*busy, relation))
        raise relation.definition.problem(relation.name, f"is part of a key that depends on itself: {way}")
    references = _references_of(relation, (*busy, relation))
    names = _foreign_key_names(relation, references)
    infos = tuple(_foreign_key_field(relation, name, ref) for name, ref in zip(names, references, strict=True))
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
    infos = _expand(target, names, "references", busy)
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
        relation.name, f"references= takes fields of {target.name}, such as `lambda: {target.name}.name`, not {show(item)}"
    )


def unique_over(target: Definition, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns, in its order, of a unique index that has exactly these."""
    for plan in _index_plans(target, references=False):
        if plan.kind == "unique" and not plan.deferred and sorted(plan.names) == sorted(names):
            return plan.names
    return None


def _foreign_key_names(relation: Relation, references: tuple[FieldInfo, ...]) -> tuple[str, ...]:
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


def _foreign_key_field(relation: Relation, name: str, reference: FieldInfo) -> FieldInfo:
    from .definition import FieldInfo

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
                name, f"holds the key for `{relation.name}`; annotate both `| None` or neither (`{no}` may be None, `{yes}` not)"
            )
        return declared
    if name in definition.relations or taken(definition, name):
        raise definition.problem(
            relation.name, f"needs a foreign key field `{name}`, but that name is taken; choose another with foreign_key="
        )
    made = FieldDeclaration(
        default=None if relation.declaration.default is None else MISSING,
        index=True,
        key=reference.declaration.key,
        tz=reference.arg if reference.type.kind.zoned else None,
        init=relation.declaration.init,
    )
    of = Type(reference.type.kind, reference.type.arg, not relation.required)
    return FieldInfo(definition, name, of, made, relation=relation)


def taken(definition: Definition, name: str) -> bool:
    """Whether the class has an attribute of this name that is no field."""
    found = next((vars(base)[name] for base in definition.cls.__mro__ if name in vars(base)), None)
    return found is not None and not isinstance(found, _engine.Field)


def _check_foreign_keys(definition: Definition) -> None:
    by_names: dict[frozenset[str], Relation] = {}
    for relation in definition.belongs_to():
        names = frozenset(info.name for info in relation.foreign_key)
        other = by_names.setdefault(names, relation) if names else relation
        if other is not relation:
            raise definition.problem(
                relation.name,
                f"has the same foreign key as `{other.name}` ({', '.join(sorted(names))}); choose another with foreign_key=",
            )


# ---------------------------------------------------------------- indexes


def _plan_indexes(definition: Definition) -> None:
    definition.table.plan = _index_plans(definition)


def _index_plans(definition: Definition, *, references: bool = True) -> tuple[IndexPlan, ...]:
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
        plans += [IndexPlan(kind, tuple(info.name for info in _expand(definition, group, option))) for group in groups]
    for relation in definition.belongs_to() if references else ():
        names = tuple(info.name for info in foreign_key_of(relation))
        plans.append(IndexPlan("unique" if relation.declaration.unique else "many", names))
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
        if len(set(plan.names)) != len(plan.names):
            raise definition.problem(None, f"has an index over {', '.join(plan.names)}, which names a field twice")
    return tuple(plan for (kind, names), plan in kept.items() if kind != "many" or ("unique", names) not in kept)


def _finish_fields(definition: Definition) -> None:
    """Tells each field whether it is part of the key, and makes it anew if that changes it."""
    key = definition.table.plan[0].names
    for info in definition.fields.values():
        if info.in_key != (info.name in key):
            info.in_key = not info.in_key
            info.build()


# ---------------------------------------------------------------- inverses and lambdas


def find_inverse(relation: Relation) -> None:
    """Finds the belongs_to of the target that a has_one or has_many shows from the other side."""
    target, definition = relation.target, relation.definition
    candidates = [each for each in target.belongs_to() if each.target_name == definition.name]
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
    found = inverse_named(relation, relation.declaration.inverse)
    if found in candidates:
        return found
    listed = ", ".join(f"`{each.name}`" for each in candidates) or "there is none"
    raise definition.problem(
        relation.name,
        f"inverse= names {found.definition.name}.{found.name}, which is no belongs_to from {target.name} to "
        f"{definition.name} (those: {listed})",
    )


def inverse_named(relation: Relation, given: Any) -> Relation:
    """The relation of the target that `inverse=` names."""
    target = relation.target
    if isinstance(given, str):
        found = target.relations.get(given)
        if found is None:
            raise relation.definition.problem(
                relation.name, f"inverse= names `{given}`, which is no relation of {target.name}{suggest(given, target.relations)}"
            )
        return found
    path = call(relation, "inverse", given)
    if not expressions.is_path(path) or len(expressions.steps_of(path)) != 1:
        raise relation.definition.problem(
            relation.name, f"inverse= takes a relation of {target.name}, such as `lambda: {target.name}.name`, not {show(path)}"
        )
    return expressions.steps_of(path)[0]


def _points_at(belongs_to: Relation, relation: Relation) -> bool:
    given = belongs_to.declaration.inverse
    return given is not None and inverse_named(belongs_to, given) is relation


def _check_inverse(belongs_to: Relation) -> None:
    """A belongs_to that names its other side must be named, or found, by it."""
    if belongs_to.declaration.inverse is None:
        return
    other = inverse_named(belongs_to, belongs_to.declaration.inverse)
    if other.inverse_of is not None and other.inverse_of is not belongs_to:
        raise belongs_to.definition.problem(
            belongs_to.name,
            f"inverse= names {other.definition.name}.{other.name}, which is the other side of "
            f"{other.inverse_of.definition.name}.{other.inverse_of.name}",
        )
    if other.kind == "belongs_to":
        raise belongs_to.definition.problem(belongs_to.name, f"inverse= names `{other.name}`, which is a belongs_to itself")


def call(relation: Relation, option: str, given: Any) -> Any:
    """What the lambda of a declaration gives, or the value that stands there instead. Whatever it raises becomes a
    DefinitionError."""
    if expressions.is_path(given) or not callable(given):
        return given
    try:
        return given()
    except DefinitionError:
        raise
    except Exception as error:
        raise relation.definition.problem(relation.name, f"{option}= fails: {error}") from error


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
        relation.compile_conditions()
    except NotLaidOut:
        pass  # it goes over other relations: compiled after the layout
    except (SinewError, TypeError) as error:
        raise definition.problem(relation.name, f"where= or order_by= cannot be used: {error}") from error


def _ordering(relation: Relation) -> tuple[Any, ...]:
    given, target = relation.declaration.order_by, relation.target
    if given is None:
        return ()
    value = call(relation, "order_by", given)
    terms = []
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(each, str):
            each = _expand(target, [each], "order_by")[0].column
        if not isinstance(each, (expressions.Column, expressions.Ordering)):
            raise relation.definition.problem(
                relation.name, f"order_by= takes columns of {target.name}, such as `lambda: {target.name}.id`, not {show(each)}"
            )
        terms.append(each)
    return tuple(terms)


# ---------------------------------------------------------------- building


def attach(cls: type[Any], name: str, value: object) -> None:
    """Sets an attribute of a model, past what users may do."""
    type.__setattr__(cls, name, value)


def build(definitions: Sequence[Definition]) -> None:
    """Makes tables, indexes, references and paths of resolved models."""
    for definition in definitions:
        if not definition.table.bound:
            _bind(definition)
    for definition in definitions:
        _add_indexes(definition)
    for definition in definitions:
        for relation in definition.belongs_to():
            bind_reference(relation)
    for definition in definitions:
        definition.laid_out = True
        definition.db.pending.pop(definition.name, None)
    for definition in definitions:
        for relation in definition.relations.values():
            bind_path(relation)


def _bind(definition: Definition) -> None:
    for name, info in definition.fields.items():
        attach(definition.cls, name, info.engine)
    for relation in definition.relations.values():
        relation.descriptor = make_descriptor(relation)
        attach(definition.cls, relation.name, relation.descriptor)
    _engine.bind_model(
        definition.cls,
        definition.db.store,
        fields=[info.engine for info in definition.fields.values()],
        parameters=parameters_of(definition),
        primary_key=[definition.fields[name].engine for name in definition.table.plan[0].names],
        validators=definition.validators,
    )
    definition.table.bound = True


def parameters_of(definition: Definition) -> list[_engine.Field | _engine.Reference]:
    """What the constructor takes by keyword."""
    fields = [info.engine for info in definition.fields.values() if info.init]
    references = [relation.descriptor for relation in definition.belongs_to() if relation.declaration.init]
    return [*fields, *references]


def make_descriptor(relation: Relation) -> Any:
    """The extension's descriptor of a relation, not bound yet."""
    path = relation.column_path
    if relation.kind == "belongs_to":
        fields = [info.engine for info in relation.foreign_key]
        return _engine.Reference(
            relation.name, fields, required=relation.required, path=path, default=relation.declaration.default
        )
    if relation.kind == "has_one":

        def assign_one(record: Any, value: Any) -> None:
            collection.assign_one(record, relation, value)

        return _engine.One(relation.name, path=path, setter=assign_one)

    def assign(record: Any, values: Any) -> None:
        collection.assign(record, relation, values)

    many = _engine.Many(relation.name, path=path, setter=assign)
    many.relation = relation
    return many


def _add_indexes(definition: Definition) -> None:
    table = definition.table
    for plan in table.plan:
        if plan not in table.indexes:
            add_index(definition, plan)
    _engine.set_primary_index(definition.cls, table.indexes[table.plan[0]])


def add_index(definition: Definition, plan: IndexPlan) -> None:
    """Makes one index of a model that has its table."""
    fields = [field.key_field or field for field in (definition.fields[name].engine for name in plan.names)]
    index = definition.db.store.add_index(definition.cls, plan.kind, fields, deferred=plan.deferred)
    definition.table.indexes[plan] = index


def bind_reference(relation: Relation) -> None:
    """Makes the engine's reference of a belongs_to whose two tables have their indexes."""
    table, names = relation.definition.table, tuple(info.name for info in relation.foreign_key)
    if relation.name in table.references:
        return
    references = tuple(info.name for info in relation.references)
    from_index = table.index("unique", names) or table.index("many", names)
    to_index = relation.target.table.index("unique", references)
    assert from_index is not None and to_index is not None
    d = relation.declaration
    fields = [info.engine for info in relation.references]
    relation.descriptor.bind(relation.target.cls, fields, from_index, to_index, d.on_delete, d.enforce)
    table.references.add(relation.name)


def bind_path(relation: Relation) -> None:
    """Compiles the path of a relation; gives it to the descriptor of a has_one or has_many."""
    try:
        path = relation.path
    except (SinewError, TypeError) as error:
        if isinstance(error, DefinitionError):
            raise
        raise relation.definition.problem(relation.name, f"where= or order_by= cannot be used: {error}") from error
    if relation.kind == "has_one":
        relation.descriptor.bind(path)
    elif relation.kind == "has_many":
        relation.descriptor.bind(path, collection.Collection)
