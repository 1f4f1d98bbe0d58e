"""Random programs against the oracle: after each step every view of every relation is compared, the store checked.

`SINEW_STEPS` sets how many steps a program has, `SINEW_EXAMPLES` how many programs (the default is the short profile).
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from .blog import Blog
from .labels import Labels
from .links import KINDS
from .machine import ARGUMENTS, PICK, statement
from .nested import Nested
from .remarks import Remarks
from .softly import Softly
from .trees import Trees
from .whole import Whole

ENDS = st.sampled_from([None, "commit", "rollback", "leave_by_an_exception"])


class Machine(Blog, Labels, Nested, Remarks, Softly, Trees, Whole):
    """All rules over one store, which begins with some rows of each model, so that there is something to relate."""

    @initialize(size=st.sampled_from([1, 4, 6]))
    def populate(self, size: int) -> None:
        self.start()
        for number in range(size):
            self.grow(number)

    @statement(number=PICK)
    def grow(self, number: int) -> None:
        """One row more of each model, referring to some that exist."""
        some, other = number * 7 + 3, number * 5 + 1
        self.create_author(f"author {number}", None, number % 2 == 0)
        self.create_profile(some, "p")
        self.create_category("ab"[number % 2], some, number % 3 > 0)
        self.create_post(f"post {number}", number % 4 - 1, some, other, number % 5 - 1, number % 3 == 0)
        self.create_tag(f"tag {number}", number % 5 or None, False)
        self.tag_post(some, other, number % 4)
        self.attach(KINDS[number % len(KINDS)], number // 2, [number, number // 3, other], number % 3)
        self.create_badge(f"badge {number}", None, None)
        self.create_member(some, other, "x", number % 8)
        self.create_remark(f"remark {number}", some, other, number, number % 16)
        self.create_keeper()
        self.create_wild(f"wild {number}", number % 3 or None, some, other, number % 4)
        self.create_shelf(f"room {number}", 0)
        self.create_box(f"box {number}", some, other, number % 4)
        self.create_reader(f"reader {number}", number % 2 == 0)
        self.create_hall()
        self.create_topic(None, some, number % 32, number % 2 == 0)
        self.watch(some, other, number % 3 == 0)

    @rule(data=st.data(), names=st.lists(st.sampled_from(sorted(ARGUMENTS)), min_size=1, max_size=9), end=ENDS)
    def step(self, data: Any, names: list[str], end: str | None) -> None:
        """Some statements, most often in a block of their own. A failure tells each."""
        if end:
            self.begin()
        for name in names:
            arguments = data.draw(st.fixed_dictionaries(ARGUMENTS[name]))
            note(f"state.{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
            getattr(self, name)(**arguments)
        if end:
            getattr(self, end)()


Machine.TestCase.settings = settings(
    max_examples=int(os.environ.get("SINEW_EXAMPLES", "60")),
    stateful_step_count=int(os.environ.get("SINEW_STEPS", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine = Machine.TestCase
