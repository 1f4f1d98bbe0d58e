"""Getters that read where there is no answer: records that are gone, questions that cannot be computed, numbers that
nobody can foretell. What a getter makes of an exception holds no longer than what it came from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    HasMany,
    IntegrityError,
    Model,
    RecordDeleted,
    SinewError,
    belongs_to,
    deleted_at,
    field,
    getter,
    has_many,
    sum_,
    sum_of,
)

from .world import World

# ---------------------------------------------------------------- records that are gone


def name_of_a_view(world: World) -> Any:
    view = world.Author.include(world.Author.posts).where(name="Bob")[0]
    return lambda: view.name


def record_of_a_view(world: World) -> Any:
    view = world.Author.include(world.Author.posts).where(name="Bob")[0]
    return lambda: view.record.id


GONE: dict[str, Callable[[World], Callable[[], Any]]] = {
    "a field": lambda w: lambda: w.bob.name,
    "a reference": lambda w: lambda: w.three.author.name,
    "a getter": lambda w: lambda: w.bob.size,
    "an aggregate": lambda w: lambda: w.bob.score_sum,
    "a delegate": lambda w: lambda: w.three.author_name,
    "a collection": lambda w: lambda: [post.title for post in w.bob.posts],
    "a count": lambda w: lambda: len(w.bob.posts),
    "the first": lambda w: lambda: w.bob.posts[0].title,
    "plain data": lambda w: lambda: w.bob.to_dict(),
    "a pickle": lambda w: lambda: w.bob.__reduce__()[1][1],
    "a condition": lambda w: lambda: w.Post.where(author=w.bob).count(),
    "a member of all": lambda w: lambda: w.bob in w.Author.all(),
    "a member of a collection": lambda w: lambda: w.three in w.bob.posts,
    "a view": name_of_a_view,
    "the record of a view": record_of_a_view,
}


def or_gone(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except RecordDeleted:
        return "gone"


@pytest.mark.parametrize("name", GONE)
def test_a_deletion_that_is_undone(world: World, name: str) -> None:
    ask = GONE[name](world)
    world.body = lambda record: or_gone(ask)
    there = or_gone(ask)
    with world.db.transaction() as block:
        world.bob.delete()
        assert world.ann.probe == or_gone(ask) != there
        block.rollback()
    assert world.ann.probe == or_gone(ask) == there


@pytest.mark.parametrize("name", GONE)
def test_a_deletion(world: World, name: str) -> None:
    ask = GONE[name](world)
    world.body = lambda record: or_gone(ask)
    assert world.ann.probe == or_gone(ask)
    world.bob.delete()
    assert world.ann.probe == or_gone(ask)


def test_a_soft_deleted_record_that_comes_back_without_its_parent(db: Database) -> None:
    class Owner(Model, db=db):
        name: Attr[str]

    class Note(Model, db=db):
        gone: Attr[datetime | None] = deleted_at()
        owner: BelongsTo[Owner] = belongs_to(on_delete="restrict")

        @getter
        def leads(self) -> Any:
            try:
                return self.owner
            except IntegrityError:
                return "nowhere"

    owner = Owner(name="x")
    note = Note(owner=owner)
    note.delete()
    owner.delete()
    assert note.leads is None
    with db.transaction() as block:
        note.restore()  # which is refused at the end only
        assert note.leads == "nowhere"
        block.rollback()
    assert note.leads is None


# ---------------------------------------------------------------- questions that cannot be computed

HUGE = 2**62


class Sums:
    """Posts whose scores are too large to be multiplied, or added up."""

    def __init__(self) -> None:
        self.db = db = Database()
        self.body: Callable[[], Any] = lambda: None
        sums = self

        class Author(Model, db=db):
            name: Attr[str]
            posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
            good: HasMany[Post] = has_many(inverse=lambda: Post.author, where=lambda: Post.score * 4 > 3)
            total = sum_of(lambda: Author.posts.score)

            @getter
            def probe(self) -> Any:
                try:
                    return sums.body()
                except FieldError:
                    return "out of range"

        class Post(Model, db=db):
            title: Attr[str]
            score: Attr[int]
            author: BelongsTo[Author] = belongs_to(on_delete="cascade")

        self.Author, self.Post = Author, Post
        self.ann, self.bob = Author(name="Ann"), Author(name="Bob")
        self.one = Post(title="one", score=HUGE, author=self.ann)
        self.two = Post(title="two", score=HUGE, author=self.ann)


ASKED: dict[str, Callable[[Any], Any]] = {
    "sum_of": lambda s: s.ann.total,
    "sum of a query": lambda s: s.Post.where(author=s.ann).sum(s.Post.score),
    "sums of groups": lambda s: s.Post.group_by(s.Post.author).agg(n=sum_(s.Post.score)),
    "column": lambda s: s.Post.pluck(s.Post.score * 4),
    "condition, counted": lambda s: s.Post.where(s.Post.score * 4 > 3).count(),
    "condition, listed": lambda s: [post.title for post in s.Post.where(s.Post.score * 4 > 3)],
    "condition, at all": lambda s: s.Post.where(s.Post.score * 4 > 3).exists(),
    "condition, the first": lambda s: s.Post.where(s.Post.score * 4 > 3).first(),
    "order": lambda s: [post.title for post in s.Post.order_by(s.Post.score * 4)],
    "order in a collection": lambda s: [post.title for post in s.ann.posts.order_by(s.Post.score * 4)],
    "tree": lambda s: s.Author.include(s.Author.posts, where=s.Post.score * 4 > 3).to_dicts(),
    "members": lambda s: [post.title for post in s.ann.good],
    "count of members": lambda s: len(s.ann.good),
    "whether there are members": lambda s: bool(s.ann.good),
    "first member": lambda s: s.ann.good.first(),
    "a member": lambda s: s.one in s.ann.good,
    "members of several": lambda s: s.Author.include(s.Author.good).to_dicts(),
    "an aggregate of several": lambda s: s.Author.where(s.Author.total > 3).pluck(s.Author.total),
}
CHANGES: dict[str, Callable[[Any], Any]] = {
    "a smaller one": lambda s: (setattr(s.one, "score", 1), setattr(s.two, "score", 2)),
    "one is gone": lambda s: (s.one.delete(), setattr(s.two, "score", 2)),
    "moved": lambda s: (setattr(s.one, "author", s.bob), s.two.update(author=s.bob)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ASKED)
def test_a_question_that_can_be_answered_later(name: str, change: str) -> None:
    sums = Sums()
    ask = ASKED[name]
    sums.body = lambda: ask(sums)

    def now() -> Any:
        try:
            return ask(sums)
        except FieldError:
            return "out of range"

    assert sums.ann.probe == now()
    CHANGES[change](sums)
    assert sums.ann.probe == now()
    sums.Post(title="new", score=3, author=sums.ann)
    assert sums.ann.probe == now()


def test_none_of_these_can_be_answered_at_first() -> None:
    refused = 0
    for ask in ASKED.values():
        sums = Sums()
        try:
            ask(sums)
        except FieldError:
            refused += 1
    assert refused == len(ASKED)


# ---------------------------------------------------------------- what was asked before, and what nobody can foretell


@pytest.mark.parametrize("kind", ["query", "tree"])
def test_a_query_that_was_gone_through_before(world: World, kind: str) -> None:
    query: Any = world.Post.where(world.Post.score > 0)
    asked = query if kind == "query" else world.Author.include(world.Author.posts)
    world.body = lambda record: len(asked)
    for _ in asked:
        pass  # it knows how many there are
    count = world.ann.probe
    new = world.Author(name="Dan")
    world.Post(title="new", score=1, author=new)
    assert world.ann.probe == len(asked) == count + 1


def test_a_query_that_another_getter_has_gone_through(world: World) -> None:
    query = world.Post.where(world.Post.score > 0)
    world.body = lambda record: [post.title for post in iter(query)] if record is world.ann else len(query)
    assert world.ann.probe == ["one", "two", "three"]
    assert world.bob.probe == 3
    world.Post(title="new", score=1, author=world.ann)
    assert world.bob.probe == 4


def test_a_list_of_a_query_asks_once(world: World) -> None:
    world.body = lambda record: list(world.Post.where(world.Post.score > 0))
    assert len(world.ann.probe) == 3
    assert len(world.db.explain_getter(world.ann, "probe").reads) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda w: w.db.explain_getter(w.bob, "size").state,
        lambda w: w.db.stats().getters["Author.size"].hits,
        lambda w: w.db.stats().getters["Author.size"].values,
        lambda w: str(w.Post.where(w.Post.score > 0).explain()),
    ],
    ids=["explain_getter", "hits", "values", "explain"],
)
def test_what_the_database_says_of_itself_is_good_for_one_read(world: World, ask: Callable[[World], Any]) -> None:
    world.body = lambda record: ask(world)
    assert world.ann.probe == ask(world)
    assert world.bob.size == world.bob.size == 1
    assert world.ann.probe == ask(world)
    world.one.score = 0
    assert world.ann.probe == ask(world)


@pytest.mark.parametrize("how", ["rollback", "commit"])
def test_a_getter_does_not_end_a_block(world: World, how: str) -> None:
    with world.db.transaction() as block:
        world.ann.name = "Anna"
        world.body = lambda record: block.rollback() if how == "rollback" else world.db.store.commit()
        with pytest.raises(SinewError, match="probe"):
            world.bob.probe  # noqa: B018
        assert world.ann.name == "Anna"
        world.ann.age = 5
    assert (world.ann.name, world.ann.age) == ("Anna", 5)


# ---------------------------------------------------------------- verification


class Chain:
    """top reads middle, which reads bottom; each says what it computes."""

    def __init__(self, db: Database) -> None:
        chain = self
        self.runs = {"top": 0, "middle": 0, "bottom": 0}
        self.bottom: Callable[[Any], Any] = lambda node: node.number
        self.middle: Callable[[Any], Any] = lambda node: node.bottom
        self.top: Callable[[Any], Any] = lambda node: node.middle

        class Node(Model, db=db):
            number: Attr[int] = field(default=0)
            word: Attr[str] = field(default="")

            @getter
            def top(self) -> Any:
                chain.runs["top"] += 1
                return chain.top(self)

            @getter
            def middle(self) -> Any:
                chain.runs["middle"] += 1
                return chain.middle(self)

            @getter
            def bottom(self) -> Any:
                chain.runs["bottom"] += 1
                return chain.bottom(self)

        self.Node = Node


def test_a_row_that_goes_while_what_it_read_is_computed(db: Database) -> None:
    """Bottom of one row runs when the top of another is looked at; meanwhile the row between goes."""
    chain = Chain(db)
    first, between, last = (chain.Node(number=n) for n in range(3))
    chain.middle = lambda node: last.bottom if node is between else None
    chain.top = lambda node: between.middle if node is first else None
    assert first.top == 2
    seen: list[Any] = []

    def delete() -> None:
        between.delete()

    def deletes(node: Any) -> Any:
        thread = threading.Thread(target=delete)
        thread.start()
        thread.join()
        seen.append(node)
        return node.number

    chain.bottom = deletes
    last.number = 7
    runs = chain.runs["middle"]
    with pytest.raises(RecordDeleted):
        first.top  # noqa: B018
    assert seen == [last] and chain.runs["middle"] == runs


def test_what_a_verification_reads_is_not_read_by_who_asks(db: Database) -> None:
    """Middle is verified by running bottom, which fails; then middle reads something else. Top has read middle only."""
    chain = Chain(db)
    node, other = chain.Node(), chain.Node()

    def bottom(node: Any) -> Any:
        if other.number:
            raise KeyError(other.word)
        return 0

    chain.bottom = bottom
    assert node.middle == 0
    other.number = 1
    chain.middle = lambda node: 1
    runs = chain.runs["bottom"]
    assert (node.top, chain.runs["bottom"]) == (1, runs + 1)
    top = chain.runs["top"]
    other.word = "read by what is not kept"
    assert (node.top, chain.runs["top"]) == (1, top)
    assert [read.kind for read in db.explain_getter(node, "top").reads] == ["getter"]


def test_what_ends_the_program_ends_a_verification(db: Database) -> None:
    chain = Chain(db)
    node = chain.Node()
    assert node.top == 0

    def interrupted(node: Any) -> Any:
        if node.number == 1:
            raise KeyboardInterrupt
        return node.number

    chain.bottom = interrupted
    node.number = 1
    with pytest.raises(KeyboardInterrupt):
        node.top  # noqa: B018
    node.number = 2
    assert (node.top, db.store.stats()["pins"]) == (2, 0)


def test_tuples_that_hold_each_other_twice(db: Database) -> None:
    """2**60 tuples, if each is looked at as often as it is reached."""

    def folded(node: Any) -> Any:
        value: tuple[Any, ...] = (node.number // 10,)
        for _ in range(60):
            value = (value, value)
        return value

    chain = Chain(db)
    chain.bottom = folded
    node = chain.Node()
    first = node.bottom
    node.number = 1  # makes an equal value
    assert node.bottom is not first
    chain.bottom = lambda node: tuple((number, (str(number),)) for number in range(node.number // 10 + 1000))
    node.number = 2
    many = node.bottom
    node.number = 3
    assert node.bottom is many  # not too many to compare


# ---------------------------------------------------------------- the audit


class Mute:
    """Equal to itself only."""


def test_the_audit_lets_pass_what_cannot_be_compared(world: World) -> None:
    world.db.audit_getters = True
    world.body = lambda record: Mute()
    assert world.ann.probe is world.ann.probe
    world.body = lambda record: float("nan")
    assert world.bob.probe is world.bob.probe
    world.body = lambda record: (float("nan"), 1)
    assert world.cid.probe is world.cid.probe


def test_the_audit_tells_types_apart(world: World) -> None:
    world.db.audit_getters = True
    made = iter([Mute(), object()])
    world.body = lambda record: next(made)
    assert world.ann.probe
    with pytest.raises(SinewError, match="Author.probe"):
        world.ann.probe  # noqa: B018
