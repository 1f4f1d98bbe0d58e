"""Nested writing: every kind of relation, which record a mapping means, what is missing, what is refused and where."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, cast

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DeleteRestricted,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    Invalid,
    KeyedModel,
    ManyToMany,
    Model,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    UniqueError,
    UnknownName,
    belongs_to,
    created_at,
    deleted_at,
    field,
    has_many,
    has_one,
    many_to_many,
    updated_at,
    validates,
)

db = Database()
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class User(Base):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    drafts: HasMany[Post] = has_many(inverse=lambda: Post.author, where=lambda: Post.state == "draft")
    first_two: HasMany[Post] = has_many(inverse=lambda: Post.author, limit=2)
    by_views: HasMany[Post] = has_many(inverse=lambda: Post.author, order_by=lambda: Post.views.desc())
    top: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.views.desc())
    profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.user)
    desk: HasOne[Desk | None] = has_one(inverse=lambda: Desk.user)
    categories: HasMany[Category] = has_many(through=lambda: User.posts.category)
    all_tags: HasMany[Tag] = has_many(through=lambda: User.posts.tags)
    both: HasMany[Post] = has_many(union=lambda: (User.posts, User.drafts))
    friends: ManyToMany[User] = many_to_many(symmetric=True)


class Profile(Base):
    text: Attr[str]
    slug: Attr[str | None] = field(default=None, unique=True)
    user: BelongsTo[User] = belongs_to(unique=True)


class Desk(Base):
    label: Attr[str]
    user: BelongsTo[User | None] = belongs_to(default=None)


class Category(Base):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    ancestors: HasMany[Category] = has_many(recursive=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)


class Post(Base, unique=[("author", "title")]):
    title: Attr[str]
    views: Attr[int] = field(default=0)
    state: Attr[str] = field(default="live")
    price: Attr[Decimal] = field(default=Decimal("1.0"))
    extra: Attr[Any] = field(default=None)
    made: Attr[datetime] = created_at()
    touched: Attr[datetime] = updated_at()
    author: BelongsTo[User | None] = belongs_to(default=None)
    category: BelongsTo[Category | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    heavy: ManyToMany[Tag, Tagging] = many_to_many(where=lambda: (Tagging.weight == 9) & (Tag.kind == "k"))
    marks: ManyToMany[Tag, Mark] = many_to_many(unique=False)

    @validates("title")
    def _title(self, value: str) -> str:
        if value == "bad":
            raise Invalid("is bad")
        if value == "worse":
            raise RuntimeError("worse")
        return value.strip()


class Photo(Base):
    url: Attr[str]
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)


class Comment(Base):
    body: Attr[str] = field(check=lambda value: value != "no")
    place: Attr[int] = field(default=0)
    subject: BelongsTo[Post | Photo] = belongs_to(on_delete="cascade", type_values={"Photo": "p"})
    author: BelongsTo[User | None] = belongs_to(default=None)
    replies: HasMany[Reply] = has_many(inverse=lambda: Reply.comment)


class Reply(Base, unique=[("comment", "number")]):
    number: Attr[int]
    text: Attr[str] = field(default="")
    comment: BelongsTo[Comment] = belongs_to()
    votes: HasMany[Vote] = has_many(inverse=lambda: Vote.reply)


class Vote(Base):
    reply: BelongsTo[Reply] = belongs_to(on_delete="cascade")


class Tag(Base):
    label: Attr[str] = field(unique=True)
    kind: Attr[str | None] = field(default=None)
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)


class Tagging(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int] = field(default=1, check=lambda value: value >= 0)
    touched: Attr[datetime] = updated_at()


class Mark(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    note: Attr[str] = field(default="")


class Order(Base):
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)


class Item(KeyedModel, db=db, primary_key=("order", "number")):
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    number: Attr[int]
    count: Attr[int] = field(default=1)


class Folder(Base):
    name: Attr[str] = field(unique=True)
    files: HasMany[File] = has_many(inverse=lambda: File.folder)
    gone: Attr[datetime | None] = deleted_at()


class File(Base):
    name: Attr[str]
    folder: BelongsTo[Folder] = belongs_to(on_delete="cascade")
    gone: Attr[datetime | None] = deleted_at()


class Bank(Base):
    accounts: HasMany[Account] = has_many()


class Account(Base, unique=[("bank", "number")]):
    code: Attr[str] = field(unique=True)
    number: Attr[int]
    note: Attr[str] = field(default="")
    bank: BelongsTo[Bank] = belongs_to()


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """The clock stands still, and two users with ids 0 and 1 have a post each."""
    db.clear()
    db.clock.freeze(NOON)
    yield
    cast("Any", db).store.check()
    gc.collect()
    assert db.stats().pins == 0


def everything() -> Any:
    """All that is stored, and every relation from both sides."""
    return {
        name: [
            (each.to_dict(), {r: _shown(getattr(each, r)) for r in model.__sinew__.relations}) for each in _all(model)
        ]
        for name, model in db.models.items()
    }


def _all(model: Any) -> Any:
    return model.with_deleted() if model in (Folder, File) else model.all()


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, Model | KeyedModel) else list(value)


def refused(error: type[BaseException], text: str, act: Any) -> BaseException:
    """What it raises; and nothing has changed."""
    before = everything()
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value), caught.value
    assert everything() == before
    return caught.value


def labels(post: Post) -> list[str]:
    return [tag.label for tag in post.tags]


def bodies(post: Post | Photo) -> list[str]:
    return [comment.body for comment in post.comments]


def two() -> tuple[User, User]:
    ann, bob = User(id=0, name="Ann", email="ann@x"), User(id=1, name="Bob")
    Post(title="a", author=ann)
    Post(title="b", author=bob)
    return ann, bob


# ---------------------------------------------------------------- create_tree


def test_a_tree_of_every_kind_of_relation() -> None:
    tag = Tag(id=0, label="c")
    post = Post.create_tree(
        title=" Hello ",
        author={"name": "Ann", "profile": {"text": "x"}, "desk": {"label": "d"}},
        category={"title": "below", "parent": {"title": "above"}},
        comments=[{"body": "1"}, {"body": "2", "replies": [{"number": 1, "votes": [{}, {}]}, {"number": 2}]}],
        tags=[tag, {"label": "python", "pivot": {"weight": 5}}],
    )
    assert (post.title, post.author and post.author.name, bodies(post)) == ("Hello", "Ann", ["1", "2"])
    assert post.category and post.category.parent and post.category.parent.title == "above"
    assert post.author and post.author.profile and post.author.profile.text == "x"
    assert post.author.desk and post.author.desk.label == "d"
    assert [(each.label, link.weight) for each, link in post.tags.pairs()] == [("c", 1), ("python", 5)]
    assert [len(reply.votes) for reply in post.comments[1].replies] == [2, 0]
    assert Vote.count() == 2 and Comment.count() == 2


def test_values_as_the_constructor_takes_them() -> None:
    ann, bob = two()
    assert Post.create_tree(title="x", author=ann).author is ann
    assert Post.create_tree(title="y", author_id=0).author is ann
    assert Post.create_tree(title="y", author=None).author is None
    assert User.create_tree(id=7, name="Cid").id == 7
    refused(UniqueError, "id: User with id=1 exists already", lambda: User.create_tree(id=1, name="x"))
    refused(FieldError, "contradict each other", lambda: Post.create_tree(title="z", author=ann, author_id=bob.id))


def test_records_are_put_here() -> None:
    ann, bob = two()
    a, b = Post[1], Post[2]
    cid = User.create_tree(name="Cid", posts=[b, {"title": "new"}, a], friends=[ann, 1])
    assert list(cid.posts)[::2] == [b, a] and not ann.posts and not bob.posts
    assert list(cid.friends) == [ann, bob] and list(ann.friends) == [cid]
    desk = Desk(label="old", user=ann)
    assert User.create_tree(name="Dan", desk=desk).desk is desk and ann.desk is None
    assert User.create_tree(name="Eve", desk=None, posts=[], friends=[]).desk is None


def test_any_iterable_of_entries() -> None:
    ann, _ = two()
    user = User.create_tree(name="x", posts=(each for each in [{"title": "1"}, {"title": "2"}]), friends={ann})
    assert [post.title for post in user.posts] == ["1", "2"] and list(user.friends) == [ann]
    other = User.create_tree(name="y", posts=user.posts)
    assert len(other.posts) == 2 and len(user.posts) == 0


def test_one_mapping_twice_is_two_records() -> None:
    row = {"body": "x", "replies": [{"number": 1}]}
    post = Post.create_tree(title="a", comments=[row, row])
    assert len(post.comments) == 2 and Reply.count() == 2
    assert row == {"body": "x", "replies": [{"number": 1}]}


def test_the_mappings_stay_as_they_are() -> None:
    row = {"label": "x", "pivot": {"weight": 2}}
    Post.create_tree(title="a", author=(author := {"name": "Ann"}), tags=[row])
    assert row == {"label": "x", "pivot": {"weight": 2}} and author == {"name": "Ann"}


def test_plain_rows_keep_their_order_among_others() -> None:
    ann, _ = two()
    moved = Comment(body="m", subject=Photo(url="u"))
    rows: list[Any] = [
        {"body": "1"},
        {"body": "2"},
        {"body": "3", "author": {"name": "x"}},
        moved,
        {"body": "4", "replies": [{"number": 1}]},
        {"body": "5"},
        {"body": "6", "author": ann},
    ]
    post = Post.create_tree(title="a", comments=rows)
    assert bodies(post) == ["1", "2", "3", "m", "4", "5", "6"]
    assert [comment.author and comment.author.name for comment in post.comments][2::2] == ["x", None, "Ann"]


def test_within_a_transaction_it_is_a_part_of_it() -> None:
    with db.transaction() as tx:
        Post.create_tree(title="x", comments=[{"body": "1"}])
        refused(FieldError, "comments[0].body: ", lambda: Post.create_tree(title="y", comments=[{"body": 1}]))
        assert Post.count() == 1
        tx.rollback()
    assert Post.count() == 0 and Comment.count() == 0


def test_on_an_abstract_model() -> None:
    with pytest.raises(SinewError, match="abstract"):
        Base.create_tree(x=1)


def test_parents_found_by_key_are_updated() -> None:
    ann, _ = two()
    post = Post.create_tree(title="x", author={"id": 0, "name": "Anna"}, category={"id": 5, "title": "new"})
    assert post.author is ann and ann.name == "Anna" and post.category is Category[5]
    post = Post.create_tree(title="y", author={"email": "ann@x", "name": "Ann"})
    assert post.author is ann and ann.name == "Ann"


def test_one_key_several_times_in_a_tree() -> None:
    user = User.create_tree(
        name="x",
        posts=[{"title": "1", "tags": [{"label": "c"}]}, {"title": "2", "tags": [{"label": "c", "kind": "k"}]}],
    )
    assert [list(post.tags) for post in user.posts] == [[Tag[1]], [Tag[1]]] and Tag[1].kind == "k"


def test_references_to_the_model_itself() -> None:
    root = Category.create_tree(
        title="root", children=[{"title": "a", "children": [{"title": "b"}]}, {"title": "c"}], parent={"title": "top"}
    )
    assert [each.title for each in root.children] == ["a", "c"]
    assert [each.title for each in root.children[0].children[0].ancestors] == ["a", "root", "top"]


@pytest.mark.parametrize("depth", [3, 3000])
def test_depth(depth: int) -> None:
    down: dict[str, Any] = {"title": "0"}
    up: dict[str, Any] = {"title": "0"}
    for number in range(1, depth):
        down = {"title": str(number), "children": [down]}
        up = {"title": str(number), "parent": up}
    root = Category.create_tree(**down)
    assert Category.count() == depth and not Category[depth].children and root.id == 1
    leaf = Category.create_tree(**up)
    assert len(leaf.ancestors) == depth - 1
    lowest: dict[str, Any] = {"id": 1, "title": 5}
    for number in range(2, depth):
        lowest = {"id": number, "children": [lowest]}
    with pytest.raises(FieldError, match=r"^children\[0\]\.children\[0\]\.") as caught:
        leaf.assign_tree({"children": [lowest]})
    assert str(caught.value).partition(":")[0].endswith("children[0].title") and len(str(caught.value)) < 300
    assert Category[3].parent is Category[2]


def test_a_tree_without_end() -> None:
    class Endless(Mapping[str, Any]):
        def __iter__(self) -> Iterator[str]:
            return iter(["title", "children"])

        def __len__(self) -> int:
            return 2

        def __getitem__(self, name: str) -> Any:
            return "x" if name == "title" else [Endless()]

    error = refused(FieldError, "the tree has more than 10,000 levels", lambda: Category.create_tree(**Endless()))
    assert str(error).startswith("children[0].children[0].children[0]...") and len(str(error)) < 300


def test_a_mapping_within_itself() -> None:
    row: dict[str, Any] = {"title": "a"}
    row["children"] = [{"title": "b", "children": [row]}]
    refused(
        FieldError,
        "children[0].children[0].children[0]: this mapping holds itself",
        lambda: Category.create_tree(**row),
    )
    row["children"] = [{"title": "b", "parent": row}]
    refused(SinewError, "children[0].parent: ", lambda: Category.create_tree(**row))


# ---------------------------------------------------------------- assign_tree: which record


def test_fields_and_references() -> None:
    ann, bob = two()
    post = Post[1]
    post.assign_tree({"title": "x", "author": bob, "category": {"title": "new"}})
    assert (post.title, post.author, post.category) == ("x", bob, Category[1])
    post.assign_tree({"author": None, "category_id": None})
    assert post.author is None and post.category is None
    post.assign_tree({"author": {"id": 0}})
    assert post.author is ann
    post.assign_tree({"author": {"name": "new"}})
    assert post.author is not ann and ann.name == "Ann" and User.count() == 3


def test_members_by_key_are_updated_in_place() -> None:
    post = Post.create_tree(title="a", comments=[{"body": "1"}, {"body": "2"}, {"body": "3"}])
    one, second, three = post.comments
    post.assign_tree({"comments": [{"id": three.id, "body": "c"}, {"id": one.id, "place": 4}, {"body": "new"}]})
    assert list(post.comments)[:3] == [one, second, three] and bodies(post) == ["1", "2", "c", "new"]
    assert one.place == 4


def test_members_by_key_and_their_members() -> None:
    post = Post.create_tree(title="a", comments=[{"body": "1", "replies": [{"number": 1}, {"number": 2}]}])
    comment = post.comments[0]
    row = {"id": comment.id, "replies": [{"number": 2, "text": "t"}, {"number": 3, "votes": [{}]}]}
    post.assign_tree({"comments": [row]})
    assert [(reply.number, reply.text, len(reply.votes)) for reply in comment.replies] == [
        (1, "", 0),
        (2, "t", 0),
        (3, "", 1),
    ]


def test_a_key_from_elsewhere_moves() -> None:
    ann, bob = two()
    ann.assign_tree({"posts": [{"id": 2, "views": 3}]})
    assert [post.id for post in ann.posts] == [1, 2] and not bob.posts and Post[2].views == 3
    photo = Photo.create_tree(id=2, url="u", comments=[{"body": "x"}])
    Post[2].assign_tree({"comments": [{"id": 1, "body": "y"}]})
    assert bodies(Post[2]) == ["y"] and not photo.comments


def test_a_key_that_no_record_has() -> None:
    ann, _ = two()
    ann.assign_tree({"posts": [{"id": 0, "title": "zero"}], "profile": {"id": 0, "text": "p"}})
    assert Post[0].author is ann and Profile[0].user is ann
    refused(FieldError, "posts[0]: Post() misses `title`", lambda: ann.assign_tree({"posts": [{"id": 99}]}))


def test_composite_keys_with_that_of_the_parent() -> None:
    one = Order.create_tree(items=[{"number": 0}, {"number": 1}])
    other = Order.create_tree(items=[{"number": 0}])
    one.assign_tree({"items": [{"number": 0, "count": 7}, {"number": 5}]})
    assert [(item.number, item.count) for item in one.items] == [(0, 7), (1, 1), (5, 1)]
    assert [(item.number, item.count) for item in other.items] == [(0, 1)]
    one.assign_tree({"items": [{"order_id": one.id, "number": 1, "count": 2}, {"order": one, "number": 5, "count": 3}]})
    assert [item.count for item in one.items] == [7, 2, 3]
    refused(
        RelationError,
        "items[0]: Order.items of <Order 1> holds records with order=<Order 1>; order_id=2 contradicts that",
        lambda: one.assign_tree({"items": [{"order_id": 2, "number": 0}]}),
    )


def test_unique_keys() -> None:
    ann, _ = two()
    ann.assign_tree({"posts": [{"title": "a", "views": 5}]})  # (author, title)
    assert Post[1].views == 5 and len(ann.posts) == 1
    tag = Tag(label="c")
    Post[1].assign_tree({"tags": [{"label": "c", "kind": "k"}, {"label": "d"}]})
    assert Post[1].tags[0] is tag and tag.kind == "k" and labels(Post[1]) == ["c", "d"]
    Post[1].assign_tree({"tags": [{"id": tag.id, "label": "see"}]})  # the primary key goes first
    assert labels(Post[1]) == ["see", "d"]
    refused(UniqueError, "tags[0].label: ", lambda: Post[1].assign_tree({"tags": [{"id": 9, "label": "d"}]}))


def test_unique_keys_of_different_records() -> None:
    bank = Bank.create_tree(accounts=[{"code": "a", "number": 1}, {"code": "b", "number": 2}])
    text = "accounts[0]: these values hold unique keys of different Account records: (code) of <Account 1"
    for row in ({"code": "a", "number": 2}, {"code": "a", "number": 3}):
        refused(FieldError, text, lambda row=row: bank.assign_tree({"accounts": [row]}))
    bank.assign_tree({"accounts": [{"code": "b", "number": 2, "note": "same"}, {"code": "c", "number": 3}]})
    bank.assign_tree({"accounts": [{"id": 1, "code": "z", "number": 9}]})
    assert [(each.code, each.number, each.note) for each in bank.accounts] == [
        ("z", 9, ""),
        ("b", 2, "same"),
        ("c", 3, ""),
    ]


def test_null_and_missing_keys_are_no_keys() -> None:
    ann, _ = two()
    ann.assign_tree({"posts": [{"title": "x"}]})
    User.create_tree(name="x", friends=[{"name": "1", "email": None}, {"name": "2", "email": None}])
    assert User.count() == 5
    refused(
        FieldError,
        "posts[0].id: Post.id is required and takes no None",
        lambda: ann.assign_tree({"posts": [{"id": None, "title": "y"}]}),
    )


def test_the_record_itself() -> None:
    ann, _ = two()
    db.clock.move(timedelta(1))
    post = Post[1]
    post.assign_tree(post.to_dict())  # key, timestamps and all
    assert post.touched == NOON
    refused(FieldError, "id: Post.id is part of the primary key", lambda: post.assign_tree({"id": 2}))
    refused(FieldError, "made: Post.made fills itself", lambda: post.assign_tree({"made": NOON + timedelta(2)}))
    refused(FieldError, "title: ", lambda: post.assign_tree({"title": 3}))
    assert ann.posts[0] is post


def test_an_unchanged_value_is_no_write() -> None:
    ann, _ = two()
    tag = Tag(label="t")
    post = Post[1]
    post.tags.attach(tag, weight=2)
    link = Tagging[1]
    db.clock.move(timedelta(1))
    post.assign_tree(
        {
            "title": "a",
            "views": 0,
            "price": Decimal("1.0"),
            "author": ann,
            "author_id": 0,
            "tags": [{"id": tag.id, "label": "t", "pivot": {"weight": 2}}],
        }
    )
    ann.assign_tree({"posts": [post]}, remove_missing=True)
    assert post.touched == link.touched == NOON
    post.assign_tree({"price": Decimal("1.00")})  # equal, and not the same
    assert str(post.price) == "1.00" and post.touched > NOON
    post.assign_tree({"tags": [{"id": tag.id, "pivot": {"weight": 3}}]})
    assert link.weight == 3 and link.touched > NOON


def test_values_of_any_class_are_stored_anew() -> None:
    two()
    value: list[int] = []
    Post[1].assign_tree({"extra": value})
    other: list[int] = []
    Post[1].assign_tree({"extra": other})
    assert Post[1].extra is other


# ---------------------------------------------------------------- has_one


def test_a_has_one_is_the_one_that_is_there() -> None:
    ann, bob = two()
    ann.assign_tree({"profile": {"text": "1"}, "desk": {"label": "1"}})
    profile, desk = ann.profile, ann.desk
    ann.assign_tree({"profile": {"text": "2", "slug": "s"}, "desk": {"label": "2"}})
    assert ann.profile is profile and ann.desk is desk and (Profile.count(), Desk.count()) == (1, 1)
    assert profile and desk and (profile.text, profile.slug, desk.label) == ("2", "s", "2")
    refused(UniqueError, "profile.slug: ", lambda: bob.assign_tree({"profile": {"id": 9, "text": "", "slug": "s"}}))
    assert bob.profile is None


def test_a_has_one_by_key() -> None:
    ann, bob = two()
    ann.assign_tree({"desk": {"label": "1"}})
    spare = Desk(id=0, label="spare")
    ann.assign_tree({"desk": {"id": 0, "label": "taken"}})
    assert ann.desk is spare and spare.label == "taken" and Desk[1].user is None
    ann.assign_tree({"desk": {"id": 1}})
    assert ann.desk is Desk[1] and spare.user is None
    bob.assign_tree({"desk": {"id": 1}})
    assert bob.desk is Desk[1] and ann.desk is None
    bob.assign_tree({"desk": None})
    assert bob.desk is None and Desk.count() == 2


def test_a_required_has_one_is_given_up_only_when_asked() -> None:
    ann, bob = two()
    profile = Profile(text="1", user=ann)
    other = Profile(text="2", user=bob)
    for value in (None, {"id": 9, "text": "x"}, other):
        text = "profile: <Profile 1 text='1' user_id=0> cannot leave User.profile: Profile.user is required"
        refused(RelationError, text, lambda value=value: ann.assign_tree({"profile": value}))
    ann.assign_tree({"profile": {"id": 9, "text": "x"}}, remove_missing=True)
    assert ann.profile is Profile[9] and Profile.find(1) is None
    ann.assign_tree({"profile": other}, remove_missing=True)
    assert ann.profile is other and bob.profile is None and Profile.count() == 1
    ann.assign_tree({"profile": None}, remove_missing=True)
    assert Profile.count() == 0 and profile is not other


def test_a_has_one_of_many() -> None:
    ann, _ = two()
    Post(title="x", author=ann, views=5)
    ann.assign_tree({"top": {"views": 9}})
    assert ann.top is Post[3] and Post[3].views == 9
    ann.assign_tree({"top": {"views": -1}})  # its order is no reason to refuse
    assert ann.top is Post[1]
    refused(
        RelationError,
        "top: User.top of <User 0 ",
        lambda: ann.assign_tree({"top": {"id": 7, "title": "n", "views": -5}}),
    )


# ---------------------------------------------------------------- has_many


def test_missing_members_stay_unless_asked() -> None:
    ann, _ = two()
    ann.assign_tree({"posts": []})
    ann.assign_tree({"posts": [{"title": "x"}]})
    assert len(ann.posts) == 2
    ann.assign_tree({"posts": [{"title": "y"}, {"title": "x"}]}, remove_missing=True)
    assert [post.title for post in ann.posts] == ["y", "x"]
    assert Post[1].author is None and Post.count() == 4
    ann.assign_tree({"name": "Anna"}, remove_missing=True)  # a relation that is not given
    assert len(ann.posts) == 2
    ann.assign_tree({"posts": []}, remove_missing=True)
    assert not ann.posts and Post.count() == 4


def test_missing_members_are_deleted_if_their_reference_is_required() -> None:
    post = Post.create_tree(title="a", comments=[{"body": "1"}, {"body": "2"}, {"body": "3", "replies": []}])
    photo = Photo.create_tree(id=post.id, url="u", comments=[{"body": "of the photo"}])
    one = post.comments[0]
    post.assign_tree({"comments": [{"body": "new"}, {"id": one.id}]}, remove_missing=True)
    assert bodies(post) == ["new", "1"] and post.comments[1] is one
    assert bodies(photo) == ["of the photo"] and Comment.count() == 3
    comment = post.comments[0]
    Reply(number=1, comment=comment)
    refused(DeleteRestricted, "referred to by 1 Reply", lambda: post.assign_tree({"comments": []}, remove_missing=True))
    comment.assign_tree({"replies": []}, remove_missing=True)
    post.assign_tree({"comments": []}, remove_missing=True)
    assert Comment.count() == 1


def test_what_leaves_goes_first() -> None:
    comment = Post.create_tree(title="a", comments=[{"body": "1", "replies": [{"number": 1}, {"number": 2}]}]).comments[
        0
    ]
    second = comment.replies[1]
    comment.assign_tree({"replies": [{"id": second.id, "number": 1}, {"id": 77, "number": 2}]}, remove_missing=True)
    assert [(reply.id, reply.number) for reply in comment.replies] == [(second.id, 1), (77, 2)]


def test_unique_values_are_exchanged() -> None:
    bank = Bank.create_tree(accounts=[{"code": each, "number": n} for n, each in enumerate("abc")])
    one, two_, three = bank.accounts
    rows = [{"id": 1, "number": 1}, {"id": 2, "number": 2, "note": "x"}, {"id": 3, "number": 0, "code": "a"}]
    refused(UniqueError, "accounts[2].code: ", lambda: bank.assign_tree({"accounts": rows}))
    bank.assign_tree({"accounts": [rows[0] | {"code": "c"}, *rows[1:]]})
    assert [(each.number, each.code, each.note) for each in (one, two_, three)] == [
        (1, "c", ""),
        (2, "b", "x"),
        (0, "a", ""),
    ]
    new = {"id": 77, "code": "d", "number": 1}
    bank.assign_tree({"accounts": [new, {"id": 1, "number": 5}]})
    assert [(each.code, each.number) for each in bank.accounts] == [("c", 5), ("b", 2), ("a", 0), ("d", 1)]
    post = Post.create_tree(title="x", tags=[{"label": "c"}, {"label": "d"}])
    post.assign_tree({"tags": [{"id": 1, "label": "d"}, {"id": 2, "label": "c"}]})
    assert labels(post) == ["d", "c"]


def test_deeper_levels_lose_what_is_missing_too() -> None:
    post = Post.create_tree(
        title="a", comments=[{"body": "1", "replies": [{"number": 1, "votes": [{}, {}]}, {"number": 2}]}]
    )
    comment = post.comments[0]
    row = {"id": comment.id, "replies": [{"number": 1, "votes": [{"id": 2}]}]}
    post.assign_tree({"comments": [row]}, remove_missing=True)
    assert [reply.number for reply in comment.replies] == [1] and [vote.id for vote in Vote.all()] == [2]


def test_order_becomes_that_of_the_list() -> None:
    ann, _ = two()
    ann.assign_tree({"posts": [{"title": "b"}, {"title": "c"}]})
    a, b, c = ann.posts
    ann.assign_tree({"posts": [c, a, b]})
    assert list(ann.posts) == [a, b, c]
    ann.assign_tree({"posts": [c, a, b]}, remove_missing=True)
    assert list(ann.posts) == [c, a, b]
    ann.assign_tree({"posts": [b, {"title": "n", "comments": [{"body": "x"}]}, c]}, remove_missing=True)
    assert [post.title for post in ann.posts] == ["b", "n", "c"] and a.author is None


def test_a_record_has_one_place() -> None:
    ann, bob = two()
    post = Post[1]
    text = "posts[1]: <Post 1 title='a' author_id=0> is given twice, here and at posts[0]"
    refused(RelationError, text, lambda: ann.assign_tree({"posts": [post, {"id": 1}]}))
    refused(
        RelationError,
        "friends[1].posts[0]: <Post 1 title='a' author_id=",
        lambda: User.create_tree(name="x", friends=[{"id": 0, "posts": [post]}, {"id": 1, "posts": [post]}]),
    )
    ann.assign_tree({"posts": [post], "drafts": [{"id": 1, "state": "draft"}], "top": post})
    assert list(ann.drafts) == [post] and bob.posts[0].id == 2


def test_a_relation_with_a_condition() -> None:
    ann, _ = two()
    ann.assign_tree({"drafts": [{"title": "d", "comments": [{"body": "x"}]}, {"title": "e"}]})
    assert [post.state for post in ann.drafts] == ["draft", "draft"]
    refused(
        RelationError,
        "drafts[0]: User.drafts holds only records for which",
        lambda: ann.assign_tree({"drafts": [{"title": "f", "state": "live"}]}),
    )
    refused(RelationError, "drafts[0]: User.drafts holds only", lambda: ann.assign_tree({"drafts": [{"id": 1}]}))
    ann.assign_tree({"drafts": []}, remove_missing=True)
    assert [post.title for post in ann.posts] == ["a"] and Post.count() == 4


def test_a_relation_with_an_order_or_a_limit() -> None:
    ann, _ = two()
    ann.assign_tree({"by_views": [{"title": "x", "views": 5}]}, remove_missing=True)
    assert [post.title for post in ann.by_views] == ["x"] and Post[1].author is None
    ann.assign_tree({"first_two": [{"title": str(n)} for n in range(3)]})
    assert len(ann.posts) == 4 and len(ann.first_two) == 2
    refused(
        RelationError,
        "first_two: User.first_two has a limit",
        lambda: ann.assign_tree({"first_two": []}, remove_missing=True),
    )


# ---------------------------------------------------------------- many-to-many


def test_links_are_made_and_updated() -> None:
    post = Post(title="a")
    c, d = Tag(id=0, label="c"), Tag(label="d")
    post.assign_tree({"tags": [0, d, {"label": "e", "pivot": {"weight": 3}}]})
    assert [(tag.label, link.weight) for tag, link in post.tags.pairs()] == [("c", 1), ("d", 1), ("e", 3)]
    rows = [link for _, link in post.tags.pairs()]
    post.assign_tree({"tags": [{"id": 0, "label": "C", "pivot": {"weight": 8}}, d]})
    assert [(tag.label, link.weight) for tag, link in post.tags.pairs()] == [("C", 8), ("d", 1), ("e", 3)]
    assert [link for _, link in post.tags.pairs()] == rows and c.label == "C"


def test_links_that_are_missing_are_removed_when_asked() -> None:
    post = Post.create_tree(title="a", tags=[{"label": "c"}, {"label": "d"}, {"label": "e"}])
    other = Post.create_tree(title="b", tags=[1, 2])
    c, d, e = post.tags
    post.assign_tree({"tags": [e, {"label": "f"}, c]}, remove_missing=True)
    assert labels(post) == ["e", "f", "c"] and labels(other) == ["c", "d"] and Tag.count() == 4
    post.assign_tree({"tags": []}, remove_missing=True)
    assert labels(post) == [] and labels(other) == ["c", "d"] and d.label == "d"


def test_links_that_may_be_several() -> None:
    tag = Tag(label="c")
    post = Post.create_tree(title="a", marks=[tag, {"id": 1, "pivot": {"note": "n"}}])
    assert [mark.note for _, mark in post.marks.pairs()] == ["", "n"]
    post.assign_tree({"marks": [tag, tag]})
    assert len(post.marks) == 2
    post.assign_tree({"marks": [tag, tag, tag]})
    assert len(post.marks) == 3
    post.assign_tree({"marks": [tag]}, remove_missing=True)
    assert len(post.marks) == 1


def test_links_within_one_model_seen_from_both_sides() -> None:
    ann, bob = two()
    ann.assign_tree({"friends": [{"id": 1, "friends": [{"name": "Cid"}]}]})
    assert [user.name for user in bob.friends] == ["Cid", "Ann"] or [user.name for user in bob.friends] == [
        "Ann",
        "Cid",
    ]
    bob.assign_tree({"friends": [ann]})
    assert len(bob.friends) == 2
    bob.assign_tree({"friends": [2]}, remove_missing=True)
    assert [user.name for user in bob.friends] == ["Cid"] and not ann.friends


def test_links_with_a_condition() -> None:
    post = Post.create_tree(title="a", heavy=[{"label": "c"}])
    assert [(tag.kind, link.weight) for tag, link in post.heavy.pairs()] == [("k", 9)]
    plain = Tag(label="plain")
    refused(RelationError, "heavy: Post.heavy holds only", lambda: post.assign_tree({"heavy": [plain]}))
    post.assign_tree({"heavy": [{"id": plain.id, "kind": "k"}]})
    assert len(post.heavy) == 2


def test_links_that_are_refused() -> None:
    post = Post.create_tree(title="a", tags=[{"label": "c"}])
    tag = Tag[1]
    for values, error, text in (
        ([tag, 99], NotFound, "tags[1]: Post.tags: there is no Tag with the key 99"),
        (["x"], FieldError, "tags[0].id: Tag.id takes an int, not 'x' (str)"),
        ([None], FieldError, "tags[0]: Post.tags takes Tag records, keys of them, and mappings of values, not None"),
        ([post], FieldError, "tags[0]: Post.tags takes Tag records, keys of them, and mappings of values, not <Post 1"),
        ([tag, {"id": 1}], RelationError, "tags[1]: Post.tags is given <Tag 1 label='c'> twice, here and at tags[0]"),
        ([{"id": 1, "pivot": 5}], FieldError, "tags[0]: Post.tags: pivot holds a mapping of the pivot's values, not 5"),
        ([{"id": 1, "pivot": {"weight": "x"}}], FieldError, "tags[0].pivot.weight: Tagging.weight takes an int"),
        ([{"id": 1, "pivot": {"weight": -1}}], FieldError, "tags[0].pivot.weight: Tagging.weight: its check="),
        ([{"label": "d", "pivot": {"weight": -1}}], FieldError, "tags[0].pivot.weight: Tagging.weight: its check="),
        (
            [{"label": "d"}, {"label": "e", "pivot": {"weight": -1}}],
            FieldError,
            "tags[1].pivot.weight: Tagging.weight:",
        ),
        (
            [{"label": "d"}, {"label": "e", "pivot": {"wight": 1}}],
            UnknownName,
            "tags[1].pivot: Tagging has no field `wight`",
        ),
        ([{"label": "d", "pivot": {"tag": tag}}], RelationError, "tags[0].pivot: Post.tags links <Post 1"),
        ([{"label": "d"}, {"label": "d"}], RelationError, "tags[1]: Post.tags is given <Tag"),
        (
            {"label": "d"},
            FieldError,
            "tags: Post.tags takes a list of Tag records, keys of them, and mappings of values",
        ),
        (tag, FieldError, "a single one goes into a list: tags=[...]"),
        ("c", FieldError, "tags: Post.tags takes a list of"),
        (5, FieldError, "tags: Post.tags takes a list of"),
        (None, FieldError, "tags: Post.tags takes a list of"),
    ):
        refused(error, text, lambda values=values: post.assign_tree({"tags": values}))
        refused(
            error, text, lambda values=values: post.assign_tree({"title": "x", "tags": values}, remove_missing=True)
        )


def test_a_tree_that_was_read_is_assigned_again() -> None:
    ann, bob = two()
    post = Post[1]
    post.assign_tree(
        {
            "comments": [{"body": "1", "replies": [{"number": 0}]}, {"body": "2"}],
            "tags": [{"label": "c", "pivot": {"weight": 4}}, {"label": "d"}],
            "category": {"title": "x"},
        }
    )
    ann.assign_tree({"friends": [bob], "profile": {"text": "t"}})
    paths = (User.posts.comments.replies, User.posts.tags, User.posts.category, User.profile, User.friends)
    tree = User.where(name="Ann").include(*paths).to_dicts()[0]
    before = everything()
    db.clock.move(timedelta(1))
    ann.assign_tree(tree)
    ann.assign_tree(tree, remove_missing=True)
    assert everything() == before
    tree["posts"][0]["tags"][0]["pivot"]["weight"] = 5
    tree["posts"][0]["comments"].pop()
    ann.assign_tree(tree, remove_missing=True)
    assert bodies(post) == ["1"] and Tagging[1].weight == 5 and Comment.count() == 1
    tree["posts"][0]["tags"][0]["pivot"]["tag_id"] = 2
    refused(RelationError, "posts[0].tags[0].pivot: Post.tags links <Post 1", lambda: ann.assign_tree(tree))


# ---------------------------------------------------------------- references to several models


def test_a_reference_to_several_models() -> None:
    comment = Comment.create_tree(body="1", subject=(Photo, {"id": 0, "url": "u"}))
    assert comment.subject is Photo[0]
    other = Comment.create_tree(body="2", subject_type="Post", subject={"id": 0, "title": "t"})
    assert other.subject is Post[0] and bodies(Photo[0]) == ["1"]
    assert Comment.create_tree(body="3", subject=(Photo, {"id": 0, "url": "v"})).subject is Photo[0]
    assert Photo[0].url == "v"
    other.assign_tree({"subject_type": "p", "subject": {"url": "w"}})
    assert other.subject is Photo[1]
    other.assign_tree({"subject": Post[0]})
    assert other.subject is Post[0]
    other.assign_tree({"subject_type": "p", "subject_id": 0})
    assert other.subject is Photo[0] and len(Photo[0].comments) == 3


def test_a_mapping_must_say_of_which_model_it_is() -> None:
    for values, text in (
        (
            {"subject": {"url": "u"}},
            "subject: Comment.subject leads to Post or Photo, and a mapping does not say which; "
            "give (Post, {...}) or (Photo, {...}), or `subject_type` beside it",
        ),
        (
            {"subject": {"url": "u"}, "subject_type": "Photo"},
            "subject: Comment.subject leads to Post or Photo, and subject_type='Photo' names none of them",
        ),
        ({"subject": (Tag, {})}, "subject: Comment.subject leads to Post or Photo, not to Tag"),
        ({"subject": ("Post", {})}, "subject: Comment.subject leads to Post or Photo, not to 'Post'"),
        ({"subject": (Photo, {"url": "u"}), "subject_type": "Post"}, "contradict each other"),
        ({"subject": (Photo, {"url": 5})}, "subject.url: Photo.url takes a str"),
        ({"subject": (Photo, 5)}, "subject: Comment.subject takes"),
    ):
        refused(FieldError, text, lambda values=values: Comment.create_tree(body="x", **values))


# ---------------------------------------------------------------- soft delete


def test_soft_delete() -> None:
    folder = Folder.create_tree(name="a", files=[{"name": "1"}, {"name": "2"}])
    one, second = folder.files
    folder.assign_tree({"files": [{"id": second.id, "name": "b"}]}, remove_missing=True)
    assert list(folder.files) == [second] and one.gone is not None and File.with_deleted().count() == 2
    refused(RecordDeleted, "files[0]: ", lambda: folder.assign_tree({"files": [one]}))
    spare = Folder(name="g")
    spare.delete()
    refused(RecordDeleted, "folder: ", lambda: File.create_tree(name="x", folder=spare))
    refused(RecordDeleted, "folder: ", lambda: second.assign_tree({"folder": spare}))
    folder.delete()
    refused(RecordDeleted, "is soft-deleted", lambda: folder.assign_tree({"name": "x"}))
    made = File.create_tree(name="x", folder={"name": "a"})  # keys take no notice of what is deleted
    assert made.folder is not folder and made.folder.name == "a"


def test_a_deleted_record() -> None:
    post = Post(title="a")
    comment = Comment(body="x", subject=post)
    comment.delete()
    refused(
        RecordDeleted, "comments[0]: this Comment has been deleted", lambda: post.assign_tree({"comments": [comment]})
    )
    refused(RecordDeleted, "this Comment has been deleted", lambda: comment.assign_tree({}))
    ann = User(name="x")
    ann.delete()
    refused(RecordDeleted, "", lambda: post.assign_tree({"author": ann}))


def test_what_went_with_something_removed_is_not_made_again() -> None:
    """The comment goes with the post that is removed, and is named below another one."""

    class Library(Model, db=Database()):
        shelves: HasMany[Shelf] = has_many(inverse=lambda: Shelf.library)

    class Shelf(Model, db=cast("Any", Library).__sinew__.db):
        library: BelongsTo[Library] = belongs_to()
        books: HasMany[Book] = has_many(inverse=lambda: Book.shelf)

    class Book(Model, db=cast("Any", Library).__sinew__.db):
        title: Attr[str] = field(default="")
        shelf: BelongsTo[Shelf] = belongs_to(on_delete="cascade")

    library = Library.create_tree(shelves=[{"books": [{"title": "a"}]}, {}])
    with pytest.raises(RecordDeleted, match=r"^shelves\[0\]\.books\[0\]: this Book has been deleted"):
        library.assign_tree({"shelves": [{"id": 2, "books": [{"id": 1}]}]}, remove_missing=True)
    assert len(library.shelves) == 2 and Book[1].shelf is Shelf[1]
    library.assign_tree({"shelves": [{"id": 2, "books": [{"id": 1}]}]})
    library.assign_tree({"shelves": [{"id": 2}]}, remove_missing=True)
    assert Book[1].shelf is Shelf[2] and len(library.shelves) == 1


# ---------------------------------------------------------------- what is refused, and where


def test_errors_name_the_place() -> None:
    ann, _ = two()
    for values, error, text in (
        ({"titel": 1}, UnknownName, "Post has no field or relation `titel`; did you mean `title`?"),
        ({5: 1}, UnknownName, "Post has no field or relation 5"),
        ({"coments": []}, UnknownName, "did you mean `comments`?"),
        (
            {"comments": [{"body": "1"}, {"boddy": "2"}]},
            UnknownName,
            "comments[1]: Comment has no field or relation `boddy`; did you mean `body`?",
        ),
        ({"comments": [{"body": "1"}, {"body": 2}]}, FieldError, "comments[1].body: Comment.body takes a str, not 2"),
        ({"comments": [{"body": "1"}, {"body": "no"}]}, FieldError, "comments[1].body: Comment.body: its check="),
        ({"comments": [{"body": "1"}, {}]}, FieldError, "comments[1]: Comment() misses `body`"),
        ({"comments": [{"body": "1", "author": 5}]}, FieldError, "comments[0].author: Comment.author takes an User"),
        ({"comments": [{"body": "1", "author": {"name": 5}}]}, FieldError, "comments[0].author.name: User.name takes"),
        (
            {"comments": [{"body": "1", "replies": [{"number": 1}, {"number": "2"}]}]},
            FieldError,
            "comments[0].replies[1].number: Reply.number takes an int",
        ),
        (
            {"comments": [{"body": "1", "replies": [{"number": 1}, {"number": 1}]}]},
            UniqueError,
            "comments[0].replies[1]: Reply with comment_id=",
        ),
        ({"author": {"name": "x", "posts": [{"title": "bad"}]}}, Invalid, "author.posts[0].title: Post is not valid"),
        (
            {"author": {"name": "x", "posts": [{"title": "1", "comments": [{"body": None}]}]}},
            FieldError,
            "author.posts[0].comments[0].body: Comment.body is required",
        ),
        (
            {"comments": [{"body": "1"}, ann]},
            FieldError,
            "comments[1]: Post.comments takes Comment records and mappings of values, not <User 0",
        ),
        (
            {"comments": [5]},
            FieldError,
            "comments[0]: Post.comments takes Comment records and mappings of values, not 5",
        ),
        ({"comments": "text"}, FieldError, "comments: Post.comments takes a list of Comment records and mappings"),
        ({"comments": {"body": "x"}}, FieldError, "comments: Post.comments takes a list of"),
        ({"comments": None}, FieldError, "comments: Post.comments takes a list of"),
        (
            {"comments": [{"body": "x", "subject": (Photo, {"url": "u"})}]},
            RelationError,
            "comments[0].subject: Post.comments sets Comment.subject itself, to the record around it; leave it out",
        ),
        ({"comments": [{"body": "x", "subject": Post[1]}]}, RelationError, "comments[0]: Post.comments of <Post"),
        (
            {"comments": [{"body": "x", "author_id": 99}]},
            IntegrityError,
            "comments[0].author: 1 reference to records that do not exist: Comment[",
        ),
        ({"author_id": 99}, IntegrityError, "author: 1 reference to records that do not exist: Post["),
        (
            {"comments": [{"body": "x"}, {"body": "y", "id": "z"}]},
            FieldError,
            "comments[1].id: Comment.id takes an int",
        ),
    ):
        values = cast("dict[str, Any]", values)
        if 5 not in values:
            refused(error, text, lambda values=values: Post.create_tree(**({"title": "x"} | values)))
        refused(error, text, lambda values=values: Post[2].assign_tree(values))
        refused(error, text, lambda values=values: Post[2].assign_tree({"views": 5} | values, remove_missing=True))


def test_the_exceptions_are_what_they_are_elsewhere() -> None:
    two()
    error = refused(
        Invalid,
        "posts[1].title: Post is not valid: title: is bad",
        lambda: User.create_tree(name="x", posts=[{"title": "1"}, {"title": "bad"}]),
    )
    assert cast("Invalid", error).errors == {"title": ["is bad"]}
    unique = refused(
        UniqueError,
        "friends[0].email: User with email='ann@x' exists already",
        lambda: User.create_tree(name="x", friends=[{"id": 5, "name": "y", "email": "ann@x"}]),
    )
    assert cast("UniqueError", unique).existing is User[0] and cast("UniqueError", unique).fields == ("email",)
    dangling = refused(
        IntegrityError,
        "posts[0].category: ",
        lambda: User.create_tree(name="x", posts=[{"title": "1", "category_id": 7}]),
    )
    assert cast("IntegrityError", dangling).problems[0][2:] == ("category", 7)
    other = refused(RuntimeError, "worse", lambda: User.create_tree(name="x", posts=[{"title": "worse"}]))
    assert str(other) == "worse" and other.__notes__ == ["at posts[0] of a tree of values"]


def test_relations_along_others_are_refused() -> None:
    two()
    for name, text in (
        (
            "categories",
            "User.categories follows other relations and cannot be changed itself; change those "
            "(User.posts, Post.category)",
        ),
        ("all_tags", "change those (User.posts, Post.tags)"),
        ("both", "change those (User.posts, User.drafts)"),
    ):
        for values in ([], [{"title": "x"}]):
            refused(RelationError, f"{name}: ", lambda n=name, v=values: User[0].assign_tree({n: v}))
            refused(RelationError, text, lambda n=name, v=values: User.create_tree(name="x", **{n: v}))
    refused(
        RelationError, "children[0].ancestors: ", lambda: Category.create_tree(title="x", children=[{"ancestors": []}])
    )


def test_arguments() -> None:
    two()
    post = Post[1]
    for values in (5, "x", None, [("title", "x")], post):
        with pytest.raises(FieldError, match=r"Post\.assign_tree\(\) takes a mapping of values, not "):
            post.assign_tree(cast("Any", values))
    with pytest.raises(FieldError, match=r"remove_missing=\) takes True or False, not 1"):
        post.assign_tree({}, remove_missing=cast("Any", 1))
    with pytest.raises(TypeError):
        cast("Any", Post).create_tree({"title": "x"})
    refused(UnknownName, "Post has no field or relation `delete`", lambda: post.assign_tree({"delete": 1}))
    refused(UnknownName, "Post.made fills itself", lambda: Post.create_tree(title="x", made=NOON))
    post.assign_tree({})


@pytest.mark.parametrize("place", range(5))
def test_failing_at_each_depth_leaves_everything_as_it_was(place: int) -> None:
    ann, _ = two()
    ann.assign_tree({"posts": [{"id": 1, "comments": [{"body": "1", "replies": [{"number": 1, "votes": [{}]}]}]}]})
    bad: list[dict[str, Any]] = [{"name": 5}, {"title": "bad"}, {"body": "no"}, {"number": "x"}, {"reply_id": 99}]
    levels: list[dict[str, Any]] = [{"name": "n"}, {"id": 1, "title": "n"}, {"body": "n"}, {"number": 5}, {"id": 2}]
    levels[place] |= bad[place]
    names = ["posts", "comments", "replies", "votes"]
    tree = levels[-1]
    for name, level in zip(reversed(names), reversed(levels[:-1]), strict=True):
        tree = level | {name: [tree]}
    where = "".join(f"{name}[0]." for name in names[:place])
    for remove in (False, True):
        refused(SinewError, where.rstrip("."), lambda remove=remove: ann.assign_tree(tree, remove_missing=remove))


# ---------------------------------------------------------------- hostile values


class Hostile(dict[str, Any]):
    """A mapping that does something when it is read."""

    def __init__(self, act: Any, **values: Any) -> None:
        super().__init__(values)
        self.act = act

    def keys(self) -> Any:
        self.act()
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        self.act()
        return super().__iter__()


def test_mappings_that_raise() -> None:
    two()

    def fail() -> None:
        raise KeyError("hostile")

    error = refused(KeyError, "hostile", lambda: Post.create_tree(title="x", comments=[{"body": "1"}, Hostile(fail)]))
    assert error.__notes__ == ["at comments[1] of a tree of values"]

    def endless() -> Iterator[Any]:
        yield {"body": "1"}
        raise ZeroDivisionError

    refused(ZeroDivisionError, "", lambda: Post.create_tree(title="x", comments=endless()))


def test_mappings_that_write() -> None:
    ann, _ = two()

    def write() -> None:
        ann.name = "written"
        for post in ann.posts:
            post.delete()

    ann.assign_tree({"posts": [Hostile(write, title="new"), {"title": "a", "views": 1}]})
    assert ann.name == "written" and [post.title for post in ann.posts] == ["new", "a"]
    tree: dict[str, Any] = {"name": "x"}
    tree["posts"] = [Hostile(lambda: tree.update(name="changed", nothing=5), title="y")]
    assert User.create_tree(**tree).name == "x"


def test_values_that_write_while_they_are_stored() -> None:
    ann, _ = two()
    post = Post[1]

    class Sly(int):
        def __index__(self) -> int:
            return 7

    class Number:
        def __index__(self) -> int:
            if post in ann.posts:
                post.delete()
            return 7

    refused(RecordDeleted, "posts[0]", lambda: ann.assign_tree({"posts": [{"id": 1, "views": Number()}]}))
    assert Sly(1) == 1


def test_a_tree_within_a_tree() -> None:
    made: list[Any] = []

    class Loud(Mapping[str, Any]):
        def __iter__(self) -> Iterator[str]:
            made.append(Post.create_tree(title=f"inner {len(made)}", comments=[{"body": "i"}]))
            return iter(["body"])

        def __len__(self) -> int:
            return 1

        def __getitem__(self, name: str) -> Any:
            return "outer"

    post = Post.create_tree(title="x", comments=[Loud(), Loud()])
    assert bodies(post) == ["outer", "outer"] and all(bodies(each) == ["i"] for each in made)


# ---------------------------------------------------------------- by chance


@pytest.mark.parametrize("seed", range(30))
def test_a_tree_reads_back_as_it_was_assigned(seed: int) -> None:
    """With remove_missing the record holds what the tree says and nothing else, whatever was there: some by key, some
    new, some from elsewhere, some not named; and the other post has what was not taken from it."""
    chance = Random(seed)
    posts = [Post.create_tree(id=number, title="x") for number in (0, 1)]
    for step in range(8):
        post = chance.choice(posts)
        tree = some_tree(chance, post, step)
        kept = {comment.id for other in posts for comment in other.comments if other is not post}
        post.assign_tree({"comments": [row for row, _ in tree]}, remove_missing=True)
        assert [read_back(comment) for comment in post.comments] == [expected for _, expected in tree]
        named = {row["id"] for row, _ in tree if "id" in row}
        assert kept - named == {comment.id for other in posts for comment in other.comments if other is not post}
        assert Comment.count() == sum(len(each.comments) for each in posts)
        assert Reply.count() == sum(len(comment.replies) for comment in Comment.all())


def some_tree(chance: Random, post: Post, step: int) -> list[tuple[dict[str, Any], Any]]:
    """Comments of any post, some new, in any order, each with replies; and what they are expected to be."""
    known: list[Comment | None] = list(Comment.all())
    chosen = chance.sample(known, chance.randint(0, len(known))) + [None] * chance.randint(0, 2)
    chance.shuffle(chosen)
    found: list[tuple[dict[str, Any], Any]] = []
    for place, comment in enumerate(chosen):
        body = f"{step}.{place}"
        numbers = chance.sample(range(4), chance.randint(0, 3))
        rows = [{"number": number, "text": f"{body}.{number}"} for number in numbers]
        row: dict[str, Any] = {"body": body, "replies": rows}
        if comment is not None:
            row["id"] = comment.id
        found.append((row, (body, [(reply["number"], reply["text"]) for reply in rows])))
    left = [comment for comment in post.comments if comment not in chosen]
    for comment in left:  # a reply forbids to delete what it is about
        comment.replies.where(Reply.number >= 0).delete()
    return found


def read_back(comment: Comment) -> Any:
    return comment.body, [(reply.number, reply.text) for reply in comment.replies]
