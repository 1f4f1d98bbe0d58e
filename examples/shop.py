"""A shop in ten steps: users, products, orders with their items, reviews.

    python examples/shop.py

Nothing here adds up, joins or groups by hand, and no total is stored: each is asked of the records.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DeleteRestricted,
    Expr,
    FieldError,
    HasMany,
    HasOne,
    Model,
    avg,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    has_one,
    max_,
    sum_,
)

shop = Database()
Rows = list[dict[str, Any]]


class Record(Model, db=shop, abstract=True):
    """The family of models that live in `shop`."""


class User(Record):
    name: Attr[str]
    city: Attr[str | None] = field(default=None)
    orders: HasMany[Order] = has_many(inverse=lambda: Order.user)
    latest: HasOne[Order | None] = has_one(inverse=lambda: Order.user, order_by=lambda: Order.day.desc())
    items: HasMany[Item] = has_many(through=lambda: User.orders.items)
    products: HasMany[Product] = has_many(through=lambda: User.orders.items.product)
    recent: HasMany[Product] = has_many(
        through=lambda: User.orders.items.product, order_by=lambda: (Order.day.desc(), Product.name), limit=2
    )
    purchases: HasMany[Product] = has_many(through=lambda: User.orders.items.product, distinct=False)
    reviews: HasMany[Review] = has_many(inverse=lambda: Review.user)
    reviewed: HasMany[Product] = has_many(through=lambda: User.reviews.product)
    to_review: HasMany[Product] = has_many(difference=lambda: (User.products, User.reviewed))


class Product(Record):
    name: Attr[str] = field(unique=True)
    price: Attr[Decimal] = field(check=lambda price: price >= 0)
    stock: Attr[int] = field(default=0, check=lambda stock: stock >= 0)
    items: HasMany[Item] = has_many(inverse=lambda: Item.product)
    buyers: HasMany[User] = has_many(through=lambda: Product.items.order.user)
    reviews: HasMany[Review] = has_many(inverse=lambda: Review.product)


class Order(Record):
    day: Attr[date]
    status: Attr[str] = field(default="open")
    user: BelongsTo[User] = belongs_to()
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)

    @classmethod
    def unpaid(cls) -> Expr:
        return cls.status == "open"


class Item(Record):
    """So many of a product in an order, at the price of that day."""

    quantity: Attr[int] = field(check=lambda quantity: quantity > 0)
    price: Attr[Decimal]
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    product: BelongsTo[Product] = belongs_to()


class Review(Record, unique=[("user", "product")]):
    stars: Attr[int] = field(check=lambda stars: 0 <= stars <= 5)
    text: Attr[str | None] = field(default=None)
    user: BelongsTo[User] = belongs_to(on_delete="cascade")
    product: BelongsTo[Product] = belongs_to(on_delete="cascade")


USERS = [(0, "Ann", "Oslo"), (1, "Bob", None), (2, "Cid", "Rome"), (3, "Dan", "Oslo")]
PRODUCTS = [
    (0, "Lamp", Decimal("30.00"), 4),
    (1, "Chair", Decimal("55.50"), 2),
    (2, "Desk", Decimal("220.00"), 1),
    (3, "Rug", Decimal("80.00"), 0),
]
ORDERS = [
    (0, date(2030, 1, 5), "paid", 0),
    (1, date(2030, 2, 1), "paid", 1),
    (2, date(2030, 3, 9), "open", 0),
    (3, date(2030, 1, 20), "paid", 0),
    (4, date(2030, 4, 2), "open", 3),
]
ITEMS = [  # order, product, quantity, price
    (0, 0, 2, Decimal("28.00")),
    (0, 1, 1, Decimal("50.00")),
    (1, 0, 1, Decimal("30.00")),
    (1, 2, 1, Decimal("220.00")),
    (2, 1, 4, Decimal("55.50")),
    (3, 0, 1, Decimal("30.00")),
    (3, 0, 1, Decimal("25.00")),
]
REVIEWS = [(0, 0, 5, "bright"), (1, 0, 0, None), (1, 2, 4, "solid"), (2, 1, 3, None)]  # user, product, stars, text


def fill() -> None:
    """1. Records go in, parents first, all of them or none."""
    User.insert_many(USERS, columns=["id", "name", "city"])
    Product.insert_many(PRODUCTS, columns=["id", "name", "price", "stock"])
    Order.insert_many(ORDERS, columns=["id", "day", "status", "user_id"])
    Item.insert_many(ITEMS, columns=["order_id", "product_id", "quantity", "price"])
    Review.insert_many(REVIEWS, columns=["user_id", "product_id", "stars", "text"])


def bought() -> list[tuple[str, list[str], list[str]]]:
    """2. What has each user bought: each product once, and the latest two by the day of the order on the way?"""
    return [(user.name, user.products.pluck(Product.name), user.recent.pluck(Product.name)) for user in User.all()]


def again() -> list[tuple[str, int]]:
    """3. How many purchases were of something bought before? One entry for each way, less one for each target."""
    return [(user.name, len(user.purchases) - len(user.products)) for user in User.all()]


def revenue() -> Rows:
    """4. What has each product brought, and from how many buyers?"""
    earned = sum_(Product.items.quantity * Product.items.price)
    return Product.order_by(earned.desc()).select(Product.name, earned=earned, buyers=count(Product.buyers))


def spent() -> Rows:
    """5. What has each user spent, on how many orders, the last of them when?"""
    total = sum_(User.items.quantity * User.items.price)
    return User.select(User.name, spent=total, orders=count(User.orders), last=max_(User.orders.day))


def missing() -> list[tuple[str, list[str]]]:
    """6. What is missing?"""
    return [
        ("never sold", Product.where(~exists(Product.items)).pluck(Product.name)),
        ("never ordered", User.where(~exists(User.orders)).pluck(User.name)),
        ("an order of nothing", Order.where(~exists(Order.items)).pluck(Order.user.name)),
        ("bought, not reviewed", User.where(exists(User.to_review)).pluck(User.name)),
    ]


def waiting() -> list[str]:
    """7. Whose latest order is not paid? One of many, picked by the order of the relation."""
    return User.where(User.latest.unpaid()).pluck(User.name)


def stars() -> Rows:
    """8. How do products fare, and which of them has no review below three?"""
    return Product.order_by(avg(Product.reviews.stars).desc(), Product.name).select(
        Product.name, stars=avg(Product.reviews.stars), bad=count(Product.reviews, Review.stars < 3)
    )


def place(user: User, basket: dict[Product, int]) -> Order:
    """9. An order takes its items out of the stock: all of it, or nothing has happened."""
    with shop.transaction():
        order = Order(user=user, day=date(2030, 5, 1))
        for product, quantity in basket.items():
            Item(order=order, product=product, quantity=quantity, price=product.price)
            product.stock -= quantity
        return order


def withdraw(product: Product) -> str:
    """10. What was sold is not deleted."""
    try:
        product.delete()
    except DeleteRestricted as refusal:
        return str(refusal)
    return f"{product} is gone"


def main() -> None:
    fill()
    for question in (bought, again, revenue, spent, missing, waiting, stars):
        print(question.__doc__)
        for row in question():
            print("  ", *(row.values() if isinstance(row, dict) else row if isinstance(row, tuple) else [row]))
    ann, chair, desk = User[0], Product[1], Product[2]
    print(f"{place.__doc__}\n   order {place(ann, {chair: 1}).id}: {chair.stock} of {chair.name} left")
    try:
        place(ann, {chair: 1, desk: 2})
    except FieldError as refusal:
        print(f"   {refusal}\n   {Order.count()} orders, {chair.stock} of {chair.name} left")
    print(f"{withdraw.__doc__}\n   {withdraw(chair)}")


if __name__ == "__main__":
    main()
