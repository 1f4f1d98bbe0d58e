"""Ways through stores, schemas, transactions and the garbage collector that correct programs rarely take."""

from __future__ import annotations

import gc
import importlib.util
import threading
import warnings
import weakref
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv4Address
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from .test_queries import World, col, filled, raised
from .world import Errors, Raised, load_engine, make_world

__all__ = ["filled"]  # the fixture


# ---------------------------------------------------------------- the collector


def referred(holder: Any) -> list[Any]:
    """What a holder shows to the collector, each of which must in turn show the holder as a referrer."""
    shown = gc.get_referents(holder)
    for each in shown:
        assert any(found is holder for found in gc.get_referrers(each)), each
    return shown


def test_everything_is_shown_to_the_collector(filled: World) -> None:
    w, engine = filled, load_engine()  # one that the leak loop has not put out of the collector's sight
    w.ann.extra = [w.bob]
    plan = w.engine.Plan(
        w.Post,
        where=("null", ("host", 0, 0, "int")),
        order=[(col(w.post.title), False, False)],
        values=[("const", "int", 1)],
    )
    plan.set_host(0, w.Post, None, range(6))
    rows = plan.rows()
    for holder, held in [
        (w.store, [w.ann.extra]),
        (w.posts, [w.store, w.Author, w.Post]),
        (plan, [w.store, w.Post]),
        (rows, [w.Post, w.store]),
        (iter(rows), [rows]),
        (w.by_email, [w.Author]),
        (w.ann.posts, [w.ann, w.author.posts]),
        (w.author.posts, [w.posts, w.Collection]),
        (w.author.first_post, []),
        (engine, [engine.Store, engine.Plan]),
        (engine.MISSING, []),
    ]:
        shown = referred(holder)
        assert type(holder) in shown or holder is engine
        assert all(any(found is each for found in shown) for each in held), holder


def test_the_task_of_a_transaction_and_of_a_refusal_is_shown_to_the_collector() -> None:
    class Task:
        pass

    task = Task()
    w = make_world(load_engine(lambda: task))
    w.store.begin()
    assert any(each is task for each in referred(w.store))
    w.store.rollback()
    assert not any(each is task for each in referred(w.store))
    w.store.refuse(True)
    assert any(each is task for each in referred(w.store))
    w.store.refuse(False)
    assert not any(each is task for each in referred(w.store))


def test_a_module_that_has_not_run_is_shown_to_the_collector_too() -> None:
    found = importlib.util.find_spec("sinew._engine")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    gc.collect()
    assert not any(isinstance(each, type) for each in gc.get_referents(module))
    found.loader.exec_module(module)
    assert {module.Store, module.Plan} <= {each for each in referred(module) if isinstance(each, type)}


def test_a_loose_relation_and_a_store_of_nothing_are_shown_to_the_collector(engine: ModuleType) -> None:
    loose = [engine.Many("loose"), engine.One("loose"), engine.Store(), engine.Many.__new__(engine.Many)]
    for each in loose:
        assert type(each) in referred(each)
    gc.collect()
    assert [repr(type(each)) for each in loose]


def test_a_store_abandoned_inside_a_transaction_releases_its_rows(engine: ModuleType) -> None:
    """Its end rolls back first; the values go, and whoever held its records is told."""

    class Value:
        gone = 0

        def __del__(self) -> None:
            Value.gone += 1

    w: Any = make_world(engine)
    w.Author(name="before", extra=Value())
    w.store.begin()
    w.Author(name="inside", extra=Value())
    w.store.begin()
    w.Author(name="deeper", extra=Value())
    del w
    gc.collect()
    assert Value.gone == 3


# ---------------------------------------------------------------- the module and its hooks


def test_arguments_of_install(engine: ModuleType) -> None:
    for arguments, keywords in (((1,), {}), ((), {"hook": 1})):
        with pytest.raises(TypeError):
            engine.install(*arguments, **keywords)


def test_errors_before_install_say_so() -> None:
    found = importlib.util.find_spec("sinew._engine")
    assert found is not None and found.loader is not None
    module: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    store = module.Store()
    store.close()
    with pytest.raises(RuntimeError, match=r"install\(\) comes first \(while raising store_closed\)"):
        store.check()
    loose = module.Reference("loose", [module.Field("loose_id", "int")], required=False)
    with pytest.raises(RuntimeError, match="defined anew"):
        module.Path(module.Store(), [(loose, False, False, None, (), None)])
    store = module.Store()
    store.begin()  # no hook: no task
    store.rollback()
    module.install(current_task=None)
    store.begin()
    store.rollback()


