"""What a build has to do, against plain Python over the same sources and targets."""

from __future__ import annotations

import re
from types import ModuleType

import pytest


def reference(module: ModuleType, texts: dict[str, str]) -> dict[str, str]:
    """Each target's fingerprint, computed from scratch."""
    found: dict[str, str] = {}
    for name, (recipe, sources, needs) in module.TARGETS.items():  # parts come first
        seen = [re.sub(r"//.*|\s+", " ", texts[path]).strip() for path in sources]
        found[name] = module.hashed(" ".join([recipe, *map(module.hashed, seen), *(found[each] for each in needs)]))
    return found


def test_fingerprints(build_graph: ModuleType) -> None:
    found = {target.name: target.fingerprint for target in build_graph.Target.all()}
    assert found == reference(build_graph, build_graph.SOURCES)
    build_graph.changed()
    texts = build_graph.SOURCES | {"util.h": "long twice(long n);"}
    found = {target.name: target.fingerprint for target in build_graph.Target.all()}
    assert found == reference(build_graph, texts)


def test_at_first_all_must_be_built(build_graph: ModuleType) -> None:
    assert build_graph.at_first() == [
        {"stale": [(name, "never built") for name in build_graph.TARGETS], "looked at": []}
    ]


def test_parts_are_built_first(build_graph: ModuleType) -> None:
    first, then = build_graph.built()
    assert sorted(first["built"]) == sorted(build_graph.TARGETS)
    for name, (_, _, needs) in build_graph.TARGETS.items():
        assert all(first["built"].index(each) < first["built"].index(name) for each in needs)
    assert then == {"stale": [], "looked at": []}
    assert {target.name: target.built for target in build_graph.Target.all()} == reference(
        build_graph, build_graph.SOURCES
    )


def test_what_makes_no_difference(build_graph: ModuleType) -> None:
    build_graph.built()
    assert build_graph.saved_unchanged() == [{"stale": [], "looked at": []}]
    assert build_graph.source("util.h").saved == 1
    assert build_graph.commented() == [{"stale": [], "looked at": ["util.h"]}]
    assert build_graph.tried() == [{"stale": [], "looked at": []}]


def test_a_change_reaches_what_is_made_of_it(build_graph: ModuleType) -> None:
    build_graph.built()
    before, done, after = build_graph.changed()
    stale = [("util.o", "changed"), ("main.o", "changed"), ("app", "needs util.o, main.o"), ("dist", "needs app")]
    assert before == {"stale": stale, "looked at": ["main.o", "util.h", "util.o"]}
    assert done == {"built": ["util.o", "main.o", "app", "dist"]}
    assert after == {"stale": [], "looked at": []}


@pytest.mark.parametrize(
    ("question", "first"), [("another_recipe", "docs"), ("another_edge", "app")], ids=["recipe", "edge"]
)
def test_only_one_side_is_looked_at(build_graph: ModuleType, question: str, first: str) -> None:
    build_graph.built()
    before, done = getattr(build_graph, question)()
    assert before == {"stale": [(first, "changed"), ("dist", f"needs {first}")], "looked at": [first]}
    assert done == {"built": [first, "dist"]}
