"""Models and records: the verbs of the class, those of the record, `@validates`.

The class itself and its construction are C (`_engine.ModelMeta`, `_engine.Record`); what a class statement does is in
declare.py. This module connects the two (`_engine.install`) and must be imported first of all.

The verbs of a class stand on the metaclass, so that a field of the same name hides them without a conflict: each is
that of `Query(cls)`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MethodType
from typing import Any, NoReturn, TypeVar

from . import _engine, declare, errors, expressions, notyet, query, report, soft, tree_writing
from .annotations import Attr
from .errors import DefinitionError, FieldError, SinewError, UnknownName, kind_of, show, suggest
from .fields import MISSING, FieldDeclaration, implicit_id
from .steady import steadily

ModelMeta = _engine.ModelMeta

_F = TypeVar("_F", bound=Callable[..., Any])


# ---------------------------------------------------------------- what the extension calls


def _layout(cls: Any) -> None:
    """A model is used for the first time."""
    definition = getattr(cls, "__sinew__", None)
    if definition is None:
        raise DefinitionError(f"{cls.__name__} is abstract and has no records; derive a model from it")
    definition.ensure()


def _missing_class_attribute(cls: Any, name: str) -> Any:
    """The error for an attribute that a class does not have; or, in a 1-tuple, the foreign key that its layout has
    created."""
    definition = getattr(cls, "__sinew__", None)
    if definition is None:
        for base in cls.__mro__:
            body = vars(base).get("__sinew_body__")
            if body is not None and (name in body.attributes or name in body.getters):
                return UnknownName(
                    f"{cls.__name__} is abstract: `{name}` is an attribute of the models derived from it"
                )
        return UnknownName(f"{cls.__name__} has no attribute `{name}`{suggest(name, _abstract_names(cls))}")
    if name not in definition.fields and definition.may_create(name):
        definition.ensure()
    if name in definition.fields:
        return (definition.fields[name].column,)
    return UnknownName(f"{definition.name} has no attribute `{name}`{definition.suggest(name)}")


def _abstract_names(cls: Any) -> list[str]:
    bodies = [vars(base)["__sinew_body__"] for base in cls.__mro__ if "__sinew_body__" in vars(base)]
    return [*dir(cls), *(name for body in bodies for name in (*body.attributes, *body.getters))]


def _missing_record_attribute(record: Any, name: str) -> UnknownName:
    definition = type(record).__sinew__
    return UnknownName(f"{definition.name} has no attribute `{name}`{definition.suggest(name)}")


def _find_by(cls: Any, values: Mapping[str, Any]) -> Any:
    return query.Query(cls).find_by(**values)


def _current_task() -> object | None:
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)  # whose import may be under way
    loop = None if running is None else running()
    if loop is None:
        return None
    task: object | None = sys.modules["asyncio"].current_task(loop)
    return task


_engine.install(
    errors=errors,
    declare=declare.declare,
    layout=_layout,
    missing_class_attribute=_missing_class_attribute,
    missing_record_attribute=_missing_record_attribute,
    find_by=_find_by,
    current_task=_current_task,
)


# ---------------------------------------------------------------- records


def _stored(record: Any) -> dict[str, Any]:
    fields = type(record).__sinew__.fields
    return dict(zip(fields, _engine.values(record, [info.engine for info in fields.values()]), strict=True))


class KeyedModel(_engine.Record):
    """The base of models that declare their own key.

    class Event(KeyedModel):
        id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
    """

    def update(self, /, **values: Any) -> None:
        """Sets several fields and references at once: all or nothing.

        Raises what an assignment raises, and UnknownName.

        >>> from sinew._example import hello
        >>> hello.update(title="Hello", views=10)
        """
        _engine.update(self, values)

    def delete(self, *, force: bool = False) -> None:
        """Deletes the record, and what on_delete="cascade" deletes with it. DeleteRestricted if others refer to it.

        A record of a model with a deleted_at() is deleted softly: it is left out everywhere, its fields can still be
        read, and `restore()` brings it back. force=True deletes it for good, also when it is soft-deleted already;
        without force that is a RecordDeleted.

        >>> from sinew._example import Note, note
        >>> note.delete()
        >>> Note.count(), note.text, note.deleted_at is None
        (0, 'Remember', False)
        """
        _engine.delete(self, soft.forced(force, "delete"))

    def to_dict(self, *names: str) -> dict[str, Any]:
        """The stored fields and foreign keys in the order of declaration, and what is named besides; relations as
        dicts, or lists of them. UnknownName.

        >>> from sinew._example import news
        >>> news.to_dict()
        {'id': 1, 'title': 'News', 'parent_id': None}
        """
        definition = type(self).__sinew__  # type: ignore[attr-defined]
        result = steadily(definition.db, _stored, self)
        for name in names:
            relation = definition.relations.get(name)
            value = getattr(self, name)
            if relation is None and isinstance(value, MethodType):
                raise UnknownName(
                    f"{definition.name}.{name} is a method; to_dict() takes names of relations and values"
                )
            if relation is None:
                result[name] = value
            elif relation.to_many:
                result[name] = [record.to_dict() for record in value]
            else:
                result[name] = None if value is None else value.to_dict()
        return result

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Not built yet."""
        raise notyet.unbuilt("changes")

    @property
    def changed(self) -> bool:
        """Not built yet."""
        raise notyet.unbuilt("changed")

    def was(self, name: str, /) -> Any:
        """Not built yet."""
        raise notyet.unbuilt("was()")

    def restore(self) -> None:
        """Brings a soft-deleted record back, last in the collections that it is in, and with it what a cascade took
        along, unless something else that this refers to is still deleted.

        SinewError if it is not deleted, UniqueError if another record has taken its key meanwhile, IntegrityError if
        what it refers to is deleted, RecordDeleted if it is gone for good; nothing has changed then.

        >>> from sinew._example import Note, note
        >>> note.delete()
        >>> note.restore()
        >>> Note.get(1) is note
        True
        """
        soft.require(type(self).__sinew__, "restore()")  # type: ignore[attr-defined]
        if not _engine.restore(self):
            raise SinewError(f"{self!r} is not deleted: there is nothing to restore")

    def expire(self, *names: str) -> None:
        """Drops the kept values of getters, of all without names: each is computed anew when it is next read, and so is
        what was computed from it. For getters that depend on something outside the database. UnknownName."""
        report.expire(self, names)

    def assign_tree(self, values: Mapping[str, Any], /, *, remove_missing: bool = False) -> None:
        """Sets fields, and writes to what hangs from this record: nested mappings change records of its relations, make
        new ones, put others here. All or nothing.

        values: by name; a belongs_to or has_one takes a record, None or a mapping, a has_many a list of records and
        mappings, a many-to-many keys too, and in its mappings the pivot's values under `pivot`. A mapping with a key
        of its model (that of this record, where it is part of it, need not be given) means the record that has it;
        without one, or if no record has it, a new one, except in a has_one, where it means the one that is there.

        remove_missing: who is in a relation that is given and is not named leaves it: its belongs_to becomes None, or,
        if that is required, it is deleted; links are removed. The rest is in the order of the lists.

        Raises what single statements raise, and says in front of it where in the values: `comments[2].body: ...`.

        >>> from sinew._example import ann, again, hello
        >>> ann.assign_tree({"posts": [{"id": again.id, "views": 4, "tags": [{"label": "new"}]}]})
        >>> again.views, [tag.label for tag in again.tags], len(ann.posts)
        (4, ['new'], 2)
        >>> again.assign_tree({"views": 3, "tags": []}, remove_missing=True)
        >>> len(again.tags)
        0
        """
        tree_writing.assign_tree(self, values, remove_missing=remove_missing)

    def __repr__(self) -> str:
        return _repr(self)

    def __copy__(self) -> NoReturn:
        raise SinewError(
            f"{self!r} cannot be copied: one row is one object. Make another record: "
            f"{type(self).__name__}(...), with values from to_dict()"
        )

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__copy__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        if _engine.parked(self):
            raise errors.soft_deleted(self)
        return _unpickle, (type(self), _engine.key(self))


