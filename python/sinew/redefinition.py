"""Replacing a model in place: a class statement with the module and qualified name of a model that exists.

The class object stays, and with it the records that are held, what refers to the model, and its rows, by name of field.
The new definition has been worked out beside the old one; here

    1  the Definition and the class take over what the new ones hold
    2  everything that leads here is resolved again
    3  a model that has its table is altered around its rows: fields that differ are exchanged (their values carried
    over), then
       what is built on them: indexes, references, paths. What did not change stays, the order of arrival in collections
       with it

Each step tells how to undo it. If one fails, all are undone in reverse order, and the old model stays in force. What is
built on names and fields (references, paths) is built again only after those are what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import _engine, computed, keys, layout, resolve, soft
from .errors import FieldError, SinewError, TransactionError
from .fields import MISSING

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation

_CLASS_KEEPS = ("__dict__", "__weakref__", "__slots__", "__sinew__")
_STATE = (
    "place",
    "options",
    "validators",
    "order",
    "declared",
    "fields",
    "relations",
    "getters",
    "resolved",
    "laid_out",
    "table",
)
_RESOLVED = (
    "foreign_key",
    "references",
    "inverse_of",
    "link",
    "routes",
    "condition",
    "ordering",
    "descriptor",
    "_path",
    "_pair_path",
    "_way_paths",
    "_near_path",
    "_hops",
)


class Undo:
    """What to do, last first, if a step fails."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._rebuilding: list[Callable[[], object]] = []

    def rebuild(self, step: Callable[[], object]) -> None:
        """To be done when everything else has been undone; before what was added earlier."""
        self._rebuilding.append(step)

    def add(self, step: Callable[[], object]) -> None:
        """To be done before what was added earlier."""
        self._steps.append(step)

    def attributes(self, thing: object, names: tuple[str, ...]) -> None:
        """Puts attributes back to what they are now."""
        values = {name: getattr(thing, name) for name in names}

        def back() -> None:
            for name, value in values.items():
                setattr(thing, name, value)

        self.add(back)

    def run(self) -> None:
        """Undoes everything."""
        for steps in (self._steps, self._rebuilding):
            while steps:
                steps.pop()()


@contextmanager
def _all_or_nothing() -> Iterator[Undo]:
    undo = Undo()
    try:
        yield undo
    except BaseException:
        undo.run()
        raise


def replace(definition: Definition, new: Definition) -> None:
    """Makes `definition` what `new` says; the class of `new` is thrown away.

    DefinitionError if that is impossible, TransactionError within a transaction: nothing has changed then."""
    db, bound = definition.db, definition.table.bound
    if bound and db.store.depth:
        raise TransactionError(f"{definition.name} cannot be defined anew within a transaction; do it before or after")
    db.redefining += 1
    try:
        _replace(definition, new)
    finally:
        db.redefining -= 1
        db.redefinitions += 1  # what other threads have made of models in pieces
        db.store.forget()  # and what their getters have read


def _replace(definition: Definition, new: Definition) -> None:
    db, bound = definition.db, definition.table.bound
    old = _Old(definition)
    with _all_or_nothing() as undo:
        _take_over(definition, new, undo)
        if not bound:
            db.pending[definition.name] = definition
            return
        leading = _leading_to(definition)
        for relation in (*old.relations.values(), *leading):
            if relation.kind != "belongs_to" and relation.descriptor is not None:
                undo.rebuild(lambda relation=relation: _show_again(relation))  # type: ignore[misc]
        for relation in leading:
            for each in (relation, *relation.members):
                undo.attributes(each, _RESOLVED)
        found = _resolve(definition, leading)
        _check_key(definition, old)
        soft.check_kept(definition, old.stamps)
        _keep_fields(definition, old, undo)
        with_it = [relation for each in found if each is not definition for relation in each.relations.values()]
        for relation in (*definition.relations.values(), *leading, *with_it):
            _resolve_relation(relation)
        exchanged = _exchange_fields(definition, old, undo)
        leaving = _take_down(definition, old, leading, undo)
        leaving += _settle_pivots(definition, old, undo)
        _put_up(definition, old, found, leading, undo)
        _exchange_getters(definition, undo)
        _settle(definition)
    for getter in old.getters.values():
        getter.unbind()
    for index in leaving:
        db.store.drop_index(index)
    for info in exchanged:
        db.store.drop_field(info.engine)


