"""Paths: relations written one after another, `Author.posts.category`.

A path has no attributes of its own in the way of the models': `Post.author.target` is Author's field `target` if there
is one. So everything it knows is under names with the prefix `_sinew_`, its few verbs give way to fields, and the
functions below look inside. Names are looked up late, when the path is used, in the target's definition as it is then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from .columns import Column, Operand
from .errors import DefinitionError, FieldError, RelationError, UnknownName, show, suggest
from .predicates import Expr, IsA, KeyAmong, KeyIs
from .ways import ways

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation


class Path:
    """Relations from a model, one after another. Attributes are the target's columns, relations and scopes.

    A scope reached through a path runs on it: `Author.posts.published()` is `Post.published` with the path for `cls`.
    Verbs, calls and `isinstance` are refused: rows are looked at by `exists(path, ...)`, `count(path)` and
    `Model.where(...)`.

    >>> from sinew._example import Author, ann
    >>> Author.posts.title, Author.posts.author
    (Author.posts.title, Author.posts.author)
    >>> Author.where(Author.posts.published()).count()
    2
    """

    __slots__ = ("__weakref__", "_sinew_children", "_sinew_root", "_sinew_steps")
    _sinew_is_path = True

    def __init__(self, root: Definition, steps: tuple[Relation, ...], /) -> None:
        self._sinew_root = root
        self._sinew_steps = steps
        self._sinew_children: dict[str, Column | Path] = {}

    def __getattr__(self, name: str, /) -> Any:
        if name.startswith(("__", "_sinew_")):
            raise AttributeError(name)
        targets = targets_of(self)
        found = _child(self, targets, name)
        if found is not None:
            return found
        if name in _VERBS:
            return partial(_VERBS[name], self)
        if name in _INSIDE:
            return _INSIDE[name](self)
        if len(targets) > 1:
            return _late_child(self, targets, name)
        target = targets[0]
        for base in target.cls.__mro__:
            if name in vars(base):
                return _class_attribute(self, target, name, vars(base)[name])
        if hasattr(type(target.cls), name):
            raise _no_verb(self, target, name)
        return _late_child(self, targets, name)

    def __dir__(self) -> Iterable[str]:
        names = {name for target in targets_of(self) for name in (*target.fields, *target.relations, *target.getters)}
        return sorted({*names, *_VERBS})

    def __repr__(self) -> str:
        return ".".join((self._sinew_root.name, *(step.spelling for step in self._sinew_steps)))

    def __copy__(self) -> Path:
        return self

    def __deepcopy__(self, memo: object) -> Path:
        return self

    __hash__ = object.__hash__

    def __eq__(self, other: object, /) -> bool:
        if isinstance(other, Path):
            return self is other
        raise FieldError(
            f"{self!r} is a path and cannot be compared with {show(other)}; compare records by {self!r}.is_(record), "
            "or name a column"
        )

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise _refused(self, f"cannot be called{_hidden_verb(self)}")

    def __instancecheck__(self, _: object) -> NoReturn:
        raise _refused(self, "is no class for isinstance()")

    def __subclasscheck__(self, _: object) -> NoReturn:
        raise _refused(self, "is no class for issubclass()")

    def __bool__(self) -> NoReturn:
        raise _refused(self, "has no truth value")

    def __len__(self) -> NoReturn:
        raise _refused(self, "has no length")

    def __iter__(self) -> NoReturn:
        raise _refused(self, "cannot be iterated")

    def __contains__(self, _: object) -> NoReturn:
        raise _refused(self, "cannot be searched with `in`")

    def __getitem__(self, _: object) -> NoReturn:
        raise _refused(self, "cannot be indexed")


# ---------------------------------------------------------------- looking inside


def root_of(path: Path, /) -> Definition:
    """The model at which a path starts."""
    return path._sinew_root


def steps_of(path: Path, /) -> tuple[Relation, ...]:
    """The relations of a path."""
    return path._sinew_steps


def target_of(path: Path, /) -> Definition:
    """The one model to which a path leads. RelationError if there are several."""
    targets = targets_of(path)
    return path._sinew_steps[-1].target if len(targets) > 1 else targets[0]


def targets_of(path: Path, /) -> list[Definition]:
    """The models to which a path leads: several if a step of it does."""
    steps = path._sinew_steps
    if not any(step.members for step in steps):
        return [steps[-1].target]
    return list(dict.fromkeys(way[-1].target for way in ways(path._sinew_root, steps)))


def is_path(value: object) -> TypeGuard[Path]:
    """Whether something is a path, without asking it anything."""
    return type(value) is Path


_INSIDE: dict[str, Callable[[Path], Any]] = {"root": root_of, "steps": steps_of, "target": target_of}


def _child(path: Path, targets: list[Definition], name: str) -> Column | Path | None:
    """The column or longer path of this name: the same object each time, until the target is defined anew. Of several
    targets, those count that have it."""
    known = path._sinew_children.get(name)
    infos = [info for target in targets if (info := target.attribute(name)) is not None]
    steps = [target.relations[name] for target in targets if name in target.relations]
    if len(targets) > 1:
        _check_alike(path, name, infos, steps)
    if infos:
        if isinstance(known, Column) and known.field is infos[0]:
            return known
        known = Column(path._sinew_root, path._sinew_steps, infos[0])
    elif steps:
        known = _longer(path, known, steps[0])
    else:
        return None
    path._sinew_children[name] = known
    return known


def _longer(path: Path, known: object, step: Relation) -> Path:
    if isinstance(known, Path) and known._sinew_steps[-1] is step:
        return known
    return Path(path._sinew_root, (*path._sinew_steps, step))


def _late_child(path: Path, targets: list[Definition], name: str) -> Column | Path:
    """The same, when nothing has been found: the layout may add foreign keys."""
    for target in targets:
        target.ensure()
    found = _child(path, targets, name)
    if found is None:
        who = " nor ".join(target.name for target in targets)
        whose = f"neither {who} has" if len(targets) > 1 else f"{who} has no"
        near = next(filter(None, (target.suggest(name) for target in targets)), "")
        raise UnknownName(f"{whose} `{name}` (in the path {path!r}.{name}){near}")
    return found


def _check_alike(path: Path, name: str, infos: list[FieldInfo], steps: list[Relation]) -> None:
    """What several models have under one name is to be of one sort. RelationError."""
    fields = {(info.kind, repr(info.arg)): f"{info.kind} of {info.definition.name}" for info in infos}
    relations = {step.to_many: f"{step.kind} of {step.definition.name}" for step in steps}
    said = [*fields.values(), *relations.values()]
    if len(said) > 1:
        raise RelationError(
            f"{path!r}.{name} is different things, {' and '.join(said)}; say which, by {path!r}.of(...) or on the way"
        )


def _class_attribute(path: Path, target: Definition, name: str, attribute: object) -> Any:
    """What else stands in the target's class: scopes run on the path, constants are what they are."""
    if isinstance(attribute, classmethod):
        return MethodType(attribute.__func__, path)
    if isinstance(attribute, staticmethod):
        return attribute.__func__
    if isinstance(attribute, (FunctionType, property)) or hasattr(type(attribute), "__get__"):
        raise _no_verb(path, target, name)
    return attribute