def _unpickle(cls: Any, key: Any) -> Any:
    """The record that a pickle names. NotFound."""
    return cls.get(key)


class Model(KeyedModel, abstract=True):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]  # the metaclass's
    """The base of models with the key `id`, counting up from 1.

    class Post(Model):
        title: Attr[str]
    """

    id: Attr[int] = implicit_id()


_shown_now = threading.local()


def _repr(record: Any) -> str:
    """One line: the key, then what differs from its default. Within another record's it is the key alone: values may
    hold records, collections and queries that lead back."""
    if getattr(_shown_now, "record", None) is not None:
        return _line(record, short=True)
    _shown_now.record = record
    try:
        return _line(record, short=False)
    finally:
        _shown_now.record = None


def _line(record: Any, *, short: bool) -> str:
    definition = type(record).__sinew__
    parked = _engine.parked(record)
    if not parked and not _engine.alive(record):
        return f"<{type(record).__name__} (deleted)>"
    try:
        infos = [info for info in definition.fields.values() if not short and _shown(info)]
        values = _engine.values(record, [info.engine for info in infos])
        parts = [
            f" {info.name}={show(value, 40)}"
            for info, value in zip(infos, values, strict=True)
            if not _is_default(info, value)
        ]
        parts += [" (soft-deleted)"] if parked else []
        return f"<{definition.name} {show(_engine.key(record), 60)}{''.join(parts)}>"
    except (SinewError, TypeError):  # TypeError: another thread is defining the model anew
        return f"<{type(record).__name__} (out of reach)>"


