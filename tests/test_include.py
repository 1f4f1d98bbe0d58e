"""Trees: `include`, views, branches, `to_dicts`.

A fixed world first, with two parents for everything, rows that match nothing, a key 0, missing keys, shared targets and
cycles in the data; then what is refused, and what views and branches do; then random rows and random trees, each
compared with plain nested loops."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import threading
import weakref
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import sinew
from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    HasMany,
    HasOne,
    Model,
    NotFound,
    Query,
    RecordDeleted,
    RelationError,
    SinewError,
    Tree,
    UnknownName,
    View,
    belongs_to,
    count,
    define,
    field,
    has_many,
    has_one,
    now,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class User(Base):
    name: Attr[str]
    role: Attr[str] = field(default="plain")
    friend: BelongsTo[User | None] = belongs_to(default=None)
    fans: HasMany[User] = has_many(inverse=lambda: User.friend)
    orders: HasMany[Order] = has_many(inverse=lambda: Order.user)
    large: HasMany[Order] = has_many(inverse=lambda: Order.user, where=lambda: Order.total > 5, limit=2)
    best: HasOne[Order | None] = has_one(inverse=lambda: Order.user, order_by=lambda: Order.total.desc())
    oldest: HasOne[Order | None] = has_one(inverse=lambda: Order.user)
    products: HasMany[Product] = has_many(through=lambda: User.orders.items.product)
    bought: HasMany[Product] = has_many(through=lambda: User.orders.items.product, distinct=False)
    following: HasMany[User] = has_many(recursive=lambda: User.friend)
    known: HasMany[User] = has_many(union=lambda: (User.fans, User.following))

    def shout(self) -> str:
        return self.name.upper()


class Order(Base):
    total: Attr[int | None] = field(default=0)
    price: Attr[Decimal] = field(default=Decimal("1.50"))
    at: Attr[datetime] = field(default=datetime(2024, 1, 1))
    note: Attr[str | None] = field(default=None)
    user: BelongsTo[User | None] = belongs_to(default=None)
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)


class Item(Base):
    amount: Attr[int] = field(default=1)
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    product: BelongsTo[Product | None] = belongs_to(default=None, enforce=False, on_delete="keep")


class Product(Base):
    title: Attr[str]
    items: HasMany[Item] = has_many(inverse=lambda: Item.product)
    users: HasMany[User] = has_many(through=lambda: Product.items.order.user)


@pytest.fixture
def world() -> Iterable[dict[str, Any]]:
    db.clear()
    db.clock.unfreeze()
    w: dict[str, Any] = {}
    w["ann"] = User(id=0, name="ann")
    w["bob"] = User(name="bob", friend=w["ann"], role="premium")
    w["cid"] = User(name="cid", friend=w["bob"], role="premium")
    w["dan"] = User(name="dan", friend=w["bob"])
    w["ann"].friend = w["cid"]  # a cycle of three
    w["p"], w["q"], w["r"] = Product(id=0, title="p"), Product(title="q"), Product(title="r")
    for name, user, total in (
        ("o1", "ann", 3),
        ("o2", "bob", 9),
        ("o3", "ann", 7),
        ("o4", "ann", None),
        ("o5", None, 8),
    ):
        w[name] = Order(total=total, user=w[user] if user else None, note=name)
    w["o6"] = Order(total=7, user=w["bob"], note="o6", price=Decimal("0.10"), at=datetime(2024, 6, 1))
    for name, order, product, amount in (
        ("i1", "o1", "p", 2),
        ("i2", "o1", "q", 1),
        ("i3", "o2", "p", 5),
        ("i4", "o3", None, 4),
        ("i5", "o5", "q", 3),
        ("i6", "o1", "p", 6),
    ):
        w[name] = Item(order=w[order], product=w[product] if product else None, amount=amount)
    yield w
    db.clock.unfreeze()
    db.store.check()


def read(thing: Any, name: str) -> Any:
    return getattr(thing, name)


def notes(orders: Iterable[Any]) -> list[str | None]:
    return [order.note for order in orders]


# ---------------------------------------------------------------- what is there


def test_children(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    assert [(user.name, notes(user.orders)) for user in tree] == [
        ("ann", ["o1", "o3", "o4"]),
        ("bob", ["o2", "o6"]),
        ("cid", []),
        ("dan", []),
    ]
    assert all(order.user is user.record for user in tree for order in user.orders)


def test_a_step_of_several(world: dict[str, Any]) -> None:
    tree = User.include(User.orders.items.product)
    found = [
        [[None if item.product is None else item.product.title for item in order.items] for order in user.orders]
        for user in tree
    ]
    assert found == [[["p", "q", "p"], [None], []], [["p"], []], [], []]


def test_to_one(world: dict[str, Any]) -> None:
    for view in Order.include(Order.user):
        assert (view.user and view.user.record) is view.record.user
        assert view.user is None or isinstance(view.user, View)


def test_options_are_per_parent(world: dict[str, Any]) -> None:
    tree = User.include(User.orders, where=Order.total > 2, order_by=Order.total.desc(), limit=1, only=["id", "total"])
    assert [[order.total for order in user.orders] for user in tree] == [[7], [9], [], []]
    second = User.include(User.orders, order_by=Order.total.desc(), offset=1, limit=1)
    assert [notes(user.orders) for user in second] == [["o1"], ["o6"], [], []]
    assert [notes(user.orders) for user in User.include(User.orders, limit=0)] == [[], [], [], []]
    assert [notes(user.orders) for user in User.include(User.orders, offset=2)] == [["o4"], [], [], []]
    huge = 1 << 80
    assert notes(User.include(User.orders, limit=huge)[0].orders) == ["o1", "o3", "o4"]
    assert [notes(user.orders) for user in User.include(User.orders, offset=huge)] == [[], [], [], []]


def test_options_at_every_level(world: dict[str, Any]) -> None:
    tree = (
        User.include(User.orders, order_by=Order.total)
        .include(User.orders.items, order_by=Item.amount.desc(), limit=2)
        .include(User.orders.items.product, where=Product.title == "p")
    )
    found = [[[(i.amount, i.product and i.product.title) for i in o.items] for o in u.orders] for u in tree]
    assert found == [[[(6, "p"), (2, "p")], [(4, None)], []], [[], [(5, "p")]], [], []]


def test_has_one_picks_for_each_parent(world: dict[str, Any]) -> None:
    tree = User.include(User.best, User.oldest)
    assert [(u.best and u.best.note, u.oldest and u.oldest.note) for u in tree] == [
        ("o3", "o1"),
        ("o2", "o2"),
        (None, None),
        (None, None),
    ]
    chosen = User.include(User.best, where=Order.total > 8)
    assert [u.best and u.best.note for u in chosen] == [None, "o2", None, None]


def test_declared_conditions_stay(world: dict[str, Any]) -> None:
    assert [notes(u.large) for u in User.include(User.large)] == [["o3"], ["o2", "o6"], [], []]
    assert [notes(u.large) for u in User.include(User.large, offset=1)] == [[], ["o6"], [], []]


@pytest.mark.parametrize("name", ["products", "bought", "following", "known", "fans", "friend", "orders", "best"])
def test_every_kind_of_relation(world: dict[str, Any], name: str) -> None:
    for view in User.include(getattr(User, name)):
        found, expected = getattr(view, name), getattr(view.record, name)
        if expected is None or isinstance(expected, Model):
            assert (found and found.record) is expected
        else:
            assert [each.record for each in found] == list(expected)


def test_self_references_and_cycles(world: dict[str, Any]) -> None:
    tree = User.where(name="ann").include(User.friend.friend.friend.friend)
    view = tree.one()
    names = []
    while view is not None:
        names.append(view.name)
        view = view.friend if "friend" in view._sinew_node.below else None
    assert names == ["ann", "cid", "bob", "ann", "cid"]
    nested = tree.to_dicts()[0]
    assert nested["friend"]["friend"]["friend"]["name"] == "ann"
    assert "friend" not in nested["friend"]["friend"]["friend"]["friend"]
    children = User.where(name="bob").include(User.fans.fans).to_dicts()[0]
    assert [[fan["name"], [each["name"] for each in fan["fans"]]] for fan in children["fans"]] == [
        ["cid", ["ann"]],
        ["dan", []],
    ]


def test_shared_children_are_one_row_and_two_places(world: dict[str, Any]) -> None:
    tree = Item.include(Item.product.items)
    plan = tree.explain()
    assert [(n.path, n.parents, n.records, n.places) for n in plan.nodes] == [
        ("Item.product", 6, 2, 5),
        ("Item.product.items", 2, 5, 5),
    ]
    assert "Item.product: from 6 records to 2 records at 5 places" in str(plan)
    views = list(tree)
    assert views[0].product == views[2].product and hash(views[0].product) == hash(views[2].product)
    assert len({view.product for view in views}) == 3
    dicts = tree.to_dicts()
    assert dicts[0]["product"] == dicts[2]["product"] and dicts[0]["product"] is not dicts[2]["product"]


def test_roots_from_anything(world: dict[str, Any]) -> None:
    ann = world["ann"]
    assert notes(ann.orders.include(Order.items)) == ["o1", "o3", "o4"]
    assert [len(o.items) for o in ann.orders.where(Order.total > 5).include(Order.items)] == [1]
    assert [p.title for p in ann.bought.include(Product.users)] == ["p", "q", "p"]
    assert [[u.name for u in p.users] for p in ann.bought.include(Product.users)] == [
        ["ann", "bob"],
        ["ann"],
        ["ann", "bob"],
    ]
    branch = User.include(User.orders)[0].orders
    assert [len(o.items) for o in branch.include(Order.items)] == [3, 1, 0]
    assert Query(User).where(lambda user: user.name > "b").include(User.orders)[0].name == "bob"


def test_nothing(world: dict[str, Any]) -> None:
    assert list(User.where(name="nobody").include(User.orders)) == []
    assert User.where(name="nobody").include(User.orders).to_dicts() == []
    db.clear()
    assert User.include(User.orders.items).to_dicts() == [] and len(User.include(User.orders)) == 0


# ---------------------------------------------------------------- a tree is a value and a sequence


def test_it_is_a_sequence(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    assert isinstance(tree, Tree) and len(tree) == 4 and bool(tree)
    assert not User.where(name="x").include(User.orders)
    assert (tree[0].name, tree[-1].name, tree[1:3][0].name, tree[-2:][1].name) == ("ann", "dan", "bob", "dan")
    assert [view.name for view in tree[::-1]] == ["dan", "cid", "bob", "ann"]
    assert (tree.first().name, tree.last().name) == ("ann", "dan")
    assert tree.where(name="cid").one().name == "cid"
    assert tree.where(name="x").one_or_none() is None and tree.where(name="x").first() is None
    assert tree.where(name="x").last() is None
    assert world["ann"] in tree and tree[0] in tree and world["o1"] not in tree and 3 not in tree
    assert tree.where(name="ann")[0] not in tree.where(name="bob")
    for place in (4, -5, 1 << 70, -(1 << 70)):
        with pytest.raises(IndexError):
            tree[place]
    with pytest.raises(NotFound, match="one_or_none"):
        tree.where(name="x").one()
    with pytest.raises(SinewError, match="several"):
        tree.one()
    with pytest.raises(FieldError, match="indexed by an int or a slice"):
        tree["ann"]


def test_narrowing_is_about_the_roots(world: dict[str, Any]) -> None:
    tree = User.include(User.orders, limit=1)
    assert [v.name for v in tree.where(role="premium").order_by(User.name.desc())] == ["cid", "bob"]
    assert [v.name for v in tree.offset(1).limit(2)] == ["bob", "cid"]
    assert [v.name for v in tree.where(lambda user: user.name == "bob")] == ["bob"]
    assert [v.name for v in tree] == ["ann", "bob", "cid", "dan"]
    assert [v.name for v in tree.where(count(User.orders) > 0)] == ["ann", "bob"]
    assert [len(v.orders) for v in tree.where(count(User.orders) > 0)] == [1, 1]


def test_each_question_sees_the_store_as_it_is(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    kept = tree[:]
    Order(user=world["dan"], note="new")
    assert notes(tree[3].orders) == ["new"] and notes(kept[3].orders) == []
    world["o1"].note = "changed"
    assert kept[0].orders[0].note == "changed"  # a field is read when it is asked for
    assert len(tree) == 4
    User(name="eve")
    assert len(tree) == len(list(tree)) == 5


def test_nothing_runs_before_it_is_asked(world: dict[str, Any]) -> None:
    called: list[Any] = []

    def test(user: Any) -> bool:
        called.append(user)
        return True

    tree = User.where(test).include(User.orders)
    repr(tree.limit(2))
    assert not called
    list(tree)
    assert len(called) == 4  # once, although list() asks for the length too


def test_trees_merge(world: dict[str, Any]) -> None:
    tree = User.include(User.orders, where=Order.total > 3).include(User.orders.items, User.friend)
    again = tree.include(User.orders).include(User.orders, limit=1).include(User.orders, limit=1)
    assert [notes(u.orders) for u in again] == [["o3"], ["o2"], [], []]
    assert [notes(u.orders) for u in tree] == [["o3"], ["o2", "o6"], [], []]  # and that one is as it was
    same = tree.include(User.orders, where=Order.total > 3)
    assert [notes(u.orders) for u in same] == [["o3"], ["o2", "o6"], [], []]
    later = User.include(User.orders.items).include(User.orders, order_by=(Order.total.desc(), Order.id), only=["id"])
    later = later.include(User.orders, order_by=[Order.total.desc(), Order.id], only=[Order.id])
    assert [o.id for o in later[0].orders] == [3, 1, 4]
    whole = list(map(repr, again._root.all_below()))
    assert whole == ["User.orders (where Order.total > 3, limit 1)", "User.orders.items", "User.friend"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            {"where": Order.total > 3},
            {"where": Order.total > 4},
            ["different where=: Order.total > 3 and Order.total > 4"],
        ),
        ({"where": Order.total > 3}, {"where": Order.total >= 3}, ["where="]),
        ({"where": Order.total == 1}, {"where": Order.total == 1.0}, ["where="]),
        ({"where": Order.note.matches("a")}, {"where": Order.note.matches("a")}, ["where="]),
        ({"where": Order.total.in_([1, 2])}, {"where": Order.total.in_([1, 3])}, ["where="]),
        (
            {"order_by": Order.total},
            {"order_by": Order.total.desc()},
            ["order_by=: Order.total and Order.total.desc()"],
        ),
        ({"order_by": Order.total}, {"order_by": [Order.total, Order.id]}, ["Order.total and Order.total, Order.id"]),
        ({"limit": 1}, {"limit": 2}, ["different limit=: 1 and 2"]),
        ({"limit": 1}, {"limit": 0}, ["different limit=: 1 and 0"]),
        ({"offset": 0}, {"offset": 2}, ["different offset=: 0 and 2"]),
        ({"only": ["id"]}, {"only": ["id", "total"]}, ["only=: 'id' and 'id', 'total'"]),
    ],
)
def test_two_options_for_one_node(first: dict[str, Any], second: dict[str, Any], words: list[str]) -> None:
    tree = User.include(User.orders, **first)
    with pytest.raises(RelationError) as refused:
        tree.include(User.orders, **second)
    for each in ["User.orders is included twice", *words]:
        assert each in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: (Order.total > 3) & (Order.note != "a") | ~Order.note.is_null(),
        lambda: Order.total.between(1, 5),
        lambda: Order.note.in_(["a", None]),
        lambda: Order.at < now() - timedelta(days=1),
        lambda: Order.total + 1 > Order.id,
        lambda: Order.user.name == "ann",
        lambda: sinew.exists(Order.items, Item.amount > 1),
        lambda: count(Order.items) > 1,
    ],
)
def test_the_same_said_twice_is_no_contradiction(world: dict[str, Any], make: Callable[[], Any]) -> None:
    User.include(User.orders, where=make()).include(User.orders, where=make())


# ---------------------------------------------------------------- what is refused, at once


class Other(Base):
    record: BelongsTo[User | None] = belongs_to(default=None)
    pivot: Attr[int] = field(default=3)
    user: BelongsTo[User | None] = belongs_to(default=None)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: User.include(), FieldError, ["needs a path, such as include(User.friend)"]),
        (lambda: User.include("orders"), FieldError, ["not 'orders'", "write User.orders"]),
        (lambda: User.include(None), FieldError, ["takes paths", "None"]),
        (lambda: User.include(User), FieldError, ["takes paths"]),
        (lambda: User.include(User.name), FieldError, ["User.name is a field", "only="]),
        (lambda: User.include(User.orders.total), FieldError, ["User.orders.total is a field"]),
        (lambda: User.include(User.ordres), UnknownName, ["did you mean `orders`?"]),
        (lambda: User.include(User.orders.itms), UnknownName, ["did you mean `items`?"]),
        (
            lambda: User.include(Order.items),
            RelationError,
            ["starts at Order", "roots of this tree are User", "User.orders.items"],
        ),
        (lambda: User.include(User.orders, Order.items), RelationError, ["starts at Order"]),
        (
            lambda: User.include(User.orders, User.friend, limit=1),
            FieldError,
            ["several paths, or one with options", "limit"],
        ),
        (lambda: User.include(User.orders, limits=1), UnknownName, ["no option `limits`", "did you mean `limit`?"]),
        (
            lambda: User.include(User.orders, zebra=1),
            UnknownName,
            ["no option `zebra`", "there are 'where', 'order_by'"],
        ),
        (lambda: User.include(User.orders, limit=-1), FieldError, ["limit=", "0 or more", "-1"]),
        (lambda: User.include(User.orders, limit=True), FieldError, ["limit="]),
        (lambda: User.include(User.orders, offset="2"), FieldError, ["offset=", "'2'"]),
        (
            lambda: User.include(User.orders, where=User.name == "ann"),
            RelationError,
            ["speaks of User", "Order.user.name"],
        ),
        (lambda: User.include(User.orders, where=lambda order: True), FieldError, ["takes a predicate"]),
        (lambda: User.include(User.orders, where=Order.total), FieldError, ["takes a predicate"]),
        (lambda: User.include(User.orders, where=Order.total > "a"), FieldError, ["Order.total"]),
        (lambda: User.include(User.orders, order_by="total"), FieldError, ["order_by() takes columns", "Model.total"]),
        (lambda: User.include(User.orders, order_by=Order.items), FieldError, ["is a path"]),
        (lambda: User.include(User.orders, order_by=Order.items.amount), RelationError, ["to-many"]),
        (lambda: User.include(User.orders, order_by=User.name), RelationError, ["speaks of User"]),
        (lambda: User.include(User.orders, only="total"), FieldError, ["takes several fields", "'total'"]),
        (lambda: User.include(User.orders, only=Order.total), FieldError, ["takes several fields"]),
        (lambda: User.include(User.orders, only=3), FieldError, ["takes several fields", "3"]),
        (
            lambda: User.include(User.orders, only=["totl"]),
            UnknownName,
            ["Order has no field `totl`", "did you mean `total`?"],
        ),
        (lambda: User.include(User.orders, only=["items"]), FieldError, ["Order.items is a relation: include it"]),
        (lambda: User.include(User.orders, only=[Order.items]), FieldError, ["Order.items is a relation"]),
        (lambda: User.include(User.orders, only=[User.name]), FieldError, ["fields of Order", "User.name"]),
        (lambda: User.include(User.orders, only=[Order.user.name]), FieldError, ["fields of Order"]),
        (lambda: User.include(User.orders, only=["id", Order.id]), FieldError, ["names `id` twice"]),
        (lambda: User.include(User.orders, only=[None]), FieldError, ["names of fields", "None"]),
        (lambda: Order.include(Order.user, limit=1), RelationError, ["Order.user leads to one record", "limit="]),
        (
            lambda: User.include(User.best, order_by=Order.id),
            RelationError,
            ["User.best leads to one record", "order_by="],
        ),
        (lambda: Other.include(Other.record), RelationError, ["Other.record cannot be included", "`record` of a view"]),
        (lambda: Other.include(Other.user.friend, Other.record.orders), RelationError, ["Other.record"]),
    ],
)
def test_refusals(ask: Callable[[], Any], error: type[Exception], words: list[str]) -> None:
    db.clear()  # even with no rows
    with pytest.raises(error) as refused:
        ask()
    for each in words:
        assert each in str(refused.value), str(refused.value)


def test_a_tree_says_what_it_has_not(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    with pytest.raises(UnknownName, match=r"a Tree has no `pluck`: ask the query before include\(\)"):
        tree.pluck(User.name)
    with pytest.raises(UnknownName, match="did you mean `to_dicts`"):
        tree.to_dict()
    assert not hasattr(tree, "_nothing")
    with pytest.raises(UnknownName, match="did you mean `wher"):
        User.include(User.orders).wheer(id=1)


def test_conditions_nested_too_deep() -> None:
    condition = Order.total > 1
    for _ in range(30_000):
        condition = ~(condition & (Order.total > 0))
    with pytest.raises(FieldError, match="nested too deep"):
        User.include(User.orders, where=condition)


def test_a_very_long_path(world: dict[str, Any]) -> None:
    path: Any = User.friend
    for _ in range(300):
        path = path.friend
    tree = User.where(name="ann").include(path)
    assert len(tree.explain().nodes) == 301
    view = tree.one()
    for _ in range(301):
        view = view.friend
    assert view.name == "cid" or view.name in ("ann", "bob")
    depth, nested = 0, tree.to_dicts()[0]
    while nested is not None and "friend" in nested:
        depth, nested = depth + 1, nested["friend"]
    assert depth == 301


# ---------------------------------------------------------------- views


def test_a_view_shows_its_record(world: dict[str, Any]) -> None:
    view = User.include(User.orders)[0]
    assert view.record is world["ann"] and view.name == "ann" and view.id == 0
    assert view.shout() == "ANN" and view.friend is world["cid"]  # not included: the record's own
    assert view.friend_id == world["cid"].id
    assert list(view.fans) == list(world["ann"].fans)
    assert view.__class__ is View and isinstance(view, View)
    with pytest.raises(UnknownName, match="did you mean `name`"):
        read(view, "nmae")
    assert not hasattr(view, "__len__") and not hasattr(view, "_private")
    assert repr(view) == f"<View of {world['ann']!r} with orders>"
    assert repr(view.orders[0]) == f"<View of {world['o1']!r}>"
    assert repr(view.orders) == f"<branch User.orders: [{', '.join(map(repr, view.orders))}]>"


def test_what_a_view_lists(world: dict[str, Any]) -> None:
    view = User.include(User.orders, only=["total"])[0]
    assert {"record", "pivot", "name", "orders", "friend", "shout", "to_dict"} <= set(dir(view))
    assert not {"_sinew_node", "_sinew_hidden"} & set(dir(view))
    order = view.orders[0]
    assert {"total", "user", "items"} <= set(dir(order)) and not {"note", "price", "id"} & set(dir(order))


def test_only(world: dict[str, Any]) -> None:
    order = User.include(User.orders, only=["total"])[0].orders[0]
    assert order.total == 3 and order.record.note == "o1"
    for name in ("note", "id", "user_id"):
        with pytest.raises(UnknownName) as absent:
            getattr(order, name)
        assert f"User.orders do not show `{name}`" in str(absent.value) and f"view.record.{name}" in str(absent.value)
        assert not hasattr(order, name)
    assert order.user is world["ann"]  # relations are no fields
    none = User.include(User.orders, only=[]).include(User.orders.items.product, only=["title"])
    assert none.to_dicts()[0]["orders"][0] == {
        "items": [
            {"id": 1, "amount": 2, "order_id": 1, "product_id": 0, "product": {"title": "p"}},
            {"id": 2, "amount": 1, "order_id": 1, "product_id": 1, "product": {"title": "q"}},
            {"id": 6, "amount": 6, "order_id": 1, "product_id": 0, "product": {"title": "p"}},
        ]
    }


def test_views_are_read_only(world: dict[str, Any]) -> None:
    view = User.include(User.orders)[0]
    with pytest.raises(FieldError, match=r"view.record.name = \.\.\."):
        view.name = "x"
    with pytest.raises(FieldError, match="what is in it is changed on the record"):
        view.orders = []
    with pytest.raises(FieldError, match="read-only"):
        view.record = world["bob"]
    with pytest.raises(FieldError, match="read-only"):
        del view.name
    for verb in ("append", "remove", "create", "clear"):
        with pytest.raises(UnknownName, match=rf"read-only.*view.record.orders.{verb}"):
            getattr(view.orders, verb)
    with pytest.raises(UnknownName, match="a Branch has no `plukc`; did you mean `pluck`"):
        read(view.orders, "plukc")
    with pytest.raises(TypeError):
        view.orders[0] = 3
    assert world["ann"].name == "ann"


def test_equality_and_hash(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    first, again = tree[0], tree[0]
    assert first == again and hash(first) == hash(again) and first is not again
    assert first != tree[1] and first != world["ann"] and first != 3
    assert first != User.include(User.orders)[0]  # another tree's node
    assert first.orders == again.orders and first.orders == list(again.orders) and first.orders != tree[1].orders
    assert first.orders != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(first.orders)
    with pytest.raises(TypeError):
        first < again  # noqa: B015
    assert len({view.friend for view in User.include(User.friend)}) == 3


def test_neither_copied_nor_made_by_hand(world: dict[str, Any]) -> None:
    view = User.include(User.orders)[0]
    for thing in (view, view.orders):
        for act in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(SinewError, match="cannot be copied or pickled"):
                act(thing)
        with pytest.raises(TypeError, match="not made by hand"):
            type(thing)()


def test_a_field_or_relation_of_a_name_that_views_use(world: dict[str, Any]) -> None:
    other = Other(record=world["bob"], user=world["ann"])
    view = Other.include(Other.user)[0]
    assert view.record is other and view.record.record is world["bob"] and view.pivot == 3
    with pytest.raises(UnknownName, match="User has no attribute `pivot`"):
        read(view.user, "pivot")
    assert Other.include(Other.user).to_dicts()[0]["pivot"] == 3


# ---------------------------------------------------------------- branches


def test_a_branch_is_a_sequence(world: dict[str, Any]) -> None:
    orders = User.include(User.orders)[0].orders
    assert len(orders) == 3 and orders[0].note == "o1" and orders[-1].note == "o4"
    assert notes(orders[1:]) == ["o3", "o4"] and notes(orders[::-1]) == ["o4", "o3", "o1"]
    assert notes(reversed(orders)) == ["o4", "o3", "o1"]
    assert world["o1"] in orders and orders[0] in orders and world["o2"] not in orders and 3 not in orders
    assert (orders.first().note, orders.last().note) == ("o1", "o4")
    assert isinstance(orders.first(), View)
    empty = User.include(User.orders)[2].orders
    assert not empty and empty.first() is None and empty.last() is None and empty.one_or_none() is None
    with pytest.raises(NotFound, match=r"branch User.orders is empty"):
        empty.one()
    with pytest.raises(SinewError, match="has 3 views"):
        orders.one()
    for place in (3, -4, 1 << 70):
        with pytest.raises(IndexError):
            orders[place]
    with pytest.raises(FieldError, match="branch User.orders is indexed by"):
        orders["o1"]


def test_every_verb_of_a_query(world: dict[str, Any]) -> None:
    orders = User.include(User.orders, where=Order.total > 2)[0].orders
    assert orders.pluck(Order.note) == ["o1", "o3"] and orders.count() == 2 and orders.exists()
    assert (orders.sum(Order.total), orders.max(Order.total), orders.avg(Order.total)) == (10, 7, 5.0)
    assert orders.where(Order.total > 5).one() is world["o3"]
    assert notes(orders.order_by(Order.total.desc())) == ["o3", "o1"]
    assert notes(orders.offset(1)) == ["o3"] and notes(orders.limit(1)) == ["o1"]
    assert orders.select(Order.note, n=count(Order.items)) == [{"note": "o1", "n": 3}, {"note": "o3", "n": 1}]
    assert orders.group_by(Order.user).agg(n=count()) == [{"user": world["ann"], "n": 2}]
    assert orders.find(3).note == "o3" and orders.find(2) is None and orders.get(1).note == "o1"
    assert isinstance(orders.find(3), View) and orders.find_by(total=7).note == "o3" and orders.find_by(total=9) is None
    with pytest.raises(NotFound):
        orders.get(2)
    assert [len(batch) for batch in orders.in_batches(1)] == [1, 1]
    assert orders.explain().access == "rows"
    assert "among 2 rows" in repr(orders.all())
    assert orders.where(Order.total > 5).update(note="seen") == 1 and world["o3"].note == "seen"


def test_deleting_through_a_branch_takes_its_rows_alone(world: dict[str, Any]) -> None:
    orders = User.include(User.orders, limit=1)[0].orders
    assert orders.delete() == 1
    assert not sinew._engine.alive(world["o1"]) and Order.count() == 5
    assert orders.count() == 0 and len(orders) == 1


# ---------------------------------------------------------------- records that go


def test_views_of_deleted_records(world: dict[str, Any]) -> None:
    kept = User.include(User.orders)[:]
    view, branch = kept[0].orders[0], kept[0].orders
    same = kept[0].orders[0]
    world["o1"].delete()
    for ask in (lambda: view.record, lambda: view.note, lambda: view.user, lambda: view.shout):
        with pytest.raises(RecordDeleted, match="this Order has been deleted"):
            ask()
    assert repr(view) == "<View of a record (deleted)>" and view == same and hash(view) == hash(same)
    assert len(branch) == 3 and view in branch and "total" in dir(view)
    assert branch.pluck(Order.note) == ["o3", "o4"]  # a query passes over what is gone
    assert list(kept[0].orders)[1].note == "o3"


def test_clear_and_close() -> None:
    own = Database()
    user = define("Person", {"name": str, "pets": has_many("Pet")}, db=own)
    pet = define("Pet", {"name": str, "owner": belongs_to("Person")}, db=own)
    pet(name="rex", owner=user(name="ann"))
    tree = user.include(user.pets)
    kept = tree[0]
    own.clear()
    with pytest.raises(RecordDeleted):
        read(kept, "name")
    pet(name="tom", owner=user(name="bob"))  # at the same positions
    with pytest.raises(RecordDeleted):
        read(kept.pets[0], "name")
    assert tree[0].pets[0].name == "tom" and tree[0] != kept
    own.close()
    for ask in (tree.to_dicts, tree.first, lambda: list(tree)):
        with pytest.raises(SinewError, match="closed"):
            ask()


def test_a_transaction_that_is_rolled_back(world: dict[str, Any]) -> None:
    tree = User.include(User.orders)
    with db.transaction() as tx:
        Order(user=world["dan"], note="new")
        inside = tree[3].orders
        assert notes(inside) == ["new"]
        tx.rollback()
    assert notes(tree[3].orders) == [] and len(inside) == 1
    with pytest.raises(RecordDeleted):
        read(inside[0], "note")


# ---------------------------------------------------------------- what Python computes


def test_conditions_that_python_computes(world: dict[str, Any]) -> None:
    by_price = User.include(User.orders, where=Order.price * 2 < Decimal("1"))
    assert [notes(u.orders) for u in by_price] == [[], ["o6"], [], []]
    matching = User.include(User.orders, where=Order.note.matches("[1346]"), limit=1, order_by=Order.id.desc())
    assert [notes(u.orders) for u in matching] == [["o4"], ["o6"], [], []]
    ordered = User.include(User.orders, order_by=(Order.price * 2, Order.id))
    assert [notes(u.orders) for u in ordered] == [["o1", "o3", "o4"], ["o6", "o2"], [], []]
    below = matching.include(User.orders.items, where=Item.order.note.matches("4"))
    assert below.to_dicts()[0]["orders"][0]["items"] == []
    inner = User.include(User.orders.items, where=Item.product.title.matches("q|p"), limit=1)
    assert [[[i.id for i in o.items] for o in u.orders] for u in inner] == [[[1], [], []], [[3], []], [], []]
    shared = Item.include(Item.product.items, where=Item.order.note.matches("1"))
    assert [v.product and [i.id for i in v.product.items] for v in shared] == [[1, 6], [2], [1, 6], None, [2], [1, 6]]


def test_moments_are_those_of_the_question(world: dict[str, Any]) -> None:
    tree = User.include(User.orders, where=Order.at > now() - timedelta(days=1))
    db.clock.freeze(datetime(2024, 6, 1, 12))
    assert [notes(u.orders) for u in tree] == [[], ["o6"], [], []]
    db.clock.freeze(datetime(2024, 1, 1, 12))
    assert [notes(u.orders) for u in tree] == [["o1", "o3", "o4"], ["o2", "o6"], [], []]


# ---------------------------------------------------------------- one state of the store


def test_a_question_shows_one_state(world: dict[str, Any]) -> None:
    """Another thread moves orders in pairs, which no answer may show apart."""
    stop, ann, bob = threading.Event(), world["ann"], world["bob"]
    Order.all().update(user=ann)
    first, second = Order.order_by(Order.id).limit(2)

    both = Order.where(Order.id.in_([first.id, second.id]))

    def move() -> None:
        while not stop.is_set():
            both.update(user=bob if first.user is ann else ann)

    tree = User.include(User.orders, only=["id"], order_by=Order.id).include(User.orders.user, only=["id"])
    thread = threading.Thread(target=move)
    thread.start()
    try:
        for _ in range(200):
            for user in tree[:2]:
                ids = {order.record.id for order in user.orders} & {first.id, second.id}
                assert ids in ({first.id, second.id}, set())
    finally:
        stop.set()
        thread.join()


def test_a_tree_that_is_never_left_in_peace(world: dict[str, Any]) -> None:
    def disturb(user: Any) -> bool:
        user.role += "x"
        return True

    tree = User.where(disturb).include(User.orders)
    assert len(list(tree)) == 4  # after some attempts it takes what there is


# ---------------------------------------------------------------- models that change


def test_models_defined_anew() -> None:
    own = Database()

    def person(**more: Any) -> Any:
        return define("Person", {"name": str, "pets": has_many("Pet"), **more}, db=own)

    Person = person()
    Pet = define("Pet", {"name": str, "owner": belongs_to("Person")}, db=own)
    Pet(name="rex", owner=Person(name="ann"))
    tree = Person.include(Person.pets, only=["name"], order_by=Pet.name)
    assert tree.to_dicts() == [{"id": 1, "name": "ann", "pets": [{"name": "rex"}]}]
    kept = tree[0]
    person(age=field(type=int, default=3))
    assert tree.to_dicts() == [{"id": 1, "name": "ann", "age": 3, "pets": [{"name": "rex"}]}]
    assert kept.name == "ann" and kept.pets[0].name == "rex"
    define("Pet", {"title": field(type=str, default=""), "owner": belongs_to("Person")}, db=own)
    with pytest.raises(UnknownName, match="no field `name` any more"):
        tree.to_dicts()


# ---------------------------------------------------------------- memory


def test_no_object_for_a_row_that_nobody_asked_for(world: dict[str, Any]) -> None:
    Order.insert_many({"user_id": [0] * 20_000, "total": range(20_000)})
    tree = User.include(User.orders.items)
    gc.collect()
    before = len(gc.get_objects())
    kept = tree[:]
    assert len(gc.get_objects()) - before < 100
    assert len(kept[0].orders) == 20_003


def holder_of_a_view() -> weakref.ref[Database]:
    own = Database()
    person = define("Person", {"name": str, "any": field(type=Any, default=None), "pets": has_many("Pet")}, db=own)
    define("Pet", {"name": str, "owner": belongs_to("Person")}, db=own)
    ann = person(name="ann")
    ann.any = person.include(person.pets)[0]  # through the store back to itself
    own.close()
    return weakref.ref(own)


def test_views_do_not_keep_what_leads_back() -> None:
    gone = holder_of_a_view()
    gc.collect()
    assert gone() is None


# ---------------------------------------------------------------- against plain loops

NODES: dict[type, list[tuple[str, type]]] = {
    User: [("orders", Order), ("friend", User), ("fans", User), ("best", Order), ("large", Order),
           ("products", Product), ("bought", Product), ("following", User), ("known", User)],
    Order: [("items", Item), ("user", User)],
    Item: [("order", Order), ("product", Product)],
    Product: [("items", Item), ("users", User)],
}  # fmt: skip
NUMBER = {User: "id", Order: "total", Item: "amount", Product: "id"}


class Naive:
    """A node as plain data: what to keep of the targets of a record, and what is below."""

    def __init__(self, name: str, model: type, rng: random.Random, depth: int) -> None:
        self.name, self.model = name, model
        self.number = NUMBER[model]
        self.over = rng.choice([None, None, 2, 4])
        self.descending = rng.choice([None, False, True])
        self.limit = rng.choice([None, None, 0, 1, 2])
        self.offset = rng.choice([None, None, 1, 2])
        self.only = rng.choice([None, ["id"], [self.number, "id"] if self.number != "id" else ["id"]])
        self.below = below(model, rng, depth)

    def options(self, single: bool) -> dict[str, Any]:
        column = getattr(self.model, self.number)
        found: dict[str, Any] = {"only": self.only, "where": None if self.over is None else column > self.over}
        if not single:
            order = None if self.descending is None else (column.desc() if self.descending else column)
            found |= {"order_by": order, "limit": self.limit, "offset": self.offset}
        return {name: value for name, value in found.items() if value is not None}

    def pick(self, record: Any) -> list[Any]:
        targets = getattr(record, self.name)
        single = targets is None or isinstance(targets, Model)
        listed = [] if targets is None else [targets] if single else list(targets)
        value = lambda each: getattr(each, self.number)  # noqa: E731
        if self.over is not None:
            listed = [each for each in listed if value(each) is not None and value(each) > self.over]
        if single:
            return listed
        if self.descending is not None:
            some = [each for each in listed if value(each) is not None]
            some.sort(key=value, reverse=self.descending)  # which keeps ties in their order, either way
            listed = [*some, *(each for each in listed if value(each) is None)]
        start = self.offset or 0
        return listed[start : None if self.limit is None else start + self.limit]

    def dict_of(self, record: Any) -> dict[str, Any]:
        whole = record.to_dict()
        shown = whole if self.only is None else {name: whole[name] for name in self.only}
        return {**shown, **nested(self.below, record)}


def below(model: type, rng: random.Random, depth: int) -> list[Naive]:
    if depth == 0:
        return []
    names = rng.sample(NODES[model], k=min(len(NODES[model]), rng.choice([0, 1, 1, 2, 2, 3])))
    return [Naive(name, target, rng, depth - 1) for name, target in names]


def is_single(model: type, name: str) -> bool:
    return not model.__sinew__.relations[name].to_many  # type: ignore[attr-defined]


def nested(nodes: list[Naive], record: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in nodes:
        dicts = [node.dict_of(each) for each in node.pick(record)]
        found[node.name] = (dicts[0] if dicts else None) if is_single(type(record), node.name) else dicts
    return found


def include_all(tree: Any, model: Any, path: Any, nodes: list[Naive]) -> Any:
    for node in nodes:
        step = getattr(path, node.name)
        tree = tree.include(step, **node.options(is_single(model, node.name)))
        tree = include_all(tree, node.model, step, node.below)
    return tree


def by_views(view: Any, record: Any, nodes: list[Naive]) -> None:
    assert view.record is record
    for node in nodes:
        expected, found = node.pick(record), getattr(view, node.name)
        if is_single(type(record), node.name):
            found = [] if found is None else [found]
        assert [each.record for each in found] == expected
        for each, target in zip(found, expected, strict=True):
            if node.only is not None:
                assert {name: getattr(each, name) for name in node.only} == {n: getattr(target, n) for n in node.only}
            by_views(each, target, node.below)


def fill(rng: random.Random) -> None:
    db.clear()
    some = rng.choice([0, 1, 3, 6])
    users = [User(id=number, name=f"u{number}") for number in range(some)]
    products = [Product(id=number, title=f"p{number}") for number in range(rng.choice([0, 1, 4]))]
    for user in users:
        if rng.random() < 0.7:
            user.friend = rng.choice(users)
    orders = [
        Order(total=rng.choice([None, 0, 1, 3, 3, 5, 9]), user=rng.choice([*users, None]))
        for _ in range(rng.choice([0, 4, 20]))
    ]
    for _ in range(rng.choice([0, 5, 25]) if orders else 0):
        Item(order=rng.choice(orders), product=rng.choice([*products, None]), amount=rng.randrange(8))
    if orders and rng.random() < 0.5:
        rng.choice(orders).delete()


@pytest.mark.parametrize("seed", range(120))
def test_random_trees(seed: int) -> None:
    rng = random.Random(seed)
    fill(rng)
    model: Any = rng.choice(list(NODES))
    nodes = below(model, rng, 4) or [Naive(*NODES[model][0], rng, 1)]
    tree = include_all(model.include(getattr(model, nodes[0].name)), model, model, nodes)
    roots = list(model.all())
    assert tree.to_dicts() == [{**root.to_dict(), **nested(nodes, root)} for root in roots]
    views = list(tree)
    for view, root in zip(views, roots, strict=True):
        by_views(view, root, nodes)
    if roots:
        last = len(roots) - 1
        assert tree[last].record is tree[-1].record is tree.last().record is roots[-1]


def test_large(world: dict[str, Any]) -> None:
    db.clear()
    rng = random.Random(1)
    User.insert_many({"name": [f"u{number}" for number in range(300)]})
    owners = [rng.randrange(300) + 1 for _ in range(9_000)]
    Order.insert_many({"user_id": owners, "total": [rng.randrange(1000) for _ in range(9_000)]})
    children: dict[int, list[int]] = {}
    for number, owner in enumerate(owners, 1):
        children.setdefault(owner, []).append(number)
    tree = User.include(User.orders, only=["id"])
    assert [[o["id"] for o in u["orders"]] for u in tree.to_dicts()] == [children.get(n, []) for n in range(1, 301)]
    total = dict(zip(range(1, 9_001), Order.pluck(Order.total), strict=True))
    best = User.include(User.orders, order_by=(Order.total.desc(), Order.id), limit=3, offset=1)
    expected = [sorted(children.get(n, []), key=lambda o: (-total[o], o))[1:4] for n in range(1, 301)]
    assert [[order.id for order in user.orders] for user in best] == expected
