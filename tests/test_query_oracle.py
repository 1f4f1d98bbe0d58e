"""Queries against an oracle: random conditions, orders, aggregates and groups over three models, evaluated by the
engine with indexes, by the engine without, and by plain Python over plain objects.

The oracle reads a condition as it is written: a comparison binds one row for each to-many path in it, a missing value
makes it False (`!=` being the complement of `==`), `exists` and aggregates look at targets, each once. It shares
nothing with what it checks. A failure names its seed and the query as Python would write it."""

from __future__ import annotations

import itertools
import math
import operator
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest

from sinew import Database, Model, avg, belongs_to, count, define, exists, field, has_many, has_one, max_, min_, sum_

# ---------------------------------------------------------------- three models, twice


class Color(Enum):
    """Out of alphabetical order, on purpose: members are ordered as they are declared."""

    RED = "red"
    BLUE = "blue"
    GREEN = "green"


Mood = Literal["sad", "glad", "mad"]
NAN = float("nan")
POOLS: dict[str, list[Any]] = {
    "int": [0, -1, 1, 2, 3],
    "float": [0.0, -0.0, 1.5, 2.0, NAN, math.inf],
    "str": ["", "a", "A", "ab", "a%b", "a_b", "ä", "Ä", "b\\", "a text that is longer than what a row itself can hold"],
    "color": list(Color),
    "mood": ["sad", "glad", "mad"],
    "time": [datetime(2024, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)],
    "decimal": [Decimal(0), Decimal("1.00"), Decimal(1), Decimal("-2.5")],
}
FIELDS: dict[str, dict[str, str]] = {
    "Team": {"id": "int", "name": "str", "size": "float"},
    "Person": {"id": "int", "name": "str", "age": "int", "mood": "mood", "color": "color", "born": "time"}
    | {"pay": "decimal", "team_id": "int", "boss_id": "int"},
    "Post": {"id": "int", "title": "str", "views": "int", "ratio": "float", "author_id": "int", "reviewer_id": "int"},
}
RELATIONS: dict[str, dict[str, tuple[str, bool]]] = {
    "Team": {"people": ("Person", True)},
    "Person": {"team": ("Team", False), "boss": ("Person", False), "debut": ("Post", False)}
    | {"reports": ("Person", True), "posts": ("Post", True), "reviews": ("Post", True)},
    "Post": {"author": ("Person", False), "reviewer": ("Person", False)},
}
REQUIRED = {"id", "name", "title", "ratio", "author_id"}


def models(indexed: bool) -> dict[str, Any]:
    """The models in a database of their own."""

    class Base(Model, db=Database(), abstract=True):
        """The models of the oracle."""

    def stored(type: Any, index: bool | str = False, **options: Any) -> Any:
        null = {} if options.pop("required", False) else {"default": None}
        return field(type=type, index=index if indexed else False, **options, **null)

    people = {
        "name": stored(str, "ordered", required=True),
        "age": stored(int | None, "ordered"),
        "mood": stored(Mood | None, True),
        "color": stored(Color | None, "ordered"),
        "born": stored(datetime | None, "ordered", tz="aware"),
        "pay": stored(Decimal | None),
        "team": belongs_to("Team | None", default=None),
        "boss": belongs_to("Person | None", default=None),
        "debut": has_one("Post", inverse="author"),
        "reports": has_many("Person", inverse="boss"),
        "posts": has_many("Post", inverse="author"),
        "reviews": has_many("Post", inverse="reviewer"),
    }
    posts = {
        "title": stored(str, True, required=True),
        "views": stored(int | None, "ordered"),
        "ratio": stored(float, required=True),
        "author": belongs_to("Person"),
        "reviewer": belongs_to("Person | None", default=None),
    }
    teams = {
        "name": stored(str, True, required=True),
        "size": stored(float | None),
        "people": has_many("Person", inverse="team"),
    }
    index: dict[str, Any] = {"index": [("mood", "age")]} if indexed else {}
    return {
        "Team": define("Team", teams, base=Base),
        "Person": define("Person", people, base=Base, **index),
        "Post": define("Post", posts, base=Base),
    }


