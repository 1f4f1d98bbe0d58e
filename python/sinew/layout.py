"""From resolved models to tables.

`ensure(definition)` takes the definition and everything that its relations lead to, resolves them (resolve.py, which
finds the mistakes and changes nothing) and builds: tables, indexes, references, then paths. Building goes from what
others need to what needs others, and each part of it is done once: a build that an outside cause cut short (no memory)
goes on where it stopped, when a model is used again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from . import _engine, collection, links
from .errors import DefinitionError, SinewError, TransactionError
from .keys import IndexPlan
from .resolve import resolve_all

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition, Relation


@dataclass
class Table:
    """What has been built of one model."""

    bound: bool = False
    plan: tuple[IndexPlan, ...] = ()
    indexes: dict[IndexPlan, _engine.Index] = field(default_factory=dict)
    references: set[str] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)  # on_delete of each reference

    def index(self, kind: str, names: tuple[str, ...]) -> _engine.Index | None:
        """The index of this kind over exactly these fields."""
        found = (index for plan, index in self.indexes.items() if plan.kind == kind and plan.names == names)
        return next(found, None)


class UnlaidRelation:
    """The descriptor of a relation until the layout: gives the path at class level."""

    __slots__ = ("relation",)

    def __init__(self, relation: Relation) -> None:
        self.relation = relation

    def __get__(self, record: Any, cls: Any = None) -> Any:
        return self.relation.column_path


class Unsettled:
    """Stands in a class for the descriptor of an attribute while the model is defined anew. At class level it is that
    one; of a record it waits for the thread that defines, and then is what the class has."""

    __slots__ = ("_db", "_descriptor", "_name")

    def __init__(self, db: Database, name: str, descriptor: Any) -> None:
        self._db, self._name, self._descriptor = db, name, descriptor

    def __get__(self, record: Any, cls: Any = None) -> Any:
        if record is None:
            return self._descriptor.__get__(None, cls)
        if self._waited(record):
            return getattr(record, self._name)
        relation = type(record).__sinew__.relations.get(self._name)
        if relation is None or relation.descriptor is None:
            raise self._too_early(record)
        return relation.descriptor.__get__(record, type(record))  # an error about rows goes along it

    def __set__(self, record: Any, value: Any) -> None:
        if not self._waited(record):
            raise self._too_early(record)
        setattr(record, self._name, value)

    def _waited(self, record: Any) -> bool:
        """Waits until nobody defines. False if it is this thread that does."""
        _engine.track_once()
        with self._db.lock:
            return getattr_static(type(record), self._name, None) is not self

    def _too_early(self, record: Any) -> SinewError:
        return SinewError(
            f"{type(record).__name__}.{self._name} is used by code that runs while the model is defined anew; use it "
            "when that is done"
        )


def attach(cls: type[Any], name: str, value: object) -> None:
    """Sets an attribute of a model, past what users may do."""
    if name.startswith("__"):
        type.__setattr__(cls, name, value)
    else:
        _engine.attach(cls, name, value)


def detach(cls: type[Any], name: str) -> None:
    """Deletes an attribute of a model, past what users may do."""
    if name.startswith("__"):
        type.__delattr__(cls, name)
    else:
        _engine.attach(cls, name)


def ensure(definition: Definition) -> None:
    """Resolves and lays out a model and everything reachable from it. DefinitionError, and nothing has changed."""
    db = definition.db
    with db.lock:
        if definition.has_tables or db.resolving:
            return
        if db.store.depth:
            raise TransactionError(
                f"{definition.name} is used for the first time within a transaction, where no tables can be made; "
                "define models before it is opened"
            )
        found, problems = resolve_all(db, (definition,))
        if problems:
            own = [
                problem for problem in problems if (problem.file, problem.line) == (definition.file, definition.line)
            ]
            raise (own or problems)[0]
        build(found)


def problems_of(db: Database) -> list[DefinitionError]:
    """Why models of a database cannot be resolved. Lays them out if there is no reason."""
    with db.lock:
        found, problems = resolve_all(db, tuple(db.pending.values()))
        if not problems and not db.store.depth:
            build(found)
    return problems


# ---------------------------------------------------------------- building


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
        _bind_paths(definition, definitions)
    for definition in definitions:
        definition.laid_out = True
        _engine.laid_out(definition.cls)
        definition.db.pending.pop(definition.name, None)


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
        validators=definition.validator_calls(),
        partial=True,
    )
    for getter in definition.getters.values():
        getter.bind()
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
        return _make_reference(relation)
    made: Any = None  # asked for its relation when it is assigned to: a redefinition may exchange that
    if relation.kind == "has_one":

        def assign_one(record: Any, value: Any) -> None:
            collection.assign_one(record, made.relation, value)

        made = _engine.One(relation.name, path=path, setter=assign_one)
    else:
        to = links if relation.kind == "many_to_many" else collection

        def assign(record: Any, values: Any) -> None:
            to.assign(record, made.relation, values)

        made = _engine.Many(relation.name, path=path, setter=assign)
    made.relation = relation
    return made


def _make_reference(relation: Relation) -> _engine.Reference:
    fields = [info.engine for info in relation.foreign_key]
    required, path, default = relation.required, relation.column_path, relation.declaration.default
    if not relation.members:
        return _engine.Reference(relation.name, fields, required=required, path=path, default=default)
    for member in relation.members:
        member.descriptor = _engine.Reference(relation.name, fields, required=required, tag=member.value)
    ways = [member.descriptor for member in relation.members]
    return _engine.Reference(relation.name, fields, required=required, path=path, default=default, members=ways)


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
    """Makes the engine's references of a belongs_to whose tables have their indexes."""
    for way in relation.ways:
        if way.spelling not in relation.definition.table.references:
            _bind_way(way)


def _bind_way(relation: Relation) -> None:
    table, names = relation.definition.table, tuple(info.name for info in relation.foreign_key)
    references = tuple(info.name for info in relation.references)
    from_index = table.index("unique", names) or table.index("many", names)
    to_index = relation.target.table.index("unique", references)
    assert from_index is not None and to_index is not None
    d = relation.declaration
    fields = [info.engine for info in relation.references]
    relation.descriptor.bind(relation.target.cls, fields, from_index, to_index, relation.on_delete, d.enforce)
    table.references.add(relation.spelling)
    table.actions[relation.spelling] = relation.on_delete
    if relation.declaration.acyclic:
        try:
            relation.descriptor.forbid_cycles()
        except BaseException:
            relation.descriptor.unbind()
            table.references.discard(relation.spelling)
            raise


def _bind_paths(definition: Definition, definitions: Sequence[Definition]) -> None:
    """Compiles the paths of a model of those that are being built: their conditions may look at all of these."""
    db = definition.db
    outer, db.building = db.building, definitions
    try:
        for relation in definition.relations.values():
            bind_path(relation)
    finally:
        db.building = outer


def bind_path(relation: Relation) -> None:
    """Compiles the path of a relation; gives it to the descriptor of a has_one or has_many."""
    try:
        paths = [way.path for way in relation.ways]
    except (SinewError, TypeError) as error:
        if isinstance(error, DefinitionError):
            raise
        raise relation.definition.problem(relation.name, f"where= or order_by= cannot be used: {error}") from error
    if relation.kind == "has_one":
        relation.descriptor.bind(paths[0])
    elif relation.kind == "has_many":
        relation.descriptor.bind(paths[0], collection.Collection)
    elif relation.kind == "many_to_many":
        relation.descriptor.bind(paths[0], links.Links)
