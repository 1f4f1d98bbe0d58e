"""What the examples answer, against plain Python over the same data: in these tests no sinew is on the right-hand side.

A fixture for each example gives its module, loaded and filled anew for each test."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sinew import Database

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> Callable[..., Iterator[ModuleType]]:
    @pytest.fixture(name=name)
    def filled() -> Iterator[ModuleType]:
        spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        module.fill()
        yield module
        del sys.modules[spec.name]
        for value in vars(module).values():
            if isinstance(value, Database):
                value.close()

    return filled


blog_categories = example("blog_categories")
shop = example("shop")
market = example("market")
permissions = example("permissions")
atlas = example("atlas")
photos = example("photos")
courses = example("courses")
spreadsheet = example("spreadsheet")
build_graph = example("build_graph")
totals = example("totals")
