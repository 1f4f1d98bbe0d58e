"""Expressions by themselves: identity, composition, how they read, moments, and the names of paths."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import sinew
from sinew import (
    Aggregate,
    Attr,
    BelongsTo,
    Column,
    Database,
    DefinitionError,
    Expr,
    FieldError,
    HasMany,
    Model,
    Moment,
    Ordering,
    RelationError,
    UnknownName,
    avg,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    max_,
    min_,
    now,
    sum_,
)

from .shop import Author, Category, Comment, Order, Post


@pytest.fixture(autouse=True)
def default_clock() -> Iterator[None]:
    yield
    sinew.db.clock.unfreeze()


def test_columns_and_paths_are_singletons() -> None:
    assert Post.title is Post.title and Post.author is Post.author
    assert Post.author.name is Post.author.name and Post.author.name is not Author.name
    assert Author.posts.category.parent.title is Author.posts.category.parent.title
    table = {Post.title: 1, Post.score: 2, Post.author.name: 3}
    assert table[Post.author.name] == 3 and hash(Post.title) == hash(Post.title)
    assert copy.copy(Post.title) is Post.title and copy.deepcopy(Post.author) is Post.author
    assert copy.deepcopy([Post.author.name])[0] is Post.author.name


def test_kinds_of_expressions() -> None:
    assert isinstance(Post.title, Column) and isinstance(Post.author_id, Column)
    assert isinstance(Post.title == "a", Expr) and isinstance("a" == Post.title, Expr)
    assert isinstance(Post.title.desc(), Ordering) and isinstance(Post.title.nulls_first(), Ordering)
    assert isinstance(count(Author.posts), Aggregate)
    assert all(isinstance(make(Post.score), Aggregate) for make in (sum_, avg, min_, max_))
    assert Column[str] is not None and sinew.Query[Post] is not None and sinew.Collection[Post] is not None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (lambda: Post.title == "a", "Post.title == 'a'"),
        (lambda: 3 < Post.score, "Post.score > 3"),
        (lambda: Post.author.name != Post.title, "Post.author.name != Post.title"),
        (
            lambda: (Post.title == "a") & (Post.score > 1) | ~(Post.score < 0),
            "(Post.title == 'a' & Post.score > 1) | ~(Post.score < 0)",
        ),
        (lambda: ~Post.title.like("a%"), "~Post.title.like('a%')"),
        (lambda: ~Post.title.matches(r"^\w"), r"~Post.title.matches('^\\w')"),
        (lambda: Post.title.matches(re.compile("", re.I | re.M)), "Post.title.matches('', re.IGNORECASE|re.MULTILINE)"),
        (lambda: Post.score.in_([1, 2]), "Post.score.in_([1, 2])"),
        (lambda: Post.score.not_in({3}), "Post.score.not_in([3])"),
        (lambda: Post.score.between(1, Post.id), "Post.score.between(1, Post.id)"),
        (lambda: Post.category.is_null(), "Post.category.is_null()"),
        (lambda: ~Post.category.in_([None]), "~Post.category.in_([None])"),
        (lambda: Post.category.not_in([]), "Post.category.not_in([])"),
        (lambda: Post.score.is_null(), "Post.score.is_null()"),
        (lambda: (Post.score + 1) * 2 > 3, "((Post.score + 1) * 2) > 3"),
        (lambda: 1 - Post.score / 2, "1 - (Post.score / 2)"),
        (lambda: exists(Author.posts, Post.title == "a"), "exists(Author.posts, Post.title == 'a')"),
        (lambda: count(Author.posts, Post.score > 1, distinct=False),
         "count(Author.posts, Post.score > 1, distinct=False)"),
        (lambda: sum_(Author.posts.score), "sum_(Author.posts.score)"),
        (lambda: avg(Post.score) > 1, "avg(Post.score) > 1"),
        (lambda: count(), "count()"),
        (lambda: Post.score.desc().nulls_first(), "Post.score.desc().nulls_first()"),
        (lambda: Post.published_at <= now() - timedelta(days=1),
         "Post.published_at <= now() - datetime.timedelta(days=1)"),
        (lambda: Author.posts.category, "Author.posts.category"),
        (lambda: Post.where(Post.score > 1).order_by(Post.id).limit(2),
         "<Query Post where Post.score > 1 order by Post.id limit 2>"),
    ],
)  # fmt: skip
def test_expressions_read_as_they_are_written(expression: Any, text: str) -> None:
    assert repr(expression()) == text


def test_truth_values_are_refused() -> None:
    for wrong in (Post.title == "a", Post.title, count(Author.posts), Post.score + 1):
        with pytest.raises(FieldError, match="&"):
            bool(wrong)
    with pytest.raises(TypeError):
        _ = Post.title in ["x"]
    assert Post.title in [Post.title]


def test_operands_that_are_none() -> None:
    for wrong in (Post.author, Post.title == "a", Post.title.desc()):
        with pytest.raises(FieldError):
            _ = Post.title == wrong
    with pytest.raises(FieldError, match="iteration"):
        list(Post.title)
    for given in (3, "abc", None, Post.title):
        with pytest.raises(FieldError, match="in_"):
            Post.title.in_(given)  # type: ignore[arg-type]


def test_in_keeps_its_own_copy() -> None:
    values = [1]
    query = Post.score.in_(values)
    values.append(2)
    assert repr(query) == "Post.score.in_([1])"


def test_unknown_names_are_suggested() -> None:
    with pytest.raises(UnknownName, match=r"Column Post\.title has no `startwith`; did you mean `startswith`"):
        Post.title.startwith("x")
    with pytest.raises(UnknownName, match="did you mean `nulls_first`"):
        Post.title.desc().null_first()
    with pytest.raises(
        UnknownName, match=r"Author has no `nmae` \(in the path Post\.author\.nmae\); did you mean `name`"
    ):
        _ = Post.author.nmae
    assert not hasattr(Post.title, "nothing") and not hasattr(Post.author, "nothing")


# ---------------------------------------------------------------- paths


def test_fields_come_before_the_verbs_of_paths() -> None:
    database = Database()

    class Target(Model, db=database):
        steps: Attr[int] = field(default=1)
        root: Attr[int] = field(default=2)
        target: Attr[int] = field(default=3)
        of: Attr[int] = field(default=4)
        is_null: Attr[int] = field(default=5)
        count: Attr[int] = field(default=6)
        sources: HasMany[Source] = has_many()

    class Source(Model, db=database):
        to: BelongsTo[Target] = belongs_to()
        LIMIT = 3

        @classmethod
        def small(cls) -> Expr:
            return cls.id <= cls.LIMIT

        @staticmethod
        def helper() -> int:
            return 7

        def method(self) -> None: ...

    Source(to=Target())
    for name in ("steps", "root", "target", "of", "is_null", "count"):
        column = getattr(Source.to, name)
        assert isinstance(column, Column) and repr(column) == f"Source.to.{name}"
    assert Source.where(Source.to.count == 6, Source.to.is_null == 5).pluck(Source.to.steps, Source.to.root) == [(1, 2)]
    assert Target.where(Target.sources.small()).all().count() == 1
    assert Target.sources.LIMIT == 3 and Target.sources.helper() == 7
    assert {"id", "to", "to_id", "is_"} <= set(dir(Target.sources))
    for name in ("method", "update", "where", "get"):
        with pytest.raises(UnknownName, match="path"):
            getattr(Target.sources, name)
    with pytest.raises(AttributeError):
        Source.to.steps = 3


def test_paths_refuse_to_be_anything_else() -> None:
    path: Any = Author.posts
    for use in (
        lambda: path(),
        lambda: isinstance(3, path),
        lambda: issubclass(int, path),
        lambda: bool(path),
        lambda: len(path),
        lambda: list(path),
        lambda: 3 in path,
        lambda: path[0],
        lambda: path == 3,
        lambda: path != Author,
    ):
        with pytest.raises(FieldError, match=r"Author\.posts"):
            use()
    assert path == path and path != Post.author and hash(path) == hash(path)
    for name in ("of", "is_a"):
        with pytest.raises(RelationError, match=r"Author\.posts leads to Post only"):
            getattr(path, name)(Author)


def test_paths_of_a_model_that_comes_later() -> None:
    database = Database()

    class Early(Model, db=database):
        late: BelongsTo[Late] = belongs_to()

    with pytest.raises(DefinitionError, match="Late"):
        _ = Early.late.name

    class Late(Model, db=database):
        name: Attr[str]

    assert repr(Early.late.name) == "Early.late.name" and Early.where(Early.late.name == "x").count() == 0


def test_a_query_of_models_that_come_later() -> None:
    database = Database()

    class Early(Model, db=database):
        title: Attr[str]
        late: BelongsTo[Late | None] = belongs_to(default=None)

    query = Early.where(Early.title == "x")
    with pytest.raises(DefinitionError, match="Late"):
        query.count()

    class Late(Model, db=database):
        name: Attr[str]

    assert query.count() == 0
    Early(title="x", late=Late(name="y"))
    assert query.count() == 1 and query.where(Early.late.name == "y").exists()


# ---------------------------------------------------------------- moments


def test_a_moment_is_no_datetime_but_works_like_one() -> None:
    sinew.db.clock.freeze(datetime(2030, 1, 1))
    moment = now()
    assert isinstance(moment, Moment) and not isinstance(moment, datetime)
    assert moment.value == datetime(2030, 1, 1) and moment == datetime(2030, 1, 1)
    assert datetime(2029, 1, 1) < moment <= datetime(2030, 1, 1) < moment + timedelta(hours=1)
    assert moment > datetime(2029, 12, 31) and moment >= datetime(2030, 1, 1) and moment != datetime(2029, 1, 1)
    assert (moment - timedelta(days=1)).value == datetime(2029, 12, 31) and (timedelta(days=1) + moment).value.day == 2
    assert moment - datetime(2029, 12, 31) == timedelta(days=1) and datetime(2030, 1, 2) - moment == timedelta(days=1)
    aware = datetime(2030, 1, 1).astimezone(UTC)
    assert moment == aware and moment - aware == timedelta() and not moment < aware
    sinew.db.clock.move(timedelta(days=1))
    assert moment.value == datetime(2030, 1, 2)  # it is still now


def test_moments_among_themselves() -> None:
    assert now() == now() and now() - timedelta(1) < now() <= now() < now() + timedelta(1) > now() >= now()
    assert now() - (now() - timedelta(hours=2)) == timedelta(hours=2) and now() != now() + timedelta(1)
    assert repr(now() + timedelta(hours=1) - timedelta(hours=3)) == "now() - datetime.timedelta(seconds=7200)"
    with pytest.raises(TypeError):
        hash(now())
    for wrong in (lambda: now() + 1, lambda: now() - "x", lambda: now() < 3):
        with pytest.raises(TypeError):
            wrong()
    assert now() != 3


def test_a_moment_is_stored_as_a_datetime() -> None:
    database = Database()

    class Login(Model, db=database):
        at: Attr[datetime] = field(default_factory=now)
        seen: Attr[datetime | None] = field(default=None, tz="aware")

    before = datetime.now()
    login = Login()
    assert type(login.at) is datetime and before <= login.at <= datetime.now()
    login.at = now() - timedelta(days=1)
    login.seen = now()
    assert type(login.at) is datetime and login.at < before
    assert (
        login.seen is not None
        and login.seen.tzinfo is UTC
        and Login.where(Login.at <= now(), at=login.at).one() is login
    )
    assert Login(at=now(), seen=now()).seen is not None
    Login.all().update(at=now(), seen=now() + timedelta(days=1))
    assert Login.where(Login.seen > now(), Login.at <= now()).count() == 2


def test_relations_cannot_hold_what_only_queries_evaluate() -> None:
    database = Database()

    class Parent(Model, db=database):
        dear: HasMany[Child] = has_many(inverse=lambda: Child.parent, where=lambda: Child.price * 2 > 3)

    class Child(Model, db=database):
        price: Attr[Decimal] = field(default=Decimal(1))
        parent: BelongsTo[Parent] = belongs_to()

    with pytest.raises(DefinitionError, match="compiled once and cannot hold.*getters, Decimals") as caught:
        list(Parent().dear)
    assert "now()" not in str(caught.value)


def test_names_in_the_shop() -> None:
    assert (
        repr(Comment.post.author.posts) == "Comment.post.author.posts"
        and repr(Category.parent.parent) == "Category.parent.parent"
    )
    assert repr(Order.items.order_id) == "Order.items.order_id"


def test_held_queries_survive_a_model_that_is_defined_anew() -> None:
    database = Database()

    def define(**fields: Any) -> Any:
        declared = {"parent": belongs_to("Node", default=None), "children": has_many("Node"), **fields}
        return sinew.define("Node", declared, db=database)

    node: Any = define(number=int, text=field(type=str, default="x"))
    top = node(number=1)
    node(number=2, parent=top)
    column, path, collection = node.number, node.parent, top.children
    queries = [
        node.where(column == 2),
        node.where(path.number == 1),
        collection.where(column > 1),
        node.order_by(-1 * column),
    ]
    gone = node.where(node.text == "x")
    assert [len(query) for query in (*queries, gone)] == [1, 1, 1, 2, 2]
    again = define(number=field(type=int, index=True), more=field(type=int, default=3))
    assert again is node
    assert [len(query) for query in queries] == [1, 1, 1, 2] and queries[0].where(node.more == 3).one() is collection[0]
    assert queries[0].explain().index == ("number",) and node.parent.more is not None
    with pytest.raises(UnknownName, match="text"):
        gone.count()