class _Old:
    """What a definition was."""

    def __init__(self, definition: Definition) -> None:
        self.fields = dict(definition.fields)
        self.stamps = iter(tuple(soft.stamps(definition)))
        self.relations = dict(definition.relations)
        self.getters = dict(definition.getters)
        self.table = definition.table
        self.validators = definition.validator_calls()

    def parameters(self) -> list[_engine.Field | _engine.Reference]:
        fields = [info.engine for info in self.fields.values() if info.init]
        belongs_to = [r for r in self.relations.values() if r.kind == "belongs_to" and r.declaration.init]
        return [*fields, *(relation.descriptor for relation in belongs_to)]


# ---------------------------------------------------------------- 1: names


def _take_over(definition: Definition, new: Definition, undo: Undo) -> None:
    undo.add(lambda: _forget_getters(definition))
    cls, before = definition.cls, dict(vars(definition.cls))
    undo.add(lambda: _exchange_contents(cls, before))
    undo.attributes(definition, _STATE)
    parts: list[FieldInfo | Relation | computed.Computed] = [*new.declared.values(), *new.relations.values()]
    parts += new.getters.values()
    for part in parts:
        part.move_to(definition)  # before anybody can find it: nobody is to lay out `new`
    new.table = layout.Table(bound=definition.table.bound)
    for name in _STATE:
        setattr(definition, name, getattr(new, name))
    _forget_getters(definition)
    bases = cls.__bases__
    if new.cls.__bases__ != bases:  # abstract bases and mixins that were run again are other classes
        undo.add(lambda: layout.attach(cls, "__bases__", bases))
        layout.attach(cls, "__bases__", new.cls.__bases__)
    contents = dict(vars(new.cls))
    for name in (*definition.fields, *definition.relations, *definition.getters):
        contents[name] = layout.Unsettled(definition.db, name, contents[name])
    _exchange_contents(cls, contents)


def _exchange_contents(cls: type[Any], contents: dict[str, Any]) -> None:
    for name in [name for name in vars(cls) if name not in contents and name not in _CLASS_KEEPS]:
        layout.detach(cls, name)
    for name, value in contents.items():
        if name not in _CLASS_KEEPS and vars(cls).get(name) is not value:
            layout.attach(cls, name, value)


def _forget_getters(definition: Definition) -> None:
    """What getters of any model compiled to may lead over this one."""
    definition.db.redefinitions += 1
    for info in computed.all_of(definition):
        info.forget()


# ---------------------------------------------------------------- 2: resolving


def _leading_to(definition: Definition) -> list[Relation]:
    """The relations of other models that have been resolved and lead here, or may on their way or in their
    conditions."""
    return [
        relation
        for other in definition.db.definitions.values()
        if other is not definition and other.resolved
        for relation in other.relations.values()
        if definition.name in relation.target_names
        or relation.along
        or (relation.link is not None and relation.link.pivot is definition)
        or relation.declaration.where
        or relation.declaration.order_by
    ]


def _resolve(definition: Definition, leading: list[Relation]) -> list[Definition]:
    found, problems = resolve.resolve_all(definition.db, (definition,))
    if problems:
        raise problems[0]
    for relation in leading:
        relation.reset()
    return found


def _resolve_relation(relation: Relation) -> None:
    """Finds again what a relation refers to: fields of this model may be other ones now."""
    relation.reset()
    if relation.kind == "belongs_to":
        keys.foreign_key_of(relation)
        soft.check_cascade(relation)
        return
    resolve.find_other_side(relation)
    db = relation.definition.db
    db.resolving = True
    try:
        resolve.call_lambdas(relation)
    finally:
        db.resolving = False


