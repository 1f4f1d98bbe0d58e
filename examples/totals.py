"""A shop's totals: getters over orders, items, prices and discounts, used like columns.

    python examples/totals.py

Each total is written once, as Python over the record, and asked for in queries, orders and groups. A change of one
price is followed by those totals that it is in.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    Model,
    belongs_to,
    count,
    count_of,
    delegate,
    field,
    getter,
    has_many,
    latest_of,
    sum_,
    sum_of,
)

shop = Database()
Rows = list[dict[str, Any]]
ran: list[str] = []  # which totals were computed since the last question


class Base(Model, db=shop, abstract=True):
    """The family of models that live in `shop`."""


class Customer(Base):
    name: Attr[str]
    orders: HasMany[Order] = has_many(inverse=lambda: Order.customer)
    order_count = count_of(lambda: Customer.orders)
    last_order = latest_of(lambda: Customer.orders.placed)

    @getter
    def spent(self) -> int:
        ran.append(self.name)
        return sum(order.total for order in self.orders)

    @getter
    def level(self) -> str:
        """Coarse: most changes of what somebody spent are stopped here."""
        return "gold" if self.spent >= 20_000 else "silver" if self.spent >= 5_000 else "-"


class Order(Base):
    placed: Attr[date]
    percent_off: Attr[int] = field(default=0)
    customer: BelongsTo[Customer] = belongs_to(on_delete="cascade")
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)
    customer_name = delegate(lambda: Order.customer.name)
    pieces = sum_of(lambda: Order.items.quantity)

    @getter
    def total(self) -> int:
        """In cents, after the discount."""
        ran.append(f"order {self.id}")
        return sum(item.amount for item in self.items) * (100 - self.percent_off) // 100


class Product(Base):
    title: Attr[str]
    price: Attr[int]
    items: HasMany[Item] = has_many(inverse=lambda: Item.product)


class Item(Base):
    quantity: Attr[int] = field(default=1)
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    product: BelongsTo[Product] = belongs_to()

    @getter
    def amount(self) -> int:
        ran.append(f"item {self.id}")
        return self.quantity * self.product.price


CUSTOMERS = [(1, "Ann"), (2, "Bob"), (3, "Cid")]
PRODUCTS = [(1, "lamp", 2_500), (2, "chair", 9_000), (3, "cup", 400)]
ORDERS = [
    (1, 1, date(2030, 1, 5), 0),
    (2, 1, date(2030, 2, 1), 10),
    (3, 2, date(2030, 1, 20), 0),
]  # id, customer, placed, off
ITEMS = [(1, 1, 1, 2), (2, 1, 3, 6), (3, 2, 2, 2), (4, 3, 3, 4), (5, 3, 1, 1)]  # id, order, product, quantity


def fill() -> None:
    Customer.insert_many(CUSTOMERS, columns=["id", "name"])
    Product.insert_many(PRODUCTS, columns=["id", "title", "price"])
    Order.insert_many(ORDERS, columns=["id", "customer_id", "placed", "percent_off"])
    Item.insert_many(ITEMS, columns=["id", "order_id", "product_id", "quantity"])


def computed() -> list[str]:
    """What was computed since this was last asked."""
    found = sorted(set(ran))
    ran.clear()
    return found


def best_customers() -> Rows:
    """Who spent most? A getter is a column: ordered by, selected, filtered."""
    rows = Customer.order_by(Customer.spent.desc()).select(
        Customer.name, Customer.spent, Customer.level, orders=Customer.order_count
    )
    return [*rows, {"computed": computed()}]


def large_orders(least: int = 6_000) -> Rows:
    """Which orders are large? Their totals are known from before: nothing is computed."""
    rows = Order.where(Order.total >= least).select(Order.id, Order.customer_name, Order.total, Order.pieces)
    return [*rows, {"computed": computed()}]


def by_level() -> Rows:
    """How many customers has each level, and what did they spend?"""
    return Customer.group_by(Customer.level).agg(n=count(), spent=sum_(Customer.spent))


def latest() -> Rows:
    """What did each of them order last? The record itself is the value."""
    return [
        {"name": customer.name, "last": None if customer.last_order is None else customer.last_order.placed.isoformat()}
        for customer in Customer.all()
    ]


def a_price() -> Rows:
    """The cup becomes dearer: two items, their orders and customers are computed again. Nobody's level changes."""
    Product.where(title="cup").update(price=500)
    return best_customers()


def a_discount() -> Rows:
    """A discount on one order: the amounts of its items are what they were."""
    Order[3].percent_off = 50
    return best_customers()


def another_customer() -> Rows:
    """An order turns out to be Bob's."""
    Order[2].customer = Customer[2]
    return best_customers()


def a_new_title() -> Rows:
    """The lamp gets another name, which no total reads."""
    Product.where(title="lamp").update(title="big lamp")
    return best_customers()


def main() -> None:
    fill()
    questions = (best_customers, large_orders, by_level, latest, a_price, a_discount, another_customer, a_new_title)
    for question in questions:
        print(question.__doc__)
        for row in question():
            print("   ", *(f"{name}: {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
