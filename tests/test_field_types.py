"""What every type of field can do that has an order: the same for each, so a new one is a row of TYPES."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any, Literal
from uuid import UUID

import pytest

from sinew import (
    Attr,
    Database,
    FieldError,
    KeyedModel,
    Model,
    UniqueError,
    belongs_to,
    count,
    define,
    field,
    has_many,
    max_,
    min_,
)


class Color(Enum):
    RED = 1
    BLUE = 2
    GREEN = 3
    AMBER = 4


def made(type: Callable[[Any], Any], *given: object) -> list[Any]:
    return list(map(type, given))


TYPES: list[tuple[Any, list[Any], dict[str, Any]]] = [
    (int, [-5, 0, 7, 2**40], {}),
    (float, [-5.0, 0.0, 0.5, 1e300], {}),
    (str, ["", "a", "b", "ä"], {}),
    (bytes, [b"", b"\x00", b"a", b"\xff"], {}),
    (date, [date(2020, 1, day) for day in (1, 2, 3, 4)], {}),
    (datetime, [datetime(2020, 1, day) for day in (1, 2, 3, 4)], {}),
    (datetime, [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)], {"tz": "aware"}),
    (time, [time(hour) for hour in (1, 2, 3, 4)], {}),
    (timedelta, [timedelta(days) for days in (-1, 0, 1, 2)], {}),
    (Decimal, made(Decimal, "-1.5", "0", "1.00", "1E+9"), {}),
    (UUID, [UUID(int=number) for number in (0, 1, 2**64, 2**127)], {}),
    (Color, list(Color), {}),
    (Literal["c", "a", "d", "b"], ["c", "a", "d", "b"], {}),
    (IPv4Address, made(IPv4Address, "9.255.255.255", "10.0.0.1", "10.0.0.20", "192.168.0.1"), {}),
    (IPv6Address, made(IPv6Address, "::1", "2001:db8::1", "fe80::1%eth0", "fe80::2"), {}),
    (IPv4Network, made(IPv4Network, "9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16"), {}),
    (IPv6Network, made(IPv6Network, "::/0", "2001:db8::/32", "fe80::/10", "fe80::/64"), {}),
    (IPv4Interface, made(IPv4Interface, "10.0.0.1/8", "10.0.0.2/8", "10.0.0.1/16", "10.1.0.1/16"), {}),
    (IPv6Interface, made(IPv6Interface, "::1/0", "fe80::1%eth0/64", "fe80::2%eth0/64", "ff02::1/16"), {}),
]

Row = tuple[Any, list[Any], dict[str, Any]]


@pytest.fixture(params=[None, True, "ordered"], ids=["bare", "indexed", "ordered"])
def index(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=TYPES, ids=lambda row: f"{getattr(row[0], '__name__', row[0])}{''.join(row[2].values())}")
def row(request: pytest.FixtureRequest) -> Any:
    return request.param


def model(base: type[Model], row: Row, index: Any = None, **options: Any) -> Any:
    type, _, given = row
    return define("Thing", {"value": field(type=type | None, index=index or False, **given, **options)}, base=base)


def test_values_come_back_and_conditions_follow_their_order(base: type[Model], row: Row, index: Any) -> None:
    values = row[1]
    Thing = model(base, row, index)
    a, b, c, d = values
    assert Thing.insert_many({"value": [c, a, None, d, b, a]}) == 6
    assert [thing.value for thing in Thing.all()] == [c, a, None, d, b, a]
    assert [type(value) for value in Thing.where(Thing.value != None).pluck(Thing.value)] == [type(a)] * 5  # noqa: E711
    for condition, ids in (
        (Thing.value == a, [2, 6]),
        (Thing.value != a, [1, 3, 4, 5]),
        (Thing.value < c, [2, 5, 6]),
        (Thing.value <= b, [2, 5, 6]),
        (Thing.value > b, [1, 4]),
        (Thing.value >= c, [1, 4]),
        (Thing.value.between(b, c), [1, 5]),
        (Thing.value.in_([a, d]), [2, 4, 6]),
        (Thing.value.not_in([a, d, None]), [1, 5]),
        (Thing.value == None, [3]),  # noqa: E711
        (Thing.value == Thing.value, [1, 2, 4, 5, 6]),
    ):
        assert [thing.id for thing in Thing.where(condition)] == ids, condition
    assert Thing.order_by(Thing.value.desc()).pluck(Thing.value) == [d, c, b, a, a, None]
    assert (Thing.min(Thing.value), Thing.max(Thing.value)) == (a, d)
    assert Thing.group_by(Thing.value).agg(n=count()) == [
        {"value": value, "n": n} for value, n in ((c, 1), (a, 2), (None, 1), (d, 1), (b, 1))
    ]
    assert Thing.where(value=[b, c]).update(value=d) == 2 and Thing.where(value=d).count() == 3
    assert Thing.where(Thing.value > a).delete() == 3 and Thing.pluck(Thing.value) == [a, None, a]


def test_unique_and_keys(base: type[Model], row: Row) -> None:
    a, b, *_ = row[1]
    Thing = model(base, row, unique=True)
    thing, other, none = Thing(value=a), Thing(value=b), Thing(value=None)
    assert Thing.find_by(value=b) is other and Thing.find_by(value=row[1][2]) is None
    with pytest.raises(UniqueError, match=r"Thing.*value"):
        Thing(value=a)
    with pytest.raises(UniqueError, match=r"Thing.*value"):
        none.value = b
    thing.value = None
    none.value = a
    assert [each.value for each in Thing.all()] == [None, b, a]


def test_aggregates_over_a_relation_and_groups(base: type[Model], row: Row) -> None:
    type, (a, b, c, _), options = row
    things = {"value": field(type=type, **options), "owner": belongs_to("Owner")}
    Owner = define("Owner", {"things": has_many("Thing", inverse="owner")}, base=base)
    Thing = define("Thing", things, base=base)
    one, two = Owner(), Owner()
    for value, owner in ((b, one), (a, one), (c, two)):
        Thing(value=value, owner=owner)
    assert Owner.where(Owner.things.value > b).pluck(Owner.id) == [2]
    assert Owner.select(least=min_(Owner.things.value)) == [{"least": a}, {"least": c}]
    assert Owner.where(max_(Owner.things.value) == b).one() is one
    assert Thing.group_by(Thing.owner_id).agg(most=max_(Thing.value)) == [
        {"owner_id": 1, "most": b},
        {"owner_id": 2, "most": c},
    ]


@pytest.mark.parametrize(
    ("type", "value", "words"),
    [
        (IPv4Address, "10.0.0.1", ["Thing.value takes an IPv4Address, not '10.0.0.1' (str); try IPv4Address(value)"]),
        (IPv6Network, "::/0", ["Thing.value takes an IPv6Network", "try IPv6Network(value)"]),
        (IPv4Address, IPv6Address("::1"), ["Thing.value takes an IPv4Address, not IPv6Address('::1') (IPv6Address)"]),
        (IPv4Address, IPv4Interface("10.0.0.1/8"), ["takes an IPv4Address", "(IPv4Interface)"]),
        (UUID, "x", ["Thing.value takes a UUID", "try UUID(value)"]),
    ],
)
def test_values_of_other_types_are_refused_by_name(base: type[Model], type: Any, value: Any, words: list[str]) -> None:
    Thing = define("Thing", {"value": field(type=type, index="ordered")}, base=base)
    for attempt in (lambda: Thing(value=value), lambda: Thing.where(Thing.value >= value)):
        with pytest.raises(FieldError) as caught:
            attempt()
        assert all(word in str(caught.value) for word in words), caught.value
    assert Thing.count() == 0


def test_an_address_is_a_key(db: Database) -> None:
    class Host(KeyedModel, db=db):
        address: Attr[IPv6Address] = field(primary_key=True)

    here = Host(address=IPv6Address("fe80::1%eth0"))
    assert Host[IPv6Address("fe80::1%eth0")] is here and Host.find(IPv6Address("fe80::1")) is None
    assert repr(here) == "<Host IPv6Address('fe80::1%eth0')>"


def test_columns_of_two_families_are_not_compared(base: type[Model]) -> None:
    old, new = field(type=IPv4Address), field(type=IPv6Address)
    Thing = define("Thing", {"old": old, "new": new}, base=base)
    with pytest.raises(FieldError, match=r"Thing.old is an IPv4Address and Thing.new is an IPv6Address, which cannot"):
        Thing.where(Thing.old < Thing.new)


def test_a_union_of_addresses_takes_instances_and_needs_a_key(base: type[Model]) -> None:
    either = field(type=IPv4Address | IPv6Address, index="ordered", key=lambda address: (address.version, address))
    Thing = define("Thing", {"value": either}, base=base)
    values = [IPv6Address("::1"), IPv4Address("10.0.0.2"), IPv4Address("9.0.0.1")]
    Thing.insert_many({"value": values})
    assert Thing.order_by(Thing.value).pluck(Thing.value) == values[::-1]
    with pytest.raises(FieldError, match=r"Thing.value takes an instance of IPv4Address or IPv6Address, not '::1'"):
        Thing(value="::1")


@pytest.mark.bulk
def test_the_calendar_is_that_of_the_standard_library(db: Database) -> None:
    class Moment(Model, db=db):
        on: Attr[date]
        at: Attr[datetime]

    ends = (date.fromordinal(first.toordinal() - 1) for year in range(2, 10_000) for first in _months(year))
    days = [date.min, date.max, *(each for end in ends for each in (end, end + timedelta(1)))]
    moments = [datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, fold=day.day % 2) for day in days]
    Moment.insert_many({"on": days, "at": moments})
    assert Moment.pluck(Moment.on) == days
    assert [(each, each.fold) for each in Moment.pluck(Moment.at)] == [(each, each.fold) for each in moments]


def _months(year: int) -> list[date]:
    return [date(year, month, 1) for month in range(1, 13)]