def _check_key(definition: Definition, old: _Old) -> None:
    names, before = definition.table.plan[0].names, old.table.plan[0].names
    if names != before:
        raise definition.problem(
            None,
            f"has rows by the key {', '.join(before)}, which cannot become {', '.join(names)} in place; "
            "use another database",
        )
    for name in names:
        if not _same_column(old.fields[name], definition.fields[name]):
            raise definition.problem(
                name, "is part of the primary key, which cannot change in place; use another database"
            )


# ---------------------------------------------------------------- 3: fields


def _keep_fields(definition: Definition, old: _Old, undo: Undo) -> None:
    """Fields that did not change stay the objects that they were, and so queries made before still run."""
    for name, info in definition.fields.items():
        before = old.fields.get(name)
        if before is not None and _same_column(before, info):
            undo.attributes(before, ("declaration", "relation"))
            before.declaration, before.relation = info.declaration, info.relation
            definition.fields[name] = before
            if name in definition.declared:
                definition.declared[name] = before
            layout.attach(definition.cls, name, before.engine)


def _same_column(before: FieldInfo, info: FieldInfo) -> bool:
    a, b = before.declaration, info.declaration
    if before.type_of != info.type_of:
        return False
    plain = ("automatic", "counts", "doc", "intern")
    return (
        (before.kind, before.arg, before.nullable, before.in_key) == (info.kind, info.arg, info.nullable, info.in_key)
        and all(getattr(a, name) == getattr(b, name) for name in plain)
        and _same_value(before.default, info.default)
        and all(_same_function(getattr(a, name), getattr(b, name)) for name in ("default_factory", "check", "key"))
    )


def _same_value(a: object, b: object) -> bool:
    return a is b or (type(a) is type(b) and repr(a) == repr(b) and type(a).__repr__ is not object.__repr__)


def _same_function(a: Any, b: Any) -> bool:
    """The same, or compiled from the same text (a cell that was run again)."""
    if a is b or not isinstance(a, FunctionType) or not isinstance(b, FunctionType):
        return a is b
    closures = a.__closure__ or b.__closure__ or a.__defaults__ or b.__defaults__
    return a.__globals__ is b.__globals__ and not closures and _text(a) == _text(b)


def _text(function: FunctionType) -> tuple[Any, ...]:
    code = function.__code__
    return code.co_code, repr(code.co_consts), code.co_names, code.co_varnames


def _exchange_fields(definition: Definition, old: _Old, undo: Undo) -> list[FieldInfo]:
    """Adds the columns that are new or other ones; returns the old ones, which are to be dropped at the end."""
    store, cls = definition.db.store, definition.cls
    rows = _engine.stored_rows(cls)
    for name, info in definition.fields.items():
        before = old.fields.get(name)
        if before is info:
            continue
        if before is None and len(rows) and _needs_value(info):
            raise definition.problem(
                name,
                f"is a new required field without a default, and there are {len(rows):,} rows; "
                "give it a default, or `| None`",
            )
        values = None if before is None else _carried(definition, before, info, rows)
        try:
            store.add_field(cls, info.engine, values)
        except FieldError as error:
            raise definition.problem(name, f"cannot take over the values that are there: {error}") from error
        undo.add(lambda engine=info.engine: store.drop_field(engine))  # type: ignore[misc]
    return [before for name, before in old.fields.items() if definition.fields.get(name) is not before]


def _needs_value(info: FieldInfo) -> bool:
    d = info.declaration
    return not info.nullable and info.default is MISSING and d.default_factory is None and d.automatic is None


def _carried(definition: Definition, before: FieldInfo, info: FieldInfo, rows: _engine.Rows) -> list[Any]:
    """The values of a column, for its successor: members of an enum that was defined again by their names, type fields
    by what they mean."""
    plan = _engine.Plan(definition.cls, values=(("column", 0, before.engine),))
    values = plan.columns(rows)[0]
    if before.type_of and info.type_of:
        return _same_models(definition, before, info, values)
    if before.kind == info.kind == "Enum" and before.arg is not info.arg:
        members = info.arg.__members__
        return [members.get(value.name, value) if value is not None else None for value in values]
    return values