def _shown(info: Any) -> bool:
    """Whether a field is in the repr: not the key, nor what a factory gives."""
    d: FieldDeclaration = info.declaration
    return d.repr and not info.in_key and d.default_factory is None and d.automatic is None


def _is_default(info: Any, value: Any) -> bool:
    if value is info.default:
        return True
    try:
        return type(value) is type(info.default) and bool(value == info.default)
    except MemoryError:
        raise
    except Exception:
        return False


# ---------------------------------------------------------------- validators


def validates(*names: str) -> Callable[[_F], _F]:
    """Marks a method as the validator of fields: it takes the value and returns it, normalised or as it was, or raises
    Invalid. It is not called with None. While a record is made there is none yet: `self` is false then and has the
    methods and constants of the class, but no values; reading one raises SinewError. (Without names, for whole records:
    not built yet.)

        @validates("email")
        def _email(self, value: str) -> str:
            if "@" not in value:
                raise Invalid("must contain @")
            return value.lower()
    """
    if not names:
        raise notyet.unbuilt("@validates() for whole records", depth=2)
    for name in names:
        if not isinstance(name, str):
            raise notyet.misuse(f'@validates takes names of fields, @validates("email"), not {show(name)}', depth=2)

    def mark(function: _F) -> _F:
        function.__sinew_validates__ = (*getattr(function, "__sinew_validates__", ()), *names)  # type: ignore[attr-defined]
        return function

    return mark


# ---------------------------------------------------------------- the verbs of a class

VERBS = (
    "where", "order_by", "offset", "limit", "all", "with_deleted", "only_deleted", "include", "group_by", "explain",
    "first", "last", "one", "one_or_none", "count", "exists", "pluck", "select", "sum", "avg", "min", "max",
    "in_batches",
)  # fmt: skip


def _verb(name: str) -> Callable[..., Any]:
    def verb(cls: Any, /, *args: Any, **options: Any) -> Any:
        return getattr(query.Query(_definition(cls).cls), name)(*args, **options)

    verb.__name__ = name
    verb.__qualname__ = f"ModelMeta.{name}"
    verb.__doc__ = f"`Query(cls).{name}`: see there."
    return verb


def _get_or_create(cls: Any, /, *, defaults: Mapping[str, Any] | None = None, **values: Any) -> tuple[Any, bool]:
    """The record with these values, and False; or a new one that has them and the defaults besides, and True.

    >>> from sinew._example import Author
    >>> Author.get_or_create(name="Ann")
    (<Author 1 name='Ann'>, False)
    """
    if not values:
        raise FieldError(f"{cls.__name__}.get_or_create() needs the values to look for")
    with _definition(cls).db.transaction():
        found = query.Query(cls).find_by(**values)
        return (cls(**{**values, **(defaults or {})}), True) if found is None else (found, False)


def _upsert(cls: Any, /, *, on: str | Sequence[str] | None = None, **values: Any) -> Any:
    """Updates the record that has the unique key among these values, or creates it. on: the fields of that key, needed
    if there are several. FieldError if there is none, or if it is not clear which."""
    definition = _definition(cls)
    definition.ensure()
    names = _upsert_key(definition, on, values)
    with definition.db.transaction():
        key = {name: values[name] for name in names}
        found = None if None in key.values() else query.Query(cls).find_by(**key)
        if found is None:
            return cls(**values)
        found.update(**{name: value for name, value in values.items() if name not in names})
        return found


