"""What every test shares: databases of their own, and the store's invariants walked when a test is over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import sinew
from sinew import Database, Model, _engine


def pytest_report_header() -> str:
    kind = "debug build: the store is checked after each statement" if _engine.DEBUG else "release build"
    return f"sinew {sinew.__version__} from {_engine.__file__} ({kind})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _engine.DEBUG:
        skip = pytest.mark.skip(reason="bulk: this build walks the whole store after each statement")
        for item in items:
            if "bulk" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def db() -> Iterator[Database]:
    """A database of this test's own. Its invariants are checked at the end, whatever the test did."""
    database = Database()
    yield database
    store: Any = getattr(database, "store")  # noqa: B009 - the stub for users does not have it
    if not store.closed:
        store.check()
        database.close()


@pytest.fixture
def fast_switches() -> Iterator[None]:
    """Threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def base(db: Database) -> type[Model]:
    """An abstract model: whatever derives from it lives in `db`."""

    class Base(Model, db=db, abstract=True):
        pass

    return Base


@pytest.fixture(autouse=True)
def default_database_stays_sound() -> Iterator[None]:
    """After each test: the invariants of the default database hold, and no transaction was left open."""
    yield
    store: Any = getattr(sinew.db, "store")  # noqa: B009
    if not store.closed:
        store.check()
        assert store.depth == 0, "the test left a transaction of the default database open"
