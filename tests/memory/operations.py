"""Every public operation, each as a function of a world: what the sweep runs while memory is taken away.

An operation leaves its world as it was when it fails; what it gives and leaves when it succeeds is compared with an
undisturbed run. So each is one statement, or one transaction. Operations that define models have a new database each
time.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Network
from typing import Any, Protocol
from uuid import UUID

import sinew
from sinew import (
    Attr,
    BelongsTo,
    Clock,
    Database,
    HasMany,
    Model,
    avg,
    belongs_to,
    count,
    count_of,
    created_at,
    define,
    delegate,
    deleted_at,
    exists,
    getter,
    has_many,
    has_one,
    max_,
    min_,
    now,
    sum_,
    updated_at,
    validates,
)
from sinew import field as column

from .world import (
    AWARE,
    NOON,
    Author,
    Base,
    Category,
    Color,
    Comment,
    File,
    Flag,
    Folder,
    Item,
    Label,
    Labelling,
    Note,
    Order,
    Post,
    Shop,
    Size,
    seen,
)


class World(Protocol):
    """Something with a state that operations work on. repeats: what failed may be tried again with equal results; new
    records of a used database have other numbers then."""

    repeats: bool

    def restore(self) -> None: ...
    def check(self) -> None: ...
    def seen(self) -> Any: ...


@dataclass(frozen=True)
class Operation:
    """raises: the error that an undisturbed run ends with. resumes: what it has done when memory is short stays, and it
    goes on from there when it is tried again (the layout of models). undo_allocates: what it has done is undone by
    building the old again, which no memory at all prevents; then only the engine's invariants must hold."""

    name: str
    act: Callable[[Any], Any]
    world: Callable[[], World]
    raises: type[BaseException] | None = None
    resumes: bool = False
    undo_allocates: bool = False


OPERATIONS: dict[str, Operation] = {}