class Plain:
    """A record of the oracle: fields and relations are attributes, to-many ones lists."""

    def __init__(self, model: str, values: Mapping[str, Any]) -> None:
        self.model = model
        self.__dict__.update(values)


World = dict[str, list[Plain]]


def make_world(random: random.Random) -> World:
    """A few rows of each model; ids from 0, with holes, so that some keys lead nowhere in the end."""
    sizes = {"Team": random.randrange(4), "Person": random.randrange(12), "Post": random.randrange(25)}
    sizes["Post"] *= sizes["Person"] > 0
    world: World = {}
    for model, size in sizes.items():
        world[model] = []
        for key in range(size):
            values = {name: random_value(random, kind, name not in REQUIRED) for name, kind in FIELDS[model].items()}
            world[model].append(Plain(model, values | {"id": key}))
    for person in world["Person"]:
        person.team_id = random.choice([None, *range(sizes["Team"])])
        person.boss_id = random.choice([None, *range(person.id)])
    for post in world["Post"]:
        post.author_id = random.randrange(sizes["Person"])
        post.reviewer_id = random.choice([None, *range(sizes["Person"])])
    relate(world)
    return world


def random_value(random: random.Random, kind: str, nullable: bool) -> Any:
    return None if nullable and random.random() < 0.25 else random.choice(POOLS[kind])


def relate(world: World) -> None:
    teams, people = ({each.id: each for each in world[name]} for name in ("Team", "Person"))
    for team in world["Team"]:
        team.people = [each for each in world["Person"] if each.team_id == team.id]
    for post in world["Post"]:
        post.author, post.reviewer = people[post.author_id], people.get(post.reviewer_id)
    for person in world["Person"]:
        person.team, person.boss = teams.get(person.team_id), people.get(person.boss_id)
        person.reports = [each for each in world["Person"] if each.boss_id == person.id]
        person.posts = [each for each in world["Post"] if each.author_id == person.id]
        person.reviews = [each for each in world["Post"] if each.reviewer_id == person.id]
        person.debut = person.posts[0] if person.posts else None


def store(world: World, classes: dict[str, Any]) -> None:
    """The same rows in the database of the classes."""
    for model, rows in world.items():
        names = list(FIELDS[model])
        classes[model].insert_many([{name: getattr(row, name) for name in names} for row in rows])


# ---------------------------------------------------------------- walking paths


def targets(row: Plain, steps: tuple[str, ...]) -> list[Plain]:
    """The ends of all ways along the steps; a row is there as often as ways lead to it."""
    found = [row]
    for step in steps:
        reached = [getattr(each, step) for each in found]
        found = [end for each in reached for end in (each if isinstance(each, list) else [each]) if end is not None]
    return found


def each_once(rows: list[Plain]) -> list[Plain]:
    return list({id(row): row for row in rows}.values())


def to_many_part(model: str, steps: tuple[str, ...]) -> int:
    """How many steps there are up to the last to-many one."""
    place = 0
    for number, step in enumerate(steps, 1):
        model, many = RELATIONS[model][step]
        place = number if many else place
    return place


# ---------------------------------------------------------------- expressions that know both

Scope = list[Plain]
"""The rows that conditions speak of, the innermost last."""


def row_of(model: str, scope: Scope) -> Plain:
    return next(row for row in reversed(scope) if row.model == model)


class Value:
    """An operand: `build` makes it for the classes, `ways` gives the to-many paths in it, `at` its value when each of
    these is bound to a row."""

    kind: str

    def build(self, classes: dict[str, Any]) -> Any:
        raise NotImplementedError

    def ways(self) -> list[tuple[str, tuple[str, ...]]]:
        return []

    def at(self, scope: Scope, bound: Mapping[Any, Plain]) -> Any:
        raise NotImplementedError


