"""Soft delete: what a deleted_at() hides, what it keeps, what comes back."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    DeleteRestricted,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    Model,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    UniqueError,
    belongs_to,
    count,
    define,
    deleted_at,
    exists,
    field,
    has_many,
    has_one,
    max_,
    updated_at,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class Author(Base):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    deleted_at: Attr[datetime | None] = deleted_at()
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    drafts: HasMany[Post] = has_many(
        inverse=lambda: Post.author, where=lambda: Post.score < 10, order_by=lambda: Post.score.desc()
    )
    top: HasMany[Post] = has_many(inverse=lambda: Post.author, limit=1)
    best: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.score.desc())
    profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.author)


class Profile(Base):
    author: BelongsTo[Author] = belongs_to(unique=True, on_delete="cascade")
    deleted_at: Attr[datetime | None] = deleted_at()


class Shelf(Base):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.shelf)
    deleted_at: Attr[datetime | None] = deleted_at()


class Post(Base, index=[("author", "title")], unique=[("author", "slug")]):
    title: Attr[str]
    slug: Attr[str | None] = field(default=None)
    score: Attr[int] = field(default=0, index="ordered")
    author: BelongsTo[Author | None] = belongs_to(default=None, on_delete="cascade")
    shelf: BelongsTo[Shelf | None] = belongs_to(default=None, on_delete="nullify")
    gone: Attr[datetime | None] = deleted_at(tz="naive")
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.post)
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.post)


class Comment(Base):
    body: Attr[str]
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    parent: BelongsTo[Comment | None] = belongs_to(default=None, on_delete="cascade")
    deleted_at: Attr[datetime | None] = deleted_at()
    replies: HasMany[Comment] = has_many(inverse=lambda: Comment.parent)


class Tag(Base):
    label: Attr[str] = field(unique=True)
    deleted_at: Attr[datetime | None] = deleted_at()
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.tag)


class Tagging(Base, unique=[("post", "tag")]):
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    tag: BelongsTo[Tag] = belongs_to(on_delete="cascade")
    deleted_at: Attr[datetime | None] = deleted_at()


class Team(Base):
    """Deleted for good, with members that are deleted softly."""

    name: Attr[str]
    members: HasMany[Member] = has_many(inverse=lambda: Member.team)


class Member(Base):
    name: Attr[str]
    team: BelongsTo[Team] = belongs_to(on_delete="cascade")
    rank: Attr[int | None] = field(default=None, unique="deferred")
    chief: BelongsTo[Member | None] = belongs_to(default=None)  # restrict
    deleted_at: Attr[datetime | None] = deleted_at()
    touched: Attr[datetime] = updated_at()


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    yield
    gc.collect()
    db.store.check()
    db.clear()
    assert db.stats().handles == 0 and db.stats().parked == 0


def two_authors() -> tuple[Author, Author]:
    """Author 0 with posts 1, 2, 3 and comments; author 5 with post 4; a post of nobody."""
    ann, bob = Author(id=0, name="Ann", email="ann@x"), Author(id=5, name="Bob")
    Post(id=1, title="one", author=ann, score=1)
    Post(id=2, title="two", author=ann, score=2)
    Post(id=3, title="three", author=ann, score=3)
    Post(id=4, title="four", author=bob, score=4)
    Post(id=6, title="nobody's")
    return ann, bob


# ---------------------------------------------------------------- one record


def test_a_record_is_hidden_everywhere() -> None:
    ann, _bob = two_authors()
    post = Post[2]
    before = datetime.now()
    post.delete()
    assert before <= post.gone <= datetime.now()
    assert Post.count() == 4 and [p.id for p in Post.all()] == [1, 3, 4, 6]
    assert Post.find(2) is None and Post.find_by(title="two") is None and Post.find_by(id=2) is None
    with pytest.raises(NotFound):
        Post[2]
    with pytest.raises(NotFound):
        Post.get(2)
    assert len(ann.posts) == 2 and post not in ann.posts and [p.id for p in ann.posts] == [1, 3]
    assert ann.posts.count() == 2 and ann.posts[-1].id == 3 and [p.id for p in ann.drafts] == [3, 1]
    assert ann.best is Post[3]
    assert Post.where(author=ann).count() == 2 and Post.where(Post.author.name == "Ann").count() == 2
    assert Post.where(Post.score.between(1, 3)).pluck(Post.id) == [1, 3]
    assert Post.order_by(Post.score.desc()).pluck(Post.id) == [4, 3, 1, 6]
    assert Author.select(Author.id, n=count(Author.posts), m=max_(Author.posts.score)) == [
        {"id": 0, "n": 2, "m": 3},
        {"id": 5, "n": 1, "m": 4},
    ]
    assert Author.where(exists(Author.posts, Post.title == "two")).count() == 0
    assert Author.where(Author.posts.title == "two").count() == 0
    assert Post.group_by(Post.author).agg(n=count())[0] == {"author": ann, "n": 2}
    assert Post.sum(Post.score) == 8 and db.stats().rows == 6 and db.stats().parked == 1
    assert Post.all().update(score=Post.score + 1) == 4 and post.score == 2
    assert [len(batch) for batch in Post.all().in_batches(3)] == [3, 1]


def test_a_held_record_is_read_and_not_written() -> None:
    ann, bob = two_authors()
    post = Post[1]
    comment = Comment(body="x", post=post)
    post.delete()
    assert (post.id, post.title, post.score, post.author_id, post.author) == (1, "one", 1, 0, ann)
    assert post.to_dict()["title"] == "one" and repr(post) == "<Post 1 title='one' score=1 author_id=0 (soft-deleted)>"
    assert comment.body == "x" and comment.post is None and comment.post_id == 1
    assert list(post.comments) == [] and list(post.comments.with_deleted()) == [comment]
    writes: list[Callable[[], object]] = [
        lambda: setattr(post, "title", "x"), lambda: setattr(post, "author", bob), lambda: post.update(title="x"),
        lambda: post.update(author=bob), lambda: setattr(post, "score", "no"), lambda: post.delete(),
        lambda: bob.posts.append(post), lambda: Comment(body="y", post=post), lambda: pickle.dumps(post),
        lambda: setattr(post, "author_id", 5), lambda: post.comments.create(body="z"),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(SinewError) as refusal:
            write()
        assert isinstance(refusal.value, RecordDeleted), refusal.value
        assert "<Post 1 title='one'" in str(refusal.value) and "restore() it first" in str(refusal.value)
    with pytest.raises(FieldError, match="fills itself"):
        Post[2].gone = datetime.now()
    with pytest.raises(SinewError, match="gone"):
        Post(title="x", gone=datetime.now())
    with pytest.raises(SinewError):
        copy.copy(post)
    assert post.title == "one" and post.score == 1 and Post.count() == 4


def test_the_same_object_comes_back() -> None:
    ann, _bob = two_authors()
    post = Post[1]
    post.delete()
    held = hash(post)
    post.restore()
    assert Post[1] is post and hash(post) == held and post.gone is None
    assert [p.id for p in ann.posts] == [2, 3, 1]  # last, as whoever arrives
    assert Post.pluck(Post.id) == [1, 2, 3, 4, 6]  # where it was
    with pytest.raises(SinewError, match="<Post 1 title='one' score=1 author_id=0> is not deleted"):
        post.restore()
    post.title = "again"
    assert Post.find_by(title="again") is post


def test_a_row_that_nobody_held() -> None:
    two_authors()
    Post.where(id=1).delete()
    gc.collect()
    found = Post.only_deleted().one()
    assert found.title == "one" and found is Post.only_deleted().first() and found is Post.with_deleted()[0]
    found.restore()
    assert Post[1] is found


def test_gone_for_good() -> None:
    ann, _bob = two_authors()
    first, second, third = Post[1], Post[2], Post[3]
    first.delete(force=True)
    second.delete()
    second.delete(force=True)
    for post in (first, second):
        for action in (
            post.delete,
            post.restore,
            lambda post=post: post.delete(force=True),
            lambda post=post: post.title,
        ):
            with pytest.raises(RecordDeleted, match="has been deleted"):
                action()
        assert repr(post) == "<Post (deleted)>"
    assert [p.id for p in Post.with_deleted()] == [3, 4, 6] and list(ann.posts) == [third]
    with pytest.raises(FieldError, match="force="):
        third.delete(force=1)  # type: ignore[arg-type]
    with pytest.raises(FieldError, match="force="):
        Post.all().delete(force=None)  # type: ignore[arg-type]


def test_a_model_without_soft_delete() -> None:
    team = Team(name="a")
    for ask in (Team.with_deleted, Team.only_deleted, Team.all().restore, team.restore):
        with pytest.raises(SinewError, match="is for soft delete, and Team has none"):
            ask()
    team.delete(force=True)
    assert Team.count() == 0


# ---------------------------------------------------------------- asking for them


def test_queries_with_deleted_ones() -> None:
    ann, bob = two_authors()
    posts = {p.id: p for p in Post.all()}
    posts[2].delete()
    posts[6].delete()
    every = Post.with_deleted()
    assert [p.id for p in every] == [1, 2, 3, 4, 6] and every.count() == len(every) == 5 and every.exists()
    assert posts[2] in every and posts[1] in every and posts[2] not in Post.all() and "x" not in every
    assert posts[2] in Post.only_deleted() and posts[1] not in Post.only_deleted()
    assert [p.id for p in Post.only_deleted()] == [2, 6] and Post.only_deleted().where(author=ann).pluck(Post.id) == [2]
    assert every.where(author=ann).pluck(Post.id) == [1, 2, 3]  # an index, and what it does not know
    assert every.where(Post.author.is_(ann), Post.score > 1).pluck(Post.title) == ["two", "three"]
    assert every.where(id=2).one() is posts[2] and every.get(1) is posts[1] and every.find(4) is posts[4]
    assert every.where(Post.author.name == "Ann").order_by(Post.score.desc()).pluck(Post.id) == [3, 2, 1]
    assert every.order_by(Post.score.desc()).offset(1).limit(2).pluck(Post.id) == [3, 2]
    assert every.limit(2).pluck(Post.id) == [1, 2] and every.where(author=ann).limit(2)[1] is posts[2]
    assert (
        every.first() is posts[1]
        and every.last() is posts[6]
        and every[-2] is posts[4]
        and every[1:3] == [posts[2], posts[3]]
    )
    assert every.where(lambda p: p.id % 2 == 0).pluck(Post.id) == [2, 4, 6]
    assert every.sum(Post.score) == 10 and every.max(Post.score) == 4 and Post.only_deleted().avg(Post.score) == 1
    assert every.where(Post.gone == None).count() == 3 and every.where(Post.gone.is_null()).exists()  # noqa: E711
    assert every.select(Post.id, name=Post.author.name)[1] == {"id": 2, "name": "Ann"}
    assert every.group_by(Post.author).agg(n=count()) == [
        {"author": ann, "n": 3}, {"author": bob, "n": 1}, {"author": None, "n": 1},
    ]  # fmt: skip
    assert [len(batch) for batch in every.in_batches(2)] == [2, 2, 1]
    assert "with deleted" in repr(every) and "only deleted" in repr(Post.only_deleted())
    assert every.where(Post.title.is_("two") | Post.title.contains("n")).pluck(Post.id) == [1, 2, 6]
    assert every.explain().rows_found == 5 and bool(Post.only_deleted()) and not Tag.only_deleted()
    assert every.where(Post.title.ilike("T%"), lambda p: p.gone).one() is posts[2]
    assert Post.only_deleted().with_deleted().count() == 5 and every.only_deleted().count() == 2
    assert every.where(author=None).pluck(Post.id) == [6]


def test_collections_with_deleted_ones() -> None:
    ann, _bob = two_authors()
    Post[2].delete()
    assert [p.id for p in ann.posts.with_deleted()] == [1, 2, 3]
    assert [p.id for p in ann.posts.only_deleted()] == [2] and ann.posts.only_deleted().count() == 1
    assert [p.id for p in ann.drafts.with_deleted()] == [3, 2, 1]  # its where and its order
    assert [p.id for p in ann.drafts.with_deleted().order_by(Post.title)] == [1, 3, 2]
    assert [p.id for p in ann.posts.where(Post.score > 1).with_deleted()] == [2, 3]
    assert [p.id for p in ann.posts.with_deleted().where(Post.score > 1).limit(1)] == [2]
    with pytest.raises(RelationError, match=r"Author\.top, which has a limit: write Post\.with_deleted\(\)\.where"):
        ann.top.with_deleted()
    ann.delete()
    assert len(ann.posts) == 0 and ann.best is None and ann.posts.with_deleted().count() == 3
    assert ann.posts.only_deleted().restore.__name__ == "restore"


def test_a_parent_without_key() -> None:
    Author(name="x")
    author = Author(name="y")
    post = Post(title="z")
    post.delete()
    assert list(author.posts.with_deleted()) == [] and post.author is None
    post.restore()
    assert post.author is None


def test_paths_lead_to_live_rows_only() -> None:
    _ann, bob = two_authors()
    post = Post[4]
    post.delete()
    bob.delete()
    assert post.author is None and post.author_id == 5 and bob.name == "Bob"
    assert Post.with_deleted().where(Post.author.name == "Bob").count() == 0
    assert Post.with_deleted().where(author=bob).pluck(Post.id) == [4]
    assert Author.with_deleted().select(Author.name, n=count(Author.posts)) == [
        {"name": "Ann", "n": 3},
        {"name": "Bob", "n": 0},
    ]


def test_rows_deleted_while_iterating() -> None:
    two_authors()
    seen = []
    for post in Post.all():
        seen.append(post.id)
        Post.where(id=3).delete()
    assert seen == [1, 2, 4, 6]
    Post.all().delete()
    brought = []
    for post in Post.only_deleted():
        brought.append(post.id)
        post.restore()
        if post.id == 1:
            Post.only_deleted().where(id=2).restore()
    assert brought == [1, 3, 4, 6] and Post.count() == 5


# ---------------------------------------------------------------- many


def test_many_at_once() -> None:
    ann, _bob = two_authors()
    assert Post.where(author=ann).delete() == 3 and Post.where(author=ann).delete() == 0
    assert len({p.gone for p in Post.only_deleted()}) == 1  # one moment
    with pytest.raises(SinewError, match=r"Post\.all\(\)\.delete"):
        Post.with_deleted().delete(force=True)
    assert Post.with_deleted().all().delete() == 2 and Post.count() == 0
    assert Post.only_deleted().where(Post.score >= 2).restore() == 3 and Post.with_deleted().restore() == 2
    assert Post.all().delete() == 5 and Post.only_deleted().where(id=1).delete(force=True) == 1
    assert Post.only_deleted().delete() == 0 and Post.only_deleted().delete(force=True) == 4
    assert Post.with_deleted().count() == 0 and db.stats().positions <= 7
    with pytest.raises(SinewError, match=r"Post\.only_deleted\(\)\.where\(\.\.\.\)\.restore\(\)"):
        Post.where(id=1).restore()
    for query in (Post.with_deleted().all(), Post.only_deleted()):
        with pytest.raises(RecordDeleted, match="not updated"):
            query.update(score=1)


def test_upsert_and_get_or_create_take_no_notice() -> None:
    old = Author(name="Ann", email="a")
    old.delete()
    made, created = Author.get_or_create(email="a", defaults={"name": "New"})
    assert created and made is not old
    assert Author.upsert(email="a", name="Other") is made and old.name == "Ann"
    assert Author.insert_many([{"name": "x", "email": "b"}]) == 1


# ---------------------------------------------------------------- uniqueness


def test_unique_ignores_deleted_ones_and_restoring_checks() -> None:
    old = Author(name="Old", email="a")
    post = Post(title="p", author=old)
    old.delete()
    new = Author(name="New", email="a")
    with pytest.raises(UniqueError) as refusal:
        old.restore()
    assert str(refusal.value) == (
        f"<Author {old.id} name='Old' email='a' (soft-deleted)> cannot be restored: Author with email='a' exists by "
        f"now: <Author {new.id} name='New' email='a'>; change or delete that one first"
    )
    assert refusal.value.existing is new and refusal.value.fields == ("email",) and refusal.value.values == ("a",)
    assert old.deleted_at is not None and Post.count() == 0 and Author.count() == 1
    new.email = "b"
    old.restore()
    assert post.author is old and Author.count() == 2


def test_a_child_in_conflict_refuses_the_parent() -> None:
    ann = Author(name="Ann")
    post = Post(title="x", author=ann, slug="s")
    post.delete()
    other = Post(title="y", author=ann, slug="s")
    ann.delete()
    post_again = Post.only_deleted().where(id=post.id).one()
    assert post_again is post
    ann.restore()  # brings the one that went with it
    assert list(ann.posts) == [other]
    with pytest.raises(UniqueError, match="author_id=1, slug='s'|slug='s'"):
        post.restore()
    with pytest.raises(UniqueError):
        Post.only_deleted().restore()


def test_two_deleted_ones_with_one_key() -> None:
    for name in "abc":
        Author(name=name, email="same").delete()
    with pytest.raises(UniqueError):
        Author.only_deleted().restore()
    assert Author.count() == 0 and Author.only_deleted().count() == 3
    Author.only_deleted().first().restore()
    assert Author.one().name == "a"


def test_a_primary_key_used_again() -> None:
    first = Author(id=0, name="first")
    first.delete()
    second = Author(id=0, name="second")
    assert Author[0] is second and [a.name for a in Author.with_deleted().where(id=0)] == ["first", "second"]
    assert first in Author.with_deleted() and first not in Author.all() and second not in Author.only_deleted()
    with pytest.raises(UniqueError, match="id=0"):
        first.restore()


def test_deferred_uniqueness() -> None:
    team = Team(name="t")
    old = Member(name="old", team=team, rank=1)
    old.delete()
    new = Member(name="new", team=team, rank=1)
    with pytest.raises(UniqueError):
        old.restore()
    assert old.deleted_at is not None
    with db.transaction():
        old.restore()
        new.rank = 2
    assert [m.rank for m in team.members] == [2, 1]


# ---------------------------------------------------------------- on_delete


def test_cascades_three_deep() -> None:
    ann, _bob = two_authors()
    comment = Comment(body="c", post=Post[1])
    reply = Comment(body="r", post=Post[4], parent=comment)
    other = Comment(body="o", post=Post[4])
    profile = Profile(author=ann)
    ann.delete()
    assert Comment.pluck(Comment.body) == ["o"] and Post.count() == 2 and ann.profile is None
    assert ann.deleted_at == comment.deleted_at == reply.deleted_at == profile.deleted_at
    for one in (comment, reply, profile):
        with pytest.raises(IntegrityError, match="soft-deleted record counts as missing: restore"):
            one.restore()
    ann.restore()
    assert Comment.count() == 3 and Post.count() == 5 and ann.profile is profile and reply.parent is comment
    assert [p.id for p in ann.posts] == [1, 2, 3] and list(Post[4].comments) == [other, reply]
    assert Comment.only_deleted().count() == 0


def test_what_was_deleted_before_stays_deleted() -> None:
    ann, _bob = two_authors()
    Post[2].delete()
    comment = Comment(body="c", post=Post[1])
    comment.delete()
    ann.delete()
    ann.restore()
    assert [p.id for p in ann.posts] == [1, 3] and Comment.count() == 0
    comment.restore()
    assert list(Post[1].comments) == [comment]


def test_a_pivot_waits_for_both() -> None:
    _ann, _bob = two_authors()
    post, tag = Post[1], Tag(label="c")
    tagging, other = Tagging(post=post, tag=tag), Tagging(post=Post[2], tag=tag)
    post.delete()
    assert list(tag.taggings) == [other] and count(Tag.taggings) is not None
    assert Tag.select(n=count(Tag.taggings)) == [{"n": 1}] and Tag.where(Tag.taggings.post.title == "one").count() == 0
    tag.delete()
    assert Tagging.count() == 0
    post.restore()
    assert Tagging.count() == 0 and list(post.taggings) == []
    tag.restore()
    assert set(Tagging.all()) == {tagging, other} and list(post.taggings) == [tagging]
    with pytest.raises(UniqueError):
        Tagging(post=post, tag=tag)


def test_restrict_counts_those_that_are_not_deleted() -> None:
    team = Team(name="t")
    chief = Member(name="chief", team=team)
    one, two = Member(name="1", team=team, chief=chief), Member(name="2", team=team, chief=chief)
    with pytest.raises(DeleteRestricted, match="2 Member by `chief`"):
        chief.delete()
    assert chief.deleted_at is None
    one.delete()
    with pytest.raises(DeleteRestricted, match="1 Member by `chief`"):
        chief.delete()
    two.delete()
    chief.delete()
    with pytest.raises(IntegrityError):
        one.restore()
    assert Member.only_deleted().restore() == 3
    assert Member.where(id=[one.id, two.id, chief.id]).delete() == 3  # all at once


def test_nullify() -> None:
    shelf = Shelf(name="s")
    post = Post(title="p", shelf=shelf)
    shelf.delete()
    assert post.shelf is None and post.shelf_id is None
    shelf.restore()
    assert post.shelf is None and len(shelf.posts) == 0


def test_cycles_and_self_references() -> None:
    post = Post(title="p")
    own = Comment(body="own", post=post)
    own.parent = own
    a = Comment(body="a", post=post)
    b = Comment(body="b", post=post, parent=a)
    a.parent = b
    a.delete()
    assert Comment.count() == 1 and b.deleted_at is not None
    with pytest.raises(IntegrityError):
        b.restore()  # it went with a, which was deleted by itself
    a.restore()
    assert Comment.count() == 3 and a.parent is b
    own.delete()
    own.restore()
    assert own.parent is own
    post.delete()
    assert Comment.count() == 0
    post.restore()
    assert Comment.count() == 3


# ---------------------------------------------------------------- deleting for good


def test_a_parent_that_goes_for_good_takes_deleted_children_along() -> None:
    ann, bob = two_authors()
    comment = Comment(body="c", post=Post[2])
    Post[2].delete()
    ann.delete(force=True)
    assert Post.with_deleted().pluck(Post.id) == [4, 6] and Comment.with_deleted().count() == 0
    with pytest.raises(RecordDeleted, match="has been deleted"):
        _ = comment.body
    team, other = Team(name="t"), Team(name="o")
    Member(name="m", team=team).delete()
    kept = Member(name="k", team=other)
    kept.delete()
    team.delete()  # Team has no deleted_at
    assert Member.with_deleted().pluck(Member.name) == ["k"] and kept.name == "k"
    bob.delete()
    bob.delete(force=True)
    assert Post.with_deleted().pluck(Post.id) == [6]


def test_nullify_reaches_deleted_children() -> None:
    shelf = Shelf(name="s")
    post = Post(title="p", shelf=shelf)
    post.delete()
    shelf.delete()
    assert post.shelf_id == shelf.id  # both may return
    shelf.delete(force=True)
    assert post.shelf_id is None
    post.restore()


def test_a_restricting_child_that_is_deleted_is_left_behind() -> None:
    team = Team(name="t")
    chief = Member(name="chief", team=team)
    one = Member(name="1", team=team, chief=chief)
    one.delete()
    chief.delete(force=True)
    with pytest.raises(IntegrityError, match=r"Member\[2\]\.chief -> 1"):
        one.restore()
    one.delete(force=True)


# ---------------------------------------------------------------- transactions


def test_rollback() -> None:
    ann, _bob = two_authors()
    post = Post[2]
    with pytest.raises(ZeroDivisionError), db.transaction():
        ann.delete()
        assert Post.count() == 2
        with db.transaction() as inner:
            ann.restore()
            assert [p.id for p in ann.posts] == [1, 2, 3]
            post.delete()
            post.delete(force=True)
            with pytest.raises(RecordDeleted):
                _ = post.title
            inner.rollback()
        assert post.title == "two" and post.gone is not None
        raise ZeroDivisionError
    assert post.gone is None and [p.id for p in ann.posts] == [1, 2, 3] and Post.only_deleted().count() == 0
    with db.transaction():
        Post[3].delete()
        ann.delete()
    with pytest.raises(IntegrityError), db.transaction():
        post.restore()
    assert post.gone is not None
    with db.transaction():
        post.restore()  # its author comes later
        ann.restore()
    assert [p.id for p in ann.posts] == [2, 1]


def test_undo_puts_back_where_it_was() -> None:
    ann, _bob = two_authors()
    with pytest.raises(ZeroDivisionError), db.transaction():
        Post[1].delete()
        raise ZeroDivisionError
    assert [p.id for p in ann.posts] == [1, 2, 3]


def test_compaction_keeps_them() -> None:
    authors = [Author(name=str(i)) for i in range(3000)]
    kept = authors[::50]
    for author in kept:
        author.delete()
    Author.where(Author.id % 50 != 1 if hasattr(Author.id, "__mod__") else lambda a: a not in kept).delete(force=True)
    db.store.compact()
    assert db.stats().positions < 3000
    assert [a.name for a in kept] == [str(i) for i in range(0, 3000, 50)]
    assert list(Author.only_deleted()) == kept
    for author in kept:
        author.restore()
    assert Author.all()[:] == kept


def test_clear_frees_them() -> None:
    ann, _bob = two_authors()
    ann.delete()
    db.clear()
    assert Author.with_deleted().count() == 0 and db.stats().handles == 0
    with pytest.raises(RecordDeleted):
        _ = ann.name


# ---------------------------------------------------------------- definitions


def test_two_of_them() -> None:
    with pytest.raises(DefinitionError, match=r"Twice\.b is a second deleted_at\(\), beside `a`"):

        class Twice(Model, db=Database()):
            a: Attr[datetime | None] = deleted_at()
            b: Attr[datetime | None] = deleted_at()

        Twice.count()


def test_a_cascade_that_could_not_be_undone() -> None:
    with pytest.raises(DefinitionError) as refusal:
        inner = Database()

        class Top(Model, db=inner):
            deleted_at: Attr[datetime | None] = deleted_at()

        class Below(Model, db=inner):
            top: BelongsTo[Top] = belongs_to(on_delete="cascade")

        inner.check()
    assert "Below.top" in str(refusal.value) and "Below has no deleted_at()" in str(refusal.value)


def fields(**more: Any) -> dict[str, Any]:
    return {"text": str, **more}


def test_defining_anew() -> None:
    own = Database()
    Note: Any = define("Note", fields(), db=own)
    kept = [Note(text=text) for text in "abc"]
    Note = define("Note", fields(gone=field_of_deletion()), db=own)
    assert kept[0].gone is None
    kept[0].delete()
    kept[2].delete()
    assert Note.pluck(Note.text) == ["b"]
    Note = define("Note", fields(gone=field_of_deletion(), stars=field(type=int, default=7)), db=own)
    assert kept[0].stars == 7 and kept[0].text == "a" and kept[2].gone is not None
    Note = define("Note", fields(gone=field_of_deletion(), text=field(type=str, unique=True)), db=own)
    kept[0].restore()  # its text has been interned meanwhile
    assert Note.find_by(text="a") is kept[0]
    with pytest.raises(DefinitionError, match="has 1 soft-deleted record, which `gone` keeps"):
        define("Note", fields(), db=own)
    assert kept[2].text == "c" and Note.only_deleted().count() == 1
    kept[2].delete(force=True)
    Note = define("Note", fields(), db=own)
    with pytest.raises(SinewError, match="none"):
        Note.only_deleted()
    kept[0].delete()
    assert Note.count() == 1
    own.store.check()


def field_of_deletion() -> Any:
    return deleted_at(tz="naive")


def test_values_of_any_class() -> None:
    own = Database()

    class Box(Model, db=own):
        thing: Attr[Any] = field(default=None)
        deleted_at: Attr[datetime | None] = deleted_at()

    box = Box(thing=[1])
    box.thing.append(box)
    box.delete()
    assert box.thing[0] == 1
    box.restore()
    assert box.thing[1] is box
    box.delete()
    box.delete(force=True)
    assert own.stats().handles == 0


@pytest.mark.parametrize("first", ["owner", "guide"])
def test_what_goes_along_keeps_the_keys_that_would_be_nullified(first: str) -> None:
    own = Database()

    class Kept(Model, db=own, abstract=True):
        deleted_at: Attr[datetime | None] = deleted_at()

    class Reader(Kept):
        pass

    class Topic(Kept):
        owner: BelongsTo[Reader | None] = belongs_to(default=None, on_delete="cascade")
        guide: BelongsTo[Reader | None] = belongs_to(default=None, on_delete="nullify")

    one, two = Reader(id=0), Reader()
    owner, guide = (one, two) if first == "owner" else (two, one)
    along, left = Topic(owner=owner, guide=guide), Topic(guide=guide)
    Reader.all().delete()
    assert (along.owner_id, along.guide_id, left.guide_id) == (owner.id, guide.id, None)
    Reader.only_deleted().restore()
    assert along.owner is owner and along.guide is guide and left.guide is None
