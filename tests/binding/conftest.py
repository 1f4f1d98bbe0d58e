"""Fixtures over world.py: the extension without the Python layer."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from .world import load_engine, make_world


@pytest.fixture(scope="session")
def engine() -> ModuleType:
    return load_engine()


@pytest.fixture
def world(engine: ModuleType) -> Iterator[SimpleNamespace]:
    w = make_world(engine)
    yield w
    if not w.store.closed:
        w.store.check()
