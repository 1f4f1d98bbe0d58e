"""Getters without a body: delegate, count_of, sum_of, min_of, max_of, latest_of. Each against a plain loop, as an
attribute and as a column, along every kind of path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    ManyToMany,
    Model,
    RecordDeleted,
    UnknownName,
    _engine,
    belongs_to,
    count,
    count_of,
    define,
    delegate,
    deleted_at,
    exists,
    field,
    getter,
    has_many,
    has_one,
    latest_of,
    many_to_many,
    max_,
    max_of,
    min_of,
    sum_,
    sum_of,
)

db = Database()


class Rank(Enum):
    LOW = "z"
    HIGH = "a"


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Author(Base):
    name: Attr[str]
    rank: Attr[Rank] = field(default=Rank.LOW)
    mentor: BelongsTo[Author | None] = belongs_to(default=None)
    pupils: HasMany[Author] = has_many(inverse=lambda: Author.mentor)
    below: HasMany[Author] = has_many(recursive=lambda: Author.pupils)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    tags: HasMany[Tag] = has_many(through=lambda: Author.posts.tags)
    last_post: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.at.desc())

    post_count = count_of(lambda: Author.posts)
    tag_count = count_of(lambda: Author.tags)
    below_count = count_of(lambda: Author.below)
    views = sum_of(lambda: Author.posts.views)
    money = sum_of(lambda: Author.posts.price)
    earned = sum_of(lambda: Author.posts.views * Author.posts.price)
    fewest = min_of(lambda: Author.posts.views)
    most = max_of(lambda: Author.posts.views)
    last_title = max_of(lambda: Author.posts.title)
    highest = max_of(lambda: Author.pupils.rank)
    longest = max_of(lambda: Author.posts.length)
    most_remarks = max_of(lambda: Author.posts.remark_count)
    latest = latest_of(lambda: Author.posts.at)
    priciest = latest_of(lambda: Author.posts.price)
    wordiest = latest_of(lambda: Author.posts.length)
    busiest_pupil = latest_of(lambda: Author.pupils.post_count)
    mentor_name = delegate(lambda: Author.mentor.name)
    grand_name = delegate(lambda: Author.mentor.mentor_name)
    last_post_title = delegate(lambda: Author.last_post.title)
    same = delegate(lambda: Author.name)

    @getter
    def loud_name(self) -> str:
        return self.name.upper()


class Post(Base):
    title: Attr[str]
    views: Attr[int] = field(default=0)
    price: Attr[Decimal] = field(default=Decimal("0.50"))
    at: Attr[datetime | None] = field(default=None)
    author: BelongsTo[Author | None] = belongs_to(default=None)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    remarks: HasMany[Remark] = has_many(inverse=lambda: Remark.subject)

    author_name = delegate(lambda: Post.author.name)
    author_rank = delegate(lambda: Post.author.rank)
    author_posts = delegate(lambda: Post.author.post_count)
    author_shout = delegate(lambda: Post.author_name_twice)
    author_loud = delegate(lambda: Post.author.loud_name)
    remark_count = count_of(lambda: Post.remarks)
    heaviest = max_of(lambda: Post.tags.id)

    @getter
    def length(self) -> int:
        return len(self.title)

    @getter
    def author_name_twice(self) -> str | None:
        return self.author_name and self.author_name * 2


class Photo(Base):
    url: Attr[str]
    remarks: HasMany[Remark] = has_many(inverse=lambda: Remark.subject)
    remark_count = count_of(lambda: Photo.remarks)


class Remark(Base):
    text: Attr[str]
    subject: BelongsTo[Post | Photo] = belongs_to(on_delete="cascade")
    subject_remarks = delegate(lambda: Remark.subject.remark_count)
    post_title = delegate(lambda: Remark.subject.of(Post).title)
    url = delegate(lambda: Remark.subject.url)


class Tag(Base):
    label: Attr[str]
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)
    post_count = count_of(lambda: Tag.posts)
    views = sum_of(lambda: Tag.posts.views)


class Tagging(Base):
    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    label = delegate(lambda: Tagging.tag.label)


EXPECTED: dict[type[Any], dict[str, Callable[[Any], Any]]] = {
    Author: {
        "post_count": lambda a: len(a.posts),
        "tag_count": lambda a: len({tag for post in a.posts for tag in post.tags}),
        "below_count": lambda a: len(a.below),
        "views": lambda a: sum(post.views for post in a.posts),
        "money": lambda a: sum((post.price for post in a.posts), Decimal(0)),
        "earned": lambda a: sum((post.views * post.price for post in a.posts), Decimal(0)),
        "fewest": lambda a: min((post.views for post in a.posts), default=None),
        "most": lambda a: max((post.views for post in a.posts), default=None),
        "last_title": lambda a: max((post.title for post in a.posts), default=None),
        "highest": lambda a: max((pupil.rank for pupil in a.pupils), key=list(Rank).index, default=None),
        "longest": lambda a: max((len(post.title) for post in a.posts), default=None),
        "most_remarks": lambda a: max((len(post.remarks) for post in a.posts), default=None),
        "latest": lambda a: last_greatest(a.posts, lambda post: post.at),
        "priciest": lambda a: last_greatest(a.posts, lambda post: post.price),
        "wordiest": lambda a: last_greatest(a.posts, lambda post: len(post.title)),
        "busiest_pupil": lambda a: last_greatest(a.pupils, lambda pupil: len(pupil.posts)),
        "mentor_name": lambda a: a.mentor and a.mentor.name,
        "grand_name": lambda a: a.mentor and a.mentor.mentor and a.mentor.mentor.name,
        "last_post_title": lambda a: a.last_post and a.last_post.title,
        "same": lambda a: a.name,
    },
    Post: {
        "author_name": lambda p: p.author and p.author.name,
        "author_rank": lambda p: p.author and p.author.rank,
        "author_posts": lambda p: p.author and len(p.author.posts),
        "author_shout": lambda p: p.author and p.author.name * 2,
        "author_loud": lambda p: p.author and p.author.name.upper(),
        "remark_count": lambda p: len(p.remarks),
        "heaviest": lambda p: max((tag.id for tag in p.tags), default=None),
    },
    Photo: {"remark_count": lambda p: len(p.remarks)},
    Remark: {
        "subject_remarks": lambda r: len(r.subject.remarks),
        "post_title": lambda r: r.subject.title if isinstance(r.subject, Post) else None,
        "url": lambda r: r.subject.url if isinstance(r.subject, Photo) else None,
    },
    Tag: {"post_count": lambda t: len(t.posts), "views": lambda t: sum(post.views for post in t.posts)},
    Tagging: {"label": lambda t: t.tag.label},
}
CASES = [
    pytest.param(model, name, expected, id=f"{model.__name__}.{name}")
    for model, named in EXPECTED.items()
    for name, expected in named.items()
]


def last_greatest(records: Any, value: Callable[[Any], Any]) -> Any:
    found = None
    for record in records:
        if value(record) is not None and (found is None or not value(record) < value(found)):
            found = record
    return found


@pytest.fixture(autouse=True)
def filled() -> Iterator[None]:
    db.clear()
    ann, bob, cid, dan = (Author(name=name, rank=rank) for name, rank in zip("ABCD", [*Rank, *Rank], strict=True))
    bob.mentor, cid.mentor, dan.mentor = ann, ann, cid
    first = datetime(2024, 1, 1)
    rows: list[tuple[str, int, str, int | None, Author | None]] = [
        ("one", 3, "1.00", 1, ann), ("three", 9, "1.0", 5, ann), ("seven", 0, "0.10", 5, ann), ("x", 9, "1", None, ann),
        ("eleven", 4, "7", None, bob), ("two", 4, "7", 2, cid), ("lost", 1, "3", 3, None),
    ]  # fmt: skip
    posts = [
        Post(title=t, views=v, price=Decimal(p), at=None if d is None else first + timedelta(days=d), author=a)
        for t, v, p, d, a in rows
    ]
    tags = [Tag(label=label) for label in "abc"]
    for number, post in enumerate(posts[:5]):
        post.tags.attach(tags[: number % 3])
    photo = Photo(url="u")
    for number, subject in enumerate((posts[0], photo, posts[0], posts[1], photo, posts[5], photo)):
        Remark(text=str(number), subject=subject)
    yield
    db.store.check()  # type: ignore[attr-defined]


def same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and found == wanted


# ---------------------------------------------------------------- against plain loops


@pytest.mark.parametrize(("model", "name", "expected"), CASES)
def test_values(model: Any, name: str, expected: Callable[[Any], Any]) -> None:
    wanted = [expected(record) for record in model.all()]
    assert any(each is not None for each in wanted), "the data say something"
    assert all(map(same, [getattr(record, name) for record in model.all()], wanted))
    assert all(map(same, model.pluck(getattr(model, name)), wanted))
    assert model.select(getattr(model, name)) == [{name: each} for each in wanted]


@pytest.mark.parametrize(("model", "name", "expected"), CASES)
def test_conditions(model: Any, name: str, expected: Callable[[Any], Any]) -> None:
    column, records = getattr(model, name), list(model.all())
    for value in {expected(record) for record in records}:
        wanted = [record for record in records if expected(record) == value]
        assert list(model.where(column == value)) == wanted
        assert list(model.where(**{name: value})) == list(model.where(**{name: [value]})) == wanted
        assert list(model.where(column != value)) == [record for record in records if record not in wanted]
        assert list(model.where(column.in_([value]), model.id > 1)) == [record for record in wanted if record.id > 1]
    assert list(model.where(column.is_null())) == [record for record in records if expected(record) is None]


@pytest.mark.parametrize(("model", "name", "expected"), [case for case in CASES if case.id not in (
    "Author.latest", "Author.priciest", "Author.wordiest", "Author.busiest_pupil",
)])  # fmt: skip
def test_order(model: Any, name: str, expected: Callable[[Any], Any]) -> None:
    column, records = getattr(model, name), list(model.all())
    there = [record for record in records if expected(record) is not None]
    missing = [record for record in records if expected(record) is None]

    def key(record: Any) -> Any:
        value = expected(record)
        return list(Rank).index(value) if isinstance(value, Rank) else value

    assert list(model.order_by(column)) == [*sorted(there, key=key), *missing]
    assert list(model.order_by(column.desc())) == [*sorted(there, key=key, reverse=True), *missing]
    least, greatest = min(there, key=key), max(there, key=key)
    assert (model.min(column), model.max(column)) == (expected(least), expected(greatest))
    groups = model.group_by(column).agg(n=count())
    values = [expected(record) for record in records]
    assert groups == [{name: value, "n": values.count(value)} for value in dict.fromkeys(values)]


def test_over_paths() -> None:
    ann = Author[1]
    assert Post.where(Post.author.post_count == 4).count() == 4
    assert Post.pluck(Post.author.mentor_name) == ["A" if p.author and p.author.mentor else None for p in Post.all()]
    assert Author.where(Author.posts.remark_count == 2).pluck(Author.name) == ["A"]
    assert Author.where(exists(Author.posts, Post.remark_count == 1, Post.author_name == "C")).pluck(Author.name) == [
        "C"
    ]
    assert Author.where(exists(Author.pupils, Author.post_count == 0)).pluck(Author.name) == ["C"]
    assert Author.where(count(Author.posts, Post.remark_count > 0) == 2).pluck(Author.name) == ["A"]
    assert Author.pluck(max_(Author.posts.remark_count)) == [2, 0, 1, None]
    assert Author.pluck(sum_(Author.posts.author_posts)) == [16, 1, 1, 0]
    assert Tagging.where(Tagging.post.author_name == "A").count() == 3
    assert Remark.pluck(Remark.subject.remark_count) == [2, 3, 2, 1, 3, 1, 3]
    assert Author.where(Author.latest == ann.latest).all().count() == 1
    assert ann.tags.order_by(Tag.post_count).pluck(Tag.label) == ["b", "a"]
    assert ann.posts.where(Post.remark_count > 0).pluck(Post.title) == ["one", "three"]
    tree = Author.include(
        Author.posts, where=Post.remark_count > 0, order_by=Post.remark_count, only=["title", "author_name"]
    )
    assert tree.to_dicts()[0]["posts"] == [
        {"title": "three", "author_name": "A"}, {"title": "one", "author_name": "A"},
    ]  # fmt: skip
    Post.where(Post.author_name != None).update(title=Post.author_name)  # noqa: E711
    assert Post.pluck(Post.title) == ["A", "A", "A", "A", "B", "C", "lost"]


def test_the_engine_answers_alone() -> None:
    """No function of the user's runs, and the plan is that of the column that is meant."""
    for delegated, written in (
        (Post.author_name == "A", Post.author.name == "A"),
        (Author.grand_name == "A", Author.mentor.mentor.name == "A"),
        (Tagging.label == "a", Tagging.tag.label == "a"),
    ):
        model = delegated.left.root.cls  # type: ignore[attr-defined]
        assert str(model.where(delegated).explain()) == str(model.where(written).explain())
    for column in (
        Author.post_count,
        Author.views,
        Author.most,
        Post.author_name,
        Post.author_posts,
        Author.most_remarks,
    ):
        assert not column.field.in_python  # type: ignore[attr-defined]
        assert column.root.cls.where(~column.is_null())._compiled is not None  # type: ignore[attr-defined]
    for column in (Author.money, Author.longest, Author.latest, Post.author_shout, Post.author_loud):
        assert column.field.in_python  # type: ignore[attr-defined]


