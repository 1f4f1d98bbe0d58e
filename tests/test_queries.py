"""Queries: what they find, against the same question asked of the records in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sinew import (
    Database,
    FieldError,
    Model,
    NotFound,
    Plan,
    Query,
    RecordDeleted,
    RelationError,
    SinewError,
    UnknownName,
    avg,
    belongs_to,
    count,
    define,
    exists,
    field,
    has_many,
    max_,
    min_,
    now,
    sum_,
)
from sinew.predicates import Matches

from .shop import AWARE, DAY, Author, Category, Color, Comment, Item, Note, Order, Post, Profile, Size, fill, shop


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    fill()
    yield
    shop.store.check()


def ids(query: Any) -> list[int]:
    return [record.id for record in query]


def having(model: Any, test: Callable[[Any], Any]) -> list[int]:
    """The ids for which a plain Python test holds."""
    return [record.id for record in model.all() if test(record)]


def less(a: Any, b: Any) -> bool:
    return a is not None and b is not None and a < b


# ---------------------------------------------------------------- predicates, each beside its meaning in plain Python

ON_POSTS: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: Post.title == "a", lambda p: p.title == "a"),
    (lambda: Post.title != "a", lambda p: p.title != "a"),
    (lambda: Post.title == "", lambda p: p.title == ""),
    (lambda: Post.score == None, lambda p: p.score is None),  # noqa: E711
    (lambda: Post.score != None, lambda p: p.score is not None),  # noqa: E711
    (lambda: Post.score.is_(None), lambda p: p.score is None),
    (lambda: Post.score.is_null(), lambda p: p.score is None),
    (lambda: Post.score == 0, lambda p: p.score == 0),
    (lambda: Post.score != 1, lambda p: p.score != 1),
    (lambda: Post.score > 1, lambda p: less(1, p.score)),
    (lambda: Post.score > 1.5, lambda p: less(1.5, p.score)),
    (lambda: Post.score > Decimal("1.5"), lambda p: less(1.5, p.score)),
    (lambda: Post.score == Decimal(4), lambda p: p.score == 4),
    (lambda: ~(Post.score > 1), lambda p: not less(1, p.score)),
    (lambda: ~~(Post.score > 1), lambda p: less(1, p.score)),
    (lambda: Post.score <= 1, lambda p: p.score is not None and p.score <= 1),
    (lambda: 1 < Post.score, lambda p: less(1, p.score)),
    (lambda: 1 >= Post.score, lambda p: p.score is not None and p.score <= 1),
    (lambda: 4 == Post.score, lambda p: p.score == 4),
    (lambda: Post.score < None, lambda p: False),
    (lambda: Post.score.between(1, 4), lambda p: p.score is not None and 1 <= p.score <= 4),
    (lambda: Post.score.between(1, None), lambda p: False),
    (lambda: Post.score.in_([1, 5, 9]), lambda p: p.score in (1, 5)),
    (lambda: Post.score.in_([1, None]), lambda p: p.score in (1, None)),
    (lambda: Post.score.in_([]), lambda p: False),
    (lambda: Post.score.in_([1.0, 4]), lambda p: p.score in (1, 4)),
    (lambda: Post.score.in_(n for n in (0, 4)), lambda p: p.score in (0, 4)),
    (lambda: Post.score.in_([Post.id, 1]), lambda p: p.score in (p.id, 1)),
    (lambda: Post.score.not_in([1, 5]), lambda p: p.score not in (1, 5)),
    (lambda: Post.score.not_in([1, None]), lambda p: p.score not in (1, None)),
    (lambda: ~Post.score.not_in([1, None]), lambda p: p.score in (1, None)),
    (lambda: Post.title.in_({"a", "c"}), lambda p: p.title in "ac" and p.title),
    (lambda: Post.state.in_(["draft"]), lambda p: p.state == "draft"),
    (lambda: Post.state == "live", lambda p: p.state == "live"),
    (lambda: Post.title == Post.state, lambda p: p.title == p.state),
    (lambda: Post.score == Post.id, lambda p: p.score == p.id),
    (lambda: Post.score < Post.ratio, lambda p: less(p.score, p.ratio)),
    (lambda: Post.score == Post.category_id, lambda p: p.score is not None and p.score == p.category_id),
    (lambda: Post.title.startswith("a"), lambda p: p.title.startswith("a")),
    (lambda: Post.title.endswith(""), lambda p: True),
    (lambda: Post.title.contains("b"), lambda p: "b" in p.title),
    (lambda: Post.title.like("_"), lambda p: len(p.title) == 1),
    (lambda: Post.title.like("A"), lambda p: False),
    (lambda: Post.title.ilike("A%"), lambda p: p.title.startswith("a")),
    (lambda: Post.title.matches("^[ab]$"), lambda p: p.title in ("a", "b")),
    (lambda: Post.title.matches("A", re.IGNORECASE), lambda p: "a" in p.title.lower()),
    (lambda: ~Post.title.matches(re.compile("b")), lambda p: "b" not in p.title),
    (lambda: Post.title.matches("") & (Post.score > 1), lambda p: less(1, p.score)),
    (lambda: Post.title.matches("b") | (Post.score > 4), lambda p: "b" in p.title or less(4, p.score)),
    (lambda: Post.author.surname.matches("^B"), lambda p: (p.author.surname or "").startswith("B")),
    (lambda: ~Post.author.surname.matches("^B"), lambda p: not (p.author.surname or "").startswith("B")),
    (lambda: Post.category.title.matches("."), lambda p: p.category is not None and p.category.title != ""),
    (lambda: Post.title.contains(Post.author.surname), lambda p: (p.author.surname or "!") in p.title),
    (lambda: (Post.title == "a") & (Post.score > 1), lambda p: p.title == "a" and less(1, p.score)),
    (lambda: (Post.title == "b") | (Post.score > 4), lambda p: p.title == "b" or less(4, p.score)),
    (lambda: ~((Post.title == "a") & (Post.score > 1)), lambda p: not (p.title == "a" and less(1, p.score))),
    # arithmetic
    (lambda: Post.score + 1 > 4, lambda p: p.score is not None and p.score + 1 > 4),
    (lambda: 10 - Post.score == 6, lambda p: p.score is not None and 10 - p.score == 6),
    (lambda: Post.score * Post.ratio < 0.5, lambda p: p.score is not None and p.score * p.ratio < 0.5),
    (lambda: Post.score / 2 == 2.5, lambda p: p.score == 5),
    (lambda: 1 / Post.score == None, lambda p: not p.score),  # noqa: E711
    (lambda: (Post.score + Post.author.karma).in_([8, 12]), lambda p: (p.score or -99) + p.author.karma in (8, 12)),
    (lambda: Post.published_at + timedelta(days=1) > DAY + timedelta(days=2),
     lambda p: p.published_at > DAY + timedelta(days=1)),
    (lambda: Post.published_at - DAY > timedelta(days=1), lambda p: p.published_at - DAY > timedelta(days=1)),
    (lambda: Post.published_at > DAY, lambda p: p.published_at > DAY),
    # over to-one relations
    (lambda: Post.author.name == "Ann", lambda p: p.author.name == "Ann"),
    (lambda: Post.author_id == 0, lambda p: p.author.id == 0),
    (lambda: Post.category.title == "art", lambda p: p.category is not None and p.category.title == "art"),
    (lambda: Post.category.title != "art", lambda p: p.category is None or p.category.title != "art"),
    (lambda: Post.category.title == None, lambda p: p.category is None),  # noqa: E711
    (lambda: Post.category.title.is_null(), lambda p: p.category is None),
    (lambda: Post.category.is_null(), lambda p: p.category is None),
    (lambda: ~Post.category.is_null(), lambda p: p.category is not None),
    (lambda: Post.category.is_(None), lambda p: p.category is None),
    (lambda: Post.author.is_(Author[0]), lambda p: p.author is Author[0]),
    (lambda: ~Post.author.is_(Author[0]), lambda p: p.author is not Author[0]),
    (lambda: Post.category.is_(Category[0]), lambda p: p.category is Category[0]),
    (lambda: Post.author.in_([Author[0], Author[2]]), lambda p: p.author in (Author[0], Author[2])),
    (lambda: Post.author.not_in((Author[0], Author[0])), lambda p: p.author is not Author[0]),
    (lambda: Post.author.in_([]), lambda p: False),
    (lambda: Post.author.not_in([]), lambda p: True),
    (lambda: Post.author.in_(Author.where(Author.karma > 2)), lambda p: p.author.karma > 2),
    (lambda: Post.author.in_(post.author for post in Category[2].posts), lambda p: p.author.id in (0, 1)),
    (lambda: Post.category.in_({Category[2], None}), lambda p: p.category in (Category[2], None)),
    (lambda: Post.category.in_([None]), lambda p: p.category is None),
    (lambda: Post.category.in_([Category[2]]), lambda p: p.category is Category[2]),
    (lambda: Post.category.not_in([Category[2]]), lambda p: p.category is not Category[2]),
    (lambda: Post.category.not_in([Category[2], None]), lambda p: p.category not in (Category[2], None)),
    (lambda: Post.category.parent.in_([Category[0]]), lambda p: bool(p.category and p.category.parent)),
    (lambda: Post.category.parent.not_in([Category[0]]), lambda p: not (p.category and p.category.parent)),
    (lambda: Post.category.parent.in_([None]), lambda p: not (p.category and p.category.parent)),
    (lambda: Post.author.profile.in_([Profile[1], Profile[3]]), lambda p: p.author is Author[0]),
    (lambda: Post.author.profile.in_([Profile[1], None]), lambda p: p.author.profile in (Profile[1], None)),
    (lambda: Post.author.profile.not_in([Profile[1]]), lambda p: p.author.profile is not Profile[1]),
    (lambda: Post.author.profile.not_in([None]), lambda p: p.author.profile is not None),
    (lambda: exists(Post.category), lambda p: p.category is not None),
    (lambda: ~exists(Post.category), lambda p: p.category is None),
    (lambda: exists(Post.category, Category.title == "art"),
     lambda p: p.category is not None and p.category.title == "art"),
    (lambda: Post.category.parent.title == "root", lambda p: bool(p.category and p.category.parent)),
    (lambda: Post.category.parent.is_null(), lambda p: p.category is None or p.category.parent is None),
    (lambda: Post.category.parent.is_(Category[0]), lambda p: bool(p.category and p.category.parent)),
    (lambda: Post.author.profile.text == "of Ann", lambda p: p.author.name == "Ann"),
    (lambda: Post.author.profile.text == None, lambda p: p.author.name != "Ann"),  # noqa: E711
    (lambda: Post.author.profile.is_null(), lambda p: p.author.profile is None),
    (lambda: Post.author.profile.is_(Profile[1]), lambda p: p.author.profile is Profile[1]),
    (lambda: Post.author.surname == Post.reviewer.surname,
     lambda p: p.author.surname is not None and p.author.surname == (p.reviewer and p.reviewer.surname)),
    (lambda: Post.author.karma > Post.reviewer.karma, lambda p: bool(p.reviewer and p.author.karma > p.reviewer.karma)),
    # over to-many relations: "some"
    (lambda: Post.comments.body == "code", lambda p: any(c.body == "code" for c in p.comments)),
    (lambda: Post.comments.body.like("100\\%"), lambda p: any(c.body == "100%" for c in p.comments)),
    (lambda: Post.comments.body.matches(r"^\d+%$"), lambda p: any(re.search(r"^\d+%$", c.body) for c in p.comments)),
    (lambda: ~Post.comments.body.matches("%"), lambda p: not any("%" in c.body for c in p.comments)),
    (lambda: exists(Post.comments, Comment.body.matches("%"), Comment.id > 0),
     lambda p: any("%" in c.body and c.id > 0 for c in p.comments)),
    (lambda: count(Post.comments, Comment.body.matches("%")) >= 1, lambda p: any("%" in c.body for c in p.comments)),
    (lambda: min_(Post.comments.body).matches("%"), lambda p: "%" in min((c.body for c in p.comments), default="")),
    (lambda: Post.comments.body.contains("%"), lambda p: any("%" in c.body for c in p.comments)),
    (lambda: Post.author.posts.title == "b", lambda p: any(q.title == "b" for q in p.author.posts)),
    (lambda: Post.author.posts.comments.body == "code", lambda p: p.author.name in ("Ann", "Bob")),
    (lambda: Post.comments.is_(Comment[2]), lambda p: p.id == 3),
    (lambda: Post.score > Post.author.posts.score, lambda p: any(less(q.score, p.score) for q in p.author.posts)),
    (lambda: Post.published_at <= Post.author.posts.published_at, lambda p: True),
    # aggregates
    (lambda: count(Post.comments) == 0, lambda p: not p.comments),
    (lambda: count(Post.comments) + 1 >= 3, lambda p: len(p.comments) >= 2),
    (lambda: count(Post.comments).in_([1, 2]), lambda p: len(p.comments) in (1, 2)),
    (lambda: count(Post.comments) == count(Post.author.posts), lambda p: len(p.comments) == len(p.author.posts)),
    (lambda: count(Post.category) == 1, lambda p: p.category is not None),
    (lambda: Post.score > avg(Post.author.posts.score), lambda p: p.id == 0),
]  # fmt: skip

ON_AUTHORS: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: Author.posts.title == "a", lambda a: any(p.title == "a" for p in a.posts)),
    (lambda: Author.posts.title != "a", lambda a: any(p.title != "a" for p in a.posts)),
    (lambda: ~(Author.posts.title == "a"), lambda a: not any(p.title == "a" for p in a.posts)),
    (lambda: ~(Author.posts.title != "a"), lambda a: not any(p.title != "a" for p in a.posts)),
    (lambda: Author.posts.title.in_(["b", "c"]), lambda a: any(p.title in "bc" and p.title for p in a.posts)),
    (lambda: Author.posts.title.not_in(["a", ""]), lambda a: any(p.title not in ("a", "") for p in a.posts)),
    (lambda: ~Author.posts.title.not_in(["a", ""]), lambda a: not any(p.title not in ("a", "") for p in a.posts)),
    (lambda: Author.posts.score.is_null(), lambda a: any(p.score is None for p in a.posts)),
    (lambda: ~Author.posts.score.is_null(), lambda a: not any(p.score is None for p in a.posts)),
    (lambda: Author.posts.score == None, lambda a: any(p.score is None for p in a.posts)),  # noqa: E711
    (lambda: Author.posts.score != None, lambda a: any(p.score is not None for p in a.posts)),  # noqa: E711
    (lambda: Author.posts.score.between(2, 4),
     lambda a: any(p.score is not None and 2 <= p.score <= 4 for p in a.posts)),
    (lambda: Author.posts.category.title != "news",
     lambda a: any(not p.category or p.category.title != "news" for p in a.posts)),
    (lambda: Author.posts.category.title == None, lambda a: any(p.category is None for p in a.posts)),  # noqa: E711
    (lambda: Author.posts.category.is_null(), lambda a: any(p.category is None for p in a.posts)),
    (lambda: ~Author.posts.category.is_null(), lambda a: not any(p.category is None for p in a.posts)),
    (lambda: Author.posts.category.is_(Category[2]), lambda a: any(p.category is Category[2] for p in a.posts)),
    (lambda: Author.posts.category.in_([Category[0], Category[1]]),
     lambda a: any(p.category in (Category[0], Category[1]) for p in a.posts)),
    (lambda: Author.posts.category.in_([Category[0], None]),
     lambda a: any(p.category in (Category[0], None) for p in a.posts)),
    (lambda: Author.posts.category.not_in([Category[0], None]),
     lambda a: any(p.category not in (Category[0], None) for p in a.posts)),
    (lambda: Author.posts.category.not_in([]), lambda a: len(a.posts) > 0),
    (lambda: Author.posts.in_([Post[0], Post[1], Post[3]]), lambda a: a.id < 2),
    (lambda: Author.posts.not_in([Post[3], Post[0]]), lambda a: any(p.id not in (0, 3) for p in a.posts)),
    (lambda: Author.posts.in_([]), lambda a: False),
    (lambda: Author.hits.in_([Post[0], Post[1]]), lambda a: a.id == 0),
    (lambda: Author.posts.comments.post.author.in_([Author[0], Author[3]]), lambda a: a.id == 0),
    (lambda: Author.posts.author.profile.not_in([Profile[1]]), lambda a: a.id in (1, 2)),
    (lambda: Author.posts.category.parent.title == "root", lambda a: a.name in ("Ann", "Bob")),
    (lambda: Author.posts.title == Author.posts.state, lambda a: False),
    (lambda: Author.posts.score > Author.posts.id, lambda a: any(less(p.id, p.score) for p in a.posts)),
    (lambda: Author.posts.score == Author.reviewed.score,
     lambda a: any(p.score == q.score for p in a.posts for q in a.reviewed)),
    (lambda: Author.posts.title == Author.surname, lambda a: any(p.title == a.surname for p in a.posts)),
    (lambda: (Author.posts.title == "a") & (Author.posts.score == None),  # noqa: E711 - two posts may do
     lambda a: any(p.title == "a" for p in a.posts) and any(p.score is None for p in a.posts)),
    (lambda: exists(Author.posts, Post.title == "a", Post.score == None),  # noqa: E711 - one and the same post
     lambda a: any(p.title == "a" and p.score is None for p in a.posts)),
    (lambda: exists(Author.posts), lambda a: len(a.posts) > 0),
    (lambda: ~exists(Author.posts), lambda a: len(a.posts) == 0),
    (lambda: exists(Author.posts, ~exists(Post.comments)), lambda a: any(not p.comments for p in a.posts)),
    (lambda: exists(Author.posts, Post.comments.body == "code"),
     lambda a: any(c.body == "code" for p in a.posts for c in p.comments)),
    (lambda: exists(Author.posts.comments, Comment.body == "nice"), lambda a: a.name == "Ann"),
    (lambda: exists(Author.posts, Post.score > Author.karma), lambda a: any(less(a.karma, p.score) for p in a.posts)),
    (lambda: exists(Author.posts, Post.author.name == "Bob"), lambda a: a.name == "Bob" and len(a.posts) > 0),
    (lambda: exists(Author.posts, Post.author.posts.title == "b"), lambda a: any(p.title == "b" for p in a.posts)),
    (lambda: exists(Author.profile, Profile.text.is_null()),
     lambda a: a.profile is not None and a.profile.text is None),
    (lambda: count(Author.posts) >= 2, lambda a: len(a.posts) >= 2),
    (lambda: count(Author.posts, Post.title == "a") == 2, lambda a: sum(p.title == "a" for p in a.posts) == 2),
    (lambda: count(Author.posts, Post.score > Author.karma) == 1,
     lambda a: sum(less(a.karma, p.score) for p in a.posts) == 1),
    (lambda: count(Author.posts.category) == 2, lambda a: len({p.category for p in a.posts} - {None}) == 2),
    (lambda: count(Author.posts.category.parent) == 1, lambda a: a.name in ("Ann", "Bob")),
    (lambda: count(Author.posts.category.parent, distinct=False) == 2, lambda a: a.name == "Ann"),
    (lambda: sum_(Author.posts.score) == 0, lambda a: sum(p.score or 0 for p in a.posts) == 0),
    (lambda: sum_(Author.posts.score, Post.title == "a") == 6, lambda a: a.name == "Ann"),
    (lambda: sum_(Author.posts.score * Author.posts.ratio) > 3, lambda a: a.name in ("Ann", "Bob")),
    (lambda: avg(Author.posts.score) == 3.0, lambda a: a.name == "Ann"),
    (lambda: avg(Author.posts.score) == None, lambda a: not any(p.score is not None for p in a.posts)),  # noqa: E711
    (lambda: min_(Author.posts.title) == "", lambda a: a.name == "Cid"),
    (lambda: max_(Author.posts.published_at) > now(), lambda a: a.name == "Cid"),
    (lambda: max_(Author.posts.score) - min_(Author.posts.score) == 4, lambda a: a.name == "Ann"),
    (lambda: Author.posts.published() & (Author.name != "Bob"), lambda a: a.name in ("Ann", "Cid")),
    (lambda: Author.posts.long(), lambda a: a.name == "Ann"),
    (lambda: Author.profile.is_null(), lambda a: a.profile is None),
    (lambda: Author.posts.author.profile.is_null(), lambda a: a.profile is None and len(a.posts) > 0),
    (lambda: Author.profile.author.name == "Ann", lambda a: a.name == "Ann"),
    (lambda: Author.hits.title == "a", lambda a: any(p.title == "a" for p in a.hits)),
    (lambda: count(Author.best) == 2, lambda a: len(a.posts) >= 2),
    (lambda: Author.top.score == 5, lambda a: a.name == "Ann"),
]  # fmt: skip

ON_CATEGORIES: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: Category.children.title == "news", lambda c: any(d.title == "news" for d in c.children)),
    (lambda: Category.children.title > Category.title, lambda c: any(d.title > c.title for d in c.children)),
    (lambda: exists(Category.children, Category.title == "art"), lambda c: any(d.title == "art" for d in c.children)),
    (lambda: exists(Category.children, exists(Category.children)), lambda c: any(d.children for d in c.children)),
    (lambda: exists(Category.parent, Category.parent.is_null()),
     lambda c: c.parent is not None and c.parent.parent is None),
    (lambda: count(Category.children, Category.title.contains("e")) == 1,
     lambda c: sum("e" in d.title for d in c.children) == 1),
    (lambda: Category.children.children.title == "empty", lambda c: c.title == "root"),
    (lambda: Category.parent.title == "root", lambda c: c.parent is not None and c.parent.title == "root"),
    (lambda: Category.parent.parent.title == None, lambda c: c.parent is None or c.parent.parent is None),  # noqa: E711
]  # fmt: skip

ON_ORDERS: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: Order.total > 5, lambda o: o.total > 5),
    (lambda: Order.total == Decimal("10.5"), lambda o: o.total == Decimal("10.5")),
    (lambda: Order.total == 7.0, lambda o: o.total == 7),
    (lambda: Order.total.in_([7, Decimal("3.250")]), lambda o: o.total in (7, Decimal("3.25"))),
    (lambda: Order.total == Order.paid, lambda o: o.total == o.paid),
    (lambda: Order.total == Order.number, lambda o: o.total == o.number),
    (lambda: Order.total > Order.number, lambda o: o.total > o.number),
    (lambda: Order.total - Order.paid > 0, lambda o: o.paid is not None and o.total - o.paid > 0),
    (lambda: ~(Order.total - Order.paid > 0), lambda o: not (o.paid is not None and o.total - o.paid > 0)),
    (lambda: Order.total - Order.paid == None, lambda o: o.paid is None),  # noqa: E711
    (lambda: (Order.total - Order.paid).is_null(), lambda o: o.paid is None),
    (lambda: (Order.total * 2).in_([14, 21]), lambda o: o.total * 2 in (14, 21)),
    (lambda: Order.total / (Order.number - 10) == None, lambda o: o.number == 10),  # noqa: E711
    (lambda: Order.size == Size(2), lambda o: o.size == Size(2)),
    (lambda: Order.size != Size(2), lambda o: o.size != Size(2)),
    (lambda: Order.size == None, lambda o: o.size is None),  # noqa: E711
    (lambda: Order.size.in_([Size(1), None]), lambda o: o.size in (Size(1), None)),
    (lambda: Order.size.not_in([Size(1)]), lambda o: o.size != Size(1)),
    (lambda: Order.keyed < Size(2), lambda o: o.keyed is not None and o.keyed.width < 2),
    (lambda: Order.keyed == Size(3), lambda o: o.keyed == Size(3)),
    (lambda: Order.keyed.in_([Size(3), None]), lambda o: o.keyed in (Size(3), None)),
    (lambda: Order.color == Color.BLUE, lambda o: o.color is Color.BLUE),
    (lambda: Order.color.in_([Color.RED]), lambda o: o.color is Color.RED),
    (lambda: Order.made_at < AWARE, lambda o: o.made_at < AWARE),
    (lambda: AWARE - Order.made_at > timedelta(days=1), lambda o: AWARE - o.made_at > timedelta(days=1)),
    (lambda: Order.made_at + Order.span * 2 == AWARE + timedelta(hours=2), lambda o: o.id < 3),
    (lambda: now() - Order.made_at > timedelta(days=1), lambda o: True),
    (lambda: Order.made_at < now() - Order.span, lambda o: True),
    (lambda: Order.items.price > 5, lambda o: any(i.price is not None and i.price > 5 for i in o.items)),
    (lambda: Order.items.price * Order.items.quantity == Decimal("2.5"), lambda o: o.id == 1),
    (lambda: Order.items.price * 2 == None, lambda o: any(i.price is None for i in o.items)),  # noqa: E711
    (lambda: exists(Order.items, Item.price + 1 > 8),
     lambda o: any(i.price is not None and i.price + 1 > 8 for i in o.items)),
    (lambda: sum_(Order.items.price) > 7, lambda o: sum(i.price or 0 for i in o.items) > 7),
    (lambda: sum_(Order.items.price) == 0, lambda o: not any(i.price for i in o.items)),
    (lambda: sum_(Order.items.price, Item.number > 1) == 8, lambda o: o.id == 1),
    (lambda: sum_(Order.items.price * Order.items.quantity) == Decimal("10.50"), lambda o: o.id == 1),
    (lambda: sum_(Order.items.price * Order.items.quantity) == Order.total, lambda o: o.id in (1, 2)),
    (lambda: avg(Order.items.price) == None, lambda o: not any(i.price for i in o.items)),  # noqa: E711
    (lambda: max_(Order.items.price) == 8, lambda o: o.id == 1),
    (lambda: Order.items.notes.text == "second", lambda o: o.id == 1),
    (lambda: count(Order.items, Item.price * Item.quantity > 5) == 1, lambda o: o.id in (1, 2)),
]  # fmt: skip

CASES = [
    pytest.param(model, predicate, meaning, id=f"{model.__name__}-{number}")
    for model, cases in ((Post, ON_POSTS), (Author, ON_AUTHORS), (Category, ON_CATEGORIES), (Order, ON_ORDERS))
    for number, (predicate, meaning) in enumerate(cases)
]


@pytest.mark.parametrize(("model", "predicate", "meaning"), CASES)
def test_predicates_mean_what_they_say(model: Any, predicate: Callable[[], Any], meaning: Callable[[Any], Any]) -> None:
    said = predicate()
    expected = having(model, meaning)
    rest = having(model, lambda record: not meaning(record))
    assert ids(model.where(said)) == expected
    assert ids(model.where(~said)) == rest
    assert ids(model.where(said | said, said & said)) == expected
    assert model.where(said).count() == len(expected)
    assert model.where(said).exists() == bool(expected)
    first = model.where(said).first()
    assert (None if first is None else first.id) == (expected[0] if expected else None)
    assert said is not None and repr(said)


def test_the_cases_tell_rows_apart() -> None:
    telling = [
        0 < len(having(model, meaning)) < model.count()
        for model, cases in ((Post, ON_POSTS), (Author, ON_AUTHORS), (Category, ON_CATEGORIES), (Order, ON_ORDERS))
        for _, meaning in cases
    ]
    assert sum(telling) > 0.85 * len(telling)


def test_conditions_on_composite_keys() -> None:
    assert ids(Note.where(Note.item.is_(Item[1, 2]))) == [1, 2]
    assert ids(Note.where(Note.item.is_null())) == [3]
    assert ids(Note.where(item=[Item[1, 2], None])) == [1, 2, 3]
    assert ids(Note.where(Note.item.in_([Item[2, 1], Item[1, 2], Item[1, 1]]))) == [1, 2]
    assert ids(Note.where(Note.item.not_in([Item[1, 2]]))) == [3]
    assert ids(Note.where(Note.item.not_in([Item[1, 1], Item[2, 2], None]))) == [1, 2]
    assert ids(Note.where(Note.item.in_([]))) == [] and ids(Note.where(Note.item.not_in([]))) == [1, 2, 3]
    assert Item.where(Item.notes.in_([Note[1], Note[3]])).one() is Item[1, 2]
    assert ids(Order.where(Order.items.in_([Item[1, 1], Item[2, 2]]))) == [1, 2]
    assert ids(Order.where(Order.items.not_in([Item[1, 1], Item[1, 2]]))) == [2]
    assert ids(Note.where(Note.item.order.total == Decimal("10.5"))) == [1, 2]
    assert ids(Note.where(~exists(Note.item))) == [3]
    assert [(item.order_id, item.number) for item in Item.where(exists(Item.notes))] == [(1, 2)]
    assert Item.where(Item.notes.is_(Note[1])).one() is Item[1, 2]


# ---------------------------------------------------------------- keywords


def test_keyword_equality() -> None:
    ann, bob = Author[0], Author[1]
    assert ids(Post.where(title="a", author=ann)) == [0, 1]
    assert ids(Post.where(author=[ann, bob])) == [0, 1, 2, 3]
    assert ids(Post.where(author=[])) == []
    assert ids(Post.where(author=Author.where(karma=2))) == [3]
    assert ids(Post.where(category=None)) == ids(Post.where(category_id=None)) == [1, 4]
    assert ids(Post.where(category=[None, Category[0]])) == [1, 4, 5]
    assert ids(Post.where(author_id=0)) == [0, 1, 2]
    assert ids(Post.where(author_id=[0, 2])) == [0, 1, 2, 4, 5]
    assert ids(Post.where(score=None)) == [2, 4]
    assert ids(Post.where(score=(0, None))) == [2, 4, 5]
    assert ids(Post.where(score=range(4))) == [1, 5]
    assert ids(Post.where(title=lambda title: title > "a")) == [2, 4]
    assert ids(Post.where(score=lambda score: score is None)) == [2, 4]
    assert ids(Post.where(author=lambda author: author.karma > 2, title="a")) == [0, 1]
    assert ids(Post.where(score=Post.id)) == having(Post, lambda p: p.score == p.id)
    assert ids(Author.where(posts=Post[3])) == [1]
    assert ids(Author.where(profile=None)) == [2, 3]
    assert ids(Post.where()) == [0, 1, 2, 3, 4, 5]


def test_python_predicates_come_last_before_the_cut() -> None:
    asked: list[int] = []

    def check(post: Post) -> bool:
        asked.append(post.id)
        return post.title == "a"

    query = Post.where(check, Post.author_id == 0).order_by(Post.score)
    assert ids(query) == [1, 0]
    assert asked == [1, 0, 2]
    assert ids(query.limit(1)) == [1] and ids(query.offset(1)) == [0] and ids(query.offset(5)) == []
    assert query.count() == 2 and query.exists() and query.first() is Post[1] and query.last() is Post[0]
    assert query[1] is Post[0] and query[-2] is Post[1] and query[:1] == [Post[1]]
    assert query.pluck(Post.id) == [1, 0] and query.sum(Post.score) == 6
    assert Post[0] in query and Post[2] not in query
    asked.clear()
    assert len(list(query)) == 2 and len(asked) == 3  # list() asks for the length too, which costs nothing
    assert ids(Post.where(lambda p: p.id > 1, lambda p: asked.append(p.id) or p.id < 4)) == [2, 3]
    assert asked[3:] == [2, 3, 4, 5]


def test_a_failing_predicate_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        list(Post.where(lambda p: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        list(Post.where(title=lambda t: 1 / 0))


# ---------------------------------------------------------------- order, offset, limit


def test_order() -> None:
    assert ids(Post.order_by(Post.score)) == [5, 1, 3, 0, 2, 4]
    assert ids(Post.order_by(Post.score.desc())) == [0, 3, 1, 5, 2, 4]
    assert ids(Post.order_by(Post.score.nulls_first())) == [2, 4, 5, 1, 3, 0]
    assert ids(Post.order_by(Post.score.desc().nulls_first())) == [2, 4, 0, 3, 1, 5]
    assert ids(Post.order_by(Post.score.desc().nulls_first().nulls_last())) == [0, 3, 1, 5, 2, 4]
    assert ids(Post.order_by(Post.title, Post.score.desc())) == [5, 0, 3, 1, 2, 4]
    assert ids(Post.order_by(Post.title).order_by(Post.score.desc())) == [5, 0, 3, 1, 2, 4]
    assert ids(Post.order_by(Post.title)) == [5, 0, 1, 3, 2, 4]  # stable
    assert ids(Post.order_by(Post.author.name.desc(), Post.id.desc())) == [5, 4, 3, 2, 1, 0]
    assert ids(Post.order_by(Post.category.title)) == [2, 3, 0, 5, 1, 4]
    assert ids(Post.order_by(Post.score * -1)) == [0, 3, 1, 5, 2, 4]
    assert ids(Author.order_by(count(Author.posts).desc(), Author.name)) == [0, 2, 1, 3]
    assert ids(Author.order_by(max_(Author.posts.score))) == [2, 1, 0, 3]
    assert ids(Order.order_by(Order.total - Order.paid)) == [1, 2, 3]
    assert ids(Order.order_by((Order.total - Order.paid).desc().nulls_first())) == [3, 2, 1]
    assert ids(Order.order_by(Order.total)) == [3, 2, 1]
    assert ids(Order.order_by(Order.keyed)) == [2, 1, 3]
    assert ids(Order.order_by(Order.made_at, Order.id.desc())) == [3, 2, 1]
    assert ids(Order.order_by(sum_(Order.items.price))) == [3, 2, 1]


def test_offset_and_limit() -> None:
    assert ids(Post.offset(4)) == [4, 5]
    assert ids(Post.limit(2)) == [0, 1]
    assert ids(Post.limit(0)) == []
    assert ids(Post.offset(1).limit(2)) == [1, 2]
    assert ids(Post.limit(2).limit(3)) == [0, 1, 2]
    assert Post.limit(2).count() == len(Post.limit(2)) == 2
    assert Post.offset(5).count() == 1 and Post.offset(9).count() == 0 and not Post.offset(9).exists()
    assert ids(Post.limit(2).where(title="b")) == [2]  # conditions apply before the cut
    assert ids(Post.limit(2).order_by(Post.score)) == [5, 1]
    assert Post.limit(3).last() is Post[2]
    assert Post[3] not in Post.limit(3) and Post[2] in Post.limit(3)
    assert ids(Post.limit(3)[1:]) == [1, 2] and Post.limit(3)[2] is Post[2]
    with pytest.raises(IndexError):
        Post.limit(3)[3]


def test_queries_are_values() -> None:
    base = Post.where(title="a")
    narrowed, sorted_, cut = base.where(score=5), base.order_by(Post.score), base.limit(1)
    assert (ids(base), ids(narrowed), ids(sorted_), ids(cut)) == ([0, 1, 3], [0], [1, 3, 0], [0])
    Post(id=9, title="a", author=Author[0])
    assert ids(base) == [0, 1, 3, 9]  # each run sees the store as it is then
    assert len(base) == 4 and base
    Post[9].delete()
    assert len(base) == 3
    assert not Post.where(title="zzz")


def test_indexing() -> None:
    query = Post.order_by(Post.id.desc())
    assert query[0] is Post[5] and query[-1] is Post[0] and query[5] is Post[0]
    assert [p.id for p in query[1:3]] == [4, 3]
    assert [p.id for p in query[:2]] == [5, 4] and [p.id for p in query[4:]] == [1, 0]
    assert [p.id for p in query[-2:]] == [1, 0] and [p.id for p in query[::2]] == [5, 3, 1]
    assert [p.id for p in query[::-1]] == [0, 1, 2, 3, 4, 5] and query[3:1] == []
    assert [p.id for p in query[1:5:2]] == [4, 2]
    for index in (6, -7):
        with pytest.raises(IndexError):
            query[index]
    with pytest.raises(FieldError, match="slice"):
        query["a"]  # type: ignore[call-overload]


# ---------------------------------------------------------------- terminal verbs


def test_one_record() -> None:
    assert Post.first() is Post[0] and Post.last() is Post[5]
    assert Post.where(title="zzz").first() is None and Post.where(title="zzz").last() is None
    assert Post.where(title="b").one() is Post[2] and Post.where(title="zzz").one_or_none() is None
    with pytest.raises(NotFound, match="zzz"):
        Post.where(title="zzz").one()
    with pytest.raises(SinewError, match="several"):
        Post.where(title="a").one()
    with pytest.raises(SinewError, match="several"):
        Post.one_or_none()
    assert Post.where(title="a").limit(1).one() is Post[0]


def test_get_and_find_within_a_query() -> None:
    query = Post.where(title="a")
    assert query.get(0) is Post[0] and query.find(3) is Post[3] and query.find(2) is None and query.find(99) is None
    assert query.find(None) is None
    assert query.find_by(author=Author[1]) is Post[3] and query.find_by(score=77) is None
    with pytest.raises(NotFound, match="2"):
        query.get(2)
    with pytest.raises(FieldError):
        query.find("1")
    with pytest.raises(FieldError, match="find_by"):
        query.find_by()
    assert Item.all().get((1, 2)) is Item[1, 2] and Item.where(number=1).find((1, 2)) is None


def test_membership() -> None:
    query = Post.where(title="a")
    post = Post[0]
    assert post in query and Post[2] not in query and Author[0] not in query and 0 not in query
    post.delete()
    assert post not in query


def test_pluck_and_select() -> None:
    assert Post.pluck(Post.title) == ["a", "a", "b", "a", "c", ""]
    assert Post.where(title="a").pluck(Post.id, Post.author.name, Post.category.title) == [
        (0, "Ann", "news"),
        (1, "Ann", None),
        (3, "Bob", "art"),
    ]
    assert Post.limit(1).pluck(Post.score + 1, Post.score / 2, Post.author.profile.text) == [(6, 2.5, "of Ann")]
    assert Order.pluck(Order.total - Order.paid) == [Decimal("0.00"), Decimal("5"), None]
    assert [str(v) for v in Order.pluck(Order.total)] == ["10.50", "7", "3.25"]
    assert Order.pluck(Order.color, Order.made_at)[1] == (Color.BLUE, AWARE)
    assert Author.select(Author.name, n=count(Author.posts), best=max_(Author.posts.score)) == [
        {"name": "Ann", "n": 3, "best": 5},
        {"name": "Bob", "n": 1, "best": 4},
        {"name": "Cid", "n": 2, "best": 0},
        {"name": "Dan", "n": 0, "best": None},
    ]
    assert Order.select(id=Order.id, total=sum_(Order.items.price), mean=avg(Order.items.price)) == [
        {"id": 1, "total": Decimal("9.25"), "mean": Decimal("4.625")},
        {"id": 2, "total": Decimal(7), "mean": Decimal(7)},
        {"id": 3, "total": Decimal(0), "mean": None},
    ]
    assert Post.where(title="zzz").pluck(Post.id) == [] and Post.where(title="zzz").select(Post.id) == []


def test_aggregates_of_a_query() -> None:
    assert Post.sum(Post.score) == 10 and Post.avg(Post.score) == 2.5
    assert (Post.min(Post.score), Post.max(Post.score)) == (0, 5)
    assert (Post.min(Post.title), Post.max(Post.published_at)) == ("", DAY + timedelta(days=3650))
    assert Post.limit(2).sum(Post.score) == 6 and Post.where(title="a").max(Post.author.karma) == 7
    none = Post.where(title="zzz")
    assert (none.sum(Post.score), none.avg(Post.score), none.min(Post.score), none.max(Post.title)) == (
        0,
        None,
        None,
        None,
    )
    assert Order.sum(Order.total) == Decimal("20.75") and Order.avg(Order.paid) == Decimal("6.25")
    assert Order.max(Order.total) == Decimal("10.50") and Order.min(Order.paid) == Decimal(2)
    assert isinstance(Order.where(id=99).sum(Order.total), Decimal)
    assert Order.sum(Order.total - Order.paid) == Decimal("5") and Order.max(Order.made_at) == AWARE
    assert Order.sum(Order.span) == timedelta(hours=5) and Order.avg(Order.span) == timedelta(hours=5) / 3
    assert Order.max(Order.keyed).width == 3 and Order.where(id=99).sum(Order.span) == timedelta()
    assert Author.sum(count(Author.posts)) == 6 and Post.sum(Post.ratio) == 1.0 + 1.0 + 0.5 + 1.0 + 1.0 - 2.5
    assert Post.max(Post.score * 2 + 1) == 11


def test_groups() -> None:
    ann, bob, cid = Author[0], Author[1], Author[2]
    assert Post.group_by(Post.author).agg(n=count(), best=max_(Post.score), total=sum_(Post.score)) == [
        {"author": ann, "n": 3, "best": 5, "total": 6},
        {"author": bob, "n": 1, "best": 4, "total": 4},
        {"author": cid, "n": 2, "best": 0, "total": 0},
    ]
    assert Post.group_by(Post.category).agg(n=count()) == [
        {"category": Category[1], "n": 1},
        {"category": None, "n": 2},
        {"category": Category[2], "n": 2},
        {"category": Category[0], "n": 1},
    ]
    assert Post.where(title="a").group_by(Post.title, Post.author.name).agg(
        mean=avg(Post.score), low=min_(Post.score)
    ) == [
        {"title": "a", "name": "Ann", "mean": 3.0, "low": 1},
        {"title": "a", "name": "Bob", "mean": 4.0, "low": 4},
    ]
    assert Post.group_by(Post.author.profile).agg(n=count()) == [
        {"profile": Profile[1], "n": 3},
        {"profile": Profile[2], "n": 1},
        {"profile": None, "n": 2},
    ]
    assert Post.group_by(Post.score).agg(n=count())[2] == {"score": None, "n": 2}
    assert Item.group_by(Item.order).agg(total=sum_(Item.price), mean=avg(Item.price * Item.quantity)) == [
        {"order": Order[1], "total": Decimal("9.25"), "mean": Decimal("5.25")},
        {"order": Order[2], "total": Decimal(7), "mean": Decimal(7)},
    ]
    assert Note.group_by(Note.item).agg(n=count()) == [{"item": Item[1, 2], "n": 2}, {"item": None, "n": 1}]
    assert Post.where(title="zzz").group_by(Post.author).agg(n=count()) == []
    assert Post.group_by(Post.title).agg() == [{"title": title} for title in ("a", "b", "c", "")]
    assert Order.group_by(Order.color).agg(most=max_(Order.total)) == [
        {"color": Color.RED, "most": Decimal("10.50")},
        {"color": Color.BLUE, "most": Decimal(7)},
    ]


def test_batches() -> None:
    assert [ids(batch) for batch in Post.all().in_batches(4)] == [[0, 1, 2, 3], [4, 5]]
    assert [ids(batch) for batch in Post.in_batches()] == [[0, 1, 2, 3, 4, 5]]
    assert list(Post.where(title="zzz").in_batches(2)) == []
    batches = Post.order_by(Post.id.desc()).in_batches(2)
    assert ids(next(batches)) == [5, 4]
    Post[3].delete()
    assert [ids(batch) for batch in batches] == [[2], [1, 0]]
    for size in (0, -1, "3", True):
        with pytest.raises(FieldError, match="in_batches"):
            Post.in_batches(size)  # type: ignore[arg-type]


def test_explain() -> None:
    by_key = Post.where(id=3).explain()
    assert isinstance(by_key, Plan) and (by_key.access, by_key.index, by_key.rows_examined) == ("probe", ("id",), 1)
    by_author = Post.where(author=Author[0]).explain()
    assert (by_author.access, by_author.index, by_author.rows_examined) == ("postings", ("author_id",), 3)
    scan = Post.where(title="b").explain()
    assert (scan.access, scan.rows_examined, scan.rows_found) == ("scan", 6, 1)
    assert Post.where(Post.score > 3).explain().access == "range"
    assert "author_id" in str(by_author) and "3 rows" in str(by_author)
    assert "Python predicate" in str(Post.where(lambda p: True).explain())
    assert Post.order_by(Post.title).explain().sorted


# ---------------------------------------------------------------- writing


def test_update_by_query() -> None:
    assert Post.where(title="a").update(score=Post.score + 1) == 3
    assert Post.pluck(Post.score) == [6, 2, None, 5, None, 0]
    assert Post.where(author=Author[0]).update(title="x", author=Author[1], category=None) == 3
    assert [p.id for p in Author[1].posts] == [3, 0, 1, 2] and ids(Post.where(title="x", category=None)) == [0, 1, 2]
    assert Post.where(id=3).update(category=Category[0], reviewer_id=2) == 1
    assert Post[3].category is Category[0] and Post[3].reviewer is Author[2]
    assert Order.all().update(paid=Order.total - 1) == 3 and Order.pluck(Order.paid) == [
        Decimal("9.50"),
        Decimal(6),
        Decimal("2.25"),
    ]
    assert Author.all().update(karma=count(Author.posts)) == 4 and Author.pluck(Author.karma) == [0, 4, 2, 0]
    assert Post.where(id=0).update(published_at=now()) == 1 and Post[0].published_at <= datetime.now()
    assert Post.where(title="zzz").update(score=1) == 0
    assert Post.limit(2).update(score=7) == 2 and Post.pluck(Post.score)[:3] == [7, 7, None]
    assert Post.where(lambda p: p.id == 5).update(score=None) == 1 and Post[5].score is None


def test_update_is_all_or_nothing() -> None:
    before = Post.select(Post.id, Post.title, Post.score, author=Post.author_id)

    def refused(error: type[Exception], *words: str, **values: Any) -> None:
        with pytest.raises(error) as caught:
            Post.all().update(**values)
        assert all(word in str(caught.value) for word in words), caught.value
        assert Post.select(Post.id, Post.title, Post.score, author=Post.author_id) == before

    refused(UnknownName, "titel", "did you mean `title`", titel="x")
    refused(UnknownName, "comments", comments=[])
    refused(FieldError, "Post.title", "None", title=None)
    refused(FieldError, "Post.title", "3", score=1, title=3)
    refused(FieldError, "Post.author", author=None)
    refused(FieldError, "Post.author", author=Category[0])
    refused(FieldError, "author_id", author=Author[0], author_id=0)
    refused(FieldError, "Post.id", id=7)
    refused(FieldError, "Post.score", score=Post.score / 2)
    refused(FieldError, "Post.title", title=Post.score)
    refused(FieldError, "path", title=Post.author)
    refused(RelationError, "to-many", score=Post.comments.id)
    refused(SinewError, "99", author_id=99)


def test_delete_by_query() -> None:
    assert Post.where(title="a").delete() == 3
    assert ids(Post.all()) == [2, 4, 5] and ids(Comment.all()) == [3]
    assert Post.order_by(Post.id.desc()).limit(1).delete() == 1 and ids(Post.all()) == [2, 4]
    assert Post.all().delete() == 2 and Post.count() == 0
    assert Post.where(title="a").delete() == 0


def test_all_rows_need_all() -> None:
    for query in (Query(Post), Query(Post).order_by(Post.id), Query(Post).where(), Query(Post).offset(1)):
        with pytest.raises(SinewError, match=r"all\(\)"):
            query.delete()
        with pytest.raises(SinewError, match=r"all\(\)"):
            query.update(title="x")
    assert Post.count() == 6
    assert Post.order_by(Post.id).all().update(title="x") == 6


# ---------------------------------------------------------------- time


def test_now_is_evaluated_when_the_query_runs() -> None:
    query = Post.where(Post.published())
    shop.clock.freeze(DAY - timedelta(days=1))
    assert ids(query) == [] and len(query) == 0
    shop.clock.move(timedelta(days=2))
    assert ids(query) == [0, 1, 2, 3, 5] and len(query) == 5
    for post in query:
        assert post.id != 4
    shop.clock.move(timedelta(days=4000))
    assert len(query) == 6 and ids(Post.where(Post.published_at < now() - timedelta(days=1000))) == [0, 1, 2, 3, 5]
    shop.clock.freeze(AWARE + timedelta(hours=1))
    assert ids(Order.where(Order.made_at <= now() - timedelta(hours=1))) == [1, 2, 3]
    assert ids(Order.where(now() - Order.made_at > timedelta(hours=1))) == [3]
    assert ids(Order.where(Order.made_at.in_([now() - timedelta(hours=1)]))) == [1, 2]
    assert ids(Order.where(Order.made_at.between(now() - timedelta(hours=2), now()))) == [1, 2]
    assert ids(Post.where(published_at=now())) == []


def test_scopes() -> None:
    assert ids(Post.where(Post.long())) == [0] and ids(Author.where(Author.posts.long())) == [0]
    assert ids(Post.popular()) == [0, 3] and ids(Post.popular().order_by(Post.score)) == [3, 0]
    assert ids(Comment.where(Comment.post.long())) == [0, 1]
    assert ids(Author[0].posts.where(Post.long())) == [0]


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda: Post.where(titel="a"), UnknownName, ["Post", "titel", "did you mean `title`"]),
        (lambda: Post.where(Post.titel == "a"), UnknownName, ["Post", "titel", "did you mean `title`"]),
        (lambda: Post.where(Post.author.nmae == "a"), UnknownName, ["Author", "nmae", "did you mean `name`"]),
        (lambda: Post.where(Post.title.startwith("a")), UnknownName, ["Post.title", "did you mean `startswith`"]),
        (lambda: Post.order_by(Post.title.down()), UnknownName, ["Post.title", "down"]),
        (lambda: Post.all().titles, UnknownName, ["a Query has no `titles`"]),
        (lambda: Post.all().wher, UnknownName, ["a Query has no `wher`; did you mean `where`?"]),
        (
            lambda: Post.all().title,
            UnknownName,
            ["a Query has no `title`; each record has one: write pluck(Post.title)"],
        ),
        (lambda: Post.all().author, UnknownName, ["each record has its own: write include(Post.author)", "exists("]),
        (
            lambda: Author[0].posts.title,
            UnknownName,
            ["a Collection has no `title`; each record has one", "pluck(Post.title)"],
        ),
        (lambda: Post.all().long(), UnknownName, ["if it is a scope, write where(Post.long())"]),
        (lambda: Post.where(Post.title == 3), FieldError, ["Post.title", "3"]),
        (lambda: Post.where(title=3), FieldError, ["Post.title", "3"]),
        (lambda: Post.where(Post.score == "3"), FieldError, ["Post.score", "'3'"]),
        (lambda: Post.where(Post.score.in_([1, "3"])), FieldError, ["Post.score", "'3'"]),
        (lambda: Post.where(Post.score == True), FieldError, ["Post.score", "True"]),  # noqa: E712
        (lambda: Post.where(Post.state == "lve"), FieldError, ["Post.state", "'lve'"]),
        (lambda: Order.where(Order.color == "red"), FieldError, ["Order.color", "'red'"]),
        (lambda: Post.where(Post.title == Post.score), FieldError, ["Post.title", "str", "Post.score", "int"]),
        (lambda: Order.where(Order.made_at < DAY), FieldError, ["Order.made_at", "aware"]),
        (lambda: Post.where(Post.published_at < AWARE), FieldError, ["Post.published_at", "naive"]),
        (lambda: Post.where(Post.title <= now()), FieldError, ["now()", "str"]),
        (lambda: Post.where(Post.score.like("a")), FieldError, ["Post.score", "like", "int"]),
        (lambda: Post.where(Post.title.like(3)), FieldError, ["like", "3"]),
        (lambda: Post.where(Post.score.matches("a")), FieldError, ["Post.score.matches('a')", "works on text", "int"]),
        (
            lambda: Post.title.matches("a[b"),
            FieldError,
            ["Post.title.matches('a[b')", "no regular expression", "unterminated character set at position 1"],
        ),
        (lambda: Post.title.matches("a{99999999999999999999}"), FieldError, ["no regular", "repetition number"]),
        (lambda: Post.title.matches("(" * 9999 + ")" * 9999), FieldError, ["no regular expression"]),
        (lambda: Post.title.matches("a", re.ASCII | re.UNICODE), FieldError, ["ASCII and UNICODE flags"]),
        (lambda: Post.title.matches(3), FieldError, ["Post.title.matches(3)", "a str", "re.compile()"]),
        (lambda: Post.title.matches(b"a"), FieldError, ["Post.title.matches(b'a')", "a str", "re.compile()"]),
        (lambda: Post.title.matches(re.compile(b"a")), FieldError, ["Post.title", "bytes", "give a str"]),
        (lambda: Post.title.matches(Post.author.name), FieldError, ["Post.author.name", "re.compile()"]),
        (lambda: Post.title.matches(re.compile("a"), re.I), FieldError, ["flags already"]),
        (lambda: Post.title.matches("a", "i"), FieldError, ["flags=", "re.IGNORECASE", "'i'"]),
        (lambda: Post.where(Post.title.in_("abc")), FieldError, ["in_", "'abc'"]),
        (lambda: Post.where(Post.title + 1 == 2), FieldError, ["Post.title", "str", "+"]),
        (lambda: Post.where(Post.published_at + 1 < now()), FieldError, ["Post.published_at", "datetime"]),
        (lambda: Order.where(Order.total - "3" > 0), FieldError, ["Order.total", "Decimal", "'3'"]),
        (lambda: Order.where(Order.total * 1.5 > 0), FieldError, ["Order.total", "Decimal", "float"]),
        (lambda: Order.where(Order.size < Size(1)), FieldError, ["Order.size", "key="]),
        (lambda: Order.order_by(Order.size), FieldError, ["Order.size", "key="]),
        (lambda: Order.where(Order.total - Order.paid > "3"), FieldError, ["Order.total", "'3'"]),
        (lambda: Post.where(count(Post.comments) == "3"), FieldError, ["count(Post.comments)", "'3'"]),
        (lambda: Author.where(sum_(Author.posts.title) > 3), FieldError, ["sum", "Author.posts.title", "str"]),
        (lambda: Author.sum(Author.name), FieldError, ["sum", "Author.name", "str"]),
        (lambda: Post.where(count() > 3), FieldError, ["count()", "path"]),
        (lambda: Post.where(sum_(Post.score) > 3), FieldError, ["sum_(Post.score)", "path"]),
        (lambda: Post.where(count(Post.title) > 3), FieldError, ["count", "Post.title"]),
        (lambda: Post.where(exists(Post.title)), FieldError, ["exists", "Post.title"]),
        (lambda: Post.where(exists(Post)), FieldError, ["exists"]),
        (lambda: Post.where(exists(Post.comments, Comment.body)), FieldError, ["exists", "Comment.body"]),
        (lambda: Post.where(Post.title), FieldError, ["Post.title", "column"]),
        (lambda: Post.where(Post.author), FieldError, ["Post.author", "exists"]),
        (lambda: Post.where(Post.published), FieldError, ["Post.published()"]),
        (lambda: Post.where("title = 'x'"), FieldError, ["title = 'x'"]),
        (lambda: Post.where(True), FieldError, ["True"]),
        (lambda: Post.where(Post), FieldError, ["where"]),
        (lambda: Post.where(not Post.title.is_null()), TypeError, ["&"]),
        (lambda: Post.where((Post.title == "a") and (Post.score > 1)), TypeError, ["&"]),
        (lambda: Post.where(1 < Post.score < 5), TypeError, ["&"]),
        (lambda: Post.where(Post.title == "a" & Post.state == "b"), FieldError, ["brackets"]),
        (lambda: Post.where((Post.title == "a") & True), FieldError, ["brackets"]),
        (lambda: Post.where((Post.title == "a") == (Post.score == 1)), FieldError, ["where"]),
        (lambda: Post.where(Post.author == Author[0]), FieldError, ["Post.author", "is_"]),
        (lambda: Post.where(Post.author.is_(Category[0])), FieldError, ["Post.author", "Author"]),
        (lambda: Post.where(author=1), FieldError, ["Post.author", "Author", "1", "author_id"]),
        (lambda: Post.where(author=[1]), FieldError, ["Post.author", "Author", "1"]),
        (
            lambda: Post.where(Author.name == "Ann"),
            RelationError,
            ["Author.name", "`Post.author.name`", "`Post.reviewer.name`"],
        ),
        (lambda: Author.where(Comment.body == "x"), RelationError, ["`Author.posts.comments.body`"]),
        (lambda: Author.where(Category.title == "x"), RelationError, ["`Author.posts.category.title`"]),
        (lambda: Author.where(exists(Author.posts, Comment.body == "x")), RelationError, ["`Post.comments.body`"]),
        (lambda: Author.where(Order.total > 1), RelationError, ["Order.total", "no relation"]),
        (lambda: Post.where(exists(Author.posts)), RelationError, ["`Post.author.posts`"]),
        (lambda: Post.where(count(Author.posts) > 1), RelationError, ["`Post.author.posts`"]),
        (lambda: Post.order_by(Author.name), RelationError, ["`Post.author.name`"]),
        (lambda: Post.pluck(Author.name), RelationError, ["`Post.author.name`"]),
        (lambda: Author.order_by(Author.posts.title), RelationError, ["Author.posts.title", "to-many", "min_"]),
        (lambda: Author.pluck(Author.posts.title), RelationError, ["Author.posts.title", "to-many"]),
        (lambda: Post.order_by(Post.author), FieldError, ["Post.author", "path"]),
        (lambda: Post.order_by("title"), FieldError, ["Model.title"]),
        (lambda: Post.pluck("title"), FieldError, ["'title'"]),
        (lambda: Post.pluck(), FieldError, ["pluck"]),
        (lambda: Post.pluck(Post.title.desc()), FieldError, ["ordering"]),
        (lambda: Post.select(Post.score + 1), FieldError, ["name"]),
        (lambda: Post.select(Post.id, Post.author.id), FieldError, ["same name", "Post.author.id"]),
        (lambda: Post.select(Post.id, id=Post.title), FieldError, ["id"]),
        (lambda: Post.limit("5"), FieldError, ["limit", "'5'"]),
        (lambda: Post.limit(-1), FieldError, ["limit", "-1"]),
        (lambda: Post.offset(None), FieldError, ["offset", "None"]),
        (lambda: Post.group_by(), FieldError, ["group_by"]),
        (lambda: Post.group_by(3), FieldError, ["group_by", "3"]),
        (lambda: Post.group_by(Post.comments).agg(n=count()), FieldError, ["Post.comments", "to-many"]),
        (lambda: Post.group_by(Post.title, Post.category.title), FieldError, ["title"]),
        (lambda: Post.group_by(Post.author).agg(n=Post.title), FieldError, ["n", "Post.title"]),
        (lambda: Post.group_by(Post.author).agg(author=count()), FieldError, ["author"]),
        (lambda: Author.group_by(Author.name).agg(n=count(Author.posts)), FieldError, ["count(Author.posts)"]),
        (
            lambda: Post.group_by(Post.author).agg(n=sum_(Post.score, Post.score > 1)),
            FieldError,
            ["has conditions", "Post.where(...).group_by(...)"],
        ),
        (lambda: Post.where(Post.author.posts.is_null()), RelationError, ["Post.author.posts", "~exists"]),
        (lambda: Post.where(Post.author()), SinewError, ["Post.author", "exists"]),
        (lambda: Author.posts.where(title="a"), SinewError, ["Author.posts", "exists", "where"]),
        (lambda: Author.posts.count(), SinewError, ["Author.posts", "count(Author.posts)"]),
        (lambda: Author.posts.first(), SinewError, ["Author.posts", "exists"]),
        (lambda: isinstance(Author[0], Post.author), SinewError, ["Post.author", "isinstance"]),
        (lambda: list(Author.posts), SinewError, ["Author.posts", "exists"]),
        (lambda: len(Author.posts), SinewError, ["Author.posts", "count"]),
        (lambda: bool(Author.posts), SinewError, ["Author.posts", "exists"]),
        (lambda: Post.where(Post.author.of(Author)), RelationError, ["Post.author leads to Author only"]),
        (lambda: Post.with_deleted(), SinewError, ["with_deleted() is for soft delete", "deleted_at()"]),
        (lambda: Post.all().restore(), SinewError, ["restore() is for soft delete", "Post has none"]),
        (lambda: Post.all().wher(title="a"), AttributeError, ["wher"]),
        (lambda: Query(3), FieldError, ["3"]),
    ],
)
def test_mistakes_are_named_where_they_are_made(
    mistake: Callable[[], Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def test_records_that_are_gone() -> None:
    ann = Author[3]
    ann.delete()
    with pytest.raises(RecordDeleted, match="Author"):
        Post.where(author=ann).count()


def test_a_python_function_is_asked_about_the_rows_that_are_left() -> None:
    asked: list[Any] = []

    def short(title: str) -> bool:
        asked.append(title)
        return len(title) == 1

    assert ids(Post.where(Post.score > 1, title=short)) == [
        p.id for p in Post.all() if less(1, p.score) and len(p.title) == 1
    ]
    assert sorted(asked) == sorted(p.title for p in Post.all() if less(1, p.score))
    asked.clear()
    both = Post.where(title=short)._conditions[0] & (Post.id == 2)
    assert ids(Post.where(both)) == [2] and len(asked) == 1
    asked.clear()
    assert len(Author[0].posts.where(title=short)) == len(asked) == Post.where(author=Author[0]).count()
    asked.clear()
    assert Post.where(both | (Post.id == 3)).count() == 2 and len(asked) == Post.count(), "either may hold"
    asked.clear()
    assert Author.where(Author.id == 0, exists(Author.posts, both)).count() <= 1
    assert len(asked) == Post.where(author=Author[0]).count(), "those to which the rows that are left lead"


def test_a_prefix_is_a_range_of_an_ordered_index(base: type[Model]) -> None:
    text, number = field(type=str | None, index="ordered"), field(type=int, default=0)
    Word = define("Word", {"text": text, "number": number}, base=base, index=[("number", "text")])
    letters = "b|a|ab|abc|ac|ab\x00|ab\U0010ffff|aba|ä|a\ud800|\U0010ffff|B|"
    words = [None, *letters.split("|")] * 30
    Word.insert_many({"text": words, "number": [place % 2 for place in range(len(words))]})
    for prefix in ("ab", "a", "ab\x00", "ab\U0010ffff", "\U0010ffff", "a\ud800", "zz", "abcd", ""):
        found, expected = Word.where(Word.text.startswith(prefix)), [w for w in words if w and w.startswith(prefix)]
        expected += [""] * 30 if prefix == "" else []
        assert sorted(found.pluck(Word.text)) == sorted(expected), prefix
        assert found.count() == len(expected) and found.order_by(Word.text).pluck(Word.text) == sorted(expected)
        both = Word.where(Word.text.startswith(prefix), number=1)
        assert both.pluck(Word.id) == [each.id for each in found if each.number == 1]
    plan = Word.where(Word.text.startswith("ab")).explain()
    assert (plan.access, plan.index, plan.rows_examined) == ("range", ("text",), 150)
    plan = Word.where(Word.text.startswith("ab"), number=1).explain()
    assert (plan.access, plan.index, plan.rows_examined) == ("range", ("number", "text"), 60)
    assert Word.where(Word.text.startswith("ab") & Word.text.endswith("c")).explain().rows_examined == 150
    assert Word.where(~Word.text.startswith("ab")).explain().access == "scan"
    Word.where(Word.text.startswith("ab")).delete()
    assert Word.where(Word.text.startswith("ab")).explain().rows_found == 0


def like(pattern: str) -> re.Pattern[str]:
    """What a pattern of like means, as a regular expression."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    made = {"%": ".*", "_": "."}
    return re.compile("".join(made.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def test_a_pattern_is_looked_up_by_its_prefix(base: type[Model]) -> None:
    keys = {"ordered": "ordered", "many": True, "bare": False}
    Word = define("Word", {name: field(type=str | None, index=index) for name, index in keys.items()}, base=base)
    rand = random.Random(5)
    texts: list[str | None] = [
        "".join(rand.choices("aB%_\\\n\ud800\U0010ffff", k=rand.randrange(5))) for _ in range(600)
    ]
    texts[::9] = [None] * len(texts[::9])
    Word.insert_many(dict.fromkeys(keys, texts))
    assert Word.where(Word.ordered.like("%")).explain().access == "scan"
    for _ in range(600):
        pattern = "".join(
            rand.choices(["a", "a", "B", "%", "_", "\\", "\\%", "\\_", "\\\\", "\n", "\ud800"], k=rand.randrange(6))
        )
        meant = like(pattern)
        expected = [number for number, text in enumerate(texts, 1) if text is not None and meant.fullmatch(text)]
        for column in (Word.ordered, Word.many, Word.bare):
            assert Word.where(column.like(pattern)).pluck(Word.id) == expected, (pattern, column)
        assert Word.where(~Word.ordered.like(pattern)).count() == len(texts) - len(expected), pattern


@pytest.mark.parametrize(
    ("pattern", "access", "index", "examined"),
    [
        ("ab%", "range", "text", 3),
        ("ab%%", "range", "text", 3),
        ("ab%d", "range", "text", 3),
        ("a_c%", "range", "text", 4),
        ("abc", "range", "text", 1),
        ("a\\%%", "range", "text", 1),
        ("\\ab%", "range", "text", 3),
        ("%ab", "scan", None, 300),
        ("_b%", "scan", None, 300),
    ],
)
def test_patterns_and_what_they_look_at(
    base: type[Model], pattern: str, access: str, index: str | None, examined: int
) -> None:
    Word = define("Word", {"text": field(type=str, index="ordered"), "name": field(type=str)}, base=base)
    Note = define("Note", {"word": belongs_to("Word")}, base=base)
    texts = ["abc", "abd", "a%", "ab"]
    Word.insert_many({"text": texts + [f"x{n}" for n in range(296)], "name": [str(n) for n in range(300)]})
    plan = Word.where(Word.text.like(pattern)).explain()
    assert (plan.access, plan.index, plan.rows_examined) == (access, index and (index,), examined)
    assert Word.where(Word.text.ilike(pattern)).explain().access == "scan"
    first = Note(word=Word[1])
    assert Note.where(Note.word.text.like(pattern)).all()[:] == [first] * bool(like(pattern).fullmatch("abc"))


def test_a_pattern_for_what_is_no_plain_column() -> None:
    assert ids(Author.where(max_(Author.posts.title).like("a"))) == having(
        Author, lambda a: max((p.title for p in a.posts), default="") == "a"
    )
    with pytest.raises(FieldError, match="like works on text, and Post.state is a Literal"):
        Post.where(Post.state.like("draft"))
    assert ids(Author.where(Author.posts.comments.body.like("c_d%"))) == [0, 1]
    assert ids(Post.where(Post.title.like(Post.title))) == [0, 1, 2, 3, 4, 5]


def test_membership_looks_an_ordered_index_up(base: type[Model]) -> None:
    number, text = field(type=int | None, index="ordered"), field(type=str | None)
    Thing = define("Thing", {"number": number, "text": text}, base=base, index=[("text", "number")])
    texts = ["a", "b", "c", "\ud800", "d"]
    Thing.insert_many({"number": [None, *range(99)] * 3, "text": [texts[place % 5] for place in range(300)]})
    for members, size in (([7, 3, 7, 500], 6), ([0], 3), ([True - 1, 1], 6)):
        found = Thing.where(Thing.number.in_(members))
        plan = found.explain()
        assert (plan.access, plan.index, plan.rows_examined) == ("postings", ("number",), size)
        assert found.pluck(Thing.id) == [each.id for each in Thing.all() if each.number in members]
        assert found.count() == size and not found.where(Thing.number == 50)
        assert found.order_by(Thing.number.desc()).pluck(Thing.number) == sorted(
            found.pluck(Thing.number), reverse=True
        )
    found = Thing.where(Thing.text.in_(["\ud800", "d", "x"]))
    assert found.explain().index == ("text", "number") and found.count() == 120
    assert found.pluck(Thing.id) == [each.id for each in Thing.all() if each.text in ("\ud800", "d")]
    assert Thing.where(Thing.number.in_([3, None])).explain().access == "scan"
    assert Thing.where(Thing.number.in_(range(400))).explain().access == "scan"
    assert Thing.where(Thing.number.in_([1, 2]), Thing.text.in_(["c"])).count() == 3


def test_either_of_several_values_is_membership(base: type[Model]) -> None:
    number, text = field(type=int | None, index=True), field(type=str, index="ordered")
    Thing = define("Thing", {"number": number, "text": text, "plain": field(type=float, default=0.5)}, base=base)
    Thing.insert_many({"number": [None, *range(99)] * 3, "text": [f"t{place % 60}" for place in range(300)]})
    n, t = Thing.number, Thing.text
    for either, index, size in (
        ((Thing.id == 1) | (Thing.id == 2), ("id",), 2),
        ((n == 3) | (n == 7) | (n == 3) | (n == 1000), ("number",), 6),
        ((n == 3) | n.in_([7, 8]) | (9 == n), ("number",), 12),
        ((t == "t3") | (t == "nothing"), ("text",), 5),
        (((n == 3) | (n == 7)) & (Thing.plain == 0.5), ("number",), 6),
    ):
        found = Thing.where(either)
        assert found.explain().index == index and found.explain().rows_examined == size, either
        assert found.count() == len(found.pluck(Thing.id)) == size
        assert Thing.where(~either).count() == 300 - size
    for either, size in (
        ((n == 3) | (t == "t3"), 8),
        ((n == 3) | (n == None), 6),  # noqa: E711
        ((n == 3) | (n > 90), 27),
        ((n == 3) | (n == 4.5), 3),
        ((Thing.plain == 0.5) | (Thing.plain == float("nan")), 300),
    ):
        found = Thing.where(either)
        assert found.explain().access == "scan" and found.count() == size, either


@pytest.mark.parametrize("intern", [False, True])
def test_a_regular_expression_is_pythons_and_sees_every_write(base: type[Model], intern: bool) -> None:
    texts = ["Grün", "grün", "a\nb", "", "🐍", "\ud800 x", "x" * 99, None]
    Note = define(
        "Note", {"text": field(type=str | None, intern=intern), "number": field(type=int, default=0)}, base=base
    )
    for copies in (1, 40):  # a few, and texts of which most repeat
        Note.all().delete()
        Note.insert_many({"text": texts * copies})
        for pattern, flags in (("^g", 0), ("^G", re.I), ("^b", re.M), (r"\W", 0), (r"\w", re.A), ("^$", 0), ("", 0)):
            found = Note.where(Note.text.matches(pattern, flags))
            expected = [text for text in texts * copies if text is not None and re.search(pattern, text, flags)]
            assert found.pluck(Note.text) == expected and found.count() == len(expected)
            assert Note.where(~Note.text.matches(pattern, flags)).count() == len(texts) * copies - len(expected)
    word = Note.where(Note.text.matches("^g", re.I))
    assert word.update(number=1) == 80 and Note.where(Note.text.matches("^G"), number=1).delete() == 40
    assert word.count() == 40 and word.first().text == "grün" and not word.where(Note.number == 0)
    word.first().text = "other"
    Note(text="Gras")
    assert word.count() == 40 and word.last().text == "Gras"
    assert word.group_by(Note.text).agg(n=count()) == [{"text": "grün", "n": 39}, {"text": "Gras", "n": 1}]
    assert word.explain().rows_found == 40


def test_texts_that_repeat_are_searched_once() -> None:
    searched: list[str] = []

    class Counting:
        def search(self, text: str) -> object:
            searched.append(text)
            return re.search("a", text)

    matches = Matches(Post.title, Counting())  # type: ignore[arg-type]
    assert matches.over(["a", "b", None] * 1000) == [True, False, False] * 1000 and sorted(searched) == ["a", "b"]
    searched.clear()
    assert matches.over(list("abcd")) == [True, False, False, False] and len(searched) == 4
    assert matches.over([]) == []


def test_a_python_function_may_not_mix_rows() -> None:
    with pytest.raises(FieldError, match=r"Item and Order|Order and Item"):
        Order.where(exists(Order.items, Item.price - Order.total > 0))


def test_overflow_is_an_error() -> None:
    Post[0].score = 2**63 - 1
    with pytest.raises(FieldError, match="64 bits"):
        Post.where(Post.score + 1 > 0).count()
    assert Post.where(Post.score < 2**63 - 1).count() == 3


# ---------------------------------------------------------------- found by looking for trouble


def test_an_order_beside_none_finds_nothing_also_where_python_computes() -> None:
    for predicate in (Order.total + Order.total < None, (Order.total * 2).between(None, 3)):
        assert ids(Order.where(predicate)) == []
        assert ids(Order.where(~predicate)) == ids(Order.all())


def test_what_python_computes_may_stand_beside_other_rows() -> None:
    class Base(Model, db=Database(), abstract=True):
        """Two models with Decimals."""

    account = define("Account", {"limit": Decimal, "bookings": has_many("Booking", inverse="account")}, base=Base)
    booking = define("Booking", {"amount": Decimal, "account": belongs_to("Account")}, base=Base)
    rich, poor = account(limit=Decimal(10)), account(limit=Decimal(2))
    for each in (rich, poor):
        for amount in (1, 3):
            booking(amount=Decimal(amount), account=each)
    assert ids(booking.where(booking.amount * 2 > booking.account.limit)) == [4]
    assert ids(account.where(account.bookings.amount * 2 > account.limit)) == [2]
    over = sum_(account.bookings.amount, booking.amount * 2 > account.limit)
    assert account.select(over=over) == [{"over": 0}, {"over": 3}]
    assert account.select(n=sum_(account.bookings.amount, booking.amount > 1)) == [{"n": 3}, {"n": 3}]
    with pytest.raises(RelationError, match="Account.limit speaks of Account"):
        siblings = sum_(booking.account.bookings.amount, account.limit > 3)
        account.where(exists(account.bookings, siblings > booking.amount))


def test_a_query_is_no_value() -> None:
    for value in (Author.where(name="Ann"), object(), Author):
        with pytest.raises(FieldError, match=r"Post\.author_id takes an int"):
            Post.where(author_id=value)


def test_several_records_are_looked_up_in_the_index() -> None:
    authors = [Author[0], Author[1]]
    query = Post.where(author=authors)
    assert ids(query) == having(Post, lambda p: p.author in authors)
    assert query.explain().index == ("author_id",)
    assert ids(Post.where(reviewer=[None, Author[0]])) == having(Post, lambda p: p.reviewer in (None, Author[0]))
    assert ids(Author.where(posts=[Post[0], Post[3]])) == having(
        Author, lambda a: Post[0] in a.posts or Post[3] in a.posts
    )
    assert ids(Post.where(author=[])) == [] and repr(Post.where(author=[])) == "<Query Post where Post.author.in_([])>"
    with pytest.raises(FieldError, match="Post.author takes a record of Author, several, or None, not 1; a key goes"):
        Post.where(author=[Author[0], 1])


def test_membership_of_records_uses_what_there_is() -> None:
    authors = [Author[0], Author[1]]
    assert Post.where(Post.author.in_(authors)).explain().index == ("author_id",)
    assert Post.where(Post.author.in_(authors)).explain().rows_examined == 4
    assert "backwards over a relation" in str(Author.where(Author.posts.in_([Post[0], Post[3]])).explain())
    query = Post.where(Post.author.in_(Author.where(karma=2)))
    Author[0].karma = 2
    assert ids(query) == [3]  # what a query found when it was given
    changed = Post.where(Post.author.in_(authors))
    authors.clear()
    assert ids(changed) == [0, 1, 2, 3] and Post.where(Post.author.not_in(Author.all())).delete() == 0


def test_membership_of_what_is_no_record() -> None:
    other = Database()
    stranger = define("Author", {"name": str}, db=other)
    gone = Author(name="gone")
    said = Post.author.in_([gone])
    gone.delete()
    post, several = Post.author, "takes several records, such as a list or a query, not "
    single = r"one record is compared by is_\(record\), and .* by exists\(Post.author, \.\.\.\)"
    for wrong in (Author[0], None, 3, "ab", b"ab", Author, Author.name, Author.posts.author):
        for verb in (post.in_, post.not_in):
            with pytest.raises(FieldError, match=rf"{several}.*; {single}"):
                verb(wrong)
    with pytest.raises(FieldError, match="takes several records"):
        post.in_()
    for wrong in (Post[0], 0, Author, stranger(name="x")):
        with pytest.raises(FieldError, match=r"Post\.author\.not_in\(\) takes records of Author, and .* is none"):
            post.not_in([Author[0], wrong])
    with pytest.raises(FieldError, match=r"takes records of Author, and <Post 0"):
        post.in_(Post.all())
    with pytest.raises(RecordDeleted, match="this Author has been deleted"):
        Post.where(said)
    with pytest.raises(RelationError, match=r"is a collection and has no key; .* ~exists\(Author\.posts\)"):
        Author.posts.in_([Post[0], None])


def test_chains_may_be_of_any_length() -> None:
    some, none = Post.id == 0, Post.id != 0
    for number in range(1, 20_000):
        some, none = some | (Post.id == number % 3), none & (Post.id != number % 3)
    assert ids(Post.where(some)) == [0, 1, 2] and ids(Post.where(none)) == [3, 4, 5]
    assert repr(some & (none | some)).startswith("(Post.id == 0 | ")


def test_conditions_that_are_nested_too_deep_are_an_error() -> None:
    condition, number = Post.id == 0, Post.id * 1
    for _ in range(5_000):
        condition = ~(condition & (Post.id == 1))
    with pytest.raises(FieldError, match="the conditions of this query of Post are nested too deep"):
        Post.where(condition)
    with pytest.raises(FieldError, match="arithmetic is nested more than 100 deep"):
        for _ in range(5_000):
            number = number + 1


def test_a_predicate_that_deletes_is_not_shown_what_is_gone() -> None:
    def without_the_next(comment: Comment) -> bool:
        Comment.where(id=comment.id + 1).delete()
        return True

    first, *rest = ids(Comment.all())
    found = Comment.where(without_the_next, lambda comment: comment.body is not None)
    assert ids(found) == [first, *(each for each in rest if (each - first) % 2 == 0)]


def test_a_record_that_is_not_among_the_rows() -> None:
    with pytest.raises(NotFound, match=r"<Post 1 .* is not among <Query Post where Post.id == 0>"):
        Post.where(id=0).get(1)


def test_slices_take_ints() -> None:
    assert Post.all()[::2] == Post.all()[:][::2] and Post.all()[::-1][0] is Post[5]
    with pytest.raises(FieldError, match="the parts of a query's slice are ints, not 'a'"):
        Post.all()[1:"a"]
    with pytest.raises(ValueError, match="slice step"):
        Post.all()[::0]


def test_rows_that_are_only_listed_are_looked_at_too() -> None:
    assert Post.all().explain().rows_examined == 6
    assert Post.limit(2).explain().rows_examined == 2


def test_a_query_made_from_a_query_that_has_run() -> None:
    query = Post.where(Post.score > 0)
    assert ids(query) == having(Post, lambda p: less(0, p.score))
    later = query.where(title="a").order_by(Post.score.desc()).limit(1)
    assert ids(later) == [0] and ids(query) == having(Post, lambda p: less(0, p.score))
    assert ids(query.where(Post.published_at <= now()).order_by(Post.id.desc())) == ids(query)[::-1]
