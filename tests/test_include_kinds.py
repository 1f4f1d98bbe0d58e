"""Trees over every other kind of relation: many-to-many with their pivots, references to several models, soft
delete."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    ManyToMany,
    Model,
    RecordDeleted,
    RelationError,
    UnknownName,
    belongs_to,
    deleted_at,
    field,
    has_many,
    many_to_many,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class Author(Base):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    friends: ManyToMany[Author, Friendship] = many_to_many(symmetric=True, foreign_key="one")


class Friendship(Base):
    one: BelongsTo[Author] = belongs_to()
    other: BelongsTo[Author] = belongs_to()
    since: Attr[int] = field(default=0)


class Post(Base):
    title: Attr[str]
    author: BelongsTo[Author | None] = belongs_to(default=None)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    by_weight: ManyToMany[Tag, Tagging] = many_to_many(order_by=lambda: Tagging.weight.desc())
    heavy: ManyToMany[Tag, Tagging] = many_to_many(where=lambda: Tagging.weight > 1)
    words: HasMany[Tag] = has_many(through=lambda: Post.tags)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)


class Photo(Base):
    url: Attr[str]
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)


class Tag(Base):
    label: Attr[str]
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)


class Tagging(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int] = field(default=1)


class Comment(Base):
    body: Attr[str]
    subject: BelongsTo[Post | Photo | None] = belongs_to(default=None, on_delete="cascade")
    pinned: BelongsTo[Note | None] = belongs_to(default=None, on_delete="nullify")


class Note(Base):
    text: Attr[str]
    deleted_at: Attr[datetime | None] = deleted_at()
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.pinned)
    marks: ManyToMany[Mark, NoteMarks] = many_to_many()


class Mark(Base):
    text: Attr[str]
    deleted_at: Attr[datetime | None] = deleted_at()


class NoteMarks(Base):
    note: BelongsTo[Note] = belongs_to()
    mark: BelongsTo[Mark] = belongs_to()
    deleted_at: Attr[datetime | None] = deleted_at()


class Odd(Base):
    pivot: Attr[int] = field(default=0)
    tags: ManyToMany[Tag, OddTag] = many_to_many()
    odds: ManyToMany[Odd, OddOdd] = many_to_many(foreign_key="left")


class OddTag(Base):
    odd: BelongsTo[Odd] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()


class OddOdd(Base):
    left: BelongsTo[Odd] = belongs_to()
    right: BelongsTo[Odd] = belongs_to()


@pytest.fixture
def world() -> Iterable[dict[str, Any]]:
    db.clear()
    w: dict[str, Any] = {name: Author(name=name) for name in ("ann", "bob", "cid")}
    w["p"], w["q"], w["r"] = (
        Post(id=0, title="p", author=w["ann"]),
        Post(title="q", author=w["bob"]),
        Post(title="r"),
    )
    w["c"], w["python"], w["free"] = Tag(id=0, label="c"), Tag(label="python"), Tag(label="free")
    w["pic"] = Photo(id=0, url="pic")
    w["p"].tags.attach(w["c"], weight=1)
    w["p"].tags.attach(w["python"], weight=5)
    w["q"].tags.attach(w["python"], weight=2)
    for body, subject in (("1", "p"), ("2", "pic"), ("3", "p"), ("4", None), ("5", "q")):
        w[body] = Comment(body=body, subject=w[subject] if subject else None)
    w["ann"].friends.attach(w["bob"], since=1)
    w["cid"].friends.attach(w["ann"], since=2)
    yield w
    db.store.check()


# ---------------------------------------------------------------- pivots


def test_pivots(world: dict[str, Any]) -> None:
    found = [[(tag.label, tag.pivot.weight, tag.pivot) for tag in post.tags] for post in Post.include(Post.tags)]
    expected = [[(tag.label, link.weight, link) for tag, link in post.tags.pairs()] for post in Post.all()]
    assert found == expected
    first, second = Post.include(Post.tags)[:2]
    assert first.tags[1].record is second.tags[0].record and first.tags[1].pivot is not second.tags[0].pivot
    assert [[post.title for post in tag.posts] for tag in Tag.include(Tag.posts)] == [["p"], ["p", "q"], []]


def test_pivots_in_conditions_and_order(world: dict[str, Any]) -> None:
    heavy = Post.include(Post.tags, where=Tagging.weight > 1)
    assert [[tag.label for tag in post.tags] for post in heavy] == [["python"], ["python"], []]
    both = Post.include(Post.tags, where=(Tagging.weight > 1) & (Tag.label == "c"))
    assert [len(post.tags) for post in both] == [0, 0, 0]
    order = Post.include(Post.tags, order_by=(Tagging.weight.desc(), Tag.label), limit=1)
    assert [[(tag.label, tag.pivot.weight) for tag in post.tags] for post in order] == [
        [("python", 5)],
        [("python", 2)],
        [],
    ]
    by_label = Post.include(Post.tags, order_by=Tag.label.desc(), offset=1)
    assert [[tag.label for tag in post.tags] for post in by_label] == [["c"], [], []]
    in_python = Post.include(Post.tags, where=Tag.label.matches("^p"), limit=1)
    assert [[tag.label for tag in post.tags] for post in in_python] == [["python"], ["python"], []]
    declared = Post.include(Post.by_weight, Post.heavy)
    assert [[tag.label for tag in post.by_weight] for post in declared] == [["python", "c"], ["python"], []]
    assert [[tag.label for tag in post.heavy] for post in declared] == [["python"], ["python"], []]


def test_pivots_in_plain_data(world: dict[str, Any]) -> None:
    first = Post.include(Post.tags, only=["label"]).include(Post.tags.posts, only=["title"]).to_dicts()[0]
    links = world["p"].tags.pairs()
    (_, one), (_, two) = links
    again = {"id": 3, "post_id": 1, "tag_id": 1, "weight": 2}
    assert first["tags"] == [
        {"label": "c", "posts": [{"title": "p", "pivot": one.to_dict()}], "pivot": one.to_dict()},
        {
            "label": "python",
            "posts": [{"title": "p", "pivot": two.to_dict()}, {"title": "q", "pivot": again}],
            "pivot": two.to_dict(),
        },
    ]


def test_no_pivot_where_nothing_links(world: dict[str, Any]) -> None:
    for view in (Post.include(Post.words)[0].words[0], Post.include(Post.author)[0].author):
        with pytest.raises(UnknownName, match="has no attribute `pivot`"):
            view.pivot  # noqa: B018
    view = Post.include(Post.tags)[0].tags[0]
    view.pivot.delete()
    with pytest.raises(RecordDeleted, match="this Tagging has been deleted"):
        view.pivot  # noqa: B018
    assert view.label == "c"


def test_links_seen_from_both_sides(world: dict[str, Any]) -> None:
    tree = Author.include(Author.friends.friends)
    assert [[friend.name for friend in author.friends] for author in tree] == [["bob", "cid"], ["ann"], ["ann"]]
    assert [[f.name for f in friend.friends] for friend in tree[0].friends] == [["ann"], ["ann"]]
    assert [[friend.pivot.since for friend in author.friends] for author in tree] == [[1, 2], [1], [2]]
    chosen = Author.include(Author.friends, where=Author.name > "b", order_by=Author.name.desc(), limit=1)
    assert [[friend.name for friend in author.friends] for author in chosen] == [["cid"], [], []]
    chosen = Author.include(Author.friends, where=Friendship.since > 1)
    assert [[friend.name for friend in author.friends] for author in chosen] == [["cid"], [], ["ann"]]


def test_a_pivot_of_its_own(world: dict[str, Any]) -> None:
    with pytest.raises(RelationError, match=r"Odd.odds cannot be included: `pivot` of a view is the row of OddOdd"):
        Odd.include(Odd.odds)
    odd = Odd(pivot=7)
    odd.tags.attach(world["c"])
    view = Odd.include(Odd.tags)[0]
    assert view.pivot == 7 and view.tags[0].pivot.odd is odd


# ---------------------------------------------------------------- references to several models


def test_whatever_model_it_leads_to(world: dict[str, Any]) -> None:
    tree = Comment.include(Comment.subject)
    found = [view.subject for view in tree]
    assert [each and each.record for each in found] == [view.record.subject for view in tree]
    assert [each and (each.title if isinstance(each.record, Post) else each.url) for each in found] == [
        "p", "pic", "p", None, "q",
    ]  # fmt: skip
    assert [each["subject"] for each in tree.to_dicts()] == [
        {"id": 0, "title": "p", "author_id": 1},
        {"id": 0, "url": "pic"},
        {"id": 0, "title": "p", "author_id": 1},
        None,
        {"id": 1, "title": "q", "author_id": 2},
    ]
    assert found[0] == found[2] and found[0] != found[1] and len(set(found)) == 4
    assert repr(tree[0]) == f"<View of {world['1']!r} with subject>"
    assert [n.path for n in tree.explain().nodes] == ["Comment.subject.of(Post)", "Comment.subject.of(Photo)"]


def test_narrowed(world: dict[str, Any]) -> None:
    tree = Comment.include(Comment.subject.of(Post).author, Comment.subject.of(Photo))
    assert [view.subject and view.subject.record for view in tree] == [view.record.subject for view in tree]
    assert [view.subject.author.name for view in tree if view.subject and isinstance(view.subject.record, Post)] == [
        "ann", "ann", "bob",
    ]  # fmt: skip
    posts = Comment.include(Comment.subject.of(Post), where=Post.title == "q", only=["title"])
    assert [each["subject"] for each in posts.to_dicts()] == [None, None, None, None, {"title": "q"}]
    assert [view.subject and view.subject.title for view in posts] == [None, None, None, None, "q"]
    whole = Comment.include(Comment.subject).include(Comment.subject.of(Post), only=["title"])
    assert [each["subject"] for each in whole.to_dicts()][:2] == [{"title": "p"}, {"id": 0, "url": "pic"}]


def test_what_only_some_models_have(world: dict[str, Any]) -> None:
    tree = Comment.include(Comment.subject.author)
    assert [view.subject and view.subject.author.name for view in tree if not view.body == "2"] == [
        "ann", "ann", None, "bob",
    ]  # fmt: skip
    assert Comment.include(Comment.subject.author, only=["name"]).to_dicts()[0]["subject"]["author"] == {"name": "ann"}
    both = Comment.include(Comment.subject.comments, where=Comment.body > "1")
    assert [view.subject and [each.body for each in view.subject.comments] for view in both] == [
        ["3"], ["2"], ["3"], None, ["5"],
    ]  # fmt: skip


def test_the_other_side_of_several(world: dict[str, Any]) -> None:
    assert [[each.body for each in post.comments] for post in Post.include(Post.comments)] == [["1", "3"], ["5"], []]
    assert [[each.body for each in photo.comments] for photo in Photo.include(Photo.comments)] == [["2"]]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda: Comment.include(Comment.subject, only=["id"]),
            ["several models", "only=", "Comment.subject.of(Post)"],
        ),
        (lambda: Comment.include(Comment.subject, where=Post.title == "p"), ["several models", "where="]),
        (lambda: Comment.include(Comment.subject.of(Post), limit=1), ["leads to one record"]),
        (lambda: Comment.include(Comment.subject.of(Post), where=Photo.url == "p"), ["speaks of Photo"]),
    ],
)
def test_refusals(ask: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(RelationError) as refused:
        ask()
    for each in words:
        assert each in str(refused.value), str(refused.value)


# ---------------------------------------------------------------- soft delete


def test_soft_deleted_records_are_in_no_tree(world: dict[str, Any]) -> None:
    kept, gone = Note(text="kept"), Note(text="gone")
    one, two = Mark(text="one"), Mark(text="two")
    for note in (kept, gone):
        note.marks.attach([one, two])
    comment = Comment(body="6", pinned=gone)
    tree, below = Note.include(Note.marks, limit=1), Comment.where(body="6").include(Comment.pinned)
    held = tree[1]
    assert below[0].pinned.text == "gone"
    gone.delete()
    one.delete()
    assert [(note.text, [mark.text for mark in note.marks]) for note in tree] == [("kept", ["two"])]
    assert below[0].pinned is None and comment.pinned is None
    assert held.text == "gone" and held.record is gone and held.marks[0].text == "one"  # as held records do
    both = Note.with_deleted().include(Note.marks)
    assert [(note["text"], note["deleted_at"] is None) for note in both.to_dicts()] == [("kept", True), ("gone", False)]
    assert [note.record for note in Note.only_deleted().include(Note.comments)] == [gone]
    assert Note.only_deleted().include(Note.comments)[0].deleted_at == gone.deleted_at
    gone.delete(force=True)
    with pytest.raises(RecordDeleted):
        held.text  # noqa: B018


# ---------------------------------------------------------------- against plain loops


@pytest.mark.parametrize("seed", range(40))
def test_random_links(seed: int) -> None:
    db.clear()
    rng = random.Random(seed)
    posts = [Post(id=number, title=f"p{number}") for number in range(rng.choice([1, 2, 5]))]
    photos = [Photo(id=number, url=f"u{number}") for number in range(rng.choice([0, 3]))]
    tags = [Tag(id=number, label=rng.choice("abc")) for number in range(rng.choice([0, 1, 4]))]
    for post in posts:
        for tag in rng.sample(tags, k=rng.randrange(len(tags) + 1)):
            post.tags.attach(tag, weight=rng.randrange(4))
    for number in range(rng.choice([0, 8])):
        Comment(body=str(number), subject=rng.choice([*posts, *photos, None]))
    if tags:
        rng.choice(tags).delete()
    least, limit, offset = rng.randrange(3), rng.choice([None, 0, 1, 2]), rng.choice([0, 1])
    tree = Comment.include(Comment.subject.of(Photo)).include(
        Comment.subject.of(Post).tags,
        where=Tagging.weight >= least,
        order_by=(Tagging.weight.desc(), Tag.label),
        limit=limit,
        offset=offset,
    )
    expected = []
    for comment in Comment.all():
        subject = comment.subject
        whole = comment.to_dict() | {"subject": None if subject is None else subject.to_dict()}
        if isinstance(subject, Post):
            pairs = [(tag, link) for tag, link in subject.tags.pairs() if link.weight >= least]
            pairs.sort(key=lambda pair: (-pair[1].weight, pair[0].label))
            pairs = pairs[offset : None if limit is None else offset + limit]
            whole["subject"]["tags"] = [tag.to_dict() | {"pivot": link.to_dict()} for tag, link in pairs]
        expected.append(whole)
    assert tree.to_dicts() == expected
    for view, whole in zip(tree, expected, strict=True):
        if view.subject is not None and isinstance(view.subject.record, Post):
            assert [(t.id, t.pivot.id) for t in view.subject.tags] == [
                (t["id"], t["pivot"]["id"]) for t in whole["subject"]["tags"]
            ]
    db.store.check()