def test_values_follow_the_store() -> None:
    ann, bob = Author[1], Author[2]
    with pytest.raises(ZeroDivisionError), db.transaction():
        bob.posts.append(Post[1])
        assert (ann.post_count, bob.post_count, bob.latest, Post[1].author_name) == (3, 2, Post[1], "B")
        bob.name = "Bert"
        assert Post[1].author_name == "Bert" and Post[1].author_loud == "BERT"
        raise ZeroDivisionError
    assert (ann.post_count, bob.post_count, Post[1].author_name, ann.latest) == (4, 1, "A", Post[3])
    Post[3].delete()
    assert (ann.post_count, ann.latest, ann.views) == (3, Post[2], 21)


def test_getters_that_read_them_are_never_stale() -> None:
    db = Database()

    class Author(Model, db=db):
        name: Attr[str]
        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
        number = count_of(lambda: Author.posts)
        views = sum_of(lambda: Author.posts.views)
        money = sum_of(lambda: Author.posts.price)
        most = max_of(lambda: Author.posts.views)
        latest = latest_of(lambda: Author.posts.views)
        longest = latest_of(lambda: Author.posts.length)

        @getter
        def summary(self) -> Any:
            return self.number, self.views, self.money, self.most, self.latest, self.longest

        @getter
        def loud(self) -> str:
            return self.name.upper()

        @getter
        def asked(self) -> Any:
            by_getter = Author.where(Author.loud == "ANN").count(), Post.pluck(Post.author_loud, Post.length)
            return by_getter, Author.order_by(Author.views.desc(), Author.loud).pluck(Author.number, Author.latest)

        @getter
        def tree(self) -> Any:
            return Author.include(Author.posts, order_by=Post.length, only=["length", "author_name"]).to_dicts()

    class Post(Model, db=db):
        title: Attr[str]
        views: Attr[int] = field(default=0)
        price: Attr[Decimal] = field(default=Decimal(1))
        author: BelongsTo[Author] = belongs_to()
        author_name = delegate(lambda: Post.author.name)
        author_loud = delegate(lambda: Post.author.loud)

        @getter
        def length(self) -> int:
            return len(self.title)

        @getter
        def both(self) -> Any:
            return self.author_name, self.author_loud

    ann, bob = Author(name="ann"), Author(name="bob")
    first, second = Post(title="x", author=ann), Post(title="yy", views=3, author=ann)

    def look() -> None:
        for record in (*Author.all(), *Post.all()):
            for name, descriptor in vars(type(record)).items():
                if isinstance(descriptor, _engine.Getter):
                    assert getattr(record, name) == descriptor.function(record), (record, name)

    look()
    changes: list[Callable[[], Any]] = [
        lambda: setattr(ann, "name", "amy"),
        lambda: setattr(second, "views", 9),
        lambda: setattr(first, "title", "long"),
        lambda: setattr(first, "author", bob),
        lambda: setattr(second, "price", Decimal(7)),
        lambda: Post(title="new", author=ann, views=99),
        lambda: setattr(bob, "name", "ann"),
        lambda: second.update(author=bob, title="zzz"),
        lambda: Post.where(Post.id < 3).update(title=Post.author.name),
        lambda: Post[3].delete(),
    ]
    for change in changes:
        change()
        look()