def test_an_error_function_that_returns_no_error_or_is_not_there() -> None:
    class Odd(Errors):
        def store_closed(self) -> int:
            return 5

        def __getattr__(self, name: str) -> Any:
            if name in ("internal", "RelationError"):
                raise AttributeError(name)
            return super().__getattr__(name)

    engine = load_engine(errors=Odd())
    w = make_world(engine)
    with pytest.raises(AttributeError, match="internal"):
        engine.Plan(w.Post, where=1)
    loose = engine.Reference("loose", [engine.Field("loose_id", "int")], required=False)
    with pytest.raises(AttributeError, match="RelationError"):
        w.path(loose, True)
    w.store.close()
    with pytest.raises(TypeError, match=r"errors.store_closed\(\) returned 5, not an exception"):
        w.store.begin()


# ---------------------------------------------------------------- transactions


class NoTask(Exception):
    pass


def test_a_task_hook_that_fails() -> None:
    failing = [False]

    def current() -> Any:
        if failing[0]:
            raise NoTask
        return None

    w = make_world(load_engine(current))
    author = w.Author(name="Ann")
    failing[0] = True
    for call in (w.store.begin, lambda: w.store.refuse(True), lambda: w.store.refuse(False)):
        with pytest.raises(NoTask):
            call()
    failing[0] = False
    w.store.begin()
    failing[0] = True
    for call in (w.store.begin, w.store.commit, w.store.rollback, lambda: w.Author(name="Bob")):
        with pytest.raises(NoTask):
            call()
    failing[0] = False
    assert w.store.depth == 1
    w.store.rollback()
    w.store.refuse(True)
    failing[0] = True
    with pytest.raises(NoTask):
        author.name = "Bob"
    failing[0] = False
    w.store.refuse(False)
    author.name = "Bob"


def test_arguments_of_begin(filled: World) -> None:
    for wrong in ("x", [], 1j):
        with pytest.raises(TypeError):
            filled.store.begin(wrong)
    with pytest.raises(TypeError):
        filled.store.begin(1, 2)
    assert filled.store.depth == 0


def test_refusals_nest_and_belong_to_their_task() -> None:
    running: list[Any] = [None]
    w = make_world(load_engine(lambda: running[0]))
    tasks = [object() for _ in range(12)]
    for task in tasks:
        running[0] = task
        w.store.refuse(True)
        w.store.refuse(True)
    for task in tasks:
        running[0] = task
        with raised("transaction_closed"):
            w.Author(name="x")
        w.store.refuse(False)
        with raised("transaction_closed"):
            w.Author(name="x")
        w.store.refuse(False)
        w.Author(name="x")
        w.store.refuse(False)  # nothing left to end
    running[0] = object()
    w.store.refuse(True)
    w.store.close()


def in_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call, name="helper")
    thread.start()
    thread.join()


def test_a_transaction_of_a_thread_that_ended_is_rolled_back() -> None:
    w = make_world(load_engine())
    author = w.Author(name="Ann")

    def abandon() -> None:
        w.store.begin()
        w.store.begin()
        author.name = "Bob"

    in_thread(abandon)
    assert w.store.depth == 2
    with pytest.warns(ResourceWarning, match="a transaction of .* was never ended: rolled back"):
        w.store.begin()
    assert (author.name, w.store.depth) == ("Ann", 1)
    w.store.rollback()
    in_thread(abandon)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(ResourceWarning, match="was never ended"):
            w.Author(name="refused")
        w.Author(name="now")
    assert (author.name, w.store.depth) == ("Ann", 0)


