"""A market: shops and the items that they sell, both of them tagged, through one model of tag maps.

    python examples/market.py

A tag map refers to a shop or to an item. Either side is a plain many-to-many, and goes along further relations.
"""

from __future__ import annotations

from typing import Any, Literal

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    ManyToMany,
    Model,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    many_to_many,
)

market = Database()
Rows = list[dict[str, Any]]


class Record(Model, db=market, abstract=True):
    """The family of models that live in `market`."""


class Shop(Record):
    name: Attr[str]
    items: HasMany[Item] = has_many(inverse=lambda: Item.shop)
    tags: ManyToMany[Tag, TagMap] = many_to_many(inverse=lambda: Tag.shops)
    item_tags: HasMany[Tag] = has_many(through=lambda: Shop.items.tags)
    all_tags: HasMany[Tag] = has_many(union=lambda: (Shop.tags, Shop.item_tags))
    kept: HasMany[Tag] = has_many(intersection=lambda: (Shop.tags, Shop.item_tags))
    broken: HasMany[Tag] = has_many(difference=lambda: (Shop.tags, Shop.item_tags))


class Item(Record):
    title: Attr[str]
    shop: BelongsTo[Shop | None] = belongs_to(default=None, on_delete="cascade")
    tags: ManyToMany[Tag, TagMap] = many_to_many(inverse=lambda: Tag.items)
    alike: HasMany[Item] = has_many(through=lambda: Item.tags.items, where=lambda: TagMap.weight > 0)


class Tag(Record):
    label: Attr[str] = field(unique=True)
    shops: ManyToMany[Shop, TagMap] = many_to_many(inverse=lambda: Shop.tags)
    items: ManyToMany[Item, TagMap] = many_to_many(inverse=lambda: Item.tags, order_by=lambda: TagMap.weight.desc())
    maps: HasMany[TagMap] = has_many(inverse=lambda: TagMap.tag)


class TagMap(Record):
    """A tag on a shop or on an item; `kind` is 0 for shops and 1 for items."""

    kind: Attr[Literal[0, 1]] = field(default=...)
    target: BelongsTo[Shop | Item] = belongs_to(type_field="kind", type_values={"Shop": 0, "Item": 1})
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int | None] = field(default=None)


SHOPS = [(0, "Oak & Ash"), (1, "Clay"), (2, "Empty")]
ITEMS = [(0, "table", 0), (1, "bowl", 1), (2, "spoon", 0), (3, "lost", None), (4, "vase", 1)]
TAGS = [(0, "wood"), (1, "handmade"), (2, "kitchen"), (3, "unused")]
SHOP_TAGS = [(0, 0, 5), (0, 1, None), (1, 1, 2), (1, 2, None), (2, 0, 1)]  # shop, tag, weight
ITEM_TAGS = [(0, 0, 0), (1, 1, 3), (1, 2, 7), (2, 0, 4), (2, 2, 9), (3, 2, None), (4, 1, 3)]  # item, tag, weight


def fill() -> None:
    Shop.insert_many(SHOPS, columns=["id", "name"])
    Item.insert_many(ITEMS, columns=["id", "title", "shop_id"])
    Tag.insert_many(TAGS, columns=["id", "label"])
    for shop, tag, weight in SHOP_TAGS:
        Shop[shop].tags.attach(tag, weight=weight)
    for tag, *_ in TAGS:
        Tag[tag].items.attach({item: {"weight": weight} for item, at, weight in ITEM_TAGS if at == tag})


def promises() -> Rows:
    """What do shops promise by their tags, what do they keep, and what else do their items have?"""
    return [
        {
            "shop": shop.name,
            "kept": shop.kept.pluck(Tag.label),
            "broken": shop.broken.pluck(Tag.label),
            "all": shop.all_tags.pluck(Tag.label),
        }
        for shop in Shop.all()
    ]


def usage() -> Rows:
    """How often is each tag used, on how many shops and how many items?"""
    return Tag.order_by(count(Tag.maps).desc(), Tag.label).select(
        Tag.label, uses=count(Tag.maps), shops=count(Tag.shops), items=count(Tag.items)
    )


def strongest() -> Rows:
    """Which items has each tag, the strongest first? The order is that of the pivot, nulls last."""
    return [{"tag": tag.label, "items": tag.items.pluck(Item.title, TagMap.weight)} for tag in Tag.all()]


def kitchenware(weight: int = 8) -> Rows:
    """Which items are strongly tagged as kitchenware (tag and weight of one and the same map), and who sells any?"""
    strong = exists(Item.tags, Tag.label == "kitchen", TagMap.weight >= weight)
    items = Item.where(strong).pluck(Item.title)
    return [{"items": items, "shops": Shop.where(exists(Shop.items, strong)).pluck(Shop.name)}]


def alike() -> Rows:
    """What shares a tag with each item that weighs something there?"""
    return [
        {"item": item.title, "alike": item.alike.where(Item.id != item.id).pluck(Item.title)} for item in Item.all()
    ]


def handmade() -> Rows:
    """What is tagged as handmade, be it a shop or an item? The reference gives the record, whichever model it is of."""
    return [{"kind": each.kind, "target": each.target} for each in TagMap.where(TagMap.tag.label == "handmade")]


def closing() -> Rows:
    """A shop that closes takes its items along, and both take their tag maps: nothing dangles."""
    Shop[0].delete()
    return [{"items": Item.pluck(Item.title), "maps": TagMap.count()}]


def main() -> None:
    fill()
    for question in (promises, usage, strongest, kitchenware, alike, handmade, closing):
        print(question.__doc__)
        for row in question():
            print("  ", *(f"{name}: {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
