"""What the class statement of a model does.

    read    the body is read: annotations and declarations become attributes, everything else stays in the class
    make    the extension makes the class; from its MRO come the attributes of abstract bases
    enter   the Definition enters the registry, or replaces the one of the same module and qualified name

Every mistake is a DefinitionError that names class, attribute and place; nothing has been entered then, so that the
corrected class can be defined.
"""

from __future__ import annotations

import difflib
import functools
import keyword
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import FrameType, FunctionType
from typing import Any

from . import _engine, database, layout, redefinition
from .annotations import HEADS, Annotation, Scope, Subscripted, evaluate, of_namespace, read
from .definition import Definition, Options, Place
from .errors import DefinitionError, show, store_closed, suggest
from .fields import FieldDeclaration, NotAType, Type, check_options, deleted_at, kind_for
from .getters import Getter
from .relations import KIND_OF_HEAD, RelationDeclaration, check_relation

RECORD_METHODS = ("update", "delete", "restore", "changes", "changed", "was", "expire", "to_dict", "assign_tree")
"""Names that a field may not have, because records need them."""

FORBIDDEN = ("__init__", "__new__", "__del__", "__eq__", "__hash__", "__slots__")
KEYWORDS = ("abstract", "db", "primary_key", "index", "unique")
_ABSENT: Any = object()


@dataclass(frozen=True)
class Attribute:
    """A field (with its type) or a relation, as one class body declares it."""

    declaration: FieldDeclaration | RelationDeclaration
    type: Type | None
    annotation: Annotation | None


@dataclass(frozen=True)
class Body:
    """What one class statement adds: `cls.__sinew_body__`."""

    attributes: Mapping[str, Attribute]
    getters: Mapping[str, Getter]
    options: Options
    db: database.Database | None
    abstract: bool


def declare(
    meta: type[Any], name: str, bases: tuple[type, ...], namespace: Mapping[str, Any], keywords: Mapping[str, Any]
) -> Any:
    """The class statement of a model; called by the extension."""
    return declare_at(sys._getframe(1), meta, name, bases, dict(namespace), keywords)


def declare_at(
    frame: FrameType,
    meta: type[Any],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    keywords: Mapping[str, Any],
    order: Sequence[str] = (),
) -> Any:
    """Declares a class whose statement stands in this frame. order: that of its attributes, where the namespace does
    not tell."""
    module = namespace.get("__module__", frame.f_globals.get("__name__", "?"))
    place = Place(name, module, namespace.get("__qualname__", name), frame.f_code.co_filename, frame.f_lineno)
    if bases == (_engine.Record,):
        return _engine.new_class(meta, name, bases, {"__sinew__": None, **namespace})
    _check_bases(place, bases)
    _check_contents(place, namespace)
    options, db, abstract = _read_keywords(place, keywords)
    attributes = _read_body(place, namespace, frame)
    attributes = {name: attributes[name] for name in (*order, *attributes) if name in attributes}
    getters = _read_getters(place, namespace, frame)
    body = Body(attributes, getters, options, db, abstract)
    cell = namespace.get("__classcell__")
    cls = _engine.new_class(meta, name, bases, {**namespace, "__sinew__": None, "__sinew_body__": body})
    if abstract:
        _check_not_concrete(cls, place)
        return cls
    definition = _define(cls, place)
    _dress(definition)
    return _enter(definition, cell)


# ---------------------------------------------------------------- what may not be there


def _check_bases(place: Place, bases: tuple[type, ...]) -> None:
    if not any(isinstance(base, _engine.ModelMeta) for base in bases) or not all(isinstance(b, type) for b in bases):
        raise place.problem(None, f"needs a model as its base, Model or one that is abstract, not {show(bases)}")
    for base in bases:
        if not isinstance(base, _engine.ModelMeta):
            for mixin in base.__mro__[:-1]:
                _check_mixin(place, mixin)
        elif getattr(base, "__sinew__", None) is not None:
            raise place.problem(
                None,
                f"cannot derive from {base.__name__}, which is a concrete model: its records would have two tables. "
                "Put what both share into `class Base(Model, abstract=True)`, or refer to it with "
                f"BelongsTo[{base.__name__}]",
            )


