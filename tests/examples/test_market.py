"""Tags on shops and on items."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest


def test_promises(market: ModuleType) -> None:
    labels = dict(market.TAGS)
    assert market.promises() == [
        {
            "shop": name,
            "kept": [labels[tag] for tag in own if tag in of_items],
            "broken": [labels[tag] for tag in own if tag not in of_items],
            "all": [labels[tag] for tag in dict.fromkeys([*own, *of_items])],
        }
        for shop, name in market.SHOPS
        for own in [[tag for at, tag, _ in market.SHOP_TAGS if at == shop]]
        for items in [{item for item, _, at in market.ITEMS if at == shop}]
        for of_items in [[tag for item, tag, _ in market.ITEM_TAGS if item in items]]
    ]


def test_how_often_tags_are_used(market: ModuleType) -> None:
    shops = Counter(tag for _, tag, _ in market.SHOP_TAGS)
    items = Counter(tag for _, tag, _ in market.ITEM_TAGS)
    assert market.usage() == [
        {"label": label, "uses": shops[tag] + items[tag], "shops": shops[tag], "items": items[tag]}
        for tag, label in sorted(market.TAGS, key=lambda tag: (-shops[tag[0]] - items[tag[0]], tag[1]))
    ]


def test_the_strongest_of_each_tag(market: ModuleType) -> None:
    titles = {item: title for item, title, _ in market.ITEMS}
    assert market.strongest() == [
        {"tag": label, "items": [(titles[item], weight) for item, weight in tagged]}
        for tag, label in market.TAGS
        for unordered in [[(item, weight) for item, at, weight in market.ITEM_TAGS if at == tag]]
        for tagged in [sorted(unordered, key=lambda pair: (pair[1] is None, -(pair[1] or 0)))]
    ]


@pytest.mark.parametrize("weight", [0, 7, 8, 100])
def test_kitchenware(market: ModuleType, weight: int) -> None:
    strong = {item for item, tag, w in market.ITEM_TAGS if tag == 2 and w is not None and w >= weight}
    shops = {shop for item, _, shop in market.ITEMS if item in strong}
    assert market.kitchenware(weight) == [
        {
            "items": [title for item, title, _ in market.ITEMS if item in strong],
            "shops": [name for shop, name in market.SHOPS if shop in shops],
        }
    ]


def test_alike(market: ModuleType) -> None:
    marked = {(item, tag) for item, tag, weight in market.ITEM_TAGS if weight}
    for row, (item, title, _) in zip(market.alike(), market.ITEMS, strict=True):
        tags = {tag for at, tag in marked if at == item}
        others = {other for other, tag, _ in market.ITEM_TAGS if tag in tags and other != item}
        assert (row["item"], set(row["alike"])) == (title, {market.ITEMS[other][1] for other in others})


def test_handmade(market: ModuleType) -> None:
    assert [(row["kind"], type(row["target"]).__name__, row["target"].id) for row in market.handmade()] == [
        *((0, "Shop", shop) for shop, tag, _ in market.SHOP_TAGS if tag == 1),
        *((1, "Item", item) for item, tag, _ in market.ITEM_TAGS if tag == 1),
    ]


def test_a_shop_that_closes(market: ModuleType) -> None:
    gone = {item for item, _, shop in market.ITEMS if shop == 0}
    maps = [shop for shop, _, _ in market.SHOP_TAGS if shop != 0] + [
        item for item, _, _ in market.ITEM_TAGS if item not in gone
    ]
    assert market.closing() == [
        {"items": [title for item, title, _ in market.ITEMS if item not in gone], "maps": len(maps)}
    ]
    assert {row["kind"] for row in market.handmade()} == {0, 1}
