"""What the annotations of a class say.

Under `from __future__ import annotations`, and on 3.14 always, annotations are texts. They are parsed, not evaluated:

    Attr[T]                                  a field; T alone is evaluated, later and only if `type=` does not say it
    BelongsTo[Post | None], HasMany[Post]    relations; the targets are names, matched against the registry much later
    ClassVar[T]                              nothing of ours

Annotations that are objects already (no such import, 3.11 to 3.13) are read as objects and come out the same. T is
looked up in the class body (classes and aliases only: a field may have the name of its type), in the frames around the
class statement, in its module, among the builtins, and at last in a table of standard names.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .errors import suggest
from .fields import homes

_T = TypeVar("_T")
_P = TypeVar("_P")


@dataclass(frozen=True)
class Annotation:
    """One annotation, read. head: Attr, BelongsTo, HasOne, HasMany, ManyToMany, ClassVar, or "" for anything else.

    targets: the names of the models (a relation). optional: `| None` is part of it. inner: the text of a field's type,
    or the object itself if it was evaluated already."""

    head: str
    text: str
    targets: tuple[str, ...] = ()
    pivot: str | None = None
    optional: bool = False
    inner: Any = None
    problem: str | None = None


class _Marker:
    """Makes `Attr[str]` evaluable without the future import: it becomes a `Subscripted`."""

    def __class_getitem__(cls, item: Any) -> Any:
        return Subscripted(cls.__name__, item if isinstance(item, tuple) else (item,))


@dataclass(frozen=True)
class Subscripted:
    """An annotation that was evaluated: `Attr[str]` as an object."""

    head: str
    items: tuple[Any, ...]

    def __or__(self, other: Any) -> Any:  # Attr[str] | None: seen and refused as a whole
        return Subscripted("", (self, other))

    __ror__ = __or__


if typing.TYPE_CHECKING:

    class Attr(Generic[_T]):
        """The annotation of a field: `title: Attr[str]`."""

    class BelongsTo(Generic[_T]):
        """The annotation of a reference: `author: BelongsTo[Author]`."""

    class HasOne(Generic[_T]):
        """The annotation of the other side of a reference: `login: HasOne[Login | None]`."""

    class HasMany(Generic[_T]):
        """The annotation of the other side of a reference: `posts: HasMany[Post]`."""

    class ManyToMany(Generic[_T, _P]):
        """The annotation of links through a pivot: `tags: ManyToMany[Tag, Tagging]`."""

else:

    class Attr(_Marker):
        """The annotation of a field: `title: Attr[str]`."""

    class BelongsTo(_Marker):
        """The annotation of a reference: `author: BelongsTo[Author]`."""

    class HasOne(_Marker):
        """The annotation of the other side of a reference: `login: HasOne[Login | None]`."""

    class HasMany(_Marker):
        """The annotation of the other side of a reference: `posts: HasMany[Post]`."""

    class ManyToMany(_Marker):
        """The annotation of links through a pivot: `tags: ManyToMany[Tag, Tagging]`."""


RELATIONS = ("BelongsTo", "HasOne", "HasMany", "ManyToMany")
HEADS = ("Attr", *RELATIONS)


class _Standard(Mapping[str, Any]):
    """The standard names: of field types, of typing's forms, and of the modules that they come from. Imported when they
    are asked for."""

    def __init__(self) -> None:
        forms = (("typing", name) for name in ("Any", "Annotated", "Literal", "Optional", "Union"))
        found = [*homes(), *forms]
        self._homes: dict[str, tuple[str, str]] = {module: (module, "") for module, _ in found} | {"enum": ("enum", "")}
        self._homes |= {name: (module, name) for module, name in found}

    def __getitem__(self, name: str) -> Any:
        module, attribute = self._homes[name]
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)

    def __contains__(self, name: object) -> bool:
        return name in self._homes


STANDARD: Mapping[str, Any] = _Standard()


# ---------------------------------------------------------------- the annotations of a class body


def of_namespace(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> annotation (a text or an object) of a class body that has been run, on any version.

    >>> of_namespace({"__annotations__": {"title": "Attr[str]"}})
    {'title': 'Attr[str]'}
    """
    if sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        if annotate is not None:
            return dict(annotationlib.call_annotate_function(annotate, annotationlib.Format.STRING))
    return dict(namespace.get("__annotations__", {}))


