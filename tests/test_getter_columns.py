"""Getters as columns: in every place where a column may stand, against plain loops over the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import IPv4Address
from typing import Any, Literal
from uuid import UUID

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    Expr,
    FieldError,
    HasMany,
    HasOne,
    Model,
    RelationError,
    avg,
    belongs_to,
    count,
    define,
    exists,
    field,
    getter,
    has_many,
    has_one,
    max_,
    min_,
    now,
    sum_,
)

db = Database()


class Mood(Enum):
    GOOD = "z"
    FAIR = "m"
    BAD = "a"


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Author(Base):
    name: Attr[str]
    surname: Attr[str | None] = field(default=None)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    first_post: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.id)

    @getter
    def full_name(self) -> str:
        return f"{self.name} {self.surname}" if self.surname else self.name

    @getter
    def initial(self) -> str | None:
        return self.surname[0] if self.surname else None

    @getter
    def mood(self) -> Mood:
        return (Mood.BAD, Mood.FAIR, Mood.GOOD)[min(2, len(self.posts))]

    @getter
    def best(self) -> Post | None:
        return max(self.posts, key=lambda post: (post.views, post.id), default=None)

    @getter
    def pair(self):  # type: ignore[no-untyped-def]
        return len(self.posts), self.name


class Post(Base):
    title: Attr[str]
    views: Attr[int] = field(default=0)
    price: Attr[Decimal] = field(default=Decimal("1.5"))
    at: Attr[datetime] = field(default=datetime(2024, 1, 1))
    author: BelongsTo[Author | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.post)

    @getter(cache=False)
    def headline(self) -> str:
        calls.append(self.id)
        return self.title.upper()

    @getter
    def score(self) -> int:
        return self.views * 2

    @getter
    def cost(self) -> Decimal | None:
        return self.price * self.views or None

    @getter
    def due(self) -> datetime:
        return self.at + timedelta(days=self.views)

    @getter
    def due_aware(self) -> datetime | None:
        return self.due.replace(tzinfo=UTC) if self.views else None

    @classmethod
    def loud(cls) -> Expr:
        return cls.headline.startswith("A")


class Comment(Base):
    body: Attr[str]
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")

    @getter
    def length(self) -> int:
        return len(self.body)


calls: list[int] = []
authors: list[Author] = []
posts: list[Post] = []
comments: list[Comment] = []


@pytest.fixture(autouse=True)
def filled() -> Iterator[None]:
    db.clear()
    authors[:] = [Author(name=n, surname=s) for n, s in (("Ann", "Lee"), ("Bob", None), ("Cid", "Ash"), ("Dan", "Lee"))]
    owners = [0, 0, 0, 1, 2, 2, None]
    titles = ["alpha", "beta", "avocado", "gamma", "almond", "delta", "ash"]
    posts[:] = [
        Post(
            title=title, views=views, author=None if owner is None else authors[owner], at=datetime(2024, 1, 20 - views)
        )
        for title, views, owner in zip(titles, [3, 0, 9, 4, 4, 1, 7], owners, strict=True)
    ]
    comments[:] = [Comment(body="x" * n, post=posts[n % 5]) for n in range(8)]
    calls.clear()
    yield
    db.store.check()  # type: ignore[attr-defined]


def ids(records: Any) -> list[int]:
    return [record.id for record in records]


# ---------------------------------------------------------------- conditions


CONDITIONS: list[tuple[str, Callable[[], Any], Callable[[Post], bool]]] = [
    ("==", lambda: Post.headline == "BETA", lambda p: p.headline == "BETA"),
    ("!=", lambda: Post.headline != "BETA", lambda p: p.headline != "BETA"),
    ("<", lambda: Post.headline < "B", lambda p: p.headline < "B"),
    (">=", lambda: Post.score >= 8, lambda p: p.score >= 8),
    ("float", lambda: Post.score > 7.5, lambda p: p.score > 7.5),
    ("Decimal beside int", lambda: Post.score == Decimal(8), lambda p: p.score == 8),
    ("between", lambda: Post.score.between(2, 8), lambda p: 2 <= p.score <= 8),
    ("in", lambda: Post.headline.in_(["BETA", "ASH", "x"]), lambda p: p.headline in ("BETA", "ASH")),
    ("not in", lambda: Post.headline.not_in(["BETA"]), lambda p: p.headline != "BETA"),
    ("like", lambda: Post.headline.like("A%A"), lambda p: p.headline[0] == p.headline[-1] == "A"),
    ("ilike", lambda: Post.headline.ilike("a%"), lambda p: p.headline[0] == "A"),
    ("contains", lambda: Post.headline.contains("MM"), lambda p: "MM" in p.headline),
    ("startswith", lambda: Post.headline.startswith("A"), lambda p: p.headline[0] == "A"),
    ("endswith", lambda: Post.headline.endswith("A"), lambda p: p.headline[-1] == "A"),
    ("matches", lambda: Post.headline.matches("^A.*A$"), lambda p: p.headline[0] == p.headline[-1] == "A"),
    ("scope", lambda: Post.loud(), lambda p: p.headline[0] == "A"),
    ("not", lambda: ~(Post.score > 4), lambda p: not p.score > 4),
    ("or", lambda: (Post.score > 10) | (Post.title == "beta"), lambda p: p.score > 10 or p.title == "beta"),
    ("and", lambda: (Post.score > 4) & (Post.views < 9), lambda p: p.score > 4 and p.views < 9),
    ("getter beside field", lambda: Post.score > Post.views, lambda p: p.score > p.views),
    ("getter beside getter", lambda: Post.score * 2 == Post.score + Post.score, lambda p: True),
    ("arithmetic", lambda: Post.score - 1 > Post.views, lambda p: p.score - 1 > p.views),
    ("Decimal", lambda: Post.cost > 5, lambda p: p.cost is not None and p.cost > 5),
    ("Decimal ==", lambda: Post.cost == Decimal("6.0"), lambda p: p.cost == 6),
    ("null", lambda: Post.cost.is_null(), lambda p: p.cost is None),
    ("== None", lambda: Post.cost == None, lambda p: p.cost is None),  # noqa: E711
    ("!= None", lambda: Post.cost != None, lambda p: p.cost is not None),  # noqa: E711
    ("< None", lambda: Post.cost < None, lambda p: False),
    ("in with None", lambda: Post.cost.in_([None, Decimal(6)]), lambda p: p.cost in (None, 6)),
    ("datetime", lambda: Post.due >= datetime(2024, 1, 20), lambda p: p.due >= datetime(2024, 1, 20)),
    ("datetime between", lambda: Post.due.between(datetime(2024, 1, 2), datetime(2025, 1, 1)), lambda p: True),
    ("now", lambda: Post.due < now(), lambda p: True),
    ("now, aware", lambda: Post.due_aware < now(), lambda p: p.views > 0),
    ("aware", lambda: Post.due_aware > datetime(2024, 1, 1, tzinfo=UTC), lambda p: p.views > 0),
    ("datetime beside field", lambda: Post.due > Post.at, lambda p: p.views > 0),
    ("datetime + timedelta", lambda: Post.due + timedelta(days=1) > Post.at, lambda p: True),
    ("to-one", lambda: Post.author.full_name == "Ann Lee", lambda p: p.author and p.author.full_name == "Ann Lee"),
    ("to-one !=", lambda: Post.author.full_name != "Bob", lambda p: not p.author or p.author.full_name != "Bob"),
    ("to-one null", lambda: Post.author.initial.is_null(), lambda p: not (p.author and p.author.initial)),
    ("to-one Enum", lambda: Post.author.mood == Mood.GOOD, lambda p: p.author and p.author.mood is Mood.GOOD),
    ("record", lambda: Post.author.best == posts[2], lambda p: p.author is authors[0]),
    ("some", lambda: Post.comments.length > 5, lambda p: any(c.length > 5 for c in p.comments)),
    ("some not", lambda: Post.comments.length != 5, lambda p: any(c.length != 5 for c in p.comments)),
    ("none", lambda: ~(Post.comments.length == 5), lambda p: not any(c.length == 5 for c in p.comments)),
    ("exists", lambda: exists(Post.comments, Comment.length > 5), lambda p: any(c.length > 5 for c in p.comments)),
    (
        "exists, correlated",
        lambda: exists(Post.comments, Comment.length == Post.views),
        lambda p: any(c.length == p.views for c in p.comments),
    ),
    ("count", lambda: count(Post.comments, Comment.length > 2) >= 1, lambda p: any(c.length > 2 for c in p.comments)),
    ("max", lambda: max_(Post.comments.length) > 4, lambda p: any(c.length > 4 for c in p.comments)),
    ("sum", lambda: sum_(Post.comments.length) >= 5, lambda p: sum(c.length for c in p.comments) >= 5),
    ("avg", lambda: avg(Post.comments.length) > 4, lambda p: sum(c.length - 4 for c in p.comments) > 0),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "test"), [pytest.param(c, t, id=name) for name, c, t in CONDITIONS])
def test_conditions(condition: Callable[[], Any], test: Callable[[Post], bool]) -> None:
    expected = ids(post for post in posts if test(post))
    query = Post.where(condition())
    assert ids(query) == expected
    assert query.count() == len(expected) and query.exists() == bool(expected)
    assert ids(Post.where(~condition())) == [post.id for post in posts if not test(post)]
    assert ids(Post.where(condition(), Post.views < 5)) == ids(p for p in posts if test(p) and p.views < 5)
    assert ids(authors[0].posts.where(condition())) == ids(p for p in posts if test(p) and p.author is authors[0])
    some = [author.id for author in authors if any(test(post) for post in author.posts)]
    assert ids(Author.where(exists(Author.posts, condition()))) == some
    assert ids(Author.where(exists(Author.posts, condition()), Author.id < 3)) == [each for each in some if each < 3]


def test_over_a_to_many_path_each_comparison_means_some() -> None:
    assert ids(Author.where(Author.posts.headline.contains("MM"))) == [2]
    assert ids(Author.where((Author.posts.headline == "ALPHA") & (Author.posts.score == 18))) == [1]
    assert ids(Author.where(exists(Author.posts, Post.headline == "ALPHA", Post.score == 18))) == []
    assert ids(Author.where(Author.posts.comments.length == 7)) == [1]
    assert ids(Author.where(Author.posts.comments.length == 7, Author.name == "Ann")) == [1]
    assert ids(Author.where(Author.posts.due > Author.posts.at)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"full_name": "Bob"}, [2]),
        ({"full_name": ["Bob", "Ann Lee", "x"]}, [1, 2]),
        ({"full_name": lambda name: len(name) > 5}, [1, 3, 4]),
        ({"initial": None}, [2]),
        ({"initial": [None, "A"]}, [2, 3]),
        ({"mood": Mood.BAD}, [4]),
        ({"mood": [Mood.BAD, Mood.GOOD]}, [1, 3, 4]),
        ({"pair": (1, "Bob")}, []),  # a tuple is several values
        ({"pair": [(1, "Bob")]}, [2]),
    ],
)
def test_equalities(given: dict[str, Any], expected: list[int]) -> None:
    assert ids(Author.where(**given)) == expected
    found = Author.find_by(**given)
    assert (found and found.id) == (expected[0] if expected else None)


def test_records_compare_by_identity() -> None:
    assert ids(Author.where(Author.best == posts[2])) == ids(Author.where(best=posts[2])) == [1]
    assert ids(Author.where(Author.best != posts[2])) == [2, 3, 4]
    assert ids(Author.where(Author.best.in_([posts[2], None]))) == [1, 4]
    assert ids(Author.where(best=lambda post: post is not None and post.views == 4)) == [2, 3]


# ---------------------------------------------------------------- order


@pytest.mark.parametrize(
    ("column", "key"),
    [
        (lambda: Post.headline, lambda p: p.headline),
        (lambda: Post.score, lambda p: p.score),
        (lambda: Post.cost, lambda p: p.cost),
        (lambda: Post.due, lambda p: p.due),
        (lambda: Post.due_aware, lambda p: p.due_aware),
        (lambda: Post.author.full_name, lambda p: p.author and p.author.full_name),
        (lambda: Post.author.pair, lambda p: p.author and p.author.pair),
        (lambda: Post.author.mood, lambda p: p.author and list(Mood).index(p.author.mood)),
        (lambda: Post.score * -1, lambda p: -p.score),
        (lambda: max_(Post.comments.length), lambda p: max((c.length for c in p.comments), default=None)),
    ],
)
def test_order(column: Callable[[], Any], key: Callable[[Post], Any]) -> None:
    there = [post for post in posts if key(post) is not None]
    missing = [post for post in posts if key(post) is None]
    up, down = sorted(there, key=key), sorted(there, key=key, reverse=True)
    assert list(Post.order_by(column())) == [*up, *missing]
    assert list(Post.order_by(column().desc())) == [*down, *missing]
    assert list(Post.order_by(column().nulls_first())) == [*missing, *up]
    assert (
        list(Post.order_by(column().desc(), Post.id.desc()).limit(2))
        == sorted(there, key=lambda p: (key(p), p.id), reverse=True)[:2]
    )
    later = [post for post in (*up, *missing) if post.views > 2]
    assert list(Post.where(Post.views > 2).order_by(column())) == later


def test_order_needs_values_that_go_together() -> None:
    with pytest.raises(
        FieldError, match=r"Author.best cannot be sorted by: '<' not supported between.*'Post' and 'Post'"
    ):
        list(Author.order_by(Author.best))
    with pytest.raises(FieldError, match=r"Author.best < .* cannot be compared: '<' not supported"):
        list(Author.where(Author.best < posts[0]))
    with pytest.raises(
        FieldError, match=r"Post.due < .* cannot be compared: can't compare offset-naive and offset-aware"
    ):
        list(Post.where(Post.due < datetime(2024, 1, 1, tzinfo=UTC)))
    with pytest.raises(FieldError, match=r"max over values that do not go together: '>' not supported"):
        Author.max(Author.best)


# ---------------------------------------------------------------- results


def test_values() -> None:
    assert Post.pluck(Post.headline) == [p.headline for p in posts]
    assert Post.pluck(Post.headline, Post.id, Post.author.full_name) == [
        (p.headline, p.id, p.author.full_name if p.author else None) for p in posts
    ]
    assert Author.pluck(Author.best) == [a.best for a in authors]
    assert Post.select(Post.headline, Post.author.mood, twice=Post.score * 2) == [
        {"headline": p.headline, "mood": p.author.mood if p.author else None, "twice": p.score * 2} for p in posts
    ]
    assert Author.select(Author.full_name, top=max_(Author.posts.score), due=min_(Author.posts.due)) == [
        {
            "full_name": a.full_name,
            "top": max((p.score for p in a.posts), default=None),
            "due": min((p.due for p in a.posts), default=None),
        }
        for a in authors
    ]
    assert Author.pluck(Author.first_post.headline) == ["ALPHA", "GAMMA", "ALMOND", None]


def test_plucked_values_are_the_very_objects() -> None:
    class Word(str):
        __slots__ = ()

    word, db = Word("x"), Database()

    class Thing(Model, db=db):
        @getter
        def word(self) -> str:
            return word

        @getter
        def yes(self) -> int:
            return True

    Thing()
    assert Thing.pluck(Thing.word)[0] is word
    assert Thing.pluck(Thing.yes)[0] is True
    assert Thing.where(Thing.yes == 1).count() == 1


def test_aggregates() -> None:
    assert Post.sum(Post.score) == sum(p.score for p in posts)
    assert Post.avg(Post.score) == sum(p.score for p in posts) / len(posts)
    assert (Post.min(Post.headline), Post.max(Post.headline)) == ("ALMOND", "GAMMA")
    assert Post.max(Post.due) == max(p.due for p in posts)
    assert Post.sum(Post.cost) == sum(p.cost or 0 for p in posts)
    assert (Author.min(Author.mood), Author.max(Author.mood)) == (Mood.GOOD, Mood.BAD)
    assert Author.max(Author.pair) == (3, "Ann")
    assert Post.where(Post.views > 99).sum(Post.score) == 0 and Post.where(Post.views > 99).max(Post.score) is None
    with pytest.raises(FieldError, match=r"sum works on int, float, Decimal and timedelta, and Post.headline is a str"):
        Post.sum(Post.headline)
    assert Author.where(sum_(Author.posts.cost) > 10).pluck(Author.name) == ["Ann"]
    assert Author.where(sum_(Author.posts.score * Author.posts.views) > 100).pluck(Author.name) == ["Ann"]


def test_groups() -> None:
    assert Author.group_by(Author.initial).agg(n=count()) == [
        {"initial": "L", "n": 2}, {"initial": None, "n": 1}, {"initial": "A", "n": 1},
    ]  # fmt: skip
    assert Author.group_by(Author.mood).agg(last=max_(Author.full_name)) == [
        {"mood": Mood.GOOD, "last": "Cid Ash"}, {"mood": Mood.FAIR, "last": "Bob"},
        {"mood": Mood.BAD, "last": "Dan Lee"},
    ]  # fmt: skip
    assert Post.group_by(Post.author.full_name).agg(n=count(), score=sum_(Post.score))[0] == {
        "full_name": "Ann Lee", "n": 3, "score": 24,
    }  # fmt: skip
    assert Post.group_by(Post.due).agg(n=count()) == [{"due": p.due, "n": 7} for p in posts[:1]]
    assert len(Author.group_by(Author.pair, Author.best).agg(n=count())) == 4
    assert Post.group_by(Post.author).agg(top=max_(Post.headline))[0]["top"] == "BETA"


def test_groups_of_what_has_no_hash() -> None:
    db = Database()

    class Thing(Model, db=db):
        @getter
        def many(self):  # type: ignore[no-untyped-def]
            return [self.id]

    Thing()
    with pytest.raises(FieldError, match="Thing.many cannot be grouped by: .*unhashable type: 'list'"):
        Thing.group_by(Thing.many).agg(n=count())
    assert Thing.where(Thing.many == [1]).count() == 1


def test_update() -> None:
    assert Post.where(Post.score > 10).update(title=Post.headline, views=Post.score) == 2
    assert [(p.title, p.views) for p in posts if p.views > 10] == [("AVOCADO", 18), ("ASH", 14)]
    assert Post.where(Post.author.full_name == "Ann Lee").update(title=Post.author.full_name) == 3
    assert posts[0].title == "Ann Lee"
    with pytest.raises(FieldError, match="Post.views takes an int, not 'ANN LEE'"):
        Post.all().update(views=Post.headline)
    assert Post.where(Post.headline.startswith("A")).delete() == 5


def test_include() -> None:
    tree = Author.include(
        Author.posts, where=Post.score > 4, order_by=Post.headline.desc(), limit=2, only=["title", "headline"]
    )
    assert [[(v.title, v.headline) for v in a.posts] for a in tree] == [
        [("avocado", "AVOCADO"), ("alpha", "ALPHA")], [("gamma", "GAMMA")], [("almond", "ALMOND")], [],
    ]  # fmt: skip
    assert tree.to_dicts()[0]["posts"] == [
        {"title": "avocado", "headline": "AVOCADO"}, {"title": "alpha", "headline": "ALPHA"},
    ]  # fmt: skip
    assert list(tree.to_dicts()[0]) == ["id", "name", "surname", "posts"]
    assert tree[0].full_name == "Ann Lee"
    same = Comment.include(Comment.post.author, only=[Author.full_name, Author.best, "id"]).to_dicts()
    assert [d["post"]["author"] for d in same] == [
        {"full_name": a.full_name, "best": a.best, "id": a.id} for a in (c.post.author for c in comments)
    ]
    assert "headline" not in Author.include(Author.posts).to_dicts()[0]["posts"][0]
    assert Post.include(Post.author, only=["full_name"])[6].author is None


def test_only_the_rows_that_the_other_conditions_leave_are_asked() -> None:
    assert Post.where(Post.headline == "GAMMA", Post.views == 4).count() == 1
    assert calls == [4, 5]
    calls.clear()
    assert Author.where(Author.posts.headline == "GAMMA", Author.name == "Bob").count() == 1
    assert calls == [4], "those that the rows which are left lead to"
    calls.clear()
    assert authors[2].posts.order_by(Post.headline).pluck(Post.id) == [5, 6]
    assert calls == [5, 6]
    calls.clear()
    assert Comment.where(Comment.id < 3).pluck(Comment.post.headline) == ["ALPHA", "BETA"]
    assert calls == [1, 2]
    calls.clear()
    assert Comment.pluck(Comment.post.headline)[5] == "ALPHA"
    assert sorted(calls) == [1, 2, 3, 4, 5], "each target once"
    calls.clear()
    assert Post.where(Post.headline.between("A", "B"), Post.headline.in_(["ALPHA", "ASH"])).count() == 2
    assert calls == list(range(1, 8)), "each row once, however many comparisons there are"
    calls.clear()
    assert Post.where(Post.views > 8).group_by(Post.headline).agg(n=count()) == [{"headline": "AVOCADO", "n": 1}]
    assert set(calls) == {3}


# ---------------------------------------------------------------- kinds


def test_what_the_annotation_says() -> None:
    db = Database()

    class Shade(Enum):
        DARK = 1

    class Thing(Model, db=db):
        @getter
        def text(self) -> str | None:
            return "x"

        @getter
        def quoted(self) -> "Decimal | None":  # noqa: UP037
            return Decimal(1)

        @getter
        def day(self) -> date:
            return date(2024, 1, 1)

        @getter
        def key(self) -> UUID:
            return UUID(int=self.id)

        @getter
        def choice(self) -> Literal["b", "a"]:
            return "a" if self.id > 1 else "b"

        @getter
        def shade(self) -> Shade:
            return Shade.DARK

        @getter
        def other(self) -> Thing:
            return self

        @getter
        def listed(self) -> list[int]:
            return [self.id]

        @getter
        def unknown(self) -> Missing:  # type: ignore[name-defined]  # noqa: F821
            return Fraction(self.id, 2)

        @getter
        def nothing(self) -> None:
            return None

        plain = getter(lambda self: self.id)

    kinds = {name: (info.value_kind.name, info.value_kind.loose) for name, info in Thing.__sinew__.getters.items()}  # type: ignore[attr-defined]
    assert kinds == {
        "text": ("str", False), "quoted": ("Decimal", False), "day": ("date", False), "key": ("UUID", False),
        "choice": ("Literal", True), "shade": ("Enum", True), "other": ("object", True), "listed": ("object", True),
        "unknown": ("object", True), "nothing": ("object", True), "plain": ("object", True),
    }  # fmt: skip
    one, two = Thing(), Thing()
    assert list(Thing.order_by(Thing.choice.desc())) == [two, one], "by their places in the list"
    assert list(Thing.where(Thing.choice < "a")) == [one]
    assert list(Thing.where(Thing.unknown > Fraction(1, 2))) == [two]
    assert list(Thing.order_by(Thing.unknown.desc(), Thing.listed)) == [two, one]
    assert list(Thing.where(Thing.other == two)) == list(Thing.where(Thing.listed == [2])) == [two]
    assert list(Thing.where(Thing.plain >= 2)) == [two] and Thing.max(Thing.plain) == 2
    assert list(Thing.where(Thing.key == UUID(int=2))) == [two]
    assert Thing.where(Thing.nothing.is_null()).count() == 2
    assert Thing.where(Thing.day <= date(2024, 1, 1), Thing.quoted >= 1).count() == 2
    for wrong, words in (
        (lambda: Thing.text == 3, "Thing.text takes a str, not 3"),
        (lambda: Thing.day > 3, "Thing.day takes a date"),
        (lambda: Thing.shade == "dark", "Thing.shade is a Shade, and 'dark' is none of its members"),
        (lambda: Thing.plain.contains("x"), "contains works on text, and Thing.plain is an object"),
        (lambda: Thing.text + 1 > 2, "do not go together"),
        (lambda: Thing.choice < "c", "cannot be compared: 'c' is none of the members"),
    ):
        with pytest.raises(FieldError, match=words):
            Thing.where(wrong()).count()


def test_a_function_that_does_not_keep_to_its_annotation() -> None:
    db = Database()

    class Thing(Model, db=db):
        @getter
        def text(self) -> str:
            return 3  # type: ignore[return-value]

        @getter
        def big(self) -> int:
            return 2**70

    Thing()
    for query in (Thing.where(Thing.text == "x"), Thing.order_by(Thing.text), Thing.where(Thing.text.contains("x"))):
        with pytest.raises(
            FieldError, match=r"Thing.text is annotated to give str, and gave 3 \(int\); correct the anno"
        ):
            query.count()
    with pytest.raises(FieldError, match="64 bits"):
        Thing.where(Thing.big > 1).count()
    assert Thing.pluck(Thing.text, Thing.big) == [(3, 2**70)]


# ---------------------------------------------------------------- what is refused


def test_a_function_that_raises_says_of_which_record() -> None:
    db = Database()

    class Thing(Model, db=db):
        number: Attr[int]
        parent: BelongsTo[Thing | None] = belongs_to(default=None)

        @getter
        def inverse(self) -> float:
            return 1 / self.number

    one = Thing(number=1)
    Thing(number=0, parent=one)
    for action in (
        lambda: Thing.pluck(Thing.inverse),
        lambda: Thing.where(Thing.inverse > 1).count(),
        lambda: list(Thing.order_by(Thing.inverse)),
        lambda: Thing.sum(Thing.inverse),
    ):
        with pytest.raises(ZeroDivisionError) as caught:
            action()
        assert caught.value.__notes__ == [
            "raised by the getter Thing.inverse of <Thing 2 number=0 parent_id=1>, for a query"
        ]
    assert Thing.where(Thing.number > 0, Thing.inverse >= 1).count() == 1
    with pytest.raises(ZeroDivisionError) as caught:
        _ = Thing[2].inverse
    assert not hasattr(caught.value, "__notes__")


def test_relations_cannot_be_filtered_or_sorted_by_one() -> None:
    for option in ({"where": lambda: Post.headline == "x"}, {"order_by": lambda: Post.headline}):
        db = Database()

        class Author(Model, db=db):
            posts: HasMany[Post] = has_many(inverse=lambda: Post.author, **option)

        class Post(Model, db=db):
            author: BelongsTo[Author] = belongs_to()

            @getter
            def headline(self) -> str:
                return "x"

        with pytest.raises(DefinitionError, match=r"compiled once and cannot hold `Post.headline.*getters, Decimals"):
            db.check()


def test_paths_that_give_several_values() -> None:
    for action in (
        lambda: Author.order_by(Author.posts.headline),
        lambda: Author.pluck(Author.posts.headline),
        lambda: Author.group_by(Author.posts.headline).agg(n=count()),
    ):
        with pytest.raises(RelationError, match=r"Author.posts.headline leads over Author.posts, which is to-many"):
            action()
    with pytest.raises(RelationError, match=r"Post.headline speaks of Post, .*`Author.posts.headline`"):
        Author.where(Post.headline == "x")


def test_polymorphic_paths() -> None:
    db = Database()

    class Photo(Model, db=db):
        url: Attr[str]

        @getter
        def label(self) -> str:
            return f"photo {self.url}"

    class Text(Model, db=db):
        label: Attr[str]

    class Remark(Model, db=db):
        subject: BelongsTo[Photo | Text] = belongs_to()

    remarks = [Remark(subject=each) for each in (Photo(url="x"), Text(label="text"), Photo(url="y"))]
    assert Remark.pluck(Remark.subject.label) == ["photo x", "text", "photo y"]
    assert list(Remark.where(Remark.subject.label == "photo y")) == remarks[2:]
    assert list(Remark.where(Remark.subject.label == "text")) == remarks[1:2]
    assert list(Remark.where(Remark.subject.of(Photo).label.contains("x"))) == remarks[:1]
    assert list(Remark.order_by(Remark.subject.label.desc())) == [remarks[1], remarks[2], remarks[0]]


# ---------------------------------------------------------------- each kind, beside a field that holds the same

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

MIRRORED: dict[str, tuple[Any, dict[str, Any], list[Any]]] = {
    "bool": (bool, {}, [True, False, None, True]),
    "int": (int, {}, [3, -1, None, 2**61, 3, 0]),
    "float": (float, {}, [1.5, -0.0, None, 0.0, 1e300, 1.5]),
    "str": (str, {}, ["b", "a", None, "", "ä", "a"]),
    "bytes": (bytes, {}, [b"b", b"", None, b"\x00", b"b"]),
    "date": (date, {}, [date(2024, 1, 2), date(1, 1, 1), None, date(2024, 1, 2)]),
    "naive": (datetime, {"tz": "naive"}, [datetime(2024, 1, 2), None, datetime(1999, 1, 1), datetime(2024, 1, 2, 3)]),
    "aware": (
        datetime,
        {"tz": "aware"},
        [datetime(2024, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))), None, datetime(2024, 1, 2, tzinfo=UTC), NOON],
    ),
    "time": (time, {}, [time(3), None, time(1, 30), time(3)]),
    "timedelta": (timedelta, {}, [timedelta(1), timedelta(-1), None, timedelta(seconds=1), timedelta(1)]),
    "Decimal": (Decimal, {}, [Decimal("1.0"), Decimal("-3"), None, Decimal("1.00"), Decimal("1E+3")]),
    "UUID": (UUID, {}, [UUID(int=2), None, UUID(int=1), UUID(int=2)]),
    "Enum": (Mood, {}, [Mood.BAD, Mood.GOOD, None, Mood.BAD]),
    "Literal": (Literal["z", "a"], {}, ["a", "z", None, "a"]),
    "IPv4Address": (IPv4Address, {}, [IPv4Address(9), None, IPv4Address(3), IPv4Address(9)]),
    "object": (Fraction, {"key": float}, [Fraction(1, 2), None, Fraction(-3), Fraction(1, 2)]),
}


def mirrored(kind: str) -> tuple[Any, Any, list[Any]]:
    """A model with a field and a getter that gives the field's value, its records, and the values."""
    of, options, values = MIRRORED[kind]

    def same(self: Any) -> Any:
        return self.value

    same.__annotations__["return"] = of | None
    own = Database()
    define("Owner", {"things": has_many("Thing", inverse="owner")}, db=own)
    thing = define(
        "Thing",
        {
            "value": field(type=of | None, default=None, **options),
            "same": getter(same),
            "owner": belongs_to("Owner"),
        },
        db=own,
    )
    owner = own.models["Owner"]
    owners = [owner() for _ in range(3)]
    for number, value in enumerate(values):
        thing(value=value, owner=owners[number % 2])
    return own, thing, values


