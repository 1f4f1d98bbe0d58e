"""Relations that go along other relations: through, recursive, union, intersection, difference.

A fixed world first, with two parents for everything, rows that match nothing, a key 0, missing keys and cycles; then
definitions that are refused; then random rows, on which every view of every relation is compared with plain loops over
foreign keys."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    HasMany,
    HasOne,
    Model,
    RelationError,
    UnknownName,
    belongs_to,
    count,
    define,
    exists,
    field,
    has_many,
    has_one,
    max_,
    sum_,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class Author(Base):
    name: Attr[str]
    rival: BelongsTo[Author | None] = belongs_to(default=None)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
    entries: HasMany[Category] = has_many(through="posts.category", distinct=False)
    paid: HasMany[Category] = has_many(
        through=lambda: Author.posts.category, where=lambda: (Post.views > 2) & (Category.title != "d")
    )
    by_views: HasMany[Category] = has_many(through=lambda: Author.posts.category, order_by=lambda: Post.views.desc())
    by_views_and_comment: HasMany[Comment] = has_many(
        through=lambda: Author.posts.comments, order_by=lambda: (Post.views.desc(), Comment.body.desc())
    )
    two: HasMany[Category] = has_many(through=lambda: Author.posts.category, order_by=lambda: Category.title, limit=2)
    best: HasOne[Category | None] = has_one(through=lambda: Author.posts.category, order_by=lambda: Post.views.desc())
    any_category: HasOne[Category | None] = has_one(through=lambda: Author.posts.category)
    nested: HasMany[Category] = has_many(through=lambda: Author.two.parent)
    rivals_comments: HasMany[Comment] = has_many(through=lambda: Author.rival.posts.comments)
    rivals: HasMany[Author] = has_many(recursive=lambda: Author.rival)
    roots: HasMany[Category] = has_many(through=lambda: Author.categories.ancestors)
    either: HasMany[Category] = has_many(union=lambda: (Author.categories, Author.roots))
    shared: HasMany[Category] = has_many(intersection=lambda: (Author.categories, Author.rival.categories))
    alone: HasMany[Category] = has_many(
        difference=lambda: (Author.categories, Author.rival.categories), order_by=lambda: Category.title.desc()
    )


class Category(Base):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None, enforce=False, on_delete="nullify")
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)
    authors: HasMany[Author] = has_many(through=lambda: Category.posts.author)
    ancestors: HasMany[Category] = has_many(recursive=lambda: Category.parent)
    descendants: HasMany[Category] = has_many(recursive=lambda: Category.children)
    all_posts: HasMany[Post] = has_many(through=lambda: Category.descendants.posts)
    in_all: HasMany[Post] = has_many(union=lambda: (Category.posts, Category.all_posts))
    leaves: HasMany[Category] = has_many(
        recursive=lambda: Category.children, where=lambda: ~exists(Category.children), order_by=lambda: Category.title
    )
    side: HasMany[Category] = has_many(recursive=lambda: Category.posts.author.posts.category)


class Post(Base):
    title: Attr[str]
    views: Attr[int] = field(default=0)
    author: BelongsTo[Author | None] = belongs_to(default=None)
    category: BelongsTo[Category | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.post)
    other_comments: HasMany[Comment] = has_many(difference=lambda: (Post.author.posts.comments, Post.comments), limit=3)


class Comment(Base):
    body: Attr[str]
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    category: HasOne[Category | None] = has_one(through=lambda: Comment.post.category)
    authors_categories: HasMany[Category] = has_many(through=lambda: Comment.post.author.categories)


@pytest.fixture
def world() -> Iterable[dict[str, Any]]:
    db.clear()
    w: dict[str, Any] = {}
    w["ann"] = Author(id=0, name="ann")
    w["bob"] = Author(name="bob", rival=w["ann"])
    w["cid"] = Author(name="cid", rival=w["bob"])
    w["r"] = Category(id=0, title="r")
    w["c"] = Category(title="c", parent=w["r"])
    w["d"] = Category(title="d", parent=w["c"])
    w["e"] = Category(title="e", parent=w["r"])
    w["alone"] = Category(title="alone")
    for title, views, author, category in (
        ("p1", 1, "ann", "c"),
        ("p2", 5, "ann", "d"),
        ("p3", 3, "ann", "c"),
        ("p4", 4, "bob", "d"),
        ("p5", 9, "bob", None),
        ("p6", 2, "bob", "e"),
        ("p7", 7, None, "e"),
    ):
        w[title] = Post(title=title, views=views, author=w.get(author or ""), category=w.get(category or ""))
    for body, post in (("x", "p1"), ("y", "p2"), ("z", "p2"), ("w", "p4")):
        w[body] = Comment(body=body, post=w[post])
    yield w
    db.store.check()


def titles(records: Iterable[Any]) -> str:
    return " ".join(getattr(each, "title", None) or getattr(each, "name", None) or each.body for each in records)


# ---------------------------------------------------------------- through


def test_through_gives_each_target_once_in_order_of_encounter(world: dict[str, Any]) -> None:
    ann, bob, cid = world["ann"], world["bob"], world["cid"]
    assert titles(ann.categories) == "c d"
    assert titles(bob.categories) == "d e"
    assert list(cid.categories) == []
    assert (len(ann.categories), len(bob.categories), len(cid.categories)) == (2, 2, 0)
    assert world["c"] in ann.categories
    assert world["e"] not in ann.categories
    assert world["alone"] not in ann.categories
    assert ann.categories[0] is world["c"]
    assert ann.categories[-1] is world["d"]
    assert titles(world["d"].authors) == "ann bob"
    assert titles(world["e"].authors) == "bob"  # a post without an author leads to none


def test_distinct_false_gives_one_entry_for_each_way(world: dict[str, Any]) -> None:
    assert titles(world["ann"].entries) == "c d c"
    assert len(world["ann"].entries) == 3
    assert Author.select(once=count(Author.categories), ways=count(Author.entries)) == [
        {"once": 2, "ways": 3},
        {"once": 2, "ways": 2},
        {"once": 0, "ways": 0},
    ]
    assert Author.pluck(count(Author.posts.category, distinct=False)) == [3, 2, 0]
    assert Author.pluck(count(Author.posts.category)) == [2, 2, 0]


def test_changes_show_at_once(world: dict[str, Any]) -> None:
    ann = world["ann"]
    held = ann.categories
    world["p2"].category = world["e"]
    assert titles(held) == "c e"
    world["p1"].delete()
    assert titles(held) == "e c"  # p2 is the first now
    world["p4"].author = ann
    assert titles(held) == "e c d"
    Post.where(author=ann).update(category=None)
    assert len(held) == 0


def test_conditions_speak_of_the_target_and_of_what_lies_on_the_way(world: dict[str, Any]) -> None:
    ann, bob = world["ann"], world["bob"]
    assert titles(ann.paid) == "c"
    assert titles(bob.paid) == ""
    assert titles(ann.by_views) == "d c"
    assert titles(bob.by_views) == "d e"
    assert titles(ann.by_views_and_comment) == "z y x"
    assert titles(bob.two) == "d e"
    world["p5"].category = world["alone"]
    assert titles(bob.two) == "alone d"
    assert titles(bob.by_views) == "alone d e"


@pytest.mark.parametrize("n", [1, 63, 64, 65, 128, 129, 200, 500])
def test_levels_are_gone_through_a_few_rows_at_a_time(n: int) -> None:
    """Of any length, with rows that lead nowhere, to several and to what has been met, and holes where others were."""
    db.clear()
    chance = random.Random(n)
    ann, bob = Author(name="ann"), Author(name="bob")
    found = [Category(title=str(i)) for i in range(n // 3 + 1)]
    posts = [
        Post(title=str(i), views=i % 7, author=ann, category=chance.choice([None, *found[:40]])) for i in range(n + 5)
    ]
    for post in chance.sample(posts, 5):
        post.author = bob
    for post in posts:
        for i in range(chance.choice([0, 0, 1, 2, 5])):
            Comment(body=str(i), post=post)
    for comment in chance.sample([*Comment.all()], Comment.count() // 5):
        comment.delete()
    cid = Author(name="cid", rival=ann)
    here = [post for post in posts if post.author is ann]
    led = [post.category for post in here if post.category is not None]
    assert len(here) == n
    assert list(ann.entries) == led and len(ann.entries) == len(led)
    assert list(ann.categories) == list(dict.fromkeys(led)) and len(ann.categories) == len(set(led))
    kept = [post.category for post in here if post.category and post.views > 2]
    assert list(ann.paid) == list(dict.fromkeys(kept)) and len(ann.paid) == len(set(kept))
    comments = [comment for post in here for comment in post.comments]
    assert list(cid.rivals_comments) == comments and len(cid.rivals_comments) == len(comments)
    assert comments == sorted(comments, key=lambda each: (each.post.id, each.id))


def test_has_one_through_takes_the_first(world: dict[str, Any]) -> None:
    ann, bob, cid = world["ann"], world["bob"], world["cid"]
    assert ann.best is world["d"]
    assert bob.best is world["d"]
    assert cid.best is None
    assert ann.any_category is world["c"]
    assert world["y"].category is world["d"]
    assert Comment.where(Comment.category.title == "d").pluck(Comment.body) == ["y", "z", "w"]
    assert Comment.order_by(Comment.category.title.desc(), Comment.id).pluck(Comment.body) == ["y", "z", "w", "x"]
    assert Author.pluck(Author.best.title) == ["d", "d", None]


def test_through_goes_through_through(world: dict[str, Any]) -> None:
    assert titles(world["ann"].nested) == "r c"
    assert titles(world["bob"].rivals_comments) == "x y z"
    assert titles(world["cid"].rivals_comments) == "w"
    assert titles(world["x"].authors_categories) == "c d"
    assert titles(world["ann"].roots) == "r c"


def test_queries_cross_derived_relations(world: dict[str, Any]) -> None:
    assert Author.where(Author.categories.title == "e").pluck(Author.name) == ["bob"]
    assert Author.where(~exists(Author.categories)).pluck(Author.name) == ["cid"]
    assert Author.where(count(Author.categories) >= 2).pluck(Author.name) == ["ann", "bob"]
    assert Author.where(exists(Author.roots, Category.title == "r")).pluck(Author.name) == ["ann", "bob"]
    assert Author.where(Author.nested.title == "r").pluck(Author.name) == ["ann", "bob"]
    assert Author.pluck(sum_(Author.categories.posts.views)) == [1 + 3 + 5 + 4, 5 + 4 + 2 + 7, 0]
    assert Author.pluck(max_(Author.roots.title)) == ["r", "r", None]
    assert titles(world["ann"].categories.where(Category.title > "c")) == "d"
    assert titles(world["ann"].categories.order_by(Category.title.desc()).limit(1)) == "d"
    assert world["ann"].categories.pluck(Category.title) == ["c", "d"]
    assert Category.where(authors=[world["bob"]]).pluck(Category.title) == ["d", "e"]


def test_a_plain_route_is_planned_backwards() -> None:
    db.clear()
    authors = [Author(name=f"author {n}") for n in range(300)]
    categories = [Category(title=f"category {n}") for n in range(100)]
    for n in range(600):
        Post(title=f"post {n}", author=authors[n % 300], category=categories[n % 100])
    found = Author.where(Author.categories.is_(categories[7]))
    assert found.count() == 3
    assert found.explain().rows_examined < 50
    assert Category.where(Category.descendants.is_(categories[5])).count() == 0


# ---------------------------------------------------------------- trees


def test_recursive_relations_give_the_nearest_first(world: dict[str, Any]) -> None:
    assert titles(world["d"].ancestors) == "c r"
    assert titles(world["r"].descendants) == "c e d"
    assert list(world["d"].ancestors.pairs()) == [(world["c"], 1), (world["r"], 2)]
    assert [(each.title, depth) for each, depth in world["r"].descendants.pairs()] == [("c", 1), ("e", 1), ("d", 2)]
    assert list(world["alone"].descendants) == []
    assert list(world["alone"].descendants.pairs()) == []
    assert world["r"] in world["d"].ancestors
    assert world["d"] not in world["d"].ancestors
    assert titles(world["r"].leaves) == "d e"
    assert [(each.title, depth) for each, depth in world["r"].leaves.pairs()] == [("d", 2), ("e", 1)]
    assert titles(world["r"].all_posts) == "p1 p3 p6 p7 p2 p4"
    assert titles(world["c"].in_all) == "p1 p3 p2 p4"
    assert Category.where(Category.ancestors.title == "r").pluck(Category.title) == ["c", "d", "e"]
    assert Category.pluck(count(Category.descendants)) == [3, 1, 0, 0, 0]


def test_cycles_in_the_data_end(world: dict[str, Any]) -> None:
    world["r"].parent = world["d"]
    assert titles(world["d"].ancestors) == "c r d"  # as in SQL: a row is its own ancestor where the data say so
    assert [depth for _, depth in world["d"].ancestors.pairs()] == [1, 2, 3]
    assert titles(world["r"].descendants) == "c e d r"
    assert Category.where(Category.ancestors.is_(world["e"])).count() == 0
    assert Category.where(Category.ancestors.title == "r").pluck(Category.title) == ["r", "c", "d", "e"]
    world["alone"].parent = world["alone"]
    assert list(world["alone"].ancestors) == [world["alone"]]
    world["ann"].rival = world["cid"]
    assert titles(world["ann"].rivals) == "cid bob ann"


def test_a_chain_of_a_hundred_thousand_does_not_overflow(world: dict[str, Any]) -> None:
    first = Category(title="first")
    n = first.id
    Category.insert_many([{"id": n + 1 + i, "title": "", "parent_id": n + i} for i in range(100_000)])
    last = Category[n + 100_000]
    assert len(last.ancestors) == 100_000
    assert len(first.descendants) == 100_000
    assert list(first.descendants.pairs())[-1] == (last, 100_000)


def test_recursion_over_several_steps(world: dict[str, Any]) -> None:
    assert titles(world["c"].side) == "c d e"
    assert titles(world["alone"].side) == ""


# ---------------------------------------------------------------- sets


def test_sets_of_relations(world: dict[str, Any]) -> None:
    ann, bob, cid = world["ann"], world["bob"], world["cid"]
    assert titles(ann.either) == "c d r"
    assert titles(bob.shared) == "d"
    assert titles(bob.alone) == "e"
    assert titles(ann.shared) == ""
    assert titles(ann.alone) == "d c"  # nobody is her rival
    assert list(cid.either) == list(cid.shared) == list(cid.alone) == []
    assert Author.pluck(count(Author.either)) == [3, 4, 0]
    assert Author.where(exists(Author.alone)).pluck(Author.name) == ["ann", "bob"]
    assert Author.where(Author.shared.title == "d").pluck(Author.name) == ["bob"]
    assert titles(world["p1"].other_comments) == "y z"
    assert titles(bob.either.where(Category.title < "e")) == "d c"


# ---------------------------------------------------------------- changing


@pytest.mark.parametrize("name", ["categories", "roots", "rivals", "either", "alone"])
def test_collections_along_other_relations_are_not_changed(world: dict[str, Any], name: str) -> None:
    ann = world["ann"]
    held = getattr(ann, name)
    before = list(held)
    attempts: list[Callable[[], Any]] = [
        lambda: held.append(world["c"]),
        lambda: held.add(world["c"]),
        lambda: held.extend([]),
        lambda: held.remove(world["c"]),
        lambda: held.discard(world["c"]),
        held.clear,
        lambda: held.create(title="x"),
        lambda: held.create_many([]),
        lambda: setattr(ann, name, []),
    ]
    for attempt in attempts:
        with pytest.raises(RelationError, match=f"Author.{name} follows other relations and cannot be changed itself"):
            attempt()
    with pytest.raises(RelationError, match=r"Author.best follows .* change those \(Author.posts, Post.category\)"):
        ann.best = None
    assert list(held) == before


def test_pairs_are_of_recursive_relations(world: dict[str, Any]) -> None:
    with pytest.raises(RelationError, match=r"Author.categories.pairs\(\): pairs are of recursive relations"):
        world["ann"].categories.pairs()
    with pytest.raises(RelationError, match=r"Author.posts.pairs\(\)"):
        world["ann"].posts.pairs()


# ---------------------------------------------------------------- definitions


def refused(build: Callable[[Database], Any], *words: str) -> None:
    database = Database()
    build(database)
    with pytest.raises(DefinitionError) as caught:
        database.check()
    for word in words:
        assert word in str(caught.value)


def blog(database: Database, **of_author: Any) -> Any:
    author = define("Author", {"name": str, "posts": has_many("Post"), **of_author}, db=database)
    define(
        "Post",
        {"author": belongs_to("Author"), "category": belongs_to("Category"), "topic": belongs_to("Category")},
        db=database,
    )
    define("Category", {"title": str, "posts": has_many("Post", inverse="category")}, db=database)
    return author


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        (has_many("Category", through="posts.categry"), ("Author.thing", "`categry`", "did you mean `category`")),
        (has_many("Category", through="name"), ("`name`", "no relation of Author", "which is a field")),
        (
            has_many("Category", through="posts"),
            ("several relations lead to Category", "Author.posts.category or through=lambda: Author.posts.topic"),
        ),
        (
            has_many("Author", through="posts.category"),
            ("through= leads to Category (Author.posts.category)", "no relation leads to Author"),
        ),
        (has_many("Category", through=3), ("through= takes a path from Author", "not 3")),
        (has_many("Category", through=lambda: 1 / 0), ("through= fails", "division by zero")),
        (has_many("Author", recursive="posts"), ("recursive= leads to Post (Author.posts), not to Author",)),
        (has_many("Post", recursive="posts.author"), ("recursive= leads to Author", "not to Post")),
        (has_many("Post", union="posts"), ("union= takes two or more relations", "'posts'")),
        (has_many("Post", union=["posts"]), ("union= takes two or more relations",)),
        (has_many("Post", union=["posts", "name"]), ("`name`", "no relation of Author")),
        (has_many("Post", difference=["posts", "posts.category"]), ("difference= leads to Category", "not to Post")),
        (has_many("Category", through="thing"), ("Author.thing leads through itself: Author.thing -> Author.thing",)),
        (has_many("Category", through="posts.category", where=lambda: 3), ("where= takes a condition on Category",)),
    ],
)  # fmt: skip
def test_routes_that_lead_nowhere(declaration: Any, words: tuple[str, ...]) -> None:
    refused(lambda database: blog(database, thing=declaration), *words)


def test_paths_that_start_elsewhere_and_models_not_on_the_way() -> None:
    def elsewhere(database: Database) -> None:
        blog(database, thing=has_many("Category", through=lambda: database.models["Post"].category))

    refused(elsewhere, "through= starts at Post (Post.category); start at Author")

    def not_passed(database: Database) -> None:
        blog(
            database,
            thing=has_many(
                "Category", through="posts.category", where=lambda: database.models["Author"].posts.author.name == "x"
            ),
        )

    refused(not_passed, "Author.thing: where= or order_by= cannot be used", "speaks of Author")

    def wrong_order(database: Database) -> None:
        models = database.models
        blog(
            database,
            thing=has_many(
                "Category",
                through="posts.category",
                order_by=lambda: (models["Category"].title, models["Post"].id),
            ),
        )

    refused(wrong_order, "order_by= names Post.id behind what comes later on the way")


def test_longer_circles_are_shown() -> None:
    def circle(database: Database) -> None:
        define("A", {"b": belongs_to("B"), "x": has_many("B", through="b.y")}, db=database)
        define("B", {"list_of_a": has_many("A"), "y": has_many("B", through="list_of_a.x")}, db=database)

    refused(circle, "A.x leads through itself: A.x -> B.y -> A.x")


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        (lambda: has_many("A", through="a", recursive="a"), "takes one of through= or recursive=, not several"),
        (lambda: has_many("A", through="a", inverse="a"), "takes inverse= or through="),
        (lambda: has_many("A", distinct=False), "distinct=False goes with through="),
        (lambda: has_many("A", recursive="a", distinct=False), "distinct=False goes with through="),
        (lambda: has_many("A", through="a", distinct=3), "distinct= takes True or False, not 3"),
    ],
)
def test_options_that_contradict(declaration: Callable[[], Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        define("A", {"a": belongs_to("A | None"), "thing": declaration()}, db=Database())


def test_the_only_relation_to_the_target_may_be_left_out() -> None:
    database = Database()
    team = define("Team", {"members": has_many("Member"), "people": has_many("Person", through="members")}, db=database)
    define("Member", {"team": belongs_to("Team"), "person": belongs_to("Person")}, db=database)
    person = define(
        "Person",
        {"name": str, "teams": has_many("Team", through="memberships"), "memberships": has_many("Member")},
        db=database,
    )
    red, ann = team(), person(name="ann")
    database.models["Member"](team=red, person=ann)
    assert list(red.people) == [ann]
    assert list(ann.teams) == [red]


def test_a_step_that_is_defined_anew() -> None:
    database = Database()

    def post(**extra: Any) -> Any:
        return define(
            "Post",
            {"title": str, "author": belongs_to("Author"), "category": belongs_to("Category"), **extra},
            db=database,
        )

    author = define(
        "Author", {"posts": has_many("Post"), "categories": has_many("Category", through="posts.category")}, db=database
    )
    category = define("Category", {"title": str}, db=database)
    post()
    ann, news = author(), category(title="news")
    database.models["Post"](title="x", author=ann, category=news)
    held = ann.categories
    assert list(held) == [news]
    post(views=field(default=0, type=int))
    assert list(held) == [news]
    with pytest.raises(DefinitionError, match="Author.categories"):
        define("Post", {"title": str, "author": belongs_to("Author")}, db=database)
    assert list(held) == [news]
    define(
        "Author",
        {
            "posts": has_many("Post"),
            "categories": has_many(
                "Category", through="posts.category", where=lambda: database.models["Category"].title != "news"
            ),
        },
        db=database,
    )
    assert list(held) == []


def test_names_that_are_no_steps_any_more_are_told_in_paths() -> None:
    with pytest.raises(UnknownName, match="did you mean `categories`"):
        Author.categoris  # noqa: B018


# ---------------------------------------------------------------- against plain loops

SEEDS = range(12)


class Naive:
    """Every relation of the models above by loops over foreign keys. Rows are taken as they are when asked."""

    def one(self, record: Any, name: str) -> list[Any]:
        target = getattr(record, name)
        return [] if target is None else [target]

    def many(self, cls: Any, name: str, record: Any) -> list[Any]:
        return [each for each in ROWS[cls] if getattr(each, name) is record]

    def steps(self, record: Any, *names: str, once: bool = True) -> list[Any]:
        found = [record]
        for name in names:
            found = [target for each in found for target in self.of(each, name)]
            found = unique(found) if once else found
        return found

    def reached(self, record: Any, *names: str) -> list[Any]:
        found: list[Any] = []
        edge = [record]
        while edge:
            edge = [each for each in unique(e for r in edge for e in self.steps(r, *names)) if each not in found]
            found += edge
        return found

    def of(self, record: Any, name: str) -> list[Any]:
        if name in ("rival", "parent", "author", "category", "post") and not (
            name == "category" and isinstance(record, Comment)
        ):
            return self.one(record, name)
        return getattr(self, f"{type(record).__name__}_{name}")(record)

    def Author_posts(self, r: Any) -> list[Any]:
        return self.many(Post, "author", r)

    def Author_categories(self, r: Any) -> list[Any]:
        return self.steps(r, "posts", "category")

    def Author_entries(self, r: Any) -> list[Any]:
        return self.steps(r, "posts", "category", once=False)

    def Author_paid(self, r: Any) -> list[Any]:
        posts = [each for each in self.Author_posts(r) if each.views > 2]
        return unique(c for p in posts for c in self.one(p, "category") if c.title != "d")

    def Author_by_views(self, r: Any) -> list[Any]:
        posts = sorted(self.Author_posts(r), key=lambda each: -each.views)
        return unique(c for p in posts for c in self.one(p, "category"))

    def Author_by_views_and_comment(self, r: Any) -> list[Any]:
        posts = sorted(self.Author_posts(r), key=lambda each: -each.views)
        return [c for p in posts for c in sorted(self.Post_comments(p), key=lambda each: each.body, reverse=True)]

    def Author_two(self, r: Any) -> list[Any]:
        return sorted(self.Author_categories(r), key=lambda each: each.title)[:2]

    def Author_best(self, r: Any) -> list[Any]:
        return self.Author_by_views(r)[:1]

    def Author_any_category(self, r: Any) -> list[Any]:
        return self.Author_categories(r)[:1]

    def Author_nested(self, r: Any) -> list[Any]:
        return self.steps(r, "two", "parent")

    def Author_rivals_comments(self, r: Any) -> list[Any]:
        return self.steps(r, "rival", "posts", "comments")

    def Author_rivals(self, r: Any) -> list[Any]:
        return self.reached(r, "rival")

    def Author_roots(self, r: Any) -> list[Any]:
        return self.steps(r, "categories", "ancestors")

    def Author_either(self, r: Any) -> list[Any]:
        return unique([*self.Author_categories(r), *self.Author_roots(r)])

    def Author_shared(self, r: Any) -> list[Any]:
        others = self.steps(r, "rival", "categories")
        return [each for each in self.Author_categories(r) if each in others]

    def Author_alone(self, r: Any) -> list[Any]:
        others = self.steps(r, "rival", "categories")
        left = [each for each in self.Author_categories(r) if each not in others]
        return sorted(left, key=lambda each: each.title, reverse=True)

    def Category_children(self, r: Any) -> list[Any]:
        return self.many(Category, "parent", r)

    def Category_posts(self, r: Any) -> list[Any]:
        return self.many(Post, "category", r)

    def Category_authors(self, r: Any) -> list[Any]:
        return self.steps(r, "posts", "author")

    def Category_ancestors(self, r: Any) -> list[Any]:
        return self.reached(r, "parent")

    def Category_descendants(self, r: Any) -> list[Any]:
        return self.reached(r, "children")

    def Category_all_posts(self, r: Any) -> list[Any]:
        return self.steps(r, "descendants", "posts")

    def Category_in_all(self, r: Any) -> list[Any]:
        return unique([*self.Category_posts(r), *self.Category_all_posts(r)])

    def Category_leaves(self, r: Any) -> list[Any]:
        leaves = [each for each in self.Category_descendants(r) if not self.Category_children(each)]
        return sorted(leaves, key=lambda each: each.title)

    def Category_side(self, r: Any) -> list[Any]:
        return self.reached(r, "posts", "author", "posts", "category")

    def Post_comments(self, r: Any) -> list[Any]:
        return self.many(Comment, "post", r)

    def Post_other_comments(self, r: Any) -> list[Any]:
        own = self.Post_comments(r)
        return [each for each in self.steps(r, "author", "posts", "comments") if each not in own][:3]

    def Comment_category(self, r: Any) -> list[Any]:
        return self.steps(r, "post", "category")

    def Comment_authors_categories(self, r: Any) -> list[Any]:
        return self.steps(r, "post", "author", "categories")


ROWS: dict[Any, list[Any]] = {}


def unique(records: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(records))


def fill(rng: random.Random) -> None:
    """Rows in order of arrival at their parents: each gets its parents when it is made."""
    db.clear()
    for cls in (Author, Category, Post, Comment):
        ROWS[cls] = []
    for n in range(6):
        ROWS[Author].append(Author(id=n, name=f"a{n}"))
        ROWS[Category].append(Category(id=n, title=rng.choice("abcdefg"), parent_id=rng.choice([None, *range(6)])))
    for author in ROWS[Author]:
        author.rival = rng.choice([None, *ROWS[Author]])
    for n in range(14):
        ROWS[Post].append(
            Post(
                title=f"p{n}",
                views=rng.randrange(6),
                author=rng.choice([None, *ROWS[Author]]),
                category=rng.choice([None, *ROWS[Category][:5]]),
            )
        )
    ROWS[Comment] = [Comment(body=rng.choice("uvwxyz"), post=rng.choice(ROWS[Post])) for _ in range(16)]


def names_of(cls: Any) -> list[str]:
    return [name for name in cls.__sinew__.relations if name not in ("rival", "parent", "author", "post")]


def derived(cls: Any) -> list[str]:
    return [name for name in names_of(cls) if cls.__sinew__.relations[name].along]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_view_is_what_plain_loops_give(seed: int) -> None:
    fill(random.Random(seed))
    naive = Naive()
    for cls in ROWS:
        for name in derived(cls):
            check_relation(naive, cls, name)
    db.store.check()


def check_relation(naive: Naive, cls: Any, name: str) -> None:
    relation = cls.__sinew__.relations[name]
    target = relation.target.cls
    expected = {record: naive.of(record, name) for record in ROWS[cls]}
    for record, wanted in expected.items():
        shown = getattr(record, name)
        if not relation.to_many:
            assert shown is (wanted[0] if wanted else None), (record, name)
            continue
        assert list(shown) == wanted, (record, name)
        assert len(shown) == len(wanted)
        assert shown.first() is (wanted[0] if wanted else None)
        assert [each for each in ROWS[target] if each in shown] == [each for each in ROWS[target] if each in wanted]
        half = [each for each in wanted if each.id % 2]
        assert list(shown.where(lambda each: each.id % 2)) == half
        assert shown.where(target.id > 2).count() == sum(each.id > 2 for each in wanted)
    path = getattr(cls, name)
    assert cls.pluck(count(path)) == [len(wanted) for wanted in expected.values()]
    assert list(cls.where(exists(path))) == [record for record, wanted in expected.items() if wanted]
    for pick in ROWS[target][::3]:
        found = [record for record, wanted in expected.items() if pick in wanted]
        assert list(cls.where(path.id == pick.id)) == found, (name, pick)
        assert list(cls.where(~exists(path, target.id == pick.id))) == [each for each in ROWS[cls] if each not in found]


# ---------------------------------------------------------------- trees without cycles


@pytest.fixture
def place() -> Any:
    database = Database()
    cls = define(
        "Place",
        {
            "name": field(type=str, default=""),
            "within": belongs_to("Place | None", default=None, acyclic=True),
            "parts": has_many("Place"),
            "around": has_many("Place", recursive="within"),
        },
        db=database,
    )
    return cls


def test_acyclic_references_refuse_to_lead_around(place: Any) -> None:
    world, land, town = place(id=0), None, None
    land = place(within=world)
    town = place(within=land)
    with pytest.raises(RelationError) as caught:
        world.within = town
    assert str(caught.value) == (
        "Place.within has acyclic=True, and here it would lead around in a circle: "
        "Place[0] -> Place[2] -> Place[1] -> Place[0]; give one of them another within"
    )
    assert world.within is None
    for attempt in (
        lambda: setattr(town, "within", town),
        lambda: setattr(land, "within_id", 2),
        lambda: town.parts.append(world),
        lambda: place.all().update(within=town),
        lambda: place(id=7, within_id=7),
        lambda: place.insert_many([{"id": 8, "within_id": 9}, {"id": 9, "within_id": 8}]),
    ):
        with pytest.raises(RelationError, match=r"Place.within has acyclic=True"):
            attempt()
    assert list(town.around) == [land, world]
    assert place.count() == 3


def test_acyclic_is_a_rule_for_the_end_of_a_transaction(place: Any) -> None:
    world = place()
    town = place(within=world)
    database = place.__sinew__.db
    with database.transaction():
        world.within = town
        town.within = None
    assert world.within is town
    with pytest.raises(RelationError, match="lead around in a circle: Place"), database.transaction():
        town.within = world
    assert town.within is None


def test_long_circles_are_cut_short(place: Any) -> None:
    place.insert_many([{"id": n, "within_id": n - 1 if n else None} for n in range(2000)])
    with pytest.raises(RelationError) as caught:
        place[0].within = place[1999]
    assert "Place[0] -> Place[1999] -> Place[1998] -> Place[1997] -> Place[1996] -> ... -> Place[0] (2,000 steps)" in (
        str(caught.value)
    )


def test_acyclic_is_for_references_to_the_model_itself() -> None:
    def elsewhere(database: Database) -> None:
        define("A", {"b": belongs_to("B", acyclic=True)}, db=database)
        define("B", {"name": str}, db=database)

    refused(elsewhere, "A.b takes acyclic=True only if it leads to A itself")


def test_rows_may_refuse_that_cycles_are_forbidden() -> None:
    database = Database()

    def build(**options: Any) -> Any:
        return define("Place", {"within": belongs_to("Place | None", default=None, **options)}, db=database)

    place = build()
    first = place()
    first.within = first
    with pytest.raises(DefinitionError, match=r"Place cannot be defined anew: .*Place\[1\] -> Place\[1\]"):
        build(acyclic=True)
    assert first.within is first
    first.within = None
    build(acyclic=True)
    with pytest.raises(RelationError, match="acyclic=True"):
        first.within = first
    build()
    first.within = first
    assert first.within is first


def test_a_reference_to_several_models_is_no_tree() -> None:
    with pytest.raises(DefinitionError, match="A.b: acyclic= needs a reference to the model itself, and to no other"):
        define("A", {"b": belongs_to("A | B", acyclic=True)}, db=Database())


@pytest.mark.parametrize("number", [-1, 0, 1, 2, 3, 4, 10**12])
def test_counts_beside_a_number_stop_early_and_tell_the_same(world: dict[str, Any], number: int) -> None:
    n: dict[Any, int] = {}
    for path in (Author.entries, Author.posts):
        n = {author: len(list(getattr(author, repr(path).split(".")[1]))) for author in Author.all()}
        for asked, wanted in (
            (count(path) == number, [a for a in n if n[a] == number]),
            (count(path) != number, [a for a in n if n[a] != number]),
            (count(path) < number, [a for a in n if n[a] < number]),
            (count(path) >= number, [a for a in n if n[a] >= number]),
        ):
            assert list(Author.where(asked)) == wanted
    views = {author: sum(post.views > 2 for post in author.posts) for author in n}
    assert list(Author.where(count(Author.posts, Post.views > 2) <= number)) == [a for a in n if views[a] <= number]
