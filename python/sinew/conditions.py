"""What the arguments of `where`, `select` and `agg` mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

from .columns import Column, Operand
from .errors import FieldError, UnknownName, show
from .path import Path, is_path
from .predicates import Compare, Expr, KeyAmong, KeyIs, Member, Test, shown
from .reach import as_operand

if TYPE_CHECKING:
    from .definition import Definition, Relation

Predicate = Callable[[Any], object]
_LISTS: tuple[type, ...] = (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))


def parse(
    definition: Definition, predicates: Iterable[Any], equalities: Mapping[str, Any]
) -> tuple[list[Expr], list[Predicate]]:
    """The predicates that the engine evaluates, and those that Python does on each record."""
    found: list[Expr] = []
    tests: list[Predicate] = []
    for predicate in predicates:
        if isinstance(predicate, Expr):
            found.append(predicate)
        else:
            tests.append(_function(definition, predicate))
    for name, value in equalities.items():
        made = equality(definition, name, value)
        (found if isinstance(made, Expr) else tests).append(made)  # type: ignore[arg-type]
    return found, tests


def _function(definition: Definition, value: Any) -> Predicate:
    if is_path(value):
        raise FieldError(
            f"where() takes predicates; {value!r} is a path: exists({value!r}) asks whether it leads anywhere"
        )
    if isinstance(value, Operand):
        truth = isinstance(value, Column) and value.field.kind == "bool"
        compared = f"{shown(value)}.is_(True)" if truth else f"{shown(value)} == value, or {shown(value)} != None"
        raise FieldError(f"where() takes predicates; {value!r} is a column, compare it: {compared}")
    if isinstance(value, MethodType) and value.__self__ is definition.cls:
        name = f"{definition.name}.{value.__name__}"
        raise FieldError(f"where() takes predicates; {name} is a scope, call it: {name}()")
    if callable(value) and not isinstance(value, type):
        return value  # type: ignore[no-any-return]
    raise FieldError(
        f"where() takes predicates such as {definition.name}.{next(iter(definition.fields), 'id')} == 1, functions of "
        f"a record, and name=value, not {show(value)}"
    )


# ---------------------------------------------------------------- name=value


def equality(definition: Definition, name: str, value: Any) -> Expr | Predicate:
    """What `name=value` demands: of a field or a relation; one value, several, a test, or None."""
    relation = definition.relations.get(name)
    if relation is not None:
        return _related(definition, relation, value)
    info = definition.attribute(name)
    if info is None:
        definition.ensure()  # may add foreign keys
        info = definition.attribute(name)
    if info is None:
        raise UnknownName(f"{definition.name} has no field or relation `{name}`{definition.suggest(name)}")
    return _field(info.column, value)


def _field(column: Column, value: Any) -> Expr:
    if isinstance(value, _LISTS):
        return Member(column, tuple(cast("Iterable[Any]", value)), negated=False)
    if callable(value) and not isinstance(value, (Operand, Enum, type)) and not is_path(value):
        return Test(column, value)
    compared = column == value
    assert isinstance(compared, Compare)
    return compared


def _related(definition: Definition, relation: Relation, value: Any) -> Expr | Predicate:
    path: Any = Path(definition, (relation,))
    classes = tuple(target.cls for target in relation.targets)
    if type(value) in classes:
        return KeyIs(path, value)
    if value is None:
        return path.is_(None)  # type: ignore[no-any-return]
    if callable(value) and not isinstance(value, (Operand, type)) and not is_path(value):
        return _TestOf(relation.name, value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Operand)) and not is_path(value):
        records = tuple(value)
        for each in records:
            if each is None:
                path.is_(None)  # which a collection refuses
            elif type(each) not in classes:
                raise _no_record(definition, relation, each)
        return KeyAmong(path, records, negated=False)
    raise _no_record(definition, relation, value)


def _no_record(definition: Definition, relation: Relation, value: Any) -> FieldError:
    hint = ""
    if relation.kind == "belongs_to":
        keys = " and ".join(f"`{info.name}`" for info in relation.foreign_key)
        hint = f"; a key goes into {keys}"
    models = " or ".join(relation.target_names)
    return FieldError(
        f"{definition.name}.{relation.name} takes a record of {models}, several, or None, not {show(value)}{hint}"
    )


class _TestOf:
    """A predicate on what a relation reads."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: Callable[[Any], object]) -> None:
        self._name, self._function = name, function

    def __call__(self, record: Any) -> object:
        return self._function(getattr(record, self._name))


# ---------------------------------------------------------------- results by name


def named(columns: Sequence[Any], others: Mapping[str, Any], verb: str) -> dict[str, Operand]:
    """Columns by their own names, then whatever was named. FieldError if two have the same name."""
    found: dict[str, Operand] = {}
    for column in columns:
        value = as_operand(column, verb)
        if not isinstance(value, Column):
            raise FieldError(f"{verb}(): {value!r} has no name of its own; give it one: {verb}(name=...)")
        if value.name in found:
            raise FieldError(
                f"{verb}(): {found[value.name]!r} and {value!r} have the same name; name one: {verb}(other={value!r})"
            )
        found[value.name] = value
    for name, other in others.items():
        if name in found:
            raise FieldError(f"{verb}(): `{name}` is there twice; choose another name")
        found[name] = as_operand(other, verb)
    return found
