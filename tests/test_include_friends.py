"""Trees over links that are seen from both sides, against loops over the rows of the pivot: random links, some of a
record with itself, some twice, some that lead nowhere, some deleted softly, with conditions and orders about either end
and about the pivot."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    ManyToMany,
    Model,
    RecordDeleted,
    RelationError,
    UnknownName,
    belongs_to,
    count,
    deleted_at,
    field,
    getter,
    has_many,
    many_to_many,
)

db = Database()


class Base(Model, db=db, abstract=True):
    pass


class User(Base):
    name: Attr[str | None]
    worth: Attr[Decimal] = field(default=Decimal(1))
    deleted_at: Attr[datetime | None] = deleted_at()
    friends: ManyToMany[User, Friendship] = many_to_many(
        symmetric=True, unique=False, foreign_key="one", other_key="other"
    )
    sorted: ManyToMany[User, Friendship] = many_to_many(
        symmetric=True,
        unique=False,
        foreign_key="one",
        other_key="other",
        where=lambda: Friendship.since > 1,
        order_by=lambda: User.name.desc(),
    )
    dated: ManyToMany[User, Friendship] = many_to_many(
        symmetric=True,
        unique=False,
        foreign_key="one",
        other_key="other",
        order_by=lambda: (Friendship.since.desc(), User.name),
    )
    notes: HasMany[Note] = has_many(inverse=lambda: Note.user)
    noted: HasMany[Note] = has_many(through=lambda: User.dated.notes)

    @getter
    def dates(self) -> list[Any]:
        return [friend.name for friend in self.dated]

    @getter
    def said(self) -> list[Any]:
        if self.name == "silent":
            raise RuntimeError("nobody may ask")
        tree = User.where(id=self.id).include(User.friends, where=Friendship.since > 2, order_by=Friendship.since)
        return [(friend.name, friend.pivot.since) for friend in tree[0].friends]

    @getter
    def loud(self) -> str:
        if self.name == "silent":
            raise RuntimeError("nobody may ask")
        return (self.name or "").upper()


class Friendship(Base):
    one: BelongsTo[User | None] = belongs_to(default=None, enforce=False, on_delete="keep")
    other: BelongsTo[User | None] = belongs_to(default=None, enforce=False, on_delete="keep")
    since: Attr[int | None] = field(default=0)
    cost: Attr[Decimal] = field(default=Decimal(0))
    deleted_at: Attr[datetime | None] = deleted_at()


class Note(Base):
    user: BelongsTo[User | None] = belongs_to(default=None, enforce=False, on_delete="keep")


class Box(Base):
    pivot: Attr[int] = field(default=0)
    beside: ManyToMany[Box] = many_to_many(symmetric=True)


@pytest.fixture(autouse=True)
def clear() -> Iterator[None]:
    db.clear()
    yield
    db.store.check()


# ---------------------------------------------------------------- by loops

Pair = tuple[Any, Any]


def pairs(user: Any) -> list[Pair]:
    """The links from here, then those from the other side, a link of a record with itself once."""
    alive = {each.id: each for each in User.all()}
    links = list(Friendship.all())
    here = [(alive.get(link.other_id), link) for link in links if link.one_id == user.id]
    there = [(alive.get(link.one_id), link) for link in links if link.other_id == user.id != link.one_id]
    return [(target, link) for target, link in here + there if target is not None]


def ordered(found: list[Pair], *terms: tuple[Callable[[Pair], Any], bool]) -> list[Pair]:
    """Nulls last."""
    for value, descending in reversed(terms):
        there = [pair for pair in found if value(pair) is not None]
        there.sort(key=value, reverse=descending)
        found = there + [pair for pair in found if value(pair) is None]
    return found


def name(pair: Pair) -> Any:
    return pair[0].name


def since(pair: Pair) -> Any:
    return pair[1].since


def fill(chance: random.Random) -> None:
    users = [User(name=chance.choice("abcdef"), worth=Decimal(chance.randrange(9))) for _ in range(7)]
    users.append(User(name=None))
    for _ in range(30):
        one, other = chance.choice(users), chance.choice(users)
        values = {"since": chance.choice([None, 1, 2, 3, 4]), "cost": Decimal(chance.randrange(5))}
        if chance.random() < 0.2:
            Friendship(**{chance.choice(["one", "other"]): one}, **values)
        else:
            Friendship(one=one, other=other, **values)
    for user in users:
        for _ in range(chance.randrange(3)):
            Note(user=user)
    for _ in range(3):
        chance.choice(list(Friendship.all())).delete()
    users[3].delete()


Choice = tuple[dict[str, Any], Callable[[Pair], bool], tuple[tuple[Callable[[Pair], Any], bool], ...]]


def choices() -> Iterable[Choice]:
    everything: Callable[[Pair], bool] = lambda pair: True  # noqa: E731
    yield {}, everything, ()
    yield {"order_by": Friendship.since}, everything, ((since, False),)
    yield {"order_by": [Friendship.since.desc(), User.name]}, everything, ((since, True), (name, False))
    yield {"order_by": [User.name.desc(), Friendship.since]}, everything, ((name, True), (since, False))
    yield {"where": Friendship.since > 1}, lambda pair: (since(pair) or 0) > 1, ()
    yield (
        {"where": Friendship.since.is_null() | (User.name == "a")},
        (lambda pair: since(pair) is None or name(pair) == "a"),
        ((lambda pair: None, False),),
    )
    yield (
        {"where": (Friendship.since > 1) & (User.name > "b"), "order_by": User.name},
        (lambda pair: (since(pair) or 0) > 1 and (name(pair) or "") > "b"),
        ((name, False),),
    )
    yield (
        {"where": User.worth + User.worth > Decimal(6), "order_by": Friendship.since},
        (lambda pair: pair[0].worth > 3),
        ((since, False),),
    )
    yield (
        {"where": Friendship.cost * 2 > Decimal(3), "order_by": (User.worth * 2).desc()},
        (lambda pair: pair[1].cost * 2 > 3),
        ((lambda pair: pair[0].worth, True),),
    )
    yield (
        {"where": User.loud == "C", "order_by": [Friendship.cost * 3, User.loud]},
        (lambda pair: name(pair) == "c"),
        ((lambda pair: pair[1].cost, False),),
    )
    yield {"where": User.notes.id > 2}, lambda pair: any(note.id > 2 for note in pair[0].notes), ()


CUTS: list[dict[str, int]] = [{}, {"limit": 2}, {"offset": 1}, {"limit": 1, "offset": 1}, {"limit": 0}]


@pytest.mark.parametrize("seed", range(12))
def test_friends_against_loops(seed: int) -> None:
    fill(random.Random(seed))
    for said, holds, terms in choices():
        for cut in CUTS:
            tree = User.include(User.friends, **said, **cut)
            start = cut.get("offset", 0)
            stop = start + cut.get("limit", 1000)
            expected = [ordered(list(filter(holds, pairs(user))), *terms)[start:stop] for user in User.all()]
            assert [[(each.record, each.pivot) for each in user.friends] for user in tree] == expected
            assert [[each["pivot"] for each in user["friends"]] for user in tree.to_dicts()] == [
                [link.to_dict() for _, link in found] for found in expected
            ]
            assert tree.explain().nodes[0].places == sum(map(len, expected))


@pytest.mark.parametrize("seed", range(4))
def test_around_friends(seed: int) -> None:
    """Below other nodes, with nodes below, with conditions at each, and in the order that is declared."""
    fill(random.Random(seed))
    tree = Note.include(Note.user.friends, where=Friendship.since > 1, order_by=Friendship.since, limit=2)
    tree = tree.include(Note.user.friends.friends, where=User.worth * 1 > Decimal(2), order_by=User.name.desc())
    tree = tree.include(Note.user.friends.notes).include(Note.user.friends, only=["name"])
    for view in tree:
        user = view.record.user
        if user is None:
            assert view.user is None
            continue
        expected = ordered([pair for pair in pairs(user) if (since(pair) or 0) > 1], (since, False))[:2]
        assert [(each.record, each.pivot) for each in view.user.friends] == expected
        for friend in view.user.friends:
            below = ordered([pair for pair in pairs(friend.record) if pair[0].worth > 2], (name, True))
            assert [(each.record, each.pivot) for each in friend.friends] == below
            assert [note.record for note in friend.notes] == list(friend.record.notes)
    for view in User.include(User.sorted).include(User.friends, order_by=User.name):
        above = [pair for pair in pairs(view.record) if (since(pair) or 0) > 1]
        assert [(each.record, each.pivot) for each in view.sorted] == ordered(above, (name, True))
        assert list(view.record.sorted.pairs()) == ordered(above, (name, True))
    for view in User.include(User.sorted, order_by=Friendship.since):  # the declared order for what is equal
        above = [pair for pair in pairs(view.record) if (since(pair) or 0) > 1]
        assert [(each.record, each.pivot) for each in view.sorted] == ordered(above, (since, False), (name, True))


def each_once(found: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("seed", range(8))
def test_an_order_by_what_the_links_say(seed: int) -> None:
    fill(random.Random(seed))
    trees = User.include(User.dated), User.include(User.dated, order_by=User.worth, limit=2)
    everybody = list(User.all())
    for user, view, by_worth in zip(everybody, *trees, strict=True):
        expected = ordered(pairs(user), (since, True), (name, False))
        friends = each_once(target for target, _ in expected)
        assert list(user.dated.pairs()) == expected == [(each.record, each.pivot) for each in view.dated]
        first = ordered(expected, (lambda pair: pair[0].worth, False))[:2]
        assert [(each.record, each.pivot) for each in by_worth.dated] == first
        assert list(user.dated) == friends == user.dated[:] and len(user.dated) == len(friends)
        assert user.dated.first() is (friends[0] if friends else None)
        assert user.dated.last() is (friends[-1] if friends else None)
        assert [other in user.dated for other in everybody] == [other in friends for other in everybody]
        assert user.dated.pluck(User.id) == [friend.id for friend in friends]
        assert user.dated.where(User.worth > 3).all()[:] == [friend for friend in friends if friend.worth > 3]
        assert list(user.noted) == [note for friend in friends for note in friend.notes]
        assert user.dates == [friend.name for friend in friends]
        assert User.where(User.dated.id == user.id).pluck(User.id) == sorted(
            other.id for other in everybody if any(target is user for target, _ in pairs(other))
        )
    counted = User.select(n=count(User.dated), far=count(User.dated.dated))
    assert [row["n"] for row in counted] == [len(set(user.dated)) for user in everybody]
    assert [row["far"] for row in counted] == [
        len({far for friend in user.dated for far in friend.dated}) for user in everybody
    ]


# ---------------------------------------------------------------- one at a time


def shown(tree: Any) -> list[list[tuple[Any, Any]]]:
    return [[(friend.name, friend.pivot.since) for friend in user.friends] for user in tree]


@pytest.fixture
def three() -> tuple[Any, Any, Any]:
    ann, bob, cid = User(id=0, name="ann"), User(name="bob"), User(name="cid")
    ann.friends.attach(bob, since=3)
    cid.friends.attach(ann, since=2)
    ann.friends.attach(ann, since=1)
    return ann, bob, cid


def test_from_either_side(three: tuple[Any, Any, Any]) -> None:
    ann, bob, _ = three
    everything = [[("bob", 3), ("ann", 1), ("cid", 2)], [("ann", 3)], [("ann", 2)]]
    assert shown(User.include(User.friends)) == everything
    tree = User.include(User.friends)[:]
    assert tree[0].friends[0].pivot is tree[1].friends[0].pivot
    assert User.where(name="bob").include(User.friends, only=["name"]).to_dicts()[0]["friends"] == [
        {"name": "ann", "pivot": Friendship.find_by(one=ann, other=bob).to_dict()}
    ]
    assert repr(User.include(User.friends, where=Friendship.since > 1, order_by=Friendship.since)) == (
        "<Tree of <Query User> with User.friends (where Friendship.since > 1, order_by Friendship.since)>"
    )
    with db.transaction() as unit:
        Friendship.find_by(one=ann, other=bob).since = 9
        assert shown(User.include(User.friends, order_by=Friendship.since.desc(), limit=1)) == [
            [("bob", 9)], [("ann", 9)], [("ann", 2)],
        ]  # fmt: skip
        unit.rollback()
    assert shown(User.include(User.friends)) == everything
    link = tree[1].friends[0].pivot
    link.delete(force=True)
    with pytest.raises(RecordDeleted, match="this Friendship has been deleted"):
        tree[1].friends[0].pivot  # noqa: B018
    assert shown(User.include(User.friends)) == [[("ann", 1), ("cid", 2)], [], [("ann", 2)]]


def test_several_links_and_both_ways_round(three: tuple[Any, Any, Any]) -> None:
    ann, bob, _ = three
    ann.friends.attach(bob, since=3)
    Friendship(one=bob, other=ann, since=0)
    by_since = User.include(User.friends, order_by=(Friendship.since, User.name.desc()))
    assert shown(by_since)[:2] == [
        [("bob", 0), ("ann", 1), ("cid", 2), ("bob", 3), ("bob", 3)],
        [("ann", 0), ("ann", 3), ("ann", 3)],
    ]
    assert [friend.name for friend in ann.friends] == ["bob", "ann", "cid"]  # the collection has each once
    merged = User.include(User.friends, where=Friendship.since > 0).include(User.friends, limit=1, offset=1)
    assert shown(merged)[:2] == [[("ann", 1)], [("ann", 3)]]


def test_links_that_lead_nowhere(three: tuple[Any, Any, Any]) -> None:
    ann, bob, _ = three
    Friendship(one=ann, other_id=77, since=9)
    Friendship(one_id=78, other=ann, since=10)
    Friendship(one=ann, since=11)
    everything = [("bob", 3), ("ann", 1), ("cid", 2)]
    assert shown(User.include(User.friends))[0] == everything
    assert [(user.name, link.since) for user, link in ann.friends.pairs()] == everything
    assert shown(User.include(User.friends, order_by=Friendship.since.desc(), limit=1))[0] == [("bob", 3)]
    bob.delete()
    assert shown(User.include(User.friends))[0] == everything[1:]
    ann.delete()
    trashed = User.only_deleted().where(name="ann").include(User.friends, where=Friendship.since > 1)
    assert shown(trashed) == [[("cid", 2)]]


def test_getters_among_friends(three: tuple[Any, Any, Any]) -> None:
    """What Python computes is asked of the far ends of each way, and of nobody else."""
    _, bob, cid = three
    silent = User(name="silent")
    assert shown(User.where(name="bob").include(User.friends, where=User.loud == "ANN")) == [[("ann", 3)]]
    silent.friends.attach(bob, since=1)
    cid.friends.attach(silent, since=2)
    roots = User.where(name="silent").include(User.friends, where=User.loud > "A", order_by=User.loud)
    assert shown(roots) == [[("bob", 1), ("cid", 2)]]
    with pytest.raises(RuntimeError, match="nobody may ask"):
        len(User.where(name="bob").include(User.friends, where=User.loud > "A")[:])


def test_read_by_a_getter(three: tuple[Any, Any, Any]) -> None:
    ann, bob, cid = three
    assert ann.said == [("bob", 3)] and cid.said == []
    link = Friendship.find_by(one=cid, other=ann)
    link.since = 5
    assert ann.said == [("bob", 3), ("cid", 5)] and cid.said == [("ann", 5)]
    link.since = 3
    assert ann.said == [("bob", 3), ("cid", 3)]
    cid.name = "dan"
    assert ann.said == [("bob", 3), ("dan", 3)]
    link.one = bob
    assert ann.said == [("bob", 3), ("bob", 3)] and cid.said == []
    link.delete()
    assert ann.said == [("bob", 3)]
    new = Friendship(one=ann, other=ann, since=8)
    assert ann.said == [("bob", 3), ("ann", 8)]
    new.other = cid
    assert ann.said == [("bob", 3), ("dan", 8)]


def test_an_order_read_by_a_getter(three: tuple[Any, Any, Any]) -> None:
    ann, bob, cid = three
    assert ann.dates == ["bob", "cid", "ann"] and bob.dates == ["ann"]
    Friendship.find_by(one=cid, other=ann).since = 8
    assert ann.dates == ["cid", "bob", "ann"]
    bob.name = "bea"
    assert ann.dates == ["cid", "bea", "ann"] and ann.dated.toggle(cid).detached == [cid]
    assert ann.dates == ["bea", "ann"] and cid.dates == []
    Friendship(one=bob, other=ann, since=7)
    assert [(user.name, link.since) for user, link in ann.dated.pairs()] == [("bea", 7), ("bea", 3), ("ann", 1)]
    assert ann.dates == ["bea", "ann"]


def test_what_is_refused() -> None:
    with pytest.raises(
        RelationError, match=r"Box.beside cannot be included: `pivot` of a view is the row of BoxBeside"
    ):
        Box.include(Box.beside)
    with pytest.raises(RelationError, match=r"Note.user.id speaks of Note, but here the rows are those of User and Fr"):
        User.include(User.friends, where=Note.user.id == 1)
    with pytest.raises(UnknownName, match="has no attribute `pivot`"):
        User(name="x").pivot  # type: ignore[attr-defined]  # noqa: B018
