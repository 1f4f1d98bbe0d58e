"""A plugin of pytest: runs each test over and over, and fails it if every round leaves something behind.

    python -m pytest -p tools.leaks ...      (`make leaks`)

A round is followed by the collector and a count of

    blocks       Python's allocated blocks
    engine       live blocks and bytes of the engine's own door, of all stores that are there
    classes      models, which are cyclic garbage once their database is gone
    references   all of them, on a debug interpreter

It is a leak if a count grows in each of ROUNDS rounds, and then again in each of MORE rounds by at least one: caches
fill up, a leak does not. A test is done with as soon as a round has left no more of anything that grew until then,
mostly after two. One marked `keeps` runs once: CPython itself leaves something behind there.
"""

from __future__ import annotations

import gc
import sys
from array import array
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from sinew import _engine

ROUNDS = 8
MORE = 9
clear_caches: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
NAMES = ("blocks", "engine blocks", "engine bytes", "classes", "references")


def _kind(thing: object) -> str:
    """The name of a type of the extension, which tests load once more, with types of its own; "" for others. Past what
    a metaclass makes of it."""
    cls = type(thing)
    module = type.__dict__["__module__"].__get__(cls)
    return str(type.__dict__["__name__"].__get__(cls)) if module == _engine.__name__ else ""


def settle() -> list[Any]:
    """Puts what is there before a test out of the collector's sight, or each collection would take a second. Returns
    the stores among it."""
    gc.unfreeze()
    gc.collect()
    stores = [thing for thing in gc.get_objects() if _kind(thing) == "Store"]
    gc.freeze()
    return stores


class Counts:
    """A row of counts for each round, in memory that is taken beforehand: counting must not grow."""

    def __init__(self, rounds: int) -> None:
        self._stores = settle()
        self._counts = array("q", bytes(8 * len(NAMES) * rounds))
        self._used = 0

    def add(self) -> None:
        clear_caches()  # which hold names that were looked up, some thousands of them
        gc.collect()
        gc.collect()  # what the first one has finalised
        blocks = engine_bytes = classes = 0
        for thing in chain(self._stores, gc.get_objects()):
            kind = _kind(thing)
            if kind == "Store" and not thing.closed:
                held = thing.stats()
                blocks, engine_bytes = blocks + held["blocks"], engine_bytes + held["bytes"]
            classes += kind == "ModelMeta"
        del thing
        references = sys.gettotalrefcount() if hasattr(sys, "gettotalrefcount") else 0
        for value in (sys.getallocatedblocks(), blocks, engine_bytes, classes, references):
            self._counts[self._used] = value
            self._used += 1

    def growing(self) -> list[str]:
        """The names of what each round has left more of than the one before."""
        return [name for name in NAMES if all(later > earlier for earlier, later in pairwise(self.of(name)))]

    def of(self, name: str) -> array[int]:
        return self._counts[NAMES.index(name) : self._used : len(NAMES)]


class _Sibling:
    """In the place of the next test: what a test has set up is taken down, what its module has stays."""

    def __init__(self, item: pytest.Item) -> None:
        assert item.parent is not None
        self._parents = item.parent.listchain()

    def listchain(self) -> list[Any]:
        return self._parents


def _once(item: pytest.Item) -> list[pytest.TestReport]:
    """Runs a test. Fixtures of its module, or of the session, remember each use to the end; they are made to forget."""
    made = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009 - of functions, not of all items
    finalizers = [each._finalizers for definitions in made for each in definitions if each.scope != "function"]
    before = [len(each) for each in finalizers]
    item._initrequest()  # type: ignore[attr-defined]
    reports = runtestprotocol(item, log=False, nextitem=_Sibling(item))  # type: ignore[arg-type]
    for each, length in zip(finalizers, before, strict=True):
        del each[length:]
    item._report_sections.clear()  # what it printed
    return reports


def measured(item: pytest.Item, rounds: int) -> tuple[Counts, list[str]]:
    """The counts, and the names of what has grown in all of the rounds."""
    counts = Counts(rounds)
    growing = list(NAMES)
    for _ in range(rounds):
        _once(item)
        counts.add()
        growing = counts.growing()
        if not growing:
            break
    return counts, growing


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    found: list[str] = []
    if item.get_closest_marker("keeps") is None and all(report.passed for report in _once(item)):
        _, found = measured(item, ROUNDS)
    if found:
        counts, again = measured(item, MORE)
        found = [name for name in again if name in found]
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    item._initrequest()  # type: ignore[attr-defined]
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" and report.passed and found:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} leaks: " + "; ".join(f"{name} {list(counts.of(name))}" for name in found)
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
