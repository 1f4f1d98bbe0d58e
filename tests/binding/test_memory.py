"""The extension without memory: each operation with its n-th allocation refused, for all n, over every kind of value.

Only MemoryError may come out, the store holds its invariants, and what it holds has not changed. An operation that
survives the lack (a compaction that is put off, a name that is not looked up) is tried again in a fresh world until it
has had as much as it asks for.
"""

from __future__ import annotations

import gc
import importlib.util
import operator
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

import pytest

from .test_models import EAST, KIND_NAMES, KINDS, ROUND_TRIPS, Color, Invalid, Refused, World

VALUES = {kind: [value for name, value in ROUND_TRIPS if name == kind] for kind in KINDS}
SEVERAL = ("assign every field", "churn", "model", "update unheld")  # statements: those before the one that failed stay
ROOM = 120  # bytes of a key that are on the stack
EACH = 3000  # of the first allocations each is refused; more only a build with the smallest capacities has
ENOUGH = 8  # successes in a row: nothing is left to be refused
ERRORS = (Refused, Invalid, KeyError, TypeError, ValueError, IndexError, AttributeError)


KEYS_OF_A_KIND = {
    type(key).__name__ + (" aware" if getattr(key, "tzinfo", None) else ""): key
    for key in (
        (Decimal("-1.5"), Decimal(0), Decimal("-Infinity")),
        None,
        True,
        -(2**70),
        1.5,
        "é",
        b"\0\1",
        date(2024, 1, 1),
        time(1),
        time(1, tzinfo=EAST),
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=EAST),
        timedelta(1),
        Decimal("1.50"),
        UUID(int=3),
        IPv4Address(2),
        IPv6Address("fe80::2%b"),
        IPv6Network("2001:db8::/32"),
        IPv6Interface("2001:db8::1/32"),
    )
}


def same_number(record: Any, value: Decimal) -> Decimal:
    return value + 0


def told(done: int) -> None:
    """Of progress. No lambda in what follows: CPython 3.12 and 3.13 cannot make functions without memory."""


def unchanged(record: Any, value: Any) -> Any:
    return value


def shorten(record: Any, value: str) -> str:
    if not value:
        raise Invalid("empty")
    return value[:20]


class Full(World):
    """A model with a field of every kind, some indexed, and children of it."""

    def __init__(self, indexed: bool) -> None:
        super().__init__()
        kinds = [kind for kind in KINDS if not (indexed and kind in ("object",))]
        self.fields = [
            self.field(f"f{n}", KIND_NAMES.get(kind, kind), nullable=True, default=None, **KINDS[kind])
            for n, kind in enumerate(kinds)
        ]
        self.seconds = [{f"f{n}": VALUES[kind][-1] for n, kind in enumerate(kinds)}]
        self.row = {f"f{n}": VALUES[kind][0] for n, kind in enumerate(kinds)}
        self.keyed = self.field("keyed", "object", nullable=True, default=None, key=len)
        self.checked = self.field("checked", "str", default="é", check=lambda value: value != "bad")
        self.touched = self.field("touched", "str", default_factory=lambda: "tö" + "uched", touch=True)
        self.Thing = self.model(
            "Thing",
            *self.fields,
            self.keyed,
            self.checked,
            self.touched,
            validators={"checked": (lambda record, value: value + "!",)},
        )
        if indexed:
            self.store.add_index(self.Thing, "many", self.fields[3:5])
            for field in self.fields:
                self.store.add_index(self.Thing, "ordered", [field])
            self.unique = self.store.add_index(self.Thing, "unique", [self.fields[3]])
        parent = self.field("thing_id", "int", nullable=True, default=None)
        self.parent = self.engine.Reference("thing", [parent], required=False, default=None)
        self.Child = self.model("Child", parent, references=[self.parent])
        key = self.Thing.__dict__["id"]
        index = self.store.add_index(self.Child, "many", [parent])
        found = self.store.add_index(self.Thing, "unique", [key])
        self.parent.bind(self.Thing, [key], index, found, "cascade", True)
        self.things = [self.Thing(**self.row), self.Thing(checked="second")]
        self.children = [self.Child(thing=self.things[0]) for _ in range(3)]
        self.path = self.engine.Path(self.store, [(self.parent, True, False, None, (), None)])
        self.add_others()

    def add_others(self) -> None:
        """Models of other shapes: with values that must be given, more columns than the stack takes, a composite key
        that others refer to."""
        self.wide = [self.field(f"w{n}", "int", default=0) for n in range(40)]
        self.Wide = self.model("Wide", *self.wide)
        self.wide_record = self.Wide(w39=1)
        self.engine.insert_columns(self.Wide, {"w0": [0] * 300})  # their number is no small int, which CPython has made
        pair = [self.field("left", "int"), self.field("right", "Decimal")]
        self.Pair = self.engine.ModelMeta("Pair", (self.engine.Record,), {each.name: each for each in pair})
        self.engine.bind_model(
            self.Pair, self.store, fields=pair, parameters=pair, primary_key=pair, validators={"right": (same_number,)}
        )
        found = self.store.add_index(self.Pair, "unique", pair)
        self.engine.set_primary_index(self.Pair, found)
        own = [self.field("left", "int", check=bool), self.field("right", "Decimal")]
        self.pair = self.engine.Reference("pair", own, required=True)
        self.name = self.field("name", "str")
        self.Strict = self.model("Strict", *own, self.name, references=[self.pair], validators={"name": (shorten,)})
        self.pair.bind(self.Pair, pair, self.store.add_index(self.Strict, "many", own), found, "keep", False)
        self.pairs = [self.Pair(left=1001, right=Decimal("1.50")), self.Pair(left=1001, right=Decimal(2))]
        self.strict = self.Strict(pair=self.pairs[0], name="a")
        self.stray = self.Strict(left=7007, right=Decimal("7.7"), name="b")
        self.to_key = self.field("value", "object", key=operator.itemgetter(0))
        self.Keyed = self.model("Keyed", self.to_key)
        self.Bare = self.model("Bare")
        self.engine.insert_rows(self.Bare, [{}] * 3, None)

    def state(self) -> Any:
        rows = self.engine.live_rows(self.Thing).records()
        names = [*self.row, "checked", "touched"]
        return (
            [[repr(getattr(row, name)) for name in names] for row in rows],
            [each.thing_id for each in self.children],
            [getattr(self.wide_record, each.name) for each in self.wide],
            [(each.left, str(each.right), each.name) for each in (self.strict, self.stray)],
            self.store.stats()["rows"],
        )