def asked(column: Any, values: list[Any], ordered: bool) -> Iterator[Any]:
    for value in values:
        yield column == value
        yield column != value
        yield ~(column == value)
        if ordered and value is not None:
            yield from (
                column < value,
                column <= value,
                column > value,
                column >= value,
                column.between(value, values[0]),
            )
    yield from (
        column.is_null(),
        column.in_(values[:2]),
        column.not_in(values[1:3]),
        column.in_([None]),
        column.in_([]),
    )


@pytest.mark.parametrize("kind", MIRRORED)
def test_a_getter_compares_as_a_field_of_its_kind(kind: str) -> None:
    own, thing, values = mirrored(kind)
    owner = own.models["Owner"]
    for by_field, by_getter in zip(asked(thing.value, values, True), asked(thing.same, values, True), strict=True):
        assert list(thing.where(by_getter)) == list(thing.where(by_field)), by_getter
    pairs = zip(asked(owner.things.value, values, True), asked(owner.things.same, values, True), strict=True)
    for by_field, by_getter in pairs:
        assert list(owner.where(by_getter)) == list(owner.where(by_field)), by_getter
        assert list(owner.where(by_getter, owner.id > 1)) == list(owner.where(by_field, owner.id > 1)), by_getter
    for field_side, getter_side in (
        (thing.value == thing.value, thing.same == thing.value),
        (thing.value != thing.value, thing.value != thing.same),
        (thing.value <= thing.value, thing.same <= thing.same),
        (thing.value < thing.value, thing.value < thing.same),
    ):
        assert list(thing.where(getter_side)) == list(thing.where(field_side)), getter_side