def _same_models(definition: Definition, before: FieldInfo, info: FieldInfo, values: list[Any]) -> list[Any]:
    """What stands for the same models in a type field now. DefinitionError if rows refer to one that has gone."""
    now = dict(info.type_of)
    gone = {value: name for name, value in before.type_of if name not in now}
    for value, name in gone.items():
        count = values.count(value)
        if count:
            raise definition.problem(
                info.name,
                f"cannot leave {name} out: {count:,} rows refer to a {name}; delete them, or let them refer to another "
                "record, before",
            )
    renamed = {value: now[name] for name, value in before.type_of if name in now}
    return [None if value is None else renamed[value] for value in values]


# ---------------------------------------------------------------- 3: what is built on them


def _take_down(definition: Definition, old: _Old, leading: list[Relation], undo: Undo) -> list[_engine.Index]:
    """Unbinds references that do not stay. What stays is in the new Table then; returns the indexes that do not, to be
    dropped at the end: one that was built again would have forgotten the order of arrival."""
    table = definition.table
    for plan, index in old.table.indexes.items():
        if plan in table.plan and all(definition.fields.get(name) is old.fields[name] for name in plan.names):
            table.indexes[plan] = index
    for relation in old.relations.values():
        if relation.kind == "belongs_to" and not _reference_stays(definition, old, relation):
            for each in relation.ways:
                _unbind(each, old.table, undo)
    for relation in leading:
        way = relation.towards(definition) if relation.kind == "belongs_to" else None
        if way is not None and not _index_stays(table, way):
            _unbind(way, relation.definition.table, undo)
    return [index for plan, index in old.table.indexes.items() if plan not in table.indexes]


def _reference_stays(definition: Definition, old: _Old, before: Relation) -> bool:
    """Whether a belongs_to is what it was, down to its indexes; the new one takes its descriptor then."""
    relation = definition.relations.get(before.name)
    if relation is None or relation.kind != "belongs_to" or relation.target_names != before.target_names:
        return False
    a, b = before.declaration, relation.declaration
    options = all(getattr(a, name) == getattr(b, name) for name in ("enforce", "unique", "acyclic", "default", "init"))
    options = options and old.table.actions.get(before.ways[0].spelling) == relation.on_delete
    same = before.required == relation.required and before.foreign_key == relation.foreign_key
    ways = list(zip(before.ways, relation.ways, strict=True))
    if not (options and same and all(old_way.references == way.references for old_way, way in ways)):
        return False
    names = tuple(info.name for info in relation.foreign_key)
    stays = all(
        plan in definition.table.indexes for plan in old.table.indexes if plan.names == names and plan.kind != "ordered"
    )
    own = relation.towards(definition)
    if stays and (own is None or _index_stays(definition.table, own)):
        relation.descriptor = before.descriptor
        relation.descriptor.path = relation.column_path
        for old_way, way in ways:
            way.descriptor = old_way.descriptor
            definition.table.references.add(way.spelling)
            definition.table.actions[way.spelling] = way.on_delete
        return True
    return False


def _index_stays(table: layout.Table, relation: Relation) -> bool:
    return table.index("unique", tuple(info.name for info in relation.references)) is not None


def _unbind(relation: Relation, table: layout.Table, undo: Undo) -> None:
    if relation.spelling not in table.references:
        return
    relation.descriptor.unbind()
    table.references.discard(relation.spelling)

    def again() -> None:
        layout.bind_reference(relation.base)

    undo.rebuild(again)


def _settle_pivots(definition: Definition, old: _Old, undo: Undo) -> list[_engine.Index]:
    """Alters the pivots that a many-to-many of this model goes through, or went: which pairs are unique, and what
    happens when one of the two is deleted. Returns the indexes to be dropped at the end."""
    relations = (*old.relations.values(), *definition.relations.values())
    found = {id(link.pivot): link.pivot for link in (relation.link for relation in relations) if link is not None}
    leaving: list[_engine.Index] = []
    for pivot in found.values():
        if pivot is not definition and pivot.laid_out:
            try:
                leaving += _settle_pivot(pivot, undo)
            except SinewError as error:
                raise definition.problem(None, f"cannot be defined anew: {error}") from error
    return leaving


