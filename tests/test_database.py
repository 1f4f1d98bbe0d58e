"""Databases: isolation, transactions, the clock, checks; and what every record can do."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    IntegrityError,
    Model,
    SinewError,
    TransactionError,
    UniqueError,
    belongs_to,
    define,
    field,
    has_many,
    now,
    transaction,
)
from sinew import db as default

kept = Database()


class Kept(Model, db=kept):
    """At module level, so that pickle finds it."""

    name: Attr[str]
    secret: Attr[str] = field(default="", repr=False)
    note: Attr[str | None] = field(default=None)
    stamp: Attr[Any] = field(default_factory=object)
    parent: BelongsTo[Kept | None] = belongs_to(default=None)
    children: HasMany[Kept]


class Plain(Model):
    """In the default database."""

    name: Attr[str]


@pytest.fixture
def shop(db: Database) -> tuple[Any, Any]:
    class Author(Model, db=db):
        name: Attr[str] = field(unique=True)
        posts: HasMany[Post]

    class Post(Model, db=db):
        title: Attr[str]
        author: BelongsTo[Author] = belongs_to(on_delete="cascade")

    return Author, Post


@pytest.fixture(autouse=True)
def empty() -> None:
    kept.clear()
    default.clear()


# ---------------------------------------------------------------- the registry


def test_databases_are_isolated() -> None:
    def build(database: Database) -> Any:
        class Post(Model, db=database):
            title: Attr[str]

        return Post

    one, other = Database(), Database()
    first, second = build(one), build(other)
    assert first is not second
    first(title="x")
    assert (first.count(), second.count()) == (1, 0)
    assert one.models["Post"] is first and other.models["Post"] is second


def test_models_are_a_live_mapping(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    assert dict(db.models) == {"Author": author, "Post": post}
    assert "Author" in db.models and "Autor" not in db.models and len(db.models) == 2
    with pytest.raises(KeyError, match=r"Autor.*did you mean `Author`") as caught:
        db.models["Autor"]
    assert isinstance(caught.value, SinewError)
    assert db.models.get("Autor") is None
    assert repr(db) == "<Database: Author, Post>"


def test_models_without_a_database_are_in_the_default_one() -> None:
    assert default.models["Plain"] is Plain
    with transaction():
        Plain(name="x")
    with pytest.raises(ZeroDivisionError), transaction():
        Plain(name="y")
        raise ZeroDivisionError
    assert [plain.name for plain in Plain.all()] == ["x"]


def test_stats_and_clear(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    assert db.stats().by_model == {"Author": 0, "Post": 0}
    ann = author(name="Ann")
    post(title="a", author=ann)
    post(title="b", author=ann)
    stats = db.stats()
    assert (stats.rows, stats.by_model) == (3, {"Author": 1, "Post": 2})
    assert "3 rows in 2 models" in str(stats)
    db.clear()
    assert db.stats().rows == 0 and post.count() == 0
    assert "deleted" in repr(ann)
    assert author(name="Ann").id == 1


def test_closed_databases(shop: tuple[Any, Any]) -> None:
    author, _ = shop
    database = author.__sinew__.db
    ann = author(name="Ann")
    database.close()
    database.close()
    for action in (lambda: author(name="x"), author.count, lambda: author[1], database.clear, database.stats):
        with pytest.raises(SinewError, match="closed"):
            action()
    with pytest.raises(SinewError):
        _ = ann.name
    with pytest.raises(SinewError, match="closed"):

        class Late(Model, db=database):
            name: Attr[str]


def test_a_database_goes_with_its_last_reference() -> None:
    def build() -> tuple[Any, Any]:
        database = Database()

        class Node(Model, db=database):
            name: Attr[str]
            parent: BelongsTo[Node | None] = belongs_to(default=None)
            children: HasMany[Node]

        root = Node(name="root")
        root.children.append(Node(name="leaf"))
        return weakref.ref(database), weakref.ref(Node)

    references = build()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


# ---------------------------------------------------------------- transactions


def test_all_or_nothing(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    ann = author(name="Ann")
    with pytest.raises(ZeroDivisionError), db.transaction():
        post(title="a", author=ann)
        ann.name = "changed"
        raise ZeroDivisionError
    assert (post.count(), ann.name) == (0, "Ann")


def test_nested_blocks_are_savepoints(db: Database, shop: tuple[Any, Any]) -> None:
    author, _ = shop
    with db.transaction():
        kept_one = author(name="a")
        with pytest.raises(ZeroDivisionError), db.transaction():
            lost = author(name="b")
            raise ZeroDivisionError
        with db.transaction() as inner:
            author(name="c")
            inner.rollback()
            with pytest.raises(TransactionError, match="over"):
                author(name="d")
        author(name="e")
    assert author.pluck(author.name) == ["a", "e"]
    assert kept_one.name == "a" and "deleted" in repr(lost)


def test_rollback_undoes_at_once(db: Database, shop: tuple[Any, Any]) -> None:
    author, _ = shop
    ann = author(name="Ann")
    with db.transaction() as tx:
        ann.delete()
        bob = author(name="Bob")
        tx.rollback()
        assert ann.name == "Ann" and author.count() == 1
        assign, begin = (lambda: setattr(ann, "name", "x")), db.transaction().__enter__
        for statement in (lambda: author(name="x"), ann.delete, assign, begin):
            with pytest.raises(TransactionError, match="over"):
                statement()
        with pytest.raises(TransactionError, match="over"):
            tx.rollback()
    assert "deleted" in repr(bob)
    assert author(name="Bob").id == 3
    with pytest.raises(TransactionError, match="over"):
        tx.rollback()
    with pytest.raises(TransactionError, match="entered"):
        tx.__enter__()


def test_an_outer_block_cannot_be_rolled_back_within_an_inner_one(db: Database, shop: tuple[Any, Any]) -> None:
    author, _ = shop
    with db.transaction() as outer:
        author(name="a")
        with db.transaction(), pytest.raises(TransactionError, match="within"):
            outer.rollback()
        author(name="b")
    assert author.count() == 2


def test_references_are_checked_at_the_end(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    with db.transaction():
        early = post(title="a", author_id=1)
        with pytest.raises(IntegrityError, match=r"Post\.author"):
            _ = early.author
        ann = author(name="Ann")
        assert early.author is ann
    with pytest.raises(IntegrityError, match="99"), db.transaction():
        post(title="b", author_id=99)
    assert post.count() == 1 and db.store.depth == 0  # type: ignore[attr-defined]


def test_deferred_uniqueness(db: Database) -> None:
    class Seat(Model, db=db):
        number: Attr[int] = field(unique="deferred")

    one, other = Seat(number=1), Seat(number=2)
    with db.transaction():
        one.number = 2
        other.number = 1
    assert (one.number, other.number) == (2, 1)
    with pytest.raises(UniqueError, match="number=1"), db.transaction():
        one.number = 1
    assert one.number == 2


def test_other_threads_wait_or_are_told(db: Database, shop: tuple[Any, Any]) -> None:
    author, _ = shop
    author(name="a")
    told: list[BaseException] = []

    def write(wait: float | None) -> None:
        try:
            with db.transaction(wait=wait):
                author(name="b")
        except TransactionError as error:
            told.append(error)

    with db.transaction():
        author(name="c")
        thread = threading.Thread(target=write, args=(None,))
        thread.start()
        thread.join()
        waiting = threading.Thread(target=write, args=(10,))
        waiting.start()
    waiting.join()
    assert len(told) == 1 and "transaction is open in" in str(told[0])
    assert author.pluck(author.name) == ["a", "c", "b"]


def test_models_are_laid_out_before_a_transaction(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    with db.transaction():
        post(title="first use", author=author(name="Ann"))

        class Late(Model, db=db):
            name: Attr[str]

        with pytest.raises(TransactionError, match=r"Late.*first time within a transaction"):
            Late(name="x")
    assert Late(name="x").id == 1


# ---------------------------------------------------------------- the clock


def test_the_clock() -> None:
    clock = Database().clock
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC) and clock.now().tzinfo is UTC
    assert clock.naive().tzinfo is None and abs(clock.naive() - datetime.now()) < timedelta(minutes=1)
    clock.move(timedelta(days=2))
    assert clock.now() > before + timedelta(days=1)
    clock.freeze(datetime(2030, 1, 1, tzinfo=UTC))
    clock.move(timedelta(hours=-1))
    assert clock.now() == datetime(2029, 12, 31, 23, tzinfo=UTC) == clock.naive().astimezone(UTC)
    clock.freeze(datetime(2030, 1, 1))
    assert clock.naive() == datetime(2030, 1, 1)
    clock.unfreeze()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(FieldError, match=r"datetime.*'tomorrow'"):
        clock.freeze("tomorrow")  # type: ignore[arg-type]
    with pytest.raises(FieldError, match=r"timedelta.*3"):
        clock.move(3)  # type: ignore[arg-type]


def test_the_clock_stays_within_the_years_of_datetime() -> None:
    db = Database()

    class Offer(Model, db=db):
        ends: Attr[datetime] = field(default=datetime(9000, 1, 1))

    Offer()
    farthest = timedelta(microseconds=2**63 - 1)
    for frozen in (False, True):
        if frozen:
            db.clock.freeze(datetime(2030, 1, 1, tzinfo=UTC))
        before = db.clock.now()
        for delta in (timedelta.max, timedelta.min, farthest, -farthest, timedelta(days=-365 * 2100)):
            with pytest.raises(FieldError, match=r"clock\.move\(.*days.*\) leads beyond the years 1 to 9999"):
                db.clock.move(delta)
        assert timedelta() <= db.clock.now() - before < timedelta(minutes=1)
        assert Offer.where(Offer.ends > now()).count() == 1
    east = timezone(timedelta(hours=9))
    with pytest.raises(FieldError, match=r"clock\.freeze\(0001-01-01 .*\) lies beyond the years 1 to 9999 in UTC"):
        db.clock.freeze(datetime(1, 1, 1, tzinfo=east))
    assert db.clock.now() == before
    db.clock.move(timedelta(days=365 * 7900))
    assert Offer.where(Offer.ends > now()).count() == 0


# ---------------------------------------------------------------- records


def test_repr_is_one_line_of_what_matters() -> None:
    root = Kept(name="root", secret="s")
    leaf = Kept(name="x" * 100, parent=root, note="\n")
    assert repr(root) == "<Kept 1 name='root'>"
    assert repr(leaf).startswith("<Kept 2 name='xxxx") and repr(leaf).endswith("xxx' note='\\n' parent_id=1>")
    assert len(repr(leaf)) < 100


def test_to_dict() -> None:
    root = Kept(name="root")
    leaf = Kept(name="leaf", parent=root, stamp=None)
    assert leaf.to_dict() == {"id": 2, "name": "leaf", "secret": "", "note": None, "stamp": None, "parent_id": 1}
    assert leaf.to_dict("parent")["parent"] == root.to_dict()
    assert root.to_dict("children", "parent")["children"] == [leaf.to_dict()]
    assert root.to_dict("parent")["parent"] is None


def test_update_is_all_or_nothing() -> None:
    root = Kept(name="root")
    with pytest.raises(FieldError, match=r"Kept\.note"):
        root.update(name="changed", note=3)
    assert root.name == "root"
    root.update(name="changed", parent=root)
    assert (root.name, root.parent) == ("changed", root)


def test_copies_are_refused_and_pickles_name_the_record() -> None:
    root = Kept(name="root")
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(SinewError, match="cannot be copied"):
            copier(root)
    assert pickle.loads(pickle.dumps(root)) is root
    text = pickle.dumps(root)
    root.delete()
    with pytest.raises(LookupError, match=r"Kept\[1\]"):
        pickle.loads(text)


def test_what_is_not_built_yet() -> None:
    root = Kept(name="root")
    for action in (
        lambda: root.changes, lambda: root.changed, lambda: root.was("name"),
        lambda: Kept.insert_many([], hooks=True), kept.diagram,
    ):  # fmt: skip
        with pytest.raises(DefinitionError, match="not built yet"):
            action()


# ---------------------------------------------------------------- get_or_create, upsert, insert_many


def test_get_or_create(shop: tuple[Any, Any]) -> None:
    author, _ = shop
    ann, made = author.get_or_create(name="Ann")
    assert made and author.get_or_create(name="Ann") == (ann, False)
    assert author.get_or_create(name="Bob", defaults={"id": 7})[0].id == 7
    with pytest.raises(FieldError, match="get_or_create"):
        author.get_or_create()


def test_upsert(db: Database) -> None:
    class Product(Model, db=db, unique=[("maker", "code")]):
        sku: Attr[str | None] = field(default=None, unique=True)
        maker: Attr[str] = field(default="m")
        code: Attr[int] = field(default=0)
        price: Attr[int] = field(default=0)

    one = Product.upsert(sku="a", price=1)
    assert Product.upsert(sku="a", price=2) is one and one.price == 2
    assert Product.upsert(id=1, price=3) is one and one.price == 3
    assert Product.upsert(maker="m", code=0, price=4) is one
    assert Product.upsert(on="sku", sku="b", maker="m", code=1).id == 2
    assert Product.upsert(on=("maker", "code"), sku="c", maker="m", code=1).sku == "c"
    assert Product.upsert(sku=None, code=5).id == 3
    with pytest.raises(FieldError, match=r"several unique keys.*on="):
        Product.upsert(sku="a", maker="m", code=0)
    with pytest.raises(FieldError, match=r"unique key.*\(sku\)"):
        Product.upsert(price=3)
    with pytest.raises(FieldError, match="'price'"):
        Product.upsert(on="price", price=3, sku="a")


def test_insert_many_and_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    counts: list[int] = []
    assert Kept.insert_many([{"name": "a"}, {"name": "b"}], progress=counts.append) == 2  # type: ignore[arg-type]
    assert Kept.insert_many([("c", None)], columns=[Kept.name, "note"], progress=True) == 1
    assert Kept.insert_many({"name": ["d"], "parent_id": [1]}) == 1
    assert Kept.pluck(Kept.name) == ["a", "b", "c", "d"]
    assert capsys.readouterr().err.endswith("\n")
    with pytest.raises(FieldError, match="columns="):
        Kept.insert_many({"name": ["d"]}, columns=["name"])  # type: ignore[call-overload]


# ---------------------------------------------------------------- what is held when everything goes


def test_what_is_held_when_the_database_is_cleared_or_closed(db: Database, shop: tuple[Any, Any]) -> None:
    author, post = shop
    ann = author(name="ann")
    posts, hello, query = ann.posts, post(title="hello", author=ann), post.where(title="hello")
    iterator = iter(posts)
    db.clear()
    assert list(iterator) == [] and query.count() == 0 and posts == posts
    for use in (lambda: ann.name, lambda: len(posts), lambda: list(posts), lambda: hello.author, hello.delete):
        with pytest.raises(SinewError, match="has been deleted"):
            use()
    ann = author(name="ann")
    assert ann.id == 1 and query.count() == 0 and post(title="hello", author=ann) in query
    db.close()
    for use in (
        lambda: ann.name,
        lambda: len(ann.posts),
        ann.to_dict,
        ann.delete,
        lambda: author(name="x"),
        query.count,
    ):
        with pytest.raises(SinewError, match="database is closed"):
            use()
    for use in (db.clear, db.stats, lambda: db.transaction().__enter__(), lambda: author.upsert(name="x")):
        with pytest.raises(SinewError, match="database is closed"):
            use()
    assert db.models["Author"] is author and "closed" in repr(db) and "deleted" in repr(ann)
    db.close()


def test_the_task_is_asked_for_only_while_a_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    asked: list[object] = []
    monkeypatch.setattr(asyncio, "current_task", lambda loop: asked.append(loop))
    with kept.transaction():
        Kept(name="a")
    assert asked == []

    async def within() -> None:
        with kept.transaction():
            Kept(name="b")

    asyncio.run(within())
    assert asked
    monkeypatch.delattr(asyncio, "_get_running_loop")  # as while asyncio is being imported
    with kept.transaction():
        Kept(name="c")
    assert Kept.count() == 3


# ---------------------------------------------------------------- models that are defined again


def test_what_is_held_when_a_model_is_replaced(db: Database, base: type[Model]) -> None:
    def define_post(declaration: str, **options: Any) -> Any:
        class Post(base):  # type: ignore[valid-type, misc]
            __annotations__ = {"title": "Attr[str]", "size": "Attr[int]", "author": declaration}
            size = field(default=1, index=True)
            author = belongs_to(**options)

        return Post

    def define_author(**relations: Any) -> Any:
        class Author(base):  # type: ignore[valid-type, misc]
            __annotations__ = {"name": "Attr[str]", **dict.fromkeys(relations, "HasMany[Post]")}
            vars().update(relations)

        return Author

    Author = define_author(posts=has_many())
    Post = define_post("BelongsTo[Author | None]", default=None)
    ann = Author(name="ann")
    posts = [Post(title=title, author=ann) for title in "abc"]
    held, query, across = ann.posts, Post.where(Post.size == 1), Author.where(Author.posts.title == "b")
    assert query.count() == 3 and across.count() == 1

    assert define_post("BelongsTo[Author | None]", default=None, on_delete="nullify") is Post
    assert list(held) == posts == list(ann.posts) and query.count() == 3 and across.one() is ann
    bob = Author(name="bob")
    posts[0].author = bob
    bob.delete()
    assert posts[0].author is None

    with pytest.raises(DefinitionError):  # a row has none
        define_post("BelongsTo[Author]", on_delete="cascade")
    assert posts[0].author is None and Post(title="d").author is None and held == posts[1:]
    Post.where(author=None).delete()
    assert define_post("BelongsTo[Author]", on_delete="cascade") is Post
    assert held == posts[1:] and across.one() is ann

    assert define_author(posts=has_many(order_by=lambda: Post.title.desc())) is Author
    assert list(ann.posts) == list(held) == posts[:0:-1]
    assert define_author() is Author
    assert "out of reach" in repr(held) and posts[1].author is ann
    with pytest.raises(SinewError, match="`posts`"):
        across.count()
    with pytest.raises(SinewError, match="`posts`"):
        _ = ann.posts
    ann.delete()
    assert Post.count() == 0
    db.store.check()


def test_define_takes_a_name_and_a_mapping(db: Database) -> None:
    for name, fields in (("not a name", {"a": int}), ("Post", ["a"]), (3, {"a": int})):
        with pytest.raises(DefinitionError, match="define"):
            define(name, fields, db=db)  # type: ignore[arg-type]
    assert list(db.models) == []
