"""What a reading of the binding with hostile eyes has found: code that runs where a borrowed thing is in use.

Each of these ended the process, leaked or left something changed before it was mended.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from .world import Raised

World = SimpleNamespace


class Once:
    """An int that runs a function when it is asked for the first time after `arm`."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.run: Callable[[], object] | None = None

    def __index__(self) -> int:
        run, self.run = self.run, None
        if run is not None:
            run()
        return self.value


@pytest.fixture
def written(world: World) -> World:
    """The world with an author of five posts."""
    world.ann = world.Author(name="Ann")
    for score in range(5):
        world.Post(title="t", score=score, author=world.ann)
    return world


@contextmanager
def collecting_soon(threshold: int, make_garbage: Callable[[], object]) -> Iterator[None]:
    """Garbage lies about, and so many allocations later it is collected."""
    usual = gc.get_threshold()
    gc.collect()
    gc.disable()
    make_garbage()
    gc.set_threshold(threshold, 1, 1)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.collect()


def change_schema(world: World) -> None:
    """Paths and plans compile themselves again after this."""
    world.store.add_field(world.Category, world.engine.Field(f"added_{world.store.schema}", "int", nullable=True))


def above(world: World, constant: object) -> tuple[Any, ...]:
    score = world.post.score
    return ("compare", ">=", ("column", 0, score), ("const", score, constant))


# ---------------------------------------------------------------- paths that compile while they compile


def test_a_path_compiled_while_it_compiles_stays_where_a_plan_follows_it(written: World) -> None:
    two = Once(2)
    path = written.path(written.post.author, True, where=above(written, two))
    plans: list[Any] = []

    def use() -> None:
        plans.append(written.engine.Plan(written.Author, where=("exists", 0, path, None)))
        assert plans[0].count() == 1

    assert path.count(written.ann) == 3
    change_schema(written)
    two.run = use
    assert path.count(written.ann) == 3
    assert plans[0].count() == 1


@pytest.mark.parametrize(
    "ask", [len, list, lambda posts: posts.at(0), lambda posts: posts.at(-1), lambda posts: None in posts]
)
def test_a_relation_bound_anew_while_its_path_compiles(written: World, ask: Callable[[Any], object]) -> None:
    four = Once(4)
    many = written.author.posts
    many.bind(written.path(written.post.author, True, where=above(written, four)), written.Collection)
    posts = written.ann.posts
    change_schema(written)
    four.run = lambda: many.bind(written.posts, written.Collection)
    ask(posts)
    assert four.run is None
    assert len(posts) == 5


# ---------------------------------------------------------------- other things borrowed across Python code


def test_an_index_dropped_by_the_key_that_is_looked_up(world: World) -> None:
    store, engine = world.store, world.engine
    a, b = engine.Field("a", "int"), engine.Field("b", "int")
    model = type(engine.Record)("Pair", (engine.Record,), {"a": a, "b": b})
    engine.bind_model(model, store, fields=[a, b], parameters=[a, b], primary_key=[a], validators={})
    indexes = [store.add_index(model, "unique", [a])]
    engine.set_primary_index(model, indexes[0])
    model(a=1, b=2)

    def drop() -> None:
        store.drop_index(indexes.pop())
        engine.set_primary_index(model, store.add_index(model, "unique", [b]))

    one = Once(1)
    one.run = drop
    with pytest.raises(Raised, match="internal"):
        model.find(one)
    assert model.find(1) is None
    assert model.find(2).a == 1


def test_a_row_that_goes_while_its_refusal_of_an_index_is_described(world: World) -> None:
    """Making the tuple of values may collect garbage, and that may delete the row, and compact the table."""
    twins = [world.Author(name="Ann") for _ in range(2)]

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            for author in twins:
                world.engine.delete(author)

    for threshold in range(1, 12):
        for author in twins:
            if world.engine.alive(author):
                world.engine.delete(author)
        twins[:] = [world.Author(name="Ann") for _ in range(2)]
        with collecting_soon(threshold, Cycle):
            try:
                world.store.drop_index(world.store.add_index(world.Author, "unique", [world.author.name]))
            except Raised as raised:
                assert raised.function in ("unique", "deleted")


def test_a_constructor_used_while_its_keywords_are_exchanged(world: World) -> None:
    """What the old keywords held is let go of when all of the new are in place."""
    engine, store = world.engine, world.store
    fields = [engine.Field(f"f{i}", "int", default=i) for i in range(40)]
    model = type(engine.Record)("Wide", (engine.Record,), {field.name: field for field in fields})
    made: list[Any] = []

    class Factory:
        def __call__(self) -> int:
            raise AssertionError

        def __del__(self) -> None:
            try:
                model(f0=1, nothing=2)
            except Raised as raised:
                made.append(raised.function)

    parameters = [fields[0], engine.Field("old", "int", default_factory=Factory())]
    engine.bind_model(model, store, fields=fields, parameters=parameters, primary_key=fields[:1], validators={})
    del parameters
    store.set_parameters(model, fields, {})
    assert made == ["unknown_argument"]


# ---------------------------------------------------------------- what a model takes


def test_a_primary_key_has_at_most_eight_fields(world: World) -> None:
    engine = world.engine
    fields = [engine.Field(f"f{i}", "int") for i in range(10)]
    model = type(engine.Record)("Wide", (engine.Record,), {})
    with pytest.raises(TypeError, match="primary key of Wide is made of at most 8 of its fields"):
        engine.bind_model(
            model, engine.Store(), fields=fields, parameters=fields, primary_key=fields[:9], validators={}
        )


def test_a_primary_key_is_made_of_the_fields_themselves(world: World) -> None:
    class Equal:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    engine = world.engine
    field = engine.Field("id", "int")
    model = type(engine.Record)("Model", (engine.Record,), {})
    with pytest.raises(TypeError, match="primary key"):
        engine.bind_model(
            model, engine.Store(), fields=[field], parameters=[field], primary_key=[Equal()], validators={}
        )


# ---------------------------------------------------------------- update()


# ---------------------------------------------------------------- plans with wrong arguments