def _check_mixin(place: Place, mixin: type) -> None:
    name, contents = mixin.__name__, vars(mixin)
    for attribute, annotation in of_namespace(contents).items():
        if read(annotation).head in HEADS:
            raise place.problem(
                None, f"gets `{name}.{attribute}` from a mixin: fields and relations go into abstract bases, "
                f"`class {name}(Model, abstract=True)`"
            )  # fmt: skip
    if "__dict__" in contents or "__weakref__" in contents:
        raise place.problem(None, f"has the mixin {name}, which needs `__slots__ = ()`: records have no __dict__")
    _check_contents(place, {k: v for k, v in contents.items() if k != "__slots__"}, f"{name}.")


def _check_contents(place: Place, contents: Mapping[str, Any], owner: str = "") -> None:
    for name in FORBIDDEN:
        if name in contents and (name == "__slots__" or isinstance(contents[name], (FunctionType, staticmethod))):
            raise place.problem(None, f"defines `{owner}{name}`, which a model may not: {_INSTEAD[name]}")
    for name, value in contents.items():
        if isinstance(value, functools.cached_property):
            raise place.problem(
                f"{owner}{name}",
                "is a functools.cached_property, which would go stale and needs a __dict__; use @getter",
            )


_INSTEAD = {
    "__init__": "give fields defaults (default_factory=), or write a classmethod that creates records",
    "__new__": "write a classmethod that creates records",
    "__del__": "a record's object comes and goes while its row stays",
    "__eq__": "one row is always one object, so records compare by identity",
    "__hash__": "one row is always one object, so records hash by identity",
    "__slots__": "its values live in the store; it has no slots of its own",
}


# ---------------------------------------------------------------- keywords


def _read_keywords(place: Place, keywords: Mapping[str, Any]) -> tuple[Options, database.Database | None, bool]:
    for name in keywords:
        if name not in KEYWORDS:
            raise place.problem(None, f"has the class keyword `{name}`, which there is not{suggest(name, KEYWORDS)}")
    db, abstract = keywords.get("db"), keywords.get("abstract", False)
    if db is not None and not isinstance(db, database.Database):
        raise place.problem(None, f"has db={show(db)}, which is no Database")
    if not isinstance(abstract, bool):
        raise place.problem(None, f"has abstract={show(abstract)}; use True or False")
    key = _names(place, "primary_key", keywords.get("primary_key", ()))
    groups = {name: _groups(place, name, keywords.get(name, ())) for name in ("unique", "index")}
    return Options(key, **groups), db, abstract