@dataclass
class Constant(Value):
    value: Any
    kind: str

    def build(self, classes: dict[str, Any]) -> Any:
        return self.value

    def at(self, scope: Scope, bound: Mapping[Any, Plain]) -> Any:
        return self.value


@dataclass
class Column(Value):
    model: str
    steps: tuple[str, ...]
    name: str
    kind: str

    def build(self, classes: dict[str, Any]) -> Any:
        found = classes[self.model]
        for step in (*self.steps, self.name):
            found = getattr(found, step)
        return found

    def ways(self) -> list[tuple[str, tuple[str, ...]]]:
        place = to_many_part(self.model, self.steps)
        return [(self.model, self.steps[:place])] if place else []

    def at(self, scope: Scope, bound: Mapping[Any, Plain]) -> Any:
        ways = self.ways()
        start = bound[ways[0]] if ways else row_of(self.model, scope)
        ends = targets(start, self.steps[len(ways[0][1]) if ways else 0 :])
        return getattr(ends[0], self.name) if ends else None


@dataclass
class Sum(Value):
    """`+ - *` on whole numbers and floats."""

    op: str
    left: Value
    right: Value
    kind: str

    def build(self, classes: dict[str, Any]) -> Any:
        return ARITHMETIC[self.op](self.left.build(classes), self.right.build(classes))

    def ways(self) -> list[tuple[str, tuple[str, ...]]]:
        return self.left.ways() + self.right.ways()

    def at(self, scope: Scope, bound: Mapping[Any, Plain]) -> Any:
        left, right = self.left.at(scope, bound), self.right.at(scope, bound)
        return None if left is None or right is None else ARITHMETIC[self.op](left, right)


@dataclass
class Folded(Value):
    """An aggregate over a path: of the targets that meet the condition, or of a field of them."""

    op: str
    model: str
    steps: tuple[str, ...]
    name: str | None
    condition: Predicate | None
    distinct: bool
    kind: str

    def build(self, classes: dict[str, Any]) -> Any:
        found = classes[self.model]
        for step in (*self.steps, *([self.name] if self.name else ())):
            found = getattr(found, step)
        conditions = [self.condition.build(classes)] if self.condition else []
        return FOLDS[self.op](found, *conditions, distinct=self.distinct)

    def at(self, scope: Scope, bound: Mapping[Any, Plain]) -> Any:
        rows = targets(row_of(self.model, scope), self.steps)
        rows = each_once(rows) if self.distinct else rows
        rows = [row for row in rows if self.condition is None or self.condition.holds([*scope, row])]
        if self.name is None:
            return len(rows)
        return fold(self.op, [getattr(row, self.name) for row in rows])


def fold(op: str, values: list[Any]) -> Any:
    found = [value for value in values if value is not None]
    if op == "count":
        return len(found)
    if op == "sum":
        return sum(found)
    if not found:
        return None
    return sum(found) / len(found) if op == "avg" else min(found, key=rank) if op == "min" else max(found, key=rank)


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
FOLDS: dict[str, Callable[..., Any]] = {"count": count, "sum": sum_, "avg": avg, "min": min_, "max": max_}


def rank(value: Any) -> Any:
    """By what values are ordered."""
    if isinstance(value, Color):
        return list(Color).index(value)
    return POOLS["mood"].index(value) if value in POOLS["mood"] else value


Term = tuple[Value, bool, bool]
"""A value, whether it descends, whether None comes first."""


class Predicate:
    """A condition: `build` makes it for the classes, `holds` says whether it is so."""

    def build(self, classes: dict[str, Any]) -> Any:
        raise NotImplementedError

    def holds(self, scope: Scope) -> bool:
        raise NotImplementedError