def read(annotation: Any) -> Annotation:
    """Reads one annotation.

    >>> found = read("BelongsTo[blog.Author | None]")
    >>> found.head, found.targets, found.optional
    ('BelongsTo', ('Author',), True)
    """
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _read_text(annotation)
    if isinstance(annotation, Subscripted):
        return _read_object(annotation)
    text = _name_of(annotation)
    if isinstance(annotation, type) and issubclass(annotation, _Marker):
        return Annotation(annotation.__name__, text, problem=_bare(annotation.__name__))
    if annotation is typing.ClassVar or typing.get_origin(annotation) is typing.ClassVar:
        return Annotation("ClassVar", text)
    return Annotation("", text)


def _read_text(text: str) -> Annotation:
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return Annotation("", text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _read_text(node.value)
    if not isinstance(node, ast.Subscript):
        head = _last_name(node)
        if head == "ClassVar":
            return Annotation(head, text)
        return Annotation(head, text, problem=_bare(head)) if head in HEADS else Annotation("", text)
    head = _last_name(node.value)
    if head == "ClassVar":
        return Annotation(head, text)
    if head == "Attr":
        return Annotation(head, text, inner=ast.unparse(node.slice), optional=_allows_none(node.slice))
    if head in RELATIONS:
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _relation(head, text, [_alternatives(item) for item in items])
    return Annotation("", text)


def _read_object(annotation: Subscripted) -> Annotation:
    head, items = annotation.head, annotation.items
    text = f"{head}[{', '.join(_name_of(item) for item in items)}]"
    if head == "Attr" and len(items) == 1:
        inner = items[0].__forward_arg__ if isinstance(items[0], typing.ForwardRef) else items[0]
        if isinstance(inner, str):
            return _read_text(f"Attr[{inner}]")
        return Annotation(head, text, inner=inner, optional=type(None) in typing.get_args(inner))
    if head in RELATIONS:
        return _relation(head, text, [_alternatives_of_object(item) for item in items])
    return Annotation("", text)


def _bare(head: str) -> str:
    example = {"Attr": "Attr[str]", "HasOne": "HasOne[Post | None]"}.get(head, f"{head}[Post]")
    return f"`{head}` needs to be told of what: `{example}`"


def _relation(head: str, text: str, items: list[list[str | None] | None]) -> Annotation:
    allowed = 2 if head == "ManyToMany" else 1
    if len(items) > allowed or any(item is None for item in items):
        return Annotation(head, text, problem=f"`{text}` names no model; write `{head}[Post]`")
    names = items[0] or []
    targets = tuple(name for name in names if name is not None)
    pivot = items[1][0] if len(items) > 1 and items[1] else None
    problem = None if targets else f"`{text}` names no model; write `{head}[Post]`"
    return Annotation(head, text, targets, pivot, None in names, problem=problem)


# ---------------------------------------------------------------- names within a text


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _alternatives(node: ast.expr) -> list[str | None] | None:
    """The names in a union, None standing for None; None if it is anything else."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return [None]
        return _alternatives_of_object(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _together([_alternatives(node.left), _alternatives(node.right)])
    if isinstance(node, ast.Subscript) and _last_name(node.value) in ("Optional", "Union"):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        also: list[list[str | None] | None] = [[None]] if _last_name(node.value) == "Optional" else []
        return _together([_alternatives(item) for item in items] + also)
    name = _last_name(node)
    return [name] if name else None


def _alternatives_of_object(item: Any) -> list[str | None] | None:
    if isinstance(item, typing.ForwardRef):
        item = item.__forward_arg__
    if isinstance(item, str):
        try:
            return _alternatives(ast.parse(item.strip(), mode="eval").body)
        except (SyntaxError, ValueError):
            return None
    if item is None or item is type(None):
        return [None]
    if _is_union(item):
        return _together([_alternatives_of_object(each) for each in typing.get_args(item)])
    return [item.__name__] if isinstance(item, type) else None


def _together(parts: list[list[str | None] | None]) -> list[str | None] | None:
    names: list[str | None] = []
    for part in parts:
        if part is None:
            return None
        names += [name for name in part if name not in names]
    return names


def _allows_none(node: ast.expr) -> bool:
    """Whether None stands in a union at the top of this type."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            try:
                return _allows_none(ast.parse(node.value.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                return False
        return node.value is None
    if isinstance(node, ast.BinOp):
        return _allows_none(node.left) or _allows_none(node.right)
    if isinstance(node, ast.Subscript):
        head = _last_name(node.value)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return head == "Optional" or (head == "Union" and any(_allows_none(item) for item in items))
    return False


def _is_union(item: Any) -> bool:
    return typing.get_origin(item) is typing.Union or isinstance(item, types.UnionType)


def _name_of(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Subscripted):
        return f"{item.head}[{', '.join(_name_of(each) for each in item.items)}]"
    if type(item) is not types.GenericAlias and isinstance(item, type):
        return "None" if item is type(None) else item.__name__
    return repr(item)


# ---------------------------------------------------------------- evaluating the type of a field


class Scope(Mapping[str, Any]):
    """The names that the type of a field may use: see the head of this file.

    >>> Scope({}, None)["Decimal"]
    <class 'decimal.Decimal'>
    """

    def __init__(self, body: Mapping[str, Any], frame: types.FrameType | None, module: str | None = None) -> None:
        self._body = body
        self._around: list[Mapping[str, Any]] = list(_namespaces(frame))
        if module in sys.modules:
            self._around.append(vars(sys.modules[module]))
        self._around += [vars(builtins), STANDARD]

    def __getitem__(self, name: str) -> Any:
        inside = self._body.get(name)
        if isinstance(inside, type) or typing.get_origin(inside) is not None:
            return inside
        for names in self._around:
            if name in names:
                return names[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for names in self._around for name in names})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _namespaces(frame: types.FrameType | None) -> Iterator[Mapping[str, Any]]:
    """The locals of the frame, and of those around as long as they are class bodies; then its globals."""
    start = frame
    while frame is not None:
        names = frame.f_locals
        yield names
        if "__qualname__" not in names or "__module__" not in names:
            break
        frame = frame.f_back
    if start is not None:
        yield start.f_globals


class _Unquote(ast.NodeTransformer):
    """Replaces quoted types by what they quote; what Literal holds, and what Annotated adds, are values and stay."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            quoted: ast.expr = ast.parse(node.value.strip(), mode="eval").body
            return self.visit(quoted)  # type: ignore[no-any-return]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        head = _last_name(node.value)
        if head == "Literal":
            return node
        if head == "Annotated" and isinstance(node.slice, ast.Tuple):
            node.slice.elts[0] = self.visit(node.slice.elts[0])
            return node
        return self.generic_visit(node)  # type: ignore[return-value]


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """The object that the text of a type stands for.

    Raises NameError with a suggestion, or whatever else evaluating raises.

    >>> evaluate("'Decimal' | None", Scope({}, None))
    decimal.Decimal | None
    """
    name = text.strip()
    if name.isidentifier() and name in scope:  # most are; compiling takes fifteen times as long
        return scope[name]
    tree = _Unquote().visit(ast.parse(name, mode="eval"))
    code = compile(ast.fix_missing_locations(tree), "<annotation>", "eval")
    try:
        return eval(code, {"__builtins__": {}}, scope)
    except NameError as error:
        name = error.name or ""
        raise NameError(f"name `{name}` is not known there{suggest(name, scope)}", name=name) from None