def _upsert_key(definition: Any, on: str | Sequence[str] | None, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields (or references) by which to look for the record, as they are given."""
    given = {}
    for name in values:
        relation = definition.relations.get(name)
        infos = relation.foreign_key if relation is not None and relation.kind == "belongs_to" else ()
        given[name] = tuple(info.name for info in infos) or (name,)
    keys = []
    for plan in definition.table.plan:
        names = tuple(name for name, fields in given.items() if set(fields) <= set(plan.names))
        if plan.kind == "unique" and sorted(field for name in names for field in given[name]) == sorted(plan.names):
            keys.append(names)
    if on is not None:
        wanted = sorted([on] if isinstance(on, str) else on)
        keys = [names for names in keys if sorted(names) == wanted]
    if len(keys) == 1:
        return keys[0]
    unique = ", ".join(f"({', '.join(plan.names)})" for plan in definition.table.plan if plan.kind == "unique")
    if not keys:
        asked = f" {show(on)}" if on is not None else ""
        raise FieldError(f"{definition.name}.upsert() needs the values of a unique key{asked}; there are: {unique}")
    several = "; ".join(", ".join(names) for names in keys)
    raise FieldError(f"{definition.name}.upsert(): several unique keys are given ({several}); name one with on=")


def _insert_many(
    cls: Any,
    rows: Iterable[Any] | Mapping[str, Sequence[Any]],
    /,
    *,
    columns: Sequence[Any] | None = None,
    hooks: bool = False,
    progress: bool | Callable[[int], None] = False,
) -> int:
    """Inserts many records as one statement, all or nothing, and returns their number.

    rows: mappings; or sequences, with columns= naming what they hold; or one mapping of columns of equal length.
    progress=True shows a count on stderr; a function is called with it.

    >>> from sinew import Attr, Database, Model
    >>> class Point(Model, db=Database()):
    ...     x: Attr[int]
    >>> Point.insert_many([{"x": 1}, {"x": 2}]), Point.insert_many({"x": [3]}), Point.insert_many([(4,)], columns=["x"])
    (2, 1, 1)
    """
    if hooks:
        raise notyet.unbuilt("insert_many(hooks=True)", depth=2)
    if not (isinstance(progress, bool) or callable(progress)):
        raise FieldError(
            f"{cls.__name__}.insert_many(): progress= takes True, False or a function, not {show(progress)}"
        )
    show_count = _Progress(cls.__name__) if progress is True else None
    report = show_count or (progress if callable(progress) else None)
    names = None if columns is None else _column_names(cls, columns)
    _check_rows(cls, rows)
    try:
        if isinstance(rows, Mapping):
            if names is not None:
                raise FieldError(
                    f"{cls.__name__}.insert_many(): a mapping of columns names them itself; leave columns= out"
                )
            return _engine.insert_columns(cls, dict(zip(_column_names(cls, rows), rows.values(), strict=True)), report)
        return _engine.insert_rows(cls, rows, names, report)
    finally:
        if show_count is not None:
            show_count.end()


def _check_rows(cls: Any, rows: object) -> None:
    """FieldError for what holds no rows, and for a mapping whose values are no columns."""
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise FieldError(
            f"{cls.__name__}.insert_many() takes rows, or a mapping of columns, not {show(rows)} ({kind_of(rows)})"
        )
    for name, column in rows.items() if isinstance(rows, Mapping) else ():
        if isinstance(column, (str, bytes, Mapping)) or not isinstance(column, Iterable):
            raise FieldError(
                f"{cls.__name__}.insert_many(): a mapping holds columns, and {name}={show(column)} is none; "
                "a single row goes into a list: [{...}]"
            )


def _column_names(cls: Any, columns: Any) -> list[str]:
    """What columns= names: fields and belongs_to of this model, by name or as its attributes."""
    definition = _definition(cls)
    listed = None if isinstance(columns, str) or not isinstance(columns, Iterable) else list(columns)
    if listed is None:
        raise FieldError(f'{cls.__name__}.insert_many(): columns= takes several names, ["title"], not {show(columns)}')
    names = []
    for column in listed:
        steps = expressions.steps_of(column) if expressions.is_path(column) else ()
        if isinstance(column, str):
            names.append(column)
        elif isinstance(column, expressions.Column) and column.root is definition and not column.steps:
            names.append(column.field.name)
        elif expressions.is_path(column) and len(steps) == 1 and expressions.root_of(column) is definition:
            names.append(steps[0].name)
        else:
            raise FieldError(
                f"{cls.__name__}.insert_many(): columns= takes names of fields and belongs_to of {cls.__name__}, "
                f"not {show(column)}"
            )
    return names


class _Progress:
    """A count on stderr."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, count: int) -> None:
        print(f"\r{self._name}: {count:,} rows", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Ends the line."""
        print(file=sys.stderr)


def _create_tree(cls: Any, /, **values: Any) -> Any:
    """A new record with what hangs from it: values as the constructor takes them, and for relations what `assign_tree`
    takes. All or nothing.

    >>> from sinew._example import Category, ann
    >>> with Category.__sinew__.db.transaction() as tx:
    ...     tree = Category.create_tree(title="New", posts=[{"title": "a", "author": ann}], parent={"title": "Above"})
    ...     tree.parent.title, [post.title for post in tree.posts]
    ...     tx.rollback()
    ('Above', ['a'])
    """
    return tree_writing.create_tree(_definition(cls), values)


def _definition(cls: Any) -> Any:
    definition = getattr(cls, "__sinew__", None)
    if definition is None:
        raise DefinitionError(f"{cls.__name__} is abstract and has no records; derive a model from it")
    return definition


def _set_class_attribute(cls: Any, name: str, value: object) -> None:
    """Fields and relations stay what they are, and unknown names are refused."""
    definition = getattr(cls, "__sinew__", None)
    if definition is not None and name in definition.getters:
        raise FieldError(f"{cls.__name__}.{name} is a getter, declared by the class statement; it cannot be assigned")
    if definition is not None and (name in definition.fields or name in definition.relations):
        raise FieldError(
            f"{cls.__name__}.{name} is declared by the class statement and cannot be assigned; set it on a record"
        )
    if not name.startswith("__") and not any(name in vars(base) for base in cls.__mro__):
        hint = suggest(name, dir(cls)) if definition is None else definition.suggest(name)
        raise UnknownName(f"{cls.__name__} has no attribute `{name}`{hint}")
    type.__setattr__(cls, name, value)


def _delete_class_attribute(cls: Any, name: str) -> None:
    definition = getattr(cls, "__sinew__", None)
    if definition is not None and any(name in each for each in _declared(definition)):
        raise FieldError(f"{cls.__name__}.{name} is declared by the class statement and cannot be deleted")
    type.__delattr__(cls, name)


def _declared(definition: Any) -> tuple[Any, ...]:
    return definition.fields, definition.relations, definition.getters


def _signature(cls: Any) -> inspect.Signature:
    """What the constructor takes, for `inspect.signature` and the help of editors and notebooks; `...` as the default
    of what fills itself, or may be left out because something else gives it."""
    definition = getattr(cls, "__sinew__", None)
    if definition is None:
        return inspect.Signature()
    given: dict[str, Any] = {}
    for name in definition.order:
        relation, info = definition.relations.get(name), definition.declared.get(name)
        if info is not None and info.init:
            optional = info.declaration.has_default or info.declaration.counts
            default = info.default if info.declaration.default is not MISSING else ...
            given[name] = default if optional else inspect.Parameter.empty
        elif relation is not None and relation.kind == "belongs_to" and relation.declaration.init:
            given[name] = None if relation.declaration.default is None else inspect.Parameter.empty
    for relation in definition.belongs_to():
        own = relation.declaration.foreign_key or f"{relation.name}_id"
        pair = [name for name in (relation.name, *([own] if isinstance(own, str) else own)) if name in given]
        if len(pair) > 1:
            given.update((name, ...) for name in pair if given[name] is inspect.Parameter.empty)  # either will do
    return inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value) for name, value in given.items()]
    )


METHODS = {
    "update": "for many: {model}.all().update(...), or {model}.where(...).update(...)",
    "delete": "for many: {model}.all().delete(), or {model}.where(...).delete()",
    "restore": "for many: {model}.where(...).restore()",
    "to_dict": "for many: {model}.select(...), or [each.to_dict() for each in {model}.all()]",
    "was": "call it on a record, {model}[key].was(...)",
    "expire": "call it on a record, {model}[key].expire(...)",
    "assign_tree": "call it on a record, {model}[key].assign_tree(...)",
}
"""Methods of records, and what to write where one is called on the class."""


def _of_records(name: str, instead: str) -> property:
    """A method of records, as the class gives it: called without a record it says what to write instead. It stands on
    the metaclass, where records do not look."""
    own = vars(KeyedModel)[name]

    def get(cls: Any) -> Any:
        found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if found is None:  # one of the bases in C
            raise AttributeError(f"{cls.__name__} has no attribute `{name}`")
        if found is not own:
            return found.__get__(None, cls)

        @functools.wraps(own)
        def method(*args: Any, **options: Any) -> Any:
            if args and isinstance(args[0], _engine.Record):
                return own(*args, **options)
            model = cls.__name__
            raise SinewError(f"{model}.{name}() is a method of one record; {instead.format(model=model)}")

        return method

    return property(get)


def _attach_verbs() -> None:
    meta: Any = ModelMeta
    for name in VERBS:
        setattr(meta, name, _verb(name))
    meta.get_or_create = _get_or_create
    meta.upsert = _upsert
    meta.insert_many = _insert_many
    meta.create_tree = _create_tree
    meta.__setattr__ = _set_class_attribute
    meta.__delattr__ = _delete_class_attribute
    meta.__signature__ = property(_signature)
    for name, instead in METHODS.items():
        setattr(meta, name, _of_records(name, instead))


_attach_verbs()