def _settle_pivot(pivot: Definition, undo: Undo) -> list[_engine.Index]:
    table, store = pivot.table, pivot.db.store
    undo.attributes(table, ("plan", "indexes"))
    plan, before = keys.index_plans(pivot), table.indexes
    table.plan = plan
    table.indexes = {each: index for each, index in before.items() if each in plan}
    for each in plan:
        if each not in table.indexes:
            layout.add_index(pivot, each)
            undo.add(lambda index=table.indexes[each]: store.drop_index(index))  # type: ignore[misc]
    for reference in pivot.belongs_to():
        if any(table.actions.get(way.spelling, reference.on_delete) != reference.on_delete for way in reference.ways):
            _unbind(reference, table, undo)
            layout.bind_reference(reference)
            undo.add(lambda reference=reference: _let_go(reference, table))  # type: ignore[misc]
    return [index for each, index in before.items() if each not in table.indexes]


def _let_go(reference: Relation, table: layout.Table) -> None:
    for way in reference.ways:
        if way.spelling in table.references:
            way.descriptor.unbind()
            table.references.discard(way.spelling)


def _put_up(definition: Definition, old: _Old, found: list[Definition], leading: list[Relation], undo: Undo) -> None:
    store, cls, table = definition.db.store, definition.cls, definition.table
    for relation in definition.relations.values():
        if relation.descriptor is None:
            before = old.relations.get(relation.name)
            if before is not None and before.kind == relation.kind != "belongs_to":
                relation.descriptor = before.descriptor  # collections that are held go on with the new relation
                _show(relation)
            else:
                relation.descriptor = layout.make_descriptor(relation)
    store.set_parameters(cls, layout.parameters_of(definition), definition.validator_calls())
    undo.add(lambda: store.set_parameters(cls, old.parameters(), old.validators))
    undo.add(lambda: _drop_added(definition, old, table))
    try:
        layout.build(found)
        for relation in leading:
            if relation.kind == "belongs_to":
                layout.bind_reference(relation)
            layout.bind_path(relation)
    except SinewError as error:
        raise definition.problem(None, f"cannot be defined anew: {error}") from error


def _exchange_getters(definition: Definition, undo: Undo) -> None:
    """The new getters are in force; those of other models still find their way."""
    for info in definition.getters.values():
        info.bind()
        undo.add(info.unbind)
    for info in computed.all_of(definition):
        if info.definition is not definition and info.definition.resolved:
            info.check()


def _settle(definition: Definition) -> None:
    """All that records of the class need is there: puts it into the class."""
    descriptors: dict[str, Any] = {name: info.engine for name, info in definition.fields.items()}
    descriptors |= {name: relation.descriptor for name, relation in definition.relations.items()}
    descriptors |= {name: info.descriptor for name, info in definition.getters.items()}
    for name, descriptor in descriptors.items():
        layout.attach(definition.cls, name, descriptor)


def _show(relation: Relation) -> None:
    """Makes the descriptor of a has_one or has_many that of this relation."""
    relation.descriptor.relation, relation.descriptor.path = relation, relation.column_path


def _show_again(relation: Relation) -> None:
    _show(relation)
    relation.forget_path()  # it goes over references that may have been bound again
    layout.bind_path(relation)


def _drop_added(definition: Definition, old: _Old, table: layout.Table) -> None:
    """Undoes what the layout has built of the new definition."""
    kept = {id(way.descriptor) for relation in old.relations.values() for way in relation.ways}
    made = [way for relation in definition.relations.values() for way in relation.ways]
    for way in made:
        if way.spelling in table.references and id(way.descriptor) not in kept:
            way.descriptor.unbind()
    for plan, index in table.indexes.items():
        if old.table.indexes.get(plan) is not index:
            definition.db.store.drop_index(index)
