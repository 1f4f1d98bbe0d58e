"""Levels, View and Branch of the extension, called as the Python layer never calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from sinew import Attr, BelongsTo, Database, HasMany, Model, SinewError, _engine, belongs_to, field, has_many

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class Author(Base):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)


class Post(Base):
    title: Attr[str | None] = field(default=None)
    author: BelongsTo[Author | None] = belongs_to(default=None)


other = Database()


class Far(Model, db=other):
    near: BelongsTo[Far | None] = belongs_to(default=None)


class View(_engine.View):
    __slots__ = ()

    def _sinew_hidden(self, name: str) -> None:
        raise KeyError(name)


class Branch(_engine.Branch):
    __slots__ = ()


@pytest.fixture(autouse=True)
def world() -> Iterable[None]:
    db.clear()
    ann = Author(name="ann")
    Author(name="bob")
    Post(title="a", author=ann)
    Post(author=ann)
    Far()
    yield
    db.store.check()


def path(model: Any, name: str) -> _engine.Path:
    return model.__sinew__.relations[name].path  # type: ignore[no-any-return]


def engine(model: Any, name: str) -> Any:
    return model.__sinew__.fields[name].engine


def root(known: dict[str, Any] | None = None) -> tuple[Any, ...]:
    return ("", "root", {} if known is None else known, 0, None, None, False, False)


def node(
    path: Any, parent: int = 0, *, single: bool = False, fresh: bool = False, beyond: Any = None
) -> tuple[Any, ...]:
    return ("below", "node", {}, parent, path, beyond, single, fresh)


def levels(*nodes: tuple[Any, ...], rows: Any = None) -> Any:
    return _engine.Levels(_engine.live_rows(Author) if rows is None else rows, nodes, View, Branch)


def authors_and_posts() -> Any:
    known = {"name": engine(Author, "name"), "posts": 1, "any": (2, 1), "secret": None}
    return levels(root(known), node(path(Author, "posts"), fresh=True), node(path(Author, "posts"), single=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda: _engine.Levels(),
        lambda: _engine.Levels(3, (root(),), View, Branch),
        lambda: _engine.Levels(_engine.live_rows(Author), [root()], View, Branch),
        lambda: _engine.Levels(_engine.live_rows(Author), (root(),), int, Branch),
        lambda: _engine.Levels(_engine.live_rows(Author), (root(),), View, View),
        lambda: _engine.Levels(_engine.live_rows(Author), (root(),), 3, Branch),
        lambda: levels(),
        lambda: levels(3),  # type: ignore[arg-type]
        lambda: levels((1, 2)),
        lambda: levels(("", "root", [], 0, None, None, False, False)),
        lambda: levels(root(), node(None)),
        lambda: levels(root(), node("path")),
        lambda: levels(root(), node(path(Author, "posts"), beyond=3)),
        lambda: levels(root(), node(path(Author, "posts"), parent=1)),
        lambda: levels(root(), node(path(Author, "posts"), parent=-1)),
        lambda: levels(root(), node(path(Author, "posts"), parent=1 << 70)),
        lambda: levels(root(), node(path(Post, "author"))),
        lambda: levels(root(), node(path(Far, "near"))),
        lambda: levels(root(), node(path(Author, "posts")), node(path(Author, "posts"), parent=1)),
        lambda: levels(root(), node(path(Author, "posts"), beyond=path(Far, "near"))),
        lambda: levels(root(), node(path(Author, "posts"), beyond=path(Author, "posts"))),
        lambda: levels(root(), node(path(Author, "posts"), beyond=())),
        lambda: levels(root(), node(path(Author, "posts"), beyond=(3,))),
        lambda: levels(root(), node(path(Author, "posts"), beyond=(path(Author, "posts"), path(Post, "author")))),
        lambda: levels(root(), node(path(Author, "posts"), beyond=(path(Post, "author"),) * 3)),
        lambda: levels(root(), node(path(Author, "posts"), beyond=(path(Author, "posts"),) * 3)),
        lambda: View(),
        lambda: Branch(),
        lambda: _engine.BranchIter(),  # type: ignore[call-arg]
        lambda: authors_and_posts().rows("x"),
        lambda: authors_and_posts().dicts(3),
        lambda: authors_and_posts().dicts(()),
        lambda: authors_and_posts().dicts((1, 2, 3)),
        lambda: authors_and_posts().dicts(((1, 2), (1, 2), (1, 2))),
        lambda: authors_and_posts().dicts(((((), 3), None),) * 3),
        lambda: authors_and_posts().dicts((((("id",), ()), None),) * 3),
        lambda: authors_and_posts().dicts(((((1,), (engine(Author, "id"),)), None),) * 3),
        lambda: authors_and_posts().dicts((((("id",), ("id",)), None),) * 3),
        lambda: authors_and_posts().dicts((((("id",), (engine(Post, "id"),)), None),) * 3),
    ],
)
def test_what_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        make()


def test_ways_that_are_malformed() -> None:
    along, author, store = path(Author, "posts"), path(Post, "author"), Author.__sinew__.db.store
    by_id = ((("column", 0, engine(Post, "id")), True, False),)

    def made(kind: str, *ways: Any, order: Any = ()) -> Any:
        return _engine.Path(store, [((kind, *ways), False, False, None, order, None)])

    assert len(made("union", (along, None, by_id, None), (along, None, by_id, None)).rows(Author.first())) == 2
    onward = made("union", (along, None, by_id, author), (along, None, by_id, author))
    assert onward.target is Author and onward.rows(Author.first()).records() == [Author.first()]
    for ways in (
        ((along, None, (), None), along),
        (along, (along, None, (), None)),
        ((along, None, ()),),
        ((3, None, (), None),),
        ((along, None, (), 3),),
        ((along, None, by_id, None), (along, None, (), None)),
        ((along, None, 3, None),),
        ((along, 3, (), None),),
        ((along, None, (), author), (along, None, (), None)),
        ((along, None, (), along),),
    ):
        with pytest.raises((TypeError, SinewError)):
            made("union", *ways)
    with pytest.raises(SinewError):
        made("intersection", (along, None, (), None))
    with pytest.raises(SinewError):
        made("union", (along, None, (), None), order=by_id)


@pytest.mark.parametrize("number", [-1, 3, 1 << 70])
def test_levels_that_are_not_there(number: int) -> None:
    for ask in (authors_and_posts().rows, authors_and_posts().links, authors_and_posts().entries):
        with pytest.raises(IndexError):
            ask(number)


def test_what_views_know() -> None:
    made = authors_and_posts()
    ann, bob = made.root()
    assert ann.name == "ann" and len(ann.posts) == 2 and ann.any.title == "a" and len(bob.any) == 0
    assert ann.posts.levels is made and ann.posts.node == "node" and ann._sinew_node == "root"
    assert made.entries(1) == 2 and made.links(1) is None and len(made.rows(1)) == 2
    with pytest.raises(KeyError):
        ann.secret  # noqa: B018
    assert iter(ann.posts).__length_hint__() == 2 and [view.title for view in ann.posts] == ["a", None]
    assert ann.posts.place(3) == -1 and ann.posts.place(ann) == -1 and ann.posts.place(Far.first()) == -1
    with pytest.raises(TypeError):
        ann.posts.at("x")
    with pytest.raises(TypeError):
        getattr(ann, 3)


def test_values_that_are_given_for_each_row() -> None:
    made = levels(root(), node(path(Author, "posts"), fresh=True))
    shown = [((("word", "id"), (words, engine(model, "id"))), None) for model, words in (
        (Author, ("x", None)), (Post, ([1], [2])),
    )]  # fmt: skip
    assert made.dicts(tuple(shown)) == [
        {"word": "x", "id": 1, "below": [{"word": [1], "id": 1}, {"word": [2], "id": 2}]},
        {"word": None, "id": 2, "below": []},
    ]
    few: Any = ((("word",), (("one",),)), None)
    with pytest.raises(ValueError, match="a name for each of some fields of a level's model, or its values"):
        made.dicts((few, shown[1]))


def test_links_that_lead_nowhere_are_left_out() -> None:
    made = levels(root({"below": 1}), node(path(Author, "posts"), beyond=path(Post, "author")))
    first, second = made.root()
    Post.first().author = None
    again = levels(root({"below": 1}), node(path(Author, "posts"), beyond=path(Post, "author"))).root()
    assert [view.record.name for view in first.below] == ["ann", "ann"] and len(second.below) == 0
    assert [view.pivot.id for view in first.below] == [1, 2]
    assert [view.pivot.id for view in again.at(0).below] == [2]


def test_plain_data_of_another_moment() -> None:
    made = authors_and_posts()
    sheet = lambda model: ((("id",), (engine(model, "id"),)), None)  # noqa: E731
    assert made.dicts((sheet(Author), sheet(Post), sheet(Post))) == [
        {"id": 1, "below": {"id": 1}},
        {"id": 2, "below": []},
    ]
    Post(title="new")
    assert made.dicts((sheet(Author), sheet(Post), sheet(Post))) is None


def test_rows_that_have_gone_are_no_roots() -> None:
    rows = _engine.live_rows(Author)
    Author.where(name="bob").delete()
    assert [view.record.name for view in levels(root(), rows=rows).root()] == ["ann"]
    db.clear()
    assert len(levels(root(), rows=rows).root()) == 0
