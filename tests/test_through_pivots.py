"""Conditions and orders of a through relation that speak of a pivot on its way, against loops over the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    belongs_to,
    count,
    field,
    has_many,
    has_one,
    many_to_many,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class Shop(Base):
    items: HasMany[Item] = has_many(inverse=lambda: Item.shop)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.shops)
    heavy: HasMany[Tag] = has_many(through=lambda: Shop.items.tags, where=lambda: Tagging.weight > 1)
    every: HasMany[Tag] = has_many(through=lambda: Shop.items.tags, where=lambda: Tagging.weight > 1, distinct=False)
    ordered: HasMany[Tag] = has_many(
        through=lambda: Shop.items.tags, order_by=lambda: (Tagging.weight.desc(), Tagging.id.asc())
    )
    heaviest: HasOne[Tag | None] = has_one(through=lambda: Shop.items.tags, order_by=lambda: Tagging.weight.desc())
    beside: HasMany[Item] = has_many(through=lambda: Shop.tags.items, where=lambda: Tagging.weight > 1)
    both: HasMany[Tag] = has_many(
        through=lambda: Shop.items.tags, where=lambda: (Tagging.weight > 1) & (Item.rank < 2) & (Tag.rank > 0)
    )
    in_turn: HasMany[Tag] = has_many(
        through=lambda: Shop.items.tags, order_by=lambda: (Item.rank.asc(), Tagging.weight.desc())
    )


class Item(Base):
    rank: Attr[int] = field(default=0)
    shop: BelongsTo[Shop | None] = belongs_to(default=None)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.items, unique=False)


class Tag(Base):
    rank: Attr[int] = field(default=0)
    items: ManyToMany[Item, Tagging] = many_to_many(inverse=lambda: Item.tags, unique=False)
    shops: ManyToMany[Shop, Tagging] = many_to_many(inverse=lambda: Shop.tags)


class Tagging(Base):
    on: BelongsTo[Item | Shop] = belongs_to()
    tag: BelongsTo[Tag] = belongs_to()
    weight: Attr[int | None] = field(default=None)


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Iterator[dict[str, list[Any]]]:
    """Random rows: keys 0, null weights, items of no shop, several links of one pair."""
    chance = random.Random(request.param)
    db.clear()
    shops = [Shop(id=key) for key in range(3)]
    items = [Item(id=key, rank=chance.randrange(3), shop=chance.choice([*shops, None])) for key in range(8)]
    tags = [Tag(id=key, rank=chance.randrange(3)) for key in range(5)]
    pairs = {(chance.choice([*items, *items, *shops]), chance.choice(tags)) for _ in range(25)}
    links = sorted(pairs, key=lambda pair: (type(pair[0]).__name__, pair[0].id, pair[1].id))
    chance.shuffle(links)
    links += [link for link in links if isinstance(link[0], Item)][:5]
    for on, tag in links:
        Tagging(on=on, tag=tag, weight=chance.choice([None, 0, 1, 2, 3]))
    yield {"shops": shops, "items": items}


def links(shop: Shop) -> list[tuple[Item, Tagging]]:
    """The links of a shop's items, in the order in which they are met."""
    return [(item, link) for item in shop.items for link in Tagging.all() if link.on is item]


def heavy(link: Tagging) -> bool:
    return link.weight is not None and link.weight > 1


def falling(link: Tagging) -> tuple[bool, int]:
    return link.weight is None, -(link.weight or 0)


def once(found: Any) -> list[Any]:
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("made", range(12), indirect=True)
def test_a_pivot_on_the_way_may_be_named(made: dict[str, list[Any]]) -> None:
    for shop in made["shops"]:
        met = links(shop)
        assert list(shop.every) == [link.tag for _, link in met if heavy(link)]
        assert list(shop.heavy) == once(link.tag for _, link in met if heavy(link))
        by_weight = sorted((link for _, link in met), key=lambda link: (falling(link), link.id))
        assert list(shop.ordered) == once(link.tag for link in by_weight)
        first = min((link for _, link in met), key=falling, default=None)
        assert shop.heaviest is (first and first.tag)
        assert list(shop.both) == once(link.tag for i, link in met if heavy(link) and i.rank < 2 and link.tag.rank > 0)
        by_rank = sorted(shop.items, key=lambda item: item.rank)
        turns = sorted(met, key=lambda pair: (by_rank.index(pair[0]), falling(pair[1])))
        assert list(shop.in_turn) == once(link.tag for _, link in turns)


@pytest.mark.parametrize("made", range(6), indirect=True)
def test_the_first_of_two_passages_is_meant(made: dict[str, list[Any]]) -> None:
    for shop in made["shops"]:
        tags = {link.tag for link in Tagging.all() if link.on is shop and heavy(link)}
        assert set(shop.beside) == {link.on for link in Tagging.all() if link.tag in tags and isinstance(link.on, Item)}


@pytest.mark.parametrize("made", range(6), indirect=True)
def test_it_is_asked_and_counted_like_any_relation(made: dict[str, list[Any]]) -> None:
    shops = made["shops"]
    assert Shop.pluck(count(Shop.heavy)) == [len(shop.heavy) for shop in shops]
    assert Shop.pluck(count(Shop.every, distinct=False)) == [len(list(shop.every)) for shop in shops]
    for tag in Tag.all():
        assert list(Shop.where(Shop.heavy.is_(tag))) == [shop for shop in shops if tag in shop.heavy]
    assert Shop.pluck(Shop.heaviest.id) == [shop.heaviest.id if shop.heaviest else None for shop in shops]


def test_links_that_are_seen_from_both_sides_are_not_passed_one_by_one() -> None:
    other = Database()

    class Base(Model, db=other, abstract=True):
        pass

    class User(Base):
        friends: ManyToMany[User, Friendship] = many_to_many(symmetric=True, foreign_key="one")
        near: HasMany[User] = has_many(through=lambda: User.friends.friends, where=lambda: Friendship.since > 1)

    class Friendship(Base):
        one: BelongsTo[User] = belongs_to()
        two: BelongsTo[User] = belongs_to()
        since: Attr[int] = field(default=0)

    with pytest.raises(DefinitionError, match=r"Friendship\.since speaks of Friendship"):
        other.check()
