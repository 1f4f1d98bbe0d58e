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

from .columns import Column
from .errors import DefinitionError, FieldError, RelationError, UnknownName, show, suggest
from .predicates import Expr, KeyIs

if TYPE_CHECKING:
    from .definition import Definition, Relation


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
        target = target_of(self)
        found = _child(self, target, name)
        if found is not None:
            return found
        if name in _VERBS:
            return partial(_VERBS[name], self)
        if name in _INSIDE:
            return _INSIDE[name](self)
        for base in target.cls.__mro__:
            if name in vars(base):
                return _class_attribute(self, target, name, vars(base)[name])
        if hasattr(type(target.cls), name):
            raise _no_verb(self, target, name)
        target.ensure()  # may add foreign keys
        found = _child(self, target, name)
        if found is None:
            raise UnknownName(f"{target.name} has no `{name}` (in the path {self!r}.{name}){target.suggest(name)}")
        return found

    def __dir__(self) -> Iterable[str]:
        target = target_of(self)
        return sorted({*target.fields, *target.relations, *_VERBS})

    def __repr__(self) -> str:
        return ".".join((self._sinew_root.name, *(step.name for step in self._sinew_steps)))

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
        raise _refused(self, "cannot be called")

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
    """The model to which a path leads."""
    return path._sinew_steps[-1].target


def is_path(value: object) -> TypeGuard[Path]:
    """Whether something is a path, without asking it anything."""
    return type(value) is Path


_INSIDE: dict[str, Callable[[Path], Any]] = {"root": root_of, "steps": steps_of, "target": target_of}


def _child(path: Path, target: Definition, name: str) -> Column | Path | None:
    """The column or longer path of this name: the same object each time, until the target is defined anew."""
    known = path._sinew_children.get(name)
    info = target.fields.get(name)
    if info is not None:
        if isinstance(known, Column) and known.field is info:
            return known
        known = Column(path._sinew_root, path._sinew_steps, info)
    else:
        step = target.relations.get(name)
        if step is None:
            return None
        if isinstance(known, Path) and known._sinew_steps[-1] is step:
            return known
        known = Path(path._sinew_root, (*path._sinew_steps, step))
    path._sinew_children[name] = known
    return known


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
    target = target_of(path)
    if not isinstance(record, target.cls):
        raise FieldError(f"{path!r}.is_() takes a record of {target.name} or None, not {show(record)}")
    return KeyIs(path, record)


def _is_null(path: Path) -> Expr:
    """`Post.category.is_null()`: the key is null. (No target at all is `~exists(Post.category)`.)"""
    if path._sinew_steps[-1].to_many:
        raise RelationError(f"{path!r} is a collection and has no key; to have no target is ~exists({path!r})")
    return KeyIs(path, None)


def _unbuilt(name: str, path: Path, /, *_: object) -> NoReturn:
    raise DefinitionError(f"{path!r}.{name}() is for polymorphic relations, which are not built yet")


_VERBS: dict[str, Callable[..., Any]] = {
    "is_": _is,
    "is_null": _is_null,
    "is_a": partial(_unbuilt, "is_a"),
    "of": partial(_unbuilt, "of"),
}


def _hint(path: Path) -> str:
    name = path._sinew_root.name
    return f"in a condition write exists({path!r}, ...) or count({path!r}), as in {name}.where(exists({path!r}, ...))"


def _refused(path: Path, what: str) -> FieldError:
    return FieldError(f"{path!r} is a path and {what}; {_hint(path)}")


def _no_verb(path: Path, target: Definition, name: str) -> UnknownName:
    near = suggest(name, [*target.fields, *target.relations])
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
            for name, relation in here.relations.items():
                try:
                    target = relation.target
                except DefinitionError:
                    continue
                if target.cls is cls:
                    found.append(f"{text}.{name}")
                elif target.cls not in seen:
                    level.append((f"{text}.{name}", target))
        seen.update(here.cls for _, here in level)
        if found:
            break
    return found
