"""The values of `update` on a query: constants and expressions, fields and belongs_to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _engine, errors, host, kinds
from .columns import Operand
from .errors import FieldError
from .moment import Moment
from .path import is_path
from .scope import Frame

if TYPE_CHECKING:
    from .definition import Definition, FieldInfo, Relation


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """A field and its new value: one for all rows, or an operand."""

    info: FieldInfo
    value: Any


def parse(definition: Definition, values: Mapping[str, Any]) -> list[Assignment]:
    """What is to be set. UnknownName for a name that cannot be; FieldError for a record of another model, and for a
    foreign key that is given twice."""
    definition.ensure()
    found: dict[str, Assignment] = {}
    for name, value in values.items():
        for assignment in _assignments(definition, name, value):
            if assignment.info.name in found:
                raise FieldError(
                    f"{definition.name}.update(): `{assignment.info.name}` is given twice, by itself and by its "
                    "relation; give one of the two"
                )
            found[assignment.info.name] = assignment
    return list(found.values())


def _assignments(definition: Definition, name: str, value: Any) -> list[Assignment]:
    relation = definition.relations.get(name)
    if relation is not None and relation.kind == "belongs_to":
        return _reference(relation, value)
    info = definition.fields.get(name)
    if info is None:
        raise errors.unknown_argument(definition.cls, name)
    if is_path(value):
        raise FieldError(
            f"{definition.name}.{name} takes a value or a column, and {value!r} is a path; name a column of it"
        )
    if info.read_only:
        raise errors.read_only(info.engine, value)
    return [Assignment(info, value)]


def _reference(relation: Relation, value: Any) -> list[Assignment]:
    classes = tuple(target.cls for target in relation.targets)
    if (value is None and relation.required) or (value is not None and type(value) not in classes):
        models = " or ".join(map(_article, relation.target_names))
        raise errors.bad_reference(relation.descriptor, value, f"{models} record")
    if value is None:
        return [Assignment(info, None) for info in relation.foreign_key]
    pairs = zip(relation.foreign_key, relation.key_of(value), strict=True)
    return [Assignment(info, key) for info, key in pairs]


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def apply(definition: Definition, assignments: list[Assignment], rows: _engine.Rows) -> int:
    """Sets the fields of all rows as one statement."""
    run = host.start(definition.db)
    computed = [each.value for each in assignments if isinstance(each.value, Operand)]
    columns = iter(host.columns(Frame(definition), computed, rows, run) if computed else ())
    given: list[Any] = []
    for each in assignments:
        if isinstance(each.value, Operand):
            given.append(next(columns))
        elif isinstance(each.value, Moment):
            given.append(each.value.at(run.instant, aware=kinds.of_field(each.info).arg == "aware"))
        else:
            given.append(each.value)
    constant = [not isinstance(each.value, Operand) for each in assignments]
    return rows.update([each.info.engine for each in assignments], given, constant)