def test_they_are_read_only() -> None:
    ann, post = Author[1], Post[1]
    with pytest.raises(FieldError, match="Author.post_count is computed by a getter and cannot be set to 3"):
        ann.post_count = 3
    with pytest.raises(FieldError, match="Post.author_name is computed by a getter and cannot be set to 'x'"):
        post.author_name = "x"
    with pytest.raises(FieldError, match="Post.author_name is computed by a getter and cannot be deleted"):
        del post.author_name
    with pytest.raises(FieldError, match="Author.latest is computed by a getter and cannot be given"):
        Author(name="x", latest=post)
    with pytest.raises(UnknownName, match="did you mean `post_count`"):
        _ = ann.posts_count


def test_deleted_records_have_none() -> None:
    ann, post = Author[4], Post[7]
    ann.delete()
    post.delete()
    for name in EXPECTED[Author]:
        with pytest.raises(RecordDeleted):
            getattr(ann, name)
    for name in EXPECTED[Post]:
        with pytest.raises(RecordDeleted):
            getattr(post, name)
    with pytest.raises(TypeError):
        vars(Author)["post_count"].__get__(Tag[1])


def test_soft_deleted_records_leave_the_counts() -> None:
    db = Database()

    class Shop(Model, db=db):
        items: HasMany[Item] = has_many(inverse=lambda: Item.shop)
        item_count = count_of(lambda: Shop.items)
        dearest = max_of(lambda: Shop.items.price)
        newest = latest_of(lambda: Shop.items.id)

    class Item(Model, db=db):
        price: Attr[int]
        gone: Attr[datetime | None] = deleted_at()
        shop: BelongsTo[Shop] = belongs_to()
        shop_items = delegate(lambda: Item.shop.item_count)

    shop = Shop()
    cheap, dear = Item(price=1, shop=shop), Item(price=9, shop=shop)
    dear.delete()
    assert (shop.item_count, shop.dearest, shop.newest, cheap.shop_items) == (1, 1, cheap, 1)
    assert Item.with_deleted().pluck(Item.shop_items) == [1, 1]
    dear.restore()
    assert (shop.item_count, shop.dearest, shop.newest) == (2, 9, dear)