def _names(place: Place, option: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise place.problem(None, f"has {option}={show(value)}; use names of fields, such as ('order', 'number')")
    return tuple(names)


def _groups(place: Place, option: str, value: Any) -> tuple[tuple[str, ...], ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise place.problem(
            None, f"has {option}={show(value)}; use a list of names and tuples of names, [('name', 'role')]"
        )
    groups = tuple(_names(place, option, group) for group in value)
    if () in groups:
        raise place.problem(None, f"has {option}={show(value)} with an empty group; name its fields")
    return groups


# ---------------------------------------------------------------- the body


def _read_body(place: Place, namespace: dict[str, Any], frame: FrameType) -> dict[str, Attribute]:
    """The attributes that a class body declares; they leave the namespace."""
    scope = Scope(namespace, frame, place.module)
    attributes: dict[str, Attribute] = {}
    for name, given in of_namespace(namespace).items():
        attribute = _annotated(place, name, read(given), namespace.get(name, _ABSENT), scope)
        if attribute is not None:
            attributes[name] = attribute
    for name, value in namespace.items():
        if isinstance(value, (FieldDeclaration, RelationDeclaration)) and name not in attributes:
            attributes[name] = _unannotated(place, name, value, scope)
    for name in attributes:
        namespace.pop(name, None)
        _check_name(place, name)
    return attributes


def _read_getters(place: Place, namespace: dict[str, Any], frame: FrameType) -> dict[str, Getter]:
    """The getters that a class body declares; they leave the namespace."""
    scope = Scope(namespace, frame, place.module)
    for name, value in namespace.items():
        wrapped = value.fget if isinstance(value, property) else getattr(value, "__func__", None)
        if isinstance(wrapped, Getter) and isinstance(value, (property, classmethod, staticmethod)):
            kind = type(value).__name__
            raise place.problem(name, f"is a {kind} around a getter; leave @{kind} out, a getter is read by itself")
    getters = {name: value for name, value in namespace.items() if isinstance(value, Getter)}
    for name, value in getters.items():
        del namespace[name]
        _check_getter(place, name, value)
        value.settle(scope)
    return getters


def _check_getter(place: Place, name: str, declared: Getter) -> None:
    _check_name(place, name)
    for problem in declared.problems():
        raise place.problem(name, problem)


def _check_name(place: Place, name: str) -> None:
    if name in RECORD_METHODS:
        raise place.problem(name, f"has the name of a method of records ({', '.join(RECORD_METHODS)}); choose another")
    if name.startswith(("__", "_sinew_")) or not name.isidentifier() or keyword.iskeyword(name):
        raise place.problem(name, "has no name that an attribute can have")


def _annotated(place: Place, name: str, annotation: Annotation, value: Any, scope: Scope) -> Attribute | None:
    if isinstance(value, Getter):
        if annotation.text.partition("[")[0].rpartition(".")[2] == "Getter":
            return None
        raise place.problem(
            name, f"is annotated `{annotation.text}` and declared by {value.verb}; leave the annotation out"
        )
    if annotation.head == "ClassVar":
        if isinstance(value, (FieldDeclaration, RelationDeclaration)):
            raise place.problem(
                name, f"is annotated `{annotation.text}`, a constant, but declared as a field or relation"
            )
        return None
    if annotation.head == "":
        raise place.problem(name, f"is annotated `{annotation.text}`; {_annotation_hint(name, annotation.text)}")
    if annotation.head == "Attr":
        return _field(place, name, annotation, value, scope)
    kind = KIND_OF_HEAD[annotation.head]
    if value is not _ABSENT and not isinstance(value, (FieldDeclaration, RelationDeclaration)):
        raise place.problem(name, f"is a relation and has the value {show(value)}; options are given with {kind}(...)")
    if isinstance(value, FieldDeclaration):
        raise place.problem(name, f"is annotated `{annotation.text}` but declared with field(); use {kind}(...)")
    declaration = RelationDeclaration(kind) if value is _ABSENT else value
    return _relation(place, name, declaration, annotation)


def _unannotated(place: Place, name: str, value: FieldDeclaration | RelationDeclaration, scope: Scope) -> Attribute:
    if isinstance(value, RelationDeclaration):
        return _relation(place, name, value, None)
    if value.type is None and value.automatic is not None:
        value = replace(value, type=datetime | None if value.automatic == "deleted" else datetime)
    if value.type is None:
        raise place.problem(name, f"has no annotation; write `{name}: Attr[str] = field(...)`")
    return _field(place, name, Annotation("Attr", ""), value, scope)


def _annotation_hint(name: str, text: str) -> str:
    outer, inside = text.partition("[")[0].rpartition(".")[2], re.search(rf"\b({'|'.join(HEADS)})\[", text)
    if inside is not None:
        head = inside[1]
        example = f"{head}[{'int' if head == 'Attr' else 'Post'} | None]"
        return f"`{head}` stands outside of everything else, as in `{name}: {example}`"
    if outer == "Final":
        return f"a constant is a `ClassVar`, `{name}: ClassVar{text.partition('Final')[2]}`"
    near = difflib.get_close_matches(outer, HEADS, n=1) if "[" in text else []
    if near:
        return f"did you mean `{near[0]}[{text.partition('[')[2]}`?"
    return f"a field is `{name}: Attr[{text}]`, a constant `{name}: ClassVar[{text}]`"


def _relation(place: Place, name: str, declaration: RelationDeclaration, annotation: Annotation | None) -> Attribute:
    for problem in check_relation(declaration, annotation):
        raise place.problem(name, problem)
    return Attribute(declaration, None, annotation)


def _field(place: Place, name: str, annotation: Annotation, value: Any, scope: Scope) -> Attribute:
    if annotation.problem:
        raise place.problem(name, annotation.problem)
    if isinstance(value, RelationDeclaration):
        raise place.problem(name, f"is annotated `{annotation.text}` but declared with {value.kind}()")
    if value is not _ABSENT and not isinstance(value, FieldDeclaration):
        raise place.problem(
            name, f"has a bare default; write `{name}: {annotation.text} = field(default={show(value, 40)})`"
        )
    declaration = FieldDeclaration() if value is _ABSENT else value
    of = _type(place, name, annotation, declaration, scope)
    if declaration.type is not None and annotation.inner is not None and _contradicts(of, annotation.inner, scope):
        raise place.problem(
            name,
            f"is annotated `{annotation.text}` but declared with type={_called(declaration.type)}; leave type= out",
        )
    for problem in check_options(declaration, of):
        raise place.problem(name, problem)
    return Attribute(declaration, of, annotation)


def _type(place: Place, name: str, annotation: Annotation, declaration: FieldDeclaration, scope: Scope) -> Type:
    given = annotation.inner if declaration.type is None else declaration.type
    try:
        of = kind_for(evaluate(given, scope) if isinstance(given, str) else given)
    except NotAType as error:
        raise place.problem(name, f"cannot be `{annotation.text or show(given)}`: {error}") from None
    except MemoryError:
        raise
    except Exception as error:
        raise place.problem(
            name,
            f"cannot evaluate `{annotation.text or show(given)}`: {error}; give the type itself, field(type=Color)",
        ) from error
    return replace(of, nullable=of.nullable or annotation.optional)


def _contradicts(of: Type, annotated: Any, scope: Scope) -> bool:
    """Whether an annotation has a meaning, and another one: type= is there for those that cannot be evaluated. A class
    of one's own may stand for what is derived from it."""
    try:
        said = kind_for(evaluate(annotated, scope) if isinstance(annotated, str) else annotated)
    except Exception:
        return False
    if said.kind.name == "object":
        return False
    return (said.kind, said.arg) != (of.kind, of.arg) or (of.nullable and not said.nullable)


def _called(given: Any) -> str:
    return given.__name__ if isinstance(given, type) else show(given)


# ---------------------------------------------------------------- from bodies to a definition


def _bodies(cls: type[Any]) -> Iterator[Body]:
    """The bodies of a class and its abstract bases, the most basic first."""
    for base in reversed(cls.__mro__):
        body = vars(base).get("__sinew_body__")
        if isinstance(body, Body):
            yield body


def _define(cls: type[Any], place: Place) -> Definition:
    bodies = list(_bodies(cls))
    attributes: dict[str, Attribute] = {}
    for body in bodies:
        attributes.update(body.attributes)
    getters = _getters_of(cls, place)
    for name in attributes:
        if name in getters:
            raise place.problem(
                name, f"is both a getter and a {'field' if attributes[name].type else 'relation'}; rename one of them"
            )
        _check_not_hidden(cls, place, name)
    for name in getters:
        _check_not_hidden(cls, place, name)
    options = Options(
        next((body.options.primary_key for body in reversed(bodies) if body.options.primary_key), ()),
        tuple(group for body in bodies for group in body.options.unique),
        tuple(group for body in bodies for group in body.options.index),
    )
    _settle_key(place, attributes, options)
    db = _database_of(bodies)
    definition = Definition(cls, db, place, options, _validators(cls, place, attributes, getters))
    for name, attribute in attributes.items():
        if isinstance(attribute.declaration, RelationDeclaration):
            definition.add_relation(name, attribute.declaration, attribute.annotation)
        else:
            assert attribute.type is not None
            definition.add_field(name, attribute.type, attribute.declaration)
    for name, declared in getters.items():
        definition.add_getter(name, declared)
    return definition


def _getters_of(cls: type[Any], place: Place) -> dict[str, Getter]:
    """The getters of a class, its abstract bases and its mixins: of each name the nearest."""
    found: dict[str, Getter] = {}
    for base in reversed(cls.__mro__):
        body = vars(base).get("__sinew_body__")
        if isinstance(body, Body):
            found.update(body.getters)
            continue
        for name, value in vars(base).items():
            if isinstance(value, Getter):
                _check_getter(place, name, value)
                value.settle(Scope({}, None, base.__module__))
                found[name] = value
    return found


def made(
    place: Place, db: database.Database, references: Mapping[str, RelationDeclaration], *, soft: bool
) -> Definition:
    """A model that nobody declared: the pivot of a many-to-many that names none. soft: its rows are deleted softly."""
    from .model import Model

    attributes = {name: Attribute(declaration, None, None) for name, declaration in references.items()}
    if soft:
        attributes["deleted_at"] = Attribute(deleted_at(), kind_for(datetime | None), None)
    body = Body(attributes, {}, Options(), db, False)
    names = {"__module__": place.module, "__qualname__": place.qualname, "__sinew__": None, "__sinew_body__": body}
    definition = _define(_engine.new_class(type(Model), place.name, (Model,), names), place)
    _dress(definition)
    db.pending[place.name] = db.definitions[place.name] = definition
    return definition


def _database_of(bodies: Iterable[Body]) -> database.Database:
    """The last that a class statement names, or the default database."""
    named = [body.db for body in bodies if body.db is not None]
    return named[-1] if named else database.db


def _check_not_hidden(cls: type[Any], place: Place, name: str) -> None:
    """A field or getter of an abstract base must not be hidden by something else of the same name further down."""
    for base in cls.__mro__:
        body = vars(base).get("__sinew_body__")
        if isinstance(body, Body) and (name in body.attributes or name in body.getters):
            return
        if isinstance(vars(base).get(name), Getter):
            return
        if name in vars(base):
            raise place.problem(
                name, f"is a field, relation or getter of an abstract base and is hidden by {base.__name__}.{name}"
            )


def _settle_key(place: Place, attributes: dict[str, Attribute], options: Options) -> None:
    """Drops the implicit id if there is another key; makes a redeclared `id` the key if there is none."""
    fields = {name: a for name, a in attributes.items() if isinstance(a.declaration, FieldDeclaration)}
    marked = [n for n, a in fields.items() if a.declaration.primary_key and not _counts(a)]  # type: ignore[union-attr]
    key = options.primary_key or tuple(marked)
    if marked and options.primary_key and not set(marked) <= set(options.primary_key):
        raise place.problem(
            None,
            f"has two keys: primary_key={options.primary_key!r} and field(primary_key=True) on {', '.join(marked)}",
        )
    if key:
        for name in [n for n, a in fields.items() if _counts(a) and n not in key]:
            del attributes[name]
        return
    if any(_counts(a) for a in fields.values()):
        return
    own = fields.get("id")
    if own is None or own.type is None:
        raise place.problem(
            None,
            "has no primary key; mark a field with field(primary_key=True), give the class primary_key=(...), "
            "or derive from Model",
        )
    d = own.declaration
    assert isinstance(d, FieldDeclaration)
    counts = own.type.kind.name == "int" and not d.has_default
    attributes["id"] = replace(own, declaration=replace(d, primary_key=True, counts=counts))


def _counts(attribute: Attribute) -> bool:
    return isinstance(attribute.declaration, FieldDeclaration) and attribute.declaration.counts


def _validators(
    cls: type[Any], place: Place, attributes: Mapping[str, Attribute], getters: Mapping[str, Getter]
) -> dict[str, tuple[Callable[[Any, Any], Any], ...]]:
    """The functions that `@validates` marks, by field."""
    found: dict[str, list[Callable[[Any, Any], Any]]] = {}
    names = {name: None for base in reversed(cls.__mro__) for name in vars(base)}
    for name in names:
        function = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
        for target in getattr(function, "__sinew_validates__", ()) if isinstance(function, FunctionType) else ():
            if target in getters:
                raise place.problem(name, f"validates `{target}`, which is computed; validate what it reads")
            if target not in attributes:
                raise place.problem(name, f"validates `{target}`, which is no field{suggest(target, attributes)}")
            if attributes[target].type is None:
                raise place.problem(name, f"validates `{target}`, a relation; validate its foreign key, or check= it")
            found.setdefault(target, []).append(function)
    return {name: tuple(functions) for name, functions in found.items()}


# ---------------------------------------------------------------- into the class and the registry


def _dress(definition: Definition) -> None:
    """Puts definition and descriptors into the class."""
    layout.attach(definition.cls, "__sinew__", definition)
    for name, info in definition.fields.items():
        layout.attach(definition.cls, name, info.engine)
    for name, relation in definition.relations.items():
        layout.attach(definition.cls, name, layout.UnlaidRelation(relation))
    for name, getter in definition.getters.items():
        layout.attach(definition.cls, name, getter.descriptor)


def _check_not_concrete(cls: type[Any], place: Place) -> None:
    """A model that is run again as an abstract base would stay in the registry under a class that nobody has."""
    db = _database_of(_bodies(cls))
    with db.lock:
        known = db.definitions.get(place.name)
        if known is not None and known.qualified == place.qualified and not db.store.closed:
            raise place.problem(
                None,
                f"is a model of this database ({known.file}:{known.line}) and cannot become abstract: its records, and "
                "relations to it, would be left without it; give the base another name, or begin with a new Database()",
            )


def _enter(definition: Definition, cell: Any) -> Any:
    db = definition.db
    with db.lock:
        if db.store.closed:
            raise store_closed()
        known = db.definitions.get(definition.name)
        if known is None:
            db.pending[definition.name] = definition
            try:
                db.definitions[definition.name] = definition
            except MemoryError:
                del db.pending[definition.name]
                raise
            return definition.cls
        if known.qualified != definition.qualified:
            raise definition.problem(
                None,
                f"is defined twice in this database: as {known.qualified} ({known.file}:{known.line}) and as "
                f"{definition.qualified}; rename one, or give it a database of its own (db=)",
            )
        redefinition.replace(known, definition)
        if cell is not None:
            cell.cell_contents = known.cls
        return known.cls


# ---------------------------------------------------------------- at run time


def define(
    name: str,
    fields: Mapping[str, Any],
    /,
    *,
    base: Any = None,
    **keywords: Any,
) -> Any:
    """A model made at run time: what `class name(base, **keywords)` with these fields makes.

    fields: by name a type (`str`, `str | None`, a class), an annotation (`Attr[str]`, "BelongsTo[Author]"), a
    declaration (`belongs_to("Author")`, `field(type=str, unique=True)`), a getter, or a function, classmethod or
    property for the class. base: the abstract model to derive from (default: `Model`). DefinitionError as from a class
    statement.

        Run = define("Run", {"title": str, "author": belongs_to("Author")}, db=shop, index=["title"])
    """
    from .model import Model

    frame = sys._getframe(1)
    named = isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
    if not (named and isinstance(fields, Mapping) and all(isinstance(each, str) for each in fields)):
        raise DefinitionError(
            f'define() takes the name of a class and a mapping of fields, define("Post", {{"title": str}}), '
            f"not {show(name)} and {show(fields)}",
            file=frame.f_code.co_filename,
            line=frame.f_lineno,
        )
    bases: tuple[type, ...] = base if isinstance(base, tuple) else (Model if base is None else base,)
    annotations: dict[str, Any] = {}
    namespace: dict[str, Any] = {
        "__module__": frame.f_globals.get("__name__", "?"),
        "__qualname__": name,
        "__annotations__": annotations,
    }
    for attribute, value in fields.items():
        if attribute == "__doc__" or isinstance(
            value, (FieldDeclaration, RelationDeclaration, Getter, FunctionType, classmethod, staticmethod, property)
        ):
            namespace[attribute] = value
        else:
            annotations[attribute] = _as_annotation(value)
    return declare_at(frame, _meta_of(bases), name, bases, namespace, keywords, tuple(fields))


def _meta_of(bases: Iterable[type]) -> type[Any]:
    return next((type(base) for base in bases if isinstance(base, _engine.ModelMeta)), _engine.ModelMeta)


def _as_annotation(value: Any) -> Any:
    if isinstance(value, str):
        return value if read(value).head in HEADS else f"Attr[{value}]"
    return value if isinstance(value, Subscripted) else Subscripted("Attr", (value,))