@pytest.mark.parametrize("end", ["done", "closed", "ended", "renewed", "asks", "nothing", "silent"])
def test_a_transaction_of_a_task_that_may_be_done(end: str) -> None:
    """The next who wants to write asks the task; what runs meanwhile may end the transaction or the store itself."""
    running: list[Any] = [None]

    class Task:
        done_now: Any = True
        named = 0

        def done(self) -> Any:
            if end == "asks":
                raise NoTask
            if end == "nothing":
                return Truthless()
            return True

        def get_name(self) -> str:
            Task.named += 1
            me, running[0] = running[0], self
            if end == "closed":
                w.store.rollback()
                w.store.close()
            elif end == "ended" and w.store.depth:
                w.store.rollback()
            elif end == "renewed" and Task.named == 1:
                w.store.rollback()
                running[0] = other
                w.store.begin()
            running[0] = me
            if end == "silent":
                raise NoTask
            return "Task-1"

    class Truthless:
        def __bool__(self) -> bool:
            raise ArithmeticError

    class Running:
        def done(self) -> bool:
            return False

    other = Running()
    w = make_world(load_engine(lambda: running[0]))
    author = w.Author(name="Ann")
    first = running[0] = Task()
    w.store.begin()
    author.name = "Bob"
    running[0] = None
    if end in ("done", "silent"):
        name = "task 'Task-1' of" if end == "done" else "a task of"
        with pytest.warns(ResourceWarning, match=f"a transaction of {name} thread .*Main.* was never ended"):
            w.Author(name="x")
    elif end == "closed":
        with raised("store_closed"):
            w.store.begin()
        return
    elif end == "ended":
        w.store.begin()
        w.store.rollback()
    elif end == "renewed":
        with raised("transaction_busy") as caught:
            w.store.begin()
        assert caught.value.given[0].startswith("a task of thread")
        running[0] = other
        w.store.rollback()
    else:
        with pytest.raises(NoTask if end == "asks" else ArithmeticError):
            w.store.begin()
        assert author.name == "Bob"
        running[0] = first
        w.store.rollback()
    assert (author.name, w.store.depth) == ("Ann", 0)


def test_a_thread_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever threading says, the message names the thread by its number at least."""
    w = make_world(load_engine())
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        w.store.begin()
        inside.set()
        leave.wait(10)
        w.store.rollback()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)

    class Nameless:
        ident = thread.ident

    class Strange:
        ident = "x"

    def fail() -> Any:
        raise NoTask

    try:
        for listed in (fail, lambda: 5, list, lambda: [Strange(), object()], lambda: [Nameless()]):
            monkeypatch.setattr(threading, "enumerate", listed)
            with raised("transaction_busy") as caught:
                w.store.begin()
            assert caught.value.given[0] == f"thread {thread.ident}"
    finally:
        monkeypatch.undo()
        leave.set()
        thread.join()


def test_a_signal_ends_the_waiting() -> None:
    import signal

    w = make_world(load_engine())
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        w.store.begin()
        inside.set()
        leave.wait(10)
        w.store.rollback()

    def alarm(*_: Any) -> None:
        raise NoTask

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(NoTask):
            w.store.begin(10)
    finally:
        signal.signal(signal.SIGALRM, before)
        leave.set()
        thread.join()
    assert w.store.depth == 0


# ---------------------------------------------------------------- schema


def test_what_is_no_field_index_or_model_of_the_store(filled: World, engine: ModuleType) -> None:
    w, other = filled, make_world(engine)
    field = engine.Field("loose", "int")
    schema = w.store.schema
    calls: list[Callable[[], object]] = [
        lambda: w.store.add_index(w.Post, "many"),
        lambda: w.store.add_index(1, "many", [w.post.title]),
        lambda: w.store.add_index(other.Post, "many", [other.post.title]),
        lambda: w.store.add_index(engine.Record, "many", [w.post.title]),
        lambda: w.store.add_index(w.Post, "many", 5),
        lambda: w.store.drop_index(1),
        lambda: w.store.drop_index(other.by_email),
        lambda: w.store.add_field(w.Post),
        lambda: w.store.add_field(w.Post, 5),
        lambda: w.store.add_field(5, field),
        lambda: w.store.add_field(other.Post, field),
        lambda: w.store.add_field(w.Post, field, 5),
        lambda: w.store.drop_field(5),
        lambda: w.store.drop_field(field),
        lambda: w.store.drop_field(other.post.title),
        lambda: w.store.set_parameters(w.Post, []),
        lambda: w.store.set_parameters(other.Post, [], {}),
        lambda: w.store.set_parameters(5, [], {}),
        lambda: engine.Store(1, 2),
        lambda: engine.Store(5),
        lambda: w.by_email.find(5),
        lambda: w.author.posts.__init__("again"),
        lambda: engine.Many(),
        lambda: engine.Many(5),
        lambda: w.author.posts.bind(5, w.Collection),
        lambda: w.author.posts.bind(w.posts),
        lambda: w.author.posts.bind(w.posts, int),
        lambda: w.author.first_post.bind(5),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    for fields in ([5], [w.post.title, 5], [w.post.title, w.author.name]):
        with pytest.raises(ValueError, match="an index takes 1 to"):
            w.store.add_index(w.Post, "many", fields)
    with raised("internal") as caught:
        w.by_email.find(["a", "b"])
    assert caught.value.given == ("a key has another length than its index",)
    with raised("internal") as caught:
        w.by_score.find([10])
    assert caught.value.given == ("a key is looked up in an index that is not unique, or dropped",)
    assert w.store.schema == schema and [a.name for a in engine.live_rows(w.Author)] == ["Ann", "Bob", "Cy"]


def test_a_key_with_a_null_or_a_wrong_value_is_looked_up(filled: World) -> None:
    w = filled
    index = w.store.add_index(w.Post, "unique", [w.post.title, w.post.rating])
    assert index.find(["a", None]) is None and w.by_email.find([None]) is None
    for key in ([1, 1.0], ["a", "x"]):
        with raised("bad_value"):
            index.find(key)
    w.all[0].rating = 0.5
    assert index.find(["b", 0.5]) is w.all[0] and index.find(["x", 0.5]) is None


class Step:
    """A value that does something when it is converted to an int."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __index__(self) -> int:
        self.act()
        return 7


