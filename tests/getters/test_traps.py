"""What other systems that cache computed values are known to get wrong, each as its users met it."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta

from sinew import Attr, Database, Model, field, getter, now

from .world import World

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_missing_target_that_comes_later(world: World) -> None:
    """A selector that found no related row did not look at its table, and went on giving None when the row had come.
    (redux-orm)"""
    card = world.Post(title="card", author=world.ann, origin_id=500)
    look = world.watch(card, lambda post: post.origin and post.origin.title)
    world.Post(id=500, title="track", author=world.ann)
    look(True)
    assert card.probe == "track"


def test_the_children_of_a_parent_whose_own_field_changes(world: World) -> None:
    """The children were selected again whenever a field of the parent was written. (redux-orm)"""
    look = world.watch(world.ann, lambda author: list(author.posts))
    children = world.ann.probe
    world.ann.update(name="Anna", age=31)
    look(False)
    assert world.ann.probe is children


def test_the_membership_and_not_the_content_of_the_members(world: World) -> None:
    """A list of ids was made anew with each change of any member. (redux-orm)"""
    look = world.watch(world.ann, lambda author: [post.id for post in author.posts])
    ids = world.ann.probe
    world.one.title = "changed"
    world.three.title = "another's"
    look(False)
    assert world.ann.probe is ids


def test_a_row_and_not_its_whole_table(world: World) -> None:
    """What had read one row of a table ran again after a write to any row of it. (redux-orm)"""
    look = world.watch(world.one, lambda post: f"{post.title} by {post.author.name}")
    world.three.title = "3"
    world.bob.name = "Bert"
    world.Post(title="new", author=world.bob)
    world.Author(name="new")
    world.three.delete()
    look(False)


def test_relations_of_a_record_that_a_getter_gave_are_live(world: World) -> None:
    """What is read of a returned record outside of the selector was not tracked and looked stale. (redux-orm)"""
    look = world.watch(world.ann, lambda author: author.posts[0])
    post = world.ann.probe
    assert [tag.label for tag in post.tags] == ["fast"]
    world.one.tags.attach(world.slow)
    look(False)
    assert [tag.label for tag in world.ann.probe.tags] == ["fast", "slow"]


def test_an_unchanged_result_is_the_same_object(world: World) -> None:
    """Each run gave a new list, so that whatever compared by identity ran as well. (redux-orm)"""
    look = world.watch(world.ann, lambda author: tuple([post.title for post in author.posts]))
    before = world.ann.probe
    world.ann.age = 50
    look(False)
    world.one.author = world.bob
    world.one.author = world.ann
    world.two.author = world.bob
    world.two.author = world.ann  # the same order again, though each was moved
    assert world.ann.probe is before


def test_a_dependency_of_an_earlier_run_is_given_up(world: World) -> None:
    """A dispatcher points to another box; writing the first one still made the computed value stale. (mobx)"""
    look = world.watch(world.one, lambda post: post.author.age)
    world.one.author = world.bob
    look(True)
    world.ann.age = 99
    look(False)
    world.bob.age = 41
    look(True)


def test_a_value_is_kept_while_nobody_observes(world: World) -> None:
    """A computed value was cached only while something observed it; else each read computed it. (mobx)"""
    look = world.watch(world.ann, lambda author: sum(post.score for post in author.posts))
    for _ in range(100):
        look(False)
    gc.collect()
    look(False)


def test_a_dependency_that_is_read_only_sometimes(world: World) -> None:
    """What was not read in the last run counts from the run that reads it. (mobx)"""
    look = world.watch(world.ann, lambda author: author.email if author.age > 35 else "young")
    world.ann.email = "new@x"
    look(False)
    world.ann.age = 36
    look(True)
    world.ann.email = "newer@x"
    look(True)


def test_a_relative_time_goes_on(db: Database) -> None:
    """A view of the time since a date stayed what it was when it was first read. (mobx-state-tree)"""

    class Event(Model, db=db):
        at: Attr[datetime] = field(tz="aware")

        @getter
        def age(self) -> timedelta:
            return now() - self.at

    db.clock.freeze(MOMENT)
    event = Event(at=MOMENT)
    for hours in range(3):
        assert event.age == timedelta(hours=hours)
        db.clock.move(timedelta(hours=1))


def test_the_time_without_anything_that_observes(db: Database) -> None:
    """now() gave an old time when it was read outside of a reaction, or only checked now and then. (mobx-utils,
    twice)"""
    runs = []

    class Timer(Model, db=db):
        stop: Attr[datetime] = field(tz="aware")

        @getter
        def remaining(self) -> timedelta:
            return max(self.stop - now(), timedelta())

        @getter
        def done(self) -> bool:
            runs.append(self.stop)
            return self.stop <= now()

    db.clock.freeze(MOMENT)
    timer = Timer(stop=MOMENT + timedelta(seconds=10))
    seen = []
    for _ in range(12):
        seen.append((timer.remaining.seconds, timer.done))
        db.clock.move(timedelta(seconds=1))
    assert seen == [(max(10 - second, 0), second >= 10) for second in range(12)]
    assert len(runs) == 2
