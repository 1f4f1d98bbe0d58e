"""References to records of several models: `subject: BelongsTo[Post | Photo]`.

Their foreign key has a column more, in front: the type field, a Literal of one value for each model. The columns behind
it hold a primary key, which is of the same type in all of the models. A Member stands for one of these; everything that
goes from record to record goes along members, each of which has a reference of its own in the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import keys
from .errors import show
from .fields import KINDS, MISSING, FieldDeclaration, Type

if TYPE_CHECKING:
    from .definition import FieldInfo, Relation


def foreign_key_of(relation: Relation, busy: tuple[Relation, ...]) -> tuple[FieldInfo, ...]:
    """The type field and the key fields of a belongs_to to several models, created unless they are declared."""
    definition = relation.definition
    references = [keys.key_of(target, busy) for target in relation.targets]
    for other in references[1:]:
        _check_same(relation, references[0], other)
    names = keys.foreign_key_names(relation, references[0])
    type_name = relation.declaration.type_field or f"{relation.name}_type"
    if type_name in names:
        raise definition.problem(relation.name, f"has `{type_name}` as type field and as foreign key; name another")
    type_info = _type_field(relation, type_name)
    pairs = zip(names, references[0], strict=True)
    infos = (type_info, *(keys.foreign_key_field(relation, name, reference) for name, reference in pairs))
    definition.add_created(relation, [info for info in infos if info.name not in definition.fields])
    relation.foreign_key = infos
    for member, its_key in zip(relation.members, references, strict=True):
        member.foreign_key, member.references = infos, its_key
    return infos


def _check_same(relation: Relation, one: tuple[FieldInfo, ...], other: tuple[FieldInfo, ...]) -> None:
    """Keys that one foreign key is to hold have the same columns."""
    if len(one) == len(other) and all(a.same_values(b) for a, b in zip(one, other, strict=True)):
        return
    raise relation.definition.problem(
        relation.name,
        "leads to models with different keys, which one foreign key cannot hold: "
        f"{_described(one)}, and {_described(other)}",
    )


def _described(key: tuple[FieldInfo, ...]) -> str:
    return f"{key[0].definition.name} has {', '.join(f'{info.name}: {info.kind}' for info in key)}"


# ---------------------------------------------------------------- the type field


def _type_field(relation: Relation, name: str) -> FieldInfo:
    definition = relation.definition
    values = tuple(member.value for member in relation.members)
    type_of = tuple((member.target_names[0], member.value) for member in relation.members)
    declared = definition.fields.get(name)
    if declared is None:
        info = _created(relation, name, values)
    else:
        _check_declared(relation, declared, values)
        info = declared if declared.kind == "Literal" else _narrowed(declared, values)
        definition.fields[name] = info
    info.type_of = type_of
    return info


def _created(relation: Relation, name: str, values: tuple[Any, ...]) -> FieldInfo:
    definition, d = relation.definition, relation.declaration
    if name in definition.relations or keys.taken(definition, name):
        raise definition.problem(
            relation.name, f"needs a type field `{name}`, but that name is taken; choose another with type_field="
        )
    made = FieldDeclaration(default=None if d.default is None else MISSING, init=d.init)
    return definition.created(relation, name, Type(KINDS["Literal"], values, not relation.required), made)


def _narrowed(declared: FieldInfo, values: tuple[Any, ...]) -> FieldInfo:
    """A field that is declared as str takes only what stands for a model."""
    of = Type(KINDS["Literal"], values, declared.nullable)
    return type(declared)(declared.definition, declared.name, of, declared.declaration)


def _check_declared(relation: Relation, declared: FieldInfo, values: tuple[Any, ...]) -> None:
    definition, name = relation.definition, declared.name
    listed = ", ".join(map(show, values))
    others = (each for each in definition.belongs_to() if each.members and each is not relation)
    other = next((each for each in others if each.foreign_key and each.foreign_key[0] is declared), None)
    if other is not None:
        raise definition.problem(
            relation.name, f"has the same type field as `{other.name}` ({name}); choose another with type_field="
        )
    plain = declared.kind == "str" and all(isinstance(value, str) for value in values)
    literal = declared.kind == "Literal" and sorted(declared.arg, key=repr) == sorted(values, key=repr)
    if not plain and not literal:
        raise definition.problem(
            name,
            f"says for `{relation.name}` of which model its record is, and must be declared as Attr[Literal[{listed}]]"
            + (" or Attr[str]" if all(isinstance(value, str) for value in values) else ""),
        )
    if declared.nullable == relation.required:
        yes, no = (relation.name, name) if relation.required else (name, relation.name)
        raise definition.problem(
            name,
            f"says for `{relation.name}` of which model its record is; annotate both `| None` or neither "
            f"(`{no}` may be None, `{yes}` not)",
        )
    if declared.declaration.check is not None or declared.declaration.default not in (MISSING, None):
        raise definition.problem(
            name, f"is the type field of `{relation.name}` and takes no check= and no default but None"
        )