def test_a_store_closed_while_a_key_is_converted(filled: World) -> None:
    w = filled
    index = w.store.add_index(w.Post, "unique", [w.post.id])
    with raised("store_closed"):
        index.find([Step(w.store.close)])


@pytest.mark.parametrize("how", ["transaction", "write", "close"])
def test_a_field_whose_values_change_the_store_is_not_added(filled: World, how: str) -> None:
    w = filled
    field = w.engine.Field("late", "int", nullable=True)
    act = {
        "transaction": w.store.begin,
        "write": lambda: setattr(w.ann, "name", "Dee"),
        "close": w.store.close,
    }[how]
    with raised("store_closed" if how == "close" else "store_busy"):
        w.store.add_field(w.Post, field, [1, 2, Step(act), 4, 5, 6])
    if how == "transaction":
        w.store.rollback()
    if how != "close":
        w.store.add_field(w.Post, field)
        assert w.engine.values(w.all[0], [field]) == (None,)


def test_a_field_whose_values_are_refused_is_not_added(filled: World) -> None:
    """The values before the wrong one are released again."""
    w, gone = filled, []

    class Value:
        def __del__(self) -> None:
            gone.append(1)

    def fail() -> Any:
        raise NoTask

    made = iter([1, 2, None])
    for field, error in [
        (w.engine.Field("a", "int", default_factory=fail), NoTask),
        (w.engine.Field("b", "int", default_factory=lambda: next(made)), Raised),
        (w.engine.Field("c", "object", nullable=True, default_factory=fail, key=len), NoTask),
        (w.engine.Field("d", "object", nullable=True, default=5, key=len), TypeError),
    ]:
        with pytest.raises(error):
            w.store.add_field(w.Post, field)
        with pytest.raises(TypeError, match="is not a field stored here"):
            w.store.drop_field(field)
    keyed = w.engine.Field("keyed", "object", key=len)
    with raised("bad_value"):
        w.store.add_field(w.Post, keyed, ["a", "b", "c", "d", "e", None])
    with pytest.raises((TypeError, Raised)):
        w.store.add_field(w.Post, w.engine.Field("typed", "object", key=len), ["a"] * 5 + [Value()])
    assert gone == [1]
    w.store.add_field(w.Post, keyed, ["a", "bb", "c", "d", "e", "f"])
    index = w.store.add_index(w.Post, "many", [keyed.key_field])
    with raised("internal"):
        w.store.drop_field(keyed)
    w.store.drop_index(index)
    w.store.drop_field(keyed)
    filler = w.engine.Field("filler", "object", default=[1, 2], key=len)
    w.store.add_field(w.Post, filler)
    plan = w.engine.Plan(w.Post, values=[col(filler.key_field)])
    assert plan.columns(plan.rows()) == [[2] * 6]


