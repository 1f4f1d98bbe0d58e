"""Every place that runs Python code, against everything that such code may do to the store meanwhile.

Whatever happens: no crash, no exception but the object's own or one of sinew's, every invariant holds afterwards, and
an operation that failed has changed nothing itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from sinew import SinewError

from .world import ACTIONS, PLACES, Boom, World

WITHOUT_EFFECT = {"raise_", "nothing", "collect", "read_in_a_thread", "nested_rollback"}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    store: Any = world.db.store
    if not store.closed:
        while store.depth:
            store.rollback()
        store.check()
    world.db.close()


def state(world: World) -> list[dict[str, Any]]:
    return [record.to_dict() for model in (world.Owner, world.Thing) for record in model.all()]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("place", PLACES)
def test_place(world: World, place: str, action: str) -> None:
    before = state(world)
    world.place, world.action = PLACES[place], ACTIONS[action]
    failed = False
    try:
        world.place(world)
    except (Boom, SinewError, RecursionError):
        failed = True
    except IndexError:
        assert place == "index_in_slice"
    gc.collect()
    assert world.calls, "the hook was not reached"
    world.callbacks.clear()
    world.action = None
    store = world.db.store
    if store.closed:
        with pytest.raises(SinewError):
            world.Thing()
        return
    while store.depth:
        store.rollback()
    store.check()
    if failed and action in WITHOUT_EFFECT and place not in SEVERAL_STATEMENTS:
        assert state(world) == before
    assert len(world.Thing.all()[:]) == world.Thing.count() == len(state(world)) - world.Owner.count()
    for record in world.Thing.all():
        assert world.Thing[record.id] is record
        assert record.owner is None or record in record.owner.things


# What these did before their hook was called stays done.
SEVERAL_STATEMENTS = {
    "equality_in_where",
    "equality_in_groups",
    "zone_in_query",
    "zone_in_arithmetic",
    "a_repr_of_a_record",
}
