"""Routes: what a relation goes along that is no reference itself.

    through        other relations, one after another
    recursive      the same relations again and again, nearest first
    union, intersection, difference
                   several relations, as a set

A route is a tuple of relations, each starting where the one before ended. Routes are found while models are resolved,
from paths (`lambda: Author.posts.category`) or names (`"posts.category"`), and become hops once there are tables. What
a through relation says about models on the way (its where= and order_by=) belongs to the step that arrives there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _engine, compile, expressions
from .errors import DefinitionError, RelationError, show, suggest
from .keys import call
from .predicates import And
from .scope import Frame
from .ways import walk

if TYPE_CHECKING:
    from .definition import Definition, Relation

Route: TypeAlias = tuple["Relation", ...]
Hop: TypeAlias = tuple[Any, ...]
Conditions: TypeAlias = tuple[Any, tuple[Any, ...]]
"""A where= and an order_by= as the extension takes them."""

SETS = ("union", "intersection", "difference")


# ---------------------------------------------------------------- finding them


def find_routes(relation: Relation, busy: Route = ()) -> None:
    """Finds what a relation goes along, and whatever it goes along in turn. DefinitionError."""
    if relation in busy:
        way = " -> ".join(f"{each.definition.name}.{each.name}" for each in (*busy, relation))
        raise relation.definition.problem(relation.name, f"leads through itself: {way}")
    if relation.routes or relation.along is None:
        return
    option, given = relation.along
    found = tuple(_route(relation, option, each) for each in _given(relation, option, given))
    for step in (step for route in found for step in route):
        for each in _within(step):
            find_routes(each, (*busy, relation))
    relation.routes = found


def _given(relation: Relation, option: str, given: Any) -> Sequence[Any]:
    """The paths or names that an option was given, one for each route."""
    value = call(relation, option, given)
    if option not in SETS:
        return (value,)
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or len(value) < 2:
        owner = relation.definition.name
        raise relation.definition.problem(
            relation.name,
            f"{option}= takes two or more relations, such as `lambda: ({owner}.a, {owner}.b)`, not {show(value)}",
        )
    return value


def _route(relation: Relation, option: str, given: Any) -> Route:
    definition = relation.definition
    if isinstance(given, str):
        steps = tuple(_named_steps(relation, option, given))
    elif expressions.is_path(given):
        root, steps = expressions.root_of(given), expressions.steps_of(given)
        if root.cls is not definition.cls:
            raise definition.problem(
                relation.name,
                f"{option}= starts at {root.name} ({given!r}); start at {definition.name}, where the relation is",
            )
    else:
        raise definition.problem(
            relation.name,
            f"{option}= takes a path from {definition.name}, such as `lambda: {definition.name}.name.name` or "
            f"'name.name', not {show(given)}",
        )
    return _to_target(relation, option, _one_way(relation, steps))


def _one_way(relation: Relation, steps: Route) -> Route:
    """The steps with those that lead to several models narrowed: the last one by the relation's own target."""
    *before, last = steps
    way = last.towards(relation.target) if last.members else None
    narrowed = (*before, last if way is None else way)
    if not any(step.members for step in narrowed):
        return narrowed
    try:
        return tuple(walk(relation.definition, narrowed))
    except RelationError as error:
        raise relation.definition.problem(relation.name, str(error)) from error


def _within(step: Relation) -> Iterable[Relation]:
    """A step, or those of all its ways."""
    return (each for way in step.steps or ((step,),) for each in way)


def _named_steps(relation: Relation, option: str, names: str) -> Iterator[Relation]:
    models = [relation.definition]
    for name in names.split("."):
        steps = [model.relations[name] for model in models if name in model.relations]
        if not steps:
            here = models[0]
            what = "field" if name in here.fields else "relation"
            hint = ", which is a field" if what == "field" else suggest(name, here.relations)
            raise relation.definition.problem(
                relation.name, f"{option}={names!r} names `{name}`, which is no relation of {here.name}{hint}"
            )
        yield steps[0]
        models = [target for step in steps for target in step.targets]


def _to_target(relation: Relation, option: str, steps: Route) -> Route:
    """The route, one step longer if it ends beside the target and one relation alone leads there."""
    end, target, definition = steps[-1].target, relation.target, relation.definition
    if end is target:
        return steps
    written = ".".join((definition.name, *(step.name for step in steps)))
    if option != "through":
        raise definition.problem(relation.name, f"{option}= leads to {end.name} ({written}), not to {target.name}")
    last = [each for each in end.relations.values() if each.target_name == target.name and each is not relation]
    if len(last) == 1:
        return (*steps, last[0])
    if not last:
        raise definition.problem(
            relation.name, f"through= leads to {end.name} ({written}), from where no relation leads to {target.name}"
        )
    listed = " or ".join(f"through=lambda: {written}.{each.name}" for each in last)
    raise definition.problem(
        relation.name,
        f"through= leads to {end.name}, from where several relations lead to {target.name}; say which: {listed}",
    )


# ---------------------------------------------------------------- conditions on the way


