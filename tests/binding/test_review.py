"""What a reading of the binding with hostile eyes has found: code that runs where a borrowed thing is in use.

Each of these ended the process, leaked or left something changed before it was mended.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from .world import Raised, load_engine, make_world

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


def engine_store(world: World) -> Any:
    """A store beside that of the world."""
    return world.engine.Store()


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


def test_a_has_one_bound_anew_while_its_path_compiles(written: World) -> None:
    four = Once(4)
    one = written.author.first_post
    one.bind(written.path(written.post.author, True, single=True, where=above(written, four)))
    change_schema(written)
    four.run = lambda: one.bind(written.path(written.post.author, True, single=True))
    assert written.ann.first_post.score == 4
    assert written.ann.first_post.score == 0


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


def test_rows_that_go_while_a_failed_commit_is_described(world: World) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            for post in list(world.engine.live_rows(world.Post)):
                world.engine.delete(post)

    for threshold in range(1, 12):
        world.store.begin()
        for key in range(4):
            world.Post(title="t", author_id=900 + key)
        with collecting_soon(threshold, Cycle):
            try:
                world.store.commit()
            except Raised as raised:
                assert raised.function == "dangling"
        if world.store.depth:
            world.store.rollback()
    assert len(world.engine.live_rows(world.Post)) == 0


def test_a_store_closed_by_the_value_that_an_assignment_replaces(world: World) -> None:
    class Closing:
        def __del__(self) -> None:
            world.store.close()

    author = world.Author(name="Ann", extra=Closing())
    author.extra = 3
    assert world.store.closed


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


def test_host_values_of_a_row_that_is_there_twice(written: World) -> None:
    class Value:
        pass

    back = written.engine.Path(written.store, [(written.post.author, False, False, None, (), None)], distinct=False)
    authors, _ = back.expand(written.engine.live_rows(written.Post))
    assert len(authors) == 5
    plan = written.engine.Plan(written.Author, values=[("host", 0, 0, "object")])
    values = [Value() for _ in range(5)]
    alive = [weakref.ref(value) for value in values]
    plan.set_host(0, written.Author, authors, values)
    assert plan.columns(plan.rows()) == [[values[-1]]]
    del values, plan
    assert [value() for value in alive] == [None] * 5


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


def test_a_reference_is_whole_when_it_is_made(world: World) -> None:
    with pytest.raises(TypeError):
        world.engine.Reference.__new__(world.engine.Reference)
    with pytest.raises(TypeError, match="1 to 8 Fields"):
        world.engine.Reference("author", [], required=True)
    with pytest.raises(TypeError, match="required="):
        world.engine.Reference("author", [world.post.author_id])


def test_rows_that_refuse_a_reference_are_named_and_nothing_is_kept(world: World) -> None:
    engine, store = world.engine, engine_store(world)
    key = engine.Field("id", "int", automatic=True, read_only=True)
    parent_id = engine.Field("parent_id", "int", nullable=True, default=None)
    parent = engine.Reference("parent", [parent_id], required=False, default=None)
    node = type(engine.Record)("Node", (engine.Record,), {"id": key, "parent_id": parent_id, "parent": parent})
    engine.bind_model(
        node, store, fields=[key, parent_id], parameters=[key, parent_id, parent], primary_key=[key], validators={}
    )
    unique, many = store.add_index(node, "unique", [key]), store.add_index(node, "many", [parent_id])
    for missing in (77, 78):
        node(parent_id=missing)
    references = sys.getrefcount(parent)
    with pytest.raises(Raised) as raised:
        parent.bind(node, [key], many, unique, "nullify", True)
    assert raised.value.given == ([(node, 1, "parent", 77)], 2, False)
    del raised
    assert sys.getrefcount(parent) == references


def test_a_field_with_keys_is_added_and_dropped_with_their_column(world: World) -> None:
    engine, store = world.engine, world.store
    authors = [world.Author(name=name) for name in ("Ann", "Bea")]
    pair = engine.Field("pair", "object", nullable=True, default=None, key=lambda value: value[0])
    store.add_field(world.Author, pair, [(2, "x"), (1, "y")])
    by_key = store.add_index(world.Author, "unique", [pair.key_field])
    assert [by_key.find([key]) for key in (1, 2, 3)] == [authors[1], authors[0], None]
    with pytest.raises(Raised, match="internal"):
        store.drop_field(pair)
    assert pair.model is world.Author
    assert by_key.find([1]) is authors[1]
    store.drop_index(by_key)
    store.drop_field(pair)
    assert pair.model is None
    assert pair.key_field.model is None


@pytest.mark.parametrize(("options", "value"), [({"arg": int}, "no int"), ({}, ValueError())])
def test_a_field_that_is_refused_leaves_no_column_of_keys(world: World, options: dict[str, Any], value: object) -> None:
    def key(value: object) -> object:
        if isinstance(value, Exception):
            raise type(value)  # a new one: the traceback of the old would keep this world
        return 1

    world.Author(name="Ann")
    before = world.store.stats()["handles"]
    field = world.engine.Field("pair", "object", nullable=True, key=key, **options)
    with pytest.raises((Raised, ValueError)):
        world.store.add_field(world.Author, field, [value])
    assert (field.model, field.key_field.model) == (None, None)
    assert world.store.stats()["handles"] == before


def test_the_base_of_records_has_none(world: World) -> None:
    base = world.engine.Record.__mro__[1]

    class Derived(base):  # type: ignore[misc, valid-type]
        pass

    for cls in (base, Derived):
        with pytest.raises(TypeError, match="is not a model"):
            cls()


def test_a_field_dropped_while_the_constructor_is_worked_out(world: World) -> None:
    engine, store = world.engine, engine_store(world)
    one = Once(1)
    key = engine.Field("id", "int")
    number, text = engine.Field("number", "int", default=one), engine.Field("text", "str", default="x")
    model = type(engine.Record)("Model", (engine.Record,), {"id": key, "number": number, "text": text})
    fields = [key, number, text]
    engine.bind_model(model, store, fields=fields, parameters=fields, primary_key=[key], validators={})
    one.run = lambda: store.drop_field(text)
    assert model(id=1).number == 1
    assert text.model is None


# ---------------------------------------------------------------- relations of records that are made


def test_making_a_record_sets_a_relation_by_the_rules_of_assigning_it(world: World) -> None:
    node, seen = tree(world, check=lambda key: key < 2)
    first, second = node(parent=None), node()
    assert seen == []  # a validator is not called with None
    assert node(parent=first).parent is first
    assert seen == [first]
    with pytest.raises(Raised, match="bad_check"):
        node(parent=second)


# ---------------------------------------------------------------- fields that change with each write


# ---------------------------------------------------------------- update()


def test_update_takes_any_mapping(world: World) -> None:
    class Mapping:
        def __init__(self, **values: object) -> None:
            self.values = values

        def keys(self) -> list[str]:
            return list(self.values)

        def __getitem__(self, name: str) -> object:
            return self.values[name]

        def items(self) -> list[Any]:
            return [["not"], 4, "pairs"]

    author = world.Author(name="Ann")
    world.engine.update(author, Mapping(name="Bea"))
    assert author.name == "Bea"


def test_update_refuses_a_relation_of_another_model(world: World) -> None:
    author, category = world.Author(name="Ann"), world.Category(label="x")
    world.Author.parent = world.category.parent
    with pytest.raises(Raised, match="unknown_argument"):
        world.engine.update(author, {"parent": category})


def keyed(world: World, **options: Any) -> tuple[Any, Any, Any]:
    """A model with an object field that has a key, its index, and the Field."""
    engine, store = world.engine, engine_store(world)
    key = engine.Field("id", "int", automatic=True, read_only=True)
    value = engine.Field("value", "object", nullable=True, default=None, key=lambda pair: pair[0])
    model = type(engine.Record)("Keyed", (engine.Record,), {"id": key, "value": value})
    engine.bind_model(
        model, store, fields=[key, value], parameters=[key, value], primary_key=[key], validators={}, **options
    )
    return model, store.add_index(model, "unique", [value.key_field]), store


def test_update_keys_what_is_stored(world: World) -> None:
    """A validator may replace the value: the key is that of what it made of it."""
    model, by_key, store = keyed(world)
    store.set_parameters(model, [model.value], {"value": [lambda record, pair: (pair[0] * 10,)]})
    record = model(value=(1,))
    world.engine.update(record, {"value": (2,)})
    assert record.value == (20,)
    assert by_key.find([20]) is record
    assert by_key.find([2]) is None


def tree(world: World, **options: Any) -> tuple[Any, list[object]]:
    """A model with a parent; what its validator of `parent` has seen."""
    engine, store = world.engine, engine_store(world)
    seen: list[object] = []

    def see(record: object, parent: object) -> object:
        seen.append(parent)
        return parent

    key = engine.Field("id", "int", automatic=True, read_only=True)
    parent_id = engine.Field("parent_id", "int", nullable=True, default=None, **options)
    parent = engine.Reference("parent", [parent_id], required=False, default=None)
    node = type(engine.Record)("Node", (engine.Record,), {"id": key, "parent_id": parent_id, "parent": parent})
    parameters = [key, parent_id, parent]
    validators = {"parent": [see]}
    engine.bind_model(
        node, store, fields=[key, parent_id], parameters=parameters, primary_key=[key], validators=validators
    )
    unique = store.add_index(node, "unique", [key])
    parent.bind(node, [key], store.add_index(node, "many", [parent_id]), unique, "nullify", True)
    return node, seen


def test_update_sets_a_relation_by_the_rules_of_assigning_it(world: World) -> None:
    node, seen = tree(world, check=lambda key: key < 3)
    nodes = [node() for _ in range(3)]
    world.engine.update(nodes[0], {"parent": nodes[1]})
    assert seen == [nodes[1]]
    world.engine.update(nodes[0], {"parent": None})
    assert seen == [nodes[1]]  # a validator is not called with None
    with pytest.raises(Raised, match="bad_check"):
        world.engine.update(nodes[0], {"parent": nodes[2]})
    assert nodes[0].parent_id is None


def test_update_leaves_a_read_only_foreign_key_alone(world: World) -> None:
    node, _ = tree(world, read_only=True)
    one, two = node(), node()
    with pytest.raises(Raised, match="read_only"):
        world.engine.update(one, {"parent": two})
    assert one.parent is None


# ---------------------------------------------------------------- plans with wrong arguments


def test_numbers_of_values_that_are_none(written: World) -> None:
    plan = written.engine.Plan(written.Post, values=[("column", 0, written.post.score)])
    with pytest.raises(TypeError, match="numbers of values"):
        plan.group([None], plan.rows())
    for ask in (lambda: plan.targets(None, plan.rows()), lambda: plan.aggregate("sum", None, plan.rows())):
        with pytest.raises(Raised, match="internal"):
            ask()


def test_a_depth_beyond_all_words(world: World) -> None:
    """Not a SystemError about an exception that was set already."""

    class Errors:
        RelationError = Invalid = Raised

        @staticmethod
        def internal(text: str) -> Exception:
            return Raised(text)

    engine = load_engine(errors=Errors())
    other = make_world(engine)
    with pytest.raises(Raised, match="not a small number"):
        engine.Plan(other.Post, values=[("column", 2**70, other.post.id)])