def compare_all(w: Full) -> None:
    for field in w.fields[:-1] if len(w.fields) == len(KINDS) else w.fields:
        value = w.row[field.name]
        same = ("compare", "==", ("column", 0, field), ("const", field, value))
        where = ("or", same, ("in", ("column", 0, field), field, [value]))
        plan = w.engine.Plan(w.Thing, where=where, values=[("column", 0, field)])
        plan.columns(plan.rows())


def group_all(w: Full) -> None:
    rows = w.engine.live_rows(w.Thing)
    plan = w.engine.Plan(w.Thing, values=[("column", 0, field) for field in w.fields[:3]])
    for n in range(3):
        firsts, groups = plan.group([n], rows)
        plan.group_aggregate("count", n, rows, groups, len(firsts))
    plan.aggregate("count", 0, rows)


def churn(w: Full) -> None:
    w.engine.insert_rows(w.Child, [{}] * 1200, None)
    rows = w.engine.live_rows(w.Child)
    part = rows.slice(3, len(rows))
    part.delete()
    del rows, part
    w.store.compact()


def transaction(w: Full) -> None:
    w.store.begin()
    try:
        w.things[1].checked = "in"
        w.store.refuse(True)
        w.store.refuse(False)
    finally:
        w.store.rollback()


def make_types(w: Full) -> None:
    field = w.engine.Field("x", "Literal", arg=("a", 2), nullable=True, default="a", doc="d", key=None)
    reference = w.engine.Reference("y", [field], required=False, default=None, doc="d")
    many, one = w.engine.Many("z"), w.engine.One("o")
    assert all(map(repr, (field, reference, many, one, w.unique if hasattr(w, "unique") else None)))
    field.convert("a")


def make_model(w: Full) -> None:
    w.model("More", w.field("a", "str"), w.field("b", "int", default=3))


def assign_all(w: Full) -> None:
    """No comprehension: CPython keeps what it uses of a function around it when there is no memory for a cell."""
    for name in w.seconds[0]:
        setattr(w.things[1], name, w.seconds[0][name])


class Given(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, **values: Any) -> None:
        self.values_of = values

    def __getitem__(self, name: str) -> Any:
        return self.values_of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)