def test_an_interned_column_with_nulls_and_dead_rows(filled: World) -> None:
    w = filled
    w.bob.email = None
    plain = w.engine.Field("plain", "str", nullable=True)
    w.store.add_field(w.Author, plain, ["x", None, "y"])
    w.engine.delete(w.cy)
    index = w.store.add_index(w.Author, "many", [plain])
    w.store.drop_index(index)
    unique = w.store.add_index(w.Author, "unique", [plain])
    assert unique.find(["x"]) is w.ann and unique.find(["y"]) is None
    w.store.drop_index(unique)
    interned = w.engine.Field("interned", "str", nullable=True, intern=True)
    w.store.add_field(w.Author, interned, ["x", "x"])
    again = w.store.add_index(w.Author, "many", [interned])
    assert again.kind == "many"
    w.store.check()


# ---------------------------------------------------------------- what errors say


def test_a_key_of_several_fields_in_an_error(engine: ModuleType) -> None:
    w = make_world(engine)
    F = engine.Field
    one, two = F("one", "int"), F("two", "str")
    first, second = F("first", "int", nullable=True, default=None), F("second", "str", nullable=True, default=None)
    for field in (one, two):
        w.store.add_field(w.Category, field)
    for field in (first, second):
        w.store.add_field(w.Author, field)
    key = w.store.add_index(w.Category, "unique", [one, two])
    many = w.store.add_index(w.Author, "many", [first, second])
    reference = engine.Reference("pair", [first, second], required=False, default=None)
    w.store.set_parameters(w.Category, [w.category.label, one, two, w.category.parent], {})
    w.store.set_parameters(w.Author, [w.author.name, first, second], {})
    target = w.Category(label="root", one=1, two="x")
    stray = w.Author(name="stray", first=5, second="y")
    with raised("dangling") as caught:
        reference.bind(w.Category, [one, two], many, key, "restrict", True)
    assert caught.value.given[0][0][-1] == (5, "y") and caught.value.given[1:] == (1, False)
    engine.delete(stray)
    reference.bind(w.Category, [one, two], many, key, "restrict", True)
    w.Author(name="Ann", first=1, second="x")
    with raised("restricted") as caught:
        engine.delete(target)
    assert caught.value.given[1] == (1, "x")
    with raised("unique") as caught:
        w.Category(label="again", one=1, two="x")
    assert caught.value.given[2] == (1, "x")
    with raised("key_in_use"):
        engine.live_rows(w.Category).update([one], [2], [True])
    with raised("dangling") as caught:
        w.Author(name="Bob", first=1, second="z")
    assert caught.value.given[0][0][-1] == (1, "z")


def test_ten_of_many_problems_are_named_and_those_gone_are_not(filled: World) -> None:
    w = filled
    w.store.begin()
    strays = [w.Post(title="stray", author_id=70 + n) for n in range(120)]
    with raised("dangling") as caught:
        w.store.commit()
    shown, count, _ = caught.value.given
    assert count == 120 and len(shown) < 120
    for stray in strays:
        w.engine.delete(stray)
    w.store.commit()


def test_a_counter_that_is_at_its_end(filled: World) -> None:
    w = filled
    w.Author(id=2**63 - 1, name="last")
    before = len(w.engine.live_rows(w.Author))
    with raised("limit") as caught:
        w.Author(name="one more")
    assert "Author counts no further" in caught.value.given[0]
    assert len(w.engine.live_rows(w.Author)) == before


def test_a_null_that_the_engine_refuses(filled: World) -> None:
    w = filled
    for write in (
        lambda: w.engine.live_rows(w.Post).update([w.post.title], [None], [True]),
        lambda: setattr(w.ann, "name", None),
        lambda: w.engine.insert_rows(w.Author, [{"name": None}], None),
    ):
        with pytest.raises(Raised):
            write()
    assert w.ann.name == "Ann" and w.all[0].title == "b"


# ---------------------------------------------------------------- relations


