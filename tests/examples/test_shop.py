"""A shop in ten steps."""

from __future__ import annotations

from types import ModuleType

import pytest

from sinew import FieldError


def bought(shop: ModuleType, user: int) -> list[int]:
    """The products of a user's items, one for each item, in the order of the orders."""
    orders = [key for key, _, _, buyer in shop.ORDERS if buyer == user]
    return [product for order in orders for at, product, _, _ in shop.ITEMS if at == order]


def test_what_users_bought(shop: ModuleType) -> None:
    names = {key: name for key, name, *_ in shop.PRODUCTS}
    days = {key: day for key, day, *_ in shop.ORDERS}
    expected = []
    for user, name, _ in shop.USERS:
        products = list(dict.fromkeys(bought(shop, user)))
        last = {
            product: max(days[order] for order, at, *_ in shop.ITEMS if at == product and user == shop.ORDERS[order][3])
            for product in products
        }
        lately = sorted(products, key=lambda product: (-last[product].toordinal(), names[product]))[:2]
        expected.append((name, [names[key] for key in products], [names[key] for key in lately]))
    assert shop.bought() == expected


def test_what_was_bought_again(shop: ModuleType) -> None:
    items = {user: bought(shop, user) for user, *_ in shop.USERS}
    assert shop.again() == [(name, len(items[key]) - len(set(items[key]))) for key, name, _ in shop.USERS]
    for user, listed in items.items():
        assert shop.User[user].purchases.pluck(shop.Product.id) == listed


def test_revenue_and_what_was_spent(shop: ModuleType) -> None:
    buyer = {order: user for order, _, _, user in shop.ORDERS}
    rows = [
        {
            "name": name,
            "earned": sum(quantity * price for _, product, quantity, price in shop.ITEMS if product == key),
            "buyers": len({buyer[order] for order, product, *_ in shop.ITEMS if product == key}),
        }
        for key, name, *_ in shop.PRODUCTS
    ]
    assert shop.revenue() == sorted(rows, key=lambda row: -row["earned"])
    assert shop.spent() == [
        {
            "name": name,
            "spent": sum(quantity * price for order, _, quantity, price in shop.ITEMS if buyer[order] == user),
            "orders": sum(by == user for by in buyer.values()),
            "last": max((day for _, day, _, by in shop.ORDERS if by == user), default=None),
        }
        for user, name, _ in shop.USERS
    ]


def test_what_is_missing(shop: ModuleType) -> None:
    filled = {order for order, *_ in shop.ITEMS}
    reviewed = {(user, product) for user, product, *_ in shop.REVIEWS}
    users = {key: name for key, name, _ in shop.USERS}
    assert shop.missing() == [
        ("never sold", [name for key, name, *_ in shop.PRODUCTS if key not in {item[1] for item in shop.ITEMS}]),
        ("never ordered", [name for key, name in users.items() if key not in {order[3] for order in shop.ORDERS}]),
        ("an order of nothing", [users[user] for order, _, _, user in shop.ORDERS if order not in filled]),
        (
            "bought, not reviewed",
            [name for key, name in users.items() if {(key, product) for product in bought(shop, key)} - reviewed],
        ),
    ]


def test_whose_latest_order_waits(shop: ModuleType) -> None:
    latest = {user: status for _, _, status, user in sorted(shop.ORDERS, key=lambda order: order[1])}
    assert shop.waiting() == [name for key, name, _ in shop.USERS if latest.get(key) == "open"]


def test_stars(shop: ModuleType) -> None:
    rows = []
    for key, name, *_ in shop.PRODUCTS:
        given = [stars for _, product, stars, _ in shop.REVIEWS if product == key]
        rows.append(
            {"name": name, "stars": sum(given) / len(given) if given else None, "bad": sum(n < 3 for n in given)}
        )
    rows.sort(key=lambda row: (row["stars"] is None, -(row["stars"] or 0), row["name"]))
    assert shop.stars() == rows


def test_an_order_is_placed_whole_or_not_at_all(shop: ModuleType) -> None:
    ann, chair, desk = shop.User[0], shop.Product[1], shop.Product[2]
    with pytest.raises(FieldError, match=r"Product\.stock: its check= refuses -1"):
        shop.place(ann, {chair: 2, desk: 2})
    assert (shop.Order.count(), shop.Item.count(), chair.stock, desk.stock) == (5, 7, 2, 1)
    order = shop.place(ann, {chair: 2, desk: 1})
    assert ann.latest is order and [(item.product, item.price) for item in order.items] == [
        (chair, chair.price),
        (desk, desk.price),
    ]
    assert (chair.stock, desk.stock) == (0, 0)


def test_what_was_sold_is_not_deleted(shop: ModuleType) -> None:
    assert "2 Item by `product`" in shop.withdraw(shop.Product[1])
    assert shop.withdraw(shop.Product[3]).endswith("is gone") and shop.Product.count() == 3
