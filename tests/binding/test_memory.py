"""The extension without memory: each operation with its n-th allocation refused, for all n, over every kind of value.

Only MemoryError may come out, the store holds its invariants, and what it holds has not changed. An operation that
survives the lack (a compaction that is put off, a name that is not looked up) is tried again in a fresh world until it
has had as much as it asks for.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .test_models import KIND_NAMES, KINDS, ROUND_TRIPS, Invalid, Refused, World

VALUES = {kind: [value for name, value in ROUND_TRIPS if name == kind] for kind in KINDS}
ENOUGH = 4  # successes in a row: nothing is left to be refused
ERRORS = (Refused, Invalid, KeyError, TypeError, ValueError, IndexError, AttributeError)


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

    def state(self) -> Any:
        rows = self.engine.live_rows(self.Thing).records()
        names = [*self.row, "checked", "touched"]
        return [[repr(getattr(row, name)) for name in names] for row in rows], [each.thing_id for each in self.children]


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


OPERATIONS: dict[str, Callable[[Full], Any]] = {
    "construct": lambda w: w.Thing(**w.seconds[0], keyed=[1, 2], checked="new"),
    "construct by __new__": lambda w: w.Thing.__new__(w.Thing, checked="new"),
    "assign every field": lambda w: [setattr(w.things[1], name, value) for name, value in w.seconds[0].items()][:0],
    "update": lambda w: w.engine.update(w.things[1], {**w.seconds[0], "keyed": [1], "checked": "up"}),
    "update a reference": lambda w: w.engine.update(w.children[0], {"thing": w.things[1]}),
    "assign a reference": lambda w: setattr(w.children[0], "thing", w.things[1]),
    "insert_rows": lambda w: w.engine.insert_rows(w.Thing, [w.seconds[0], {"checked": "x"}], None),
    "insert_rows of sequences": lambda w: w.engine.insert_rows(w.Thing, [("a",), ["b"]], ["checked"]),
    "insert_columns": lambda w: w.engine.insert_columns(w.Thing, {"checked": ["a", "b"], "keyed": [[1], None]}),
    "insert children": lambda w: w.engine.insert_rows(w.Child, [{"thing": w.things[0]}] * 2, None, lambda n: None),
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
    "set parameters": lambda w: w.store.set_parameters(w.Thing, w.fields, {"f3": (lambda record, value: value,)}),
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


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Callbacks of the collector, which tools install, would meet the lack of memory too."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def attempt(testcapi: Any, operation: Callable[[Full], Any], w: Full, n: int) -> str:
    testcapi.set_nomemory(n, n + 1)
    try:
        operation(w)
    except MemoryError:
        outcome = "no memory"
    except SystemError as error:
        # A Python function that raises, without memory for the frame around it: CPython itself loses the error.
        assert "error return without exception set" in str(error)
        outcome = "no memory"
    except ERRORS:
        outcome = "refused"
    else:
        outcome = "done"
    finally:
        testcapi.remove_mem_hooks()
    return outcome


@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_allocation_refused(name: str, indexed: bool) -> None:
    testcapi = pytest.importorskip("_testcapi")
    operation, w, n, in_a_row = OPERATIONS[name], Full(indexed), 0, 0
    several = name in ("assign every field", "churn", "model")  # statements: those before the one that failed stay
    before = w.state()
    while in_a_row < ENOUGH:
        n += 1
        assert n < 3000
        outcome = attempt(testcapi, operation, w, n)
        w.store.check()
        assert w.store.depth == 0
        if outcome != "done" and not several:
            assert w.state() == before
        in_a_row = in_a_row + 1 if outcome != "no memory" else 0
        if outcome == "done" or several:
            w = Full(indexed)
    assert not name.startswith("refused") or outcome == "refused"
