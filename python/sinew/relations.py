"""Declaring relations: `belongs_to`, `has_one`, `has_many`, `many_to_many`.

As with fields, a declaration holds the options as given; mistakes are reported when model and name are known. What the
declarations mean (targets, foreign keys, inverses) is worked out in keys.py and resolve.py.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal, get_args

from .annotations import Annotation
from .errors import one_of, show, suggest
from .fields import MISSING, unhashable, unknown_options

OnDelete = Literal["restrict", "cascade", "nullify", "keep"]
ACTIONS: tuple[str, ...] = get_args(OnDelete)

KIND_OF_HEAD = {"BelongsTo": "belongs_to", "HasOne": "has_one", "HasMany": "has_many", "ManyToMany": "many_to_many"}
HEAD_OF_KIND = {kind: head for head, kind in KIND_OF_HEAD.items()}


@dataclass
class RelationDeclaration:
    """What one of the functions below was given. kind: its name. along: the option that makes it go along other
    relations, and its value (routes.py)."""

    kind: str
    target: str | Sequence[str] | None = None
    foreign_key: str | Sequence[str] | None = None
    references: Any = None
    inverse: Any = None
    default: Any = MISSING
    on_delete: Any = "restrict"
    enforce: bool = True
    unique: bool = False
    acyclic: bool = False
    type_field: Any = None
    type_values: Any = None
    where: Any = None
    order_by: Any = None
    limit: Any = None
    distinct: bool = True
    along: tuple[str, Any] | None = None
    init: bool = True
    on_delete_given: bool = False
    pivot: Any = None
    other_key: str | Sequence[str] | None = None
    symmetric: bool = False
    problems: list[str] = dataclass_field(default_factory=list)


def belongs_to(
    target: str | Sequence[str] | None = None,
    /,
    *positional: Any,
    foreign_key: str | Sequence[str] | None = None,
    references: Any = None,
    inverse: Any = None,
    default: Any = MISSING,
    on_delete: Any = MISSING,
    enforce: bool = True,
    unique: bool = False,
    acyclic: bool = False,
    type_field: str | None = None,
    type_values: Mapping[str, Any] | None = None,
    init: bool = True,
    **unknown: Any,
) -> Any:
    """Options of a reference to one other record, stored as a foreign key here (`author` -> `author_id`).

    target: the name of the model, where no annotation says it. foreign_key: the column or columns. references: the
    unique field or fields of the target that they hold (its primary key). inverse: the has_one or has_many that shows
    the other side. default: None, or `...` if the argument may be left out because the foreign key is given. on_delete:
    what happens here when the target is deleted. enforce=False accepts keys without a target. unique: at most one
    record per target. acyclic, for a reference to the model itself: nobody is his own ancestor. Without on_delete=
    deleting the target is refused ("restrict"); on a pivot, the rows go with what they link ("cascade").

    With several models, `BelongsTo[Post | Photo]` or belongs_to("Post | Photo"), it refers to a record of any of them.
    type_field: the column that says of which (`subject_type`). type_values: what stands there for a model, by its name
    (the name itself).

        author: BelongsTo[Author] = belongs_to(on_delete="cascade")
        subject: BelongsTo[Post | Photo] = belongs_to(type_values={"Post": "p"})
    """
    options = ("foreign_key", "references", "inverse", "default", "on_delete", "enforce", "unique", "acyclic",
               "type_field", "type_values", "init")  # fmt: skip
    return RelationDeclaration(
        "belongs_to",
        target,
        foreign_key,
        references,
        inverse,
        MISSING if default is ... else default,
        "restrict" if on_delete is MISSING else on_delete,
        enforce,
        unique,
        acyclic,
        type_field,
        type_values,
        init=init,
        on_delete_given=on_delete is not MISSING,
        problems=unknown_options("belongs_to", positional, unknown, options),
    )


def has_one(
    target: str | None = None,
    /,
    *positional: Any,
    inverse: Any = None,
    through: Any = None,
    where: Callable[[], Any] | None = None,
    order_by: Any = None,
    init: Literal[False] = False,
    **unknown: Any,
) -> Any:
    """Options of the one record that refers here: the first to arrive, or by order_by. Annotate it `HasOne[X | None]`.

    inverse: the belongs_to of the target (a lambda or its name), needed only if several refer here. through: a path of
    relations (a lambda, or their names with dots between) instead; the first record at its end. where: a lambda for a
    condition on the target.

        login: HasOne[Login | None] = has_one(order_by=lambda: Login.at.desc())
    """
    along, problems = _along(through=through)
    return RelationDeclaration(
        "has_one",
        target,
        inverse=inverse,
        where=where,
        order_by=order_by,
        along=along,
        init=init,
        problems=[
            *unknown_options("has_one", positional, unknown, ("inverse", "through", "where", "order_by")),
            *problems,
        ],
    )


def has_many(
    target: str | None = None,
    /,
    *positional: Any,
    inverse: Any = None,
    through: Any = None,
    recursive: Any = None,
    union: Any = None,
    intersection: Any = None,
    difference: Any = None,
    where: Callable[[], Any] | None = None,
    order_by: Any = None,
    limit: int | None = None,
    distinct: bool = True,
    init: Literal[False] = False,
    **unknown: Any,
) -> Any:
    """Options of the records that refer here, in order of arrival or by order_by.

    inverse: the belongs_to of the target (a lambda or its name), needed only if several refer here. where, order_by:
    lambdas for a condition and an order; limit: at most so many. Instead of the records that refer here, those at the
    end of other relations (each a lambda, or names with dots between):

    through: a path of any length; distinct=False gives a record once for each way to it.
    recursive: a path that leads back to this model, again and again: nearest first, each record once.
    union, intersection, difference: several paths, as a set.

        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
        categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
    """
    along, problems = _along(
        through=through, recursive=recursive, union=union, intersection=intersection, difference=difference
    )
    options = ("inverse", "through", "recursive", "union", "intersection", "difference", "where", "order_by", "limit",
               "distinct")  # fmt: skip
    return RelationDeclaration(
        "has_many",
        target,
        inverse=inverse,
        where=where,
        order_by=order_by,
        limit=limit,
        distinct=distinct,
        along=along,
        init=init,
        problems=[*unknown_options("has_many", positional, unknown, options), *problems],
    )


def many_to_many(
    target: str | None = None,
    /,
    *positional: Any,
    inverse: Any = None,
    pivot: Any = None,
    foreign_key: str | Sequence[str] | None = None,
    other_key: str | Sequence[str] | None = None,
    unique: bool = True,
    where: Callable[[], Any] | None = None,
    order_by: Any = None,
    symmetric: bool = False,
    init: Literal[False] = False,
    **unknown: Any,
) -> Any:
    """Options of the records that rows of a pivot link to this one, in the order in which they were linked, or by
    order_by.

    pivot: the model of the links (a lambda or its name), unless the annotation names it; without one it is made.
    foreign_key, other_key: the pivot's reference to this side and to the other (its name, or its column), needed if
    several lead there. inverse: the many_to_many of the other side. unique: two records are linked at most once. where,
    order_by: lambdas for a condition and an order, of the target or of the pivot. symmetric: a link between two
    records of this model is seen from both.

        tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    """
    options = ("inverse", "pivot", "foreign_key", "other_key", "unique", "where", "order_by", "symmetric")
    return RelationDeclaration(
        "many_to_many",
        target,
        foreign_key,
        inverse=inverse,
        unique=unique,
        where=where,
        order_by=order_by,
        init=init,
        pivot=pivot,
        other_key=other_key,
        symmetric=symmetric,
        problems=unknown_options("many_to_many", positional, unknown, options),
    )


def _along(**options: Any) -> tuple[tuple[str, Any] | None, list[str]]:
    """The one option that was given of those that make a relation go along others, and what is wrong with there being
    more."""
    given = [(name, value) for name, value in options.items() if value is not None]
    if len(given) < 2:
        return (given[0] if given else None), []
    return None, [f"takes one of {' or '.join(f'{name}=' for name, _ in given)}, not several"]


# ---------------------------------------------------------------- rules between options


def check_relation(d: RelationDeclaration, annotation: Annotation | None) -> Iterator[str]:
    """Every way in which the options of a relation contradict each other or its annotation."""
    yield from d.problems
    head = HEAD_OF_KIND[d.kind]
    named = (d.target,) if isinstance(d.target, str) or not isinstance(d.target, (list, tuple)) else d.target
    if d.target is not None and not all(isinstance(name, str) for name in named):
        yield f"takes the name of a model, {d.kind}('Author'), not {show(d.target)}"
        return
    if annotation is not None and annotation.head != head:
        yield f"is annotated `{annotation.text}` but declared with {d.kind}(); that goes with `{head}[...]`"
        return
    if annotation is not None and annotation.problem:
        yield annotation.problem
    elif not target_names(d, annotation):
        yield f"does not say which model it leads to; write `{head}[Post]`, or {d.kind}('Post')"
    elif d.kind != "belongs_to" and len(target_names(d, annotation)) > 1:
        yield f"names several models; a {d.kind} leads to one, declare one for each: `{head}[Post]`"
    check = {"belongs_to": _check_belongs_to, "many_to_many": _check_many_to_many}.get(d.kind, _check_has)
    yield from check(d, annotation)


def target_names(d: RelationDeclaration, annotation: Annotation | None) -> tuple[str, ...]:
    """The names of the models that a relation may lead to."""
    if annotation is not None and annotation.targets:
        return annotation.targets
    if isinstance(d.target, str):
        return tuple(name.strip() for name in d.target.split("|") if name.strip() != "None")
    return tuple(d.target or ())


def is_optional(d: RelationDeclaration, annotation: Annotation | None) -> bool:
    """Whether a belongs_to may be None: from the annotation, or (without one) from the target's text or
    default=None."""
    if annotation is not None:
        return annotation.optional
    named = isinstance(d.target, str) and "None" in (name.strip() for name in d.target.split("|"))
    return named or d.default is None or d.enforce is False


def _check_belongs_to(d: RelationDeclaration, annotation: Annotation | None) -> Iterator[str]:
    optional = is_optional(d, annotation)
    remedy = f"annotate it `BelongsTo[{'/'.join(target_names(d, annotation)) or 'X'} | None]`"
    if unhashable(d.on_delete) or d.on_delete not in ACTIONS:
        yield f"on_delete={show(d.on_delete)} means nothing{suggest(d.on_delete, ACTIONS)}; use {one_of(ACTIONS)}"
    elif d.on_delete == "nullify" and not optional:
        yield f"on_delete='nullify' needs a reference that may be None; {remedy}"
    elif d.on_delete == "keep" and d.enforce:
        yield "on_delete='keep' leaves keys without a target, which needs enforce=False"
    if not d.enforce and not optional:
        yield f"with enforce=False it may lead nowhere and reads None then; {remedy}"
    if d.default is not MISSING and d.default is not None:
        yield f"default={show(d.default)} cannot be the default of a reference; only None and ... can"
    if d.default is None and not optional:
        yield f"default=None needs a reference that may be None; {remedy}"
    yield from _check_bools(d, ("enforce", "unique", "acyclic", "init"))
    yield from _check_names("foreign_key", d.foreign_key)
    yield from _check_polymorphic(d, target_names(d, annotation))


def type_values(d: RelationDeclaration, names: Sequence[str]) -> dict[str, str | int]:
    """What the type field of a polymorphic belongs_to holds for each model, by its name."""
    return {name: (d.type_values or {}).get(name, name) for name in names}


def _check_polymorphic(d: RelationDeclaration, names: tuple[str, ...]) -> Iterator[str]:
    if len(names) < 2:
        for option in ("type_field", "type_values"):
            if getattr(d, option) is not None:
                yield f"{option}= is for references to several models, `BelongsTo[Post | Photo]`; leave it out"
        return
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"names {', '.join(twice)} twice; each model once"
    if d.references is not None:
        yield "references= needs one model; a reference to several holds their primary keys"
    if d.acyclic is True:
        yield "acyclic= needs a reference to the model itself, and to no other"
    if d.inverse is not None:
        yield "inverse= needs one model; with several, name this one on the other sides: has_many(inverse=...)"
    if d.type_field is not None and not _is_name(d.type_field):
        yield f"type_field= takes the name of a field, not {show(d.type_field)}"
    yield from _check_type_values(d, names)


def _check_type_values(d: RelationDeclaration, names: tuple[str, ...]) -> Iterator[str]:
    given = d.type_values
    if given is None:
        return
    if not isinstance(given, Mapping):
        yield f"type_values= takes a dict of model names to values, such as {{'{names[0]}': 'p'}}, not {show(given)}"
        return
    for name in given:
        if unhashable(name) or name not in names:
            near = suggest(name, names)
            yield f"type_values= names {show(name)}, to which it does not lead{near}: {', '.join(names)}"
    for name, value in given.items():
        if type(value) not in (str, int):
            yield f"type_values= takes a str or an int for each model, not {show(value)} ({show(name)})"
            return
    owners: dict[str | int, str] = {}
    for name, value in type_values(d, names).items():
        if owners.setdefault(value, name) != name:
            yield f"type_values= has {show(value)} for both {owners[value]} and {name}; each model needs its own"


def _check_has(d: RelationDeclaration, annotation: Annotation | None) -> Iterator[str]:
    if d.kind == "has_one" and annotation is not None and not annotation.optional and annotation.targets:
        yield f"may find no record: annotate it `HasOne[{annotation.targets[0]} | None]`"
    if d.kind != "has_one" and annotation is not None and annotation.optional and annotation.targets:
        yield f"a collection is never None, only empty: annotate it `{annotation.head}[{annotation.targets[0]}]`"
    if d.along is not None and d.inverse is not None:
        yield f"takes inverse= or {d.along[0]}=; what goes along other relations has no reference of its own"
    if not isinstance(d.distinct, bool):
        yield f"distinct= takes True or False, not {show(d.distinct)}"
    elif not d.distinct and (d.along is None or d.along[0] != "through"):
        yield "distinct=False goes with through=; without it no record comes twice"
    if not (d.limit is None or (type(d.limit) is int and d.limit >= 0)):
        yield f"limit= takes a number of records, not {show(d.limit)}"
    if not (d.where is None or callable(d.where)):
        yield f"where= takes a lambda, such as `lambda: Post.title != ''`, not {show(d.where)}"


def _check_many_to_many(d: RelationDeclaration, annotation: Annotation | None) -> Iterator[str]:
    yield from _check_has(d, annotation)
    yield from _check_bools(d, ("unique", "symmetric"))
    yield from _check_names("foreign_key", d.foreign_key)
    yield from _check_names("other_key", d.other_key)
    if not (d.pivot is None or isinstance(d.pivot, str) or callable(d.pivot)):
        yield f"pivot= takes the name of a model, or a lambda such as `lambda: Tagging`, not {show(d.pivot)}"
    said = pivot_name(annotation)
    if said is not None and isinstance(d.pivot, str) and d.pivot != said:
        yield pivots_differ(said, d.pivot)


def pivot_name(annotation: Annotation | None) -> str | None:
    """The name of the pivot in an annotation. `Model`, which is what the checkers take for a pivot that is not named,
    names none."""
    named = None if annotation is None else annotation.pivot
    return None if named in ("Model", "KeyedModel", "Any") else named


def pivots_differ(annotated: str, given: str) -> str:
    """What is wrong where the annotation and pivot= disagree."""
    return f"is annotated with the pivot `{annotated}` but declared with pivot=`{given}`; leave pivot= out"


def _check_bools(d: RelationDeclaration, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not isinstance(getattr(d, name), bool):
            yield f"{name}= takes True or False, not {show(getattr(d, name))}"


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def _check_names(option: str, names: Any) -> Iterator[str]:
    listed = [names] if isinstance(names, str) else names
    if listed is None:
        return
    if not isinstance(listed, (list, tuple)) or not listed or not all(map(_is_name, listed)):
        yield f"{option}= takes the name of a field, or several, not {show(names)}"
