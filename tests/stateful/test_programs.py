"""Programs on which oracle and store once differed, and in each the oracle was wrong; cut down to what shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .models import MODELS
from .test_getters import GetterMachine
from .test_machine import Machine
from .twin import World
from .whole import Variant

OWNER_AND_GUIDE = 0b00110  # of a topic, of two readers: the second and the first


def compare(state: Any) -> None:
    """All views."""
    state.store_is_sound()
    for name in dir(Machine):
        if name.endswith(("_agree", "_agrees")):
            getattr(state, name)()


@pytest.fixture
def state() -> Iterator[Any]:
    machine: Any = Machine()
    machine.start()
    yield machine
    try:
        compare(machine)
    finally:
        machine.teardown()


def two_readers(state: Any) -> None:
    state.create_reader("a", False)
    state.create_reader("b", False)


def test_who_is_named_does_not_bring_what_it_misses(state: Any) -> None:
    """The topic stays away for its guide, and misses nothing when that has gone for good; nothing calls it then."""
    two_readers(state)
    state.create_topic(None, 0, OWNER_AND_GUIDE, False)
    state.create_topic(None, 0, 0b00001, False)  # below the first
    state.delete_one("Reader", 1, False)
    state.delete_one("Reader", 0, False)
    state.restore_one("Reader", 1)
    state.delete_for_good("Reader", 0)
    assert [row.values["guide_id"] for row in state.oracle.deleted("Topic")] == [None, None]
    state.begin()
    state.restore_one("Topic", 1)
    assert [row.values["id"] for row in state.oracle.deleted("Topic")] == [1]
    compare(state)
    state.commit()
    assert len(state.oracle.deleted("Topic")) == 2


def test_what_refers_to_itself_may_miss_something_else(state: Any) -> None:
    two_readers(state)
    state.create_topic(None, 0, OWNER_AND_GUIDE, False)
    state.hang_below(0, 0)
    state.delete_one("Reader", 1, False)
    state.delete_one("Reader", 0, False)
    state.restore_one("Reader", 1)
    assert [row.values["id"] for row in state.oracle.deleted("Topic")] == [1]


def test_those_that_are_named_arrive_in_order_of_insertion(state: Any) -> None:
    """Whichever was deleted first, and even before what they refer to."""
    two_readers(state)
    state.create_topic(None, 0, 0, False)
    state.watch(0, 0, False)
    state.watch(0, 1, False)
    state.delete_one("Reader", 1, False)
    state.delete_one("Topic", 0, False)
    state.begin()
    state.restore_all("Watch")
    state.restore_one("Topic", 0)
    assert [watch.id for watch in MODELS["Topic"][1].watches] == [1, 2]


def test_a_relation_over_a_required_reference_that_dangles(state: Any) -> None:
    state.create_author("a", None, False)
    state.create_category("c", 0, False)
    state.create_post("p", None, 0, 1, 0, False)
    state.begin()
    state.delete("Author", 0)
    assert list(MODELS["Category"][1].writers) == []


def test_rows_that_come_and_go_are_what_a_dangling_reference_names(state: Any) -> None:
    state.grow(0)
    state.move_remark(remark=0, name="seen", which=1037, to=841, way=2)
    state.begin()
    state.set_the_key_alone(0, "seen", 50)
    state.churn("Post")


def test_getters_may_run_again_after_a_redefinition_that_was_refused() -> None:
    """At the next write that is about them, which may be a while later."""
    state: Any = GetterMachine()
    state.start()
    state.create_keeper()
    state.create_wild("a", None, 0, 0, 0)
    state.world = world = World(state.oracle)
    keeper = MODELS["Keeper"][1]
    for step in (state.create_hall, lambda: state.redefine(Variant(note_required=True)), state.create_keeper):
        step()
        world.begin_to_look()
        world.update(world.token(keeper), "tags")
    state.teardown()


@pytest.mark.parametrize("change", ["retitle", "mend"])
def test_getters_on_a_circle_may_run_again_for_all_of_it(change: str) -> None:
    """For what its error shows of the records, and for the references of all of them, whichever was asked first."""
    state: Any = GetterMachine()
    state.start()
    for title in "ab":
        state.create_category(title, None, False)
    state.world = world = World(state.oracle)
    first, second = MODELS["Category"].all()
    first.parent, second.parent = second, first

    def look() -> None:
        world.begin_to_look()
        for record in (first, second):
            world.update(world.token(record), "safe_depth")

    look()
    if change == "retitle":
        second.title = "c"
    else:
        first.parent = None
    look()
    assert world.seen["checked"] == 2
    first.parent = None
    state.oracle.rows.clear()
    MODELS["Category"].all().delete()
    state.teardown()