# ---------------------------------------------------------------- verbs


def _is(path: Path, record: object = None, /) -> Expr:
    """`Post.author.is_(ann)`: the step's key is that of the record; `is_(None)`: the key is null."""
    if record is None:
        return _is_null(path)
    targets = targets_of(path)
    if type(record) not in [target.cls for target in targets]:
        listed = ", ".join(target.name for target in targets)
        raise FieldError(f"{path!r}.is_() takes a record of {listed} or None, not {show(record)}")
    return KeyIs(path, record)


def _is_null(path: Path) -> Expr:
    """`Post.category.is_null()`: the key is null. (No target at all is `~exists(Post.category)`.)"""
    if path._sinew_steps[-1].to_many:
        raise RelationError(f"{path!r} is a collection and has no key; to have no target is ~exists({path!r})")
    return KeyIs(path, None)


def _in(path: Path, records: Any = None, /) -> Expr:
    """`Post.author.in_([ann, bob])`: the step's key is that of one of several records; a None among them: or null. A
    query stands for the records that it finds now."""
    return KeyAmong(path, _records(path, "in_", records), negated=False)


def _not_in(path: Path, records: Any = None, /) -> Expr:
    """`Post.author.not_in([ann, bob])`: it is none of theirs. Over a to-many path: some target is none of them."""
    return KeyAmong(path, _records(path, "not_in", records), negated=True)


