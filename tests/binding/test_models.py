"""The binding's models, fields and records by themselves: `sinew._engine` with the smallest possible Python layer.

Each test gets its own copy of the extension (its state is per module object), so the real hooks of the package are not
touched.
"""

from __future__ import annotations

import copy
import enum
import functools
import gc
import importlib.util
import operator
import random
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import pairwise
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest


class Refused(Exception):
    """What every function of the fake errors module builds: its name and its arguments."""

    @property
    def function(self) -> str:
        return str(self.args[0])


class Invalid(Exception):
    def __init__(self, message: str = "", errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.errors = {"": [message]} if errors is None else errors


class Errors:
    """Stands in for sinew.errors."""

    Invalid = Invalid
    FieldError = TransactionError = Refused

    def invalid(self, cls: type, errors: Mapping[str, Any]) -> Invalid:
        texts: dict[str, Any] = {}
        for name in errors:  # no comprehension and no items(): CPython cannot make them without memory
            texts[name] = list(map(str, errors[name]))
        return Invalid("invalid", texts)

    def at_row(self, error: BaseException, index: int) -> BaseException:
        error.args = (f"row {index}", *error.args)
        return error

    def __getattr__(self, name: str) -> Callable[..., Refused]:
        return functools.partial(Refused, name)  # no lambda: CPython cannot make one without memory


class World:
    """A fresh extension module, a store, and a short way to make models."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("sinew._engine")
        assert found is not None and found.origin is not None
        spec = importlib.util.spec_from_file_location("sinew._engine", found.origin)
        assert spec is not None and spec.loader is not None
        self.engine: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.engine)
        self.layouts: dict[str, Callable[[type], None]] = {}
        self.engine.install(
            errors=Errors(),
            declare=lambda meta, name, bases, body, keywords: self.engine.new_class(meta, name, bases, body),
            layout=self.lay_out,
            missing_class_attribute=lambda cls, name: AttributeError(f"class {cls.__name__} has no {name}"),
            missing_record_attribute=lambda record, name: AttributeError(f"{type(record).__name__} has no {name}"),
            find_by=lambda cls, values: ("general", values),
            current_task=lambda: None,
        )
        self.store = self.engine.Store()

    def lay_out(self, cls: type) -> None:
        if cls.__name__ not in self.layouts:
            raise Refused("abstract", cls)
        self.layouts.pop(cls.__name__)(cls)

    def field(self, name: str, kind: str, **options: Any) -> Any:
        return self.engine.Field(name, kind, **options)

    def model(self, name: str, *fields: Any, validators: Mapping[str, Any] | None = None, references: Any = ()) -> Any:
        """A model with a counting id before `fields`, all of them parameters."""
        key = self.field("id", "int", automatic=True, read_only=True)
        columns = (key,) + fields  # noqa: RUF005 - a starred tuple is kept by CPython when there is no memory for it
        parameters = columns + tuple(references)
        body = {each.name: each for each in parameters}
        cls = self.engine.ModelMeta(name, (self.engine.Record,), body)
        self.engine.bind_model(
            cls,
            self.store,
            fields=columns,
            parameters=parameters,
            primary_key=(key,),
            validators=validators or {},
        )
        self.engine.set_primary_index(cls, self.store.add_index(cls, "unique", [key]))
        return cls

    def ordered(self, cls: Any, field: Any) -> list[Any]:
        """All values of a field in the engine's order."""
        plan = self.engine.Plan(cls, order=[(("column", 0, field), False, False)])
        return [getattr(record, field.name) for record in plan.rows()]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    if not made.store.closed:
        made.store.check()


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"
    CRIMSON = "red"


UTC = UTC
BERLIN = ZoneInfo("Europe/Berlin")
EAST = timezone(timedelta(hours=5, minutes=30))
IDENTIFIER = UUID("12345678-1234-5678-1234-567812345678")

KINDS: dict[str, dict[str, Any]] = {
    "bool": {},
    "int": {},
    "float": {},
    "str": {},
    "bytes": {},
    "date": {},
    "datetime": {"arg": "naive"},
    "aware": {"arg": "aware"},
    "time": {"arg": "naive"},
    "aware time": {"arg": "aware"},
    "timedelta": {},
    "Decimal": {},
    "UUID": {},
    "IPv4Address": {},
    "IPv6Address": {},
    "IPv4Network": {},
    "IPv6Network": {},
    "IPv4Interface": {},
    "IPv6Interface": {},
    "Enum": {"arg": Color},
    "Literal": {"arg": ("a", 1, True, None, 1.0)},
    "object": {},
}
KIND_NAMES = {"aware": "datetime", "aware time": "time"}

ROUND_TRIPS: list[tuple[str, Any]] = [
    *(("bool", value) for value in (True, False)),
    *(("int", value) for value in (0, -1, 2**63 - 1, -(2**63), 255, 257)),
    *(("float", value) for value in (0.0, -0.0, 1.5, float("inf"), 5e-324, 1.7976931348623157e308)),
    *(("str", value) for value in ("", "ascii", "\x00", "grün", "🐍" * 40, "\ud800 alone", "a\udfffb")),
    *(("bytes", value) for value in (b"", b"\x00\xff", bytes(300))),
    *(("date", value) for value in (date.min, date.max, date(2000, 2, 29), date(1900, 3, 1), date(2024, 12, 31))),
    *(
        ("datetime", value)
        for value in (
            datetime.min,
            datetime.max,
            datetime(2024, 2, 29, 23, 59, 59, 999999),
            datetime(2024, 1, 1, fold=1),
        )
    ),
    *(
        ("aware", value)
        for value in (
            datetime(2024, 1, 1, tzinfo=UTC),
            datetime(2024, 7, 1, 12, tzinfo=BERLIN),
            datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
            datetime.min.replace(tzinfo=EAST),
            datetime.max.replace(tzinfo=timezone(-timedelta(hours=23))),
        )
    ),
    *(("time", value) for value in (time.min, time.max, time(12, 30, fold=1))),
    *(("aware time", value) for value in (time(1, tzinfo=UTC), time(0, 15, tzinfo=EAST))),
    *(
        ("timedelta", value)
        for value in (timedelta(0), timedelta(-1, 5, 7), timedelta(days=10**8), -timedelta(days=10**8))
    ),
    *(
        ("Decimal", Decimal(text))
        for text in (
            "0",
            "-0",
            "0E-10",
            "1.00",
            "1E+3",
            "-1.5E-9999",
            "123456789012345678901234567890.12",
            "Infinity",
            "-Infinity",
        )
    ),
    *(("UUID", value) for value in (IDENTIFIER, UUID(int=0), UUID(int=2**128 - 1))),
    *((type(value).__name__, value) for value in (IPv4Address(0), IPv4Address("10.0.0.255"), IPv4Address(2**32 - 1))),
    *(
        ("IPv6Address", IPv6Address(text))
        for text in ("::", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fe80::1%" + "grün" * 40, "fe80::1%\ud800")
    ),
    *(("IPv4Network", IPv4Network(text)) for text in ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/0.0.0.255", "1.2.3.4/32")),
    *(("IPv6Network", IPv6Network(text)) for text in ("::/0", "2001:db8::/32", "fe80::%eth0/64", "::1/128")),
    *(("IPv4Interface", IPv4Interface(text)) for text in ("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1")),
    *(("IPv6Interface", IPv6Interface(text)) for text in ("fe80::1/64", "fe80::1%eth0/64", "fe80::%eth0/64", "::1")),
    *(("Enum", value) for value in Color),
    *(("Literal", value) for value in ("a", 1, True, 1.0)),
    *(("object", value) for value in ([1], {"a": 1}, object(), int)),
]


def typed(world: World, kind: str, **options: Any) -> Any:
    return world.field("value", KIND_NAMES.get(kind, kind), **{**KINDS[kind], **options})


def same(a: Any, b: Any) -> bool:
    """Equal in every respect that a reader could see."""
    return (
        type(a) is type(b)
        and (a == b or a is b)
        and (repr(a) == repr(b))
        and getattr(a, "fold", 0) == getattr(b, "fold", 0)
        and getattr(a, "tzinfo", None) is getattr(b, "tzinfo", None)
    )


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("options", [{}, {"nullable": True}, {"intern": True}], ids=["plain", "nullable", "interned"])
@pytest.mark.parametrize(("kind", "value"), ROUND_TRIPS, ids=lambda v: repr(v)[:40])
def test_values_are_read_as_they_were_written(world: World, kind: str, value: Any, options: dict[str, Any]) -> None:
    field = typed(world, kind, **options)
    assert same(field.convert(value), value), "before the layout"
    cls = world.model("Thing", field)
    record = cls(value=value)
    assert same(record.value, value)
    record.value = value
    assert same(record.value, value)
    assert world.engine.insert_columns(cls, {"value": [value, value]}) == 2
    assert same(cls[3].value, value)
    assert same(field.convert(value), value)


@pytest.mark.parametrize("kind", KINDS)
def test_only_nullable_fields_take_none(world: World, kind: str) -> None:
    cls = world.model("Thing", typed(world, kind, nullable=True))
    assert cls(value=None).value is None
    other = world.model("Other", typed(world, kind))
    with pytest.raises(Refused) as caught:
        other(value=None)
    assert caught.value.args[0] == "bad_value" and caught.value.args[2:4] == (None, "a value")
    assert world.store.stats()["rows"] == 1


class Index:
    def __init__(self, number: object) -> None:
        self.number = number

    def __index__(self) -> Any:
        return self.number


class Text(str):
    pass


class Moment(datetime):
    pass


REFUSED: list[tuple[str, Any, str, str | None]] = [
    ("bool", 1, "True or False", "bool(value)"),
    ("bool", None.__class__, "True or False", "bool(value)"),
    ("int", True, "an int", "int(value)"),
    ("int", "1", "an int", "int(value)"),
    ("int", 1.0, "an int", "round(value)"),
    ("int", float("nan"), "an int", "None in a nullable field"),
    ("int", 2**63, "an int of 64 bits", "str, bytes or Decimal hold larger numbers"),
    ("int", Index(-(2**63) - 1), "an int of 64 bits", "str, bytes or Decimal hold larger numbers"),
    ("int", Index("no"), "an int", "int(value)"),
    ("float", True, "a float or an int", "float(value)"),
    ("float", "1", "a float or an int", "float(value)"),
    ("float", Decimal(1), "a float or an int", "float(value)"),
    ("float", 10**400, "a number in the range of float", None),
    ("str", b"a", "a str", "str(value)"),
    ("str", 1, "a str", "str(value)"),
    ("str", Text("a"), "a str", "str.__str__(value)"),
    ("bytes", "a", "bytes", "value.encode()"),
    ("bytes", bytearray(b"a"), "bytes", "bytes(value)"),
    ("bytes", memoryview(b"a"), "bytes", "bytes(value)"),
    ("date", datetime(2024, 1, 1), "a date", "value.date()"),
    ("date", "2024-01-01", "a date", None),
    ("datetime", date(2024, 1, 1), "a datetime", None),
    ("datetime", Moment(2024, 1, 1), "a datetime", None),
    (
        "datetime",
        datetime(2024, 1, 1, tzinfo=UTC),
        "a naive datetime",
        'value.replace(tzinfo=None), or field(tz="aware")',
    ),
    ("aware", datetime(2024, 1, 1), "an aware datetime", 'value.replace(tzinfo=timezone.utc), or field(tz="naive")'),
    ("time", time(1, tzinfo=UTC), "a naive time", 'value.replace(tzinfo=None), or field(tz="aware")'),
    ("aware time", time(1), "an aware time", "value.replace(tzinfo=timezone.utc)"),
    ("aware time", time(1, tzinfo=BERLIN), "a time whose zone has an offset without a date", None),
    ("time", datetime(2024, 1, 1), "a time", "value.timetz()"),
    ("timedelta", 3, "a timedelta", "timedelta(seconds=value)"),
    ("timedelta", timedelta.max, "a timedelta of less than 292,000 years", None),
    ("timedelta", timedelta.min, "a timedelta of less than 292,000 years", None),
    ("Decimal", 1, "a Decimal", "Decimal(value)"),
    ("Decimal", 1.5, "a Decimal", "Decimal(str(value))"),
    ("Decimal", Decimal("NaN"), "a Decimal that is a number", "None in a nullable field"),
    ("Decimal", Decimal("-sNaN12"), "a Decimal that is a number", "None in a nullable field"),
    ("UUID", str(IDENTIFIER), "a UUID", "UUID(value)"),
    ("UUID", IDENTIFIER.bytes, "a UUID", None),
    ("IPv4Address", "10.0.0.1", "an IPv4Address", "IPv4Address(value)"),
    ("IPv4Address", 1, "an IPv4Address", None),
    ("IPv4Address", IPv6Address("::1"), "an IPv4Address", None),
    ("IPv4Address", IPv4Interface("10.0.0.1/8"), "an IPv4Address", None),
    ("IPv6Address", "::1", "an IPv6Address", "IPv6Address(value)"),
    ("IPv6Address", IPv4Address("10.0.0.1"), "an IPv6Address", None),
    ("IPv4Network", "10.0.0.0/8", "an IPv4Network", "IPv4Network(value)"),
    ("IPv6Network", IPv4Network("10.0.0.0/8"), "an IPv6Network", None),
    ("IPv4Interface", IPv4Address("10.0.0.1"), "an IPv4Interface", None),
    ("IPv6Interface", "::1/64", "an IPv6Interface", "IPv6Interface(value)"),
    ("Enum", "red", "a member of Color", "Color(value)"),
    ("Literal", "b", "one of ('a', 1, True, None, 1.0)", None),
    ("Literal", Text("a"), "one of ('a', 1, True, None, 1.0)", None),
]


@pytest.mark.parametrize(("kind", "value", "expected", "remedy"), REFUSED, ids=lambda v: repr(v)[:40])
def test_refused_values_are_told_the_remedy(
    world: World, kind: str, value: Any, expected: str, remedy: str | None
) -> None:
    field = typed(world, kind)
    cls = world.model("Thing", field)
    for attempt in (lambda: cls(value=value), lambda: field.convert(value)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.args[0] == "bad_value"
        assert caught.value.args[1] is field
        assert caught.value.args[2] is value or caught.value.args[2] == value or value != value
        assert caught.value.args[3:] == (expected, remedy)
    assert world.store.stats()["rows"] == 0


def test_int_and_float_take_what_has_an_index(world: World) -> None:
    cls = world.model("Thing", world.field("whole", "int"), world.field("real", "float"))
    record = cls(whole=Index(7), real=Index(8))
    assert (record.whole, record.real, type(record.real)) == (7, 8.0, float)
    record.real = 2**60
    assert record.real == float(2**60)


def test_object_fields_check_their_class(world: World) -> None:
    field = world.field("value", "object", arg=(list, dict))
    cls = world.model("Thing", field)
    value: list[int] = []
    assert cls(value=value).value is value
    with pytest.raises(Refused) as caught:
        cls(value=())
    assert caught.value.args[0] == "bad_instance" and caught.value.args[3] == (list, dict)


def test_numpy_scalars_convert_or_are_refused(world: World) -> None:
    numpy = pytest.importorskip("numpy")
    cls = world.model("Thing", world.field("whole", "int", nullable=True), world.field("real", "float", nullable=True))
    record = cls(whole=numpy.int64(3), real=numpy.float32(0.5))
    assert (record.whole, type(record.whole), record.real, type(record.real)) == (3, int, 0.5, float)
    record.real = numpy.float64(2.5)
    assert type(record.real) is float
    for name, value in (
        ("whole", numpy.float64(1)),
        ("whole", numpy.bool_(True)),
        ("real", numpy.bool_(True)),
        ("real", numpy.array(1.0)),
    ):
        with pytest.raises(Refused):
            setattr(record, name, value)


def test_pandas_scalars_convert_or_are_refused(world: World) -> None:
    pandas = pytest.importorskip("pandas")
    cls = world.model("Thing", world.field("at", "datetime"), world.field("span", "timedelta"))
    record = cls(at=pandas.Timestamp("2024-05-06 07:08:09"), span=pandas.Timedelta(seconds=3))
    assert same(record.at, datetime(2024, 5, 6, 7, 8, 9)) and same(record.span, timedelta(seconds=3))
    for name, value in (
        ("at", pandas.NaT),
        ("at", pandas.Timestamp(1)),
        ("span", pandas.Timedelta(1)),
        ("span", pandas.NaT),
    ):
        with pytest.raises(Refused) as caught:
            setattr(record, name, value)
        if value is not pandas.NaT:  # for what is missing, the Python layer knows the remedy
            assert caught.value.args[4], "there is a remedy"


# ---------------------------------------------------------------- representation, equality and order


EQUAL: list[tuple[str, Any, Any]] = [
    ("Decimal", Decimal("1.0"), Decimal("1.00")),
    ("Decimal", Decimal("0"), Decimal("-0E+3")),
    ("Decimal", Decimal("1E+2"), Decimal("100")),
    ("float", 0.0, -0.0),
    ("datetime", datetime(2024, 1, 1), datetime(2024, 1, 1, fold=1)),
    ("aware", datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 17, 30, tzinfo=EAST)),
    ("aware time", time(12, tzinfo=UTC), time(17, 30, tzinfo=EAST)),
]


@pytest.mark.parametrize(("kind", "first", "second"), EQUAL, ids=lambda v: repr(v)[:40])
def test_equal_values_keep_their_representations_but_share_a_key(
    world: World, kind: str, first: Any, second: Any
) -> None:
    assert first == second
    field = typed(world, kind)
    cls = world.model("Thing", field)
    a, b = cls(value=first), cls(value=second)
    assert same(a.value, first) and same(b.value, second)
    world.engine.delete(b)
    index = world.store.add_index(cls, "unique", [field])
    assert index.find([second]) is a
    with pytest.raises(Refused) as caught:
        cls(value=second)
    assert caught.value.args[:3] == ("unique", cls, (field,)) and caught.value.args[4] is a


def decimals() -> list[Decimal]:
    source = random.Random(5)
    texts = ["0", "-0.0", "Infinity", "-Infinity", "1E+20", "-1E+20", "1E-20", "9.99", "10", "10.01", "-9.99", "-10"]
    texts += [f"{source.randint(-999, 999)}E{source.randint(-9, 9)}" for _ in range(200)]
    return [Decimal(text) for text in texts]


ORDERED: dict[str, list[Any]] = {
    "Decimal": decimals(),
    "float": [0.0, -0.0, 1.5, -1.5, float("inf"), float("-inf"), 1e300, -1e-300],
    "int": [0, -1, 1, 2**63 - 1, -(2**63)],
    "str": ["", "a", "b", "ab", "ä", "🐍", "\ud800", "Z", "a\x00"],
    "bytes": [b"", b"\x00", b"a", b"\xff", b"ab"],
    "date": [date.min, date.max, date(2000, 1, 1)],
    "datetime": [datetime.min, datetime.max, datetime(2000, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 999999)],
    "aware": [
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        datetime(2024, 1, 1, 12, tzinfo=EAST),
        datetime(2024, 1, 1, 12, tzinfo=BERLIN),
    ],
    "time": [time(12), time.min, time.max],
    "aware time": [time(12, tzinfo=UTC), time(12, tzinfo=EAST)],
    "timedelta": [timedelta(1), timedelta(-1), timedelta(0, 0, 1), timedelta(days=10**8)],
    "UUID": [UUID(int=2**127), UUID(int=1), UUID(int=2**64), UUID(int=0)],
    "IPv4Address": [IPv4Address(text) for text in ("10.0.0.2", "9.255.0.0", "255.0.0.1", "10.0.0.10", "0.0.0.0")],
    "IPv6Address": [IPv6Address(text) for text in ("fe80::1%eth0", "::1", "fe80::", "ff02::2", "fe80::2", "::ffff:1")],
    "IPv4Network": [
        IPv4Network(text) for text in ("10.0.0.0/8", "10.0.0.0/16", "9.0.0.0/8", "10.0.0.0/7", "0.0.0.0/0")
    ],
    "IPv6Network": [IPv6Network(text) for text in ("fe80::/64", "fe80::/10", "::/0", "2001:db8::/32", "fe80::/128")],
    "IPv4Interface": [
        IPv4Interface(text) for text in ("10.0.0.9/8", "10.9.0.1/16", "10.0.0.10/8", "9.9.9.9/8", "1.1.1.1")
    ],
    "IPv6Interface": [
        IPv6Interface(text) for text in ("fe80::2/64", "fe80::1/64", "fe80::1/10", "::1/0", "fe80::1%a/48")
    ],
}


@pytest.mark.parametrize("kind", ORDERED)
def test_the_order_of_values_is_pythons(world: World, kind: str) -> None:
    field = typed(world, kind)
    cls = world.model("Thing", field)
    world.engine.insert_columns(cls, {"value": ORDERED[kind]})
    assert world.ordered(cls, field) == sorted(ORDERED[kind])


def test_scopes_of_one_address_have_an_order_that_python_leaves_open(world: World) -> None:
    """None of them is less than another there, although they differ; here they come by scope, the one without first."""
    bare, eth, wlan = (IPv6Address(text) for text in ("fe80::1", "fe80::1%eth0", "fe80::1%wlan0"))
    field = typed(world, "IPv6Address")
    cls = world.model("Thing", field)
    index = world.store.add_index(cls, "unique", [field])
    world.engine.insert_columns(cls, {"value": [wlan, eth, bare]})
    assert world.ordered(cls, field) == [bare, eth, wlan]
    assert [index.find([value]).value for value in (bare, eth, wlan)] == [bare, eth, wlan]
    assert index.find([IPv6Address("fe80::1%eth1")]) is None


KEYS: list[list[Any]] = [
    [3, -1, 0, 2**70, -(2**70), 255, 256, -256, -255],
    [1.5, -0.5, 0.0, float("inf"), -1e300],
    ["", "a", "ab", "b", "a\x00", "a\x00b", "ä"],
    [b"", b"\x00", b"a\x00", b"a"],
    [False, True],
    [(1, "b"), (1, "a"), (0, "z"), (1,), (), (1, "a", 0)],
    [Decimal("1.5"), Decimal("-2"), Decimal(0)],
    [date(2024, 1, 1), date(2023, 1, 1)],
    [datetime(2024, 1, 1), datetime(2023, 1, 1)],
    [timedelta(1), timedelta(-1)],
    [time(3), time(2)],
    [UUID(int=3), UUID(int=2)],
    [IPv4Address(2), IPv4Address(1)],
    [(IPv6Address("fe80::2%b"), 1), (IPv6Address("fe80::1%eth0"), 2), (IPv6Address("fe80::1%eth0"), 1)],
    [IPv4Network("10.0.0.0/8"), IPv4Network("9.0.0.0/8")],
    [IPv6Interface("::2/64"), IPv6Interface("::1/64")],
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda v: repr(v)[:40])
def test_keys_of_objects_order_as_they_do(world: World, keys: list[Any]) -> None:
    field = world.field("value", "object", key=operator.itemgetter(0))
    cls = world.model("Thing", field)
    for key in keys:
        cls(value=[key])
    plan = world.engine.Plan(cls, order=[(("column", 0, field.key_field), False, False)])
    assert [record.value[0] for record in plan.rows()] == sorted(keys)


def test_a_key_field_follows_its_value(world: World) -> None:
    field = world.field("value", "object", key=len, nullable=True)
    cls = world.model("Thing", field)
    index = world.store.add_index(cls, "unique", [field.key_field])
    first, second = cls(value="abc"), cls(value=None)
    assert index.find([3]) is first
    first.value = "ab"
    assert index.find([3]) is None and index.find([2]) is first
    world.engine.update(second, {"value": "abcd"})
    assert index.find([4]) is second
    with pytest.raises(Refused, match="unique"):
        second.value = "xy"
    assert second.value == "abcd" and index.find([4]) is second
    world.engine.update(second, {"value": None})
    assert index.find([4]) is None


@pytest.mark.parametrize(
    "key", [lambda value: [], lambda value: float("nan"), lambda value: Decimal("NaN"), lambda value: (1, {})]
)
def test_keys_that_cannot_be_ordered_are_refused(world: World, key: Callable[[Any], Any]) -> None:
    cls = world.model("Thing", world.field("value", "object", key=key))
    with pytest.raises(Refused, match="bad_value"):
        cls(value=1)
    assert world.store.stats()["rows"] == 0


def test_nan_is_stored_but_not_indexed(world: World) -> None:
    field = world.field("value", "float")
    cls = world.model("Thing", field)
    record = cls(value=float("nan"))
    assert record.value != record.value
    record.value = 1.0
    world.store.add_index(cls, "unique", [field])
    with pytest.raises(Refused) as caught:
        record.value = float("nan")
    assert caught.value.function == "nan_in_index" and caught.value.args[1] is field
    assert record.value == 1.0


# ---------------------------------------------------------------- construction


def test_construction_reports_everything_that_is_missing(world: World) -> None:
    cls = world.model(
        "Thing", world.field("a", "int"), world.field("b", "str", nullable=True), world.field("c", "int", default=3)
    )
    with pytest.raises(Refused) as caught:
        cls()
    assert caught.value.args == ("missing_arguments", cls, ["a", "b"])
    record = cls(a=1, b=None)
    assert (record.id, record.a, record.b, record.c) == (1, 1, None, 3)


def test_keywords_are_matched_by_value_too(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    assert cls(**{"".join(["na", "me"]): "x"}).name == "x"
    assert cls.__new__(cls, name="y").name == "y"
    assert type.__call__(cls, name="z").name == "z"


def test_unknown_and_positional_arguments_are_refused(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    with pytest.raises(Refused) as caught:
        cls(nam="x")
    assert caught.value.args == ("unknown_argument", cls, "nam")
    for attempt in (lambda: cls("x"), lambda: cls.__new__(cls, "x")):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.args == ("positional", cls, 1)
    with pytest.raises(TypeError):
        object.__new__(cls)
    assert world.store.stats()["rows"] == 0


def test_models_of_more_columns_than_fit_the_stack(world: World) -> None:
    fields = [world.field(f"f{i}", "int", default=i) for i in range(70)]
    cls = world.model("Wide", *fields)
    record = cls(f69=7)
    assert [getattr(record, f"f{i}") for i in range(70)] == [*range(69), 7]
    world.engine.update(record, {f"f{i}": -i for i in range(70)})
    assert record.f69 == -69 and record.f1 == -1
    assert world.engine.insert_rows(cls, [{"f3": 1}, {}], None) == 2


def test_defaults_and_factories(world: World) -> None:
    made: list[int] = []

    def factory() -> str:
        made.append(1)
        return f"made {len(made)}"

    cls = world.model(
        "Thing",
        world.field("text", "str", default="plain"),
        world.field("color", "Enum", arg=Color, default=Color.GREEN),
        world.field("number", "Decimal", default=Decimal("1.50")),
        world.field("maybe", "int", nullable=True, default=None),
        world.field("fresh", "str", default_factory=factory),
    )
    record = cls()
    assert (record.text, record.color, str(record.number), record.maybe, record.fresh) == (
        "plain", Color.GREEN, "1.50", None, "made 1",
    )  # fmt: skip
    assert cls(fresh="given").fresh == "given" and made == [1]
    with pytest.raises(Refused, match="bad_value"):
        cls(text=None)


def test_checks_and_validators_see_and_replace_converted_values(world: World) -> None:
    seen: list[Any] = []

    def lower(record: Any, value: str) -> str:
        seen.append((record, value))
        return value.lower()

    cls = world.model(
        "Thing",
        world.field("size", "int", check=lambda value: value > 0),
        world.field("name", "str", default_factory=lambda: "FACTORY", nullable=True),
        validators={"name": (lower, lambda record, value: value + "!")},
    )
    record = cls(size=Index(3), name="ANN")
    assert record.name == "ann!" and seen == [(None, "ANN")]
    record.name = "BOB"
    assert record.name == "bob!" and seen[-1] == (record, "BOB")
    assert cls(size=1).name == "factory!"
    record.name = None
    assert record.name is None and len(seen) == 3
    for attempt in (
        lambda: cls(size=0),
        lambda: setattr(record, "size", -1),
        lambda: world.engine.update(record, {"size": 0}),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.function == "bad_check"
    assert record.size == 3


def test_all_that_validators_say_comes_in_one_error(world: World) -> None:
    def refuse(message: str) -> Callable[[Any, Any], Any]:
        def validator(record: Any, value: Any) -> Any:
            raise Invalid(message)

        return validator

    cls = world.model(
        "Thing",
        world.field("a", "int"),
        world.field("b", "int"),
        world.field("c", "int"),
        validators={"a": (refuse("no a"),), "c": (refuse("no c"),)},
    )
    with pytest.raises(Invalid) as caught:
        cls(a=1, b=2, c=3)
    assert caught.value.errors == {"a": ["no a"], "c": ["no c"]}
    with pytest.raises(Invalid) as caught:
        world.engine.insert_rows(cls, [{"a": 1, "b": 2, "c": 3}], None)
    assert caught.value.args[0] == "row 0" and set(caught.value.errors) == {"a", "c"}


def test_other_exceptions_pass_through(world: World) -> None:
    def broken(*args: Any) -> Any:
        raise ZeroDivisionError("mine")

    for options in ({"check": broken}, {"default_factory": broken}):
        cls = world.model("Thing", world.field("a", "int", **options))
        with pytest.raises(ZeroDivisionError, match="mine"):
            cls(**({"a": 1} if "check" in options else {}))
    validated = world.model("Thing", world.field("a", "int"), validators={"a": (broken,)})
    with pytest.raises(ZeroDivisionError):
        validated(a=1)
    assert world.store.stats()["rows"] == 0


def test_layout_happens_at_first_use(world: World) -> None:
    cls = world.engine.ModelMeta("Late", (world.engine.Record,), {})
    for attempt in (
        lambda: cls(),
        lambda: cls[1],
        lambda: cls.find_by(a=1),
        lambda: world.engine.insert_rows(cls, [], None),
    ):
        with pytest.raises(Refused, match="abstract"):
            attempt()
    key = world.field("id", "int", automatic=True)

    def lay_out(late: Any) -> None:
        world.engine.bind_model(late, world.store, fields=[key], parameters=[key], primary_key=[key], validators={})
        world.engine.set_primary_index(late, world.store.add_index(late, "unique", [key]))

    world.layouts["Late"] = lay_out
    assert world.engine.key(cls()) == 1
    with pytest.raises(Refused, match="abstract"):
        world.engine.Record()


def test_classes_whose_records_would_be_more_than_records_are_refused(world: World) -> None:
    class WithDict:
        pass

    class WithSlot:
        __slots__ = ("extra",)

    class Fine:
        __slots__ = ()

        def shout(self) -> str:
            return "!"

    for base, message in ((WithDict, "__slots__"), (WithSlot, "lay-out")):
        with pytest.raises(TypeError, match=message):
            world.engine.ModelMeta("Bad", (world.engine.Record, base), {})
    cls = world.engine.ModelMeta("Good", (world.engine.Record, Fine), {"__slots__": ("ignored",)})
    assert cls.shout and not hasattr(cls, "ignored")


# ---------------------------------------------------------------- belongs_to


def related(world: World, **options: Any) -> tuple[Any, Any]:
    author = world.model("Author", world.field("name", "str"))
    key = world.field("author_id", "int", nullable=not options.get("required", True))
    reference = world.engine.Reference("author", [key], **{"required": True, **options})
    post = world.model("Post", key, references=[reference])
    here = world.store.add_index(post, "many", [key])
    there = world.store.add_index(author, "unique", [author.__dict__["id"]])
    reference.bind(author, [author.__dict__["id"]], here, there, "restrict", True)
    return author, post


def test_either_the_record_or_its_key(world: World) -> None:
    author, post = related(world)
    ann, bob = author(name="Ann"), author(name="Bob")
    assert post(author=ann).author_id == 1
    assert post(author_id=2).author is bob
    assert post(author=bob, author_id=2).author is bob
    with pytest.raises(Refused) as caught:
        post(author=ann, author_id=2)
    assert (
        caught.value.function == "reference_contradiction" and caught.value.args[2] is ann and caught.value.args[4] == 2
    )
    with pytest.raises(Refused) as caught:
        post()
    assert caught.value.args == ("missing_arguments", post, ["author"])


def test_a_default_of_none_leaves_the_key_null(world: World) -> None:
    author, post = related(world, required=False, default=None)
    assert post().author_id is None
    assert post(author_id=None).author is None
    assert post(author=author(name="Ann")).author_id == 1


def test_update_takes_fields_and_references_at_once(world: World) -> None:
    author, post = related(world)
    ann, bob = author(name="Ann"), author(name="Bob")
    record = post(author=ann)
    world.engine.update(record, {"author": bob})
    assert record.author_id == 2
    world.engine.update(record, {"author": ann, "author_id": 1})
    for values, function in (
        ({"author": ann, "author_id": 2}, "reference_contradiction"),
        ({"author_id": 1, "nothing": 2}, "unknown_argument"),
        ({"id": 7}, "read_only"),
        ({"author_id": 99}, "dangling"),
        ({"author_id": "1"}, "bad_value"),
    ):
        with pytest.raises(Refused) as caught:
            world.engine.update(record, values)
        assert caught.value.function == function
        assert record.author is ann


def test_integrity_errors_name_rows(world: World) -> None:
    author, post = related(world)
    ann = author(name="Ann")
    post(author=ann), post(author=ann)
    with pytest.raises(Refused) as caught:
        world.engine.delete(ann)
    assert caught.value.args == ("restricted", author, 1, [(post, "author", 2)])
    assert world.engine.alive(ann)
    with pytest.raises(Refused) as caught:
        post(author_id=5)
    assert caught.value.args == ("dangling", [(post, 3, "author", 5)], 1, False)
    assert len(world.engine.live_rows(post)) == 2


def test_a_key_that_is_referred_to_stays(world: World) -> None:
    code = world.field("code", "str")
    author = world.model("Author", code)
    there = world.store.add_index(author, "unique", [code])
    key = world.field("author_code", "str")
    reference = world.engine.Reference("author", [key], required=True)
    post = world.model("Post", key, references=[reference])
    reference.bind(author, [code], world.store.add_index(post, "many", [key]), there, "restrict", True)
    ann = author(code="ann")
    post(author=ann)
    with pytest.raises(Refused) as caught:
        ann.code = "anna"
    assert caught.value.args == ("key_in_use", author, 1, ("code",), post, "author", 1)
    assert ann.code == "ann"


# ---------------------------------------------------------------- finding


def test_finding_by_key(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    assert cls[1] is cls.get(1) is cls.find(1) is cls.find_by(id=1) is record
    assert cls.find(2) is None and cls.find(None) is None and cls.find_by(id=2) is None and cls.find(2**80) is None
    for attempt in (lambda: cls[2], lambda: cls.get(None)):
        with pytest.raises(Refused, match="not_found"):
            attempt()
    for key in ("1", 1.0, True, (1,)):
        with pytest.raises(Refused, match="bad_value"):
            cls.find(key)


def test_finding_by_other_fields(world: World) -> None:
    name = world.field("name", "str")
    cls = world.model("Thing", name, world.field("size", "int"))
    world.store.add_index(cls, "unique", [name])
    record = cls(name="x", size=1)
    assert cls.find_by(name="x") is record and cls.find_by(name="y") is None
    assert cls.find_by(size=1) == ("general", {"size": 1})
    assert cls.find_by(name="x", size=1) == ("general", {"name": "x", "size": 1})
    assert cls.find_by(name=None) == ("general", {"name": None})
    assert cls.find_by() == ("general", {})
    with pytest.raises(TypeError):
        cls.find_by("x")
    with pytest.raises(Refused, match="bad_value"):
        cls.find_by(name=1)


def test_composite_keys(world: World) -> None:
    a, b = world.field("a", "int"), world.field("b", "str")
    cls = world.engine.ModelMeta("Line", (world.engine.Record,), {"a": a, "b": b})
    world.engine.bind_model(cls, world.store, fields=[a, b], parameters=[a, b], primary_key=[a, b], validators={})
    world.engine.set_primary_index(cls, world.store.add_index(cls, "unique", [a, b]))
    record = cls(a=1, b="x")
    assert cls[1, "x"] is record and world.engine.key(record) == (1, "x")
    for key in (1, (1,), (1, "x", 2)):
        with pytest.raises(Refused, match="bad_key"):
            cls.find(key)
    with pytest.raises(Refused) as caught:
        cls(a=1, b="x")
    assert caught.value.args[3] == (1, "x")


# ---------------------------------------------------------------- records


def test_one_row_is_one_object_while_held(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    seen = weakref.ref(record)
    assert cls[1] is record and hash(record) == object.__hash__(record) and record == record
    del record
    assert seen() is None and cls[1].name == "x"
    assert world.engine.row(cls[1]) == 0


def test_unknown_attributes_are_told(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    for attempt in (lambda: record.nam, lambda: setattr(record, "nam", 1), lambda: delattr(record, "nam")):
        with pytest.raises(AttributeError, match="Thing has no nam"):
            attempt()
    with pytest.raises(AttributeError, match="class Thing has no nam"):
        _ = cls.nam
    assert not hasattr(record, "__len__") and not hasattr(cls, "__set_name__") and not hasattr(record, "nam")
    with pytest.raises(AttributeError):
        del record.name
    with pytest.raises(AttributeError, match="read-only"):
        record.__reduce__ = 1
    cls.later = lambda self: self.name * 2
    assert record.later() == "xx"


def test_read_only_fields_are_set_at_construction(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(id=7, name="x")
    with pytest.raises(Refused) as caught:
        record.id = 8
    assert caught.value.args == ("read_only", cls.__dict__["id"], 8)
    assert cls(name="y").id == 8


def test_deleted_records(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    world.engine.delete(record)
    assert not world.engine.alive(record) and record == record and {record: 1}[record] == 1
    for attempt in (
        lambda: record.name,
        lambda: setattr(record, "name", "y"),
        lambda: world.engine.update(record, {"name": "y"}),
        lambda: world.engine.delete(record),
        lambda: world.engine.key(record),
        lambda: world.engine.row(record),
        lambda: world.engine.values(record, []),
        lambda: record.__reduce__(),
    ):
        with pytest.raises(Refused, match="deleted"):
            attempt()


def test_rollback_brings_the_same_objects_back(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    world.store.begin()
    world.engine.delete(record)
    born = cls(name="y")
    world.store.rollback()
    assert record.name == "x" and cls[1] is record
    assert not world.engine.alive(born)


@pytest.mark.parametrize(
    ("kind", "old", "new"), [("int", 1, 2), ("str", "old", "new"), ("Decimal", Decimal(1), Decimal(2))]
)
def test_writes_are_undone_with_their_transaction(world: World, kind: str, old: Any, new: Any) -> None:
    cls = world.model("Thing", typed(world, kind, nullable=True))
    record = cls(value=old)
    world.store.begin()
    record.value = new
    assert record.value == new
    world.store.rollback()
    assert same(record.value, old)
    before = world.store.revision
    record.value = new
    record.value = None
    assert record.value is None and world.store.revision > before
    record.value = old
    assert same(record.value, old)


def test_records_are_not_copied_but_pickle_as_their_key(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    record = cls(name="x")
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="to_dict"):
            copier(record)
    function, args = record.__reduce__()
    assert function(*args) is record


def test_held_records_follow_compaction(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    records = [cls(name=str(i)) for i in range(3000)]
    gone, kept = records[:2900], records[2900:]
    for record in gone:
        world.engine.delete(record)
    world.store.compact()
    assert [record.name for record in kept] == [str(i) for i in range(2900, 3000)]
    assert world.engine.row(kept[0]) < 2900 and cls[2901] is kept[0]
    assert not any(world.engine.alive(record) for record in gone)
    fresh = [cls(name="new") for _ in range(3000)]
    assert not any(world.engine.alive(record) for record in gone)
    assert all(record.name == "new" for record in fresh)


def test_values_in_one_look(world: World) -> None:
    name = world.field("name", "str")
    cls = world.model("Thing", name)
    other = world.field("other", "int")
    record = cls(name="x")
    assert world.engine.values(record, [name, cls.__dict__["id"]]) == ("x", 1)
    for fields in ([1], [other]):
        with pytest.raises(TypeError):
            world.engine.values(record, fields)
    for function in (world.engine.alive, world.engine.row, world.engine.key, world.engine.delete):
        with pytest.raises(TypeError, match="expected a record"):
            function(1)


def test_touch_fields_change_with_every_write(world: World) -> None:
    clock = iter(range(100))
    cls = world.model(
        "Thing",
        world.field("name", "str"),
        world.field("changed", "int", touch=True, read_only=True, default_factory=lambda: next(clock)),
    )
    record = cls(name="x")
    assert record.changed == 0
    record.name = "y"
    assert record.changed == 1
    world.engine.update(record, {"name": "z"})
    assert record.changed == 2
    world.engine.update(record, {})
    assert record.changed == 2


def test_update_is_all_or_nothing(world: World) -> None:
    name = world.field("name", "str")
    cls = world.model("Thing", name, world.field("size", "int"))
    world.store.add_index(cls, "unique", [name])
    cls(name="taken", size=0)
    record = cls(name="mine", size=1)
    for values in ({"size": 2, "name": "taken"}, {"size": 2, "name": 3}, {"name": "new", "size": "x"}):
        with pytest.raises(Refused):
            world.engine.update(record, values)
        assert (record.name, record.size) == ("mine", 1)
    world.engine.update(record, {"size": 2, "name": "mine"})
    assert record.size == 2


# ---------------------------------------------------------------- loads


def test_insert_rows_from_mappings_and_sequences(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("size", "int", default=5))
    assert world.engine.insert_rows(cls, ({"name": f"n{i}"} for i in range(10)), None) == 10
    assert world.engine.insert_rows(cls, [("a", 1), ["b", 2]], ["name", "size"]) == 2
    assert world.engine.insert_columns(cls, {"size": (1, 2), "name": ["x", "y"]}) == 2
    assert world.engine.insert_rows(cls, [], None) == world.engine.insert_columns(cls, {"name": []}) == 0
    assert (cls[10].name, cls[10].size, cls[12].size, cls[14].name) == ("n9", 5, 2, "y")


def test_loads_take_belongs_to_by_name(world: World) -> None:
    author, post = related(world)
    ann = author(name="Ann")
    assert world.engine.insert_rows(post, [{"author": ann}, {"author_id": 1}], None) == 2
    assert world.engine.insert_columns(post, {"author": [ann, ann]}) == 2
    assert {record.author for record in world.engine.live_rows(post)} == {ann}
    with pytest.raises(Refused, match="dangling"):
        world.engine.insert_rows(post, [{"author_id": 1}, {"author_id": 9}], None)
    assert len(world.engine.live_rows(post)) == 4


BAD_LOADS: list[tuple[Any, Any, str, int | None]] = [
    ([{"name": "a"}, {"name": 1}], None, "bad_value", 1),
    ([{"name": "a"}, {"nam": "b"}], None, "unknown_argument", 1),
    ([{"name": "a"}, {}], None, "missing_arguments", 1),
    ([{"name": "a"}, 5], None, "row_shape", 1),
    ([("a",), ("b", 1)], ["name"], "row_shape", 1),
    ([("a",), "b"], ["name"], "row_shape", 1),
    ([("a",), 3], ["name"], "row_shape", 1),
    ([("a",)], ["nam"], "unknown_argument", None),
    ([{"name": "a"}, {"name": "taken"}], None, "unique", 1),
    ([{"name": "a"}, {"name": "b"}, {"name": "a"}], None, "unique", 2),
]


@pytest.mark.parametrize(("rows", "columns", "function", "at"), BAD_LOADS, ids=lambda v: repr(v)[:50])
def test_a_refused_row_leaves_nothing(world: World, rows: Any, columns: Any, function: str, at: int | None) -> None:
    name = world.field("name", "str")
    cls = world.model("Thing", name)
    world.store.add_index(cls, "unique", [name])
    taken = cls(name="taken")
    with pytest.raises(Refused) as caught:
        world.engine.insert_rows(cls, rows, columns)
    where, what = (None, caught.value.args[0]) if at is None else caught.value.args[:2]
    assert what == function and where == (None if at is None else f"row {at}")
    if function == "unique":
        assert caught.value.args[-2:] in ((("taken",), taken), (("a",), None))
    assert world.store.stats()["rows"] == 1 and world.store.stats()["handles"] == 1
    world.store.check()
    assert cls(name="next").id == 2


def test_columns_must_be_of_one_length(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("size", "int"))
    with pytest.raises(Refused, match="row_shape"):
        world.engine.insert_columns(cls, {"name": ["a"], "size": [1, 2]})
    with pytest.raises(Refused, match="unknown_argument"):
        world.engine.insert_columns(cls, {"nam": ["a"]})
    with pytest.raises(ValueError, match="twice"):
        world.engine.insert_rows(cls, [("a", "b")], ["name", "name"])


def test_columns_of_many_chunks(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("size", "int", nullable=True, default=None))
    n = 1000
    assert world.engine.insert_columns(cls, {"name": [f"n{i}" for i in range(n)]}) == n
    sizes = [None if i % 3 else i for i in range(n)]
    assert world.engine.insert_columns(cls, {"size": tuple(sizes), "name": [f"m{i}" for i in range(n)]}) == n
    assert [(cls[i].name, cls[i].size) for i in (1, n, n + 1, n + 2, 2 * n)] == [
        ("n0", None), (f"n{n - 1}", None), ("m0", 0), ("m1", None), (f"m{n - 1}", n - 1)
    ]  # fmt: skip


def test_the_first_row_at_fault_is_named_whatever_its_column(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("size", "int"))
    names: list[Any] = ["a"] * 1000
    sizes: list[Any] = [1] * 1000
    names[700], sizes[650] = 5, "x"
    with pytest.raises(Refused) as caught:
        world.engine.insert_columns(cls, {"name": names, "size": sizes})
    assert caught.value.args[:2] == ("row 650", "bad_value")
    assert world.store.stats()["rows"] == 0 and world.store.stats()["handles"] == 0


def test_a_column_that_changes_while_it_is_read(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"), world.field("size", "int"))
    names = ["a"] * 600

    class Clearing:
        def __index__(self) -> int:
            names.clear()
            return 1

    for at in (3, 400):
        names[:] = ["a"] * 600
        sizes: list[Any] = [2] * 600
        sizes[at] = Clearing()
        with pytest.raises(Refused, match="row_shape"):
            world.engine.insert_columns(cls, {"size": sizes, "name": names})
        assert world.store.stats()["rows"] == 0 and world.store.stats()["handles"] == 0


def test_progress_is_told(world: World) -> None:
    cls = world.model("Thing", world.field("size", "int"))
    told: list[int] = []
    assert world.engine.insert_rows(cls, ((i,) for i in range(10000)), ["size"], told.append) == 10000
    assert told == [4096, 8192, 10000]

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.engine.insert_columns(cls, {"size": range(5000)}, stop)
    assert world.store.stats()["rows"] == 10000


def test_rows_that_fail_by_themselves(world: World) -> None:
    cls = world.model("Thing", world.field("size", "int"))

    def rows() -> Iterator[Any]:
        yield {"size": 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.engine.insert_rows(cls, rows(), None)
    assert world.store.stats()["rows"] == 0


# ---------------------------------------------------------------- hostile values


def test_conversion_that_deletes_the_record(world: World) -> None:
    cls = world.model("Thing", world.field("size", "int"))
    record = cls(size=1)

    class Deletes:
        def __index__(self) -> int:
            world.engine.delete(record)
            return 5

    with pytest.raises(Refused, match="deleted"):
        record.size = Deletes()
    other = cls(size=1)
    record = other
    with pytest.raises(Refused, match="deleted"):
        world.engine.update(record, {"size": Deletes()})
    assert world.store.stats()["rows"] == 0


def test_conversion_that_compacts(world: World) -> None:
    cls = world.model("Thing", world.field("size", "int"))
    records = [cls(size=i) for i in range(4000)]
    kept = records.pop()

    class Compacts:
        def __index__(self) -> int:
            while records:
                world.engine.delete(records.pop())
            world.store.compact()
            return 12

    kept.size = Compacts()
    assert kept.size == 12 and world.engine.row(kept) < 3999 and cls[4000] is kept


def test_callbacks_that_write(world: World) -> None:
    cls: Any = None
    written: list[Any] = []
    depth: list[int] = []

    def writes() -> int:
        depth.append(1)
        if len(depth) <= 3:
            written.append(cls())
        return len(depth)

    cls = world.model("Thing", world.field("size", "int", default_factory=writes))
    record = cls()
    assert world.store.stats()["rows"] == 4 and record.id == 4
    assert [each.size for each in written] == [4, 4, 4]


def test_callbacks_that_open_transactions(world: World) -> None:
    def opens(record: Any, value: int) -> int:
        world.store.begin()
        return value

    cls = world.model("Thing", world.field("size", "int"), validators={"size": (opens,)})
    cls(size=1)
    assert world.store.depth == 1
    world.store.rollback()
    assert world.store.stats()["rows"] == 0


@pytest.mark.parametrize("attempt", ["construct", "set", "update", "load"])
def test_callbacks_that_close_the_store(world: World, attempt: str) -> None:
    armed: list[bool] = []

    def closes(record: Any, value: Any) -> Any:
        if armed:
            world.store.close()
        return value

    cls = world.model(
        "Thing",
        world.field("size", "int"),
        world.field("price", "Decimal", default=Decimal(1)),
        validators={"size": (closes,)},
    )
    record = cls(size=1)
    armed.append(True)
    with pytest.raises(Refused):
        if attempt == "construct":
            cls(size=2, price=Decimal(7))
        elif attempt == "set":
            record.size = 2
        elif attempt == "update":
            world.engine.update(record, {"price": Decimal(3), "size": 2})
        else:
            world.engine.insert_rows(cls, [{"price": Decimal(3), "size": 2}] * 3, None)
    assert world.store.closed and not world.engine.alive(record)
    with pytest.raises(Refused, match="store_closed"):
        cls[1]
    with pytest.raises(Refused, match="store_closed"):
        cls(size=1)


@pytest.mark.parametrize("drop", [False, True], ids=["add", "drop"])
def test_callbacks_that_change_the_model(world: World, drop: bool) -> None:
    armed: list[bool] = []
    extra = world.field("extra", "str", nullable=True, default=None)

    def changes(record: Any, value: Any) -> Any:
        if armed:
            armed.pop()
            if drop:
                world.store.drop_field(extra)
            else:
                world.store.add_field(cls, world.field("more", "str", nullable=True))
        return value

    cls = world.model("Thing", world.field("size", "int"), extra, validators={"size": (changes,)})
    record = cls(size=1, extra="here")
    armed.append(True)
    with pytest.raises(Refused, match="was changed by code"):
        cls(extra="text", size=2)
    assert world.store.stats()["rows"] == 1 and record.size == 1
    world.store.check()


def test_loads_hold_the_values_of_their_row(world: World) -> None:
    cls = world.model("Thing", world.field("size", "int"), world.field("name", "str"))
    row: dict[str, Any] = {}

    class Clears:
        def __index__(self) -> int:
            row.clear()
            gc.collect()
            return 1

    row.update(size=Clears(), name="".join(["long ", "text"]))
    assert world.engine.insert_rows(cls, [row], None) == 1
    assert cls[1].name == "long text"


def test_equality_that_raises(world: World) -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

    cls = world.model("Thing", world.field("value", "object"))
    value = Hostile()
    record = cls(value=value)
    record.value = value
    assert record.value is value


def test_values_whose_end_writes(world: World) -> None:
    cls = world.model("Thing", world.field("value", "object", nullable=True))

    class Writes:
        def __del__(self) -> None:
            cls(value=None)

    record = cls(value=Writes())
    record.value = None
    assert world.store.stats()["rows"] == 2
    record.value = Writes()
    world.engine.delete(record)
    assert world.store.stats()["rows"] == 2


def test_weakref_callbacks_that_look_the_row_up(world: World) -> None:
    cls = world.model("Thing", world.field("name", "str"))
    found: list[str] = []
    record = cls(name="x")
    watcher = weakref.ref(record, lambda _: found.append(cls[1].name))
    del record
    assert found == ["x"] and watcher() is None


# ---------------------------------------------------------------- memory


def churn(world: World, cls: Any) -> None:
    for value in ("x", "y"):
        record = cls(name=value, price=Decimal("1.5"), at=datetime(2024, 1, 1, tzinfo=BERLIN))
        record.price = Decimal("2.5")
        world.engine.update(record, {"name": value * 2})
        world.engine.insert_rows(
            cls, [{"name": "a", "price": Decimal(3), "at": datetime(2024, 1, 1, tzinfo=UTC)}] * 3, None
        )
        for bad in ({"price": 1}, {"nam": 1}, {"name": "q", "price": Decimal("NaN")}):
            with pytest.raises(Refused):
                cls(**{"name": "x", "price": Decimal(9), "at": datetime(2024, 1, 1, tzinfo=UTC), **bad})
            with pytest.raises(Refused):
                world.engine.update(record, {"name": "never", **bad})
        world.engine.delete(record)
    world.store.clear()


def test_nothing_leaks(world: World) -> None:
    cls = world.model(
        "Thing",
        world.field("name", "str", intern=True),
        world.field("price", "Decimal"),
        world.field("at", "datetime", arg="aware"),
    )
    counts: list[tuple[int, int]] = []
    for _ in range(5):
        for _ in range(150):
            churn(world, cls)
        gc.collect()
        counts.append((sys.getallocatedblocks(), world.store.stats()["blocks"]))
    growth = [after[0] - before[0] for before, after in pairwise(counts[1:])]
    assert min(growth) < 75, counts  # one block lost per churn would be 150 in each round; free lists still fill up
    assert counts[-1][1] == counts[1][1] and world.store.stats()["handles"] == 0


def test_a_dropped_world_is_collected() -> None:
    def make() -> tuple[Any, Any]:
        made = World()
        cls = made.model("Thing", made.field("value", "object"), made.field("name", "str", default="x"))
        record = cls(value=cls)
        record.value = [record, cls]
        return weakref.ref(cls), weakref.ref(record)

    seen = make()
    for _ in range(3):
        gc.collect()
    assert [each() for each in seen] == [None, None]


def test_a_field_outlives_its_model() -> None:
    made = World()
    field = made.field("name", "str")
    cls = made.model("Thing", field)
    assert field.model is cls
    made.store.close()
    made.store = None  # the hooks of the field's module know `made`
    del cls
    for _ in range(3):
        gc.collect()
    assert field.model is None
    assert field.convert("x") == "x"


# ---------------------------------------------------------------- the module


def test_the_missing_singleton(world: World) -> None:
    missing = world.engine.MISSING
    assert repr(missing) == "MISSING" and world.field("a", "int").default is missing
    assert world.field("a", "int", default=missing).default is missing
    assert world.field("a", "int", default=None).default is None
    with pytest.raises(TypeError):
        type(missing)()


def test_field_attributes(world: World) -> None:
    marker = object()
    field = world.field("at", "datetime", arg="aware", nullable=True, column=marker, doc="When.")
    assert (field.name, field.kind, field.arg, field.nullable, field.column, field.__doc__) == (
        "at", "datetime", "aware", True, marker, "When.",
    )  # fmt: skip
    cls = world.engine.ModelMeta("Thing", (world.engine.Record,), {"at": field})
    assert cls.at is marker
    field.column = None
    assert cls.at is field


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("nothing", {}),
        ("str", {"automatic": True}),
        ("Enum", {}),
        ("Enum", {"arg": int}),
        ("Literal", {"arg": ["a"]}),
        ("int", {"key": len}),
    ],
)
def test_impossible_fields(world: World, kind: str, options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        world.field("a", kind, **options)


def test_binding_twice_or_wrongly(world: World) -> None:
    field = world.field("name", "str")
    cls = world.model("Thing", field)
    arguments: dict[str, Any] = {"fields": [], "parameters": [], "primary_key": [], "validators": {}}
    fresh = world.engine.ModelMeta("Fresh", (world.engine.Record,), {})
    with pytest.raises(RuntimeError, match="already"):
        world.engine.bind_model(cls, world.store, **arguments)
    for wrong in (
        {"fields": [field]},
        {"fields": [1]},
        {"parameters": [1]},
        {"primary_key": [world.field("id", "int")]},
    ):
        with pytest.raises(TypeError):
            world.engine.bind_model(fresh, world.store, **{**arguments, **wrong})
    with pytest.raises(TypeError, match="expected a model"):
        world.engine.bind_model(int, world.store, **arguments)
    world.engine.bind_model(fresh, world.store, **arguments)
    world.store.check()


def test_two_modules_do_not_share_anything(world: World) -> None:
    other = World()
    assert other.engine is not world.engine and isinstance(other.engine, ModuleType)
    assert other.engine.Record is not world.engine.Record
    cls = world.model("Thing", world.field("name", "str"))
    with pytest.raises(TypeError):
        other.engine.alive(cls(name="x"))