def test_in_conditions_and_orders_of_relations() -> None:
    """What the engine finds alone may be in them, as the aggregate itself may."""
    db = Database()

    class Shop(Model, db=db):
        items: HasMany[Item] = has_many(inverse=lambda: Item.shop)
        unsold: HasMany[Item] = has_many(
            inverse=lambda: Item.shop, where=lambda: Item.sale_count == 0, order_by=lambda: Item.id.desc()
        )
        by_sales: HasMany[Item] = has_many(inverse=lambda: Item.shop, order_by=lambda: Item.sale_count.desc())
        unsold_count = count_of(lambda: Shop.unsold)

    class Item(Model, db=db):
        shop: BelongsTo[Shop] = belongs_to()
        sales: HasMany[Sale] = has_many(inverse=lambda: Sale.item)
        sale_count = count_of(lambda: Item.sales)

    class Sale(Model, db=db):
        item: BelongsTo[Item] = belongs_to()

    shop = Shop()
    a, b, c = (Item(shop=shop) for _ in range(3))
    Sale(item=b)
    assert (list(shop.unsold), list(shop.by_sales), shop.unsold_count) == ([c, a], [b, a, c], 2)
    d = shop.unsold.create()
    assert list(shop.unsold) == [d, c, a]
    assert Shop.where(Shop.unsold_count == 3).count() == 1


