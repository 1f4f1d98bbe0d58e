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
        for way in found:
            here = way[-1].target if way else current(root)
            relation = step.in_force(here)
            longer += [[*way, each] for each in relation.ways] if relation is not None else []
        if not longer:
            raise UnknownName(f"{here.name} has no relation `{step.spelling}` any more{here.suggest(step.name)}")
        found = longer
    return found


def walk(root: Definition, steps: Sequence[Relation]) -> list[Relation]:
    """The steps of a path that leads to one model. RelationError if they may go several ways."""
    found = ways(root, steps)
    if len(found) > 1:
        choices = " or ".join(_written(root, way) for way in found)
        raise RelationError(f"{_written(root, steps)} leads over several models; say which: {choices}")
    return found[0]


def _written(root: Definition, steps: Sequence[Relation]) -> str:
    return ".".join((root.name, *(step.spelling for step in steps)))