def _records(path: Path, verb: str, records: Any) -> tuple[Any, ...]:
    """The records that in_() or not_in() was given. FieldError for what is none of the path's models."""
    wrong = is_path(records) or isinstance(records, (str, bytes, type, Operand))
    if wrong or not isinstance(records, Iterable):
        raise FieldError(
            f"{path!r}.{verb}() takes several records, such as a list or a query, not {show(records)}; one record is "
            f"compared by is_(record), and what conditions say of the target by exists({path!r}, ...)"
        )
    found = tuple(records)
    classes = {target.cls for target in targets_of(path)}
    for each in found:
        if each is None:
            _is_null(path)  # which a collection refuses
        elif type(each) not in classes:
            listed = " or ".join(target.name for target in targets_of(path))
            raise FieldError(f"{path!r}.{verb}() takes records of {listed}, and {show(each)} is none")
    return found


def _is_a(path: Path, /, *models: Any) -> Expr:
    """`Comment.subject.is_a(Post, Photo)`: the record is one of these models."""
    if not models:
        raise FieldError(f"{path!r}.is_a() takes the models to ask for, such as is_a({_some_model(path)})")
    return IsA(path, tuple(_member(path, "is_a", model).target.cls for model in models))


def _of(path: Path, model: Any = None, /) -> Path:
    """`Comment.subject.of(Post)`: the path for those that lead to one model; the others lead nowhere then."""
    member = _member(path, "of", model)
    steps = path._sinew_steps
    if member is steps[-1]:
        return path
    known = path._sinew_children.get(member.spelling)
    if not (isinstance(known, Path) and known._sinew_steps[-1] is member):
        known = path._sinew_children[member.spelling] = Path(path._sinew_root, (*steps[:-1], member))
    return known


def _member(path: Path, verb: str, model: object) -> Relation:
    """The way to one model of the last step. FieldError for what is no model, RelationError for another one."""
    last = path._sinew_steps[-1]
    if last.base is last and not last.members:
        raise RelationError(f"{path!r} leads to {last.target_name} only; {verb}() is for references to several models")
    cls = _class_of(model)
    if cls is None:
        raise FieldError(f"{path!r}.{verb}() takes a model, such as {verb}({_some_model(path)}), not {show(model)}")
    way = next((each for each in last.ways if each.target.cls is cls), None)
    if way is None:
        raise RelationError(f"{path!r} leads to {' or '.join(last.target_names)}, and never to {cls.__name__}")
    return way


def _class_of(model: object) -> type | None:
    return model if isinstance(model, type) and getattr(model, "__sinew__", None) is not None else None


def _some_model(path: Path) -> str:
    return path._sinew_steps[-1].target_names[0]


_VERBS: dict[str, Callable[..., Any]] = {
    "is_": _is,
    "is_null": _is_null,
    "in_": _in,
    "not_in": _not_in,
    "is_a": _is_a,
    "of": _of,
}


def _hidden_verb(path: Path) -> str:
    """What to say where a relation has the name of a verb, and was taken for it."""
    last = path._sinew_steps[-1]
    if last.name not in _VERBS:
        return ""
    return f": {last.name} is a relation of {last.definition.name}, which hides the verb {last.name}(); rename it"


def _hint(path: Path) -> str:
    name = path._sinew_root.name
    return f"in a condition write exists({path!r}, ...) or count({path!r}), as in {name}.where(exists({path!r}, ...))"


def _refused(path: Path, what: str) -> FieldError:
    return FieldError(f"{path!r} is a path and {what}; {_hint(path)}")


def _no_verb(path: Path, target: Definition, name: str) -> UnknownName:
    near = suggest(name, [*target.fields, *target.relations, *target.getters])
    return UnknownName(f"{path!r} is a path and has no `{name}`{near}; {_hint(path)}")


# ---------------------------------------------------------------- which path leads there


def paths_to(definition: Definition, cls: type, depth: int = 3) -> list[str]:
    """The shortest paths from a model to another, as one would write them: for the hint in an error."""
    found: list[str] = []
    level: deque[tuple[str, Definition]] = deque([(definition.name, definition)])
    seen = {definition.cls}
    for _ in range(depth):
        for text, here in list(level):
            level.popleft()
            for relation in here.relations.values():
                for way in relation.ways:
                    try:
                        target = way.target
                    except DefinitionError:
                        continue
                    if target.cls is cls:
                        found.append(f"{text}.{way.spelling}")
                    elif target.cls not in seen:
                        level.append((f"{text}.{way.spelling}", target))
        seen.update(here.cls for _, here in level)
        if found:
            break
    return found