def some(values: list[Value], scope: Scope) -> Iterator[list[Any]]:
    """The values, for every choice of one row for each distinct to-many path among them."""
    ways = list(dict.fromkeys(way for value in values for way in value.ways()))
    for rows in itertools.product(*(targets(row_of(model, scope), steps) for model, steps in ways)):
        yield [value.at(scope, dict(zip(ways, rows, strict=True))) for value in values]


@dataclass
class Test(Predicate):
    """One comparison of values: it holds if `says` says so for some choice of rows."""

    values: list[Value]
    make: Callable[..., Any]
    says: Callable[..., bool]

    def build(self, classes: dict[str, Any]) -> Any:
        return self.make(*(value.build(classes) for value in self.values))

    def holds(self, scope: Scope) -> bool:
        return any(self.says(*values) for values in some(self.values, scope))


@dataclass
class Junction(Predicate):
    parts: list[Predicate]
    all: bool

    def build(self, classes: dict[str, Any]) -> Any:
        built = [part.build(classes) for part in self.parts]
        return built[0] & built[1] if self.all else built[0] | built[1]

    def holds(self, scope: Scope) -> bool:
        return (all if self.all else any)(part.holds(scope) for part in self.parts)


@dataclass
class Complement(Predicate):
    part: Predicate

    def build(self, classes: dict[str, Any]) -> Any:
        return ~self.part.build(classes)

    def holds(self, scope: Scope) -> bool:
        return not self.part.holds(scope)


@dataclass
class Exists(Predicate):
    model: str
    steps: tuple[str, ...]
    condition: Predicate | None

    def build(self, classes: dict[str, Any]) -> Any:
        found = classes[self.model]
        for step in self.steps:
            found = getattr(found, step)
        return exists(found, *([self.condition.build(classes)] if self.condition else []))

    def holds(self, scope: Scope) -> bool:
        rows = targets(row_of(self.model, scope), self.steps)
        return any(self.condition is None or self.condition.holds([*scope, row]) for row in rows)


# ---------------------------------------------------------------- what comparisons mean


def equal(left: Any, right: Any) -> bool:
    return left is not None and right is not None and bool(left == right)


def equal_constant(left: Any, right: Any) -> bool:
    return left is None if right is None else equal(left, right)


def ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and test(rank(left), rank(right))


ORDERED = {sign: getattr(operator, name) for sign, name in {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}.items()}