@pytest.mark.parametrize("kind", MIRRORED)
def test_a_getter_sorts_and_groups_as_a_field_of_its_kind(kind: str) -> None:
    own, thing, _ = mirrored(kind)
    owner = own.models["Owner"]
    for turned in (
        lambda column: column,
        lambda column: column.desc(),
        lambda column: column.nulls_first(),
        lambda column: column.desc().nulls_first(),
    ):
        assert list(thing.order_by(turned(thing.same))) == list(thing.order_by(turned(thing.value)))
        by_least = owner.order_by(turned(min_(owner.things.same)))
        assert list(by_least) == list(owner.order_by(turned(min_(owner.things.value))))
    assert (thing.min(thing.same), thing.max(thing.same)) == (thing.min(thing.value), thing.max(thing.value))
    pairs = [(g["same"], g["n"]) for g in thing.group_by(thing.same).agg(n=count())]
    assert pairs == [(g["value"], g["n"]) for g in thing.group_by(thing.value).agg(n=count())]
    assert owner.pluck(max_(owner.things.same)) == owner.pluck(max_(owner.things.value))
    if MIRRORED[kind][0] in (int, float, Decimal, timedelta):
        for total in (sum_, avg):
            assert owner.pluck(total(owner.things.same)) == owner.pluck(total(owner.things.value))
        assert thing.pluck(thing.same + thing.same) == thing.pluck(thing.value + thing.value)


def test_objects_with_a_key_are_compared_by_it_over_a_path() -> None:
    """Also without any getter: what an aggregate over objects gives is Python's to compare."""
    own, _, _ = mirrored("object")
    owner, half = own.models["Owner"], Fraction(1, 2)
    first, second, third = owner.all()
    least = min_(owner.things.value)
    assert owner.pluck(least) == [Fraction(-3), half, None]
    assert list(owner.where(least == half)) == list(owner.where(least.in_([half]))) == [second]
    assert list(owner.where(least != half)) == [first, third]
    assert list(owner.where(least < half)) == [first]
    assert list(owner.where(least < max_(owner.things.value))) == [first]
    assert list(owner.order_by(least.desc())) == [second, first, third]
    with pytest.raises(FieldError, match=r"min_\(Owner.things.value\) < 'x' cannot be compared"):
        owner.where(least < "x").count()
