"""What counts as a read: what makes a getter run again, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sinew import NotFound, count, exists, max_

from .world import World

Change = Callable[[World], Any]
Case = tuple[str, str, Callable[[World], Callable[[Any], Any]], Change]


def titles(record: Any) -> list[str]:
    return [post.title for post in record.posts]


def got(model: Any, key: Any) -> bool:
    try:
        model.get(key)
    except NotFound:
        return False
    return True


def always(body: Callable[[Any], Any]) -> Callable[[World], Callable[[Any], Any]]:
    """A body that needs no model."""
    return lambda world: body


NAME, POSTS, SIZE, SOME = (
    always(lambda a: a.name),
    always(lambda a: list(a.posts)),
    always(lambda a: len(a.posts)),
    always(lambda a: a.posts.exists()),
)
FIRST = always(lambda a: a.posts.first())
AUTHOR, ORIGIN = always(lambda p: p.author.name), always(lambda p: p.origin and p.origin.title)
TAGS = always(lambda p: list(p.tags))
WEIGHTS = always(lambda p: [(tag.label, link.weight) for tag, link in p.tags.pairs()])
TRAIL, BELOW = always(lambda c: [each.title for each in c.ancestors]), always(lambda c: list(c.descendants))
CATEGORIES = always(lambda a: [category.title for category in a.categories])


def new_post(w: World, **values: Any) -> Any:
    return w.Post(**{"title": "new", "author": w.ann, "score": 7, **values})


def by_score(w: World) -> Callable[[Any], Any]:
    return lambda a: w.Post.where(w.Post.score > 1).pluck(w.Post.title)


def ranked(w: World) -> Callable[[Any], Any]:
    """A range of an index."""
    return lambda a: w.Post.where(w.Post.rank.between(1, 5)).count()


def found(key: int) -> Callable[[World], Callable[[Any], Any]]:
    return lambda w: lambda a: w.Post.find(key)


def by_email(email: str) -> Callable[[World], Callable[[Any], Any]]:
    return lambda w: lambda a: w.Author.find_by(email=email)


AGAIN: list[Case] = [
    ("a field", "ann", NAME, lambda w: w.ann.update(name="Anna")),
    ("a field by a bulk update", "ann", NAME, lambda w: w.Author.where(name="Ann").update(name="Anna")),
    ("a field by upsert", "ann", NAME, lambda w: w.Author.upsert(on="email", email="ann@x", name="Anna")),
    ("a field to None", "ann", always(lambda a: a.email), lambda w: w.ann.update(email=None)),
    ("a field from None", "cid", always(lambda a: a.age), lambda w: w.cid.update(age=1)),
    ("a key", "one", always(lambda p: p.author_id), lambda w: w.one.update(author=w.bob)),
    ("the key of a belongs_to", "one", AUTHOR, lambda w: w.one.update(author=w.bob)),
    ("the key by its column", "one", AUTHOR, lambda w: w.one.update(author_id=w.bob.id)),
    ("the key from the other side", "one", AUTHOR, lambda w: w.bob.posts.append(w.one)),
    ("what was read of a target", "one", AUTHOR, lambda w: w.ann.update(name="Anna")),
    ("a missing target appears", "two", ORIGIN, lambda w: new_post(w, id=99)),
    ("a target that may be missing goes", "two", always(lambda p: p.origin is None), lambda w: new_post(w, id=99)),
    ("a target is nullified", "one", always(lambda p: p.category), lambda w: w.python.delete()),
    ("a reference to None", "one", always(lambda p: p.category), lambda w: w.one.update(category=None)),
    ("iterating: one is created", "ann", POSTS, new_post),
    ("iterating: one is inserted", "ann", POSTS, lambda w: w.Post.insert_many([{"title": "x", "author_id": w.ann.id}])),
    ("iterating: one moves away", "ann", POSTS, lambda w: w.one.update(author=w.bob)),
    ("iterating: one arrives", "ann", POSTS, lambda w: w.three.update(author=w.ann)),
    ("iterating: one is deleted", "ann", POSTS, lambda w: w.one.delete()),
    (
        "iterating: one moves to the end",
        "ann",
        POSTS,
        lambda w: (w.one.update(author=w.bob), w.one.update(author=w.ann)),
    ),
    ("iterating nothing: one comes", "cid", POSTS, lambda w: new_post(w, author=w.cid)),
    ("what was read of a member", "ann", always(titles), lambda w: w.two.update(title="second")),
    ("len: one is created", "ann", SIZE, new_post),
    ("len: one is deleted", "ann", SIZE, lambda w: w.two.delete()),
    ("exists: the first comes", "cid", SOME, lambda w: new_post(w, author=w.cid)),
    ("exists: the last goes", "bob", SOME, lambda w: w.three.delete()),
    ("in: it leaves", "ann", lambda w: lambda a: w.one in a.posts, lambda w: w.one.update(author=w.bob)),
    ("in: it comes", "ann", lambda w: lambda a: w.three in a.posts, lambda w: w.three.update(author=w.ann)),
    ("first: it goes", "ann", FIRST, lambda w: w.one.delete()),
    ("index: it goes", "ann", always(lambda a: a.posts[0].title), lambda w: w.one.delete()),
    ("index from the end: another comes", "ann", always(lambda a: a.posts[-1]), new_post),
    ("has_one appears", "ann", always(lambda a: a.profile), lambda w: w.Profile(text="x", author=w.ann)),
    ("best: a score", "ann", always(lambda a: list(a.best)), lambda w: w.one.update(score=9)),
    ("best: one drops out", "ann", always(lambda a: len(a.best)), lambda w: w.one.update(score=-1)),
    ("through: a near step", "ann", CATEGORIES, lambda w: w.two.update(category=w.code)),
    ("through: a far step", "ann", CATEGORIES, lambda w: w.one.update(category=w.code)),
    ("through: a title", "ann", CATEGORIES, lambda w: w.python.update(title="Py")),
    ("links: one is attached", "one", TAGS, lambda w: w.one.tags.attach(w.slow)),
    ("links: from the other side", "one", TAGS, lambda w: w.slow.posts.attach(w.one)),
    ("links: one is detached", "one", TAGS, lambda w: w.one.tags.detach(w.fast)),
    ("links: the pivot is deleted", "one", TAGS, lambda w: w.Tagging.all().delete()),
    ("links: another order", "one", TAGS, lambda w: setattr(w.one, "tags", [w.slow, w.fast])),
    ("links: the data of a pivot", "one", WEIGHTS, lambda w: w.one.tags.update_pivot(w.fast, weight=6)),
    ("links: by the pivot itself", "one", WEIGHTS, lambda w: w.Tagging.all().update(weight=8)),
    ("links seen from both sides", "ann", always(lambda a: list(a.friends)), lambda w: w.bob.friends.attach(w.ann)),
    (
        "one of several models: another type",
        "comment",
        always(lambda c: c.subject),
        lambda w: w.comment.update(subject=w.photo),
    ),
    ("one of several models: a title", "comment", always(lambda c: c.subject.title), lambda w: w.one.update(title="1")),
    (
        "one of several models: inverse",
        "photo",
        always(lambda p: len(p.comments)),
        lambda w: w.comment.update(subject=w.photo),
    ),
    ("ancestors: further up", "python", TRAIL, lambda w: w.code.update(parent=w.Category(title="All"))),
    ("ancestors: a title", "python", TRAIL, lambda w: w.code.update(title="Programs")),
    ("descendants: further down", "code", BELOW, lambda w: w.Category(title="3.11", parent=w.python)),
    ("soft delete", "ann", always(lambda a: list(a.notes)), lambda w: w.note.delete()),
    ("soft delete of a target's child, counted", "ann", always(lambda a: len(a.notes)), lambda w: w.note.delete()),
    ("find: the hit goes", "ann", found(1), lambda w: w.one.delete()),
    ("find: the miss comes", "ann", found(99), lambda w: new_post(w, id=99)),
    ("get: the miss comes", "ann", lambda w: lambda a: got(w.Post, 99), lambda w: new_post(w, id=99)),
    ("[]: the hit goes", "ann", lambda w: lambda a: got(w.Post, 3), lambda w: w.three.delete()),
    ("find_by: the miss comes", "ann", by_email("new@x"), lambda w: w.cid.update(email="new@x")),
    (
        "find_by: another one",
        "ann",
        by_email("bob@x"),
        lambda w: (w.bob.update(email=None), w.cid.update(email="bob@x")),
    ),
    ("query: a row enters", "ann", by_score, lambda w: w.one.update(score=5)),
    ("query: a row leaves", "ann", by_score, lambda w: w.three.update(score=0)),
    ("query: a row is created", "ann", by_score, new_post),
    ("query: a row is deleted", "ann", by_score, lambda w: w.three.delete()),
    ("query: what it plucks", "ann", by_score, lambda w: w.three.update(title="drei")),
    ("query: a range", "ann", ranked, lambda w: w.three.update(rank=5)),
    ("query: a range, created", "ann", ranked, lambda w: new_post(w, rank=3)),
    (
        "query: order",
        "ann",
        lambda w: lambda a: w.Post.order_by(w.Post.score).pluck(w.Post.id),
        lambda w: w.one.update(score=50),
    ),
    ("query: limit", "ann", lambda w: lambda a: w.Post.order_by(w.Post.rank).first(), lambda w: w.one.update(rank=50)),
    ("query: exists", "ann", lambda w: lambda a: w.Post.where(title="x").exists(), lambda w: w.one.update(title="x")),
    ("query: sum", "ann", lambda w: lambda a: a.posts.sum(w.Post.score), lambda w: w.two.update(score=5)),
    ("query: max", "ann", lambda w: lambda a: w.Post.max(w.Post.score), lambda w: w.two.update(score=50)),
    ("query: avg", "ann", lambda w: lambda a: a.posts.avg(w.Post.score), lambda w: w.two.update(score=5)),
    (
        "query: pluck of a collection",
        "ann",
        lambda w: lambda a: a.posts.pluck(w.Post.score),
        lambda w: w.two.update(score=5),
    ),
    ("query: select", "ann", lambda w: lambda a: a.posts.select(w.Post.title), lambda w: w.two.update(title="2")),
    ("query: last", "ann", lambda w: lambda a: w.Post.where(author=a).last(), lambda w: w.two.update(author=w.bob)),
    (
        "query: one_or_none",
        "ann",
        lambda w: lambda a: w.Post.where(title="x").one_or_none(),
        lambda w: w.two.update(title="x"),
    ),
    ("query: in", "ann", lambda w: lambda a: w.two in w.Post.where(w.Post.score > 1), lambda w: w.two.update(score=0)),
    (
        "query: offset",
        "ann",
        lambda w: lambda a: list(w.Post.order_by(w.Post.score).offset(1)),
        lambda w: w.one.update(score=50),
    ),
    ("query: with_deleted", "ann", lambda w: lambda a: w.Note.only_deleted().count(), lambda w: w.note.delete()),
    ("count_of", "ann", always(lambda a: a.post_count), new_post),
    ("count_of: a far step", "ann", always(lambda a: a.category_count), lambda w: w.two.update(category=w.code)),
    ("sum_of: a value", "ann", always(lambda a: a.score_sum), lambda w: w.two.update(score=50)),
    ("sum_of: one comes", "ann", always(lambda a: a.score_sum), new_post),
    ("max_of", "ann", always(lambda a: a.best_score), lambda w: w.one.update(score=50)),
    ("min_of", "ann", always(lambda a: a.least_score), lambda w: w.one.update(score=-50)),
    ("latest_of", "ann", always(lambda a: a.latest), lambda w: w.one.update(rank=50)),
    ("delegate", "one", always(lambda p: p.author_name), lambda w: w.ann.update(name="Anna")),
    ("delegate: a key", "one", always(lambda p: p.author_name), lambda w: w.one.update(author=w.bob)),
    (
        "delegate: a missing step comes",
        "three",
        always(lambda p: p.category_parent),
        lambda w: w.code.update(parent=w.python),
    ),
    ("delegate to a getter", "one", always(lambda p: p.author_size), new_post),
    ("another getter", "one", always(lambda p: p.author.size), new_post),
    (
        "query: over getters",
        "cid",
        lambda w: lambda a: w.Author.where(w.Author.size > 1).pluck(w.Author.name),
        lambda w: new_post(w, author=w.bob),
    ),
    (
        "query: over declared getters",
        "cid",
        lambda w: lambda a: w.Author.where(w.Author.score_sum > 5).pluck(w.Author.name),
        lambda w: new_post(w, author=w.bob),
    ),
    (
        "query: over a delegate",
        "cid",
        lambda w: lambda a: w.Post.where(author_name="Ann").count(),
        lambda w: w.ann.update(name="x"),
    ),
    (
        "query: by a getter",
        "cid",
        lambda w: lambda a: w.Author.order_by(w.Author.size).last(),
        lambda w: [new_post(w, author=w.bob) for _ in "ab"],
    ),
    ("to_dict", "ann", always(lambda a: a.to_dict()), lambda w: w.ann.update(age=1)),
    (
        "eager trees",
        "ann",
        lambda w: lambda a: w.Author.where(id=a.id).include(w.Author.posts.tags).to_dicts(),
        lambda w: w.fast.update(label="quick"),
    ),
    ("a view of a path: max", "ann", lambda w: lambda a: a.posts.max(w.Post.rank), lambda w: w.two.update(rank=50)),
    (
        "query: group",
        "ann",
        lambda w: lambda a: w.Post.group_by(w.Post.author).agg(n=count()),
        lambda w: w.three.update(author=w.ann),
    ),
    (
        "query: across a relation",
        "ann",
        lambda w: lambda a: w.Post.where(w.Post.author.name == "Bob").count(),
        lambda w: w.ann.update(name="Bob"),
    ),
    (
        "query: an aggregate of a path",
        "ann",
        lambda w: lambda a: w.Author.pluck(max_(w.Author.posts.score)),
        lambda w: w.two.update(score=9),
    ),
    (
        "query: exists along a path",
        "ann",
        lambda w: lambda a: w.Author.where(exists(w.Author.posts, w.Post.score > 2)).count(),
        lambda w: w.two.update(score=9),
    ),
    (
        "query: a Python predicate",
        "ann",
        lambda w: lambda a: w.Post.where(lambda post: post.title == "x").count(),
        lambda w: w.two.update(title="x"),
    ),
    (
        "query: another row with the same answer",
        "ann",
        lambda w: lambda a: w.Post.where(title="two").first().title if a is w.ann else a.name,
        lambda w: w.two.update(title="2") or new_post(w, title="two"),
    ),
]

QUIET: list[Case] = [
    ("another field", "ann", NAME, lambda w: w.ann.update(email="a@x", age=3)),
    ("the field of another record", "ann", NAME, lambda w: w.bob.update(name="Bert")),
    ("the field of a new record", "ann", NAME, lambda w: w.Author(name="Dan")),
    ("the same value", "ann", NAME, lambda w: w.ann.update(name="Ann")),
    ("there and back", "ann", NAME, lambda w: (w.ann.update(name="x"), w.ann.update(name="Ann"))),
    ("something else of a target", "one", AUTHOR, lambda w: w.ann.update(age=31)),
    ("another target", "one", AUTHOR, lambda w: w.bob.update(name="Bert")),
    ("the target's collection", "one", AUTHOR, new_post),
    ("another missing target appears", "two", ORIGIN, lambda w: new_post(w, id=98)),
    ("iterating: the content of members", "ann", POSTS, lambda w: w.one.update(title="x", score=9)),
    ("iterating: another's members", "ann", POSTS, lambda w: new_post(w, author=w.bob)),
    ("iterating: from one other to another", "ann", POSTS, lambda w: w.three.update(author=w.cid)),
    ("a field of a member that was not read", "ann", always(titles), lambda w: w.one.update(score=9)),
    ("len: the content of members", "ann", SIZE, lambda w: w.one.update(title="x")),
    ("len: one comes and one goes", "ann", SIZE, lambda w: (w.one.delete(), new_post(w))),
    ("len: the order", "ann", SIZE, lambda w: (w.one.update(author=w.bob), w.one.update(author=w.ann))),
    ("exists: a second one", "ann", SOME, new_post),
    ("exists: not the last goes", "ann", SOME, lambda w: w.one.delete()),
    ("first: another at the end", "ann", FIRST, new_post),
    ("has_one of another", "ann", always(lambda a: a.profile), lambda w: w.Profile(text="x", author=w.bob)),
    ("through: another's", "ann", CATEGORIES, lambda w: w.three.update(category=w.python)),
    ("links: another's", "one", TAGS, lambda w: w.two.tags.attach(w.slow)),
    ("links: the data of a pivot that was not read", "one", TAGS, lambda w: w.one.tags.update_pivot(w.fast, weight=6)),
    ("links: the label of a tag", "one", TAGS, lambda w: w.fast.update(label="quick")),
    ("links: the pairs of another", "one", WEIGHTS, lambda w: w.two.tags.attach(w.slow, weight=7)),
    ("ancestors: what is beside", "python", TRAIL, lambda w: w.Category(title="x", parent=w.python)),
    ("descendants: a title", "code", BELOW, lambda w: w.python.update(title="Py")),
    ("soft delete of another's", "bob", always(lambda a: list(a.notes)), lambda w: w.note.delete()),
    ("find: its content", "ann", found(1), lambda w: w.one.update(title="x")),
    ("find: another one is created", "ann", found(1), new_post),
    ("find: another miss comes", "ann", found(99), lambda w: new_post(w, id=98)),
    ("find_by: another one", "ann", by_email("bob@x"), lambda w: w.cid.update(email="cid@x")),
    ("query: a column that it does not look at", "ann", by_score, lambda w: w.one.update(rank=7)),
    ("query: another table", "ann", by_score, lambda w: w.ann.update(name="x", age=3)),
    ("query: a range, outside of it", "ann", ranked, lambda w: w.three.update(rank=8)),
    ("query: a range, created outside of it", "ann", ranked, lambda w: new_post(w, rank=50)),
    ("count_of: content", "ann", always(lambda a: a.post_count), lambda w: w.one.update(title="x", score=7)),
    ("delegate: beside", "one", always(lambda p: p.author_name), lambda w: w.ann.update(age=1)),
    ("another getter: the same value", "one", always(lambda p: p.author.size), lambda w: (w.two.delete(), new_post(w))),
    ("another getter: of another record", "one", always(lambda p: p.author.size), lambda w: new_post(w, author=w.bob)),
    ("undone", "ann", NAME, lambda w: undone(w, lambda: w.ann.update(name="x"))),
    ("undone: a child", "ann", POSTS, lambda w: undone(w, lambda: (new_post(w), w.one.update(author=w.bob)))),
    ("undone: a deletion", "one", AUTHOR, lambda w: undone(w, lambda: w.ann.delete())),
    ("undone: a link", "one", TAGS, lambda w: undone(w, lambda: w.one.tags.sync([w.slow]))),
    ("refused", "ann", by_email("bob@x"), lambda w: refused(lambda: w.ann.update(email="bob@x"))),
    ("compaction", "ann", always(titles), lambda w: w.db.store.compact()),
]


# What cannot be asked again cheaply depends on the columns that it looked at: undoing writes to them.
WHOLE_COLUMNS = {"query: an aggregate of a path", "eager trees"}


def undone(world: World, change: Callable[[], Any]) -> None:
    with world.db.transaction() as tx:
        change()
        tx.rollback()


def refused(change: Callable[[], Any]) -> None:
    with pytest.raises(Exception, match="exists already"):
        change()


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: case[0])
def test_it_runs_again(world: World, case: Case) -> None:
    _, record, body, change = case
    look = world.watch(getattr(world, record), body(world))
    change(world)
    look(True)


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: case[0])
def test_it_runs_again_in_a_block_and_is_good_again_after_it(world: World, case: Case) -> None:
    """What was computed within the block does not survive it wrongly."""
    _, name, body, change = case
    record = getattr(world, name)
    look = world.watch(record, body(world))
    with world.db.transaction() as tx:
        change(world)
        look(True)
        tx.rollback()
    assert record.probe == body(world)(record)


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: case[0])
def test_what_was_undone_unread_leaves_the_value(world: World, case: Case) -> None:
    name, record, body, change = case
    look = world.watch(getattr(world, record), body(world))
    undone(world, lambda: change(world))
    if name not in WHOLE_COLUMNS:
        look(False)
    assert getattr(world, record).probe == body(world)(getattr(world, record))


@pytest.mark.parametrize("case", QUIET, ids=lambda case: case[0])
def test_it_does_not_run_again(world: World, case: Case) -> None:
    _, record, body, change = case
    look = world.watch(getattr(world, record), body(world))
    change(world)
    look(False)


def test_a_missing_target_that_came_goes_again(world: World) -> None:
    look = world.watch(world.two, lambda post: post.origin and post.origin.title)
    post = new_post(world, id=99)
    look(True)
    post.delete()
    look(True)


def test_a_soft_deleted_one_comes_back(world: World) -> None:
    look = world.watch(world.ann, lambda author: [note.text for note in author.notes])
    world.note.delete()
    look(True)
    world.note.restore()
    look(True)


def test_a_cascade_is_seen(world: World) -> None:
    look = world.watch(world.fast, lambda tag: [post.title for post in tag.posts])
    world.ann.delete()
    look(True)


def test_clearing_the_store_is_seen(world: World) -> None:
    look = world.watch(world.cid, lambda author: world.Post.count())
    for model in (world.Comment, world.Tagging, world.Post):
        model.all().delete()
    look(True)


def test_only_the_reads_of_the_last_run_count(world: World) -> None:
    look = world.watch(world.ann, lambda author: author.email if author.age == 30 else author.name)
    world.ann.name = "Anna"
    look(False)
    world.ann.age = 31
    look(True)
    world.ann.email = "other@x"
    look(False)
    world.ann.name = "Ann"
    look(True)


def test_each_record_has_its_own(world: World) -> None:
    look = world.watch(world.ann, lambda author: author.name)
    assert (world.bob.probe, world.runs) == ("Bob", 2)
    world.bob.name = "Bert"
    look(False)
    assert (world.bob.probe, world.runs) == ("Bert", 3)
