"""References to records of several models: what they take, every view of them, queries over them, defining them anew.

Records of the two models have the same keys throughout, 0 among them: whatever takes one for the other finds a record.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, Literal
from uuid import UUID, uuid4

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
    Invalid,
    KeyedModel,
    ManyToMany,
    Model,
    RecordDeleted,
    RelationError,
    UniqueError,
    UnknownName,
    belongs_to,
    count,
    define,
    deleted_at,
    exists,
    field,
    has_many,
    has_one,
    many_to_many,
    max_,
    validates,
)

media: Any = Database()


class Base(Model, db=media, abstract=True):
    pass


class User(Base):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.user)
    posts_said_of: HasMany[Post] = has_many(through=lambda: User.comments.subject.of(Post))
    photos_said_of: HasMany[Photo] = has_many(through="comments.subject", order_by=lambda: Comment.stars.desc())
    answered: HasMany[User] = has_many(through=lambda: User.comments.subject.author)
    threads: HasMany[Comment] = has_many(through="comments.subject.comments", where=lambda: Comment.stars > 9)


class Post(Base):
    title: Attr[str]
    words: Attr[int] = field(default=0)
    author: BelongsTo[User | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)
    cover: HasOne[Comment | None] = has_one(inverse=lambda: Comment.subject, order_by=lambda: Comment.stars.desc())
    tags: HasMany[Label] = has_many(inverse=lambda: Label.post)


class Label(Base):
    text: Attr[str]
    post: BelongsTo[Post | None] = belongs_to(default=None, on_delete="nullify")


class Photo(Base):
    url: Attr[str]
    words: Attr[int] = field(default=0)
    author: BelongsTo[User | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject, where=lambda: Comment.stars >= 0)
    first: HasOne[Comment | None] = has_one(inverse=lambda: Comment.subject)
    likes: HasMany[Like] = has_many()


class Comment(Base):
    body: Attr[str]
    stars: Attr[int] = field(default=0)
    user: BelongsTo[User | None] = belongs_to(default=None)
    subject: BelongsTo[Post | Photo | None] = belongs_to(default=None, on_delete="cascade")
    likes: HasMany[Like] = has_many()


class Like(KeyedModel, db=media, primary_key=("user", "target")):
    user: BelongsTo[User] = belongs_to(on_delete="cascade")
    target: BelongsTo[Photo | Comment] = belongs_to(type_field="of", foreign_key="number", type_values={"Comment": "c"})
    weight: Attr[int] = field(default=1)


class Attachment(Base):
    """One to one, required, and restricting."""

    name: Attr[str]
    kind: Attr[str] = field(default=...)
    on: BelongsTo[Comment | Post] = belongs_to(unique=True, type_field="kind")


MODELS: tuple[Any, ...] = (User, Post, Photo, Comment, Like, Attachment, Label)


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    media.clear()
    ann, bob = User(id=0, name="Ann"), User(id=1, name="Bob")
    for n in range(3):
        Post(id=n, title=f"post {n}", words=n, author=ann if n == 0 else None)
        Photo(id=n, url=f"photo {n}", words=10 * n, author=bob if n < 2 else ann)
    for body, subject, user in (
        ("on post 0", Post[0], ann),
        ("on photo 0", Photo[0], ann),
        ("on photo 1", Photo[1], bob),
        ("on post 0 too", Post[0], None),
        ("on nothing", None, bob),
        ("on post 1", Post[1], bob),
    ):
        Comment(body=body, subject=subject, user=user, stars=len(body))
    yield
    media.store.check()


def bodies(records: Any) -> list[str]:
    return [record.body for record in records]


def said(body: str) -> Any:
    return Comment.where(body=body).one()


def snapshot() -> Any:
    return (
        [[record.to_dict() for record in model.all()] for model in MODELS],
        [bodies(record.comments) for record in (*Post.all(), *Photo.all())],
        [(record.cover or record).id for record in Post.all()],
        [comment.subject for comment in Comment.all()],
    )


def refused(action: Callable[[], Any], error: type[Exception], *words: str) -> None:
    before = snapshot()
    with pytest.raises(error) as caught:
        action()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert snapshot() == before


# ---------------------------------------------------------------- reading, setting


def test_the_same_keys_are_kept_apart() -> None:
    assert said("on post 0").subject is Post[0] and said("on photo 0").subject is Photo[0]
    assert said("on nothing").subject is None
    assert bodies(Post[0].comments) == ["on post 0", "on post 0 too"] and bodies(Photo[0].comments) == ["on photo 0"]
    assert len(Post[0].comments) == 2 and len(Photo[2].comments) == 0
    assert said("on photo 0") in Photo[0].comments and said("on photo 0") not in Post[0].comments
    assert said("on post 0").subject_type == "Post" and said("on post 0").subject_id == 0
    assert Post[0].cover is said("on post 0 too") and Photo[1].first is said("on photo 1") and Photo[2].first is None


def test_the_ways_to_move_one() -> None:
    comment = said("on post 0")
    comment.subject = Photo[0]
    assert bodies(Photo[0].comments) == ["on photo 0", "on post 0"] and bodies(Post[0].comments) == ["on post 0 too"]
    comment.subject_type = "Post"  # the post with the same key
    assert comment.subject is Post[0] and bodies(Post[0].comments) == ["on post 0 too", "on post 0"]
    comment.subject_id = 1
    assert comment.subject is Post[1]
    comment.update(subject_type="Photo", subject_id=2)
    assert comment.subject is Photo[2]
    comment.update(subject=Photo[0], body="moved")
    assert bodies(Photo[0].comments) == ["on photo 0", "moved"]
    Photo[1].comments.append(comment)
    assert comment.subject is Photo[1]
    Photo[1].comments.remove(comment)
    assert comment.subject is None and comment.subject_type is None and comment.subject_id is None
    comment.update(subject_type="Post", subject_id=0)
    comment.subject = None
    assert comment.to_dict()["subject_type"] is None


def test_constructing() -> None:
    assert Comment(body="a", subject=Post[0]).subject is Post[0]
    assert Comment(body="b", subject_type="Photo", subject_id=0).subject is Photo[0]
    assert Comment(body="c", subject=Photo[0], subject_type="Photo", subject_id=0).subject is Photo[0]
    assert Comment(body="d", subject_type=None, subject_id=None).subject is None
    assert Comment(body="e").subject is None
    assert bodies(Photo[0].comments) == ["on photo 0", "b", "c"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"subject": 3}, ("Comment.subject", "a Post or a Photo record", "3", "`subject_type` and `subject_id`")),
        ({"subject": "Post"}, ("a Post or a Photo record", "'Post'")),
        ({"subject": Post}, ("a Post or a Photo record",)),
        ({"subject_type": "Post"}, ("`subject_type` and `subject_id`", "in one statement")),
        ({"subject_id": 0}, ("`subject_type` and `subject_id`",)),
        ({"subject_type": "User", "subject_id": 0}, ("Comment.subject_type", "'Post', 'Photo'", "'User'")),
        ({"subject_type": 1, "subject_id": 0}, ("Comment.subject_type",)),
        ({"subject_type": "Post", "subject_id": "0"}, ("Comment.subject_id", "an int")),
    ],
)
def test_what_it_does_not_take(given: dict[str, Any], words: tuple[str, ...]) -> None:
    refused(lambda: Comment(body="x", **given), FieldError, *words)
    refused(lambda: said("on nothing").update(body="x", **given), FieldError, *words)
    refused(lambda: Comment.where(body="on nothing").update(body="x", **given), FieldError, *words)
    refused(lambda: Comment.insert_many([{"body": "ok"}, {"body": "x", **given}]), FieldError, "row 1", *words)


def test_records_of_other_models() -> None:
    for other in (User[0], said("on post 0")):
        refused(lambda other=other: Comment(body="x", subject=other), FieldError, "a Post or a Photo record")
        refused(
            lambda other=other: setattr(said("on nothing"), "subject", other), FieldError, "a Post or a Photo record"
        )
    gone = Photo[2]
    gone.delete()
    with pytest.raises(RecordDeleted):
        Comment(body="x", subject=gone)
    with pytest.raises(RecordDeleted):
        said("on nothing").subject = gone


def test_what_only_says_that_it_is_a_record() -> None:
    class Liar:
        @property
        def __class__(self) -> type[Any]:  # type: ignore[override]
            return Post

    assert isinstance(Liar(), Post)
    for use in (
        lambda: Comment(body="x", subject=Liar()),
        lambda: setattr(said("on nothing"), "subject", Liar()),
        lambda: Comment.all().update(subject=Liar()),
        lambda: Comment.where(subject=Liar()).count(),
        lambda: Comment.where(subject=[Post[0], Liar()]).count(),
        lambda: Comment.where(Comment.subject.is_(Liar())).count(),
        lambda: Comment.subject.of(Liar()),
    ):
        refused(use, FieldError, "Comment.subject")


def test_half_a_pair_is_refused() -> None:
    comment = said("on post 0")
    for name in ("subject_type", "subject_id"):
        refused(lambda name=name: setattr(comment, name, None), FieldError, "`subject_type` and `subject_id`")
        refused(lambda name=name: Comment.all().update(**{name: None}), FieldError, "`subject_type` and `subject_id`")
    nothing = said("on nothing")
    refused(lambda: setattr(nothing, "subject_id", 0), FieldError, "`subject_type` and `subject_id`")
    refused(lambda: setattr(nothing, "subject_type", "Post"), FieldError, "`subject_type` and `subject_id`")
    rows = {"body": ["a", "b", "c"], "subject_type": ["Post", None, "Photo"], "subject_id": [0, None, None]}
    refused(lambda: Comment.insert_many(rows), FieldError, "row 2", "`subject_type` and `subject_id`")


def test_contradictions() -> None:
    for given in ({"subject_type": "Photo"}, {"subject_id": 1}, {"subject_id": None}):
        refused(lambda given=given: Comment(body="x", subject=Post[0], **given), FieldError, "contradict each other")
        refused(lambda given=given: said("on nothing").update(subject=Post[0], **given), FieldError, "contradict")
    refused(
        lambda: Comment.all().update(subject=Post[0], subject_type="Post"), FieldError, "`subject_type` is given twice"
    )


def test_what_does_not_exist() -> None:
    Post(id=77, title="x")
    for action in (
        lambda: Comment(body="x", subject_type="Photo", subject_id=77),
        lambda: said("on post 0").update(subject_type="Photo", subject_id=77),
        lambda: Comment.insert_many({"body": ["x", "y"], "subject_type": ["Post", "Photo"], "subject_id": [77, 77]}),
    ):
        refused(action, IntegrityError, "Comment[", "subject -> ('Photo', 77)")
    moved = said("on post 0")
    moved.update(subject_type="Post", subject_id=77)
    refused(lambda: setattr(moved, "subject_type", "Photo"), IntegrityError, "('Photo', 77)")
    with media.transaction():
        late = Comment(body="x", subject_type="Photo", subject_id=90)
        assert late.subject is None
        photo = Photo(id=90, url="late")
        assert late.subject is photo


def test_a_required_one() -> None:
    refused(lambda: Attachment(name="a"), FieldError, "misses", "`on`")
    refused(lambda: Attachment(name="a", on=None), FieldError, "Attachment.on is required", "a Comment or a Post")
    refused(lambda: Attachment(name="a", kind="Post"), FieldError, "misses", "`on`")
    made = Attachment(name="a", on=Post[0])
    assert made.kind == "Post" and made.on_id == 0
    refused(lambda: setattr(made, "on", None), FieldError, "required")
    refused(lambda: setattr(made, "kind", None), FieldError, "required")
    with media.transaction():
        dangling = Attachment(name="b", kind="Comment", on_id=500)
        with pytest.raises(IntegrityError, match=r"Attachment\.on refers to Comment\[500\].*`kind` and `on_id`"):
            _ = dangling.on
        dangling.delete()


def test_one_to_one() -> None:
    Attachment(name="a", on=Post[0])
    comment = Comment(id=0, body="x")
    Attachment(name="b", on=comment)
    refused(lambda: Attachment(name="c", on=Post[0]), UniqueError, "kind='Post'", "on_id=0")
    refused(lambda: setattr(Attachment.where(name="b").one(), "kind", "Post"), UniqueError, "exists already")


# ---------------------------------------------------------------- deleting


def test_a_cascade_takes_only_its_own() -> None:
    Post[0].delete()
    assert bodies(Comment.all()) == ["on photo 0", "on photo 1", "on nothing", "on post 1"]
    assert Photo[0].first is said("on photo 0")


def test_a_cascade_goes_on_through_another() -> None:
    comment = said("on photo 0")
    Like(user=User[0], target=comment)
    Like(user=User[1], target=Photo[0])
    Like(user=User[1], target=Photo[1])
    refused(lambda: Photo[0].delete(), DeleteRestricted, "Photo[0]", "1 Like by `target`")
    with media.transaction() as tx:
        Like.where(target=[comment, Photo[0]]).delete()
        Photo[0].delete()
        assert Comment.where(body="on photo 0").count() == 0
        tx.rollback()
    assert said("on photo 0") is comment and bodies(Photo[0].comments) == ["on photo 0"] and Like.count() == 3


def test_restrict_counts_its_own_only() -> None:
    Attachment(name="a", on=Post[2])
    Attachment(name="b", on=Comment[2])
    refused(lambda: Post[2].delete(), DeleteRestricted, "Post[2]", "1 Attachment by `on`")
    Photo[2].delete()


def test_nullify_sets_both(db: Database) -> None:
    A: Any = define("A", {"id": field(type=int, primary_key=True)}, db=db)
    B: Any = define("B", {"id": field(type=int, primary_key=True)}, db=db)
    Ref: Any = define("Ref", {"to": belongs_to("A | B | None", on_delete="nullify")}, db=db)
    a, b = A(id=0), B(id=0)
    one, two = Ref(to=a), Ref(to=b)
    a.delete()
    assert (one.to_type, one.to_id, one.to) == (None, None, None) and two.to is b


def test_keep_leaves_it_dangling(db: Database) -> None:
    A: Any = define("A", {"id": field(type=int, primary_key=True)}, db=db)
    B: Any = define("B", {"id": field(type=int, primary_key=True)}, db=db)
    Ref: Any = define("Ref", {"to": belongs_to("A | B | None", on_delete="keep", enforce=False)}, db=db)
    a, b = A(id=0), B(id=0)
    one, two = Ref(to=a), Ref(to=b)
    a.delete()
    assert one.to is None and one.to_type == "A" and two.to is b
    assert Ref.group_by(Ref.to).agg(n=count()) == [{"to": None, "n": 1}, {"to": b, "n": 1}]
    assert Ref.where(exists(Ref.to)).all().pluck(Ref.to_type) == ["B"]
    assert A(id=0) is one.to
    with pytest.raises(FieldError, match="`to_type` and `to_id`"):
        Ref(to_type="A", to_id=None)


def test_a_key_in_use_is_the_members_own(db: Database) -> None:
    class Named(Model, db=db, abstract=True):
        pass

    A: Any = define("A", {"name": field(type=str)}, base=Named)
    B: Any = define("B", {"name": field(type=str)}, base=Named)
    Ref: Any = define("Ref", {"to": belongs_to("A | B")}, db=db)
    a, b = A(name="a"), B(name="b")
    Ref(to=a)
    with pytest.raises(FieldError, match="immutable"):
        a.id = 3
    b.delete()
    with pytest.raises(DeleteRestricted):
        a.delete()


# ---------------------------------------------------------------- collections


def test_writing_through_collections() -> None:
    made = Post[2].comments.create(body="new")
    assert made.subject is Post[2] and made.subject_type == "Post"
    Photo[2].comments.create_many([{"body": "x"}, {"body": "y", "subject_id": 2}])
    assert bodies(Photo[2].comments) == ["x", "y"]
    for given in ({"subject": Post[2]}, {"subject_type": "Post"}, {"subject_id": 1}):
        refused(lambda given=given: Photo[2].comments.create(body="z", **given), RelationError, "contradicts")
    Post[2].comments.extend([said("x"), said("on photo 0")])
    assert bodies(Post[2].comments) == ["new", "x", "on photo 0"] and bodies(Photo[0].comments) == []
    Post[2].comments = [said("on photo 1"), said("new")]
    assert bodies(Post[2].comments) == ["on photo 1", "new"] and said("x").subject is None
    Post[2].comments.clear()
    assert said("new").subject is None and said("new").subject_type is None
    refused(lambda: Photo[2].comments.create(body="z", stars=-1), RelationError, "holds only records")


def test_has_one_is_given_up() -> None:
    comment, other = said("on photo 1"), said("on photo 0")
    Photo[1].first = other
    assert Photo[1].first is other and comment.subject is None and Photo[0].first is None
    Photo[1].first = None
    assert other.subject is None


def test_order_of_arrival_survives_a_rollback() -> None:
    with media.transaction() as tx:
        said("on post 0").subject = Photo[0]
        said("on post 0").subject = Post[0]
        assert bodies(Post[0].comments) == ["on post 0 too", "on post 0"]
        tx.rollback()
    assert bodies(Post[0].comments) == ["on post 0", "on post 0 too"]


# ---------------------------------------------------------------- bulk, lookups


def test_loading() -> None:
    assert Comment.insert_many([{"body": "a", "subject": Post[0]}, {"body": "b", "subject": Photo[0]}]) == 2
    assert Comment.insert_many([("c", Photo[1]), ("d", None)], columns=["body", "subject"]) == 2
    assert Comment.insert_many({"body": ["e", "f"], "subject": [Post[1], Photo[1]]}) == 2
    assert Comment.insert_many({"body": ["g", "h"], "subject_type": ["Post", "Photo"], "subject_id": [0, 0]}) == 2
    found = {comment.body: comment.subject for comment in Comment.all()}
    expected = [Post[0], Photo[0], Photo[1], None, Post[1], Photo[1], Post[0], Photo[0]]
    assert [found[body] for body in "abcdefgh"] == expected
    assert bodies(Photo[1].comments) == ["on photo 1", "c", "f"]


@pytest.mark.bulk
def test_many_rows() -> None:
    n = 20_000
    kinds = ["Post" if i % 3 else "Photo" for i in range(n)]
    Comment.insert_many({"body": ["x"] * n, "subject_type": kinds, "subject_id": [i % 2 for i in range(n)]})
    for kind, model in (("Post", Post), ("Photo", Photo)):
        for key in (0, 1):
            expected = sum(1 for i in range(n) if kinds[i] == kind and i % 2 == key)
            assert Comment.where(body="x", subject=model[key]).count() == expected
    Post[0].delete()
    assert Comment.where(Comment.body == "x", Comment.subject.is_a(Photo)).count() == kinds.count("Photo")


def test_lookups() -> None:
    assert Comment.find_by(subject=Photo[1]) is said("on photo 1")
    assert Comment.find_by(subject_type="Photo", subject_id=1) is said("on photo 1")
    record, created = Comment.get_or_create(subject=Photo[2], defaults={"body": "made"})
    assert created and record.subject is Photo[2]
    assert Comment.get_or_create(subject=Photo[2], defaults={"body": "no"}) == (record, False)


def test_as_part_of_a_key() -> None:
    liked = Like(user=User[0], target=Photo[0])
    comment = Comment(id=0, body="x")
    other = Like(user=User[0], target=comment)
    assert Like[0, "Photo", 0] is liked and Like[0, "c", 0] is other
    assert (other.of, other.number) == ("c", 0) and list(comment.likes) == [other] and list(Photo[0].likes) == [liked]
    refused(lambda: Like(user=User[0], target=Photo[0]), UniqueError, "of='Photo'")
    refused(lambda: setattr(liked, "target", comment), FieldError, "immutable")
    refused(lambda: setattr(liked, "of", "c"), FieldError, "immutable")
    assert Like.find((1, "c", 0)) is None
    with pytest.raises(FieldError, match="of"):
        Like.find((1, "Comment", 0))


def test_everyday() -> None:
    comment = said("on post 0")
    assert repr(comment) == "<Comment 1 body='on post 0' stars=9 user_id=0 subject_type='Post' subject_id=0>"
    assert list(comment.to_dict()) == ["id", "body", "stars", "user_id", "subject_type", "subject_id"]
    assert comment.to_dict("subject")["subject"] is not None
    assert pickle.loads(pickle.dumps(comment)) is comment
    assert set(Comment.subject.__dir__()) >= {"title", "url", "words", "author", "comments", "of", "is_a"}
    assert "target_type" not in Like.__sinew__.fields


# ---------------------------------------------------------------- queries


def test_asking_by_record() -> None:
    assert bodies(Comment.where(subject=Post[0])) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(subject=Photo[0])) == ["on photo 0"]
    assert bodies(Comment.where(subject=[Photo[0], Post[1]])) == ["on photo 0", "on post 1"]
    assert bodies(Comment.where(subject=[Photo[0], None])) == ["on photo 0", "on nothing"]
    assert bodies(Comment.where(subject=None)) == ["on nothing"] == bodies(Comment.where(Comment.subject.is_null()))
    assert bodies(Comment.where(subject=[])) == []
    assert bodies(Comment.where(subject=lambda subject: subject is Photo[1])) == ["on photo 1"]
    assert bodies(Comment.where(Comment.subject.is_(Post[1]))) == ["on post 1"]
    assert bodies(Comment.where(~Comment.subject.is_(Post[0]), user=User[1])) == [
        "on photo 1",
        "on nothing",
        "on post 1",
    ]
    assert bodies(Comment.where(subject_type="Photo")) == ["on photo 0", "on photo 1"]
    assert bodies(Comment.where(Comment.subject_type != "Photo", Comment.subject_id == 0)) == [
        "on post 0",
        "on post 0 too",
    ]
    assert "index on subject_type, subject_id" in str(Comment.where(subject=Post[0]).explain())
    assert Comment.where(subject=Post[0]).explain().rows_examined == 2


def test_asking_by_several_records() -> None:
    subject = Comment.subject
    assert bodies(Comment.where(subject.in_([Photo[0], Post[1]]))) == ["on photo 0", "on post 1"]
    assert bodies(Comment.where(subject.in_([Photo[0], None, Photo[1]]))) == ["on photo 0", "on photo 1", "on nothing"]
    assert bodies(Comment.where(subject.not_in([Photo[0], Photo[1], Post[0], None]))) == ["on post 1"]
    assert bodies(Comment.where(subject.not_in([Post[0]]))) == ["on photo 0", "on photo 1", "on nothing", "on post 1"]
    assert bodies(Comment.where(subject.in_([]))) == []
    assert bodies(Comment.where(subject.of(Post).in_([Post[0]]))) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(subject.of(Post).not_in(Post.all()))) == ["on photo 0", "on photo 1", "on nothing"]
    assert bodies(Comment.where(subject.author.in_([User[0]]))) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(subject.author.not_in([User[0], None]))) == ["on photo 0", "on photo 1"]
    assert User.where(User.comments.subject.in_([Photo[1], Post[2]])).pluck(User.name) == ["Bob"]
    assert User.where(User.comments.subject.in_(Photo.all())).pluck(User.name) == ["Ann", "Bob"]
    assert repr(~subject.of(Post).in_([Post[1]])) == f"~Comment.subject.of(Post).in_([{Post[1]!r}])"


def test_asking_by_model() -> None:
    assert bodies(Comment.where(Comment.subject.is_a(Photo))) == ["on photo 0", "on photo 1"]
    assert bodies(Comment.where(~Comment.subject.is_a(Photo))) == [
        "on post 0",
        "on post 0 too",
        "on nothing",
        "on post 1",
    ]
    assert len(Comment.where(Comment.subject.is_a(Post, Photo)).all()) == 5
    assert User.where(User.comments.subject.is_a(Post)).pluck(User.name) == ["Ann", "Bob"]
    assert User.where(count(User.comments, Comment.subject.is_a(Photo)) == 1).count() == 2
    assert Like.where(Like.target.is_a(Comment)).count() == 0
    assert repr(Comment.subject.is_a(Post, Photo)) == "Comment.subject.is_a(Post, Photo)"


def test_paths_into_one_model() -> None:
    path = Comment.subject.of(Post)
    assert path is Comment.subject.of(Post) and path.of(Post) is path
    assert repr(path.title) == "Comment.subject.of(Post).title"
    assert bodies(Comment.where(path.title == "post 0")) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(path.words >= 0)) == ["on post 0", "on post 0 too", "on post 1"]
    assert bodies(Comment.where(path.title == None)) == ["on photo 0", "on photo 1", "on nothing"]  # noqa: E711
    assert bodies(Comment.where(path.is_(Post[1]))) == ["on post 1"]
    assert bodies(Comment.where(path.author.name == "Ann")) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(exists(path, Post.words > 0))) == ["on post 1"]
    assert bodies(Comment.where(~exists(path))) == ["on photo 0", "on photo 1", "on nothing"]
    assert bodies(Comment.where(count(path) == 1)) == ["on post 0", "on post 0 too", "on post 1"]
    assert bodies(Comment.order_by(Comment.subject.of(Photo).url.desc(), Comment.id))[:2] == [
        "on photo 1",
        "on photo 0",
    ]
    assert User.where(User.comments.subject.of(Photo).url == "photo 1").pluck(User.name) == ["Bob"]
    assert User.select(User.name, n=count(User.comments.subject.of(Post))) == [
        {"name": "Ann", "n": 1},
        {"name": "Bob", "n": 1},
    ]
    assert User.where(max_(User.comments.subject.of(Photo).words) == 10).pluck(User.name) == ["Bob"]
    assert bodies(Comment.where(Comment.subject.of(Post).comments.body == "on post 0 too")) == [
        "on post 0",
        "on post 0 too",
    ]
    assert Comment.where(exists(Comment.subject.of(Post))).pluck(Comment.subject.of(Post).title)[-1] == "post 1"


def test_paths_back_and_forth() -> None:
    assert Post.where(Post.comments.user.name == "Bob").pluck(Post.id) == [1]
    assert Photo.where(count(Photo.comments) == 0).pluck(Photo.id) == [2]
    assert Post.where(exists(Post.comments.subject.of(Photo))).count() == 0
    assert Post.where(exists(Post.comments.subject.of(Post), Post.id == 0)).pluck(Post.id) == [0]
    assert Post.where(Post.cover.body == "on post 0 too").pluck(Post.id) == [0]
    assert Photo.where(Photo.first.is_null()).pluck(Photo.id) == [2]


def test_what_several_models_have() -> None:
    words = Comment.subject.words
    assert Comment.pluck(words) == [0, 0, 10, 0, None, 1]
    assert bodies(Comment.where(words == 0)) == ["on post 0", "on photo 0", "on post 0 too"]
    assert bodies(Comment.where(words != 0)) == ["on photo 1", "on nothing", "on post 1"]
    assert bodies(Comment.where(words > 0)) == ["on photo 1", "on post 1"]
    assert bodies(Comment.where(words.is_null())) == ["on nothing"]
    assert bodies(Comment.where(words.in_([1, 10]))) == ["on photo 1", "on post 1"]
    assert bodies(Comment.order_by(words.desc(), Comment.id))[:2] == ["on photo 1", "on post 1"]
    assert Comment.where(subject=Photo[1]).select(double=words * 2) == [{"double": 20}]
    assert Comment.group_by(words).agg(n=count()) == [
        {"words": 0, "n": 3},
        {"words": 10, "n": 1},
        {"words": None, "n": 1},
        {"words": 1, "n": 1},
    ]
    assert Comment.sum(words) == 11


def test_what_one_of_them_has() -> None:
    assert Comment.pluck(Comment.subject.url) == [None, "photo 0", "photo 1", None, None, None]
    assert bodies(Comment.where(Comment.subject.title == "post 1")) == ["on post 1"]
    assert bodies(Comment.where(Comment.subject.title.startswith("post") & Comment.subject.url.is_null())) == [
        "on post 0",
        "on post 0 too",
        "on post 1",
    ]
    assert User.where(User.comments.subject.url == "photo 0").pluck(User.name) == ["Ann"]
    assert bodies(Comment.where(Comment.subject.tags.text == "x")) == []
    Label(text="x", post=Post[1])
    assert bodies(Comment.where(Comment.subject.tags.text == "x")) == ["on post 1"]
    assert bodies(Comment.where(exists(Comment.subject.tags, Label.text == "x"))) == ["on post 1"]
    assert bodies(Comment.where(count(Comment.subject.tags) == 1)) == ["on post 1"]


def test_steps_that_several_models_have() -> None:
    name = Comment.subject.author.name
    assert Comment.pluck(name) == ["Ann", "Bob", "Bob", "Ann", None, None]
    assert bodies(Comment.where(name == "Bob")) == ["on photo 0", "on photo 1"]
    assert bodies(Comment.where(name != "Bob")) == ["on post 0", "on post 0 too", "on nothing", "on post 1"]
    assert bodies(Comment.where(Comment.subject.author.is_(User[0]))) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(exists(Comment.subject.author, User.name == "Ann"))) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(Comment.subject.comments.body == "on photo 1")) == ["on photo 1"]
    assert bodies(Comment.where(Comment.subject.comments.stars > 12)) == ["on post 0", "on post 0 too"]
    assert bodies(Comment.where(exists(Comment.subject))) == [
        body for body in bodies(Comment.all()) if body != "on nothing"
    ]
    # some comment of Ann is on a thing of Bob's
    assert User.where(User.comments.subject.author.name == "Bob").pluck(User.name) == ["Ann", "Bob"]
    assert User.where(~(User.comments.subject.author.name == "Ann")).pluck(User.name) == ["Bob"]
    assert User.where(User.comments.subject.author.name != "Ann").pluck(User.name) == ["Ann", "Bob"]


def test_aggregates_over_several_models() -> None:
    assert User.select(User.name, n=count(User.comments.subject.author)) == [
        {"name": "Ann", "n": 2},
        {"name": "Bob", "n": 1},
    ]
    ways = count(User.comments.subject.author, distinct=False)
    assert User.select(n=ways) == [{"n": 2}, {"n": 1}]
    assert User.select(n=count(User.comments.subject.comments)) == [{"n": 3}, {"n": 2}]
    assert User.select(most=max_(User.comments.subject.comments.stars)) == [{"most": 13}, {"most": 10}]
    assert User.where(count(User.comments.subject.author, User.name == "Bob") == 1).count() == 2
    assert Comment.where(count(Comment.subject.author.posts) == 1).count() == 2
    with pytest.raises(RelationError, match="each target once"):
        User.select(n=count(User.comments.subject.comments, distinct=False))


def test_through_it() -> None:
    ann, bob = User[0], User[1]
    assert list(ann.posts_said_of) == [Post[0]] and list(bob.posts_said_of) == [Post[1]]
    assert list(ann.photos_said_of) == [Photo[0]] and list(bob.photos_said_of) == [Photo[1]]
    assert list(ann.answered) == [ann, bob] and list(bob.answered) == [bob]
    assert bodies(ann.threads) == ["on post 0 too", "on photo 0"] and bodies(bob.threads) == ["on photo 1"]
    Comment(body="again", subject=Photo[1], user=ann, stars=50)
    assert list(ann.photos_said_of) == [Photo[1], Photo[0]] and Photo[1] in ann.photos_said_of
    assert list(ann.answered) == [ann, bob] and len(ann.answered) == 2
    assert User.where(User.photos_said_of.url == "photo 1").count() == 2
    assert User.where(count(User.answered) == 2).pluck(User.name) == ["Ann"]
    assert User.where(User.answered.name == "Ann").pluck(User.name) == ["Ann"]
    with media.transaction() as tx:
        said("on photo 0").subject_type = "Post"
        assert list(ann.photos_said_of) == [Photo[1]]
        tx.rollback()
    assert list(ann.photos_said_of) == [Photo[1], Photo[0]]


@pytest.mark.parametrize(
    ("through", "words"),
    [
        ("refs.to", ("several models", "A", "B")),
        ("refs.to.more", ("names `more`", "no relation of A")),
        (lambda: User.comments, ("starts at User",)),
    ],
)
def test_through_it_wrongly(ab: Database, through: Any, words: tuple[str, ...]) -> None:
    define("Ref", {"to": belongs_to("A | B"), "owner": belongs_to("Owner")}, db=ab)
    fields = {"refs": has_many("Ref", inverse="owner"), "all": has_many("Ref", through=through)}
    with pytest.raises(DefinitionError) as caught:
        define("Owner", fields, db=ab).count()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_grouping() -> None:
    found = Comment.group_by(Comment.subject).agg(n=count(), most=max_(Comment.stars))
    assert [(each["subject"], each["n"]) for each in found] == [
        (Post[0], 2),
        (Photo[0], 1),
        (Photo[1], 1),
        (None, 1),
        (Post[1], 1),
    ]
    by_post = Comment.group_by(Comment.subject.of(Post)).agg(n=count())
    assert [(each["subject"], each["n"]) for each in by_post] == [(Post[0], 2), (None, 3), (Post[1], 1)]
    assert Comment.group_by(Comment.subject_type).agg(n=count())[0] == {"subject_type": "Post", "n": 3}


def test_changing_many() -> None:
    assert Comment.where(subject=Post[0]).update(subject=Photo[2]) == 2
    assert bodies(Photo[2].comments) == ["on post 0", "on post 0 too"]
    assert Comment.where(Comment.subject.is_a(Photo)).update(subject=None) == 4
    assert Comment.where(subject=None).count() == 5
    by_user = Comment.where(~Comment.user.is_null())
    assert by_user.update(subject_type="Post", subject_id=Comment.user_id) == 5
    assert bodies(Post[0].comments) == ["on post 0", "on photo 0"] and said("on post 0 too").subject is None
    refused(lambda: Comment.all().update(subject_type="Photo"), FieldError, "`subject_type` and `subject_id`")


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda: Comment.where(subject=User[0]), FieldError, ["Comment.subject", "Post or Photo", "User"]),
        (lambda: Comment.where(subject=[Post[0], 3]), FieldError, ["Post or Photo", "3"]),
        (lambda: Comment.where(subject=3), FieldError, ["`subject_type` and `subject_id`"]),
        (lambda: Comment.subject.is_(User[0]), FieldError, ["Post, Photo"]),
        (lambda: Comment.subject.of(Post).is_(Photo[0]), FieldError, ["a record of Post", "Photo"]),
        (lambda: Comment.subject.in_([Post[0], User[0]]), FieldError, ["in_() takes records of Post or Photo", "User"]),
        (lambda: Comment.subject.of(Post).not_in([Photo[0]]), FieldError, ["not_in() takes records of Post", "Photo"]),
        (lambda: Comment.subject.of(User), RelationError, ["Post or Photo", "never to User"]),
        (lambda: Comment.subject.of(Post).of(Photo), RelationError, ["leads to Post", "never to Photo"]),
        (lambda: Comment.subject.of(int), FieldError, ["takes a model", "of(Post)"]),
        (lambda: Comment.subject.of(), FieldError, ["takes a model"]),
        (lambda: Comment.subject.is_a("Post"), FieldError, ["takes a model", "'Post'"]),
        (lambda: Comment.subject.is_a(), FieldError, ["is_a(Post)"]),
        (lambda: Comment.user.is_a(User), RelationError, ["leads to User only"]),
        (lambda: Comment.user.of(User), RelationError, ["leads to User only"]),
        (lambda: Comment.subject.nothing, UnknownName, ["neither Post nor Photo has `nothing`"]),
        (lambda: Comment.subject.titel, UnknownName, ["did you mean `title`"]),
        (lambda: Comment.subject.published(), UnknownName, ["neither Post nor Photo"]),
        (lambda: Comment.where(count(Comment.subject) == 1).all().first(), RelationError, ["Comment.subject.of(Post)"]),
        (
            lambda: Comment.where(exists(Comment.subject, Post.id == 1)).first(),
            RelationError,
            ["say which", ".of(Photo)"],
        ),
        (lambda: Comment.where(Photo.url == "x").first(), RelationError, ["`Comment.subject.of(Photo).url`"]),
        (lambda: Comment.where(subject_type="User").first(), FieldError, ["Comment.subject_type", "'User'"]),
        (lambda: Comment.subject == Post, FieldError, ["is a path"]),
    ],
)
def test_mistakes_in_queries(use: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    refused(use, error, *words)


# ---------------------------------------------------------------- soft delete


def soft_world(db: Database, on_delete: str) -> tuple[Any, Any, Any]:
    def fields() -> dict[str, Any]:
        return {"id": field(type=int, primary_key=True), "gone": deleted_at(), "notes": has_many("Note")}

    class Soft(KeyedModel, db=db, abstract=True):
        pass

    A: Any = define("A", fields(), base=Soft)
    B: Any = define("B", {"id": field(type=int, primary_key=True), "notes": has_many("Note")}, base=Soft)
    about = belongs_to("A | B | None", on_delete=on_delete)
    Note: Any = define("Note", {"about": about, "gone": deleted_at()}, db=db)
    return A, B, Note


def test_soft_delete_takes_only_its_own(db: Database) -> None:
    A, B, Note = soft_world(db, "cascade")
    a, b = A(id=0), B(id=0)
    on_a, on_b = Note(about=a), Note(about=b)
    a.delete()
    assert list(Note.all()) == [on_b] and list(Note.only_deleted()) == [on_a] and list(b.notes) == [on_b]
    assert list(Note.with_deleted().where(Note.about.is_a(A))) == [on_a]
    a.restore()
    assert list(a.notes) == [on_a] and on_a.about is a and Note.count() == 2
    b.delete()  # for good, as B has no soft delete; what hangs from it is put aside, or goes
    assert B.count() == 0 and list(Note.all()) == [on_a]
    a.delete(force=True)
    assert Note.count() == 0 and A.with_deleted().count() == 0


def test_soft_delete_nullifies_both_columns(db: Database) -> None:
    A, B, Note = soft_world(db, "nullify")
    a, b = A(id=0), B(id=0)
    on_a, on_b, parked = Note(about=a), Note(about=b), Note(about=b)
    a.delete()
    assert on_a.about_type is None and on_a.about_id is None and on_b.about is b
    parked.delete()
    b.delete()
    assert on_b.about is None
    parked.restore()
    assert parked.about is None and parked.about_type is None and parked.about_id is None


def test_a_cascade_from_one_that_is_soft_needs_soft_delete(db: Database) -> None:
    soft_world(db, "nullify")
    Bad: Any = define("Bad", {"about": belongs_to("B | A", on_delete="cascade")}, db=db)
    with pytest.raises(DefinitionError, match=r'Bad\.about has on_delete="cascade" to A, whose records'):
        Bad.count()


# ---------------------------------------------------------------- many-to-many over it


@pytest.fixture
def tagged(db: Database) -> tuple[Any, Any, Any, Any]:
    """Tags on books and on films, through one pivot."""

    class Book(Model, db=db):
        title: Attr[str]
        tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.books)

    class Film(Model, db=db):
        title: Attr[str]
        tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.films)

    class Tag(Model, db=db):
        label: Attr[str]
        books: ManyToMany[Book, Tagging] = many_to_many(inverse=lambda: Book.tags)
        films: ManyToMany[Film, Tagging] = many_to_many(inverse=lambda: Film.tags)

    class Tagging(Model, db=db):
        on: BelongsTo[Book | Film] = belongs_to()
        tag: BelongsTo[Tag] = belongs_to()
        weight: Attr[int] = field(default=1)

    for number in range(2):
        Book(id=number, title=f"b{number}")
        Film(id=number, title=f"f{number}")
        Tag(id=number, label="ab"[number])
    return Book, Film, Tag, Tagging


def test_links_are_kept_apart(tagged: tuple[Any, Any, Any, Any]) -> None:
    Book, Film, Tag, Tagging = tagged
    a, b = Tag[0], Tag[1]
    assert Book[0].tags.attach({a: {"weight": 2}, b: {}}).attached == [a, b]
    assert Film[0].tags.attach(a).attached == [a]
    assert list(a.books) == [Book[0]] and list(a.films) == [Film[0]] and list(b.films) == []
    assert len(a.books) == 1 and Book[0] in a.books and Film[0] not in a.books and Film[0] not in b.films
    assert [(each.title, link.weight) for each, link in a.books.pairs()] == [("b0", 2)]
    assert a.books.where(Tagging.weight > 0).count() == 1 and a.films.where(Tagging.weight > 0).pluck(Film.title) == [
        "f0"
    ]
    assert a.books.attach(Book[0]).attached == [] and Tagging.count() == 3
    assert a.books.update_pivot(Book[0], weight=5).updated == [Book[0]] and Tagging.sum(Tagging.weight) == 7
    with pytest.raises(UniqueError, match="on_type='Film'"):
        Tagging(on=Film[0], tag=a)
    assert a.films.attach(Film[1]).attached == [Film[1]]
    assert a.books.sync([Book[1]]).detached == [Book[0]] and list(a.films) == [Film[0], Film[1]]
    assert a.books.detach().detached == [Book[1]] and list(a.films) == [Film[0], Film[1]]
    a.films = [Film[1], Film[0]]
    assert list(a.films) == [Film[1], Film[0]] and list(Film[0].tags) == [a]
    assert a.films.toggle([Film[0], Film[1]]).attached == [] and list(Book[0].tags) == [b]


def test_links_in_queries(tagged: tuple[Any, Any, Any, Any]) -> None:
    Book, Film, Tag, Tagging = tagged
    Book[0].tags.attach(Tag[0], weight=2)
    Film[0].tags.attach(Tag[0], weight=9)
    Film[1].tags.attach(Tag[1])
    assert Tag.select(books=count(Tag.books), films=count(Tag.films)) == [
        {"books": 1, "films": 1},
        {"books": 0, "films": 1},
    ]
    assert Tag.where(Tag.books.title == "b0").pluck(Tag.label) == ["a"]
    assert Tag.where(exists(Tag.books, Tagging.weight == 9)).count() == 0
    assert Tag.where(exists(Tag.films, Tagging.weight == 9)).pluck(Tag.label) == ["a"]
    assert Book.where(Book.tags.films.title == "f0").pluck(Book.id) == [0]
    assert Tagging.where(Tagging.on.is_a(Film), Tagging.on.title == "f1").count() == 1
    Film[0].delete()
    assert Tagging.count() == 2 and list(Tag[0].books) == [Book[0]]
    Tag[0].delete()
    assert list(Book[0].tags) == []


# ---------------------------------------------------------------- validators


def test_validators(db: Database) -> None:
    class Cat(Model, db=db):
        name: Attr[str]

    class Dog(Model, db=db):
        name: Attr[str]

    class Toy(Model, db=db):
        owner: BelongsTo[Cat | Dog] = belongs_to()
        owner_type: Attr[str] = field(default=...)

        @validates("owner_type")
        def _type(self, value: str) -> str:
            if value == "Dog":
                raise Invalid("no dogs")
            return value

    toy = Toy(owner=Cat(name="c"))
    for action in (lambda: Toy(owner=Dog(name="d")), lambda: setattr(toy, "owner", Dog(name="d"))):
        with pytest.raises(Invalid, match="no dogs"):
            action()
    assert toy.owner_type == "Cat" and Toy.count() == 1


# ---------------------------------------------------------------- declaring


def declared(db: Database, **options: Any) -> Any:
    return define("Ref", {"to": belongs_to("A | B | None", **options)}, db=db)


@pytest.fixture
def ab(db: Database) -> Database:
    define("A", {"name": field(type=str, default="")}, db=db)
    define("B", {"name": field(type=str, default="")}, db=db)
    return db


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type_values": {"C": "c"}}, ("'C'", "does not lead", "A, B")),
        ({"type_values": {"A": "x", "B": "x"}}, ("'x'", "A and B", "its own")),
        ({"type_values": {"A": "B"}}, ("'B'", "A and B")),
        ({"type_values": {"A": None}}, ("a str or an int", "None")),
        ({"type_values": {"A": True}}, ("a str or an int",)),
        ({"type_values": ["a"]}, ("takes a dict", "['a']")),
        ({"type_values": {3: "x"}}, ("3",)),
        ({"type_field": 3}, ("type_field=", "3")),
        ({"type_field": "class"}, ("type_field=",)),
        ({"type_field": "to_id"}, ("`to_id`", "type field", "foreign key")),
        ({"type_field": "to"}, ("`to`", "taken", "type_field=")),
        ({"type_field": "update"}, ("`update`", "taken")),
        ({"references": "name"}, ("references=", "primary keys")),
        ({"inverse": "refs"}, ("inverse=", "other sides")),
        ({"foreign_key": ("a", "b")}, ("2 foreign key fields", "1 key field")),
        ({"on_delete": "keep"}, ("enforce=False",)),
        ({"acyclic": True}, ("acyclic=", "the model itself")),
    ],
)
def test_options_that_mean_nothing(ab: Database, options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(DefinitionError) as caught:
        declared(ab, **options)()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert str(caught.value).startswith("Ref")


def test_options_of_others(ab: Database) -> None:
    for options in ({"type_field": "kind"}, {"type_values": {"A": "a"}}):
        with pytest.raises(DefinitionError, match="is for references to several models"):
            define("Ref", {"to": belongs_to("A", **options)}, db=ab)
    with pytest.raises(DefinitionError, match="names A twice"):
        define("Ref", {"to": belongs_to("A | B | A")}, db=ab)
    with pytest.raises(DefinitionError, match="a has_many leads to one"):
        define("Ref", {"to": has_many("A | B")}, db=ab)  # type: ignore[arg-type]


def test_models_that_are_not_there(ab: Database) -> None:
    Ref = define("Ref", {"to": belongs_to("A | Bee")}, db=ab)
    with pytest.raises(DefinitionError, match=r"Ref\.to leads to `Bee`, which is no model of this database"):
        Ref()
    define("Bee", {"name": str}, db=Database())
    with pytest.raises(DefinitionError, match="is no model of this database"):
        Ref()
    Bee: Any = define("Bee", {"name": str}, db=ab)
    assert Ref(to=Bee(name="x")).to.name == "x"


def test_keys_of_different_types(db: Database) -> None:
    class A(Model, db=db):
        pass

    class B(KeyedModel, db=db):
        id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)

    class Ref(Model, db=db):
        to: BelongsTo[A | B] = belongs_to()

    with pytest.raises(DefinitionError, match="different keys.*A has id: int, and B has id: UUID"):
        Ref.count()


def test_keys_that_are_uuids(db: Database) -> None:
    class A(KeyedModel, db=db):
        id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
        refs: HasMany[Ref] = has_many()

    class B(KeyedModel, db=db):
        id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
        refs: HasMany[Ref] = has_many()

    class Ref(Model, db=db):
        to: BelongsTo[A | B] = belongs_to(on_delete="cascade")

    key = uuid4()
    a, b = A(id=key), B(id=key)
    refs = [Ref(to=each) for each in (a, b, a)]
    assert list(a.refs) == [refs[0], refs[2]] and list(b.refs) == [refs[1]]
    assert Ref.where(to=[b]).all().pluck(Ref.id) == [2] and Ref.where(Ref.to.id == key).count() == 3
    a.delete()
    assert list(Ref.all()) == [refs[1]]


def test_composite_keys(db: Database) -> None:
    class Shelf(KeyedModel, db=db, primary_key=("room", "number")):
        room: Attr[str]
        number: Attr[int]
        boxes: HasMany[Box] = has_many()

    class Rack(KeyedModel, db=db, primary_key=("hall", "slot")):
        hall: Attr[str]
        slot: Attr[int]
        boxes: HasMany[Box] = has_many()

    class Box(Model, db=db):
        place: BelongsTo[Shelf | Rack | None] = belongs_to(default=None, on_delete="nullify")

    shelf, rack = Shelf(room="a", number=0), Rack(hall="a", slot=0)
    one, two = Box(place=shelf), Box(place=rack)
    assert (two.place_type, two.place_room, two.place_number) == ("Rack", "a", 0)
    assert one.place is shelf and two.place is rack and list(rack.boxes) == [two]
    assert Box.where(place=[rack, shelf]).count() == 2 and Box.where(place=rack).one() is two
    for given in ({"place_room": None}, {"place_type": None}, {"place_type": None, "place_room": None}):
        with pytest.raises(FieldError, match="`place_type` and `place_room` and `place_number`"):
            two.update(**given)
    rack.delete()
    assert two.place_type is None and two.place_room is None and two.place_number is None and one.place is shelf


def test_type_values_and_columns(ab: Database) -> None:
    Ref = declared(ab, type_values={"A": 1, "B": 2}, type_field="kind", foreign_key="number")
    A, B = ab.models["A"], ab.models["B"]
    one = Ref(to=A(name="x"))
    two = Ref(kind=2, number=B(name="y").id)
    assert (one.kind, one.number) == (1, 1) and two.to.name == "y"
    assert Ref.where(Ref.to.is_a(B)).one() is two and Ref.where(kind=1).one() is one
    with pytest.raises(FieldError, match=r"one of \(1, 2\)"):
        one.kind = "A"


def test_declared_columns(ab: Database) -> None:
    A = ab.models["A"]

    class Ref(Model, db=ab):
        to: BelongsTo[A | B] = belongs_to(default=...)  # noqa: F821
        to_type: Attr[str] = field(default=...)
        to_id: Attr[int] = field(default=...)

    made = Ref(to=A())
    assert made.to_type == "A" and Ref(to_type="A", to_id=1).to is made.to
    with pytest.raises(FieldError, match=r"Ref\.to_type takes one of \('A', 'B'\), not 'C'"):
        made.to_type = "C"
    assert list(made.to_dict()) == ["id", "to_type", "to_id"]
    assert Ref.where(Ref.to_type == "A").count() == 2 and Ref.where(Ref.to_type.in_(["B"])).count() == 0


def test_a_declared_literal(ab: Database) -> None:
    class Ref(Model, db=ab):
        to: BelongsTo[A | B] = belongs_to()  # noqa: F821
        to_type: Attr[Literal["B", "A"]] = field(default=...)

    b = ab.models["B"]()
    assert Ref(to=b).to is b and Ref.where(Ref.to.is_a(ab.models["B"])).count() == 1


@pytest.mark.parametrize(
    ("annotation", "options", "words"),
    [
        ("int", {}, ("to_type", "Attr[Literal['A', 'B']]", "Attr[str]")),
        ("Literal['A']", {}, ("Attr[Literal['A', 'B']]",)),
        ("Literal['A', 'B', 'C']", {}, ("Attr[Literal['A', 'B']]",)),
        ("str | None", {}, ("to_type", "annotate both")),
        ("str", {"check": bool}, ("check=",)),
        ("str", {"default": "A"}, ("no default but None",)),
    ],
)
def test_declared_columns_that_do_not_fit(
    ab: Database, annotation: str, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    contents: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": {"to": "BelongsTo[A | B]", "to_type": f"Attr[{annotation}]"},
        "to": belongs_to(),
        "to_type": field(**options),
    }
    Ref = type(Model)("Ref", (Model,), contents, db=ab)
    with pytest.raises(DefinitionError) as caught:
        Ref.count()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_two_of_them(ab: Database) -> None:
    Ref: Any = define("Ref", {"one": belongs_to("A | B"), "two": belongs_to("A | B", type_field="one_type")}, db=ab)
    with pytest.raises(DefinitionError, match="has the same type field as `one`"):
        Ref.count()
    Ref = define("Two", {"one": belongs_to("A | B"), "two": belongs_to("B | A", default=None)}, db=ab)
    a, b = ab.models["A"](), ab.models["B"]()
    made = Ref(one=b, two=a)
    assert made.one is b and made.two is a


def test_which_side_is_the_other(db: Database) -> None:
    class A(Model, db=db):
        refs: HasMany[Ref] = has_many()

    class B(Model, db=db):
        pass

    class Ref(Model, db=db):
        to: BelongsTo[A | B] = belongs_to()
        also: BelongsTo[A | B] = belongs_to()

    with pytest.raises(DefinitionError, match=r"inverse=lambda: Ref\.to or inverse=lambda: Ref\.also"):
        A.count()


def test_no_side_back(ab: Database) -> None:
    C: Any = define("C", {"refs": has_many("Ref")}, db=ab)
    declared(ab)
    with pytest.raises(DefinitionError, match="needs a reference back"):
        C.count()
    D: Any = define("D", {"refs": has_many("Ref", inverse=lambda: ab.models["Ref"].to)}, db=Database())
    with pytest.raises(DefinitionError, match="`Ref`"):
        D.count()


def test_one_of_the_models_is_the_model_itself(db: Database) -> None:
    class Page(Model, db=db):
        title: Attr[str]
        notes: HasMany[Note] = has_many()

    class Note(Model, db=db):
        about: BelongsTo[Page | Note | None] = belongs_to(default=None, on_delete="cascade")
        replies: HasMany[Note] = has_many()

    page = Page(title="p")
    first = Note(about=page)
    second = Note(about=first)
    third = Note(about=second)
    third.update(about=third)  # itself
    assert list(first.replies) == [second] and list(page.notes) == [first] and third.about is third
    second.about = third
    assert Note.where(Note.about.of(Note).about.is_(third)).pluck(Note.id) == [2, 3]
    page.delete()
    assert list(Note.all()) == [second, third]
    third.delete()  # which `second` is about, and itself
    assert Note.count() == 0


# ---------------------------------------------------------------- defining anew


def define_ref(db: Database, members: str, **options: Any) -> Any:
    return define("Ref", {"to": belongs_to(f"{members} | None", on_delete="cascade", **options)}, db=db)


def test_a_member_is_defined_anew(ab: Database) -> None:
    Ref: Any = define_ref(ab, "A | B")
    A, B = ab.models["A"], ab.models["B"]
    a, b = A(name="a"), B(name="b")
    refs = [Ref(to=each) for each in (a, b, a)]
    query = Ref.where(Ref.to.of(A).name == "a")
    again: Any = define(
        "A", {"name": field(type=str, default=""), "refs": has_many("Ref"), "more": field(type=int, default=7)}, db=ab
    )
    assert again is A and a.more == 7 and list(a.refs) == [refs[0], refs[2]]
    assert [ref.to for ref in refs] == [a, b, a] and query.count() == 2
    with pytest.raises(IntegrityError):
        Ref(to_type="A", to_id=9)
    a.delete()
    assert list(Ref.all()) == [refs[1]]


def test_a_member_is_added(ab: Database) -> None:
    Ref: Any = define_ref(ab, "A | B")
    A, B = ab.models["A"], ab.models["B"]
    C: Any = define("C", {"refs": has_many("Ref")}, db=ab)
    a, b = A(), B()
    refs = [Ref(to=each) for each in (a, b, None)]
    assert define_ref(ab, "C | A | B") is Ref
    c = C()
    refs.append(Ref(to=c))
    assert [ref.to for ref in refs] == [a, b, None, c] and [ref.to_type for ref in refs] == ["A", "B", None, "C"]
    assert list(c.refs) == [refs[3]]
    b.delete()
    assert list(Ref.all()) == [refs[0], refs[2], refs[3]]


def test_a_member_is_taken_away(ab: Database) -> None:
    define("C", {"x": field(type=int, default=0)}, db=ab)
    Ref: Any = define_ref(ab, "A | B | C")
    A, B = ab.models["A"], ab.models["B"]
    a, b = A(), B()
    refs = [Ref(to=each) for each in (a, b, b)]
    with pytest.raises(DefinitionError, match=r"Ref\.to_type cannot leave B out: 2 rows refer to a B"):
        define_ref(ab, "A | C")
    assert [ref.to for ref in refs] == [a, b, b]
    with pytest.raises(FieldError):
        Ref(to=3)
    define_ref(ab, "A | B")  # nobody refers to a C
    assert [ref.to for ref in refs] == [a, b, b]
    b.delete()
    assert list(Ref.all()) == [refs[0]]


def test_type_values_are_renamed(ab: Database) -> None:
    Ref: Any = define_ref(ab, "A | B")
    a, b = ab.models["A"](), ab.models["B"]()
    refs = [Ref(to=each) for each in (a, b, None)]
    query = Ref.where(Ref.to.is_a(ab.models["B"]))
    define_ref(ab, "A | B", type_values={"A": "letter", "B": "A"})
    assert [ref.to for ref in refs] == [a, b, None] and [ref.to_type for ref in refs] == ["letter", "A", None]
    assert list(query) == [refs[1]]
    define_ref(ab, "A | B", type_values={"A": 1, "B": 2})
    assert [ref.to for ref in refs] == [a, b, None] and [ref.to_type for ref in refs] == [1, 2, None]


def test_type_values_of_a_declared_literal_are_exchanged(ab: Database) -> None:
    def run(values: dict[str, str]) -> Any:
        class Ref(Model, db=ab):
            to: BelongsTo[A | B] = belongs_to(type_values=values)  # noqa: F821
            to_type: Attr[Literal["x", "y"]] = field(default=...)

        return Ref

    Ref = run({"A": "x", "B": "y"})
    a, b = ab.models["A"](), ab.models["B"]()
    refs = [Ref(to=a), Ref(to=b)]
    run({"A": "y", "B": "x"})
    assert [ref.to for ref in refs] == [a, b] and [ref.to_type for ref in refs] == ["y", "x"]


def test_from_one_model_to_several_and_back(ab: Database) -> None:
    Ref: Any = define("Ref", {"to": belongs_to("A | None", default=None)}, db=ab)
    a = ab.models["A"]()
    ref = Ref()
    define_ref(ab, "A | B")
    assert ref.to is None and Ref(to=a).to is a
    refs = list(Ref.all())
    define("Ref", {"to": belongs_to("A | None", default=None)}, db=ab)
    assert [each.to for each in refs] == [None, a]
    with pytest.raises(DefinitionError):
        define_ref(ab, "A | B")  # the rows have a key, and no type
    assert [each.to for each in refs] == [None, a]


def test_other_options(ab: Database) -> None:
    Ref: Any = define_ref(ab, "A | B")
    a = ab.models["A"]()
    ref = Ref(to=a)
    define("Ref", {"to": belongs_to("A | B | None", on_delete="nullify"), "note": field(type=str, default="")}, db=ab)
    a.delete()
    assert ref.to is None and ref.to_type is None and ref.note == ""
    with pytest.raises(DefinitionError):
        define("Ref", {"to": belongs_to("A | B")}, db=ab)  # required
    assert ref.to is None and Ref.count() == 1


def test_a_relation_that_hides_a_verb_of_paths_is_told() -> None:
    db = Database()

    class Base(Model, db=db, abstract=True):
        pass

    class Post(Base):
        pass

    class Photo(Base):
        of: BelongsTo[Post] = belongs_to()

    class Comment(Base):
        on: BelongsTo[Post | Photo] = belongs_to()

    assert repr(Comment.on.of.id) == "Comment.on.of.id"
    with pytest.raises(FieldError, match=r"of is a relation of Photo, which hides the verb of\(\); rename it"):
        Comment.on.of(Post)
