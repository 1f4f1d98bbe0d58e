"""Random programs: after every few statements some getters of some records are what their functions would return, and
ran again if and only if what they had read has changed.

The statements and the models are those of tests/stateful. `SINEW_STEPS` sets how many steps a program has,
`SINEW_EXAMPLES` how many programs (the default is the short profile).
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from .computed import RUNS
from .machine import ARGUMENTS
from .models import MODELS, store
from .test_machine import ENDS, Machine
from .twin import World
from .whole import Variant

ROWS = 14  # looked at, at a time
SEEDS = st.integers(0, 2**32)
LOOK = "look"
NAMES = [*sorted(ARGUMENTS), *[LOOK] * 12]
SUPERFLUOUS = 0.05  # of the checks of getters that ask queries: the most that ran again for nothing
SEEN: Counter[str] = Counter()

DECLARED: dict[str, dict[str, Any]] = {
    "Author": {
        "post_count": lambda author: len(list(author.posts)),
        "most": lambda author: max(scores(author), default=None),
        "least": lambda author: min(scores(author), default=None),
        "scores": lambda author: sum(category.id for category in author.categories),
        "latest": lambda author: latest([post for post in author.posts if post.score is not None]),
    },
    "Category": {
        "post_count": lambda category: len(list(category.posts)),
        "title_above": lambda category: category.parent and category.parent.title,
    },
    "Post": {
        "author_name": lambda post: post.author and post.author.name,
        "author_shout": lambda post: post.author and post.author.shout,
        "reviewer_email": lambda post: post.reviewer and post.reviewer.email,
    },
    "Tag": {
        "post_count": lambda tag: len(list(tag.posts)),
        "weight_sum": lambda tag: sum(tagging.weight for tagging in tag.taggings),
    },
}


def scores(author: Any) -> list[int]:
    return [post.score for post in author.posts if post.score is not None]


def latest(posts: list[Any]) -> Any:
    """The last of those with the greatest score."""
    return max(reversed(posts), key=lambda post: post.score, default=None)


class GetterMachine(Machine):
    """The views of the store are compared in tests/stateful; here, the getters."""

    @initialize(size=st.sampled_from([1, 4, 6]), seed=SEEDS)
    def populate(self, size: int, seed: int) -> None:
        self.start()
        for number in range(size):
            self.grow(number)
        self.world = World(self.oracle)
        self.look(seed)

    def teardown(self) -> None:
        super().teardown()
        SEEN.update(getattr(self, "world", World(self.oracle)).seen)
        RUNS.clear()

    @rule(data=st.data(), names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=9), end=ENDS, seed=SEEDS)
    def step(self, data: Any, names: list[str], end: str | None, seed: int) -> None:
        if end:
            self.begin()
        for number, name in enumerate(names):
            if name == LOOK:
                self.look(seed + number)
                continue
            arguments = data.draw(st.fixed_dictionaries(ARGUMENTS[name]))
            note(f"state.{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
            getattr(self, name)(**arguments)
        if end:
            getattr(self, end)()
        self.look(seed)

    def look(self, seed: int) -> None:
        """Reads some getters in any order, and compares them and all that they read."""
        note(f"state.look({seed})")
        random, world = Random(seed), self.world
        rows = random.sample(self.oracle.rows, min(ROWS, len(self.oracle.rows)))
        world.begin_to_look()
        records = [self.record(row) for row in rows]
        reads = [(record, name) for record in records for name in world.getters(type(record)) if random.random() < 0.7]
        random.shuffle(reads)
        for record, name in reads:
            try:
                getattr(record, name)
            except Exception:  # which the twin has to raise too
                continue
        world.drain()
        for record, name in reads:
            world.update(world.token(record), name)
        for record in records:
            for name, naive in DECLARED.get(type(record).__name__, {}).items():
                world.compare(record, name, naive)

    # ------------------------------------------------------------ what differs from the machine of the views

    def let_go(self, which: int) -> None:
        """A cached value may hold the record."""
        if self.held:
            self.held.pop(list(self.held)[which % len(self.held)])

    def redefine(self, variant: Variant) -> None:
        super().redefine(variant)
        self.world.redefined()

    @invariant()
    def store_is_sound(self) -> None:
        store.store.check()

    every_view_agrees = queries_agree = derived_agree = remarks_agree = links_agree = bins_agree = wilds_agree = None
    labels_agree = None


GetterMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("SINEW_EXAMPLES", "20")),
    stateful_step_count=int(os.environ.get("SINEW_STEPS", "30")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestGetterMachine = GetterMachine.TestCase


def test_hardly_anything_ran_for_nothing() -> None:
    """Over the programs before: plain reads never (the machine says so at once), queries seldom. Those that look at
    aggregates run again when the columns that they looked at were written, elsewhere too."""
    if not SEEN["checked"]:
        pytest.skip("no programs were run")
    assert SEEN["plain"] == 0
    assert SEEN["had to"] > 0
    assert SEEN["query"] <= SUPERFLUOUS * SEEN["checked queries"]


def test_there_are_getters_over_everything() -> None:
    names = [(model, name) for model, cls in MODELS.items() for name in World(None).getters(cls)]  # type: ignore[arg-type]
    assert len(names) > 60
    assert {model for model, _ in names} >= {"Reader", "Topic", "Tagging", "Remark", "Wild"}
