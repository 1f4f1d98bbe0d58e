"""Queries, schema changes, transactions and errors without memory: each with its n-th allocation refused, for all n.

As in test_memory.py, over the world of authors, posts and categories: only MemoryError may come out (or the error that
the operation ends with), the store holds its invariants, and what it holds has not changed.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from .world import Errors, Raised, load_engine, make_world

World = SimpleNamespace
EACH = 3000  # of the first allocations each is refused
ENOUGH = 60  # successes in a row: what looks for names and threads swallows many a refusal


def built(name: str, *args: Any) -> Raised:
    return Raised(name, args)


class Quiet(Errors):
    """No lambdas: CPython 3.12 and 3.13 crash making one without memory."""

    def __getattr__(self, name: str) -> Any:
        return Raised if name[0].isupper() else functools.partial(built, name)


class Task:
    """A task for the hook."""

    def __init__(self, finished: bool) -> None:
        self.finished = finished

    def done(self) -> bool:
        return self.finished

    def get_name(self) -> str:
        return "tásk"


def col(field: Any, depth: int = 0) -> tuple[Any, ...]:
    return ("column", depth, field)


def make_filled() -> World:
    """Authors, posts and categories, and what operations on them need."""
    running: list[Any] = [None]
    engine = load_engine(functools.partial(running.__getitem__, 0), errors=Quiet())
    w = make_world(engine)
    a, p, c, e = w.author, w.post, w.category, engine
    w.running, w.task = running, None
    w.ann, w.bob = w.Author(name="Ann", email="é"), w.Author(name="Bób", email="b")
    w.root = w.Category(label="root")
    w.leaf = w.Category(label="leaf", parent=w.root)
    w.all = [w.Post(title=f"t{n % 5}é", score=n, author=w.ann if n % 2 else w.bob) for n in range(24)]
    w.values = [
        col(p.title),
        ("arith", "+", col(p.score), ("const", "int", 2**40)),
        ("follow", 0, w.path(p.author, False), col(a.name)),
        ("host", 0, 1, "str"),
    ]
    w.where = (
        "or",
        ("exists", 0, w.path(p.author, False), ("text", "like", col(a.name), ("const", a.name, "A%"))),
        ("in", col(p.title), p.title, ["t0é", "t1é"]),
        ("not", ("compare", "==", col(p.score), ("const", p.score, 3))),
        ("null", ("host", 0, 0, "str")),
    )
    w.order = [(col(p.title), True, False), (col(p.score), False, True)]
    w.plan = e.Plan(w.Post, values=w.values, order=w.order)
    w.hosted = e.Plan(w.Post, where=w.where, values=w.values)
    w.hosted.set_host(0, w.Post, None, ["ö"] * 24)
    w.indexed = e.Plan(w.Author, where=("compare", "==", col(a.email), ("const", a.email, "b")))
    counted = ("aggregate", 0, "max", w.posts, None, col(p.score), True)
    w.over = e.Plan(w.Author, values=[counted], where=("compare", ">", counted, ("const", "int", 0)))
    w.dead = e.live_rows(w.Post)
    w.rows = e.live_rows(w.Post)
    w.before = w.Post(title="dead", author=w.ann)
    w.stale = e.live_rows(w.Post)
    e.delete(w.before)
    w.groups = w.plan.group([0], w.rows)
    w.loose = e.Reference("loose", [p.score], required=False)
    w.loose_many = e.Many("loose")
    w.Post.loose = w.loose
    w.label = w.store.add_index(w.Category, "unique", [c.label, c.parent_id])
    w.by_id = next(each for each in gc.get_referents(p.author) if isinstance(each, e.Index) and each.kind == "unique")
    w.scores = w.store.add_index(w.Post, "many", [p.score])
    w.fresh = make_world(engine)
    return w


def state(w: World) -> Any:
    posts = [(post.title, post.score, post.author.name) for post in w.engine.live_rows(w.Post)]
    return posts, [(x.name, x.email) for x in w.engine.live_rows(w.Author)], len(w.engine.live_rows(w.Category))


def all_of_plan(w: World) -> None:
    plan = w.engine.Plan(w.Post, where=w.where, order=w.order, values=w.values, offset=1, limit=9, source=w.rows)
    plan.columns(plan.rows())


def all_of_path(w: World) -> None:
    where = ("compare", ">", col(w.post.score), ("const", w.post.score, 2**40))
    path = w.engine.Path(
        w.store, [(w.post.author, True, False, where, w.order, 3), (w.post.author, False, True, None, (), None)]
    )
    path.expand(w.engine.live_rows(w.Author))


def groups_of_all(w: World) -> None:
    firsts, groups = w.plan.group([0, 1, 2], w.stale)
    for n in range(3):
        w.plan.group_aggregate("min", n, w.stale, groups, len(firsts))
        w.plan.aggregate("max", n, w.stale)


def commit_dangling(w: World) -> None:
    w.store.begin()
    w.all[0].author_id = 77
    w.all[1].author_id = 78
    w.store.commit()


def transactions(w: World) -> None:
    for _ in range(20):
        w.fresh.store.begin()


def refusals(w: World) -> None:
    for _ in range(20):
        w.fresh.store.refuse(True)


def end_all(w: World) -> None:
    """What an operation has begun and could not end."""
    w.running[0] = None
    for store in (w.store, w.fresh.store):
        for _ in range(20):
            store.refuse(False)
        if store.depth and w.task:
            w.running[0] = w.task
        while store.depth:
            store.rollback()
    w.running[0] = w.task = None


def collections_of(w: World) -> None:
    posts = w.ann.posts
    assert len(posts) == 12 and posts.at(0) is w.all[1] and posts.at(-1) is w.all[23]
    assert w.all[1] in posts and len(list(posts)) == 12 and w.ann.first_post is w.all[1]


def field_with_keys(w: World) -> None:
    field = w.engine.Field("keyed", "object", default="é" * 3, key=len)
    w.store.add_field(w.Post, field)
    w.store.drop_field(field)


def field_with_factory(w: World) -> None:
    field = w.engine.Field("made", "object", default_factory=list, key=len)
    w.store.add_field(w.Post, field)
    w.store.drop_field(field)


def index_twice(w: World) -> None:
    w.store.drop_index(w.store.add_index(w.Post, "many", [w.post.title]))
    w.store.drop_index(w.store.add_index(w.Category, "unique", [w.category.label]))


OPERATIONS: dict[str, Callable[[World], object]] = {
    "plan": all_of_plan,
    "path": all_of_path,
    "groups": groups_of_all,
    "columns": lambda w: w.hosted.columns(w.stale),
    "explain": lambda w: (w.indexed.explain(), w.plan.explain(), w.over.explain()),
    "first": lambda w: (w.plan.first(), w.indexed.first(), w.over.exists(), w.hosted.count()),
    "targets": lambda w: w.over.targets(0, w.engine.live_rows(w.Author)),
    "kind": lambda w: (w.plan.kind(1), w.plan.kind(0)),
    "host of all": lambda w: w.hosted.set_host(1, w.Post, None, ["ü", None] * 12),
    "host of rows": lambda w: w.hosted.set_host(0, w.Post, w.rows, ["ü", None] * 12),
    "refused host": lambda w: w.hosted.set_host(0, w.Post, w.rows, ["ü"] * 23 + [5]),
    "refused host of few": lambda w: w.hosted.set_host(0, w.Post, w.rows, ["ü"] * 23),
    "refused slot": lambda w: w.hosted.set_host(300, w.Post, w.rows, []),
    "expand": lambda w: w.posts.expand(w.engine.live_rows(w.Author)),
    "records": lambda w: (w.stale.records(), w.stale.records(2, 9)),
    "filter": lambda w: (w.stale.filter(w.all.__contains__), w.stale.slice(1, 20), list(w.stale)),
    "from stale rows": lambda w: w.engine.Plan(w.Post, source=w.stale, where=w.where).rows(),
    "from a path": lambda w: w.engine.Plan(w.Post, source=(w.posts, w.ann), order=w.order).rows(),
    "collections": collections_of,
    "find": lambda w: (w.by_email.find(["é"]), w.label.find(["leaf", 1]), w.label.find(["nö", 2**40])),
    "new store": lambda w: w.engine.Store(w.Author),
    "first statement": lambda w: w.fresh.Author(name="x"),
    "transactions": transactions,
    "refusals": refusals,
    "keys": field_with_keys,
    "factory": field_with_factory,
    "index": index_twice,
    "refused index": lambda w: w.store.add_index(w.Post, "unique", [w.post.author_id, w.post.title]),
    "refused field of an index": lambda w: w.store.add_index(w.Post, "unique", [w.author.name]),
    "refused dangling": lambda w: setattr(w.all[0], "author_id", 77),
    "refused commit": commit_dangling,
    "refused restricted": lambda w: w.engine.delete(w.root),
    "refused key in use": lambda w: w.engine.live_rows(w.Author).slice(0, 1).update([w.author.id], [7], [True]),
    "refused unique": lambda w: w.Category(label="leaf", parent=w.root),
    "refused load": lambda w: w.engine.insert_rows(w.Author, [{"name": "x", "email": "ü"}] * 2, None),
    "refused contradiction": lambda w: w.Post(title="x", author=w.ann, author_id=2),
    "refused counter": lambda w: w.Author(id=2**63 - 1, name="a") and w.Author(name="b"),
    "refused binding": lambda w: w.loose.bind(w.Author, [w.author.id], w.scores, w.by_id, "restrict", True),
    "refused hop": lambda w: w.path(w.loose, False),
    "refused hops": lambda w: w.engine.Path(w.store, [w.loose]),
    "refused condition": lambda w: w.engine.Plan(w.Post, where=("truth", col(w.post.title))),
    "refused value": lambda w: w.engine.Plan(w.Post, values=[("what",)]),
    "refused constant": lambda w: w.engine.Plan(w.Post, where=("in", col(w.post.score), w.post.score, [1, 2, "x"])),
    "refused relation": lambda w: w.loose_many.__get__(w.ann, w.Author),
    "refused read": lambda w: w.before.title,
    "clear": lambda w: w.fresh.store.clear(),
}
ERRORS = (Raised, ValueError, TypeError, LookupError, AttributeError)  # a tuple made beforehand
NOT_LOADED = (MemoryError, ImportError)
SEVERAL = ("refused counter", "keys", "factory", "index")  # statements: those before the one that failed stay


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Callbacks of the collector, which tools install, would meet the lack of memory too."""
    gc.disable()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()
    gc.collect()


