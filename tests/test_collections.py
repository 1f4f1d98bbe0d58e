"""Collections: live, ordered by arrival, changed all or nothing; has_one; assignment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    KeyedModel,
    Model,
    NotFound,
    Query,
    RecordDeleted,
    RelationError,
    UniqueError,
    UnknownName,
    belongs_to,
    field,
    has_many,
    has_one,
)

from .shop import Author, Category, Comment, Item, Note, Order, Post, Profile, fill, shop


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    fill()
    yield
    shop.store.check()


def ids(records: Any) -> list[Any]:
    return [record.id for record in records]


def snapshot() -> list[Any]:
    return [
        [record.to_dict() for model in (Author, Profile, Category, Post, Comment) for record in model.all()],
        [ids(author.posts) for author in Author.all()],
        [ids(author.reviewed) for author in Author.all()],
        [ids(category.posts) for category in Category.all()],
    ]


def refused(action: Callable[[], Any], error: type[Exception], *words: str) -> None:
    before = snapshot()
    with pytest.raises(error) as caught:
        action()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert snapshot() == before and shop.store.depth == 0


# ---------------------------------------------------------------- reading


def test_a_collection_reads_like_a_list() -> None:
    posts = Author[0].posts
    assert len(posts) == 3 and list(posts) == [Post[0], Post[1], Post[2]] and posts
    assert (
        posts[0] is Post[0] and posts[-1] is Post[2] and posts[1:] == [Post[1], Post[2]] and posts[::-1][0] is Post[2]
    )
    assert Post[1] in posts and Post[3] not in posts and Author[0] not in posts and 0 not in posts and None not in posts
    assert posts == [Post[0], Post[1], Post[2]] and posts != [Post[0]] and posts == Author[0].posts != Author[1].posts
    assert not Author[3].posts and list(Author[3].posts) == []
    for index in (3, -4):
        with pytest.raises(IndexError):
            posts[index]
    assert repr(posts).startswith("<Author.posts of <Author 0") and "..." not in repr(posts)


def test_a_collection_is_live() -> None:
    ann, bob = Author[0], Author[1]
    posts = ann.posts
    new = Post(title="new", author=ann)
    assert len(posts) == 4 and posts[-1] is new
    new.author = bob
    assert len(posts) == 3 and new in bob.posts
    Post[1].delete()
    assert ids(posts) == [0, 2]
    Post[0].author_id = 1
    Post[0].author_id = 0
    assert ids(posts) == [2, 0]  # moving away and back puts it last


def test_iteration_is_over_the_rows_at_its_start() -> None:
    ann = Author[0]
    seen = []
    for post in ann.posts:
        seen.append(post.id)
        if post.id == 0:
            Post[1].delete()
            Post(id=77, title="late", author=ann)
    assert seen == [0, 2]
    for post in ann.posts:
        post.author = Author[3]
    assert ids(Author[3].posts) == [2, 0, 77] or ids(Author[3].posts) == [0, 2, 77]
    assert len(ann.posts) == 0


def test_every_query_verb() -> None:
    posts = Author[0].posts
    assert ids(posts.where(title="a")) == [0, 1] and ids(posts.where(Post.score > 1, Post.title == "a")) == [0]
    assert ids(posts.order_by(Post.score.desc())) == [0, 1, 2] and ids(posts.order_by(Post.score)) == [1, 0, 2]
    assert ids(posts.limit(1)) == [0] and ids(posts.offset(2)) == [2] and ids(posts.all()) == [0, 1, 2]
    assert posts.first() is Post[0] and posts.last() is Post[2] and posts.count() == 3 and posts.exists()
    assert posts.pluck(Post.title) == ["a", "a", "b"] and posts.select(Post.id)[0] == {"id": 0}
    assert (
        posts.sum(Post.score) == 6
        and posts.max(Post.score) == 5
        and posts.min(Post.score) == 1
        and posts.avg(Post.score) == 3
    )
    assert posts.get(1) is Post[1] and posts.find(3) is None and posts.find_by(title="b") is Post[2]
    assert posts.where(title="b").one() is Post[2] and posts.where(title="z").one_or_none() is None
    assert [ids(batch) for batch in posts.in_batches(2)] == [[0, 1], [2]]
    assert posts.group_by(Post.title).agg() == [{"title": "a"}, {"title": "b"}]
    assert posts.explain().rows_found == 3
    assert ids(posts.where(lambda p: p.score is None)) == [2]
    assert ids(posts.where(Post.author.posts.title == "b")) == [0, 1, 2]
    with pytest.raises(NotFound):
        posts.get(3)
    with pytest.raises(RelationError, match=r"Post\.author\.name"):
        posts.where(Author.name == "Ann")


def test_order_is_arrival_at_this_parent() -> None:
    art = Category[2]
    assert ids(art.posts) == [2, 3]
    Post[0].category = art
    Post[2].category = None
    Post[2].category = art
    assert ids(art.posts) == [3, 0, 2] == art.posts.pluck(Post.id) == ids(art.posts.where(Post.id >= 0))
    assert ids(Post.where(category=art)) == [0, 2, 3]  # a query of the model is in order of insertion


def test_conditions_and_order_of_the_relation() -> None:
    ann = Author[0]
    assert ids(ann.hits) == [0] and ids(Author[1].hits) == [3] and len(Author[2].hits) == 0
    assert ids(ann.best) == [0, 1] and len(ann.best) == 2 and Post[2] not in ann.best
    assert ann.top is Post[0] and Author[3].top is None
    Post[2].score = 9
    assert ids(ann.best) == [2, 0] and ann.top is Post[2] and ids(ann.hits) == [0, 2]
    assert ids(ann.best.where(title="a")) == [0]


def test_update_and_delete_of_a_collection() -> None:
    ann = Author[0]
    assert ann.posts.where(title="a").update(score=8) == 2
    assert ann.posts.update(title="t") == 3 and Post.where(title="t").count() == 3
    assert ann.posts.where(score=8).delete() == 2 and ids(ann.posts) == [2]


def test_the_owner_is_gone() -> None:
    dan = Author[3]
    posts = dan.posts
    dan.delete()
    for use in (
        lambda: len(posts),
        lambda: list(posts),
        lambda: posts.where(title="a").count(),
        lambda: posts.append(Post[0]),
    ):
        with pytest.raises(RecordDeleted, match="Author"):
            use()


def test_a_wrong_verb_of_a_collection_whose_owner_has_gone() -> None:
    author = Author(name="gone")
    posts = author.posts
    author.delete()
    refused(lambda: posts.wher, UnknownName, "a Collection has no `wher`", "did you mean `where`")


# ---------------------------------------------------------------- joining and leaving


def test_three_ways_to_move_are_one() -> None:
    ann, bob, dan = Author[0], Author[1], Author[3]
    Post[0].author = dan
    Post[1].author_id = dan.id
    dan.posts.append(Post[2])
    dan.posts.add(Post[3], Post[4])
    dan.posts.add()
    dan.posts.extend([Post[5]])
    assert ids(dan.posts) == [0, 1, 2, 3, 4, 5] and len(ann.posts) == len(bob.posts) == 0
    assert all(post.author is dan and post.author_id == 3 for post in Post.all())
    dan.posts.append(Post[0])
    assert ids(dan.posts) == [0, 1, 2, 3, 4, 5]  # it is here already
    dan.posts.extend(Author[0].posts)
    dan.posts.extend(post for post in dan.posts)
    assert ids(dan.posts) == [0, 1, 2, 3, 4, 5]


def test_joining_takes_records_of_the_target() -> None:
    posts = Author[0].posts
    others = [*Author[1].posts]
    refused(lambda: posts.add(*others, Author[1]), FieldError, "Author.posts", "Post")
    assert [*Author[1].posts] == others  # all or none
    refused(lambda: posts.append(Author[1]), FieldError, "Author.posts", "Post")
    refused(lambda: posts.append(3), FieldError, "Author.posts", "Post", "3")
    refused(lambda: posts.append(None), FieldError, "Author.posts", "None")
    refused(lambda: posts.extend([Post[3], Author[1]]), FieldError, "Author.posts")
    refused(lambda: posts.extend(Post[3]), FieldError, "Author.posts")
    refused(lambda: posts.extend("abc"), FieldError, "Author.posts", "'abc'")
    with pytest.raises(UnknownName, match="apend"):
        posts.apend(Post[3])


def test_a_record_that_is_gone_does_not_join() -> None:
    gone = Post[5]
    gone.delete()
    refused(lambda: Author[0].posts.extend([Post[3], gone]), RecordDeleted, "Post")


def test_leaving() -> None:
    art = Category[2]
    art.posts.remove(Post[2])
    assert Post[2].category is None and ids(art.posts) == [3]
    refused(lambda: art.posts.remove(Post[2]), NotFound, "Category.posts")
    art.posts.discard(Post[2])
    art.posts.discard(Post[3])
    assert not art.posts and Post[3].category_id is None
    art.posts.clear()
    root = Category[0]
    root.children.clear()
    assert Category.where(Category.parent.is_(root)).count() == 0 and Category[1].parent is None


def test_a_required_reference_does_not_leave() -> None:
    ann = Author[0]
    refused(lambda: ann.posts.remove(Post[0]), RelationError, "Post.author", "move or delete")
    refused(lambda: ann.posts.discard(Post[0]), RelationError, "Post.author", "move or delete")
    refused(ann.posts.clear, RelationError, "Post.author", "move or delete")
    ann.posts.discard(Post[3])  # is not here
    Author[3].posts.clear()  # is empty


def test_a_collection_with_a_condition_holds_what_meets_it() -> None:
    ann = Author[0]
    ann.hits.append(Post[3])
    assert ids(ann.hits) == [0, 3] and Post[3].author is ann
    refused(lambda: ann.hits.append(Post[5]), RelationError, "Author.hits", "Post.score > 3")
    refused(lambda: ann.hits.extend([Post[3], Post[4]]), RelationError, "Author.hits")
    refused(lambda: ann.hits.create(title="x", score=3), RelationError, "Author.hits", "Post.score > 3")
    refused(lambda: ann.hits.create(title="x"), RelationError, "Author.hits")
    assert ann.hits.create(title="x", score=4) in ann.hits


# ---------------------------------------------------------------- creating


def test_creating() -> None:
    ann = Author[0]
    post = ann.posts.create(title="new")
    assert post.author is ann and ann.posts[-1] is post and ann.posts.create(title="x", author=ann).author_id == 0
    assert ann.posts.create(title="y", author_id=0).author is ann
    refused(
        lambda: ann.posts.create(title="x", author=Author[1]), RelationError, "Author.posts", "author", "contradicts"
    )
    refused(lambda: ann.posts.create(title="x", author_id=1), RelationError, "author_id", "1", "contradicts")
    refused(lambda: ann.posts.create(title="x", author=None), RelationError, "author", "None")
    refused(lambda: ann.posts.create(), FieldError, "title")
    refused(lambda: ann.posts.create(titel="x"), UnknownName, "did you mean `title`")
    refused(lambda: ann.posts.create(title=3), FieldError, "Post.title", "3")


def test_creating_many_is_all_or_nothing() -> None:
    ann = Author[0]
    made = ann.posts.create_many([{"title": "x"}, {"title": "y", "score": 1}])
    assert ids(ann.posts) == [0, 1, 2, *ids(made)] and [post.title for post in made] == ["x", "y"]
    refused(lambda: ann.posts.create_many([{"title": "z"}, {"title": 3}]), FieldError, "Post.title")
    refused(lambda: ann.posts.create_many([{"title": "z"}, {"title": "z", "author_id": 1}]), RelationError, "author_id")
    refused(lambda: ann.posts.create_many([{"title": "z"}, 3]), FieldError, "create_many", "3")
    assert ann.posts.create_many([]) == []


def test_creating_fills_in_what_the_condition_demands() -> None:
    ann = Author[0]
    draft = ann.drafts.create(title="d")
    assert (draft.state, draft.score) == ("draft", 1) and draft in ann.drafts
    assert ann.drafts.create(title="e", state="draft", score=1) in ann.drafts
    refused(lambda: ann.drafts.create(title="f", state="live"), RelationError, "Author.drafts")


def test_creating_over_a_composite_key() -> None:
    item = Order[3].items.create(number=4)
    assert Item[3, 4] is item and item.order is Order[3]
    note = item.notes.create(text="n")
    assert (
        (note.item_order_id, note.item_number) == (3, 4) and note in item.notes and Note.where(item=item).one() is note
    )
    with pytest.raises(RelationError, match="item_number"):
        item.notes.create(text="n", item_number=5)
    Item[1, 2].notes.clear()
    assert Note.where(item=None).count() == 3


def test_creating_in_a_transaction_that_is_rolled_back() -> None:
    ann = Author[0]
    with shop.transaction() as tx:
        post = ann.posts.create(title="x")
        Post[0].author = Author[1]
        tx.rollback()
    assert ids(ann.posts) == [0, 1, 2] and len(Author[1].posts) == 1
    with pytest.raises(RecordDeleted):
        _ = post.title


# ---------------------------------------------------------------- assignment


def test_assignment_makes_the_collection_exactly_that() -> None:
    art, news = Category[2], Category[1]
    art.posts = [Post[0], Post[3]]
    assert ids(art.posts) == [0, 3] and Post[2].category is None and len(news.posts) == 0
    art.posts = [Post[3], Post[1], Post[0]]
    assert ids(art.posts) == [3, 1, 0]
    art.posts = reversed(list(art.posts))
    assert ids(art.posts) == [0, 1, 3]
    art.posts = art.posts.where(Post.id > 0)
    assert ids(art.posts) == [1, 3]
    art.posts = art.posts
    assert ids(art.posts) == [1, 3]
    art.posts = ()
    assert not art.posts and Post.where(category=art).count() == 0


def test_assignment_obeys_the_rules() -> None:
    ann, art = Author[0], Category[2]
    refused(lambda: setattr(ann, "posts", []), RelationError, "Author.posts", "move or delete")
    refused(lambda: setattr(ann, "posts", [Post[0], Post[3]]), RelationError, "move or delete")
    refused(lambda: setattr(art, "posts", [Post[0], Author[1]]), FieldError, "Category.posts")
    refused(lambda: setattr(art, "posts", [Post[0], Post[0]]), RelationError, "twice")
    refused(lambda: setattr(art, "posts", None), FieldError, "Category.posts", "None")
    refused(lambda: setattr(art, "posts", Post[0]), FieldError, "Category.posts")
    refused(lambda: setattr(ann, "hits", [Post[0], Post[5]]), RelationError, "Author.hits")
    refused(lambda: setattr(ann, "best", [Post[0]]), RelationError, "Author.best", "limit")
    ann.posts = [Post[3], Post[2], Post[0], Post[1]]
    assert ids(ann.posts) == [3, 2, 0, 1]


def test_rollback_restores_assignment() -> None:
    art = Category[2]
    Post[0].category = art
    before = ids(art.posts)
    with shop.transaction() as tx:
        art.posts = [Post[1], Post[0], Post[2]]
        assert ids(art.posts) == [1, 0, 2] and Post[3].category is None
        tx.rollback()
    assert ids(art.posts) == before == [2, 3, 0] and Post[1].category is None


# ---------------------------------------------------------------- has_one


def test_has_one() -> None:
    ann, bob, cid = Author[0], Author[1], Author[2]
    assert ann.profile is Profile[1] and cid.profile is None
    ann.profile = Profile[3]
    assert ann.profile is Profile[3] and Profile[1].author is None
    ann.profile = Profile[2]
    assert ann.profile is Profile[2] and bob.profile is None and Profile[3].author is None
    ann.profile = Profile[2]
    ann.profile = None
    assert ann.profile is None and Profile[2].author_id is None
    cid.profile = Profile(text="new")
    assert cid.profile is not None and cid.profile.author is cid
    refused(lambda: setattr(cid, "profile", Post[0]), FieldError, "Author.profile", "Profile")
    refused(lambda: setattr(cid, "profile", "x"), FieldError, "Author.profile")


def test_has_one_with_several_candidates() -> None:
    ann = Author[0]
    second = Profile(text="second", author=ann)
    assert ann.profile is Profile[1]
    refused(lambda: setattr(ann, "profile", None), RelationError, "Author.profile", "several")
    ann.profile = second
    assert ann.profile is second and Profile[1].author is None
    Profile[1].author = ann
    ann.profile = Profile[3]
    assert ann.profile is Profile[3] and Profile[1].author is ann


def test_has_one_by_order() -> None:
    database = Database()

    class User(Model, db=database):
        login: HasOne[Login | None] = has_one(order_by=lambda: Login.at.desc())

    class Login(Model, db=database):
        at: Attr[datetime]
        user: BelongsTo[User | None] = belongs_to(default=None)

    ann = User()
    old, late = (Login(at=datetime(2024, 1, day), user=ann) for day in (1, 2))
    assert ann.login is late
    with pytest.raises(RelationError, match=r"User\.login"):
        ann.login = Login(at=datetime(2023, 1, 1))
    assert ann.login is late and old.user is ann
    ann.login = Login(at=datetime(2025, 1, 1))
    assert ann.login is Login[4] and late.user is None and old.user is ann
    database.store.check()


def test_a_required_has_one_is_not_given_up() -> None:
    database = Database()

    class User(Model, db=database):
        name: Attr[str] = field(default="")
        badge: HasOne[Badge | None] = has_one()

    class Badge(Model, db=database):
        user: BelongsTo[User] = belongs_to(unique=True)

    ann, bob = User(name="Ann"), User(name="Bob")
    badge, other = Badge(user=ann), Badge(user=bob)
    with pytest.raises(RelationError, match="move or delete"):
        ann.badge = None
    with pytest.raises(RelationError, match="move or delete"):
        ann.badge = other
    with pytest.raises(UniqueError):
        badge.user = bob
    assert ann.badge is badge and bob.badge is other
    other.delete()
    bob.badge = badge
    assert bob.badge is badge and ann.badge is None
    database.store.check()


def test_a_tree_of_one_model() -> None:
    root, empty = Category[0], Category[3]
    assert [child.title for child in root.children] == ["news", "art"] and empty.parent is Category[1]
    root.children.append(empty)
    assert ids(root.children) == [1, 2, 3] and not Category[1].children
    empty.children.append(empty)
    assert empty.parent is empty and ids(empty.children) == [3] and ids(root.children) == [1, 2]
    root.children = [Category[2], Category[1]]
    assert ids(root.children) == [2, 1]


def test_two_relations_between_the_same_models() -> None:
    ann, bob = Author[0], Author[1]
    assert ids(ann.reviewed) == [3] and ids(bob.reviewed) == [1]
    bob.reviewed.extend([Post[3], Post[0]])
    assert ids(bob.reviewed) == [1, 3, 0] and not ann.reviewed and Post[0].author is ann
    bob.reviewed.clear()
    assert Post.where(Post.reviewer.is_null()).count() == 6 and ids(bob.posts) == [3]


def test_collections_of_a_model_that_needs_nothing_else() -> None:
    database = Database()

    class Node(Model, db=database):
        up: BelongsTo[Node | None] = belongs_to(default=None)
        down: HasMany[Node] = has_many()

    top = Node(id=0)
    made = top.down.create_many([{} for _ in range(50)])
    assert len(top.down) == 50 and top.down[49] is made[-1]
    top.down = made[::-1]
    assert list(top.down) == made[::-1]
    top.down = made[10:20]
    assert list(top.down) == made[10:20] and Node.where(up=None).count() == 41
    database.store.check()


# ---------------------------------------------------------------- what a collection is


def test_a_collection_is_a_query_for_isinstance() -> None:
    posts = Author[0].posts
    assert isinstance(posts, Query) and isinstance(Post.all(), Query) and issubclass(type(posts), Query)
    assert not isinstance(list(posts), Query) and not isinstance(Post.all(), type(posts))


def test_a_collection_equals_the_same_collection_and_lists() -> None:
    ann, bob = Author[0], Author[1]
    assert ann.posts == ann.posts and ann.posts == list(ann.posts) and tuple(ann.posts) == ann.posts
    assert ann.posts != bob.posts and ann.posts != ann.hits and ann.posts != 3 and ann.posts != []
    assert bool(ann.posts) and not Author[3].posts
    with pytest.raises(TypeError, match="unhashable"):
        hash(ann.posts)


def test_wrong_indexes() -> None:
    posts = Author[0].posts
    for index in ("a", 1.0, None):
        with pytest.raises(FieldError, match=r"Author\.posts is indexed by an int or a slice"):
            _ = posts[index]  # type: ignore[call-overload]
    for place in (3, -4, 10**30):
        with pytest.raises(IndexError):
            _ = posts[place]
    assert ids(posts[::-1]) == [2, 1, 0] and ids(posts[-2:]) == [1, 2] and posts[7:] == [] == posts[1:0]
    assert ids(posts[: 10**30]) == [0, 1, 2] and ids(posts[:-1]) == [0, 1]


def test_the_repr_never_raises() -> None:
    ann = Author[0]
    posts = ann.posts
    assert repr(posts).startswith("<Author.posts of <Author 0 ")
    shop.clear()
    assert repr(posts) == "<Author.posts of <Author (deleted)> (out of reach)>"


def test_moving_while_iterating() -> None:
    ann, bob = Author[0], Author[1]
    seen = []
    for post in ann.posts:
        post.author = bob
        seen.append(post.id)
    assert seen == [0, 1, 2] and not ann.posts and ids(bob.posts) == [3, 0, 1, 2]


# ---------------------------------------------------------------- joining what is there


class _Books:
    """A database with what the shop has not: keys of relations, unique texts, records of the same name elsewhere."""

    def __init__(self, db: Database) -> None:
        class Base(Model, db=db, abstract=True):
            pass

        class Order(Base):  # type: ignore[valid-type, misc]
            lines: HasMany[Line]

        class Line(KeyedModel, db=db, primary_key=("order", "number")):
            order: BelongsTo[Order] = belongs_to(on_delete="cascade")
            number: Attr[int]

        class Country(Base):  # type: ignore[valid-type, misc]
            code: Attr[str | None] = field(default=None, unique=True)
            cities: HasMany[City] = has_many(inverse="country")

        class City(Base):  # type: ignore[valid-type, misc]
            country: BelongsTo[Country | None] = belongs_to(
                references=lambda: Country.code, foreign_key="country_code", default=None, on_delete="nullify"
            )

        self.Order, self.Line, self.Country, self.City = Order, Line, Country, City


@pytest.fixture
def books(db: Database) -> _Books:
    return _Books(db)


def test_what_is_there_stays_where_it_is_even_if_its_key_is_immutable(books: _Books) -> None:
    order: Any = books.Order()
    lines = order.lines.create_many([{"number": number} for number in range(3)])
    order.lines.append(lines[0])
    assert order.lines == lines
    order.lines = lines[::-1]
    assert order.lines == lines[::-1]
    with pytest.raises(FieldError, match="immutable"):
        books.Order().lines.append(lines[0])
    with pytest.raises(RelationError, match="move or delete"):
        order.lines = lines[:1]
    assert order.lines == lines[::-1]


def test_create_checks_the_type_of_a_key_that_is_given() -> None:
    ann = Author[1]
    assert ann.posts.create(title="x", author_id=1, author=ann).author is ann
    refused(lambda: ann.posts.create(title="x", author_id=True), FieldError, "author_id")
    refused(lambda: ann.posts.create(title="x", author_id=2), RelationError, "contradicts")
    refused(lambda: ann.posts.create(title="x", author=None), RelationError, "contradicts")


def test_a_record_of_another_database_is_named_as_such() -> None:
    class Post(Model, db=Database()):
        title: Attr[str]

    other: Any = Post(title="x")
    refused(lambda: Author[0].posts.append(other), FieldError, "a Post of another database")
    assert other not in Author[0].posts


def test_references_to_another_unique_key(books: _Books, db: Database) -> None:
    germany, france, nowhere = books.Country(code="DE"), books.Country(code="FR"), books.Country()
    bonn = germany.cities.create()
    assert bonn.country_code == "DE" and bonn.country is germany and list(germany.cities) == [bonn]
    for rename in (
        lambda: setattr(germany, "code", "XX"),
        lambda: germany.update(code=None),
        lambda: books.Country.where(code="DE").update(code="XX"),
    ):
        with pytest.raises(IntegrityError, match=r"Country\[1\]: `code` cannot change while 1 City refer .* `country`"):
            rename()
    germany.code = "DE"
    with db.transaction():
        bonn.country_code = "D"
        germany.code = "D"
    assert bonn.country is germany
    assert len(nowhere.cities) == 0 and list(nowhere.cities) == [] and bonn not in nowhere.cities
    for join in (lambda: nowhere.cities.append(bonn), nowhere.cities.create, lambda: books.City(country=nowhere)):
        with pytest.raises(FieldError, match="whose key is not None"):
            join()
    bonn.country = france
    assert not germany.cities and list(france.cities) == [bonn]
    germany.code = "E"
    france.delete()
    assert bonn.country is None and bonn.country_code is None


# ---------------------------------------------------------------- what follows from a delete


def test_cycles_of_cascades_and_records_that_refer_to_themselves(base: type[Model]) -> None:
    class Node(base):  # type: ignore[valid-type, misc]
        up: BelongsTo[Node | None] = belongs_to(default=None, on_delete="cascade")
        friend: BelongsTo[Node | None] = belongs_to(default=None, on_delete="nullify")
        guard: BelongsTo[Node | None] = belongs_to(default=None)

    alone = Node(id=9, up_id=9, friend_id=9, guard_id=9)
    assert alone.up is alone.friend is alone.guard is alone
    alone.delete()
    a, b, c = Node(), Node(), Node()
    a.update(up=b, friend=c)
    b.update(up=c, friend=a)
    c.update(up=a, friend=b)
    stays = Node(friend=a)
    a.delete()
    assert list(Node.all()) == [stays] and stays.friend is None
    a = Node(guard=stays)
    stays.guard = a
    with pytest.raises(Exception, match="referred to by 1 Node by `guard`"):
        a.delete()
    Node.all().delete()
    assert Node.count() == 0


def test_what_dies_is_not_nullified_before(base: type[Model]) -> None:
    class Root(base):  # type: ignore[valid-type, misc]
        code: Attr[str] = field(unique=True)

    class Middle(base):  # type: ignore[valid-type, misc]
        root: BelongsTo[Root | None] = belongs_to(
            references="code", foreign_key="code", default=None, on_delete="nullify"
        )
        code: Attr[str | None] = field(default=None, unique=True)
        owner: BelongsTo[Root | None] = belongs_to(default=None, on_delete="cascade")

    class Leaf(base):  # type: ignore[valid-type, misc]
        middle: BelongsTo[Middle | None] = belongs_to(references="code", default=None, on_delete="cascade")

    root = Root(code="x")
    middle = Middle(root=root)
    Leaf(middle=middle)
    with pytest.raises(IntegrityError, match="`code` cannot change while 1 Leaf"):
        root.delete()  # would make the key None by which the leaf refers
    assert (Root.count(), Middle.count(), Leaf.count()) == (1, 1, 1) and middle.root is root
    middle.owner = root
    root.delete()  # the row with the key dies too, and so does the leaf
    assert (Root.count(), Middle.count(), Leaf.count()) == (0, 0, 0)


def test_keep_leaves_keys_that_heal(base: type[Model]) -> None:
    class Place(base):  # type: ignore[valid-type, misc]
        visits: HasMany[Visit]

    class Visit(base):  # type: ignore[valid-type, misc]
        place: BelongsTo[Place | None] = belongs_to(enforce=False, on_delete="keep")

    place = Place()
    visit = Visit(place=place)
    place.delete()
    assert visit.place is None and visit.place_id == 1
    back = Place(id=1)
    assert visit.place is back and list(back.visits) == [visit]
