"""What getters do at the edges: exceptions, cycles, identity, deleting, undoing, inheritance, redefinition, memory."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    Model,
    RecordDeleted,
    SinewError,
    belongs_to,
    define,
    field,
    getter,
    has_many,
)

from .world import World


class Counted:
    """A function that counts its calls, by what `of` makes of the record."""

    def __init__(self, body: Callable[[Any], Any]) -> None:
        self.body, self.calls = body, 0

    def getter(self, **options: Any) -> Any:
        def computed(record: Any) -> Any:
            self.calls += 1
            return self.body(record)

        return getter(**options)(computed)


# ---------------------------------------------------------------- what must hold


def test_it_is_computed_once(base: type[Model]) -> None:
    twice = Counted(lambda record: [record.n] * 2)
    thing = define("Thing", {"n": int, "twice": twice.getter()}, base=base)(n=1)
    assert thing.twice == [1, 1]
    assert thing.twice is thing.twice
    assert twice.calls == 1


def test_a_recomputed_value_that_is_equal_is_the_old_object(base: type[Model]) -> None:
    """Atoms and tuples of atoms; nothing else."""
    word, pair, several = (
        Counted(lambda record: record.text.strip()),
        Counted(lambda record: (record.text.strip(), 1.5)),
        Counted(lambda record: [record.text.strip()]),
    )
    getters = {"word": word.getter(), "pair": pair.getter(), "several": several.getter()}
    thing = define("Thing", {"text": str, **getters}, base=base)(text="a longer text")
    before = (thing.word, thing.pair, thing.several)
    thing.text = "a longer text "
    after = (thing.word, thing.pair, thing.several)
    assert (word.calls, pair.calls, several.calls) == (2, 2, 2)
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, True, False]


@pytest.mark.parametrize(
    ("first", "second", "cut"),
    [
        (1, True, False),
        (1, 1.0, False),
        (0.0, -0.0, False),
        (2.5, 2.5, True),
        ("ab", "ab", True),
        ((1, "a"), (1, "a"), True),
        ((1, ("a", None)), (1, ("a", None)), True),
        ((1,), (True,), False),
        ((0.0,), (-0.0,), False),
        ([1], [1], False),
        ({"a": 1}, {"a": 1}, False),
        (None, None, True),
        (b"x", b"x", True),
    ],
    ids=repr,
)
def test_early_cut_off(base: type[Model], first: Any, second: Any, cut: bool) -> None:
    """A getter above runs again only if the value below is another one: of the same type, equal, the same bits."""
    below = Counted(lambda record: (lambda value: value)([first, second][record.n]))
    above = Counted(lambda record: repr(record.below))
    thing = define("Thing", {"n": int, "below": below.getter(), "above": above.getter()}, base=base)(n=0)
    assert thing.above == repr(first)
    thing.n = 1
    assert thing.above == repr(second)
    assert (below.calls, above.calls) == (2, 1 if cut else 2)


def test_floats_that_are_not_numbers_are_cut_off_by_their_bits(base: type[Model]) -> None:
    below, above = Counted(lambda record: float("nan") + record.n * 0), Counted(lambda record: str(record.below))
    thing = define("Thing", {"n": int, "below": below.getter(), "above": above.getter()}, base=base)(n=0)
    assert thing.above == "nan"
    thing.n = 1
    assert (thing.above, below.calls, above.calls) == ("nan", 2, 1)


def test_a_diamond_runs_each_once(base: type[Model]) -> None:
    left, right = Counted(lambda r: r.root + 1), Counted(lambda r: r.root * 2)
    root, top = Counted(lambda r: r.n % 10), Counted(lambda r: (r.left, r.right, r.root))
    getters = {"root": root.getter(), "left": left.getter(), "right": right.getter(), "top": top.getter()}
    thing = define("Thing", {"n": int, **getters}, base=base)(n=1)
    assert thing.top == (2, 2, 1)
    thing.n = 2
    assert thing.top == (3, 4, 2)
    assert [each.calls for each in (root, left, right, top)] == [2, 2, 2, 2]
    thing.n = 12  # the same root
    assert thing.top == (3, 4, 2)
    assert [each.calls for each in (root, left, right, top)] == [3, 2, 2, 2]


def test_reads_are_checked_in_their_order(base: type[Model]) -> None:
    """Another getter is only brought up to date when all that was read before it is unchanged."""
    ratio = Counted(lambda record: 10 // record.n)
    safe = Counted(lambda record: record.ratio if record.n else None)
    thing = define("Thing", {"n": int, "ratio": ratio.getter(), "safe": safe.getter()}, base=base)(n=5)
    assert thing.safe == 2
    thing.n = 0
    assert (thing.safe, ratio.calls, safe.calls) == (None, 1, 2)


def test_an_exception_while_checking_is_a_change_and_no_error(base: type[Model]) -> None:
    """A getter is read before what says that it must not be: its exception there makes the other run again."""
    ratio = Counted(lambda record: 10 // record.n)

    def safely(record: Any) -> Any:
        try:
            return record.ratio
        except ZeroDivisionError:
            return "none"

    safe = Counted(safely)
    thing = define("Thing", {"n": int, "ratio": ratio.getter(), "safe": safe.getter()}, base=base)(n=5)
    assert thing.safe == 2
    thing.n = 0
    assert thing.safe == "none"
    assert safe.calls == 2


def test_nothing_is_written_by_reading(world: World) -> None:
    look = world.watch(world.ann, lambda author: [post.title for post in author.posts])
    revision = world.db.stats().revision
    look(False)
    assert world.db.stats().revision == revision


# ---------------------------------------------------------------- results and functions that are refused


def test_a_generator_function_is_a_definition_error(base: type[Model]) -> None:
    def numbers(self: Any) -> Iterator[int]:
        yield 1

    with pytest.raises(DefinitionError, match="numbers"):
        define("Thing", {"n": int, "numbers": getter(numbers)}, base=base)


def test_a_coroutine_function_is_a_definition_error(base: type[Model]) -> None:
    async def later(self: Any) -> int:
        return 1

    with pytest.raises(DefinitionError, match="later"):
        define("Thing", {"n": int, "later": getter(later)}, base=base)


@pytest.mark.parametrize(
    "make", [iter, lambda n: map(str, n), lambda n: (each for each in n), lambda n: zip(n)], ids=str
)
def test_an_iterator_as_a_result_is_refused(base: type[Model], make: Callable[[Any], Any]) -> None:
    thing = define("Thing", {"n": int, "each": getter(lambda self: make([self.n]))}, base=base)(n=1)
    for _ in range(2):
        with pytest.raises(Exception, match=r"Thing\.each") as caught:
            thing.each  # noqa: B018
        assert "list" in str(caught.value)


def test_a_coroutine_as_a_result_is_refused(base: type[Model]) -> None:
    made: list[Any] = []

    async def later() -> int:
        return 1

    def call(self: Any) -> Any:
        made.append(later())
        return made[-1]

    thing = define("Thing", {"n": int, "later": getter(call)}, base=base)(n=1)
    with pytest.raises(Exception, match=r"Thing\.later"):
        thing.later  # noqa: B018
    made[0].close()


def test_it_is_not_assigned_nor_deleted(world: World) -> None:
    with pytest.raises(FieldError, match=r"Author\.probe is computed"):
        world.ann.probe = 1
    with pytest.raises(SinewError, match=r"Author\.probe is computed"):
        world.ann.update(probe=1)
    with pytest.raises((FieldError, AttributeError), match="probe"):
        del world.ann.probe


# ---------------------------------------------------------------- exceptions


def test_exceptions_propagate_and_are_not_kept(world: World) -> None:
    def fail(record: Any) -> Any:
        raise KeyError(record.name)

    world.body = fail
    for _ in range(2):
        with pytest.raises(KeyError, match="Ann"):
            world.ann.probe  # noqa: B018
    assert world.runs == 2
    world.body = lambda record: record.name
    assert (world.ann.probe, world.runs) == ("Ann", 3)


def test_an_exception_leaves_the_value_from_before_out(world: World) -> None:
    """Computed, changed, failing, and back: computed again, and right."""

    def inverse(record: Any) -> float:
        return 60 / record.age

    look = world.watch(world.ann, inverse)
    world.ann.age = 0
    with pytest.raises(ZeroDivisionError):
        world.ann.probe  # noqa: B018
    world.ann.age = 20
    assert world.ann.probe == 3
    look(False)


def test_what_catches_an_exception_takes_over_the_reads_before_it(base: type[Model]) -> None:
    def strict(self: Any) -> int:
        if self.n < 0:
            raise ValueError(self.n)
        return int(self.n)

    def lenient(self: Any) -> int:
        try:
            return int(self.strict)
        except ValueError:
            return 0

    strictly, leniently = Counted(strict), Counted(lenient)
    fields = {"n": int, "m": field(type=int, default=0), "strict": strictly.getter(), "lenient": leniently.getter()}
    thing = define("Thing", fields, base=base)(n=-1)
    assert (thing.lenient, thing.lenient, leniently.calls) == (0, 0, 1)
    thing.m = 5
    assert (thing.lenient, leniently.calls) == (0, 1)
    thing.n = 7
    assert (thing.lenient, leniently.calls) == (7, 2)


def test_base_exceptions_leave_nothing_behind(world: World) -> None:
    def leave(record: Any) -> Any:
        raise KeyboardInterrupt

    world.body = leave
    with pytest.raises(KeyboardInterrupt):
        world.ann.probe  # noqa: B018
    world.watch(world.ann, lambda record: record.name)(False)


# ---------------------------------------------------------------- cycles and depth


def test_a_getter_that_reads_itself_names_the_cycle(base: type[Model]) -> None:
    thing = define("Thing", {"n": int, "me": getter(lambda self: self.me + 1)}, base=base)(n=1)
    for _ in range(2):
        with pytest.raises(RecursionError, match=r"Thing\.me"):
            thing.me  # noqa: B018


def test_a_cycle_through_others_is_named_whole(base: type[Model]) -> None:
    getters = {"a": getter(lambda self: self.b), "b": getter(lambda self: self.c), "c": getter(lambda self: self.a)}
    thing = define("Thing", {"n": int, **getters}, base=base)(n=1)
    with pytest.raises(RecursionError) as caught:
        thing.a  # noqa: B018
    assert all(f"Thing.{name}" in str(caught.value) for name in "abc")


def test_the_same_getter_of_another_record_is_no_cycle(world: World) -> None:
    world.body = lambda each: f"{each.parent.probe}/{each.title}" if each.parent else each.title
    assert world.python.probe == "Code/Python"
    world.code.parent = world.python
    with pytest.raises(RecursionError):
        world.python.probe  # noqa: B018
    world.code.parent = None
    assert (world.python.probe, world.code.probe) == ("Code/Python", "Code")


def test_a_cycle_that_a_change_makes_is_found_while_checking(base: type[Model]) -> None:
    class Node(base):  # type: ignore[valid-type,misc]
        after: BelongsTo[Node | None] = belongs_to(default=None)

        @getter
        def length(self) -> int:
            return 0 if self.after is None else self.after.length + 1

    nodes = [Node()]
    for _ in range(5):
        nodes.append(Node(after=nodes[-1]))
    assert nodes[-1].length == 5
    nodes[0].after = nodes[3]
    with pytest.raises(RecursionError, match=r"Node\.length"):
        nodes[-1].length  # noqa: B018
    nodes[0].after = None
    assert [node.length for node in nodes] == list(range(6))


class Ring:
    """Two nodes that lead to each other. body: what the getter `value` of a node computes; runs: of which nodes it
    did. shown: what a message shows of a node."""

    def __init__(self, base: type[Model], shown: Callable[[Any], str], body: Callable[[Any], Any]) -> None:
        self.runs: list[str] = []
        ring = self

        class Node(base):  # type: ignore[valid-type,misc]
            name: Attr[str]
            note: Attr[str] = field(default="")
            after: BelongsTo[Node | None] = belongs_to(default=None)

            def __repr__(self) -> str:
                return shown(self)

            @getter
            def depth(self) -> int:
                return 0 if self.after is None else self.after.depth + 1

            @getter
            def value(self) -> Any:
                ring.runs.append(self.name)
                return body(self)

        self.a, self.b = Node(name="a"), Node(name="b")
        self.a.after, self.b.after = self.b, self.a

    def ran(self) -> list[str]:
        runs, self.runs[:] = list(self.runs), []
        return runs


def safe_depth(node: Any) -> Any:
    try:
        return node.depth
    except RecursionError as error:
        return str(error)


def test_who_catches_the_error_of_a_circle_depends_on_what_it_shows(base: type[Model]) -> None:
    """The message may become part of the value, so what it shows of the records is a read; what it does not is none."""
    ring = Ring(base, lambda node: f"<{node.name}>", safe_depth)
    assert ring.a.value == "a getter reads itself: Node.depth of <a> -> Node.depth of <b> -> Node.depth of <a>"
    assert ring.ran() == ["a"]
    ring.b.note = "not shown"
    assert "<b>" in ring.a.value and ring.ran() == []
    ring.b.name = "B"
    assert "<B>" in ring.a.value and ring.ran() == ["a"]
    ring.b.after = None
    assert (ring.a.value, ring.ran()) == (1, ["a"])
    ring.b.name = "b"
    assert (ring.a.value, ring.ran()) == (1, [])


def or_lost(node: Any) -> int:
    try:
        return 0 if node.after is None else int(node.after.value) + 1
    except RecursionError:
        return -1


@pytest.mark.parametrize("mend", ["a", "b"])
def test_within_a_circle_a_value_is_good_for_one_read(base: type[Model], mend: str) -> None:
    """What it comes to depends on who was asked first, and on what that one had read."""
    ring = Ring(base, lambda node: "node", or_lost)
    assert (ring.a.value, ring.ran()) == (0, ["a", "b"])
    assert (ring.b.value, ring.ran()) == (0, ["b", "a"])
    assert (ring.a.value, ring.ran()) == (0, ["a", "b"])
    getattr(ring, mend).after = None
    assert (ring.b.value, ring.a.value) == ((1, 0) if mend == "a" else (0, 1))
    ring.ran()
    assert (ring.b.value, ring.a.value, ring.ran()) == ((1, 0, []) if mend == "a" else (0, 1, []))


def test_who_stands_outside_a_circle_is_kept(base: type[Model]) -> None:
    ring = Ring(base, lambda node: "node", lambda node: -1 if isinstance(safe_depth(node), str) else node.depth)
    for node in (ring.a, ring.b, ring.a):
        assert node.value == -1
    assert ring.ran() == ["a", "b"]
    ring.b.note = "not shown"
    assert (ring.a.value, ring.b.value, ring.ran()) == (-1, -1, [])
    ring.b.after = None
    assert (ring.a.value, ring.b.value, ring.ran()) == (1, 0, ["a", "b"])


@pytest.mark.bulk
def test_a_chain_of_many_is_verified_without_recursion(base: type[Model]) -> None:
    calls = [0]

    class Node(base):  # type: ignore[valid-type,misc]
        value: Attr[int] = field(default=0)
        after: BelongsTo[Node | None] = belongs_to(default=None)

        @getter
        def total(self) -> int:
            calls[0] += 1
            return int(self.value + (self.after.total if self.after is not None else 0))

    size = 100_000
    Node.insert_many({"id": list(range(size)), "after_id": [None, *range(size - 1)]})
    nodes = list(Node.all())
    assert sum(node.total for node in nodes) == 0  # from the near end, so that nothing is deep
    assert calls[0] == size
    nodes[0].value = 1
    assert nodes[-1].total == 1
    assert calls[0] == 2 * size
    Node(value=5)
    assert (nodes[-1].total, calls[0]) == (1, 2 * size)
    nodes[size // 2].value = 1
    assert (nodes[-1].total, calls[0]) == (2, 2 * size + size // 2)


def test_a_first_computation_that_is_too_deep_obeys_the_recursion_limit(base: type[Model]) -> None:
    class Node(base):  # type: ignore[valid-type,misc]
        after: BelongsTo[Node | None] = belongs_to(default=None)

        @getter
        def length(self) -> int:
            return 0 if self.after is None else self.after.length + 1

    size = 5_000
    Node.insert_many({"id": list(range(size)), "after_id": [None, *range(size - 1)]})
    last = Node[size - 1]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        with pytest.raises(RecursionError):
            last.length  # noqa: B018
    finally:
        sys.setrecursionlimit(limit)
    assert [node.length for node in Node.all()] == list(range(size))
    assert last.length == size - 1


# ---------------------------------------------------------------- writing, and code that runs within


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.ann.update(name="x"),
        lambda w: setattr(w.ann, "age", 5),
        lambda w: w.Author(name="x"),
        lambda w: w.one.delete(),
        lambda w: w.Post.all().update(score=1),
        lambda w: w.Post.insert_many([{"title": "x", "author_id": 1}]),
        lambda w: w.one.tags.attach(w.slow),
        lambda w: w.ann.posts.append(w.three),
        lambda w: w.note.delete(),
        lambda w: w.db.clear(),
    ],
    ids=["update", "assign", "create", "delete", "update all", "insert", "attach", "append", "soft delete", "clear"],
)
def test_a_getter_that_writes_is_refused(world: World, write: Callable[[World], Any]) -> None:
    rows = {model: world.db.models[model].pluck(world.db.models[model].id) for model in world.db.models}
    world.body = lambda record: write(world)
    with pytest.raises(SinewError, match="probe"):
        world.bob.probe  # noqa: B018
    assert rows == {model: world.db.models[model].pluck(world.db.models[model].id) for model in world.db.models}
    assert world.ann.name == "Ann"
    write(world)  # outside of it, it may


def test_writing_below_another_getter_is_refused(world: World) -> None:
    def inner(record: Any) -> Any:
        if record is world.one:
            record.title = "x"
        return record.title if record is world.one else record.posts[0].probe

    world.body = inner
    with pytest.raises(SinewError, match="probe"):
        world.ann.probe  # noqa: B018
    assert world.one.title == "one"


def test_a_write_is_allowed_again_after_a_getter_that_failed(world: World) -> None:
    def fail(record: Any) -> Any:
        raise KeyError

    world.body = fail
    with pytest.raises(KeyError):
        world.ann.probe  # noqa: B018
    world.ann.name = "Anna"
    assert world.ann.name == "Anna"


def test_a_getter_may_write_to_another_database_or_read_it(world: World) -> None:
    other = World(Database())
    world.body = lambda record: record.name + other.ann.name
    assert world.ann.probe == "AnnAnn"
    other.db.close()


# ---------------------------------------------------------------- uncached, expire


def test_uncached_getters_run_at_each_read(base: type[Model]) -> None:
    outside = [1]
    now = Counted(lambda record: outside[0])
    thing = define("Thing", {"n": int, "now": now.getter(cache=False)}, base=base)(n=1)
    assert thing.now == 1
    outside[0] = 2
    assert (thing.now, now.calls) == (2, 2)


def test_what_reads_an_uncached_one_is_good_for_one_read(base: type[Model]) -> None:
    outside = ["a"]
    now, above = Counted(lambda record: outside[0]), Counted(lambda record: record.now * 2)
    further = Counted(lambda record: record.above + "!")
    getters = {"now": now.getter(cache=False), "above": above.getter(), "further": further.getter()}
    thing = define("Thing", {"n": int, **getters}, base=base)(n=1)
    assert (thing.above, thing.further) == ("aa", "aa!")
    outside[0] = "b"
    assert (thing.further, thing.above) == ("bb!", "bb")
    outside[0] = "c"
    assert (thing.above, thing.further) == ("cc", "cc!")


def test_expire_drops_one_by_hand(base: type[Model]) -> None:
    outside = [1]
    out, above, beside = Counted(lambda r: outside[0]), Counted(lambda r: r.out + 1), Counted(lambda r: r.n)
    getters = {"out": out.getter(), "above": above.getter(), "beside": beside.getter()}
    thing = define("Thing", {"n": int, **getters}, base=base)(n=1)
    assert (thing.out, thing.above, thing.beside) == (1, 2, 1)
    outside[0] = 5
    assert (thing.out, thing.above) == (1, 2)
    thing.expire("out")
    assert (thing.above, thing.out, thing.beside) == (6, 5, 1)
    assert (out.calls, above.calls, beside.calls) == (2, 2, 1)


def test_expire_counts_as_a_change_even_if_the_value_is_equal(base: type[Model]) -> None:
    """What reads it was told to look again."""
    words: list[str] = []
    out, above = Counted(lambda r: list(words)), Counted(lambda r: len(r.out))
    thing = define("Thing", {"n": int, "out": out.getter(), "above": above.getter()}, base=base)(n=1)
    assert thing.above == 0
    words.append("x")
    thing.expire("out")
    assert (thing.above, out.calls, above.calls) == (1, 2, 2)


def test_expire_of_what_is_no_getter_is_an_error(world: World) -> None:
    with pytest.raises(SinewError, match="prob"):
        world.ann.expire("prob")
    with pytest.raises(SinewError, match="name"):
        world.ann.expire("name")


# ---------------------------------------------------------------- rows, records, deleting


def test_the_cache_outlives_the_record_object(world: World) -> None:
    """It belongs to the row."""
    key = world.Author(name="Dan").id
    world.watch(world.Author[key], lambda author: [author.name])
    gc.collect()
    first = world.Author[key].probe
    gc.collect()
    assert world.Author[key].probe is first
    assert world.runs == 1
    world.Author[key].name = "Don"
    assert (world.Author[key].probe, world.runs) == (["Don"], 2)


def test_a_getter_of_a_deleted_record_says_so(world: World) -> None:
    world.watch(world.bob, lambda author: author.name)
    world.bob.delete()
    with pytest.raises(RecordDeleted):
        world.bob.probe  # noqa: B018


def test_a_getter_that_read_a_record_that_is_deleted_runs_again(world: World) -> None:
    look = world.watch(world.code, lambda category: [each.title for each in category.descendants])
    world.python.delete()
    look(True)


def test_a_held_record_that_is_deleted_is_noticed(world: World) -> None:
    """Read through a Python reference that no relation of the store explains."""

    def title(author: Any) -> str:
        try:
            return str(world.three.title)
        except RecordDeleted:
            return "gone"

    look = world.watch(world.ann, title)
    world.three.delete()
    look(True)


def test_a_new_row_in_the_place_of_a_deleted_one_has_no_value_from_it(world: World) -> None:
    world.watch(world.bob, lambda author: author.name)
    key = world.bob.id
    world.bob.delete()
    again = world.Author(id=key, name="Bob")
    assert (again.probe, world.runs) == ("Bob", 2)


def test_a_value_goes_with_its_row(world: World) -> None:
    class Value:
        pass

    world.body = lambda author: Value()
    value = weakref.ref(world.bob.probe)
    gc.collect()
    assert value() is not None
    world.bob.delete()
    gc.collect()
    assert value() is None


def test_a_value_that_is_replaced_is_released(world: World) -> None:
    class Value:
        def __init__(self, name: str) -> None:
            self.name = name

    world.body = lambda author: Value(author.name)
    value = weakref.ref(world.bob.probe)
    world.bob.name = "Bert"
    assert world.bob.probe.name == "Bert"
    gc.collect()
    assert value() is None


def test_clearing_the_store_releases_the_values(world: World) -> None:
    class Value:
        pass

    world.body = lambda author: Value()
    value = weakref.ref(world.bob.probe)
    world.db.clear()
    gc.collect()
    assert value() is None


def test_recomputing_does_not_grow(world: World) -> None:
    world.body = lambda author: [author.name, len(author.posts), [post.title for post in author.posts]]

    def once(number: int) -> None:
        world.ann.age = number
        world.ann.name = "ab"[number % 2]
        world.ann.probe  # noqa: B018
        world.one.update(author=[world.bob, world.ann][number % 2])
        world.ann.probe  # noqa: B018

    def rounds() -> tuple[int, int]:
        for number in range(300):
            once(number)
        gc.collect()
        return sys.getallocatedblocks(), world.db.stats().bytes

    rounds()
    blocks, size = rounds()
    runs = world.runs
    after, grown = rounds()
    assert world.runs == runs + 600
    assert after - blocks < 50
    assert grown <= size


def test_a_dropped_database_that_caches_lists_of_records_is_collected() -> None:
    world: Any = World(Database())
    world.body = lambda author: list(author.posts)
    assert len(world.ann.probe) == 2
    dead = [weakref.ref(world.db), weakref.ref(world.ann), weakref.ref(world.one), weakref.ref(world)]
    del world
    gc.collect()
    assert [each() for each in dead] == [None] * 4


def test_a_record_that_caches_itself_is_collected_with_its_row(world: World) -> None:
    world.body = lambda author: (author, [author])
    assert world.cid.probe[0] is world.cid
    dead = weakref.ref(world.cid)
    world.cid.delete()
    del world.cid
    gc.collect()
    assert dead() is None


# ---------------------------------------------------------------- undoing


def test_what_was_computed_in_an_undone_block_does_not_survive_it(world: World) -> None:
    look = world.watch(world.ann, lambda author: author.name)
    with world.db.transaction() as tx:
        world.ann.name = "Anna"
        look(True)
        tx.rollback()
    assert world.ann.probe == "Ann"


def test_a_value_that_was_first_computed_in_an_undone_block(world: World) -> None:
    world.body = lambda author: author.name
    with world.db.transaction() as tx:
        world.ann.name = "Anna"
        assert world.ann.probe == "Anna"
        tx.rollback()
    assert world.ann.probe == "Ann"


def test_savepoints(world: World) -> None:
    look = world.watch(world.ann, lambda author: len(author.posts))
    with world.db.transaction():
        world.Post(title="a", author=world.ann)
        look(True)
        with world.db.transaction() as inner:
            world.Post(title="b", author=world.ann)
            look(True)
            inner.rollback()
        look(True)
        world.Post(title="c", author=world.bob)
        look(False)
    look(False)
    assert world.ann.probe == 3


def test_a_row_that_was_made_in_an_undone_block(world: World) -> None:
    world.body = lambda author: author.name
    with world.db.transaction() as tx:
        dan = world.Author(name="Dan")
        assert dan.probe == "Dan"
        tx.rollback()
    with pytest.raises(RecordDeleted):
        dan.probe  # noqa: B018


def test_a_row_whose_deletion_was_undone_is_right(world: World) -> None:
    world.watch(world.bob, lambda author: [author.name, len(author.posts)])
    with world.db.transaction() as tx:
        world.bob.delete()
        tx.rollback()
    assert world.bob.probe == ["Bob", 1]


# ---------------------------------------------------------------- classes


def test_getters_of_abstract_bases_mixins_and_subclasses(base: type[Model]) -> None:
    class Loud:
        __slots__ = ()

        @getter
        def loud(self: Any) -> str:
            return self.name.upper() + self.mark

    class Named(base, abstract=True):  # type: ignore[valid-type,misc]
        name: Attr[str]

        @getter
        def mark(self) -> str:
            return "?"

    class Plain(Loud, Named):
        pass

    class Other(Loud, Named):
        @getter
        def mark(self) -> str:
            return self.name[0]

    plain, other = Plain(name="ab"), Other(name="cd")
    assert (plain.loud, other.loud) == ("AB?", "CDc")
    other.name = "xy"
    assert (plain.loud, other.loud) == ("AB?", "XYx")


def test_getters_of_pivots(world: World) -> None:
    link = world.Tagging.one()
    look = world.watch(link, lambda link: f"{link.post.title}#{link.tag.label}*{link.weight}")
    world.one.tags.update_pivot(world.fast, weight=9)
    look(True)
    world.fast.label = "quick"
    look(True)


def test_a_redefinition_brings_its_own_functions(base: type[Model]) -> None:
    first = define(
        "Thing", {"n": int, "x": getter(lambda self: self.n + 1), "y": getter(lambda self: self.n)}, base=base
    )
    thing = first(n=1)
    assert (thing.x, thing.y) == (2, 1)
    assert define("Thing", {"n": int, "x": getter(lambda self: self.n + 10)}, base=base) is first
    assert thing.x == 11
    with pytest.raises(AttributeError):
        thing.y  # noqa: B018
    define("Thing", {"n": int, "y": getter(lambda self: self.n * 7), "x": field(type=int, default=3)}, base=base)
    assert (thing.x, thing.y) == (3, 7)


def test_what_read_a_getter_that_was_redefined_runs_again(base: type[Model]) -> None:
    class Owner(base):  # type: ignore[valid-type,misc]
        things: HasMany[Thing] = has_many("Thing", inverse="owner")  # type: ignore[name-defined]  # noqa: F821

        @getter
        def total(self) -> int:
            return sum(thing.x for thing in self.things)

    fields = {"owner": belongs_to("Owner")}
    thing = define("Thing", {**fields, "x": getter(lambda self: 1)}, base=base)
    owner = Owner()
    thing(owner=owner)
    assert owner.total == 1
    define("Thing", {**fields, "x": getter(lambda self: 5)}, base=base)
    assert owner.total == 5


def test_getters_as_columns_are_right_after_a_change(world: World) -> None:
    world.body = lambda record: len(record.posts) if isinstance(record, world.Author) else 0
    assert world.Author.where(world.Author.probe == 2).pluck(world.Author.name) == ["Ann"]
    runs = world.runs
    assert world.Author.where(world.Author.probe == 2).pluck(world.Author.name) == ["Ann"]
    assert world.runs == runs, "values of a column are cached like others"
    world.one.author = world.bob
    assert world.Author.where(world.Author.probe == 2).pluck(world.Author.name) == ["Bob"]
    assert world.runs == runs + 2


def test_a_class_with_the_signature_of_functools(base: type[Model]) -> None:
    """A getter keeps the name and the docstring of its function."""

    class Thing(base):  # type: ignore[valid-type,misc]
        @getter
        def size(self) -> int:
            """How large it is."""
            return 1

    assert inspect.getdoc(inspect.getattr_static(Thing, "size")) == "How large it is."


# ---------------------------------------------------------------- what it tells


def test_stats_count_hits_verifications_and_computations(world: World) -> None:
    """By getter, and in what is for people."""
    look = world.watch(world.ann, lambda author: author.name)
    look(False)
    world.bob.name = "Bert"
    look(False)
    world.ann.name = "Anna"
    look(True)
    assert "Author.probe" in str(world.db.stats())


def test_explain_getter_names_what_was_read_and_what_made_it_stale(world: World) -> None:
    world.watch(world.ann, lambda author: (author.name, len(author.posts)))
    told = str(world.db.explain_getter(world.ann, "probe"))
    assert "Author.name" in told or "name" in told
    assert "posts" in told
    world.ann.name = "Anna"
    stale = str(world.db.explain_getter(world.ann, "probe"))
    assert stale != told
    assert "name" in stale


# ---------------------------------------------------------------- finding mistakes


def test_the_audit_names_a_getter_whose_value_was_changed_in_place(world: World) -> None:
    world.watch(world.ann, lambda author: [post.title for post in author.posts])
    world.ann.probe.append("mine")
    assert world.ann.probe == ["one", "two", "mine"], "values are shared"
    world.db.audit_getters = True
    with pytest.raises(SinewError, match=r"Author\.probe"):
        world.ann.probe  # noqa: B018
    world.db.audit_getters = False


def test_the_audit_names_a_getter_that_depends_on_something_outside(world: World) -> None:
    outside = [1]
    world.watch(world.ann, lambda author: outside[0])
    world.db.audit_getters = True
    assert world.ann.probe == 1
    outside[0] = 2
    with pytest.raises(SinewError, match=r"Author\.probe"):
        world.ann.probe  # noqa: B018
    world.db.audit_getters = False


def test_the_audit_lets_pass_what_is_right(world: World) -> None:
    world.db.audit_getters = True
    world.body = lambda record: [record.id, len(record.posts)] if isinstance(record, world.Author) else record.title
    assert [author.probe for author in world.Author.all()] == [[1, 2], [2, 1], [3, 0]]
    world.one.author = world.bob
    assert [author.probe for author in world.Author.all()] == [[1, 1], [2, 2], [3, 0]]
    world.db.audit_getters = False