def attempt(testcapi: Any, operation: Callable[[World], object], w: World, n: int) -> str:
    gc.collect()  # empties CPython's lists of free tuples and lists, which need no memory (the rest is frozen)
    testcapi.set_nomemory(n, n + 1)
    try:
        operation(w)
    except MemoryError:
        return "no memory"
    except SystemError as error:  # a Python function that raises: CPython loses the error, as in test_memory.py
        testcapi.remove_mem_hooks()
        assert "error return without exception set" in str(error)
        return "no memory"
    except ERRORS:
        return "refused"
    finally:
        testcapi.remove_mem_hooks()
    return "done"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_allocation_refused(name: str) -> None:
    testcapi = pytest.importorskip("_testcapi")
    w, n, in_a_row, failed = make_filled(), -1, 0, 0
    before = state(w)
    while in_a_row < ENOUGH:
        n += 1 if n < EACH else n // 50
        assert n < 10_000_000
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            outcome = attempt(testcapi, OPERATIONS[name], w, n)
        end_all(w)
        for store in (w.store, w.fresh.store):
            store.check()
        if name not in SEVERAL:
            assert state(w) == before
        in_a_row = in_a_row + 1 if outcome != "no memory" else 0
        failed += outcome == "no memory"
        if outcome == "done" or name in SEVERAL:
            w = make_filled()
    assert failed or name == "clear"  # needs none where Python keeps no lists of its own
    assert outcome == ("refused" if name.startswith("refused") else "done")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="set_defaults in tests/memory/interpreter.py")
@pytest.mark.keeps  # test_memory.py counts what
def test_the_extension_is_not_loaded_without_memory() -> None:
    """Each allocation of its making refused: a MemoryError (an ImportError of what it imports), and no harm."""
    testcapi = pytest.importorskip("_testcapi")
    found = importlib.util.find_spec("sinew._engine")
    assert found is not None and found.loader is not None
    n, in_a_row, failed = -1, 0, 0
    while in_a_row < ENOUGH:
        n += 1
        assert n < 6000
        module = importlib.util.module_from_spec(found)
        run = found.loader.exec_module
        testcapi.set_nomemory(n, n + 1)
        try:
            run(module)
        except NOT_LOADED:
            in_a_row, failed = 0, failed + 1
        else:
            in_a_row += 1
        finally:
            testcapi.remove_mem_hooks()
    assert failed > 10 and module.Store().depth == 0