def test_relations_on_the_class_with_and_without_a_path(engine: ModuleType) -> None:
    for kind in (engine.Many, engine.One):
        bare, pathed, none = kind("bare"), kind("pathed", path="P"), kind("none", path=None)
        assert bare.__get__(None, int) is bare and none.__get__(None, int) is none
        assert pathed.__get__(None, int) == "P"
        unnamed = kind.__new__(kind)
        assert unnamed.__get__(None, int) is unnamed and none.__get__(None, int) is none
        assert pathed.__get__(None, type(None)) == "P"
        with raised("internal") as caught:
            bare.__get__(1, int)
        assert caught.value.given == ("the relation 'bare' is used before its models are laid out",)
        for wrong in (lambda bare=bare: bare.__set__(1, 2), lambda bare=bare: bare.__delete__(1)):
            with pytest.raises(AttributeError, match="relation 'bare' cannot be"):
                wrong()


def test_a_setter_that_fails(engine: ModuleType) -> None:
    def fail(record: Any, value: Any) -> None:
        raise NoTask

    for kind in (engine.Many, engine.One):
        with pytest.raises(NoTask):
            kind("failing", setter=fail).__set__(1, 2)


def test_the_relation_of_a_collection(filled: World) -> None:
    w = filled
    posts = w.ann.posts
    assert posts.relation is None and posts.path is w.posts
    w.author.posts.relation = "R"
    assert posts.relation == "R"
    del w.author.posts.relation
    assert posts.relation is None


# ---------------------------------------------------------------- rare orders of events


def test_a_store_of_a_task_that_is_abandoned() -> None:
    class Task:
        pass

    running: list[Any] = [Task()]
    w: Any = make_world(load_engine(lambda: running[0]))
    w.Author(name="x")
    w.store.begin()
    known, kept = weakref.ref(w.store), weakref.ref(running[0])
    running[0] = None
    gc.collect()
    assert kept() is not None
    del w
    gc.collect()
    assert known() is None and kept() is None


def test_nothing_is_compacted_inside_a_transaction(filled: World) -> None:
    w = filled
    w.engine.insert_rows(w.Author, [{"name": "x"}] * 3000, None)
    w.store.begin()
    authors = w.engine.live_rows(w.Author)
    authors.slice(3, 2900).delete()
    del authors
    assert w.store.compact() == 0
    w.store.commit()
    w.store.compact()
    assert w.store.stats()["positions"] < 3000


@pytest.mark.parametrize("what", ["ends", "closes"])
def test_a_task_hook_that_ends_what_it_is_asked_about(what: str) -> None:
    running: list[Any] = ["first"]
    act: list[Any] = []

    def current() -> Any:
        if act and running[0] == "second":
            running[0] = "first"
            act.pop()()
            running[0] = "second"
        return running[0]

    w = make_world(load_engine(current))
    author = w.Author(name="Ann")
    w.store.begin()
    author.name = "Bob"
    running[0] = "second"

    def end() -> None:
        w.store.rollback()
        if what == "closes":
            w.store.close()

    act.append(end)
    if what == "closes":
        with raised("store_closed"):
            author.name = "Cy"
        return
    author.name = "Cy"
    assert author.name == "Cy" and w.store.depth == 0 and not act


def test_a_task_hook_that_closes_the_store_of_a_commit() -> None:
    act: list[Any] = []

    def current() -> Any:
        if act:
            act.pop()()

    w = make_world(load_engine(current))
    w.store.begin()

    def end() -> None:
        w.store.rollback()
        w.store.close()

    act.append(end)
    with raised("transaction_closed"):
        w.store.commit()


class Nested(Errors):
    """Runs something while a statement says that its key is taken."""

    def __init__(self) -> None:
        self.action: Any = lambda: None

    def unique(self, *args: Any) -> Raised:
        self.action()
        return Raised("unique", args)


def test_a_statement_inside_a_statement_of_a_transaction() -> None:
    errors = Nested()
    w = make_world(load_engine(errors=errors))
    w.store.begin()
    w.Author(name="Ann", email="a")
    seen: list[int] = []
    errors.action = lambda: (w.Author(name="inside"), seen.append(w.store.depth))
    with raised("unique"):
        w.Author(name="Bob", email="a")
    assert seen == [2] and [a.name for a in w.engine.live_rows(w.Author)] == ["Ann"]
    w.store.commit()


