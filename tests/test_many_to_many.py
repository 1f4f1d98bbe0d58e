"""Many-to-many: links through a pivot, their data in queries, every verb, declarations, redefinition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
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
    Invalid,
    KeyedModel,
    Links,
    ManyToMany,
    Model,
    NotFound,
    PivotChanges,
    Query,
    RecordDeleted,
    RelationError,
    UniqueError,
    UnknownName,
    avg,
    belongs_to,
    count,
    define,
    deleted_at,
    exists,
    field,
    has_many,
    many_to_many,
    max_,
    now,
    sum_,
    validates,
)

db = Database()
NOTHING = PivotChanges([], [], [])


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Post(Base):
    title: Attr[str]
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    heavy: ManyToMany[Tag, Tagging] = many_to_many(where=lambda: Tagging.weight > 2)
    noted: ManyToMany[Tag, Tagging] = many_to_many(where=lambda: (Tagging.note == "x") & (Tag.kind == "k"))
    ranked: ManyToMany[Tag, Tagging] = many_to_many(order_by=lambda: (Tagging.weight.desc(), Tag.label))
    named: ManyToMany[Tag, Tagging] = many_to_many(order_by="label")
    marks: ManyToMany[Tag, Mark] = many_to_many(unique=False, inverse=lambda: Tag.marked)
    loose: ManyToMany[Tag] = many_to_many()
    taggings: HasMany[Tagging] = has_many()


class Tag(Base):
    label: Attr[str] = field(unique=True)
    kind: Attr[str | None] = field(default=None)
    price: Attr[Decimal] = field(default=Decimal(1))
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)
    marked: ManyToMany[Post, Mark] = many_to_many(inverse=lambda: Post.marks)


class Tagging(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int | None] = field(default=1)
    note: Attr[str | None] = field(default=None)
    share: Attr[Decimal] = field(default=Decimal("0.5"))

    @validates("weight")
    def _weight(self, value: int) -> int:
        if value < 0:
            raise Invalid("is negative")
        return min(value, 100)


class Mark(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag | None] = belongs_to(default=None)
    at: Attr[int | None] = field(default=None)


class User(Base):
    name: Attr[str]
    following: ManyToMany[User, Follow] = many_to_many(inverse=lambda: User.followers, foreign_key="follower")
    followers: ManyToMany[User, Follow] = many_to_many(inverse=lambda: User.following, foreign_key="followed")
    blocked: ManyToMany[User] = many_to_many()
    friends: ManyToMany[User, Friendship] = many_to_many(symmetric=True, foreign_key="a", other_key="b")
    close: ManyToMany[User, Friendship] = many_to_many(
        symmetric=True,
        foreign_key="a",
        other_key="b",
        where=lambda: (Friendship.since > 5) & (User.name != "q"),
        order_by=lambda: User.name.desc(),
    )
    peers: ManyToMany[User] = many_to_many(symmetric=True)


class Follow(Base, primary_key=("follower", "followed")):
    follower: BelongsTo[User] = belongs_to()
    followed: BelongsTo[User] = belongs_to()
    since: Attr[int] = field(default=0)


class Friendship(Base):
    a: BelongsTo[User] = belongs_to()
    b: BelongsTo[User] = belongs_to()
    since: Attr[int | None] = field(default=0)


class Shelf(KeyedModel, db=db, primary_key=("room", "number")):
    room: Attr[str]
    number: Attr[int]
    books: ManyToMany[Book, Placing] = many_to_many()


class Book(KeyedModel, db=db):
    isbn: Attr[str] = field(primary_key=True)
    shelves: ManyToMany[Shelf, Placing] = many_to_many()


class Placing(Base):
    shelf: BelongsTo[Shelf] = belongs_to()
    book: BelongsTo[Book] = belongs_to()
    copies: Attr[int] = field(default=1)


class World:
    """Two posts with tags, one without; two tags in use, one for one post, one unused; ids begin at 0."""

    def __init__(self) -> None:
        self.one, self.two, self.three = (Post(id=i, title=title) for i, title in enumerate(["one", "two", "three"]))
        self.a, self.b, self.c, self.d = (
            Tag(id=number, label=label, kind=kind)
            for number, (label, kind) in enumerate([("a", "k"), ("b", None), ("c", "k"), ("d", None)])
        )
        self.one.tags.attach(self.b, weight=5)
        self.one.tags.attach({self.a: {"weight": 2, "note": "x"}, 2: {"weight": None}})
        self.two.tags.attach([self.a, self.b], weight=3)


@pytest.fixture
def w() -> Iterator[World]:
    db.clear()
    yield World()
    db.store.check()


def labels(tags: Any) -> str:
    return "".join(tag.label for tag in tags)


def titles(posts: Any) -> list[str]:
    return [post.title for post in posts]


def state() -> list[Any]:
    return [
        *(each.to_dict() for model in (Post, Tag, Tagging, Mark, User, Follow) for each in model.all()),
        *([each.id for each in post.tags] for post in Post.all()),
        *([each.id for each in tag.posts] for tag in Tag.all()),
        *(each.to_dict() for each in db.models["PostLoose"].all()),
    ]


def refused(action: Callable[[], Any], error: type[Exception], *words: str) -> None:
    before = state()
    with pytest.raises(error) as caught:
        action()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert state() == before


# ---------------------------------------------------------------- reading


def test_both_sides_show_the_links(w: World) -> None:
    assert labels(w.one.tags) == "bac" and labels(w.two.tags) == "ab" and labels(w.three.tags) == ""
    assert titles(w.a.posts) == ["one", "two"] and titles(w.c.posts) == ["one"] and titles(w.d.posts) == []
    assert len(w.one.tags) == 3 and len(w.d.posts) == 0 and w.one.tags.count() == 3
    assert w.a in w.one.tags and w.c not in w.two.tags and w.one in w.b.posts and w.three not in w.a.posts
    assert "a" not in w.one.tags and w.one not in w.one.tags and None not in w.one.tags
    assert w.one.tags[0] is w.b and w.one.tags[-1] is w.c and w.one.tags[1:] == [w.a, w.c]
    assert bool(w.one.tags) and not w.three.tags and w.one.tags.exists()
    assert isinstance(w.one.tags, Links) and isinstance(w.one.tags, Query)
    with pytest.raises(IndexError):
        w.three.tags[0]


def test_pairs_have_the_pivot(w: World) -> None:
    assert [(tag.label, row.weight) for tag, row in w.one.tags.pairs()] == [("b", 5), ("a", 2), ("c", None)]
    assert all(row.post is w.one and row.tag is tag for tag, row in w.one.tags.pairs())
    assert [(post.title, row.weight) for post, row in w.b.posts.pairs()] == [("one", 5), ("two", 3)]
    assert list(w.three.tags.pairs()) == []


def test_moving_a_link_by_hand_shows_on_both_sides(w: World) -> None:
    link = Tagging.find_by(post=w.one, tag=w.b)
    link.tag = w.d
    assert labels(w.one.tags) == "dac" and titles(w.b.posts) == ["two"] and titles(w.d.posts) == ["one"]
    link.post = w.three
    assert labels(w.one.tags) == "ac" and labels(w.three.tags) == "d"
    link.delete()
    assert labels(w.three.tags) == "" and w.d not in w.three.tags


def test_deleting_either_side_deletes_its_links(w: World) -> None:
    w.a.delete()
    assert labels(w.one.tags) == "bc" and Tagging.count() == 3
    w.one.delete()
    assert Tagging.count() == 1 and titles(w.b.posts) == ["two"] and Tag.count() == 3


def test_a_collection_of_a_deleted_record(w: World) -> None:
    tags = w.one.tags
    w.one.delete()
    for action in (lambda: list(tags), lambda: tags.attach(w.a), lambda: w.a in tags, lambda: tags.detach()):
        refused(action, RecordDeleted)
    assert "out of reach" in repr(tags)
    w.d.delete()
    refused(lambda: w.two.tags.attach(w.d), RecordDeleted)
    assert w.d not in w.two.tags


def test_where_of_a_relation(w: World) -> None:
    assert labels(w.one.heavy) == "b" and len(w.one.heavy) == 1 and w.a not in w.one.heavy and w.b in w.one.heavy
    assert labels(w.two.heavy) == "ab" and labels(w.one.noted) == "a"
    assert Post.where(Post.heavy.label == "a").pluck(Post.title) == ["two"]
    assert Post.select(n=count(Post.heavy)) == [{"n": 1}, {"n": 2}, {"n": 0}]
    assert [row.weight for _, row in w.two.heavy.pairs()] == [3, 3]


def test_order_of_a_relation(w: World) -> None:
    assert labels(w.one.ranked) == "bac" and labels(w.two.ranked) == "ab" and labels(w.one.named) == "abc"
    w.one.tags.update_pivot(w.c, weight=5)
    assert labels(w.one.ranked) == "bca"
    w.b.label = "z"
    assert labels(w.one.ranked) == "cza" and labels(w.one.named) == "acz"
    assert [tag.label for tag, _ in w.one.ranked.pairs()] == ["c", "z", "a"]


# ---------------------------------------------------------------- queries


def test_paths_over_links(w: World) -> None:
    assert Post.where(Post.tags.label == "b").pluck(Post.title) == ["one", "two"]
    assert Post.where(~(Post.tags.label == "c")).pluck(Post.title) == ["two", "three"]
    assert Post.where(Post.tags.label != "a").pluck(Post.title) == ["one", "two"]
    assert Post.where(tags=w.c).pluck(Post.title) == ["one"]
    assert Post.where(tags=[w.c, w.a]).pluck(Post.title) == ["one", "two"]
    assert Post.where(~exists(Post.tags)).pluck(Post.title) == ["three"]
    assert Post.where(count(Post.tags) >= 2).order_by(count(Post.tags)).pluck(Post.title) == ["two", "one"]
    assert Tag.select(Tag.label, n=count(Tag.posts)) == [
        {"label": "a", "n": 2},
        {"label": "b", "n": 2},
        {"label": "c", "n": 1},
        {"label": "d", "n": 0},
    ]
    assert Post.where(Post.tags.posts.title == "two").pluck(Post.title) == ["one", "two"]
    assert Post.select(n=count(Post.tags.posts), m=count(Post.tags.posts, distinct=False)) == [
        {"n": 2, "m": 5},
        {"n": 2, "m": 4},
        {"n": 0, "m": 0},
    ]
    assert Post.select(p=sum_(Post.tags.price)) == [{"p": Decimal(3)}, {"p": Decimal(2)}, {"p": 0}]


def test_conditions_on_the_pivot_in_exists(w: World) -> None:
    def found(*conditions: Any) -> list[str]:
        return Post.where(exists(Post.tags, *conditions)).pluck(Post.title)

    assert found(Tag.label == "a", Tagging.weight > 2) == ["two"]
    assert found(Tag.label == "b", Tagging.weight > 2) == ["one", "two"]
    assert found((Tag.label == "c") & (Tagging.weight > 2)) == []
    assert found((Tag.label == "c") | (Tagging.weight == 3)) == ["one", "two"]
    assert found(Tagging.weight.is_null()) == ["one"] and found(~(Tagging.weight > 1)) == ["one"]
    assert found(Tagging.weight == 3, Tag.posts.title == "one") == ["two"]
    assert found(Tagging.tag.label == "c") == ["one"] and found(Tagging.post.is_(w.two)) == ["two"]
    assert found(Tagging.share * 2 == Decimal(1), Tag.label == "c") == ["one"]
    assert found(Tagging.note == Post.title) == []
    w.one.tags.update_pivot(w.a, note="one")
    assert found(Tagging.note == Post.title) == ["one"] and found(Tagging.note == Post.title, Tag.label == "b") == []
    assert Post.where(exists(Post.tags.posts, Tagging.weight == 2)).pluck(Post.title) == ["one", "two"]
    assert Post.where(exists(Post.heavy, Tagging.weight < 5)).pluck(Post.title) == ["two"]
    assert Tagging.where(exists(Tagging.post.tags, Tagging.weight > 3)).count() == 3


def test_conditions_on_the_pivot_in_aggregates(w: World) -> None:
    def counted(*conditions: Any, path: Any = None) -> list[int]:
        return [row["n"] for row in Post.select(n=count(Post.tags if path is None else path, *conditions))]

    assert counted(Tagging.weight > 2) == [1, 2, 0] and counted(Tagging.weight > 2, Tag.label == "a") == [0, 1, 0]
    assert counted(Tagging.weight > 2, path=Post.tags.posts) == [2, 2, 0]
    assert counted(Tagging.weight == 5, path=Post.tags.posts) == [1, 1, 0]
    assert counted(Tagging.weight < 5, path=Post.heavy) == [0, 2, 0]
    assert Post.where(count(Post.tags, Tagging.weight >= 3) == 0).pluck(Post.title) == ["three"]
    assert Post.select(p=sum_(Post.tags.price, Tagging.weight > 2)) == [{"p": 1}, {"p": 2}, {"p": 0}]
    assert Post.select(m=max_(Post.tags.label, Tagging.weight > 2)) == [{"m": "b"}, {"m": "b"}, {"m": None}]
    with pytest.raises(FieldError, match=r"write it with exists"):
        Post.select(n=count(Post.tags, Tagging.share * 2 == Decimal(1)))
    with pytest.raises(RelationError, match="Tag and Tagging"):
        Post.select(n=count(Post.tags, Tagging.note == Post.title))


def test_pivot_data_in_a_collection(w: World) -> None:
    tags = w.one.tags
    assert labels(tags.where(Tagging.weight > 1)) == "ba" and labels(tags.where(Tagging.weight > 1, label="a")) == "a"
    assert labels(tags.order_by(Tagging.weight)) == "abc" and labels(tags.order_by(Tagging.weight.desc())) == "bac"
    assert labels(tags.order_by(Tag.kind, Tagging.weight.desc())) == "acb"
    assert tags.pluck(Tag.label, Tagging.weight) == [("b", 5), ("a", 2), ("c", None)]
    assert tags.where(Tag.kind == "k").pluck(Tagging.weight) == [2, None]
    assert tags.where(Tagging.weight > 1).select(Tag.label, w=Tagging.weight * 2) == [
        {"label": "b", "w": 10},
        {"label": "a", "w": 4},
    ]
    assert tags.where(Tagging.weight > 1).order_by(Tag.label).first() is w.a
    assert tags.order_by(Tagging.weight).last() is w.c and tags.order_by(Tagging.weight)[1] is w.b
    assert tags.where(Tagging.weight > 4).one() is w.b and tags.where(Tagging.weight > 9).one_or_none() is None
    assert tags.where(Tagging.weight > 1).count() == 2 and tags.where(Tagging.weight > 9).exists() is False
    assert w.b in tags.where(Tagging.weight > 4) and w.a not in tags.where(Tagging.weight > 4)
    assert tags.order_by(Tagging.weight).offset(1).limit(1).pluck(Tag.label) == ["b"]
    assert labels(tags.where(lambda tag: tag.label != "a").where(Tagging.weight > 1)) == "b"
    assert tags.where(lambda tag: tag.label != "a").limit(1).pluck(Tagging.weight, Tag.label) == [(5, "b")]
    assert tags.sum(Tagging.weight) == 7 and tags.max(Tagging.weight) == 5 and tags.avg(Tagging.share) == Decimal("0.5")
    assert tags.where(Tagging.share * 2 == Decimal(1)).count() == 3
    assert tags.where(Tagging.share * Tag.price == Decimal("0.5")).count() == 3
    assert tags.group_by(Tag.kind).agg(n=count(), w=sum_(Tagging.weight)) == [
        {"kind": None, "n": 1, "w": 5},
        {"kind": "k", "n": 2, "w": 2},
    ]
    assert tags.group_by(Tagging.post).agg(n=count()) == [{"post": w.one, "n": 3}]
    assert tags.where(Tagging.weight > 1).get(0) is w.a
    assert [len(batch) for batch in tags.where(Tagging.weight > 1).in_batches(1)] == [1, 1]
    assert tags.where(exists(Tag.posts, Post.title == "two"), Tagging.weight > 2).pluck(Tag.label) == ["b"]
    assert tags.where(Tag.posts.title == "two", Tagging.weight > 2).pluck(Tag.label) == ["b"]
    assert (
        labels(w.one.heavy.where(Tagging.weight < 9)) == "b" and labels(w.one.ranked.where(Tagging.weight > 0)) == "ba"
    )
    assert tags.where(Tagging.weight > 1).explain().rows_found == 2
    assert "Tagging.weight > 1" in repr(tags.where(Tagging.weight > 1))
    assert tags.where(Tagging.weight > count(Tag.posts)).pluck(Tag.label) == ["b"]
    assert tags.order_by(count(Tag.posts), Tagging.weight).pluck(Tag.label) == ["c", "a", "b"]


def test_queries_with_pivot_data_change_the_targets(w: World) -> None:
    assert w.one.tags.where(Tagging.weight > 1).update(kind="new") == 2
    assert Tag.where(kind="new").pluck(Tag.label) == ["a", "b"]
    assert w.one.tags.where(Tagging.weight > 4).delete() == 1
    assert labels(w.two.tags) == "a" and Tagging.count() == 3


def test_a_query_sees_the_store_as_it_is(w: World) -> None:
    query = w.one.tags.where(Tagging.weight > 1)
    assert labels(query) == "ba"
    w.one.tags.update_pivot(w.b, weight=0)
    assert labels(query) == "a" and query.where(Tag.label == "a").count() == 1
    w.one.tags.detach()
    assert list(query) == []


def test_columns_of_the_pivot_elsewhere_are_refused(w: World) -> None:
    with pytest.raises(RelationError, match=r"Tagging.weight speaks of Tagging, but here the rows are those of Tag"):
        Tag.where(Tagging.weight > 1)
    with pytest.raises(RelationError, match="write `Post.taggings.weight`"):
        Post.where(Tagging.weight > 1)
    with pytest.raises(
        RelationError, match="Post.title speaks of Post, but here the rows are those of Tag and Tagging"
    ):
        w.one.tags.where(Post.title == "x", Tagging.weight > 1)


# ---------------------------------------------------------------- verbs


def test_attach(w: World) -> None:
    three = w.three.tags
    assert three.attach(w.a) == PivotChanges([w.a], [], []) and three.attach(w.a) == NOTHING
    assert three.attach(0, weight=7) == PivotChanges([], [], [w.a]) and three.attach(w.a, weight=7) == NOTHING
    assert three.attach([w.a, 1, w.c], weight=7).attached == [w.b, w.c]
    assert three.attach({3: {"weight": 9}, w.a: {"note": "n"}, w.b: {}}) == PivotChanges([w.d], [], [w.a])
    assert three.pluck(Tag.label, Tagging.weight, Tagging.note) == [
        ("a", 7, "n"),
        ("b", 7, None),
        ("c", 7, None),
        ("d", 9, None),
    ]
    assert three.attach([]) == NOTHING and three.attach({}) == NOTHING
    assert three.attach(iter([w.a])).updated == [] and three.attach(w.one.tags, weight=1).updated == [w.b, w.a, w.c]
    assert titles(w.d.posts) == ["three"]


def test_values_of_the_mapping_win_over_common_ones(w: World) -> None:
    w.three.tags.attach({w.a: {"weight": 8}, w.b: {}}, weight=4)
    assert w.three.tags.pluck(Tagging.weight) == [8, 4]


def test_validators_and_defaults_of_the_pivot_run(w: World) -> None:
    w.three.tags.attach([w.a, w.b], weight=1000)
    w.three.tags.attach(w.c, weight=1000)
    assert w.three.tags.pluck(Tagging.weight) == [100, 100, 100]
    w.three.tags.attach(w.d)
    assert w.three.tags.pluck(Tagging.weight)[3] == 1
    for action in (
        lambda: w.three.tags.attach(w.a, weight=-1),
        lambda: w.two.tags.attach(w.c, weight=-1),
        lambda: w.two.tags.attach({w.d: {}, w.c: {"weight": -1}}),
        lambda: w.two.tags.sync({w.a: {"weight": 8}, w.b: {"weight": -1}}),
    ):
        refused(action, Invalid, "weight: is negative")


def test_detach(w: World) -> None:
    tags = w.one.tags
    assert tags.detach([]) == NOTHING and tags.detach(w.d) == NOTHING and len(tags) == 3
    assert tags.detach(0) == PivotChanges([], [w.a], []) and labels(tags) == "bc" and labels(w.two.tags) == "ab"
    assert tags.detach([w.d, w.c, 1]).detached == [w.c, w.b] and len(tags) == 0
    assert w.two.tags.detach().detached == [w.a, w.b] and Tagging.count() == 0 and Tag.count() == 4
    assert w.two.tags.detach() == NOTHING


def test_sync(w: World) -> None:
    rows = dict(w.one.tags.pairs())
    changes = w.one.tags.sync([w.d, w.a])
    assert changes == PivotChanges([w.d], [w.b, w.c], []) and labels(w.one.tags) == "ad"
    assert dict(w.one.tags.pairs())[w.a] is rows[w.a] and rows[w.a].weight == 2
    assert w.one.tags.sync({w.a: {"weight": 9}, 3: {"weight": 1}}) == PivotChanges([], [], [w.a])
    assert w.one.tags.sync([w.a, w.d], weight=4).updated == [w.a, w.d]
    assert w.one.tags.sync(w.a).detached == [w.d] and w.one.tags.sync([]).detached == [w.a]
    assert labels(w.two.tags) == "ab"


def test_toggle(w: World) -> None:
    assert w.one.tags.toggle([w.a, w.d], weight=6) == PivotChanges([w.d], [w.a], [])
    assert labels(w.one.tags) == "bcd" and dict(w.one.tags.pairs())[w.d].weight == 6
    assert w.one.tags.toggle(w.d).detached == [w.d] and w.one.tags.toggle([]) == NOTHING


def test_update_pivot(w: World) -> None:
    assert w.one.tags.update_pivot(w.a, weight=9).updated == [w.a]
    assert w.one.tags.update_pivot(0, weight=9).updated == [] and labels(w.one.ranked) == "abc"
    assert [row.weight for _, row in w.two.tags.pairs()] == [3, 3]
    refused(
        lambda: w.one.tags.update_pivot(w.d, weight=1), NotFound, "<Tag 3", "is not in Post.tags of <Post 0", "attach()"
    )
    refused(lambda: w.three.tags.update_pivot([w.a, w.b], weight=1), NotFound, "are not in Post.tags")
    refused(lambda: w.one.tags.update_pivot(w.a, wieght=1), UnknownName, "wieght", "did you mean `weight`")


def test_the_collection_verbs(w: World) -> None:
    tags = w.three.tags
    tags.append(w.b)
    tags.add(w.a, w.b)
    tags.add()
    tags.extend([w.b, w.c])
    tags += [w.d]
    assert labels(tags) == "bacd"
    tags.remove(w.a)
    tags.discard(w.a)
    refused(lambda: tags.remove(w.a), NotFound, "<Tag 0", "discard()")
    assert labels(tags) == "bcd"
    tags.clear()
    assert labels(tags) == "" and Tag.count() == 4 and len(w.one.tags) == 3
    w.three.tags += [w.a]
    assert labels(w.three.tags) == "a"
    assert w.three.tags == [w.a] and w.three.tags == w.three.tags and w.three.tags != w.one.tags


def test_create_through_links(w: World) -> None:
    made = w.three.tags.create(label="new", pivot={"weight": 8})
    assert made in w.three.tags and w.three.tags.pluck(Tag.label, Tagging.weight) == [("new", 8)]
    listed = w.three.tags.create_many([{"label": "x", "pivot": {"note": "n"}}, {"label": "y"}])
    assert labels(listed) == "xy" and w.three.tags.pluck(Tagging.note) == [None, "n", None]
    assert w.three.tags.create_many([]) == []
    refused(lambda: w.three.tags.create(label="a"), UniqueError, "label='a'")
    refused(lambda: w.three.tags.create(label="q", pivot={"weight": -1}), Invalid)
    refused(lambda: w.three.tags.create_many([{"label": "q"}, {"label": "q"}]), UniqueError)
    refused(lambda: w.three.tags.create(label="q", pivot=3), FieldError, "pivot=", "3")
    refused(lambda: w.three.tags.create_many(["q"]), FieldError, "mappings", "'q'")
    refused(lambda: w.three.tags.create(label="q", pivot={"post": w.one}), RelationError, "Tagging.post itself")
    post = w.d.posts.create(title="four")
    assert titles(w.d.posts) == ["four"] and labels(post.tags) == "d"


def test_assignment_syncs_with_the_order(w: World) -> None:
    rows = dict(w.one.tags.pairs())
    w.one.tags = [w.c, w.d, w.b]
    assert labels(w.one.tags) == "cdb" and Tagging.count() == 5
    again = dict(w.one.tags.pairs())
    assert again[w.b] is rows[w.b] and again[w.c] is rows[w.c] and again[w.b].weight == 5
    w.one.tags = [3, 2]
    assert labels(w.one.tags) == "dc"
    w.one.tags = {w.a: {"weight": 4}, w.d: {}}
    assert w.one.tags.pluck(Tag.label, Tagging.weight) == [("a", 4), ("d", 1)]
    w.one.tags = w.one.tags
    w.one.tags = reversed(list(w.one.tags))
    assert labels(w.one.tags) == "da" and titles(w.a.posts) == ["two", "one"]
    w.one.tags = w.two.tags
    assert labels(w.one.tags) == "ab"
    w.one.tags = []
    assert labels(w.one.tags) == "" and labels(w.two.tags) == "ab"


def test_a_unit_undoes_everything(w: World) -> None:
    before, rows = state(), dict(w.one.tags.pairs())
    with db.transaction() as tx:
        w.one.tags = [w.d, w.c]
        w.two.tags.detach()
        w.three.tags.create(label="z")
        tx.rollback()
    assert state() == before and dict(w.one.tags.pairs()) == rows


@pytest.mark.parametrize("verb", ["attach", "detach", "sync", "toggle", "update_pivot", "assign", "extend"])
def test_what_is_refused_as_target(w: World, verb: str) -> None:
    def call(target: Any) -> Callable[[], Any]:
        if verb == "assign":
            return lambda: setattr(w.one, "tags", target)
        return lambda: getattr(w.one.tags, verb)(target)

    refused(call(99), NotFound, "Post.tags", "no Tag with the key 99")
    refused(call([0, 98, 99]), NotFound, "keys 98, 99")
    refused(call(w.two), FieldError, "takes records of Tag, not <Post 1", "Post")
    refused(call([w.a, w.two]), FieldError, "takes records of Tag")
    refused(call("a"), FieldError)
    refused(call(["a"]), FieldError)
    refused(call(None), FieldError, "not None")
    refused(call([None]), FieldError, "not None")
    refused(call(1.5), FieldError)
    refused(call(True), FieldError)
    refused(call({w.a: 3}), FieldError, "pivot's values", "3")
    refused(call([w.a, 0]), RelationError, "given <Tag 0 label='a'", "twice", "unique=False")
    refused(call({w.a: {}, 0: {}}), RelationError, "twice")
    refused(call({w.a: {"post": w.two}}), RelationError, "Tagging.post itself")
    refused(call({w.a: {"tag_id": 3}}), RelationError, "Tagging.tag itself")
    refused(call([w.a, [w.b]]), FieldError)


def test_what_is_refused_as_pivot_data(w: World) -> None:
    refused(lambda: w.one.tags.attach(w.d, wieght=1), UnknownName, "wieght")
    refused(lambda: w.one.tags.attach([w.d, w.a], wieght=1), UnknownName, "wieght")
    refused(lambda: w.one.tags.attach(w.d, weight="x"), FieldError, "Tagging.weight", "'x'")
    refused(lambda: w.one.tags.attach(w.a, weight="x"), FieldError, "Tagging.weight", "'x'")
    refused(lambda: w.one.tags.attach(w.d, post=w.two), RelationError, "post=")
    refused(lambda: w.one.tags.nothing(), UnknownName, "a Links has no `nothing`")
    refused(lambda: w.one.tags.atach(w.d), UnknownName, "did you mean `attach`")


def test_records_of_another_database_are_refused(w: World) -> None:
    other = define("Tag", {"label": str}, db=Database())(label="a")
    refused(lambda: w.one.tags.attach(other), FieldError, "another database")


def test_what_the_where_of_a_relation_refuses(w: World) -> None:
    w.three.noted.attach(w.a)
    assert labels(w.three.noted) == "a" and dict(w.three.tags.pairs())[w.a].note == "x"
    made = w.three.noted.create(label="new")
    assert made.kind == "k" and dict(w.three.tags.pairs())[made].note == "x"
    refused(lambda: w.three.noted.attach(w.b), RelationError, "Post.noted holds only", "Tagging.note == 'x'", "<Tag 1")
    refused(lambda: w.three.noted.attach(w.c, note="y"), RelationError, "Post.noted holds only")
    refused(lambda: w.three.noted.update_pivot(w.a, note="y"), RelationError, "Post.noted holds only")
    refused(lambda: w.three.noted.create(label="q", kind="z"), RelationError, "Post.noted holds only")
    refused(lambda: w.three.noted.sync([w.c, w.b]), RelationError, "Post.noted holds only")
    refused(lambda: w.one.heavy.attach(w.a, weight=9), UniqueError, "post_id=0, tag_id=0")
    w.three.tags.attach(w.d)
    assert w.three.noted.detach().detached == [w.a, made] and labels(w.three.tags) == "d"
    w.three.heavy = {w.b: {"weight": 3}, w.a: {"weight": 4}}
    assert labels(w.three.heavy) == "ba" and labels(w.three.tags) == "dba"


# ---------------------------------------------------------------- unique pairs, or not


def test_pairs_are_unique_in_a_pivot_declared_by_hand(w: World) -> None:
    refused(lambda: Tagging(post=w.one, tag=w.a), UniqueError, "post_id=0, tag_id=0")
    refused(lambda: Tagging.insert_many([{"post": w.three, "tag": w.a}] * 2), UniqueError)
    link = Tagging.find_by(post=w.one, tag=w.a)
    refused(lambda: setattr(link, "tag", w.b), UniqueError)


def test_several_links_of_one_pair(w: World) -> None:
    marks = w.one.marks
    assert marks.attach(w.a, at=1).attached == [w.a] and marks.attach([w.a, w.b, w.a], at=2).attached == [w.a, w.b, w.a]
    assert labels(marks) == "aaba" and len(marks) == 4 and [row.at for _, row in marks.pairs()] == [1, 2, 2, 2]
    assert [post.title for post in w.a.marked] == ["one"] * 3
    assert w.a in marks and w.c not in marks
    assert Post.select(n=count(Post.marks), m=count(Post.marks, distinct=False))[0] == {"n": 4, "m": 4}
    assert marks.where(Mark.at == 2).pluck(Tag.label) == ["a", "b", "a"] and marks.sum(Mark.at) == 7
    assert marks.where(Mark.at == 2).count() == 3 and marks.count() == 4
    assert marks.update_pivot(w.a, at=5).updated == [w.a] * 3
    assert marks.toggle([w.b, w.c]) == PivotChanges([w.c], [w.b], [])
    assert marks.sync([w.a, w.c, w.a]) == PivotChanges([], [w.a], [])
    w.one.marks = [w.c, w.a, w.c, w.a]
    assert labels(w.one.marks) == "caca"
    assert marks.detach(w.a).detached == [w.a, w.a] and labels(marks) == "cc"
    marks.create(label="n", pivot={"at": 3})
    assert labels(marks) == "ccn"
    assert marks.where(Tag.label == "c").update(kind="u") == 1 and w.c.kind == "u"
    assert marks.where(Mark.at.is_null()).update(kind="v") == 1 and w.c.kind == "v"
    marks.remove(w.c)
    assert labels(marks) == "n"


def test_links_without_a_target_are_no_entries(w: World) -> None:
    row = Mark(post=w.one, at=1)
    w.one.marks.attach(w.a, at=2)
    assert labels(w.one.marks) == "a" and len(w.one.marks) == 1 and w.one.marks.where(Mark.at > 0).count() == 1
    assert list(w.one.marks.pairs()) == [(w.a, Mark.find_by(tag=w.a))]
    assert w.one.marks.pluck(Mark.at) == [2] and w.one.marks.sync([w.b]).detached == [w.a]
    row.tag = w.b
    assert labels(w.one.marks) == "bb"


# ---------------------------------------------------------------- links within one model


@pytest.fixture
def users(w: World) -> list[Any]:
    return [User(id=i, name=name) for i, name in enumerate("xyz")]


def test_followers_and_following(users: list[Any]) -> None:
    x, y, z = users
    assert x.following.attach([y, z], since=3).attached == [y, z]
    y.followers.attach(z, since=1)
    x.following.attach(x)
    assert [u.name for u in x.following] == ["y", "z", "x"] and [u.name for u in y.followers] == ["x", "z"]
    assert [u.name for u in x.followers] == ["x"] and [u.name for u in z.following] == ["y"]
    assert x in x.followers and y not in z.followers and z in y.followers
    assert y.followers.where(Follow.since > 1).pluck(User.name) == ["x"]
    assert y.followers.pluck(User.name, Follow.since, Follow.followed.name) == [("x", 3, "y"), ("z", 1, "y")]
    assert User.where(exists(User.following, User.name == "y", Follow.since > 1)).pluck(User.name) == ["x"]
    assert User.where(User.following.following.name == "y").pluck(User.name) == ["x"]
    assert User.select(n=count(User.following), m=count(User.followers)) == [
        {"n": 3, "m": 1},
        {"n": 0, "m": 2},
        {"n": 1, "m": 1},
    ]
    assert y.followers.detach().detached == [x, z] and [u.name for u in x.following] == ["z", "x"]
    x.delete()
    assert Follow.count() == 0
    assert (Follow.count(), User.count()) == (0, 2)


def test_a_pivot_with_a_composite_key(users: list[Any]) -> None:
    x, y, z = users
    x.following = [z, y, x]
    assert [u.name for u in x.following] == ["z", "y", "x"] and Follow[0, 2].follower is x
    assert x.following.sync([y]).detached == [z, x] and Follow.count() == 1


def test_links_within_one_model_by_a_pivot_that_is_made(users: list[Any]) -> None:
    x, y, _ = users
    x.blocked.attach(y)
    row = dict(x.blocked.pairs())[y]
    assert row.from_user is x and row.to_user is y and list(y.blocked) == []
    assert type(row) is db.models["UserBlocked"] and row.id == 1


# ---------------------------------------------------------------- links that look the same from both sides


def names(users: Any) -> str:
    return "".join(user.name for user in users)


def test_friends(users: list[Any]) -> None:
    x, y, z = users
    assert x.friends.attach(y, since=9).attached == [y] and z.friends.attach([x], since=2).attached == [x]
    assert names(x.friends) == "yz" and names(y.friends) == "x" and names(z.friends) == "x"
    assert len(x.friends) == 2 and y in x.friends and x in y.friends and z not in y.friends and x not in x.friends
    assert Friendship.count() == 2 and x.friends[0] is y and x.friends[-1] is z
    assert [(user.name, row.since) for user, row in x.friends.pairs()] == [("y", 9), ("z", 2)]
    assert [(user.name, row.since) for user, row in y.friends.pairs()] == [("x", 9)]
    assert y.friends.attach(x) == NOTHING and y.friends.attach(x, since=10).updated == [x]
    assert dict(x.friends.pairs())[y].since == 10 and Friendship.count() == 2
    assert x.friends.update_pivot([y, z], since=7).updated == [y, z]
    assert z.friends.toggle([x, y]) == PivotChanges([y], [x], []) and names(x.friends) == "y"
    assert y.friends.sync([z]) == PivotChanges([], [x], []) and names(x.friends) == "" and names(z.friends) == "y"
    refused(lambda: x.friends.update_pivot(y, since=1), NotFound, "is not in User.friends")
    refused(lambda: x.friends.attach([y, 1]), RelationError, "twice")
    x.friends = [z, y]
    assert sorted(names(x.friends)) == ["y", "z"] and names(y.friends) == "zx" and Friendship.count() == 3
    made = y.friends.create(name="w", pivot={"since": 3})
    assert names(made.friends) == "y" and made.friends.pluck(Friendship.since) == [3]
    assert y.friends.detach().detached and names(x.friends) == "z" and Friendship.count() == 1
    x.delete()
    assert Friendship.count() == 0 and names(z.friends) == ""


def test_a_friend_of_oneself(users: list[Any]) -> None:
    x, y, _ = users
    x.friends.attach([x, y], since=4)
    assert names(x.friends) == "xy" and len(x.friends) == 2 and x in x.friends and names(y.friends) == "x"
    assert [(user.name, row.since) for user, row in x.friends.pairs()] == [("x", 4), ("y", 4)]
    assert x.friends.where(Friendship.since > 1).order_by(User.name.desc()).pluck(User.name) == ["y", "x"]
    assert x.friends.detach(x).detached == [x] and names(x.friends) == "y"


def test_queries_over_friends(users: list[Any]) -> None:
    x, y, z = users
    x.friends.attach(y, since=9)
    z.friends.attach({x: {"since": 2}, y: {"since": None}})
    assert User.where(User.friends.name == "x").pluck(User.name) == ["y", "z"]
    assert User.where(exists(User.friends, User.name == "x", Friendship.since > 5)).pluck(User.name) == ["y"]
    assert User.where(exists(User.friends, Friendship.since > 5)).pluck(User.name) == ["x", "y"]
    assert User.where(exists(User.friends, Friendship.since.is_null())).pluck(User.name) == ["y", "z"]
    assert User.where(friends=x).pluck(User.name) == ["y", "z"]
    assert [row["n"] for row in User.select(n=count(User.friends))] == [2, 2, 2]
    assert [row["n"] for row in User.select(n=count(User.friends, Friendship.since > 1))] == [2, 1, 1]
    assert [row["n"] for row in User.select(n=count(User.friends.friends))] == [3, 3, 3]
    assert x.friends.where(Friendship.since < 5).pluck(User.name, Friendship.since) == [("z", 2)]
    assert x.friends.order_by(Friendship.since).pluck(User.name) == ["z", "y"]
    assert y.friends.order_by(Friendship.since).pluck(User.name, Friendship.since) == [("x", 9), ("z", None)]
    assert y.friends.where(lambda user: user.name == "z").pluck(Friendship.since) == [None]
    assert y.friends.where(Friendship.since > 1, User.friends.name == "z").pluck(User.name) == ["x"]
    assert x.friends.sum(Friendship.since) == 11 and x in y.friends.where(Friendship.since > 1)
    assert y.friends.where(Friendship.since > 1).update(name="q") == 1 and x.name == "q"
    assert y.friends.where(Friendship.since > 1).first() is x


def test_where_and_order_among_friends(users: list[Any]) -> None:
    x, y, z = users
    x.friends.attach({y: {"since": 9}})
    z.friends.attach({x: {"since": 8}, y: {"since": 1}})
    assert names(x.close) == "zy" and names(y.close) == "x" and names(z.close) == "x" and len(y.close) == 1
    assert [row["n"] for row in User.select(n=count(User.close))] == [2, 1, 1]
    assert [row["n"] for row in User.select(n=count(User.close, Friendship.since > 8))] == [1, 1, 0]
    x.name = "q"
    assert names(y.close) == "" and names(x.close) == "zy" and x not in y.close
    for since in (3, 9):
        refused(lambda since=since: y.close.attach(z, since=since), RelationError, "does so already", "<Friendship 3")
    made = y.close.create(name="w", pivot={"since": 7})
    assert names(y.close) == "w" and made.close == [y]
    refused(lambda: y.close.create(name="w"), RelationError, "User.close holds only")


def test_a_symmetric_pivot_that_is_made(users: list[Any]) -> None:
    x, y, _ = users
    x.peers.attach(y)
    assert y.peers == [x] and x.peers == [y] and y.peers.detach().detached == [x] and x.peers == []


# ---------------------------------------------------------------- pivots that are made, keys of several columns


def test_a_pivot_that_is_made(w: World) -> None:
    pivot = db.models["PostLoose"]
    assert w.one.loose.attach([w.a, w.b]).attached == [w.a, w.b]
    assert [row.to_dict() for row in pivot.all()] == [
        {"id": 1, "post_id": 0, "tag_id": 0},
        {"id": 2, "post_id": 0, "tag_id": 1},
    ]
    refused(lambda: pivot(post=w.one, tag=w.a), UniqueError)
    refused(lambda: w.one.loose.attach(w.c, weight=1), UnknownName, "PostLoose", "weight")
    w.a.delete()
    assert labels(w.one.loose) == "b" and pivot.count() == 1
    assert w.one.loose.pluck(pivot.tag_id) == [1]


def test_composite_keys(w: World) -> None:
    shelves = [Shelf(room=room, number=number) for room, number in (("a", 0), ("a", 1), ("b", 0))]
    book, other = Book(isbn="1"), Book(isbn="2")
    assert book.shelves.attach(("a", 0), copies=2).attached == [shelves[0]]
    assert book.shelves.attach([("b", 0), shelves[1]]).attached == [shelves[2], shelves[1]]
    assert book.shelves.attach({("a", 1): {"copies": 5}}).updated == [shelves[1]]
    assert [(s.room, s.number) for s in book.shelves] == [("a", 0), ("b", 0), ("a", 1)]
    assert shelves[0] in book.shelves and shelves[0] not in other.shelves
    assert book.shelves.where(Placing.copies > 1).pluck(Shelf.room, Shelf.number, Placing.copies) == [
        ("a", 0, 2),
        ("a", 1, 5),
    ]
    assert shelves[0].books.attach("2").attached == [other] and list(shelves[0].books) == [book, other]
    assert shelves[0].books.attach(["1", "2"]) == NOTHING
    refused(lambda: book.shelves.attach(("c", 9)), NotFound, "('c', 9)")
    refused(lambda: book.shelves.attach([("c", 9), ("d", 1)]), NotFound, "('c', 9), ('d', 1)")
    refused(lambda: book.shelves.attach("a"), FieldError)
    assert book.shelves.detach([("a", 0), ("a", 1)]).detached == [shelves[0], shelves[1]]
    book.shelves = [("a", 1), ("b", 0)]
    assert [(s.room, s.number) for s in book.shelves] == [("a", 1), ("b", 0)]


# ---------------------------------------------------------------- declarations


def models(**bodies: dict[str, Any]) -> dict[str, Any]:
    """Models in a database of their own, by name."""
    own = Database()
    made = {name: define(name, fields, db=own) for name, fields in bodies.items()}
    own.check()
    return made | {"db": own}


LINKS = {"post": belongs_to("Post"), "tag": belongs_to("Tag")}


def test_define_by_names() -> None:
    m = models(
        Post={"tags": many_to_many("Tag", pivot="Tagging")},
        Tag={"posts": many_to_many("Post", pivot="Tagging", inverse="tags")},
        Tagging={**LINKS, "weight": field(type=int, default=0)},
    )
    post, tag = m["Post"](), m["Tag"]()
    post.tags.attach(tag, weight=2)
    assert list(tag.posts) == [post] and post.tags.pluck(m["Tagging"].weight) == [2]


def test_sides_share_the_pivot_that_is_made() -> None:
    for there, back in (("posts", None), (None, "tags"), ("posts", "tags"), (None, None)):
        m = models(Tag={"posts": many_to_many("Post", inverse=back)}, Post={"tags": many_to_many("Tag", inverse=there)})
        post, tag = m["Post"](), m["Tag"]()
        post.tags.attach(tag)
        assert list(tag.posts) == [post] and list(m["db"].models) == ["Tag", "Post", "PostTags"]
        assert list(m["db"].models["PostTags"].__sinew__.fields) == ["id", "post_id", "tag_id"]


def test_one_side_uses_the_pivot_that_the_other_names() -> None:
    posts = many_to_many("Post", pivot="Tagging")
    m = models(Post={"tags": many_to_many("Tag", inverse="posts")}, Tag={"posts": posts}, Tagging=LINKS)
    assert m["Post"].__sinew__.relations["tags"].link.pivot.cls is m["Tagging"]


def test_any_number_of_pivots_between_two_models() -> None:
    m = models(
        Post={
            "tags": many_to_many("Tag", inverse="posts"),
            "hidden_tags": many_to_many("Tag", inverse="hidden_in"),
            "more": many_to_many("Tag", pivot="Tagging"),
        },
        Tag={"posts": many_to_many("Post", inverse="tags"), "hidden_in": many_to_many("Post", inverse="hidden_tags")},
        Tagging=LINKS,
    )
    post, a, b, c = m["Post"](), m["Tag"](), m["Tag"](), m["Tag"]()
    post.tags.attach(a)
    post.hidden_tags.attach(b)
    post.more.attach(c)
    assert list(post.tags) == [a] and list(post.hidden_tags) == [b] and list(post.more) == [c]
    assert list(b.hidden_in) == [post] and list(b.posts) == []
    assert {"PostTags", "PostHiddenTags"} <= set(m["db"].models)


def test_names_in_a_pivot_that_is_made() -> None:
    m = models(HTTPServer={"hosts": many_to_many("Was")}, Was={}, Person={"knows": many_to_many("Person")})
    assert list(m["db"].models["HTTPServerHosts"].__sinew__.relations) == ["http_server", "was_"]
    assert list(m["db"].models["PersonKnows"].__sinew__.relations) == ["from_person", "to_person"]


def test_references_by_column_and_by_the_inverse() -> None:
    m = models(
        User={
            "out": many_to_many("User", pivot="Edge", foreign_key="start_id", inverse="into"),
            "into": many_to_many("User", pivot="Edge", inverse="out"),
        },
        Edge={
            "start": belongs_to("User"),
            "stop": belongs_to("User"),
            "author": belongs_to("Author | None", default=None),
        },
        Author={"edges": many_to_many("User", pivot="Edge", other_key="stop", unique=False)},
    )
    x, y = m["User"](), m["User"]()
    x.out.attach(y)
    assert list(y.into) == [x] and list(x.into) == []


def test_an_explicit_on_delete_wins() -> None:
    m = models(
        Post={"tags": many_to_many("Tag", pivot="Tagging")},
        Tag={"posts": many_to_many("Post", pivot="Tagging")},
        Tagging={"post": belongs_to("Post"), "tag": belongs_to("Tag", on_delete="restrict"), "by": belongs_to("User")},
        User={},
    )
    post, tag, user = m["Post"](), m["Tag"](), m["User"]()
    post.tags.attach(tag, by=user)
    for record in (tag, user):
        with pytest.raises(DeleteRestricted):
            record.delete()
    post.delete()
    assert m["Tagging"].count() == 0 and tag.delete() is None and user.delete() is None


def test_a_pair_that_is_unique_already_gets_no_second_index() -> None:
    own = Database()
    for name, options in (("A", {"primary_key": ("tag", "post")}), ("B", {"unique": [("tag", "post")]}), ("C", {})):
        define(name, LINKS, db=own, base=KeyedModel if name == "A" else None, **options)
    define("Post", {each.lower(): many_to_many("Tag", pivot=each) for each in "ABC"}, db=own)
    define("Tag", {}, db=own)
    own.check()
    for name in "ABC":
        plans = own.models[name].__sinew__.table.plan
        assert sum(plan.kind == "unique" and len(plan.names) == 2 for plan in plans) == 1
    post, tag = own.models["Post"](), own.models["Tag"]()
    for name in "abc":
        getattr(post, name).attach(tag)
        assert tag in getattr(post, name) and getattr(post, name).attach(tag) == NOTHING


WRONG: list[tuple[dict[str, dict[str, Any]], tuple[str, ...]]] = [
    ({"Post": {"tags": many_to_many("Tag", pivot="Taging")}, "Tag": {}, "Tagging": LINKS},
     ("Post.tags goes through `Taging`, which is no model", "did you mean `Tagging`", "Post, Tag, Tagging")),
    ({"Post": {"tags": many_to_many("Tga")}, "Tag": {}}, ("Post.tags leads to `Tga`", "did you mean `Tag`")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging")}, "Tag": {}, "Tagging": {"tag": belongs_to("Tag")}},
     ("Post.tags goes through Tagging, which has no reference to Post", "`post: BelongsTo[Post] = belongs_to()`")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging")}, "Tag": {}, "Tagging": {"post": belongs_to("Post")}},
     ("which has no reference to Tag", "tag: BelongsTo[Tag]")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging")}, "Tag": {},
      "Tagging": {**LINKS, "main": belongs_to("Post")}},
     ("which has several references to Post; say which", 'foreign_key="post" or foreign_key="main"')),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging")}, "Tag": {},
      "Tagging": {**LINKS, "main": belongs_to("Tag")}},
     ("which has several references to Tag; say which", 'other_key="tag" or other_key="main"')),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging", foreign_key="pots")}, "Tag": {}, "Tagging": LINKS},
     ("foreign_key= names `pots`, which is no reference of Tagging", "did you mean `post`")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging", foreign_key="tag")}, "Tag": {}, "Tagging": LINKS},
     ("foreign_key= names Tagging.tag, which leads to Tag", "a reference to Post (those: `post`)")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging", other_key=["post_id"])}, "Tag": {}, "Tagging": LINKS},
     ("other_key= names Tagging.post, which leads to Post",)),
    ({"User": {"friends": many_to_many("User", pivot="Edge")}, "Edge": {"user": belongs_to("User")}},
     ("links two records of User and needs two references in Edge", "only `user`")),
    ({"User": {"friends": many_to_many("User", pivot="Edge")},
      "Edge": {"a": belongs_to("User"), "b": belongs_to("User")}},
     ("several references to User", 'foreign_key="a" or foreign_key="b"')),
    ({"Post": {"tags": many_to_many("Tag", inverse="posts", pivot="A")},
      "Tag": {"posts": many_to_many("Post", inverse="tags", pivot="B")}, "A": LINKS, "B": LINKS},
     ("Post.tags goes through A, and its inverse Tag.posts through B",)),
    ({"Post": {"tags": many_to_many("Tag", inverse="posts")}, "Tag": {"posts": has_many("Post")}},
     ("inverse= names Tag.posts, a has_many to Post", "many_to_many from Tag to Post")),
    ({"Post": {"tags": many_to_many("Tag", inverse="post")}, "Tag": {"posts": many_to_many("Post")}},
     ("inverse= names `post`, which is no relation of Tag", "did you mean `posts`")),
    ({"Post": {"tags": many_to_many("Tag", inverse="posts"), "others": many_to_many("Tag")},
      "Tag": {"posts": many_to_many("Post", inverse="others")}},
     ("inverse= names Tag.posts, whose own inverse= names another",)),
    ({"Post": {"tags": many_to_many("Tag"), "more": many_to_many("Tag")}, "Tag": {"posts": many_to_many("Post")}},
     ("may be the other side of several many-to-many", "inverse=lambda: Tag.posts")),
    ({"Post": {"tags": many_to_many("Tag", pivot="P", inverse="posts", foreign_key="a")},
      "Tag": {"posts": many_to_many("Post", pivot="P", inverse="tags", other_key="b")},
      "P": {"a": belongs_to("Post"), "b": belongs_to("Post"), "tag": belongs_to("Tag")}},
     ("do not go the same way", "foreign_key= names this side's reference")),
    ({"Post": {"tags": many_to_many("Tag")}, "Tag": {}, "PostTags": {}},
     ("needs a pivot, and `PostTags`, which would be made for it, is another model", "ManyToMany[Tag, PostTags]")),
    ({"Post": {"tags": many_to_many("Tag", symmetric=True)}, "Tag": {}},
     ("Post.tags cannot be symmetric: it leads from Post to Tag",)),
    ({"User": {"friends": many_to_many("User", symmetric=True, inverse="friends")}},
     ("is symmetric, which makes it its own inverse",)),
    ({"Post": {"tags": many_to_many("Tag", order_by="wieght", pivot="Tagging")}, "Tag": {}, "Tagging": LINKS},
     ("order_by= names `wieght`",)),
    ({"Post": {"tags": many_to_many("Tag", order_by=lambda: 3, pivot="Tagging")}, "Tag": {}, "Tagging": LINKS},
     ("order_by= takes columns of Tag or Tagging", "not 3")),
    ({"Post": {"tags": many_to_many("Tag", pivot=lambda: 3)}, "Tag": {}},
     ("pivot= takes a model, such as `lambda: Tagging`", "not 3")),
    ({"Post": {"tags": many_to_many("Tag", pivot=lambda: Tagging)}, "Tag": {}, "Tagging": LINKS},
     ("pivot= names Tagging, a model of another database",)),
    ({"Post": {"tags": many_to_many("Tag", pivot=lambda: missing)}, "Tag": {}},  # type: ignore[name-defined]  # noqa: F821
     ("pivot= fails", "missing")),
    ({"Post": {"tags": many_to_many("Tag", pivot="Tagging", where=lambda: Tagging.at <= now())}, "Tag": {},
      "Tagging": LINKS}, ("where=",)),
]  # fmt: skip


@pytest.mark.parametrize(("bodies", "words"), WRONG, ids=[words[0][:40] for _, words in WRONG])
def test_mistakes_in_declarations(bodies: dict[str, dict[str, Any]], words: tuple[str, ...]) -> None:
    own = Database()
    for name, fields in bodies.items():
        define(name, fields, db=own)
    for _ in range(2):
        with pytest.raises(DefinitionError) as caught:
            own.check()
        for word in words:
            assert word in str(caught.value), str(caught.value)
        assert list(own.models) == list(bodies)


def test_the_annotation_names_the_pivot() -> None:
    own = Database()

    class Post(Model, db=own):
        tags: ManyToMany[Tag, Model] = many_to_many(pivot=lambda: Tagging)
        more: ManyToMany[Tag, Tagging] = many_to_many(pivot=lambda: Other)

    class Tag(Model, db=own):
        pass

    class Tagging(Model, db=own):
        post: BelongsTo[Post] = belongs_to()
        tag: BelongsTo[Tag] = belongs_to()

    class Other(Model, db=own):
        post: BelongsTo[Post] = belongs_to()
        tag: BelongsTo[Tag] = belongs_to()

    with pytest.raises(DefinitionError, match="annotated with the pivot `Tagging` but declared with pivot=`Other`"):
        own.check()


def test_a_model_may_not_take_the_name_of_a_pivot_that_was_made() -> None:
    m = models(Post={"tags": many_to_many("Tag")}, Tag={})
    with pytest.raises(DefinitionError, match=r"PostTags is defined twice in this database: as .*Post\.tags"):
        define("PostTags", {}, db=m["db"])


def test_through_the_class(w: World) -> None:
    assert repr(Post.tags.label) == "Post.tags.label"
    with pytest.raises(RelationError, match=r"~exists\(Post.tags\)"):
        Post.tags.is_null()
    with pytest.raises(FieldError, match="declared by the class statement"):
        Post.tags = []  # type: ignore[assignment]
    assert w.one.to_dict("tags")["tags"][0]["label"] == "b"
    with pytest.raises(UnknownName, match="tags"):
        Post(title="x", tags=[])  # type: ignore[call-arg]


# ---------------------------------------------------------------- redefinition


def remake(own: Database, name: str, fields: dict[str, Any], **options: Any) -> Any:
    return define(name, fields, db=own, **options)


def test_redefinition_of_each_model_keeps_the_links() -> None:
    bodies: dict[str, dict[str, Any]] = {
        "Post": {"tags": many_to_many("Tag", pivot="Tagging", inverse="posts", order_by="weight")},
        "Tag": {"posts": many_to_many("Post", pivot="Tagging", inverse="tags")},
        "Tagging": {**LINKS, "weight": field(type=int, default=0)},
    }
    m = models(**bodies)
    post, a, b = m["Post"](), m["Tag"](), m["Tag"]()
    post.tags.attach({a: {"weight": 2}, b: {"weight": 1}})
    held = post.tags
    for name, fields in bodies.items():
        remake(m["db"], name, {**fields, "extra": field(type=int, default=7)})
        assert list(post.tags) == [b, a] == list(held) and list(a.posts) == [post] and a in held
        assert post.tags.pluck(m["Tagging"].weight) == [1, 2]
        m["db"].store.check()
    a.delete()
    assert list(post.tags) == [b] and m["Tagging"].count() == 1


def test_redefinition_adds_and_takes_away_what_a_pivot_is_for() -> None:
    m = models(Post={}, Tag={}, Tagging=LINKS)
    post, tag = m["Post"](), m["Tag"]()
    row = m["Tagging"](post=post, tag=tag)
    twice = m["Tagging"](post=post, tag=tag)
    with pytest.raises(DefinitionError, match="cannot be defined anew.*exists already"):
        remake(m["db"], "Post", {"tags": many_to_many("Tag", pivot="Tagging")})
    with pytest.raises(DeleteRestricted):
        tag.delete()
    with pytest.raises(UnknownName):
        post.tags  # noqa: B018
    twice.delete()
    remake(m["db"], "Post", {"tags": many_to_many("Tag", pivot="Tagging")})
    assert list(post.tags) == [tag] and dict(post.tags.pairs())[tag] is row
    with pytest.raises(UniqueError):
        m["Tagging"](post=post, tag=tag)
    with db.transaction(), m["db"].transaction() as tx:
        tag.delete()
        assert m["Tagging"].count() == 0
        tx.rollback()
    remake(m["db"], "Post", {"tags": many_to_many("Tag", pivot="Tagging", unique=False)})
    post.tags.attach(tag)
    assert list(post.tags) == [tag, tag]
    remake(m["db"], "Post", {"other": field(type=int, default=0)})
    with pytest.raises(DeleteRestricted):
        tag.delete()
    m["db"].store.check()


def test_redefinition_with_a_pivot_to_be_made() -> None:
    m = models(Post={}, Tag={})
    post, tag = m["Post"](), m["Tag"]()
    with pytest.raises(DefinitionError, match="goes through `Nothing`"):
        remake(m["db"], "Post", {"tags": many_to_many("Tag"), "more": many_to_many("Tag", pivot="Nothing")})
    assert "PostTags" not in m["db"].models
    remake(m["db"], "Post", {"tags": many_to_many("Tag")})
    post.tags.attach(tag)
    remake(m["db"], "Post", {"tags": many_to_many("Tag"), "title": field(type=str, default="")})
    assert list(post.tags) == [tag]
    with pytest.raises(
        DefinitionError, match=r"Post.tags goes through Tagging, which has no reference to Post|Tagging"
    ):
        remake(m["db"], "Post", {"tags": many_to_many("Tag", pivot="Tagging")})
    assert list(post.tags) == [tag]


def test_a_pivot_that_loses_a_side_is_refused() -> None:
    m = models(Post={"tags": many_to_many("Tag", pivot="Tagging")}, Tag={}, Tagging=LINKS)
    post, tag = m["Post"](), m["Tag"]()
    post.tags.attach(tag)
    with pytest.raises(DefinitionError, match="no reference to Tag"):
        remake(m["db"], "Tagging", {"post": belongs_to("Post"), "label": field(type=int, default=0)})
    assert list(post.tags) == [tag] and tag in post.tags
    m["db"].store.check()


def test_averages_of_pivot_data(w: World) -> None:
    assert w.two.tags.avg(Tagging.weight) == 3.0
    assert Post.where(title="two").select(a=avg(Post.taggings.weight)) == [{"a": 3.0}]


# ---------------------------------------------------------------- soft delete


class Soft(Model, db=db, abstract=True):
    """What is deleted softly."""

    deleted_at: Attr[datetime | None] = deleted_at()


@pytest.mark.parametrize("made", [True, False])
def test_links_go_and_come_back_with_what_is_deleted_softly(made: bool) -> None:
    pivot = None if made else "Tagging"
    own = Database()
    define("Post", {"tags": many_to_many("Tag", pivot=pivot)}, db=own, base=Soft)
    define("Tag", {"posts": many_to_many("Post", pivot=pivot)}, db=own)
    define("Tagging", LINKS, db=own, base=Soft)
    own.check()
    m = own.models
    rows = m["PostTags" if made else "Tagging"]
    one, two, a, b = m["Post"](), m["Post"](), m["Tag"](), m["Tag"]()
    one.tags.attach([a, b])
    two.tags.attach(a)
    one.delete()
    assert list(a.posts) == [two] and list(b.posts) == [] and len(a.posts) == 1 and one not in a.posts
    assert rows.count() == 1 and m["Tag"].where(exists(m["Tag"].posts)).count() == 1
    one.restore()
    assert list(one.tags) == [a, b] and sorted(each.id for each in a.posts) == [one.id, two.id]
    assert one.tags.detach(a).detached == [a] and list(a.posts) == [two]
    assert one.tags.attach(a).attached == [a] and list(one.tags) == [b, a]
    a.delete()
    assert list(one.tags) == [b] and list(two.tags) == []
    own.store.check()


def test_a_pivot_that_could_not_be_restored_is_refused() -> None:
    own = Database()
    define("Post", {"tags": many_to_many("Tag", pivot="Tagging")}, db=own, base=Soft)
    define("Tag", {}, db=own)
    define("Tagging", LINKS, db=own)
    with pytest.raises(
        DefinitionError, match="Tagging.post has on_delete=.cascade. to Post, whose records are deleted"
    ):
        own.check()


# ---------------------------------------------------------------- how many


def agree(*links: Any) -> list[int]:
    """How many each has, by every way to ask, which all are to say the same."""
    found = []
    for each in links:
        n = len(list(each))
        assert len(each) == n == each.count() == len(each.where()) and bool(each) == (n > 0) == each.exists()
        assert each.limit(2).count() == min(n, 2)
        found.append(n)
    return found


def test_how_many_while_links_come_and_go(w: World) -> None:
    links = (w.one.tags, w.two.tags, w.three.tags, w.a.posts, w.d.posts, w.one.heavy, w.one.marks)
    assert agree(*links) == [3, 2, 0, 2, 0, 1, 0]
    with pytest.raises(ZeroDivisionError), db.transaction():
        w.one.tags.attach(w.d)
        w.a.delete()
        assert agree(*links[:3], links[4]) == [3, 1, 0, 1]
        raise ZeroDivisionError
    assert agree(*links) == [3, 2, 0, 2, 0, 1, 0]
    w.one.marks.attach([w.a, w.b], at=1)
    w.one.marks.attach([w.a], at=2)
    Mark(post=w.one)  # leads nowhere
    assert agree(w.one.marks, w.a.marked) == [3, 2] and Mark.count() == 4
    assert Post.pluck(count(Post.tags)) == [3, 2, 0]
    assert Post.pluck(count(Post.marks)) == [3, 0, 0]
    w.b.delete()
    assert agree(*links[:3]) == [2, 1, 0] and agree(w.one.marks) == [2]


def test_how_many_while_a_target_is_missing(w: World) -> None:
    with db.transaction():
        Tagging(post=w.three, tag_id=9)
        Tagging(post=w.three, tag=w.d)
        assert agree(w.three.tags, w.one.tags) == [1, 3] and Post.pluck(count(Post.tags)) == [3, 2, 1]
        Tag(id=9, label="nine")
        assert agree(w.three.tags, w.one.tags) == [2, 3]
    assert agree(w.three.tags) == [2] and Post.pluck(count(Post.tags)) == [3, 2, 2]


def test_how_many_where_one_may_be_linked_to_itself(w: World) -> None:
    ann, bob = User(name="ann"), User(name="bob")
    ann.following.attach([ann, bob])
    bob.following.attach(ann)
    ann.friends.attach([ann, bob])
    assert agree(ann.following, ann.followers, bob.followers, ann.friends, bob.friends) == [2, 2, 1, 2, 1]
    shelf = Shelf(room="a", number=0)
    shelf.books.attach([Book(isbn="x"), Book(isbn="y")])
    assert agree(shelf.books, Book["x"].shelves) == [2, 1]


def test_how_many_where_references_are_not_enforced_or_deleted_softly() -> None:
    loose = Database()
    target = {"name": str, "gone_at": deleted_at()}
    tag = define("Tag", target, db=loose)
    post = define(
        "Post",
        {**target, "tags": many_to_many("Tag", pivot="Link"), "weak": many_to_many("Tag", pivot="Weak")},
        db=loose,
    )
    define("Link", {"post": belongs_to("Post"), "tag": belongs_to("Tag"), "gone_at": deleted_at()}, db=loose)
    weak = {"post": belongs_to("Post"), "tag": belongs_to("Tag", enforce=False, on_delete="keep")}
    define("Weak", {**weak, "gone_at": deleted_at()}, db=loose)
    one, tags = post(name="one"), [tag(name=name) for name in "abc"]
    one.tags.attach(tags)
    one.weak.attach(tags)
    assert agree(one.tags, one.weak) == [3, 3]
    tags[0].delete()
    assert agree(one.tags, one.weak) == [2, 2]
    loose.models["Link"].first().delete()
    assert agree(one.tags) == [1]
    tags[0].restore()
    tags[1].delete(force=True)
    assert agree(one.tags, one.weak) == [len(list(one.tags)), 2]
    loose.store.check()