def like(pattern: str, flags: int = 0) -> Callable[[Any], bool]:
    parts = {"%": ".*", "_": "."}
    compiled = re.compile("".join(parts.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL | flags)
    return lambda value: value is not None and compiled.fullmatch(value) is not None


# ---------------------------------------------------------------- making them at random


class Maker:
    """Makes expressions about rows of a model. models: those in sight, the innermost last."""

    def __init__(self, random: random.Random) -> None:
        self.random = random

    def path(self, model: str, most: int) -> tuple[tuple[str, ...], str]:
        steps: list[str] = []
        for _ in range(self.random.randint(0, most)):
            step = self.random.choice(list(RELATIONS[model]))
            model = RELATIONS[model][step][0]
            steps.append(step)
        return tuple(steps), model

    def start(self, models: list[str]) -> str:
        return models[-1] if self.random.random() < 0.8 else self.random.choice(models)

    def column(self, models: list[str], kind: str | None = None, most: int = 2) -> Column:
        while True:
            model = self.start(models)
            steps, end = self.path(model, most)
            names = [name for name, each in FIELDS[end].items() if kind in (None, each)]
            if names:
                name = self.random.choice(names)
                return Column(model, steps, name, FIELDS[end][name])

    def folded(self, models: list[str], depth: int) -> Folded:
        model = self.start(models)
        steps, end = self.path(model, 2)
        if not steps:
            return self.folded(models, depth)
        condition = self.predicate([*models, end], depth - 1) if depth > 0 and self.random.random() < 0.5 else None
        distinct = self.random.random() < 0.7
        op = self.random.choice(list(FOLDS))
        if op == "count":
            return Folded(op, model, steps, None, condition, distinct, "int")
        kinds = {"int", "decimal"} if op in ("sum", "avg") else {"int", "decimal", "str", "mood", "color", "time"}
        names = [name for name, kind in FIELDS[end].items() if kind in kinds]
        name = self.random.choice(names)
        kind = FIELDS[end][name]
        return Folded(op, model, steps, name, condition, distinct, "float" if (op, kind) == ("avg", "int") else kind)

    def value(self, models: list[str], depth: int) -> Value:
        roll = self.random.random()
        if roll < 0.2:
            return self.folded(models, depth)
        if roll < 0.35:
            kind = self.random.choice(["int", "int", "float", "decimal"])
            left = self.column(models, kind)
            right: Value = Constant(self.random.choice([2, 3]), "int")
            if self.random.random() < 0.5:  # Decimals are computed in Python, which takes the values of one row
                right = left if kind == "decimal" else self.column(models, kind)
            return Sum(self.random.choice("+-*"), left, right, kind)
        return self.column(models)

    def constant(self, kind: str) -> Any:
        return random_value(self.random, kind, nullable=True)

    def predicate(self, models: list[str], depth: int) -> Predicate:
        roll = self.random.random()
        if depth > 0 and roll < 0.35:
            parts = [self.predicate(models, depth - 1) for _ in range(2)]
            return Junction(parts, self.random.random() < 0.5)
        if depth > 0 and roll < 0.45:
            return Complement(self.predicate(models, depth - 1))
        if depth > 0 and roll < 0.65:
            model = self.start(models)
            steps, end = self.path(model, 2)
            if steps:
                condition = self.predicate([*models, end], depth - 1) if self.random.random() < 0.9 else None
                return Exists(model, steps, condition)
        return self.comparison(models, depth)

    def comparison(self, models: list[str], depth: int) -> Test:
        value = self.value(models, depth - 1)
        roll = self.random.random()
        if roll < 0.1:
            return Test([value], lambda v: v.is_null(), lambda v: v is None)
        if roll < 0.25:
            return self.membership(value)
        if roll < 0.35:
            low, high = self.constant(value.kind), self.constant(value.kind)
            at_least, at_most = ordered(operator.ge), ordered(operator.le)
            return Test(
                [value],
                lambda v: v.between(low, high),
                lambda v: at_least(v, low) and at_most(v, high),
            )
        if value.kind == "str" and roll < 0.6:
            return self.text(value)
        if roll < 0.7:
            return self.of_two(value, self.column(models, "int" if value.kind == "float" else value.kind))
        return self.of_two(value, Constant(self.constant(value.kind), value.kind))

    def of_two(self, left: Value, right: Value) -> Test:
        sign = self.random.choice(["==", "!=", *ORDERED])
        if sign in ORDERED:
            return Test([left, right], ORDERED[sign], ordered(ORDERED[sign]))
        same = equal_constant if isinstance(right, Constant) else equal
        if sign == "==":
            return Test([left, right], operator.eq, same)
        return Test([left, right], operator.ne, lambda a, b: not same(a, b))

    def membership(self, value: Value) -> Test:
        members = [self.constant(value.kind) for _ in range(self.random.choice([0, 1, 2, 3, 12]))]
        among = lambda v: any(equal_constant(v, member) for member in members)  # noqa: E731
        if self.random.random() < 0.5:
            return Test([value], lambda v: v.in_(members), among)
        return Test([value], lambda v: v.not_in(members), lambda v: not among(v))

    def text(self, value: Value) -> Test:
        part: str = self.random.choice(POOLS["str"])
        match self.random.choice(["contains", "startswith", "endswith", "like", "ilike", "matches"]):
            case "contains":
                return Test([value], lambda v: v.contains(part), lambda v: v is not None and part in v)
            case "startswith":
                return Test([value], lambda v: v.startswith(part), lambda v: v is not None and v.startswith(part))
            case "endswith":
                return Test([value], lambda v: v.endswith(part), lambda v: v is not None and v.endswith(part))
            case "like":
                return Test([value], lambda v: v.like(part), like(part))
            case "matches":
                pattern = re.compile(f"^[{re.escape(part) or 'a'}]", self.random.choice([0, re.IGNORECASE]))
                return Test([value], lambda v: v.matches(pattern), lambda v: v is not None and bool(pattern.search(v)))
        return Test([value], lambda v: v.ilike(part), like(part, re.IGNORECASE))

    def term(self, model: str) -> Term:
        """A term of an order."""
        return self.to_one_value(model), self.random.random() < 0.5, self.random.random() < 0.3

    def to_one_value(self, model: str) -> Value:
        """What rows can be ordered by."""
        if self.random.random() < 0.3:
            while True:
                folded = self.folded([model], 1)
                if folded.kind != "float":
                    return folded
        while True:
            column = self.column([model])
            if not column.ways() and column.kind != "float":
                return column


# ---------------------------------------------------------------- the comparison

SEEDS = range(60)
QUERIES = 25


def same(left: Any, right: Any) -> bool:
    """Equal, NaN with NaN, and floats but for the order in which they were added up."""
    if isinstance(left, float) and isinstance(right, (int, float)):
        return (left != left and right != right) or math.isclose(left, right, abs_tol=1e-12)
    return bool(left == right)


def sorted_rows(rows: list[Plain], terms: list[Term]) -> list[Plain]:
    """Stable, by the last term first; missing values last, or first if a term says so."""
    for value, descending, none_first in reversed(terms):
        keyed = [(value.at([row], {}), row) for row in rows]
        missing = [row for key, row in keyed if key is None]
        found = [pair for pair in keyed if pair[0] is not None]
        found.sort(key=lambda pair: rank(pair[0]), reverse=descending)
        present = [row for _, row in found]
        rows = missing + present if none_first else present + missing
    return rows


def ordering(classes: dict[str, Any], term: Term) -> Any:
    value, descending, none_first = term
    built = value.build(classes)
    built = built.desc() if descending else built.asc()
    return built.nulls_first() if none_first else built


@pytest.fixture(scope="module")
def both() -> list[dict[str, Any]]:
    return [models(indexed=True), models(indexed=False)]


def fill(both: list[dict[str, Any]], random: random.Random) -> World:
    world = make_world(random)
    for classes in both:
        classes["Team"].__sinew__.db.clear()
        store(world, classes)
    return world


@pytest.mark.parametrize("seed", SEEDS)
def test_queries_find_what_plain_python_finds(both: list[dict[str, Any]], seed: int) -> None:
    dice = random.Random(seed)
    world, maker = fill(both, dice), Maker(dice)
    for _ in range(QUERIES):
        model = dice.choice(list(FIELDS))
        conditions = [maker.predicate([model], dice.randrange(4)) for _ in range(dice.choice([1, 1, 2]))]
        terms = [maker.term(model) for _ in range(dice.choice([0, 0, 1, 2]))]
        start, stop = sorted(dice.choice([0, 0, 1, 3, 100]) for _ in range(2))
        wanted = [row for row in world[model] if all(each.holds([row]) for each in conditions)]
        ids = [row.id for row in sorted_rows(wanted, terms)]
        for classes in both:
            query = classes[model].where(*(each.build(classes) for each in conditions))
            query = query.order_by(*(ordering(classes, term) for term in terms))
            assert [row.id for row in query] == ids, query
            assert (query.count(), query.exists()) == (len(ids), bool(ids)), query
            assert [row.id for row in query[start:stop]] == ids[start:stop], query
            first, last = query.first(), query.last()
            assert (first and first.id, last and last.id) == (ids[0] if ids else None, ids[-1] if ids else None), query


@pytest.mark.parametrize("seed", SEEDS)
def test_values_and_groups_are_what_plain_python_computes(both: list[dict[str, Any]], seed: int) -> None:
    dice = random.Random(-seed - 1)
    world, maker = fill(both, dice), Maker(dice)
    for _ in range(QUERIES):
        model = dice.choice(list(FIELDS))
        condition = maker.predicate([model], 1)
        value = maker.to_one_value(model)
        rows = [row for row in world[model] if condition.holds([row])]
        values = [value.at([row], {}) for row in rows]
        by, op = maker.to_one_value(model), dice.choice(["count", "sum", "min", "max", "avg"])
        if value.kind not in ("int", "decimal"):
            op = dice.choice(["min", "max"])
        for classes in both:
            query, column = classes[model].where(condition.build(classes)), value.build(classes)
            assert all(map(same, query.pluck(column), values)), (query, column)
            if op != "count":
                assert same(getattr(query, op)(column), fold(op, values)), (query, op, column)
            if not isinstance(by, Column) or by.name == "n":
                continue
            groups: dict[Any, list[Any]] = {}
            for row, each in zip(rows, values, strict=True):
                groups.setdefault(by.at([row], {}), []).append(each)
            expected = [(key, len(each) if op == "count" else fold(op, each)) for key, each in groups.items()]
            found = query.group_by(by.build(classes)).agg(n=count() if op == "count" else FOLDS[op](column))
            if isinstance(value, Column):
                assert len(found) == len(expected), (query, by)
                for group, (key, number) in zip(found, expected, strict=True):
                    assert group[by.name] == key and same(group["n"], number), (query, by.build(classes), op, column)


def test_queries_see_every_write(both: list[dict[str, Any]]) -> None:
    """One set of queries, made once, asked again after updates, deletes and new rows."""
    dice = random.Random(0)
    world, maker = fill(both, dice), Maker(dice)
    while len(world["Post"]) < 8:
        world = fill(both, dice)
    conditions = [(model, maker.predicate([model], 2)) for model in FIELDS for _ in range(15)]
    queries = [[classes[model].where(each.build(classes)) for model, each in conditions] for classes in both]
    for _ in range(15):
        write(world, both, dice)
        for (model, condition), *asked in zip(conditions, *queries, strict=True):
            ids = [row.id for row in world[model] if condition.holds([row])]
            assert [[row.id for row in query] for query in asked] == [ids, ids], asked[0]


def write(world: World, both: list[dict[str, Any]], dice: random.Random) -> None:
    """One change, everywhere."""
    match dice.choice(["person", "post", "delete", "create"]):
        case "person":
            row, name = dice.choice(world["Person"]), dice.choice(["name", "age", "mood", "color", "born", "pay"])
            value = random_value(dice, FIELDS["Person"][name], name not in REQUIRED)
        case "post":
            row, name = dice.choice(world["Post"]), dice.choice(["author_id", "views", "title"])
            kind = FIELDS["Post"][name]
            value = dice.choice(world["Person"]).id if name == "author_id" else random_value(dice, kind, False)
        case "delete":
            row, name, value = dice.choice(world["Post"]), "", None
        case _:
            values = {"id": 1 + max(row.id for row in world["Post"]), "title": "new", "views": None, "ratio": 1.5}
            row = Plain("Post", values | {"author_id": dice.choice(world["Person"]).id, "reviewer_id": None})
            world["Post"].append(row)
            name = "+"
    for classes in both:
        if name == "+":
            classes["Post"](**{field: getattr(row, field) for field in FIELDS["Post"]})
        elif name:
            classes[row.model].where(id=row.id).update(**{name: value})
        else:
            classes["Post"].where(id=row.id).delete()
    if name == "":
        world["Post"].remove(row)
    elif name != "+":
        setattr(row, name, value)
    relate(world)