def wide_rows(w: Full) -> None:
    w.engine.insert_columns(w.Wide, {"w0": (1,) * 5000, "w1": [1] * 5000}, told)


def update_unheld(w: Full) -> None:
    """Validators get a record of each row, which nobody holds."""
    w.engine.insert_rows(w.Strict, [{"pair": w.pairs[1], "name": "c"}] * 3, None)
    w.engine.live_rows(w.Strict).update([w.name], ["z"], [True])


def delete_rows(w: Full) -> None:
    w.engine.live_rows(w.Strict).delete()


def composite_key(w: Full) -> Any:
    spare = (w, w)  # CPython keeps a tuple of two from the call of set_nomemory
    return w.engine.key(w.pairs[0]), spare


def dangling_read(w: Full) -> Any:
    spare = (w, w)
    return w.stray.pair, spare


OPERATIONS: dict[str, Callable[[Full], Any]] = {
    "construct wide": lambda w: w.Wide(**dict.fromkeys(("w0", "w20", "w39"), 7)),
    "update wide": lambda w: w.engine.update(w.wide_record, {f"w{n}": n for n in range(40)}),
    "assign wide": lambda w: setattr(w.wide_record, "w7", 3),
    "insert wide": wide_rows,
    "construct pair": lambda w: w.Pair(left=3, right=Decimal("3.3")),
    "construct strict": lambda w: w.Strict(pair=w.pairs[1], name="new"),
    "agree": lambda w: w.Strict(pair=w.pairs[0], left=1001, right=Decimal("1.5"), name="new"),
    "refused to disagree": lambda w: w.Strict(pair=w.pairs[0], left=1001, right=Decimal("1.6"), name="new"),
    "update to agree": lambda w: w.engine.update(w.strict, {"pair": w.pairs[1], "left": 1001, "right": Decimal("2.0")}),
    "refused update": lambda w: w.engine.update(w.strict, {"pair": w.pairs[1], "right": Decimal("2.1")}),
    "refused to disagree in a number": lambda w: w.Strict(pair=w.pairs[0], left=10**9, name="new"),
    "refused update of a number": lambda w: w.engine.update(w.strict, {"pair": w.pairs[1], "left": 10**9}),
    "refused validator": lambda w: w.Strict(pair=w.pairs[0], name=""),
    "refused update by a validator": lambda w: w.engine.update(w.strict, {"name": ""}),
    "refused to leave out": lambda w: w.Strict(),
    "refused to leave a relation out": lambda w: w.Strict(name="a"),
    "refused dangling read": dangling_read,
    "assign a composite reference": lambda w: setattr(w.strict, "pair", w.pairs[1]),
    "composite key": composite_key,
    "find a composite key": lambda w: w.Pair[1001, Decimal("1.5")],
    "pickle a composite key": lambda w: w.pairs[0].__reduce__(),
    "refused composite key": lambda w: w.Pair[1],
    "find generally": lambda w: w.Strict.find_by(name="a", left=1),
    "find by one": lambda w: w.Strict.find_by(name="a"),
    "update from a mapping": lambda w: w.engine.update(w.strict, Given(name="other")),
    "insert from mappings": lambda w: w.engine.insert_rows(w.Strict, [Given(pair=w.pairs[0], name="other")], None),
    "insert columns of many kinds": lambda w: w.engine.insert_columns(w.Thing, {n: (v,) for n, v in w.row.items()}),
    "insert columns of a relation": lambda w: w.engine.insert_columns(w.Strict, Given(pair=w.pairs, name=("a", "b"))),
    "refused columns": lambda w: w.engine.insert_columns(w.Strict, {"pair": w.pairs, "name": ["a"]}),
    "refused second row": lambda w: w.engine.insert_columns(w.Thing, {"f1": [1, "no int"]}),
    "refused values": lambda w: w.engine.insert_rows(w.Strict, [("a", "b")], ["name"]),
    "refused no mapping": lambda w: w.engine.insert_rows(w.Strict, [3], None),
    "refused twice": lambda w: w.engine.insert_rows(w.Strict, [], ["name", "name"]),
    "refused class of a relation": lambda w: w.Strict(pair=w.strict, name="a"),
    "refused member": lambda w: w.engine.Field("c", "Enum", arg=Color).convert("red"),
    "refused choice": lambda w: w.engine.Field("c", "Literal", arg=("a", "b")).convert("c"),
    "refused values of no field": lambda w: w.engine.values(w.strict, [w.name, 3]),
    "refused key function": lambda w: w.Keyed(value=[{}]),
    "construct by __new__ with nothing": lambda w: w.Thing.__new__(w.Thing),
    "update unheld": update_unheld,
    "delete rows": delete_rows,
    "delete many rows": lambda w: w.engine.live_rows(w.Wide).delete(),
    "update many rows": lambda w: w.engine.live_rows(w.Wide).update([w.wide[39]], [9], [True]),
    "unbind": lambda w: w.pair.unbind(),
    "hold the first": lambda w: w.Bare[1],
    "insert from an iterator": lambda w: w.engine.insert_rows(w.Wide, map(dict, [{"w0": 1}] * 3), None),
    "a field with a key": lambda w: w.field("x", "object", key=len),
    **{f"key {kind}": lambda w, key=key: w.Keyed(value=[key]) for kind, key in KEYS_OF_A_KIND.items()},
    "construct": lambda w: w.Thing(**w.seconds[0], keyed=[1, 2], checked="new"),
    "construct by __new__": lambda w: w.Thing.__new__(w.Thing, checked="new"),
    "assign every field": assign_all,
    "update": lambda w: w.engine.update(w.things[1], {**w.seconds[0], "keyed": [1], "checked": "up"}),
    "update a reference": lambda w: w.engine.update(w.children[0], {"thing": w.things[1]}),
    "assign a reference": lambda w: setattr(w.children[0], "thing", w.things[1]),
    "insert_rows": lambda w: w.engine.insert_rows(w.Thing, [w.seconds[0], {"checked": "x"}], None),
    "insert_rows of sequences": lambda w: w.engine.insert_rows(w.Thing, [("a",), ["b"]], ["checked"]),
    "insert_columns": lambda w: w.engine.insert_columns(w.Thing, {"checked": ["a", "b"], "keyed": [[1], None]}),
    "insert children": lambda w: w.engine.insert_rows(w.Child, [{"thing": w.things[0]}] * 2, None, told),
    "update by query": lambda w: w.engine.live_rows(w.Thing).update(
        [w.keyed, w.checked], [[1], ["u", "v"]], [True, False]
    ),
    "read": lambda w: w.engine.values(w.things[0], w.fields),
    "key": lambda w: (w.engine.key(w.things[0]), w.Thing[1], w.Thing.find(2), w.Thing.find_by(id=1)),
    "compare": compare_all,
    "group": group_all,
    "expand": lambda w: w.path.expand(w.engine.live_rows(w.Thing)),
    "path": lambda w: (w.path.first(w.things[0]), w.path.rows(w.things[0]), w.path.count(w.things[0])),
    "churn": churn,
    "transaction": transaction,
    "pickle": lambda w: w.things[0].__reduce__(),
    "stats": lambda w: w.store.stats(),
    "types": make_types,
    "model": make_model,
    "new index": lambda w: w.store.add_index(w.Thing, "many", [w.checked]),
    "new field": lambda w: w.store.add_field(w.Thing, w.field("extra", "object", nullable=True), [[1], [2]]),
    "drop field": lambda w: w.store.drop_field(w.keyed),
    "set parameters": lambda w: w.store.set_parameters(w.Thing, w.fields, {"f3": (unchanged,)}),
    "refused null": lambda w: setattr(w.things[0], "checked", None),
    "refused check": lambda w: setattr(w.things[0], "checked", "bad"),
    "refused key": lambda w: w.Thing["no"],
    "refused row": lambda w: w.engine.insert_rows(w.Thing, [{"checked": "fine"}, {"f1": "no int"}], None),
    "refused unique": lambda w: w.Thing(id=1),
    "refused name": lambda w: w.Thing(nothing=3),
    "refused reference": lambda w: setattr(w.children[0], "thing", w.children[1]),
    "missing attribute": lambda w: w.things[0].nothing,
    "missing class attribute": lambda w: w.Thing.nothing,
    "dangling": lambda w: w.Child(thing_id=99),
    "clear": lambda w: w.store.clear(),
}


