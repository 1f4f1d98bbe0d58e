"""Paths, step by step, in the definitions that are in force.

A path is kept as the steps that somebody wrote, and looked up by names when it is used, so that a model may have been
defined anew since. A step that leads to several models (polymorphic) goes several ways from there: one along each of
its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import RelationError, UnknownName

if TYPE_CHECKING:
    from .definition import Definition, Relation


def current(definition: Definition) -> Definition:
    """The definition that is in force for a model."""
    found: Definition = definition.cls.__sinew__
    return found


def ways(root: Definition, steps: Sequence[Relation]) -> list[list[Relation]]:
    """The steps of a path in the definitions that are in force: one way, unless a step leads to several models, of
    which those are gone to that have the steps after it."""
    found: list[list[Relation]] = [[]]
    for step in steps:
        longer = []
        here = current(root)
        for way in found:
            here = way[-1].target if way else here
            relation = step.in_force(here)
            longer += [[*way, each] for each in relation.ways] if relation is not None else []
        if not longer:
            raise UnknownName(f"{here.name} has no relation `{step.spelling}` any more{here.suggest(step.name)}")
        found = longer
    return found


def walk(root: Definition, steps: Sequence[Relation]) -> list[Relation]:
    """The steps of a path that leads to one model: where it goes several ways, from where they part until they meet
    again, one step. RelationError if they do not."""
    return meet(root, steps, ways(root, steps))


def meet(root: Definition, steps: Sequence[Relation], found: list[list[Relation]]) -> list[Relation]:
    """The same of ways that have been found."""
    if len(found) == 1:
        return found[0]
    if len({way[-1].target for way in found}) > 1:
        choices = " or ".join(_written(root, way) for way in found)
        raise RelationError(f"{_written(root, steps)} leads over several models; say which: {choices}")
    before = _alike(found)
    rest = [way[before:] for way in found]
    after = _alike([way[::-1] for way in rest])
    middle = [way[: len(way) - after] for way in rest]
    return [*found[0][:before], middle[0][0].forked(middle), *found[0][len(found[0]) - after :]]


def _alike(found: Sequence[Sequence[Relation]]) -> int:
    """How many steps all have in common at the beginning."""
    count = 0
    for steps in zip(*found, strict=False):
        if any(step is not steps[0] for step in steps):
            break
        count += 1
    return count


def _written(root: Definition, steps: Sequence[Relation]) -> str:
    return ".".join((root.name, *(step.spelling for step in steps)))