# ---------------------------------------------------------------- redefinition


def test_what_they_lead_over_is_defined_anew() -> None:
    db = Database()

    def writer(**more: Any) -> Any:
        return define("Writer", {"name": str, **more}, db=db)

    author = writer(size=field(type=int, default=1), books=has_many("Book", inverse="writer"))
    book = define(
        "Book",
        {
            "writer": belongs_to("Writer"),
            "pages": int,
            "writer_size": delegate(lambda: book.writer.size),
            "further": delegate(lambda: book.writer_size),
        },
        db=db,
    )
    ann = author(name="Ann")
    it = book(writer=ann, pages=3)
    query = book.where(book.further == 1)
    assert (it.writer_size, it.further, query.count()) == (1, 1, 1)
    writer(size=getter(lambda self: len(self.name)), books=has_many("Book", inverse="writer"))
    assert (it.writer_size, it.further, query.count()) == (3, 3, 0)
    writer(size=sum_of(lambda: author.books.pages), books=has_many("Book", inverse="writer"))
    assert (it.writer_size, it.further, book.where(book.further == 3).count()) == (3, 3, 1)
    with pytest.raises(DefinitionError, match=r"Book.writer_size: delegate\(\) fails: .*`size`"):
        writer(books=has_many("Book", inverse="writer"))
    assert (it.writer_size, it.further, ann.size) == (3, 3, 3)