# What CPython does wrong by itself: tests/memory/interpreter.py shows each without sinew.
no_functions = pytest.mark.skipif(sys.version_info >= (3, 12), reason="iterating an Enum makes a function: closures")
no_types = pytest.mark.skipif(sys.version_info >= (3, 13), reason="types are not made without memory: set_defaults")
MARKS = {"model": pytest.mark.keeps, "refused member": no_functions}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Callbacks of the collector, which tools install, would meet the lack of memory too. What is there already is put
    aside: attempt() collects often."""
    gc.disable()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()
    gc.collect()


def attempt(testcapi: Any, operation: Callable[[Full], Any], w: Full, n: int) -> str:
    """Refuses allocation number n, from 0."""
    gc.collect()  # empties CPython's free lists too: every tuple, dict, list and float is an allocation
    testcapi.set_nomemory(n, n + 1)
    try:
        operation(w)
    except MemoryError:
        outcome = "no memory"
    except SystemError as error:
        # A Python function that raises, without memory for the frame around it: CPython itself loses the error.
        assert "error return without exception set" in str(error) or "> returned NULL without setting" in str(error)
        outcome = "no memory"
    except ERRORS:
        outcome = "refused"
    else:
        outcome = "done"
    finally:
        testcapi.remove_mem_hooks()
    return outcome


@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
@pytest.mark.parametrize("name", [pytest.param(each, marks=MARKS.get(each, ())) for each in OPERATIONS])
def test_every_allocation_refused(name: str, indexed: bool) -> None:
    testcapi = pytest.importorskip("_testcapi")
    operation, w, n, in_a_row = OPERATIONS[name], Full(indexed), -1, 0
    several = name in SEVERAL
    before = w.state()
    while in_a_row < ENOUGH:
        n += 1 if n < EACH else n // 50
        assert n < 10_000_000
        outcome = attempt(testcapi, operation, w, n)
        w.store.check()
        assert w.store.depth == 0
        if outcome != "done" and not several:
            assert w.state() == before
        in_a_row = in_a_row + 1 if outcome != "no memory" else 0
        if outcome == "done" or several:
            w = Full(indexed)
    assert not name.startswith("refused") or outcome == "refused"


@pytest.mark.keeps
def test_a_model_that_lacks_memory_leaves_nothing() -> None:
    """But where CPython keeps the bases of a class: type.mro() makes a list of a tuple (extended_lists in
    tests/memory/interpreter.py)."""
    testcapi = pytest.importorskip("_testcapi")
    kept, n, in_a_row = 0, -1, 0
    while in_a_row < ENOUGH:
        n += 1
        w: Any = Full(False)
        seen = weakref.ref(w)
        outcome = attempt(testcapi, make_model, w, n)
        del w
        gc.collect()
        kept += seen() is not None
        in_a_row = in_a_row + 1 if outcome == "done" else 0
    assert n > 60
    assert kept <= 1


@no_types
@pytest.mark.keeps
def test_a_module_that_lacks_memory_is_not_made() -> None:
    """The extension itself, with each allocation of its beginning refused. Nothing of it stays, but where one is, as
    above. That one is met again, as the next, when CPython has used up an object that it had kept ready meanwhile."""
    testcapi = pytest.importorskip("_testcapi")
    found = importlib.util.find_spec("sinew._engine")
    assert found is not None and found.loader is not None
    kept: list[int] = []
    n, in_a_row = -1, 0
    while in_a_row < ENOUGH:
        n += 1
        gc.collect()
        module = found.loader.create_module(found)
        assert module is not None
        seen = weakref.ref(module)
        testcapi.set_nomemory(n, n + 1)
        try:
            found.loader.exec_module(module)
        except (MemoryError, SystemError, ImportError):  # CPython says that it could not import datetime
            in_a_row = 0
        else:
            in_a_row += 1
            assert module.MISSING
        finally:
            testcapi.remove_mem_hooks()
        del module
        gc.collect()
        if seen() is not None:
            kept.append(n)
    assert n > 100
    assert not kept or kept[-1] - kept[0] <= 2


def test_keys_that_grow_without_memory() -> None:
    """A key is made on the stack until it is longer than that: wherever in a value the room ends, without memory for
    more of it nothing is stored."""
    testcapi = pytest.importorskip("_testcapi")
    w = Full(False)
    kinds = [*KEYS_OF_A_KIND.values(), Decimal("-Infinity"), Decimal(0), Decimal("12.5"), ()]
    before = w.state()
    for length in range(ROOM - 40, ROOM + 2):
        for key in kinds:
            given, n, outcome = (b"x" * length, key), -1, "no memory"
            while outcome == "no memory":
                n += 1
                outcome = attempt(testcapi, lambda each, given=given: each.to_key.key_field.convert(given), w, n)
            assert outcome == "done"
    assert w.state() == before
