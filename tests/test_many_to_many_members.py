"""Many-to-many over a pivot whose one side may be of several models: tags on posts and on videos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    ManyToMany,
    Model,
    NotFound,
    PivotChanges,
    UniqueError,
    belongs_to,
    count,
    define,
    exists,
    field,
    has_many,
    many_to_many,
)

db = Database()


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Post(Base):
    title: Attr[str]
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)


class Video(Base):
    title: Attr[str]
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.videos, order_by=lambda: Tagging.weight)


class Tag(Base):
    label: Attr[str]
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)
    videos: ManyToMany[Video, Tagging] = many_to_many(inverse=lambda: Video.tags)
    taggings: HasMany[Tagging] = has_many()


class Tagging(Base):
    tag: BelongsTo[Tag] = belongs_to()
    subject: BelongsTo[Post | Video] = belongs_to()
    weight: Attr[int | None] = field(default=1)


class World:
    """Posts and videos with the same ids, 0 among them."""

    def __init__(self) -> None:
        self.p0, self.p1 = Post(id=0, title="p0"), Post(id=1, title="p1")
        self.v0, self.v1 = Video(id=0, title="v0"), Video(id=1, title="v1")
        self.a, self.b, self.c = (Tag(id=number, label=label) for number, label in enumerate("abc"))
        self.p0.tags.attach([self.a, self.b], weight=3)
        self.v0.tags.attach({self.b: {"weight": 9}, self.a: {"weight": None}, self.c: {"weight": 5}})


@pytest.fixture
def w() -> Iterator[World]:
    db.clear()
    yield World()
    db.store.check()


def labels(tags: Any) -> str:
    return "".join(tag.label for tag in tags)


def test_each_side_sees_its_own(w: World) -> None:
    assert labels(w.p0.tags) == "ab" and labels(w.v0.tags) == "cba" and labels(w.p1.tags) == labels(w.v1.tags) == ""
    assert w.a.posts == [w.p0] and w.a.videos == [w.v0] and w.c.posts == [] and w.c.videos == [w.v0]
    assert len(w.p0.tags) == 2 and len(w.v0.tags) == 3 and len(w.a.taggings) == 2
    assert w.c in w.v0.tags and w.c not in w.p0.tags and w.v0 in w.c.videos and w.p0 not in w.c.posts
    assert [(tag.label, row.weight) for tag, row in w.v0.tags.pairs()] == [("c", 5), ("b", 9), ("a", None)]
    assert all(row.subject is w.v0 for _, row in w.v0.tags.pairs())


def test_verbs_from_both_sides(w: World) -> None:
    assert w.p0.tags.attach(w.c).attached == [w.c] and w.p0.tags.attach([w.a, w.b]) == PivotChanges([], [], [])
    assert w.c.posts.attach({1: {"weight": 7}}).attached == [w.p1] and w.c.videos.attach(1).attached == [w.v1]
    assert w.p1.tags.pluck(Tagging.weight) == [7] and labels(w.v1.tags) == "c"
    assert w.c.posts.detach(w.p0).detached == [w.p0] and labels(w.v0.tags) == "cba"
    assert w.p0.tags.sync([w.b, w.c]) == PivotChanges([w.c], [w.a], []) and w.a.videos == [w.v0]
    assert w.a.videos.toggle([w.v0, w.v1]) == PivotChanges([w.v1], [w.v0], [])
    assert w.b.videos.update_pivot(w.v0, weight=1).updated == [w.v0] and labels(w.v0.tags) == "bc"
    w.p0.tags = [w.c, w.a, w.b]
    assert labels(w.p0.tags) == "cab"
    made = w.a.videos.create(title="new", pivot={"weight": 2})
    assert labels(made.tags) == "a" and w.p0.tags.detach().detached == [w.c, w.a, w.b]
    with pytest.raises(FieldError, match="takes records of Post, not <Video"):
        w.a.posts.attach(w.v0)
    with pytest.raises(NotFound, match="no Video with the key 9"):
        w.a.videos.attach(9)


def test_pairs_are_unique_within_a_model(w: World) -> None:
    with pytest.raises(UniqueError):
        Tagging(tag=w.a, subject=w.p0)
    Tagging(tag=w.a, subject=w.p1)
    assert w.a.posts == [w.p0, w.p1]


def test_deletes_and_moves(w: World) -> None:
    link = Tagging.find_by(tag=w.c)
    link.subject = w.p1
    assert labels(w.v0.tags) == "ba" and labels(w.p1.tags) == "c" and w.c.posts == [w.p1]
    w.v0.delete()
    assert Tagging.count() == 3 and w.a.videos == [] and labels(w.p0.tags) == "ab"
    w.a.delete()
    assert labels(w.p0.tags) == "b"


def test_queries(w: World) -> None:
    assert Post.where(Post.tags.label == "b").pluck(Post.title) == ["p0"]
    assert Video.where(Video.tags.label == "c").pluck(Video.title) == ["v0"]
    assert Tag.where(Tag.videos.title == "v0").pluck(Tag.label) == ["a", "b", "c"]
    assert Tag.select(Tag.label, p=count(Tag.posts), v=count(Tag.videos)) == [
        {"label": "a", "p": 1, "v": 1},
        {"label": "b", "p": 1, "v": 1},
        {"label": "c", "p": 0, "v": 1},
    ]
    assert Tag.where(exists(Tag.videos, Tagging.weight > 4)).pluck(Tag.label) == ["b", "c"]
    assert Tag.where(exists(Tag.posts, Tagging.weight > 4)).pluck(Tag.label) == []
    assert Tag.select(n=count(Tag.videos, Tagging.weight > 4, Video.title == "v0")) == [{"n": 0}, {"n": 1}, {"n": 1}]
    assert w.v0.tags.where(Tagging.weight > 4).pluck(Tag.label, Tagging.weight) == [("c", 5), ("b", 9)]
    assert w.b.videos.where(Tagging.weight > 4, Video.title == "v0").pluck(Tagging.weight, Video.title) == [(9, "v0")]
    assert w.b.posts.where(Tagging.weight > 4).count() == 0
    assert w.a.videos.order_by(Tagging.weight).pluck(Video.title) == ["v0"]
    assert w.a.posts.group_by(Post.title).agg(n=count()) == [{"title": "p0", "n": 1}]
    assert Post.where(tags=w.a).pluck(Post.title) == ["p0"]
    assert Post.where(Post.tags.videos.title == "v0").pluck(Post.title) == ["p0"]


def test_a_pivot_that_has_no_such_member() -> None:
    own = Database()
    define("Post", {"tags": many_to_many("Tag", pivot="Tagging")}, db=own)
    define("Video", {}, db=own)
    define("Photo", {}, db=own)
    define("Tag", {}, db=own)
    define("Tagging", {"tag": belongs_to("Tag"), "subject": belongs_to("Video | Photo")}, db=own)
    with pytest.raises(DefinitionError, match="goes through Tagging, which has no reference to Post"):
        own.check()


def test_defining_anew() -> None:
    own = Database()
    bodies: dict[str, dict[str, Any]] = {
        "Post": {"tags": many_to_many("Tag", pivot="Tagging")},
        "Video": {"tags": many_to_many("Tag", pivot="Tagging")},
        "Tag": {"videos": many_to_many("Video", pivot="Tagging")},
        "Tagging": {"tag": belongs_to("Tag"), "subject": belongs_to("Post | Video")},
    }
    for name, fields in bodies.items():
        define(name, fields, db=own)
    m = own.models
    post, video, tag, other = m["Post"](), m["Video"](), m["Tag"](), m["Tag"]()
    post.tags.attach([tag, other])
    video.tags.attach([other])
    for name, fields in bodies.items():
        define(name, {**fields, "extra": field(type=int, default=7)}, db=own)
        assert list(post.tags) == [tag, other] and list(video.tags) == [other] and list(other.videos) == [video]
        assert tag in post.tags and tag not in video.tags
        own.store.check()
    define("Video", {"extra": field(type=int, default=7)}, db=own)
    post.delete()
    assert m["Tagging"].count() == 1
