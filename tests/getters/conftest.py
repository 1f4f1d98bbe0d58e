from __future__ import annotations

import pytest

from sinew import Database

from .world import World


@pytest.fixture
def world(db: Database) -> World:
    return World(db)