def operation(
    world: Callable[[], World] = Shop, raises: type[BaseException] | None = None, **known: bool
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def mark(act: Callable[[Any], Any]) -> Callable[[Any], Any]:
        assert act.__name__ not in OPERATIONS, act.__name__
        OPERATIONS[act.__name__] = Operation(act.__name__, act, world, raises, **known)
        return act

    return mark


def all_of(thing: Any) -> Any:
    return list(thing)


def is_even(value: int | None) -> bool:
    return value is not None and value % 2 == 0


def has_score(record: Any) -> bool:
    return record.score is not None


# ---------------------------------------------------------------- getters

DECLARED = ("post_count", "points", "spent", "worst", "dearest", "longest", "latest", "wordiest")


@operation()
def read_getters(w: Shop) -> Any:
    return w.ann.loud, *(getattr(w.ann, name) for name in DECLARED), w.posts[0].author_name, w.posts[3].author_loud


@operation()
def read_getters_for_the_first_time(w: Shop) -> Any:
    for info in Author.__sinew__.getters.values():  # type: ignore[attr-defined]
        info.forget()
    return read_getters(w)


@operation()
def compute_a_getter_that_reads_much(w: Shop) -> Any:
    w.ann.expire()
    return w.ann.brittle, w.ann.digest


@operation()
def verify_getters(w: Shop) -> Any:
    """What they read is written, and is the same in the end."""
    with w.db.transaction():
        before = w.ann.number, w.ann.brittle, seen(w.ann.digest)
        w.ann.email, w.posts[0].title = "other", "aa"
        w.ann.email, w.posts[0].title = "ä@x", "a"
        return before, w.ann.number, w.ann.brittle, seen(w.ann.digest)


@operation()
def recompute_getters(w: Shop) -> Any:
    with w.db.transaction():
        before = w.ann.brittle, seen(w.ann.digest)
        w.posts[0].score, w.posts[2].score = 77, 8
        Post(title="new", author=w.ann, score=9)
        return before, w.ann.brittle, seen(w.ann.digest), w.ann.number


@operation()
def getters_of_what_is_undone(w: Shop) -> Any:
    before = seen(w.ann.digest)
    with w.db.transaction() as block:
        w.posts[1].delete()
        w.bob.delete()
        inside = seen(w.ann.digest), w.ann.brittle
        block.rollback()
    return before, inside, seen(w.ann.digest), w.ann.brittle


@operation()
def expire_getters(w: Shop) -> Any:
    w.ann.expire("digest", "loud")
    w.ann.expire()
    return w.ann.number


@operation()
def explain_getters(w: Shop) -> Any:
    with w.db.transaction():
        w.ann.number, w.ann.brittle  # noqa: B018
        w.posts[0].score = 78
        found = [w.db.explain_getter(w.ann, name) for name in ("digest", "number", "brittle", "latest", "loud")]
        return [str(each).partition(":")[0] for each in found]  # without memory to record reads, good for one read


@operation()
def count_getters(w: Shop) -> Any:
    return [name for name, counts in w.db.stats().getters.items() if "values" in str(counts)]


@operation()
def audit_getters(w: Shop) -> Any:
    w.db.audit_getters = True
    try:
        return w.ann.number, w.ann.brittle, w.ann.loud, w.posts[0].author_loud
    finally:
        w.db.audit_getters = False


@operation()
def pluck_getters(w: Shop) -> Any:
    return Author.order_by(Author.number, Author.name).pluck(Author.number, Author.digest, Author.brittle)


@operation()
def getters_at_another_time(w: Shop) -> Any:
    before = w.ann.digest[8], w.ann.digest[-1]
    w.db.clock.move(timedelta(days=-40000))
    try:
        return before, w.ann.digest[8], w.ann.digest[-1]
    finally:
        w.db.clock.freeze(AWARE)


@operation()
def ask_for_getters(w: Shop) -> Any:
    found = Post.where(Post.author.loud == "ANN", Post.length < 3).order_by(Post.length.desc(), Post.author_name)
    return found.pluck(Post.title, Post.length), Author.where(Author.posts.length == 2).count()


@operation()
def ask_for_declared_getters(w: Shop) -> Any:
    query = Author.where(Author.post_count > 0, Author.spent > 1).order_by(Author.points)
    return query.pluck(Author.loud, Author.wordiest), Author.group_by(Author.latest).agg(n=count(), m=max_(Author.loud))


@operation()
def tree_with_getters(w: Shop) -> Any:
    only = ["title", "length", "author_name"]
    return Author.include(Author.posts, where=Post.length == 1, only=only).to_dicts()


@operation(raises=ZeroDivisionError)
def getter_that_raises(w: Shop) -> Any:
    return Post.pluck(Post.inverse)


@operation(raises=sinew.FieldError)
def set_a_getter(w: Shop) -> Any:
    w.ann.loud = "x"


# ---------------------------------------------------------------- soft delete


@operation()
def delete_softly(w: Shop) -> Any:
    w.folder.delete()


@operation()
def delete_softly_by_query(w: Shop) -> Any:
    return Folder.where(Folder.title.in_(["a", "old"])).delete()


@operation()
def restore_record(w: Shop) -> Any:
    w.old.restore()


@operation()
def restore_by_query(w: Shop) -> Any:
    return Folder.only_deleted().where(title="old").restore()


@operation(raises=sinew.UniqueError)
def restore_what_is_taken(w: Shop) -> Any:
    with w.db.transaction():
        Folder(title="old")
        w.old.restore()


@operation(raises=sinew.IntegrityError)
def restore_without_parent(w: Shop) -> Any:
    w.files[2].restore()


@operation()
def restore_a_tie(w: Shop) -> Any:
    """Two that miss each other, and what both went with."""
    with w.db.transaction():
        w.folder.parent = w.below
        w.folder.delete()
        w.folder.restore()
        return Folder.count(), File.count()


@operation()
def delete_for_good_by_query(w: Shop) -> Any:
    return Folder.with_deleted().all().delete(force=True)


@operation()
def delete_deleted_for_good(w: Shop) -> Any:
    w.old.delete(force=True)


@operation()
def ask_with_deleted(w: Shop) -> Any:
    folders = Folder.with_deleted()
    return [
        *(seen(each) for each in folders.order_by(Folder.title.desc()).offset(1).limit(2)),
        folders.where(Folder.title.startswith("o"), lambda f: f.deleted_at is not None).count(),
        seen(w.old.files.with_deleted()), seen(w.old.files.only_deleted().select(File.name, n=File.folder.title)),
        folders.group_by(Folder.parent).agg(n=count()), w.old in folders, seen(Folder.only_deleted().one()),
    ]  # fmt: skip


@operation(raises=sinew.RecordDeleted)
def write_to_a_deleted_one(w: Shop) -> Any:
    w.old.title = "x"


# ---------------------------------------------------------------- eager trees


@operation()
def tree_of_views(w: Shop) -> Any:
    tree = Author.include(
        Author.posts, where=Post.score > 0, order_by=(Post.score.desc(), Post.title), limit=2, only=["title", "score"]
    ).include(Author.posts.category.parent, Author.top)
    found = []
    for author in tree.where(Author.karma >= 0).order_by(Author.name.desc()):
        posts = [(post.title, post.score, seen(post.category and post.category.record)) for post in author.posts]
        found.append((author.name, author.top and author.top.title, posts, repr(author), len(author.posts)))
    return found


@operation()
def tree_as_plain_data(w: Shop) -> Any:
    tree = Category.include(Category.children.posts.author, Category.posts)
    return seen(tree.to_dicts()), str(tree.explain()), repr(tree)


@operation()
def tree_with_what_python_computes(w: Shop) -> Any:
    tree = Author.include(Author.posts, where=Post.price * 2 > Decimal(1), order_by=Post.price + 1, offset=1)
    return seen(tree.include(Author.posts.category, where=Category.title.matches("[a-z]")).to_dicts())


@operation()
def branch_of_a_tree(w: Shop) -> Any:
    posts = Author.include(Author.posts)[0].posts
    first = posts.first()
    return [
        seen(posts.pluck(Post.title)), seen(posts.where(Post.score > 1).order_by(Post.title)), first in posts,
        first == posts[0], len({first, posts[0]}), [view.title for view in posts[::-1]], repr(posts),
        seen(posts.find(first.id).record), first.record in posts, sorted(dir(first)),
    ]  # fmt: skip


@operation()
def one_of_a_tree(w: Shop) -> Any:
    tree = Author.include(Author.posts)
    return tree.first().name, tree.last().name, tree[1].name, len(tree), bool(tree), w.ann in tree, tree[-2:][0].name


@operation()
def tree_with_pivots(w: Shop) -> Any:
    tree = Post.include(Post.labels, where=Labelling.id > 0, order_by=Label.text.desc()).include(Post.labels.kin)
    views = [(post.title, [(label.text, seen(label.pivot)) for label in post.labels]) for post in tree]
    return views, seen(tree.to_dicts())


@operation(raises=sinew.RelationError)
def tree_of_two_minds(w: Shop) -> Any:
    return Author.include(Author.posts, limit=1).include(Author.posts, limit=2)


@operation(raises=sinew.UnknownName)
def tree_without_a_field(w: Shop) -> Any:
    return Author.include(Author.posts, only=["titel"])


# ---------------------------------------------------------------- making records


@operation()
def construct(w: Shop) -> Any:
    return Post(title=" new ", author=w.bob)


@operation()
def construct_with_everything(w: Shop) -> Any:
    return Post(
        title="néw",
        score=12345678901,
        ratio=2.25,
        done=True,
        raw=b"bytes",
        day=date(2020, 1, 2),
        at=datetime(2021, 1, 2, 3, 4, 5, 6),
        seen=AWARE,
        alarm=time(1, 2),
        span=timedelta(5, 6, 7),
        price=Decimal("9.99"),
        token=UUID(int=5),
        color=Color.BLUE,
        state="draft",
        size=Size(7),
        keyed=Size(8),
        word="nëw",
        tags={"a": 1},
        author=w.bob,
        reviewer=w.ann,
        category=w.news,
        editor=w.cid,
    )


@operation()
def construct_by_foreign_key(w: Shop) -> Any:
    return Comment(body="z", post_id=w.posts[1].id)


@operation()
def construct_composite(w: Shop) -> Any:
    return Item(order=w.order, number=7)


@operation()
def construct_for_composite(w: Shop) -> Any:
    return Note(text="m", item=w.items[1])


@operation(raises=sinew.FieldError)
def construct_with_wrong_value(w: Shop) -> Any:
    return Post(title="t", author=w.ann, score="many")


@operation(raises=sinew.FieldError)
def construct_with_missing_value(w: Shop) -> Any:
    return Post(title="t")


@operation(raises=sinew.UnknownName)
def construct_with_unknown_name(w: Shop) -> Any:
    return Post(titel="t", author=w.ann)


@operation(raises=sinew.Invalid)
def construct_invalid(w: Shop) -> Any:
    return Post(title="bad", author=w.ann)


@operation(raises=sinew.FieldError)
def construct_unchecked(w: Shop) -> Any:
    return Author(name="Dan", karma=-1)


@operation(raises=sinew.UniqueError)
def construct_twice(w: Shop) -> Any:
    return Author(name="Ann")


@operation(raises=sinew.UniqueError)
def construct_twice_by_two(w: Shop) -> Any:
    return Post(title="a", author=w.ann)


@operation(raises=sinew.IntegrityError)
def construct_dangling(w: Shop) -> Any:
    return Comment(body="z", post_id=99)


@operation(raises=sinew.FieldError)
def construct_with_a_wrong_record(w: Shop) -> Any:
    return Post(title="t", author=w.news)


@operation()
def construct_on_one_of_several(w: Shop) -> Any:
    return Flag(on=w.comments[1])


@operation()
def construct_by_type_and_key(w: Shop) -> Any:
    return Flag(on_type="Author", on_id=w.bob.id)


@operation(raises=sinew.FieldError)
def construct_with_half_a_key(w: Shop) -> Any:
    return Flag(on_type="Author")


@operation(raises=sinew.FieldError)
def construct_on_none_of_several(w: Shop) -> Any:
    return Flag(on=w.news)


@operation()
def move_among_several(w: Shop) -> Any:
    w.flags[0].on = w.bob


@operation()
def move_by_type_and_key(w: Shop) -> Any:
    w.flags[1].update(on_type="Comment", on_id=w.comments[1].id)


@operation()
def read_one_of_several(w: Shop) -> Any:
    return [flag.on for flag in w.flags]


@operation()
def ask_for_one_of_several(w: Shop) -> Any:
    return [
        Flag.where(on=[w.ann, w.comments[0], None]).pluck(Flag.id),
        Flag.where(Flag.on.is_a(Author)).pluck(Flag.id),
        Flag.where(Flag.on.of(Comment).body == "x").pluck(Flag.on.name),
        Flag.select(Flag.id, body=Flag.on.body),
    ]


@operation()
def delete_one_of_several(w: Shop) -> Any:
    return w.comments[0].delete()


@operation()
def insert_mappings(w: Shop) -> Any:
    return Post.insert_many(
        [{"title": "i", "author": w.ann, "score": 3}, {"title": "j", "author_id": 2, "size": Size(1)}]
    )


@operation()
def insert_sequences(w: Shop) -> Any:
    return Author.insert_many([("Dan", "d"), ["Eve", None]], columns=["name", Author.email])


@operation()
def insert_columns(w: Shop) -> Any:
    return Post.insert_many({"title": ["i", "j"], "author": [w.ann, w.bob], "keyed": [Size(1), None]})


@operation()
def insert_with_progress(w: Shop) -> Any:
    counts: list[int] = []
    return Author.insert_many([{"name": "Dan"}], progress=counts.append), counts


@operation(raises=sinew.UniqueError)
def insert_a_key_that_is_there(w: Shop) -> Any:
    return Author.insert_many([{"name": "Dan"}, {"name": "Bob"}])


@operation(raises=sinew.UniqueError)
def insert_a_key_twice(w: Shop) -> Any:
    return Author.insert_many([{"name": "Dan"}, {"name": "Dan"}])


@operation(raises=sinew.FieldError)
def insert_a_wrong_value(w: Shop) -> Any:
    return Author.insert_many({"name": ["Dan", "Eve"], "karma": [1, "x"]})


@operation(raises=sinew.FieldError)
def insert_no_rows(w: Shop) -> Any:
    return Author.insert_many([5])


@operation()
def get_or_create(w: Shop) -> Any:
    return Author.get_or_create(name="Ann"), Author.get_or_create(name="Dan", defaults={"karma": 2})[1]


@operation()
def upsert(w: Shop) -> Any:
    return Author.upsert(on="name", name="Dan", karma=1)


@operation()
def upsert_what_is_there(w: Shop) -> Any:
    return Author.upsert(name="Ann", karma=9)


# ---------------------------------------------------------------- nested writing


@operation()
def create_tree(w: Shop) -> Any:
    return Author.create_tree(
        name="Dan",
        login={"name": "dan"},
        posts=[
            {"title": "e", "comments": [{"body": "1"}, {"body": "2"}], "labels": [w.labels[0], {"text": "new"}, 2]},
            w.posts[3],
            {"title": "f", "category": {"title": "sub", "parent": {"id": 1, "title": "Root"}}},
            {"title": "g"},
            {"title": "h"},
        ],
    )


@operation(raises=sinew.FieldError)
def create_tree_refused(w: Shop) -> Any:
    Author.create_tree(name="Dan", posts=[{"title": "e", "comments": [{"body": "1"}, {"body": 2}]}])


@operation(raises=sinew.Invalid)
def create_tree_invalid(w: Shop) -> Any:
    Author.create_tree(name="Dan", posts=[{"title": "e"}, {"title": "bad"}])


@operation(raises=sinew.IntegrityError)
def create_tree_dangling(w: Shop) -> Any:
    Author.create_tree(name="Dan", posts=[{"title": "e", "category_id": 77}])


@operation()
def assign_tree(w: Shop) -> Any:
    row = {"id": 1, "score": 7, "comments": [{"id": 1, "body": "z"}], "labels": [{"id": 1, "pivot": {"weight": 5}}]}
    w.ann.assign_tree({"email": "new", "posts": [row, {"title": "b", "score": 1}, {"title": "n"}], "login": w.spare})


@operation()
def assign_tree_removing(w: Shop) -> Any:
    row = {"id": 1, "comments": [{"body": "z"}], "labels": [w.labels[2], {"text": "new"}, w.labels[0]]}
    w.ann.assign_tree({"posts": [{"title": "n"}, row], "login": {"name": "other"}}, remove_missing=True)


@operation(raises=sinew.UniqueError)
def assign_tree_refused(w: Shop) -> Any:
    w.ann.assign_tree({"posts": [{"id": 2, "title": "x"}, {"id": 3, "title": "x"}]}, remove_missing=True)


# ---------------------------------------------------------------- finding


@operation()
def look_up(w: Shop) -> Any:
    return Post[1], Post.get(2), Post.find(3), Post.find(99), Item[1, 2], Item.find((1, 9))


@operation(raises=sinew.NotFound)
def look_up_what_is_not_there(w: Shop) -> Any:
    return Post[99]


@operation(raises=sinew.FieldError)
def look_up_by_a_wrong_key(w: Shop) -> Any:
    return Post["one"]


@operation()
def find_by(w: Shop) -> Any:
    return Author.find_by(name="Ann"), Author.find_by(email="ä@x"), Author.find_by(name="Ann", karma=0)


@operation()
def read_fields(w: Shop) -> Any:
    post = w.posts[3]
    return [getattr(post, name) for name in Post.__sinew__.fields], post.editor_id, repr(post), post.to_dict("author")


@operation()
def to_dict_with_relations(w: Shop) -> Any:
    return w.ann.to_dict("posts", "login", "top")


@operation(raises=sinew.UnknownName)
def read_an_unknown_name(w: Shop) -> Any:
    return w.posts[0].titel


@operation(raises=sinew.UnknownName)
def read_an_unknown_class_name(w: Shop) -> Any:
    return Post.titel


@operation()
def pickled(w: Shop) -> Any:
    return pickle.loads(pickle.dumps([w.ann, w.posts[0], w.items[1]]))


# ---------------------------------------------------------------- setting


def setting(name: str, value: Any) -> None:
    def act(w: Shop) -> None:
        setattr(w.posts[1], name, value)

    act.__name__ = f"set_{name}_{'none' if value is None else type(value).__name__}"
    operation()(act)


SETTINGS = {
    "title": " tïtle ",
    "score": 123456789012,
    "ratio": 7.5,
    "done": True,
    "raw": b"other",
    "day": date(2000, 2, 29),
    "at": NOON + timedelta(1),
    "seen": AWARE + timedelta(1),
    "alarm": time(1),
    "span": timedelta(3),
    "price": Decimal("7.7"),
    "token": UUID(int=9),
    "color": Color.BLUE,
    "state": "live",
    "size": Size(4),
    "keyed": Size(5),
    "word": "öther",
    "tags": [1],
    "author_id": 3,
    "host": IPv4Address("10.0.0.7"),
    "net": IPv6Network("2001:db8::/33"),
    "reviewer_id": 1,
}
for _name, _value in SETTINGS.items():
    setting(_name, _value)
setting("score", None)
setting("reviewer", None)


@operation()
def set_author(w: Shop) -> Any:
    w.posts[1].author = w.cid


@operation(raises=sinew.FieldError)
def set_a_wrong_value(w: Shop) -> Any:
    w.posts[0].score = "many"


@operation(raises=sinew.FieldError)
def set_none(w: Shop) -> Any:
    w.posts[0].author = None


@operation(raises=sinew.UniqueError)
def set_a_key_that_is_there(w: Shop) -> Any:
    w.bob.name = "Ann"


@operation(raises=sinew.UniqueError)
def set_a_pair_that_is_there(w: Shop) -> Any:
    w.posts[1].title = "a"


@operation(raises=sinew.UnknownName)
def set_an_unknown_name(w: Shop) -> Any:
    w.posts[0].titel = "a"


@operation(raises=sinew.IntegrityError)
def set_a_dangling_key(w: Shop) -> Any:
    w.posts[0].author_id = 99


@operation()
def update_record(w: Shop) -> Any:
    w.posts[1].update(title="tïtle", score=9, author=w.cid, keyed=Size(3), price=Decimal(3))


@operation(raises=sinew.UniqueError)
def update_record_refused(w: Shop) -> Any:
    w.posts[1].update(score=9, title="a")


# ---------------------------------------------------------------- expressions


@operation()
def expressions(w: Shop) -> Any:
    p = Post
    return repr(
        [
            (p.score + 1 == 2) & ~(p.ratio * 2 < p.score) | (p.title != "x"),
            p.score.in_([1, 2]),
            p.score.not_in([1]),
            p.score.between(1, 3),
            p.title.like("a%"),
            p.title.ilike("A_"),
            p.title.contains("x"),
            p.title.startswith("a"),
            p.title.endswith("b"),
            p.score.is_null(),
            p.reviewer.is_null(),
            p.author.is_(w.ann),
            p.score.is_(None),
            p.score.asc().nulls_first(),
            p.score.desc().nulls_last(),
            p.score.nulls_first(),
            p.score.nulls_last(),
            p.author.name,
            p.author.posts.score,
            exists(p.comments, Comment.body == "x"),
            count(p.comments),
            now(),
            p.at + timedelta(1),
            5 - p.score,
            p.ratio / 2,
            sum_(p.author.posts.score),
            min_(p.author.posts.at),
        ]
    )


@operation(raises=sinew.FieldError)
def a_chained_comparison(w: Shop) -> Any:
    return 1 < Post.score < 5


# ---------------------------------------------------------------- asking


@operation()
def where_scan(w: Shop) -> Any:
    return list(Post.where((Post.ratio > 1) & (Post.score > 0) | ~(Post.title == "b")))


@operation()
def where_text(w: Shop) -> Any:
    p = Post
    return [
        list(Post.where(condition))
        for condition in (p.title.like("%é"), p.title.ilike("D_"), p.word.contains("ni"), p.word.startswith("ü"))
    ] + list(Post.where(p.word.endswith("d")))


@operation()
def where_matching(w: Shop) -> Any:
    return list(Post.where(Post.title.matches("^[a-c]$"))), repr(Post.word.matches("x+"))


@operation(raises=sinew.FieldError)
def where_matching_no_pattern(w: Shop) -> Any:
    return list(Post.where(Post.title.matches("[")))


@operation()
def where_values(w: Shop) -> Any:
    return [
        list(query)
        for query in (
            Post.where(title="a", author=w.ann),
            Post.where(score=[1, 5, None]),
            Post.where(score=is_even),
            Post.where(has_score),
            Post.where(author=[w.ann, w.bob]),
            Post.where(reviewer=None),
            Post.where(keyed=Size(2)),
            Post.where(size=Size(2)),
            Post.where(color=Color.BLUE, state="live"),
            Post.where(author_id=2),
            Post.where(price=Decimal("1.5")),
        )
    ]


@operation()
def where_across_relations(w: Shop) -> Any:
    return [
        list(query)
        for query in (
            Post.where(Post.author.name == "Ann"),
            Author.where(exists(Author.posts, Post.score > 3)),
            Author.where(count(Author.posts) > 1),
            Post.where(Post.author.is_(w.ann)),
            Author.where(Author.posts.score == 5),
            Author.where(exists(Author.posts.comments)),
            Author.where(sum_(Author.posts.score) > 5),
            Category.where(Category.parent.title == "root"),
        )
    ]


@operation()
def where_in_python(w: Shop) -> Any:
    return [
        list(Post.where(Post.price * 2 > Decimal(3))),
        list(Post.where(Post.seen - timedelta(1) < AWARE)),
        list(Post.where(Post.at <= now())),
        Post.order_by(Post.price + 1).pluck(Post.price * 2, Post.seen + timedelta(1)),
    ]


@operation(raises=sinew.FieldError)
def where_with_a_wrong_value(w: Shop) -> Any:
    return Post.where(Post.score == "many")


@operation(raises=sinew.UnknownName)
def where_with_an_unknown_name(w: Shop) -> Any:
    return Post.where(titel="x")


@operation()
def order(w: Shop) -> Any:
    return [
        list(query)
        for query in (
            Post.order_by(Post.score),
            Post.order_by(Post.score.desc().nulls_first(), Post.title),
            Post.order_by(Post.author.name, Post.title.desc()),
            Post.order_by(count(Post.comments)),
            Post.order_by(Post.keyed),
            Post.offset(1).limit(2),
            Post.order_by(Post.at).limit(2),
        )
    ]


@operation()
def one_record(w: Shop) -> Any:
    q = Post.where(author=w.ann).order_by(Post.title)
    return (
        q.first(),
        q.last(),
        Post.where(title="a").one(),
        q.find(2),
        q.get(1),
        q.find_by(title="c"),
        q[1],
        q[0:2],
        Post.where(title="zz").one_or_none(),
        Post.first(),
        Post.last(),
        w.posts[0] in q,
        q[-1],
    )


@operation()
def one_record_of_a_model(w: Shop) -> Any:
    return Category.where(title="root").one(), Order.one(), Order.one_or_none()


@operation(raises=sinew.SinewError)
def one_of_several(w: Shop) -> Any:
    return Post.one()


@operation(raises=sinew.NotFound)
def one_of_none(w: Shop) -> Any:
    return Post.where(title="zz").one()


@operation(raises=IndexError)
def index_too_large(w: Shop) -> Any:
    return Post.all()[10]


@operation()
def numbers(w: Shop) -> Any:
    q = Post.where(Post.ratio > 0)
    return (
        q.count(),
        q.exists(),
        len(q),
        bool(q),
        Post.count(),
        Post.exists(),
        q.sum(Post.score),
        q.avg(Post.score),
        q.min(Post.at),
        q.max(Post.score),
        q.sum(Post.price),
        q.avg(Post.price),
        q.min(Post.keyed),
        q.max(Post.title),
        Post.sum(Post.ratio),
        Post.avg(Post.span),
        Post.min(Post.seen),
        Post.max(Post.price * 2),
    )


@operation()
def values(w: Shop) -> Any:
    return (
        Post.pluck(Post.title),
        Post.pluck(Post.title, Post.author.name),
        Post.select(Post.id, n=count(Post.comments)),
        Post.all().select(Post.title, twice=Post.score * 2, best=max_(Post.author.posts.score)),
    )


@operation()
def groups(w: Shop) -> Any:
    return [
        Post.group_by(Post.author).agg(n=count(), best=max_(Post.score), mean=avg(Post.ratio)),
        Post.group_by(Post.state, Post.color).agg(first=min_(Post.title), price=sum_(Post.price)),
        repr(Post.group_by(Post.author.name)),
    ]


@operation()
def batches(w: Shop) -> Any:
    return list(Post.in_batches(2)), list(Post.where(has_score).in_batches(1))


@operation()
def explained(w: Shop) -> Any:
    return str(Post.where(author=w.ann).order_by(Post.score).explain()), repr(Post.explain())


@operation()
def query_shown(w: Shop) -> Any:
    return repr(Post.where(Post.score > 1, title="a").order_by(Post.score.desc()).offset(1).limit(2)), repr(w.ann.posts)


@operation()
def update_rows(w: Shop) -> Any:
    return Post.where(author=w.ann).update(score=Post.score + 1, word="üpdated", reviewer=w.cid, keyed=Size(9))


@operation()
def update_rows_in_python(w: Shop) -> Any:
    return Post.all().update(price=Post.price * 2, seen=now())


@operation(raises=sinew.UniqueError)
def update_rows_refused(w: Shop) -> Any:
    return Author.where(Author.id > 1).update(name="Ann")


@operation()
def delete_rows(w: Shop) -> Any:
    return Post.where(author=w.ann).delete()


# ---------------------------------------------------------------- relations


@operation()
def read_relations(w: Shop) -> Any:
    return w.posts[0].author, w.posts[0].category, w.ann.login, w.ann.top, w.items[0].order, w.note.item, w.cid.top


@operation()
def collections(w: Shop) -> Any:
    posts = w.ann.posts
    return (
        list(posts),
        len(posts),
        posts[0],
        posts[-1],
        posts[0:2],
        w.posts[0] in posts,
        list(w.ann.best),
        list(w.ann.hits),
        posts.count(),
        posts.exists(),
        posts.where(title="a").one(),
        posts.order_by(Post.score).first(),
        posts.pluck(Post.title),
        posts.sum(Post.score),
        posts == list(posts),
        posts == w.bob.posts,
        bool(w.cid.posts),
        list(posts.offset(1)),
        posts.all().count(),
        list(posts.limit(1)),
        repr(posts),
    )


@operation()
def along_others(w: Shop) -> Any:
    return [
        list(w.ann.categories),
        len(w.ann.categories),
        list(w.bob.any_posts),
        len(w.bob.any_posts),
        w.posts[1] in w.bob.any_posts,
        list(w.ann.own_hits),
        w.ann.others.pluck(Post.title),
        list(w.news.above.pairs()),
        list(w.root.below.pairs()),
        w.root.below.order_by(Category.title.desc()).first(),
    ]


@operation()
def along_others_asked(w: Shop) -> Any:
    return [
        Author.where(exists(Author.categories, Category.title == "news")).pluck(Author.name),
        Author.select(n=count(Author.any_posts), most=max_(Author.others.score)),
        Category.where(Category.above.title == "root").count(),
        Author.include(Author.any_posts, limit=2).include(Author.any_posts.labels).to_dicts(),
        Category.include(Category.below, order_by=Category.title).to_dicts(),
    ]


@operation()
def tree_of_kin(w: Shop) -> Any:
    tree = Label.include(Label.kin, order_by=Label.text.desc(), limit=1)
    return [(label.text, [(kin.text, seen(kin.pivot)) for kin in label.kin]) for label in tree], tree.to_dicts()


@operation()
def links(w: Shop) -> Any:
    labels = w.posts[0].labels
    return [
        list(labels.pairs()),
        w.labels[0] in labels,
        len(labels),
        labels.where(Labelling.weight > 1).pluck(Label.text, Labelling.weight),
        list(labels.order_by(Labelling.weight, Label.text)),
        labels.sum(Labelling.weight),
        Post.where(exists(Post.labels, Label.text == "x", Labelling.weight > 1)).count(),
        Post.select(n=count(Post.labels, Labelling.weight > 1)),
        list(w.labels[1].kin),
        list(w.labels[1].kin.pairs()),
    ]


@operation()
def links_attach(w: Shop) -> Any:
    return w.posts[2].labels.attach(w.labels[0], weight=3)


@operation()
def links_attach_several(w: Shop) -> Any:
    return w.posts[0].labels.attach({w.labels[0]: {"weight": 5}, w.labels[2]: {}}, weight=4)


@operation(raises=sinew.FieldError)
def links_attach_what_is_refused(w: Shop) -> None:
    w.posts[0].labels.attach({w.labels[0]: {"weight": 5}, w.labels[2]: {"weight": -4}})


@operation()
def links_detach(w: Shop) -> Any:
    return w.posts[0].labels.detach(w.labels)


@operation()
def links_sync(w: Shop) -> Any:
    return w.posts[0].labels.sync([w.labels[2], w.labels[0]])


@operation()
def links_toggle(w: Shop) -> Any:
    return w.posts[0].labels.toggle(w.labels)


@operation()
def links_toggle_symmetric(w: Shop) -> Any:
    return w.labels[1].kin.toggle([w.labels[0], w.labels[2]])


@operation()
def links_update_pivot(w: Shop) -> Any:
    return w.posts[0].labels.update_pivot(w.labels[1], weight=9)


@operation()
def links_assign(w: Shop) -> None:
    w.posts[0].labels = [w.labels[2], w.labels[1]]


@operation()
def links_create(w: Shop) -> Any:
    return w.posts[0].labels.create(text="new", pivot={"weight": 7})


@operation()
def collection_append(w: Shop) -> Any:
    w.cid.posts.append(w.posts[0])


@operation()
def collection_add_and_extend(w: Shop) -> Any:
    with w.db.transaction():
        w.cid.posts.add(w.posts[0])
        w.bob.posts.extend([w.posts[1], w.posts[2]])


@operation()
def collection_extend(w: Shop) -> Any:
    w.cid.posts.extend(w.posts)


@operation()
def collection_plus(w: Shop) -> Any:
    with w.db.transaction():  # += is two steps, of which the latter may fail alone
        w.cid.reviews += [w.posts[0], w.posts[1]]


@operation()
def collection_remove(w: Shop) -> Any:
    w.bob.reviews.remove(w.posts[1])


@operation()
def collection_discard(w: Shop) -> Any:
    w.news.posts.discard(w.posts[0])


@operation()
def collection_clear(w: Shop) -> Any:
    w.news.posts.clear()


@operation()
def collection_assigned(w: Shop) -> Any:
    w.news.posts = [w.posts[3], w.posts[2], w.posts[0]]


@operation()
def collection_create(w: Shop) -> Any:
    return w.ann.hits.create(title="h", score=9)


@operation()
def collection_create_many(w: Shop) -> Any:
    return w.ann.posts.create_many([{"title": "x"}, {"title": "y", "score": 2}])


@operation()
def collection_update(w: Shop) -> Any:
    return w.ann.posts.update(score=7)


@operation()
def collection_delete(w: Shop) -> Any:
    return w.ann.posts.where(Post.score == 5).delete()


@operation(raises=sinew.RelationError)
def collection_remove_required(w: Shop) -> Any:
    w.ann.posts.remove(w.posts[0])


@operation(raises=sinew.RelationError)
def collection_create_unfit(w: Shop) -> Any:
    w.ann.hits.create(title="h", score=1)


@operation(raises=sinew.UniqueError)
def collection_extend_refused(w: Shop) -> Any:
    with w.db.transaction():
        Post(title="a", author=w.cid)
        w.cid.posts.extend([w.posts[1], w.posts[0]])


@operation()
def has_one_assigned(w: Shop) -> Any:
    w.ann.login = w.spare


@operation()
def has_one_removed(w: Shop) -> Any:
    w.ann.login = None


# ---------------------------------------------------------------- deleting


@operation()
def delete_record(w: Shop) -> Any:
    w.comments[0].delete()


@operation()
def delete_cascading(w: Shop) -> Any:
    w.posts[0].delete()


@operation()
def delete_nullifying(w: Shop) -> Any:
    w.ann.delete()


@operation()
def delete_keeping(w: Shop) -> Any:
    w.bob.delete()


@operation(raises=sinew.DeleteRestricted)
def delete_restricted(w: Shop) -> Any:
    w.news.delete()


@operation(raises=sinew.RecordDeleted)
def read_deleted(w: Shop) -> Any:
    with w.db.transaction():
        w.comments[0].delete()
        return w.comments[0].body


# ---------------------------------------------------------------- transactions and databases


@operation()
def transaction(w: Shop) -> Any:
    with w.db.transaction():
        w.posts[0].title = "t"
        Post(title="u", author=w.cid)
        w.comments[1].delete()


@operation()
def savepoint(w: Shop) -> Any:
    with w.db.transaction():
        w.posts[0].title = "t"
        with w.db.transaction() as inner:
            w.ann.delete()
            inner.rollback()
        w.posts[0].score = 3


@operation()
def rolled_back(w: Shop) -> Any:
    with w.db.transaction() as tx:
        w.posts[0].update(title="t", author=w.cid)
        w.bob.delete()
        Post(title="u", author=w.cid)
        tx.rollback()


@operation(raises=ZeroDivisionError)
def raised_in_a_transaction(w: Shop) -> Any:
    with w.db.transaction():
        w.posts[0].title = "t"
        w.posts[2].delete()
        1 / 0  # noqa: B018


@operation(raises=sinew.TransactionError)
def refused_after_rollback(w: Shop) -> Any:
    with w.db.transaction() as tx:
        tx.rollback()
        w.posts[0].title = "t"


@operation(raises=sinew.TransactionError)
def clear_within_a_transaction(w: Shop) -> Any:
    with w.db.transaction():
        w.db.clear()


@operation()
def clear(w: Shop) -> Any:
    w.db.clear()


@operation()
def about_the_database(w: Shop) -> Any:
    stats = w.db.stats()
    w.db.check()
    return (
        repr(w.db),
        repr(w.db.models),
        [
            line for line in str(stats).splitlines()[1:] if " hits, " not in line
        ],  # how often getters ran is another thing
        w.db.models["Post"],
        len(w.db.models),
        stats.by_model,
    )


@operation(raises=sinew.NotFound)
def no_such_model(w: Shop) -> Any:
    return w.db.models["Pots"]


class NewClock:
    repeats = True

    def restore(self) -> None:
        self.clock = Clock()
        self.clock.freeze(AWARE)

    def __init__(self) -> None:
        self.restore()

    def check(self) -> None:
        pass

    def seen(self) -> Any:
        return self.clock.now()


@operation(NewClock)
def clock(w: NewClock) -> Any:
    return w.clock.now(), w.clock.naive()


@operation(NewClock)
def clock_moved(w: NewClock) -> Any:
    w.clock.move(timedelta(1))


@operation(NewClock)
def clock_frozen(w: NewClock) -> Any:
    w.clock.freeze(NOON.replace(tzinfo=UTC))


@operation(NewClock)
def clock_going(w: NewClock) -> Any:
    w.clock.unfreeze()
    w.clock.freeze(AWARE)


# ---------------------------------------------------------------- defining


@dataclass
class Empty:
    """A database without models, new each time."""

    repeats = True
    db: Database = field(init=False)

    def __post_init__(self) -> None:
        self.restore()

    def restore(self) -> None:
        self.db = Database()

    def check(self) -> None:
        if not self.db.store.closed:
            self.db.store.check()

    def seen(self) -> Any:
        if self.db.store.closed:
            return "closed"
        rows = [[seen(record.to_dict()) for record in model.all()] for model in self._laid_out()]
        return list(self.db.models), list(self.db.pending), rows, self.db.resolving, self.db.store.depth

    def _laid_out(self) -> list[Any]:
        return [definition.cls for definition in self.db.definitions.values() if definition.laid_out]


class Bin(Empty):
    """A model with a soft-deleted record; its texts are in no index."""

    def restore(self) -> None:
        super().restore()
        self.model = define("Paper", {"text": str, "gone": deleted_at()}, db=self.db)
        self.model(text="b")
        self.paper = self.model(text="a")
        self.paper.delete()


@operation(Bin, undo_allocates=True)
def define_anew_with_deleted_ones(w: Bin) -> Any:
    fields = {"text": column(type=str, unique=True), "size": column(type=int, default=3), "gone": deleted_at()}
    define("Paper", fields, db=w.db)
    return w.paper.text, w.paper.size


class Hours(Empty):
    """A shop with offers of which some hold now."""

    def restore(self) -> None:
        super().restore()
        self.db.clock.freeze(NOON)
        fields = {"ends": datetime, "begins": column(type=datetime, tz="aware", index="ordered")}
        offer = self.offer = define("Offer", {**fields, "shop": belongs_to("Shop")}, db=self.db)
        valid, begun = (
            has_many("Offer", where=where) for where in (lambda: offer.ends > now(), lambda: offer.begins <= now())
        )
        self.shop = define("Shop", {"offers": has_many("Offer"), "valid": valid, "begun": begun}, db=self.db)()
        for hours in range(3):
            self.shop.offers.create(ends=NOON + timedelta(hours=hours), begins=AWARE + timedelta(hours=hours))
        self.read()
        self.db.clock.move(timedelta(hours=1))

    def read(self) -> Any:
        at = self.offer.begins
        held = (
            len(self.shop.valid),
            list(self.shop.begun),
            self.shop.valid.first(),
            self.offer.where(at > now()).count(),
        )
        return *held, type(self.shop).include(type(self.shop).begun).to_dicts()


@operation(Hours)
def relations_as_of_now(w: Hours) -> Any:
    return w.read()


@operation(Hours)
def a_query_as_of_other_hours(w: Hours) -> Any:
    return w.offer.where(w.offer.begins.in_([now() + timedelta(hours=hours) for hours in range(4)])).count()


@operation(Hours, raises=sinew.RelationError)
def create_what_does_not_hold(w: Hours) -> Any:
    return w.shop.valid.create(id=9, ends=NOON, begins=AWARE)


class Declared(Empty):
    """Three models that have not been used: none has a table."""

    def restore(self) -> None:
        super().restore()
        self.base, self.User, self.Team, self.Member = declared(self.db)


class InUse(Declared):
    """The same models with rows."""

    def restore(self) -> None:
        super().restore()
        red, blue = self.Team(name="red"), self.Team(name="blue")
        self.ann, self.bob = self.User(name="Ann", email="a"), self.User(name="Bob")
        self.Member(user=self.ann, team=red)
        self.Member(user=self.bob, team=red)
        self.Member(user=self.ann, team=blue, role="head")

    def seen(self) -> Any:
        if self.db.store.closed:
            return "closed"
        members = [[seen(member.to_dict("user", "team")) for member in user.members] for user in self.User.all()]
        return super().seen(), members, list(self.User.__sinew__.fields), [*self.User.__sinew__.relations]


def shout(record: Any) -> str:
    return str(record.name).upper()


def members() -> Any:
    return database_in_use.models["User"].members


def role_of_a_head() -> Any:
    return database_in_use.models["Member"].role == "head"


def role() -> Any:
    return database_in_use.models["Member"].role


def user(base: Any, **more: Any) -> Any:
    members = has_many("Member")
    return define("User", {"name": column(type=str, unique=True), "members": members, **more}, base=base)


def declared(db: Database) -> Any:
    """The models, by calls, so that a second one in this module defines them again."""
    global database_in_use
    database_in_use = db

    class Own(Model, db=db, abstract=True):
        pass

    return (
        Own,
        user(
            Own,
            email=column(type=str | None, default=None, index=True),
            heads=has_many("Member", where=role_of_a_head),
            first=has_one("Member", order_by=role),
        ),
        define("Team", {"name": str}, base=Own),
        define(
            "Member",
            {
                "role": column(type=str, default="plain"),
                "user": belongs_to("User", on_delete="cascade"),
                "team": belongs_to("Team", on_delete="restrict"),
            },
            base=Own,
            unique=[("user", "team")],
        ),
    )


@operation(Empty)
def new_database(w: Empty) -> Any:
    return Database()


@operation(Empty)
def class_statement(w: Empty) -> Any:
    class Thing(Model, db=w.db, unique=[("name", "size")], index=["size"]):
        name: Attr[str]
        size: Attr[int | None] = column(default=None, index="ordered", check=is_even)
        made: Attr[datetime] = created_at()
        touched: Attr[datetime] = updated_at()
        gone: Attr[datetime | None] = deleted_at()
        parent: BelongsTo[Thing | None] = belongs_to(default=None)
        children: HasMany[Thing] = has_many()

        @validates("name")
        def _name(self, value: str) -> str:
            return value

    return repr(Thing)


@operation(Empty, raises=sinew.DefinitionError)
def class_statement_refused(w: Empty) -> Any:
    class Thing(Model, db=w.db):
        name: Attr[str] = 5  # type: ignore[assignment]


@operation(Empty, raises=sinew.DefinitionError)
def class_statement_with_a_wrong_type(w: Empty) -> Any:
    class Thing(Model, db=w.db):
        name: Attr[Strr]  # type: ignore[name-defined]  # noqa: F821


@operation(Empty)
def define_model(w: Empty) -> Any:
    return repr(define("Thing", {"name": str, "size": column(type=int, default=0)}, db=w.db, unique=[("name",)]))


@operation(Empty)
def define_model_with_getters(w: Empty) -> Any:
    return repr(define("Thing", {"name": str, "loud": getter(shout), "same": delegate(role)}, db=w.db))


@operation(Empty, raises=sinew.DefinitionError)
def define_model_with_a_wrong_getter(w: Empty) -> Any:
    define("Thing", {"name": str, "loud": getter(shout, cache=3)}, db=w.db)  # type: ignore[call-overload]


@operation(Declared, resumes=True)
def first_use(w: Declared) -> Any:
    return w.User.count(), [*w.User.__sinew__.fields]


@operation(Declared, resumes=True)
def first_construction(w: Declared) -> Any:
    ann = w.User(name="Ann")
    return ann, list(ann.heads), w.Member.count()


@operation(Declared, resumes=True)
def first_transaction(w: Declared) -> Any:
    with w.db.transaction():
        w.Team(name="red")


@operation(Declared, resumes=True)
def check_models(w: Declared) -> Any:
    return w.db.check()


@operation(InUse, undo_allocates=True)
def defined_again(w: InUse) -> Any:
    user(w.base, email=column(type=str | None, default=None), age=column(type=int, default=7))
    return w.ann.to_dict()


@operation(InUse, undo_allocates=True)
def defined_again_with_getters(w: InUse) -> Any:
    user(w.base, loud=getter(shout), member_count=count_of(members), email=column(type=str | None, default=None))
    return w.ann.loud, w.ann.member_count, w.User.pluck(w.User.loud)


@operation(InUse, undo_allocates=True)
def defined_with_another_index(w: InUse) -> Any:
    return repr(define("Team", {"name": column(type=str, unique=True)}, base=w.base))


@operation(InUse, undo_allocates=True)
def defined_with_another_reference(w: InUse) -> Any:
    references = {"user": belongs_to("User", on_delete="restrict"), "team": belongs_to("Team", on_delete="cascade")}
    return repr(define("Member", {"role": column(type=str, default="plain"), **references}, base=w.base))


@operation(InUse, raises=sinew.DefinitionError, undo_allocates=True)
def defined_again_refused(w: InUse) -> Any:
    user(w.base, age=int)


@operation(Declared)
def defined_again_before_use(w: Declared) -> Any:
    return repr(user(w.base, age=int))


@operation(InUse)
def close(w: InUse) -> Any:
    w.db.close()


@operation(raises=sinew.DefinitionError)
def use_of_an_abstract_model(w: Shop) -> Any:
    return Base.count()