def test_queries_that_were_run_before_see_the_getter_in_force(db: Database) -> None:
    def writer(**more: Any) -> Any:
        return define("Writer", {"books": has_many("Book", inverse="writer"), **more}, db=db)

    author = writer(number=count_of(lambda: author.books))
    book = define("Book", {"pages": int, "writer": belongs_to("Writer")}, db=db)
    ann = author()
    for pages in (10, 5):
        book(pages=pages, writer=ann)
    queries = (
        author.where(author.number == 2),
        book.where(book.writer.number == 2),
        author.where(author.books.pages > 1),
    )
    assert [query.count() for query in queries] == [1, 2, 1]
    writer(number=sum_of(lambda: author.books.pages))
    assert (ann.number, [query.count() for query in queries]) == (15, [0, 0, 1])
    with pytest.raises(DefinitionError):
        writer(number=sum_of(lambda: author.books.pagse))
    assert (ann.number, [query.count() for query in queries]) == (15, [0, 0, 1])
    writer(number=count_of(lambda: author.books))
    assert (ann.number, [query.count() for query in queries]) == (2, [1, 2, 1])


# ---------------------------------------------------------------- mistakes


def check(db: Database, words: str, **declared: Callable[[], Any]) -> None:
    """Author, Post and Tag with one getter too many."""

    class Author(Model, db=db):
        name: Attr[str]
        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
        if "author" in declared:
            wrong = declared["author"]()

    class Post(Model, db=db):
        title: Attr[str]
        any: Attr[Any] = field(default=None)
        author: BelongsTo[Author] = belongs_to()
        if "post" in declared:
            wrong = declared["post"]()

    models.update(Author=Author, Post=Post)
    with pytest.raises(DefinitionError, match=words) as caught:
        db.check()
    assert (caught.value.problems or (caught.value,))[0].file == __file__
    with pytest.raises(DefinitionError, match=words):
        Author(name="x")


models: dict[str, Any] = {}


def author() -> Any:
    return models["Author"]


