"""Stores, relations, rows and plans, through sinew._engine alone."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .world import Errors, Raised, load_engine, make_world

World = SimpleNamespace


def raised(function: str) -> Any:
    """Expects the error that this function of sinew.errors builds."""
    return pytest.raises(Raised, match=f"^{function}$")


# ---------------------------------------------------------------- plans, spelled shortly


def col(field: Any, depth: int = 0) -> tuple[Any, ...]:
    return ("column", depth, field)


def cmp(field: Any, op: str, value: Any) -> tuple[Any, ...]:
    return ("compare", op, col(field), ("const", field, value))


def asc(field: Any) -> tuple[Any, ...]:
    return (col(field), False, False)


@pytest.fixture
def filled(world: World) -> World:
    """Three authors; Ann has posts 1 to 4 with scores 10, 20, 30, none; Bob has 5 and 6 with 20, 50; Cy has none."""
    w = world
    w.ann, w.bob, w.cy = (w.Author(name=name, email=f"{name}@x.io") for name in ("Ann", "Bob", "Cy"))
    w.root = w.Category(label="root")
    w.leaf = w.Category(label="leaf", parent=w.root)
    rows = [
        ("b", 10, w.ann),
        ("a", 20, w.ann),
        ("d", 30, w.ann),
        ("c", None, w.ann),
        ("f", 20, w.bob),
        ("e", 50, w.bob),
    ]
    w.all = [w.Post(title=title, score=score, author=author) for title, score, author in rows]
    w.all[0].category = w.leaf
    return w


def titles(w: World, **plan: Any) -> list[str]:
    return [post.title for post in w.engine.Plan(w.Post, **plan).rows()]


# ---------------------------------------------------------------- references and collections


def test_reference_reads_the_record_itself(filled: World) -> None:
    w = filled
    assert w.all[0].author is w.ann
    assert w.all[0].category is w.leaf and w.all[1].category is None
    assert w.leaf.parent is w.root and w.root.parent is None


def test_moving_a_child_is_seen_from_both_sides_at_once(filled: World) -> None:
    w = filled
    w.all[0].author = w.cy
    assert w.all[0].author_id == w.cy.id
    assert list(w.cy.posts) == [w.all[0]] and w.all[0] not in w.ann.posts
    w.all[0].author_id = w.ann.id
    assert list(w.ann.posts) == [*w.all[1:4], w.all[0]] and len(w.cy.posts) == 0


@pytest.mark.parametrize("value", [None, 1, "Ann", object()])
def test_a_reference_refuses_what_is_no_record_of_its_target(filled: World, value: Any) -> None:
    with raised("bad_reference") as caught:
        filled.all[0].author = value
    assert caught.value.given[1] is value and caught.value.given[2] == "an Author record"
    assert filled.all[0].author is filled.ann


def test_a_reference_refuses_a_record_of_another_model_and_a_deleted_one(filled: World) -> None:
    w = filled
    with raised("bad_reference"):
        w.all[0].author = w.root
    w.engine.delete(w.cy)
    with raised("deleted"):
        w.all[0].author = w.cy
    with pytest.raises(AttributeError):
        del w.all[0].author


def test_a_reference_to_another_database_is_refused(engine: ModuleType, filled: World) -> None:
    other = make_world(engine)
    stranger = other.Author(name="Zed")
    with raised("bad_reference"):
        filled.all[0].author = stranger


def test_relations_on_the_class_and_on_strangers(filled: World) -> None:
    w = filled
    assert w.Post.author is w.post.author and w.Author.posts is w.author.posts
    w.post.author.path = "the path"
    assert w.Post.author == "the path"
    for descriptor in (w.post.author, w.author.posts, w.author.first_post):
        with pytest.raises(TypeError):
            descriptor.__get__(w.root, w.Category)
        with pytest.raises(TypeError):
            descriptor.__get__(1, int)


def test_reading_a_dangling_required_reference_raises_inside_a_transaction(filled: World) -> None:
    w = filled
    w.store.begin()
    w.all[0].author_id = 77
    with raised("dangling_read") as caught:
        _ = w.all[0].author
    assert caught.value.given == (w.post.author, 77)
    w.all[0].category_id = 88
    assert w.all[0].category is None
    with raised("dangling") as caught:
        w.store.commit()
    assert caught.value.given[1:] == (2, True)
    w.store.rollback()
    assert w.all[0].author is w.ann and w.all[0].category is w.leaf


def test_a_dangling_reference_is_refused_outside_a_transaction(filled: World) -> None:
    with raised("dangling") as caught:
        filled.all[0].author_id = 77
    assert caught.value.given[1:] == (1, False)
    assert filled.all[0].author is filled.ann


def test_collections_are_live_views(filled: World) -> None:
    w = filled
    posts = w.ann.posts
    assert isinstance(posts, w.Collection) and posts.owner is w.ann and posts.path is w.posts
    assert len(posts) == 4 and list(posts) == w.all[:4]
    assert w.all[0] in posts and w.all[4] not in posts
    new = w.Post(title="new", author=w.ann)
    assert len(posts) == 5 and posts.at(-1) is new and posts.at(0) is w.all[0] and posts.at(2) is w.all[2]
    for index in (5, -6):
        with pytest.raises(IndexError):
            posts.at(index)
    with pytest.raises(IndexError):
        w.cy.posts.at(0)
    with pytest.raises(TypeError):
        posts.at("0")


@pytest.mark.parametrize("stranger", [None, 1, "x", object, float("nan")])
def test_only_live_records_of_the_target_are_in_a_collection(filled: World, stranger: Any) -> None:
    assert stranger not in filled.ann.posts


def test_a_record_of_another_model_or_deleted_is_in_no_collection(filled: World) -> None:
    w = filled
    gone = w.all[0]
    w.engine.delete(gone)
    assert w.root not in w.ann.posts and gone not in w.ann.posts


def test_a_collection_of_a_deleted_owner_raises(filled: World) -> None:
    w = filled
    posts = w.cy.posts
    w.engine.delete(w.cy)
    for question in (lambda: len(posts), lambda: list(posts), lambda: w.all[0] in posts, lambda: posts.at(0)):
        with raised("deleted"):
            question()
    with raised("deleted"):
        _ = w.cy.first_post


def test_iteration_passes_over_rows_deleted_since_and_does_not_see_new_ones(filled: World) -> None:
    w = filled
    seen = []
    for post in w.ann.posts:
        seen.append(post)
        if post is w.all[0]:
            w.engine.delete(w.all[1])
            w.Post(title="later", author=w.ann)
    assert seen == [w.all[0], w.all[2], w.all[3]]


def test_has_one_is_the_first_of_its_path(filled: World) -> None:
    w = filled
    assert w.ann.first_post is w.all[0] and w.cy.first_post is None
    best = w.path(w.post.author, True, single=True, order=[(col(w.post.score), True, False)])
    assert best.single and best.first(w.ann) is w.all[2] and not w.posts.single


def test_setters_are_called_and_missing_ones_refuse(engine: ModuleType, filled: World) -> None:
    w = filled
    calls: list[Any] = []
    many = engine.Many("posts", setter=lambda record, value: calls.append((record, value)))
    many.bind(w.posts, w.Collection)
    many.__set__(w.ann, [1])
    assert calls == [(w.ann, [1])]
    with pytest.raises(AttributeError):
        many.__delete__(w.ann)
    with pytest.raises(AttributeError):
        w.ann.posts = []
    with raised("internal"):
        engine.Many("unbound").__get__(w.ann)
    for wrong in (int, 1):
        with pytest.raises(TypeError):
            many.bind(w.posts, wrong)


def test_collections_are_not_made_by_hand(world: World) -> None:
    for cls in (world.engine.Collection, world.Collection):
        with pytest.raises(TypeError):
            cls()


def test_a_binding_is_checked(engine: ModuleType, world: World) -> None:
    w = world
    reference = engine.Reference("other", [w.post.category_id], required=False)
    index, key = w.store.add_index(w.Post, "many", [w.post.score]), w.by_email
    with pytest.raises(ValueError):
        reference.bind(w.Author, [w.author.email], index, key, "forget", True)
    with pytest.raises(ValueError):
        reference.bind(w.Author, [w.author.email, w.author.id], index, key, "restrict", True)
    with pytest.raises(ValueError):
        reference.bind(w.Category, [w.category.id], index, key, "restrict", True)
    with raised("internal"):
        reference.bind(w.Author, [w.author.email], index, key, "restrict", True)
    with pytest.raises(ValueError):
        w.post.author.bind(w.Author, [w.author.id], index, key, "restrict", True)
    with pytest.raises(TypeError):
        engine.Reference("none", [], required=True)
    with pytest.raises(TypeError):
        engine.Reference("unsaid", [w.post.score])


# ---------------------------------------------------------------- paths


def test_paths_answer_for_one_record(filled: World) -> None:
    w = filled
    assert w.posts.source is w.Author and w.posts.target is w.Post
    assert w.posts.count(w.ann) == 4 and w.posts.first(w.bob) is w.all[4] and w.posts.first(w.cy) is None
    assert w.posts.contains(w.ann, w.all[1]) is True and w.posts.contains(w.bob, w.all[1]) is False
    assert [post.title for post in w.posts.rows(w.ann)] == ["b", "a", "d", "c"]
    with pytest.raises(TypeError):
        w.posts.count(w.root)
    with pytest.raises(TypeError):
        w.posts.contains(w.ann)


def test_a_path_has_conditions_order_and_limit(filled: World) -> None:
    w = filled
    good = w.path(w.post.author, True, where=cmp(w.post.score, ">=", 20), order=[asc(w.post.title)], limit=1)
    assert [p.title for p in good.rows(w.ann)] == ["a"] and good.count(w.ann) == 1
    assert good.contains(w.ann, w.all[1]) and not good.contains(w.ann, w.all[0])


def test_a_path_of_two_hops_gives_each_target_once(filled: World) -> None:
    w = filled
    w.all[1].category = w.leaf
    w.all[5].category = w.leaf
    hops = [(w.post.author, True, False, None, (), None), (w.post.category, False, False, None, (), None)]
    categories = w.engine.Path(w.store, hops)
    assert list(categories.rows(w.ann)) == [w.leaf] and categories.target is w.Category
    assert w.engine.Path(w.store, hops, distinct=False).count(w.ann) == 2


@pytest.mark.parametrize(
    "hops", [[], [()], [(1, 2, 3, 4, 5, 6)], [None], ["x"]], ids=["none", "empty", "ints", "None", "text"]
)
def test_malformed_hops_are_internal_errors(world: World, hops: Any) -> None:
    with raised("internal"):
        world.engine.Path(world.store, hops)


def test_hops_that_do_not_chain_are_refused(world: World) -> None:
    w = world
    with raised("internal"):
        w.engine.Path(
            w.store, [(w.post.author, True, False, None, (), None), (w.category.parent, True, False, None, (), None)]
        )
    with pytest.raises(OverflowError):
        w.path(w.post.author, True, limit=-1)
    with raised("internal"):
        w.path(w.post.author, True, where=("nonsense",))


# ---------------------------------------------------------------- predicates


@pytest.mark.parametrize(
    ("op", "expected"),
    [("==", "af"), ("!=", "bdce"), ("<", "b"), ("<=", "baf"), (">", "de"), (">=", "adfe")],
)
def test_comparisons_are_two_valued(filled: World, op: str, expected: str) -> None:
    assert "".join(titles(filled, where=cmp(filled.post.score, op, 20))) == expected


def test_null_equals_null(filled: World) -> None:
    score = filled.post.score
    assert titles(filled, where=cmp(score, "==", None)) == ["c"] == titles(filled, where=("null", col(score)))
    assert len(titles(filled, where=cmp(score, "!=", None))) == 5


def test_connectives(filled: World) -> None:
    w = filled
    high, ann = cmp(w.post.score, ">=", 20), cmp(w.post.author_id, "==", 1)
    assert titles(w, where=("and", high, ann)) == ["a", "d"]
    assert titles(w, where=("or", cmp(w.post.title, "==", "f"), cmp(w.post.title, "==", "c"))) == ["c", "f"]
    assert titles(w, where=("not", high)) == ["b", "c"]
    assert len(titles(w, where=("and",))) == 6 and titles(w, where=("or",)) == []
    assert titles(w, where=("truth", col(w.post.done))) == []


@pytest.mark.parametrize(
    ("op", "pattern", "expected"),
    [("startswith", "A", ["Ann"]), ("endswith", "b", ["Bob"]), ("contains", "n", ["Ann"]), ("like", "_ob", ["Bob"]),
     ("ilike", "C%", ["Cy"]), ("contains", "%", [])],
)  # fmt: skip
def test_text(filled: World, op: str, pattern: str, expected: list[str]) -> None:
    w = filled
    for field in (w.author.name, w.author.email):
        wanted = (
            {"n": "n@x", "b": "b@x.io", "_ob": "_ob@%"}.get(pattern, pattern) if field is w.author.email else pattern
        )
        plan = w.engine.Plan(w.Author, where=("text", op, col(field), ("const", "str", wanted)))
        assert [author.name for author in plan.rows()] == expected


def test_membership(filled: World) -> None:
    w = filled
    assert titles(w, where=("in", col(w.post.score), w.post.score, iter([10, 50, None]))) == ["b", "c", "e"]
    assert titles(w, where=("in", col(w.post.score), w.post.score, ())) == []
    by_email = ("in", col(w.author.email), w.author.email, {"Bob@x.io", "nobody"})
    assert list(w.engine.Plan(w.Author, where=by_email).rows()) == [w.bob]
    with raised("bad_value"):
        titles(w, where=("in", col(w.post.score), w.post.score, [1, "2"]))


def test_arithmetic_and_follow(filled: World) -> None:
    w = filled
    p = w.post
    double = ("arith", "*", col(p.score), ("const", "int", 2))
    assert titles(w, where=("compare", "==", double, ("const", "int", 40))) == ["a", "f"]
    name = ("follow", 0, w.path(p.author, False), col(w.author.name))
    assert titles(w, where=("compare", "==", name, ("const", w.author.name, "Bob"))) == ["f", "e"]
    w.all[0].at = datetime(2024, 5, 1)
    later = ("arith", "+", col(p.at), ("const", "timedelta", timedelta(days=1)))
    plan = w.engine.Plan(w.Post, values=[double, later, ("arith", "/", col(p.score), ("const", "int", 4)), name])
    assert [plan.kind(i) for i in range(4)] == ["int", "datetime", "float", "str"]
    columns = plan.columns(plan.rows())
    assert columns[0] == [20, 40, 60, None, 40, 100] and columns[1][0] == datetime(2024, 5, 2)
    assert columns[2][0] == 2.5 and columns[3] == ["Ann"] * 4 + ["Bob"] * 2


def test_else(filled: World) -> None:
    w = filled
    p = w.post
    label = ("follow", 0, w.path(p.category, False), col(w.category.label))
    either = ("else", label, col(p.title))
    plan = w.engine.Plan(w.Post, values=[either, ("else", col(p.score), ("const", "int", -1))])
    assert plan.kind(0) == "str" and plan.kind(1) == "int"
    found, scores = plan.columns(plan.rows())
    posts = list(plan.rows())
    assert found == [post.category.label if post.category is not None else post.title for post in posts]
    assert scores == [-1 if post.score is None else post.score for post in posts] and -1 in scores
    for bad in (("else", col(p.title), col(p.score)), ("else", col(p.title)), ("else", col(p.title), 3)):
        with pytest.raises(Raised):
            w.engine.Plan(w.Post, values=[bad])


def test_int_overflow_is_an_error(filled: World) -> None:
    w = filled
    huge = ("arith", "*", col(w.post.score), ("const", "int", 2**62))
    with raised("overflow"):
        titles(w, where=("compare", ">", huge, ("const", "int", 0)))


def test_exists_and_aggregates_over_a_path(filled: World) -> None:
    w = filled
    high = ("exists", 0, w.posts, cmp(w.post.score, ">=", 50))
    assert list(w.engine.Plan(w.Author, where=high).rows()) == [w.bob]
    assert list(w.engine.Plan(w.Author, where=("not", ("exists", 0, w.posts, None))).rows()) == [w.cy]
    same = ("compare", "==", col(w.post.author_id), col(w.author.id, 1))
    assert len(w.engine.Plan(w.Author, where=("exists", 0, w.posts, same)).rows()) == 2

    def over(op: str, value: Any = None, where: Any = None) -> tuple[Any, ...]:
        return ("aggregate", 0, op, w.posts, where, value, True)

    score, low = col(w.post.score), cmp(w.post.score, "<", 30)
    values = [
        over("count"),
        over("count", None, low),
        over("sum", score),
        over("min", score),
        over("max", score),
        over("avg", score),
    ]
    plan = w.engine.Plan(w.Author, values=values)
    assert plan.columns(plan.rows()) == [
        [4, 2, 0], [2, 1, 0], [60, 70, 0], [10, 20, None], [30, 50, None], [20.0, 35.0, None]
    ]  # fmt: skip
    assert [plan.kind(i) for i in range(6)] == ["int"] * 5 + ["float"]


def test_kinds_that_do_not_meet_are_internal_errors(filled: World) -> None:
    w = filled
    for value in (("const", "str", "x"), col(w.post.title), ("const", "date", None)):
        with raised("internal"):
            titles(w, where=("compare", "==", col(w.post.score), value))
    assert titles(w, where=("compare", "==", col(w.post.score), ("const", "float", 20.0))) == ["a", "f"]


@pytest.mark.parametrize(
    "where",
    [
        1, "x", (), ("what",), ("compare", "=", 1, 2), ("compare", "=="), ("not", None), ("and", None), ("truth", ()),
        ("null", ("column", -1, None)), ("null", ("column", 0, None)), ("null", ("const", "no such kind", 1)),
        ("exists", 0, None, None), ("null", ("host", 0, "x", "int")), ("text", "glob", 1, 2),
    ],
)  # fmt: skip
def test_malformed_conditions_are_internal_errors(world: World, where: Any) -> None:
    with raised("internal"):
        world.engine.Plan(world.Post, where=where)


def test_a_deep_condition_is_refused_not_a_crash(world: World) -> None:
    where: Any = ("truth", col(world.post.done))
    for _ in range(100_000):
        where = ("not", where)
    with pytest.raises((RecursionError, Raised)):  # since 3.14 the engine's own bound comes first
        world.engine.Plan(world.Post, where=where)


def test_a_column_of_another_database_is_refused(engine: ModuleType, world: World) -> None:
    other = make_world(engine)
    with raised("internal"):
        engine.Plan(world.Post, where=("null", col(other.post.score)))
    with raised("internal"):
        engine.Plan(world.Author, where=("exists", 0, other.posts, None))


# ---------------------------------------------------------------- order, slices, sources


def test_order_offset_and_limit(filled: World) -> None:
    w = filled
    assert "".join(titles(w, order=[asc(w.post.title)])) == "abcdef"
    assert "".join(titles(w, order=[(col(w.post.score), False, False)])) == "bafdec"
    assert "".join(titles(w, order=[(col(w.post.score), True, True), asc(w.post.title)])) == "cedafb"
    assert "".join(titles(w, order=[asc(w.post.title)], offset=1, limit=2)) == "bc"
    assert titles(w, limit=0) == [] and titles(w, offset=99) == []
    plan = w.engine.Plan(w.Post, order=[asc(w.post.title)], offset=1, limit=2)
    assert plan.count() == 2 and plan.exists() and plan.first() is w.all[0]
    assert w.engine.Plan(w.Post, limit=0).first() is None and not w.engine.Plan(w.Post, offset=6).exists()
    for bad in ({"offset": -1}, {"limit": -1}):
        with pytest.raises(OverflowError):
            w.engine.Plan(w.Post, **bad)


def test_a_plan_starts_from_a_path_or_from_rows(filled: World) -> None:
    w = filled
    plan = w.engine.Plan(w.Post, source=(w.posts, w.ann), where=cmp(w.post.score, ">", 10))
    assert [p.title for p in plan.rows()] == ["a", "d"]
    w.Post(title="z", score=99, author=w.ann)
    assert [p.title for p in plan.rows()] == ["a", "d", "z"] and plan.count() == 3
    some = w.engine.live_rows(w.Post).slice(1, 5)
    again = w.engine.Plan(w.Post, source=some, order=[asc(w.post.title)])
    assert [p.title for p in again.rows()] == ["a", "c", "d", "f"]
    w.engine.delete(w.all[1])
    assert [p.title for p in again.rows()] == ["c", "d", "f"] and again.count() == 3
    w.engine.delete(w.ann)
    for run in (plan.rows, plan.count, plan.first, plan.exists, plan.explain):
        with raised("deleted"):
            run()


@pytest.mark.parametrize("source", [1, (), (None, None), "x"])
def test_a_source_must_lead_to_the_model(filled: World, source: Any) -> None:
    w = filled
    for wrong in (source, (w.posts, w.ann), w.engine.live_rows(w.Author)):
        with pytest.raises(TypeError):
            w.engine.Plan(w.Category, source=wrong)


def test_explain_names_the_index(filled: World) -> None:
    w = filled
    told = w.engine.Plan(w.Post, where=cmp(w.post.score, ">=", 30)).explain()
    assert told["access"] == "range" and told["index"] == ("score",) and told["found"] == 2
    told = w.engine.Plan(w.Author, where=cmp(w.author.email, "==", "Bob@x.io")).explain()
    assert told["access"] == "probe" and told["index"] == ("email",) and told["found"] == 1
    told = w.engine.Plan(w.Post, where=cmp(w.post.author_id, "==", 2)).explain()
    assert told["access"] == "postings" and told["found"] == 2
    told = w.engine.Plan(w.Post, where=cmp(w.post.title, "==", "a"), order=[asc(w.post.title)]).explain()
    assert told["access"] == "scan" and told["index"] is None and told["examined"] == 6
    assert told.keys() == {"access", "index", "ordered_by_index", "sorted", "examined", "found"}


# ---------------------------------------------------------------- rows


def test_rows_are_a_list_of_records(filled: World) -> None:
    w = filled
    rows = w.engine.live_rows(w.Post)
    assert len(rows) == 6 and rows.model is w.Post and list(rows) == w.all
    assert rows.records() == w.all and rows.records(1, 3) == w.all[1:3] and rows.records(4) == w.all[4:]
    assert rows.records(-5, 99) == w.all and rows.records(5, 2) == []
    assert rows.at(0) is w.all[0] and rows.at(-1) is w.all[5]
    for index in (6, -7):
        with pytest.raises(IndexError):
            rows.at(index)
    assert list(rows.slice(2, 4)) == w.all[2:4] and list(rows.slice(4, 2)) == []
    answers = iter([1, 0, "x", "", None, [0]])
    assert list(rows.filter(lambda record: next(answers))) == [w.all[0], w.all[2], w.all[5]]
    with pytest.raises(ZeroDivisionError):
        rows.filter(lambda record: 1 // (w.all.index(record) - 3))


def test_a_filter_that_deletes_sees_no_deleted_record_and_keeps_none(filled: World) -> None:
    w = filled
    rows = w.engine.live_rows(w.Post)
    seen: list[Any] = []

    def delete_the_next(record: Any) -> bool:
        seen.append(record)
        place = w.all.index(record)
        w.engine.delete(w.all[place + 1 if place < 4 else place])
        return True

    assert len(rows.filter(delete_the_next)) == 2
    assert seen == [w.all[0], w.all[2], w.all[4], w.all[5]]


def test_what_an_aggregate_looks_at(filled: World) -> None:
    w = filled
    where = cmp(w.post.score, "==", 30)
    looked_at = [("aggregate", 0, "count", w.posts, each, None, True) for each in (None, where)]
    plan = w.engine.Plan(w.Author, values=[*looked_at, col(w.author.name)])
    rows = plan.rows()
    for value, meets in ((0, lambda post: True), (1, lambda post: post.score == 30)):
        targets, starts = plan.targets(value, rows)
        listed = [list(targets)[begin:end] for begin, end in itertools.pairwise(starts)]
        assert listed == [[post for post in author.posts if meets(post)] for author in rows]
    assert any(listed) and not all(listed)
    with pytest.raises(IndexError):
        plan.targets(3, rows)
    for wrong in (w.engine.live_rows(w.Post), None):
        with pytest.raises(TypeError):
            plan.targets(0, wrong)
    w.engine.delete(w.cy)
    assert len(plan.targets(0, rows)[1]) == len(rows) + 1
    w.store.clear()
    targets, starts = plan.targets(0, rows)
    assert len(targets) == 0 and set(starts) == {0}


def test_rows_pass_over_what_has_been_deleted_since(filled: World) -> None:
    w = filled
    rows = w.engine.live_rows(w.Post)
    w.engine.delete(w.all[1])
    assert len(rows) == 6 and list(rows) == [w.all[0], *w.all[2:]] == rows.records()
    with raised("deleted"):
        rows.at(1)
    assert list(rows.slice(0, 2)) == w.all[:1]


def test_rows_hold_a_pin_and_survive_clear_and_close(filled: World) -> None:
    w = filled
    rows = w.engine.live_rows(w.Post)
    iterator = iter(rows)
    next(iterator)
    assert w.store.stats()["pins"] == 1
    w.store.clear()
    new = w.Author(name="New")
    w.Post(title="new", author=new)
    assert list(iterator) == [] == list(rows) == rows.records()
    with raised("deleted"):
        rows.at(0)
    assert rows.delete() == 0 and len(w.engine.live_rows(w.Post)) == 1
    w.store.close()
    assert list(rows) == []
    del rows, iterator


def test_bulk_delete_cascades_and_is_all_or_nothing(filled: World) -> None:
    w = filled
    assert w.engine.live_rows(w.Post).slice(0, 2).delete() == 2
    assert len(w.engine.live_rows(w.Post)) == 4
    with raised("restricted"):
        w.engine.live_rows(w.Category).slice(0, 1).delete()
    assert len(w.engine.live_rows(w.Category)) == 2
    assert w.engine.live_rows(w.Category).delete() == 2
    assert w.engine.live_rows(w.Author).slice(0, 1).delete() == 1
    assert [p.title for p in w.engine.live_rows(w.Post)] == ["f", "e"]


def test_bulk_update(filled: World) -> None:
    w = filled
    p = w.post
    rows = w.engine.live_rows(w.Post)
    assert rows.update([p.score, p.title], [7, ["u", "v", "w", "x", "y", "z"]], [True, False]) == 6
    assert [post.score for post in w.all] == [7] * 6 and "".join(post.title for post in w.all) == "uvwxyz"
    assert titles(w, where=cmp(p.score, "==", 7), order=[asc(p.title)]) == list("uvwxyz")
    with raised("bad_value"):
        rows.update([p.score], [[1, 2, 3, 4, 5, "6"]], [False])
    with raised("bad_value"):
        rows.update([p.title], [None], [True])
    with raised("read_only"):
        rows.update([p.id], [1], [True])
    with raised("dangling"):
        rows.update([p.author_id], [99], [True])
    for wrong in ([[1]], [], [[1] * 7]):
        with pytest.raises(ValueError):
            rows.update([p.score], wrong, [False])
    with pytest.raises(TypeError):
        rows.update([w.author.name], ["x"], [True])
    assert [post.score for post in w.all] == [7] * 6
    assert rows.slice(0, 0).update([p.score], [1], [True]) == 0


def test_bulk_update_of_unique_text_may_swap_but_not_clash(filled: World) -> None:
    w = filled
    rows = w.engine.live_rows(w.Author)
    assert rows.update([w.author.email], [["Bob@x.io", "Ann@x.io", "é\udc80"]], [False]) == 3
    assert w.by_email.find(["Ann@x.io"]) is w.bob and w.by_email.find(["é\udc80"]) is w.cy
    with raised("unique"):
        rows.update([w.author.email], ["same"], [True])
    assert w.ann.email == "Bob@x.io"


def test_bulk_update_touches_checks_and_validates(engine: ModuleType) -> None:
    seen: list[Any] = []

    def validate(record: Any, value: str) -> str:
        seen.append(record)
        return value.lower()

    w = make_world(engine, validators={"title": [validate]})
    ann = w.Author(name="Ann")
    posts = [w.Post(title=name, author=ann) for name in "XY"]
    seen.clear()
    assert engine.live_rows(w.Post).update([w.post.title], ["SAME"], [True]) == 2
    assert [post.title for post in posts] == ["same", "same"] and seen == posts
    ticks = iter(range(100))
    touched = engine.Field("ticks", "int", touch=True, default_factory=lambda: next(ticks))
    checked = engine.Field("size", "int", default=1, check=lambda value: value < 5)
    w.store.add_field(w.Post, touched)
    w.store.add_field(w.Post, checked)
    rows = engine.live_rows(w.Post)
    assert rows.update([checked], [3], [True]) == 2
    assert engine.values(posts[0], [checked, touched]) == (3, 2) == engine.values(posts[1], [checked, touched])
    with raised("bad_check"):
        rows.update([checked], [[4, 5]], [False])
    assert engine.values(posts[0], [checked]) == (3,)
    w.store.check()


def test_update_skips_rows_that_a_validator_deletes(engine: ModuleType) -> None:
    w: Any = None

    def validate(record: Any, value: str) -> str:
        if record is not None and value == "kill":
            engine.delete(w.victim)
        return value

    w = make_world(engine, validators={"title": [validate]})
    ann = w.Author(name="Ann")
    posts = [w.Post(title=name, author=ann) for name in "abc"]
    w.victim = posts[0]
    with raised("deleted"):  # the validator of the last row finds the victim dead already
        engine.live_rows(w.Post).update([w.post.title], [["x", "kill", "kill"]], [False])
    assert engine.live_rows(w.Post).update([w.post.title], [["x", "y"]], [False]) == 2
    assert [post.title for post in posts[1:]] == ["x", "y"]
    w.store.check()


def test_move_changes_the_order_of_arrival(filled: World) -> None:
    w = filled
    w.engine.move(w.all[3], w.post.author, 0)
    w.engine.move(w.all[0], w.post.author, 99)
    assert list(w.ann.posts) == [w.all[3], w.all[1], w.all[2], w.all[0]]
    w.store.begin()
    w.engine.move(w.all[0], w.post.author, 1)
    assert list(w.ann.posts) == [w.all[3], w.all[0], w.all[1], w.all[2]]
    w.store.rollback()
    assert list(w.ann.posts) == [w.all[3], w.all[1], w.all[2], w.all[0]]
    for arguments in (
        (w.all[0], w.post.author, -1),
        (w.all[0], w.engine.Reference("x", [w.post.score], required=False), 0),
    ):
        with pytest.raises(ValueError):
            w.engine.move(*arguments)
    with pytest.raises(Raised):
        w.engine.move(w.ann, w.post.author, 0)


# ---------------------------------------------------------------- values


def test_columns_convert_exactly_and_give_none_for_the_deleted(filled: World) -> None:
    w = filled
    p = w.post
    w.all[0].rating, w.all[1].rating = -0.0, 2.5
    plan = w.engine.Plan(w.Post, values=[col(p.title), col(p.score), col(p.rating), col(p.done)])
    rows = plan.rows()
    w.engine.delete(w.all[2])
    assert plan.columns(rows) == [
        ["b", "a", None, "c", "f", "e"], [10, 20, None, None, 20, 50], [-0.0, 2.5, None, None, None, None],
        [False, False, None, False, False, False],
    ]  # fmt: skip
    assert str(plan.columns(rows)[2][0]) == "-0.0"
    with pytest.raises(TypeError):
        plan.columns(w.engine.live_rows(w.Author))


def test_columns_over_more_rows_than_a_block(world: World) -> None:
    w = world
    ann = w.Author(name="Ann")
    posts = [w.Post(title=str(n), score=n, author=ann) for n in range(1000)]
    plan = w.engine.Plan(w.Post, values=[col(w.post.title), col(w.post.score)])
    rows = plan.rows()
    for post in posts[::7]:
        w.engine.delete(post)
    assert plan.columns(rows) == [
        [None if n % 7 == 0 else str(n) for n in range(1000)],
        [None if n % 7 == 0 else n for n in range(1000)],
    ]


def test_aggregates(filled: World) -> None:
    w = filled
    p = w.post
    w.all[0].at, w.all[1].at = datetime(2024, 1, 1), datetime(2024, 1, 3)
    plan = w.engine.Plan(w.Post, values=[col(p.score), col(p.title), col(p.at), ("arith", "-", col(p.at), col(p.at))])
    rows = plan.rows()
    assert plan.aggregate("count", None, rows) == 6 and plan.aggregate("count", 0, rows) == 5
    assert [plan.aggregate(op, 0, rows) for op in ("sum", "avg", "min", "max")] == [130, 26.0, 10, 50]
    assert plan.aggregate("min", 1, rows) == "a" and plan.aggregate("max", 2, rows) == datetime(2024, 1, 3)
    assert plan.aggregate("sum", 3, rows) == timedelta(0)
    none = rows.slice(0, 0)
    assert [plan.aggregate(op, 0, none) for op in ("sum", "avg", "min", "max", "count")] == [0, None, None, None, 0]
    with pytest.raises(ValueError):
        plan.aggregate("median", 0, rows)
    with pytest.raises(IndexError):
        plan.aggregate("sum", 9, rows)
    with raised("internal"):
        plan.aggregate("sum", 1, rows)
    w.all[0].score = w.all[1].score = 2**62
    with raised("overflow"):
        plan.aggregate("sum", 0, rows)


def test_groups(filled: World) -> None:
    w = filled
    p = w.post
    plan = w.engine.Plan(w.Post, values=[col(p.author_id), col(p.score), col(p.title)])
    rows = plan.rows()
    firsts, groups = plan.group([0], rows)
    assert list(firsts) == [w.all[0], w.all[4]] and list(groups) == [0, 0, 0, 0, 1, 1]
    assert plan.group_aggregate("count", None, rows, groups, 2) == [4, 2]
    assert plan.group_aggregate("max", 1, rows, groups, 2) == [30, 50]
    assert plan.group_aggregate("min", 2, rows, groups, 2) == ["a", "e"]
    assert list(plan.group([0, 1], rows)[1]) == [0, 1, 2, 3, 4, 5]
    w.engine.delete(w.all[1])
    w.engine.delete(w.all[5])
    assert plan.group_aggregate("count", None, rows, groups, 2) == [3, 1]
    dead = 2**32 - 1
    assert list(plan.group([0], rows)[1]) == [0, dead, 0, 0, 1, dead]
    for wrong in (b"", memoryview(b"12345678").cast("I"), [0, 1]):
        with pytest.raises((ValueError, TypeError)):
            plan.group_aggregate("count", None, rows, wrong, 2)
    with pytest.raises(IndexError):
        plan.group([7], rows)


def test_host_values(filled: World) -> None:
    w = filled
    length = ("host", 0, 3, "int")
    plan = w.engine.Plan(w.Post, where=("compare", ">", length, ("const", "int", 1)), values=[length])
    assert plan.count() == 0
    plan.set_host(3, w.Post, None, [1, 2, 3, None, 5, 6])
    assert [p.title for p in plan.rows()] == ["a", "d", "f", "e"]
    assert w.store.stats()["pins"] == 1
    plan.set_host(3, w.Post, w.engine.live_rows(w.Post).slice(4, 6), [7, 0])
    assert plan.columns(plan.rows()) == [[7]]
    text = w.engine.Plan(w.Post, where=("compare", "==", ("host", 0, 0, "str"), ("const", "str", "é")))
    text.set_host(0, w.Post, None, ["é", "x", None, "é", "", "é"])
    assert [p.title for p in text.rows()] == ["b", "c", "e"]
    for arguments, error in [((9, w.Post, None, [0] * 6), ValueError), ((3, w.Post, None, [1]), ValueError),
                             ((3, int, None, []), TypeError),
                             ((3, w.Post, w.engine.live_rows(w.Author), []), TypeError),
                             ((3, w.Post, None, ["x"] * 6), Raised)]:  # fmt: skip
        with pytest.raises(error):
            plan.set_host(*arguments)
    w.store.clear()
    assert plan.count() == 0 and text.count() == 0
    del plan, text
    gc.collect()
    assert w.store.stats()["pins"] == 0


# ---------------------------------------------------------------- schema


def test_plans_and_paths_notice_a_changed_schema(filled: World) -> None:
    w = filled
    plan = w.engine.Plan(w.Author, where=cmp(w.author.name, "==", "Ann"))
    path = w.path(w.post.author, True, where=cmp(w.post.title, ">=", "b"))
    over = w.engine.Plan(w.Author, where=("exists", 0, path, cmp(w.post.title, "==", "a")))
    assert plan.first() is w.ann and path.count(w.ann) == 3 and over.count() == 0
    w.store.add_index(w.Author, "many", [w.author.name])
    w.store.add_index(w.Post, "ordered", [w.post.title])
    assert plan.first() is w.ann and plan.explain()["index"] == ("name",)
    assert path.count(w.ann) == 3 and over.count() == 0
    extra = w.engine.Field("extra2", "str", nullable=True)
    w.store.add_field(w.Post, extra, list("uvwxyz"))
    on_extra = w.engine.Plan(w.Post, where=cmp(extra, ">", "w"), values=[col(extra)])
    assert on_extra.columns(on_extra.rows()) == [["x", "y", "z"]]
    w.store.drop_field(extra)
    with raised("internal"):
        on_extra.rows()
    assert path.count(w.bob) == 2
    w.post.author.unbind()
    with pytest.raises(Exception, match="'author', which has been defined anew"):
        path.count(w.ann)
    with pytest.raises(Exception, match="'author', which has been defined anew"):
        over.count()


def test_an_index_interns_text_that_is_there(filled: World) -> None:
    w = filled
    index = w.store.add_index(w.Author, "unique", [w.author.name])
    assert index.kind == "unique" and index.fields == (w.author.name,)
    assert index.find(["Bob"]) is w.bob and index.find(["bob"]) is None
    assert [a.name for a in w.engine.live_rows(w.Author)] == ["Ann", "Bob", "Cy"]
    w.store.check()
    w.store.drop_index(index)
    assert index.kind is None
    with raised("internal"):
        index.find(["Bob"])
    with pytest.raises(TypeError):
        w.store.drop_index(index)
    w.Author(name="Bob")


def test_a_refused_index_leaves_nothing_behind(filled: World) -> None:
    w = filled
    with raised("unique"):
        w.store.add_index(w.Post, "unique", [w.post.score])
    w.all[0].rating = float("nan")
    with raised("nan_in_index"):
        w.store.add_index(w.Post, "ordered", [w.post.rating])
    w.all[1].score = 10
    for arguments in (("odd", [w.post.score]), ("many", []), ("many", [w.author.name]), ("many", [w.post.score] * 9)):
        with pytest.raises(ValueError):
            w.store.add_index(w.Post, *arguments)
    w.store.begin()
    with raised("store_busy"):
        w.store.add_index(w.Post, "many", [w.post.title])
    w.store.rollback()
    with pytest.raises(Raised):
        w.store.drop_index(_key_of(w))


def _key_of(w: World) -> Any:
    """The primary index of Author, which a reference uses."""
    return next(ix for ix in gc.get_referents(w.post.author) if isinstance(ix, w.engine.Index) and ix.kind == "unique")


def test_added_fields_take_values_defaults_or_nulls(filled: World) -> None:
    w = filled
    F = w.engine.Field
    given, default, null = F("given", "int"), F("default", "str", default="d"), F("null", "int", nullable=True)
    made = F("made", "int", default_factory=iter(range(9)).__next__)
    w.engine.delete(w.all[1])
    w.store.add_field(w.Post, given, [1, 2, 3, 4, 5])
    for field in (default, null, made):
        w.store.add_field(w.Post, field)
    got = [w.engine.values(p, [given, default, null, made]) for p in w.engine.live_rows(w.Post)]
    assert got == [(n + 1, "d", None, n) for n in range(5)]
    for field, values, error in [(F("few", "int"), [1], ValueError), (F("bad", "int"), ["x"] * 5, Raised),
                                 (F("none", "int"), None, Raised), (given, [1] * 5, ValueError)]:  # fmt: skip
        with pytest.raises(error):
            w.store.add_field(w.Post, field, values)
    w.store.begin()
    with raised("store_busy"):
        w.store.add_field(w.Post, F("late", "int", nullable=True))
    with raised("store_busy"):
        w.store.drop_field(given)
    w.store.rollback()
    w.store.drop_field(given)
    with pytest.raises(TypeError):
        w.store.drop_field(given)
    with pytest.raises(Raised):
        w.store.drop_field(w.post.score)  # in an index
    assert w.all[0].score == 10


def test_parameters_may_change(filled: World) -> None:
    w = filled
    shouted: list[str] = []
    w.store.set_parameters(
        w.Author, [w.author.name], {"name": [lambda record, value: shouted.append(value) or value.upper()]}
    )
    assert w.Author(name="dee").name == "DEE" and shouted == ["dee"]
    with raised("unknown_argument"):
        w.Author(name="x", email="y")
    for parameters, validators in (([1], {}), ([w.author.name], {"name": 1}), ([w.author.name], 1)):
        with pytest.raises((TypeError, AttributeError)):
            w.store.set_parameters(w.Author, parameters, validators)


# ---------------------------------------------------------------- transactions


def test_rollback_restores_rows_and_objects(filled: World) -> None:
    w = filled
    w.store.begin()
    w.engine.delete(w.ann)
    new = w.Author(name="New")
    assert not w.engine.alive(w.ann) and w.store.depth == 1
    w.store.begin()
    w.bob.name = "Robert"
    w.store.rollback()
    assert w.bob.name == "Bob" and w.store.depth == 1
    w.store.rollback()
    assert w.ann.name == "Ann" and list(w.ann.posts) == w.all[:4] and not w.engine.alive(new)
    with raised("deleted"):
        _ = new.name
    for end in (w.store.commit, w.store.rollback):
        with raised("transaction_closed"):
            end()


def test_clear_close_and_schema_wait_for_the_end(filled: World) -> None:
    w = filled
    w.store.begin()
    for refused in (w.store.clear, w.store.close):
        with raised("store_busy"):
            refused()
    w.store.commit()
    w.store.clear()
    assert w.store.stats()["rows"] == 0 and not w.engine.alive(w.ann)
    with raised("deleted"):
        _ = w.ann.name


def test_refusing(filled: World) -> None:
    w = filled
    w.store.refuse(True)
    for write in (lambda: w.Author(name="x"), w.store.begin, lambda: w.engine.live_rows(w.Post).delete()):
        with raised("transaction_closed"):
            write()
    done: list[str] = []
    thread = threading.Thread(target=lambda: done.append(w.Author(name="another thread's").name))
    thread.start()
    thread.join()
    assert done and w.ann.name == "Ann"
    w.store.refuse(False)
    w.Author(name="x")


def test_a_transaction_belongs_to_its_thread(filled: World) -> None:
    w = filled
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        w.store.begin()
        w.bob.name = "Robert"
        inside.set()
        leave.wait(10)
        w.store.commit()

    thread = threading.Thread(target=other, name="writer")
    thread.start()
    inside.wait(10)
    try:
        assert w.bob.name == "Robert"  # reading needs no turn
        for write in (
            lambda: w.Author(name="x"),
            w.store.begin,
            lambda: w.store.begin(0.02),
            w.store.commit,
            w.store.rollback,
        ):
            with raised("transaction_busy") as caught:
                write()
            assert caught.value.given[0] == "thread 'writer'"
        threading.Timer(0.05, leave.set).start()
        started = time.monotonic()
        w.store.begin(wait=10)
        assert 0.02 < time.monotonic() - started < 9
        w.store.commit()
    finally:
        leave.set()
        thread.join()


def test_a_transaction_belongs_to_its_task() -> None:
    running: list[Any] = [None]

    class Task:
        def get_name(self) -> str:
            return "Task-7"

    w = make_world(load_engine(lambda: running[0]))
    running[0] = first = Task()
    w.store.begin()
    w.Author(name="x")
    running[0] = Task()
    for write in (lambda: w.Author(name="y"), w.store.begin, w.store.commit, lambda: w.store.begin(5)):
        with raised("transaction_busy") as caught:
            write()
        assert caught.value.given[0].startswith("task 'Task-7' of thread ")
    running[0] = first
    w.store.commit()
    running[0] = None
    w.Author(name="y")


class Interrupted(Errors):
    """Runs something while a statement is being described that dangles: its unit is open then."""

    def __init__(self) -> None:
        self.action: Any = lambda: None

    def dangling(self, *args: Any) -> Raised:
        self.action()
        return Raised("dangling", args)


def test_a_write_waits_for_another_threads_statement() -> None:
    inside, leave, errors = threading.Event(), threading.Event(), Interrupted()
    engine = load_engine(errors=errors)
    w = make_world(engine)
    errors.action = lambda: (inside.set(), leave.wait(10))
    caught: list[Raised] = []

    def fail() -> None:
        try:
            w.Post(title="x", author_id=77)
        except Raised as error:
            caught.append(error)

    thread = threading.Thread(target=fail)
    thread.start()
    inside.wait(10)
    assert w.store.depth == 1
    with raised("store_busy"):
        w.store.clear()
    threading.Timer(0.05, leave.set).start()
    started = time.monotonic()
    w.Author(name="third")
    assert 0.02 < time.monotonic() - started < 4
    thread.join()
    assert [error.function for error in caught] == ["dangling"] and len(engine.live_rows(w.Post)) == 0
    w.store.check()


@pytest.mark.parametrize("action", ["commit", "rollback", "clear", "close"])
def test_a_statement_is_not_ended_from_inside(action: str) -> None:
    errors = Interrupted()
    engine = load_engine(errors=errors)
    w = make_world(engine)
    errors.action = getattr(w.store, action)
    expected = "transaction_closed" if action in ("commit", "rollback") else "store_busy"
    with raised(expected):
        w.Post(title="x", author_id=77)
    assert w.store.depth == 0 and len(engine.live_rows(w.Post)) == 0
    w.store.begin()
    w.Author(name="kept")
    w.store.commit()
    w.store.check()


def test_what_a_callback_does_inside_a_failing_statement_goes_with_it() -> None:
    errors = Interrupted()
    engine = load_engine(errors=errors)
    w = make_world(engine)

    def act() -> None:
        w.Author(name="nested statement")
        w.store.begin()
        w.Author(name="left open")

    errors.action = act
    with raised("dangling"):
        w.Post(title="x", author_id=77)
    assert w.store.depth == 0 and w.store.stats()["rows"] == 0
    w.store.check()


# ---------------------------------------------------------------- life and death


def test_a_closed_store_refuses_and_never_crashes(filled: World) -> None:
    w = filled
    plan, rows, posts = w.engine.Plan(w.Post, values=[col(w.post.title)]), w.engine.live_rows(w.Post), w.ann.posts
    iterator = iter(posts)
    w.store.close()
    w.store.close()
    assert w.store.closed and w.store.depth == 0 and list(iterator) == []
    uses: list[Any] = [
        plan.rows, plan.count, plan.first, plan.explain, lambda: plan.columns(rows),
        lambda: plan.aggregate("count", None, rows),
        lambda: w.Author(name="x"), lambda: len(posts), lambda: w.all[0] in posts,
        lambda: w.all[0].author, lambda: w.ann.name,
        lambda: w.engine.live_rows(w.Post), lambda: w.by_email.find(["x"]), lambda: w.Author.find(1),
        w.store.begin, w.store.check,
        w.store.stats, w.store.clear, w.store.compact, rows.delete, lambda: rows.update([w.post.score], [1], [True]),
        lambda: w.store.add_index(w.Post, "many", [w.post.title]), lambda: w.path(w.post.author, True),
        w.post.author.unbind,
        lambda: w.engine.delete(w.ann), lambda: w.engine.move(w.all[0], w.post.author, 0),
        lambda: w.engine.Plan(w.Post),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(Raised, match="^(store_closed|deleted)$"):
            use()


def test_the_database_is_held_weakly(engine: ModuleType) -> None:
    class Database:
        pass

    database = Database()
    store = engine.Store(database)
    assert store.database is database and engine.Store().database is None
    del database
    assert store.database is None
    with pytest.raises(TypeError):
        engine.Store(1)


def test_a_cycle_through_a_value_is_collected(engine: ModuleType) -> None:
    class Payload:
        pass

    def cycle() -> list[Any]:
        w = make_world(engine)
        payload = Payload()
        payload.record = w.Author(name="Ann", extra=payload)
        payload.posts = payload.record.posts
        payload.plan = engine.Plan(w.Author, where=cmp(w.author.name, "==", "Ann"))
        payload.rows = payload.plan.rows()
        w.Author(name="Bob", extra=[payload.record, w.store])
        w.author.posts.relation = payload
        return [weakref.ref(payload), weakref.ref(w.store)]

    refs = cycle()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_values_are_released_by_clear_close_and_death(engine: ModuleType) -> None:
    class Payload:
        pass

    def fill(w: World) -> Any:
        payload = Payload()
        for _ in range(600):  # more than one chunk
            w.Author(name="Ann", extra=payload)
        return weakref.ref(payload)

    w = make_world(engine)
    ref = fill(w)
    w.store.clear()
    assert ref() is None and w.store.stats()["handles"] == 0
    ref = fill(w)
    w.store.close()
    assert ref() is None
    w = make_world(engine)
    ref = fill(w)
    del w
    gc.collect()
    assert ref() is None


def test_values_that_fight_back_while_they_are_released(engine: ModuleType) -> None:
    w: Any = make_world(engine)
    deaths: list[str] = []

    class Hostile:
        def __del__(self) -> None:
            try:
                w.Author(name="from the grave")
                deaths.append("wrote")
            except Raised as error:
                deaths.append(error.function)

    record = w.Author(name="Ann", extra=Hostile())
    record.extra = None
    assert deaths == ["wrote"]
    for _ in range(3):
        w.Author(name="Ann", extra=Hostile())
    engine.live_rows(w.Author).delete()
    assert deaths == ["wrote"] * 4 and len(engine.live_rows(w.Author)) == 3
    w.Author(name="Ann", extra=Hostile())
    w.store.clear()
    assert deaths == ["wrote"] * 5 and len(engine.live_rows(w.Author)) == 1
    w.store.check()
    w.Author(name="Ann", extra=Hostile())
    w.store.close()
    assert deaths[5:] == ["store_closed"]


def test_compaction_keeps_records_on_their_rows(world: World) -> None:
    w = world
    ann = w.Author(name="Ann")
    posts = [w.Post(title=str(n), author=ann) for n in range(5000)]
    kept, doomed = posts[4000:4100], w.engine.live_rows(w.Post).slice(0, 4000)
    dead = posts[10]
    assert doomed.delete() == 4000
    plan = w.engine.Plan(w.Post, where=cmp(w.post.title, "==", "4050"))
    assert w.store.stats()["positions"] > 5000  # `doomed` pins
    del doomed
    for _ in range(3):
        ann.name = "Ann"
    w.store.compact()
    assert w.store.stats()["positions"] < 1100
    assert [post.title for post in kept] == [str(n) for n in range(4000, 4100)]
    assert plan.first() is kept[50] and len(ann.posts) == 1000 and ann.posts.at(0) is kept[0]
    assert not w.engine.alive(dead)
    with raised("deleted"):
        _ = dead.title
    w.store.check()


def test_python_code_that_writes_while_columns_are_made(engine: ModuleType) -> None:
    """The collector runs in the middle of plan.columns and deletes rows that are still to come."""
    w: Any = make_world(engine)
    ann = w.Author(name="Ann")
    for n in range(600):
        w.Author(name=f"name {n}", extra=datetime(2000, 1, 1))
        w.Post(title=f"title {n}", at=datetime(2024, 1, 1), author=ann)

    class Bomb:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            posts = engine.live_rows(w.Post)
            posts.slice(len(posts) - 5, len(posts)).delete()

    plan = engine.Plan(
        w.Post, values=[col(w.post.title), col(w.post.at), ("arith", "+", col(w.post.at), col(w.post.at))][:2]
    )
    old = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(20):
            Bomb()
            rows = plan.rows()
            for record, title in zip(rows, plan.columns(rows)[0], strict=False):
                assert title is None or isinstance(title, str)
                assert not engine.alive(record) or record.title.startswith("title")
    finally:
        gc.set_threshold(*old)
    w.store.check()


def test_constants_that_run_code_while_a_query_is_compiled(filled: World) -> None:
    w = filled

    class Index:
        def __init__(self, action: Any) -> None:
            self.action = action

        def __index__(self) -> int:
            self.action()
            return 20

    extra = w.engine.Field("more", "int", nullable=True)
    assert len(titles(w, where=cmp(w.post.score, "==", Index(lambda: w.engine.delete(w.all[1]))))) == 1
    grown: list[int] = []
    grow = Index(lambda: grown or (grown.append(1), w.store.add_field(w.Post, extra)))
    assert len(titles(w, where=cmp(w.post.score, "==", grow))) == 1
    with raised("store_closed"):
        titles(w, where=cmp(w.post.score, "==", Index(w.store.close)))


def test_nothing_leaks(engine: ModuleType) -> None:
    def use() -> None:
        w = make_world(engine)
        ann = w.Author(name="Ann", email="é")
        posts = [w.Post(title=str(n), score=n, author=ann) for n in range(20)]
        double = ("arith", "*", col(w.post.score), ("const", "int", 2))
        where = ("or", cmp(w.post.score, ">", 3), ("in", col(w.post.title), w.post.title, ["1", "2"]))
        plan = engine.Plan(
            w.Post,
            where=where,
            order=[(double, True, False)],
            values=[col(w.post.title), double],
            source=(w.posts, ann),
        )
        rows = plan.rows()
        plan.columns(rows)
        plan.aggregate("max", 0, rows)
        plan.group_aggregate("min", 0, rows, *[plan.group([0], rows)[1], 20])
        rows.update([w.post.title, w.post.score], ["x", list(range(len(rows)))], [True, False])
        for bad in (lambda: rows.update([w.post.title], [None], [True]), lambda: setattr(posts[0], "author", None)):
            with pytest.raises(Raised):
                bad()
        w.store.add_index(w.Post, "many", [w.post.title])
        plan.count()
        host = engine.Plan(w.Post, where=("null", ("host", 0, 0, "str")))
        host.set_host(0, w.Post, None, [f"text {n}" for n in range(20)])
        host.count()
        list(ann.posts)
        rows.delete()

    import sys

    def blocks() -> int:
        for _ in range(20):
            use()
        gc.collect()
        return sys.getallocatedblocks()

    blocks()
    counts = [blocks() for _ in range(4)]
    assert not all(later > earlier + 5 for earlier, later in pairwise(counts)), counts


# ---------------------------------------------------------------- no memory


def _read_everything(w: World) -> None:
    p, e = w.post, w.engine
    where = (
        "or",
        ("exists", 0, w.posts, cmp(p.score, "==", 30)),
        ("in", col(w.author.email), w.author.email, ["a", "b"]),
    )
    values = [("aggregate", 0, "max", w.posts, None, col(p.score), True)]
    plan = e.Plan(w.Author, where=where, order=[asc(w.author.name)], values=values)
    plan.columns(plan.rows())
    kept = [w.all[0], w.all[2]].__contains__  # no lambda: CPython 3.12 and 3.13 crash making one without memory
    rows = w.posts.rows(w.ann).slice(0, 3).filter(kept)
    by_score = e.Plan(w.Post, source=rows, values=[col(p.score), col(p.title)])
    groups = by_score.group([0], rows)[1]
    by_score.group_aggregate("min", 1, rows, groups, 2)
    by_score.aggregate("sum", 0, rows)
    host = e.Plan(w.Post, where=("null", ("host", 0, 0, "str")))
    host.set_host(0, w.Post, None, ["h\u00e9"] * 6)
    host.explain()
    list(w.ann.posts)
    w.ann.posts.at(1)


WRITES: dict[str, Any] = {
    "read": _read_everything,
    "reference": lambda w: setattr(w.all[0], "author", w.cy),
    "move": lambda w: w.engine.move(w.all[3], w.post.author, 0),
    "update": lambda w: w.engine.live_rows(w.Post).update([w.post.title, w.post.score], ["z", [7] * 6], [True, False]),
    "delete": lambda w: w.engine.live_rows(w.Post).delete(),
    "cascade": lambda w: w.engine.live_rows(w.Author).delete(),
    "clear": lambda w: w.store.clear(),
    "index": lambda w: w.store.add_index(w.Post, "many", [w.post.title]),
    "field": lambda w: w.store.add_field(w.Post, w.engine.Field("new", "str", default="d\u00e9")),
    "drop": lambda w: w.store.drop_field(w.post.done),
}


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Callbacks of the collector, which tools install, would meet the lack of memory too."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", WRITES)
def test_without_memory_nothing_changes(filled: World, name: str) -> None:
    testcapi = pytest.importorskip("_testcapi")
    w, n, swallowed = filled, 0, 0

    def state() -> Any:
        rows = [(post.title, post.score, post.author) for post in w.all]
        return rows, list(w.ann.posts), len(w.cy.posts), len(w.engine.live_rows(w.Author))

    before = state()
    while True:
        n += 1
        testcapi.set_nomemory(n, n + 1)
        try:
            WRITES[name](w)
        except MemoryError:
            failed = True
        else:
            failed = False
        finally:
            testcapi.remove_mem_hooks()
        w.store.check()
        if failed:
            assert state() == before
        elif name != "read":
            break  # the failure was survived, or lay beyond the end: done either way
        else:
            swallowed += 1
            if swallowed > 20:
                break


def test_the_value_of_one_record(filled: World) -> None:
    w = filled
    p = w.post
    plan = w.engine.Plan(w.Post, values=[col(p.title), col(p.score)])
    assert [plan.at(post) for post in w.all] == plan.columns(plan.rows())[0]
    for wrong in (w.Author(name="x"), 3, None):
        with pytest.raises(TypeError, match="expected a plan with a value, and a record of"):
            plan.at(wrong)
    with pytest.raises(TypeError, match="expected a plan with a value"):
        w.engine.Plan(w.Post).at(w.all[0])
    w.engine.delete(w.all[2])
    with raised("deleted"):
        plan.at(w.all[2])
    w.store.close()
    with raised("store_closed"):
        plan.at(w.all[0])