def conditions(relation: Relation) -> dict[int, Conditions]:
    """What where= and order_by= say, by the place in `_passed` of which it is said; -1: of the target.

    RelationError for a model that the relation does not pass; DefinitionError where order_by= names a model before one
    that comes earlier on the way."""
    stations = _stations(relation)
    where: dict[int, list[Any]] = {}
    order: dict[int, list[Any]] = {}
    for part in _parts(relation.condition):
        at, ir = _said_at(stations, lambda model, part=part: compile.predicate_ir((part,), Frame(model)))
        where.setdefault(at, []).append(ir)
    last = 0
    for term in relation.ordering:
        at, (ir,) = _said_at(stations, lambda model, term=term: compile.order_ir((term,), Frame(model)))
        place = len(stations) if at < 0 else at
        if place < last:
            raise DefinitionError(
                f"order_by= names {term!r} behind what comes later on the way; "
                "name first what the relation passes first"
            )
        last = place
        order.setdefault(at, []).append(ir)
    return {at: (compile.both(where.get(at, [])), tuple(order.get(at, ()))) for at in {*where, *order}}


def _stations(relation: Relation) -> list[tuple[int, Definition]]:
    """The models of which conditions may speak: the target first, then those on the way."""
    found: list[tuple[int, Definition]] = [(-1, relation.target)]
    if relation.along is not None and relation.along[0] == "through":
        found += enumerate(_passed(relation.routes[0])[:-1])
    return found


def _passed(route: Route) -> list[Definition]:
    """The models that a route arrives at, one after another, pivots among them."""
    return [model for step in route for model in (_pivot(step), step.target) if model is not None]


def _pivot(step: Relation) -> Definition | None:
    """The pivot whose rows a step passes one by one: not where links are seen from both sides."""
    return None if step.link is None or step.declaration.symmetric else step.link.pivot


def _parts(condition: Any) -> Iterable[Any]:
    if condition is None:
        return ()
    return condition.parts if isinstance(condition, And) else (condition,)


def _said_at(stations: list[tuple[int, Definition]], lower: Any) -> tuple[int, Any]:
    """The first station of whose model something can be said, and what that is compiled to."""
    first: RelationError | None = None
    for at, model in stations:
        try:
            return at, lower(model)
        except RelationError as error:
            first = first or error
    assert first is not None
    raise first


# ---------------------------------------------------------------- hops


def hops_of(relation: Relation) -> tuple[Hop, ...]:
    """The hops along the routes, with the relation's conditions, order and limit."""
    assert relation.along is not None
    option, said, d = relation.along[0], conditions(relation), relation.declaration
    where, order = said.pop(-1, (None, ()))
    if option != "through":
        what: Any = (option, *(_path(relation, _along(route, True), True) for route in relation.routes))
        return (_hop(what, where, order, single=not relation.to_many, limit=d.limit),)
    hops = _through(relation, said)
    if order and any(said_order for _, said_order in said.values()):  # within what comes before it in the order
        hops[-1] = _hop(_path(relation, [hops[-1]], d.distinct), where, order)
        where, order = None, ()
    if relation.to_many and d.distinct and not (where or order or d.limit is not None):
        return tuple(hops)
    return (_hop(_path(relation, hops, d.distinct), where, order, single=not relation.to_many, limit=d.limit),)


def _through(relation: Relation, said: dict[int, Conditions]) -> list[Hop]:
    """The hops of a route. Where something is said of a model on the way, the route so far is one hop that says it;
    what follows an order is one hop, too, and has its order within each row that came before."""
    done: list[Hop] = []
    since: list[Hop] = []
    distinct = relation.declaration.distinct
    legs = [leg for step in relation.routes[0] for leg in _legs(step, distinct)]
    for at, leg in enumerate(legs):
        since += leg
        if at in said:
            where, order = said[at]
            since = [_hop(_path(relation, since, distinct), where, order)]
            if order:
                done, since = done + since, []
    return [*done, _hop(_path(relation, since, distinct))] if done else since


def _legs(step: Relation, distinct: bool) -> list[list[Hop]]:
    """The hops of a step, parted where it passes a pivot: the end of each leg is one of `_passed`."""
    hops = _along((step,), distinct)
    return [hops] if _pivot(step) is None else [hops[:1], hops[1:]]


def either(definition: Definition, ways: Sequence[Sequence[Relation]], *, single: bool) -> Hop:
    """A hop along whichever of several ways leads somewhere."""
    store = definition.db.store
    paths = (_engine.Path(store, _along(tuple(way), True)) for way in ways)
    return _hop(("union", *paths), single=single)


def _along(route: Route, distinct: bool) -> list[Hop]:
    return [hop for step in route for hop in (step.hops() if distinct else step.whole())]


def _path(relation: Relation, hops: Sequence[Hop], distinct: bool) -> _engine.Path:
    return _engine.Path(relation.definition.db.store, hops, distinct=distinct)


def _hop(along: Any, where: Any = None, order: Any = (), *, single: bool = False, limit: int | None = None) -> Hop:
    """A hop that goes along paths, as the extension takes it."""
    return (along, False, single, where, order, limit)