def post() -> Any:
    return models["Post"]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (lambda: delegate(lambda: author().posts.title),
         r"Author.wrong takes a to-one path, and Author.posts.title gives several values; say which: max_of\("),
        (lambda: delegate(lambda: author().posts), r"takes a column, and .* gives a path; count them, count_of\("),
        (lambda: delegate(lambda: 3), r"Author.wrong takes a column, delegate\(lambda: Post.author.name\), not 3"),
        (lambda: delegate(lambda: post().title),
         r"takes a path that starts at Author, such as `Author.posts`, and Post.title starts at Post"),
        (lambda: delegate(lambda: author().nmae), r"Author.wrong: delegate\(\) fails: .*did you mean `name`"),
        (lambda: delegate(lambda: 1 // 0), r"Author.wrong: delegate\(\) fails: .*by zero"),
        (lambda: delegate(lambda: author().wrong), r"leads around in a circle: Author.wrong -> Author.wrong"),
        (lambda: count_of(lambda: author().name), r"takes a path, count_of\(lambda: Author.posts\), not Author.name"),
        (lambda: count_of(lambda: author().posts.id), r"not Author.posts.id; leave the column out: Author.posts"),
        (lambda: count_of(lambda: post().author), r"starts at Author, .* and Post.author starts at Post"),
        (lambda: count_of(lambda: None), r"takes a path, .*, not None"),
        (lambda: sum_of(lambda: author().posts), r"takes a column along a path, .*not Author.posts; name a column"),
        (lambda: sum_of(lambda: author().posts.title), r"sum_of\(\) cannot be computed: sum works on int"),
        (lambda: sum_of(lambda: author().id), r"sum_of\(\) cannot be computed: .*has no path"),
        (lambda: max_of(lambda: author().posts.any), r"max needs an order: Author.posts.any is an object"),
        (lambda: max_of(lambda: post().id), r"and Post.id starts at Post"),
        (lambda: max_of(lambda: author().posts.author.wrong), r"Author.wrong leads back to itself by max_of\(\)"),
        (lambda: latest_of(lambda: author().name), r"takes a column along a path, latest_of"),
        (lambda: latest_of(lambda: author().posts.id * 2), r"takes a column along a path, latest_of.*not Author"),
        (lambda: latest_of(lambda: author().posts.any), r"max needs an order"),
        (lambda: latest_of(lambda: "x"), r"takes a column along a path, latest_of\(lambda: Author.posts.id\), not 'x'"),
    ],
)  # fmt: skip
def test_mistakes(db: Database, declared: Callable[[], Any], words: str) -> None:
    check(db, words, author=declared)


def test_circles(db: Database) -> None:
    check(
        db,
        r"Author.wrong leads around in a circle: Author.wrong -> Author.wrong|Post.wrong -> Author.wrong",
        author=lambda: delegate(lambda: author().wrong),
        post=lambda: delegate(lambda: post().author.wrong),
    )
    again = Database()
    check(
        again,
        r"leads back to itself by max_of\(\)",
        author=lambda: max_of(lambda: author().posts.wrong),
        post=lambda: max_of(lambda: post().author.wrong),
    )


def test_all_mistakes_are_listed(db: Database) -> None:
    class Thing(Model, db=db):
        a = delegate(lambda: 1)
        b = count_of(lambda: 2)

    with pytest.raises(DefinitionError) as caught:
        db.check()
    assert [str(each).partition(" ")[0] for each in caught.value.problems] == ["Thing.a", "Thing.b"]


def test_over_a_required_reference_that_dangles_a_delegate_is_the_column(db: Database) -> None:
    """The reference itself has no record to give, and says so; the column is None, wherever it is asked for."""
    loud = getter(lambda self: self.name.upper())
    Author = define("Author", {"name": str, "loud": loud}, db=db)
    fields = {
        "author": belongs_to("Author"),
        "author_name": delegate(lambda: db.models["Post"].author.name),
        "author_loud": delegate(lambda: db.models["Post"].author.loud),
    }
    Post = define("Post", fields, db=db)
    with db.transaction():
        post = Post(author_id=0)
        with pytest.raises(IntegrityError, match=r"Post.author refers to Author\[0\], which does not exist"):
            post.author.name  # noqa: B018
        assert (post.author_name, post.author_loud) == (None, None)
        assert Post.pluck(Post.author_name, Post.author_loud, Post.author.name) == [(None, None, None)]
        assert Post.where(Post.author_name == None, Post.author_loud == None).one() is post  # noqa: E711
        Author(id=0, name="Ann")
        assert (post.author_name, post.author_loud) == ("Ann", "ANN")
    assert Post.pluck(Post.author_name, Post.author_loud) == [("Ann", "ANN")]
