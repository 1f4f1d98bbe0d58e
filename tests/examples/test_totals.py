"""A shop's totals, against plain Python over the same orders and items."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class Plain:
    """The same data in dicts, and every total computed from scratch."""

    def __init__(self, module: ModuleType) -> None:
        self.names = dict(module.CUSTOMERS)
        self.prices = {key: price for key, _, price in module.PRODUCTS}
        self.orders = {key: [customer, placed, off] for key, customer, placed, off in module.ORDERS}
        self.items = module.ITEMS

    def total(self, order: int) -> int:
        amounts = [quantity * self.prices[product] for _, at, product, quantity in self.items if at == order]
        return int(sum(amounts) * (100 - self.orders[order][2]) // 100)

    def spent(self, customer: int) -> int:
        return sum(self.total(order) for order, (by, _, _) in self.orders.items() if by == customer)

    def best(self) -> list[dict[str, Any]]:
        rows = []
        for key in sorted(self.names, key=lambda key: -self.spent(key)):
            spent = self.spent(key)
            level = "gold" if spent >= 20_000 else "silver" if spent >= 5_000 else "-"
            count = sum(by == key for by, _, _ in self.orders.values())
            rows.append({"name": self.names[key], "spent": spent, "level": level, "orders": count})
        return rows


def test_best_customers_and_what_is_computed_for_them(totals: ModuleType) -> None:
    plain = Plain(totals)
    every = [*(f"item {n}" for n in range(1, 6)), *(f"order {n}" for n in range(1, 4)), "Ann", "Bob", "Cid"]
    assert totals.best_customers() == [*plain.best(), {"computed": sorted(every)}]
    assert totals.best_customers() == [*plain.best(), {"computed": []}]
    plain.prices[3] = 500
    assert totals.a_price() == [
        *plain.best(),
        {"computed": ["Ann", "Bob", "item 2", "item 4", "order 1", "order 3"]},
    ]
    plain.orders[3][2] = 50
    assert totals.a_discount() == [*plain.best(), {"computed": ["Bob", "order 3"]}]
    plain.orders[2][0] = 2
    assert totals.another_customer() == [*plain.best(), {"computed": ["Ann", "Bob"]}]
    assert totals.a_new_title() == [*plain.best(), {"computed": []}]


def test_each_is_computed_once(totals: ModuleType) -> None:
    totals.ran.clear()
    for question in (totals.by_level, totals.latest):
        question()
    totals.Customer.pluck(totals.Customer.level, totals.Customer.spent)
    assert len(totals.ran) == len(set(totals.ran)) == 11


def test_large_orders(totals: ModuleType) -> None:
    plain = Plain(totals)
    totals.best_customers()
    for least in (0, 4_100, 6_000, 100_000):
        assert totals.large_orders(least) == [
            *(
                {"id": key, "customer_name": plain.names[by], "total": plain.total(key), "pieces": pieces}
                for key, (by, _, _) in plain.orders.items()
                for pieces in [sum(quantity for _, at, _, quantity in plain.items if at == key)]
                if plain.total(key) >= least
            ),
            {"computed": []},
        ]


def test_levels(totals: ModuleType) -> None:
    rows = Plain(totals).best()
    levels = [row["level"] for row in rows]
    found = {row["level"]: (row["n"], row["spent"]) for row in totals.by_level()}
    assert found == {
        level: (levels.count(level), sum(row["spent"] for row in rows if row["level"] == level))
        for level in set(levels)
    }


def test_the_last_orders(totals: ModuleType) -> None:
    plain = Plain(totals)
    for row, (key, name) in zip(totals.latest(), plain.names.items(), strict=True):
        dates = [placed for by, placed, _ in plain.orders.values() if by == key]
        assert row == {"name": name, "last": max(dates).isoformat() if dates else None}