def test_another_thread_waits_as_long_as_it_says_for_a_statement() -> None:
    inside, leave, errors = threading.Event(), threading.Event(), Nested()
    w = make_world(load_engine(errors=errors))
    w.Author(name="Ann", email="a")
    errors.action = lambda: (inside.set(), leave.wait(10))
    caught: list[Raised] = []

    def clash() -> None:
        try:
            w.Author(name="Bob", email="a")
        except Raised as error:
            caught.append(error)

    for transaction in (False, True):
        inside.clear()
        leave.clear()

        def run(transaction: bool = transaction) -> None:
            if transaction:
                w.store.begin()
            clash()
            if transaction:
                w.store.rollback()

        thread = threading.Thread(target=run)
        thread.start()
        assert inside.wait(10)
        if transaction:
            with raised("transaction_busy"):
                w.store.begin(0.01)
        threading.Timer(0.05, leave.set).start()
        w.store.begin(30)
        w.store.rollback()
        thread.join()
    assert [error.function for error in caught] == ["unique", "unique"]


def test_a_transaction_moved_to_a_thread_that_ended_while_its_task_is_named() -> None:
    running: list[Any] = [None]

    class Task:
        named = 0

        def done(self) -> bool:
            return True

        def get_name(self) -> str:
            Task.named += 1
            if Task.named == 1:
                me, running[0] = running[0], self
                w.store.rollback()
                in_thread(w.store.begin)
                running[0] = me
            return "Task-1"

    w = make_world(load_engine(lambda: running[0]))
    running[0] = Task()
    w.store.begin()
    running[0] = None
    with pytest.warns(ResourceWarning, match="was never ended"):
        w.store.begin()
    w.store.rollback()
    assert w.store.depth == 0 and Task.named == 2


def test_an_index_over_text_is_refused_like_any_write(filled: World) -> None:
    w = filled
    schema = w.store.schema
    w.store.refuse(True)
    with raised("transaction_closed"):
        w.store.add_index(w.Post, "many", [w.post.title])
    w.store.refuse(False)
    assert w.store.schema == schema
    assert w.store.add_index(w.Post, "many", [w.post.title]).kind == "many"


def test_a_key_of_three_with_a_null_first(filled: World) -> None:
    w = filled
    index = w.store.add_index(w.Post, "unique", [w.post.rating, w.post.score, w.post.title])
    assert index.find([None, 10, "b"]) is None
    with raised("bad_value"):
        index.find([None, "x", "b"])


def test_only_what_refers_to_the_same_row_is_named_when_a_deletion_is_refused(filled: World) -> None:
    w = filled
    other = w.Category(label="other")
    w.Category(label="leaf of the other", parent=other)
    rows = w.engine.Plan(w.Category, where=("null", col(w.category.parent_id))).rows()
    assert list(rows) == [w.root, other]
    with raised("restricted") as caught:
        rows.delete()
    assert caught.value.given == (w.Category, w.root.id, [(w.Category, "parent", 1)])
    assert len(w.engine.live_rows(w.Category)) == 4


def test_classes_of_values_and_what_a_relation_holds_are_shown_to_the_collector() -> None:
    engine = load_engine()
    for kind, value in (("Decimal", Decimal("1.5")), ("UUID", UUID(int=5)), ("IPv4Address", IPv4Address(1))):
        assert engine.Field("f", kind).convert(value) == value
    shown = referred(engine)
    assert all(any(each is cls for each in shown) for cls in (Decimal, UUID, IPv4Address))

    def setter(record: Any, value: Any) -> None:
        raise NoTask

    doc, path = ["doc"], ["path"]
    for relation in (engine.Many("r", path=path, setter=setter, doc=doc), engine.One("r", setter=setter, doc=doc)):
        assert all(any(each is held for each in referred(relation)) for held in (setter, doc))


def test_a_relation_that_was_not_initialised_says_so_without_a_name(engine: ModuleType) -> None:
    for kind in (engine.Many, engine.One):
        bare = kind.__new__(kind)
        assert bare.name is None
        with pytest.raises(AttributeError, match="relation None cannot be assigned"):
            bare.__set__(1, 2)
        with raised("internal") as caught:
            bare.__get__(1)
        assert caught.value.given == ("the relation None is used before its models are laid out",)
        bare.__init__("r")
        with pytest.raises(TypeError, match="initialised once"):
            bare.__init__("other")
        assert bare.name == "r"


def test_a_weak_reference_to_a_store_dies_with_it(engine: ModuleType) -> None:
    store = engine.Store()
    known = weakref.ref(store)
    assert known() is store
    del store
    assert known() is None
