"""Getters and threads that are switched every microsecond. `SINEW_THREAD_SECONDS` sets how long each of these tests
runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sinew import SinewError

from .world import World

pytestmark = pytest.mark.usefixtures("fast_switches")
SECONDS = float(os.environ.get("SINEW_THREAD_SECONDS", "0.4"))


def together(*works: Callable[[], Any], seconds: float = SECONDS) -> list[int]:
    """Repeats each in a thread of its own until the time is over; how often. Raises what the first that failed
    raised."""
    over, errors, rounds = threading.Event(), list[BaseException](), [0] * len(works)

    def run(number: int, work: Callable[[], Any]) -> None:
        try:
            while not over.is_set():
                work()
                rounds[number] += 1
        except BaseException as error:
            errors.append(error)
            over.set()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    over.wait(seconds)
    over.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return rounds


def test_reads_of_other_threads_are_not_its_reads(world: World) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slowly(author: Any) -> str:
        name = author.name
        inside.set()
        assert go_on.wait(5)
        return str(name)

    world.body = slowly
    thread = threading.Thread(target=lambda: world.ann.probe)
    thread.start()
    assert inside.wait(5)
    assert (world.bob.name, len(world.bob.posts)) == ("Bob", 1)  # read while the getter runs
    go_on.set()
    thread.join()
    look_runs = world.runs
    world.bob.name = "Bert"
    world.three.author = world.cid
    assert (world.ann.probe, world.runs) == ("Ann", look_runs)
    world.ann.name = "Anna"
    assert (world.ann.probe, world.runs) == ("Anna", look_runs + 1)


def test_two_threads_that_compute_the_same_see_one_result(world: World) -> None:
    both = threading.Barrier(2, timeout=5)
    found: list[Any] = []

    def meet(author: Any) -> list[str]:
        try:
            both.wait()
        except threading.BrokenBarrierError:
            pass  # the other one waits for this one, or has it already
        return [author.name]

    world.body = meet
    both_timeout = threading.Timer(0.3, both.abort)
    both_timeout.start()
    threads = [threading.Thread(target=lambda: found.append(world.ann.probe)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both_timeout.cancel()
    assert found == [["Ann"], ["Ann"]]
    assert found[0] is found[1]
    assert world.ann.probe is found[0]


def test_a_write_of_another_thread_while_it_runs_is_seen_by_the_next_read(world: World) -> None:
    """What was computed meanwhile is good for one read at most."""
    inside, go_on = threading.Event(), threading.Event()
    found: list[Any] = []

    def slowly(author: Any) -> str:
        name = author.name
        if not go_on.is_set():
            inside.set()
            assert go_on.wait(5)
        return str(name)

    world.body = slowly
    thread = threading.Thread(target=lambda: found.append(world.ann.probe))
    thread.start()
    assert inside.wait(5)
    world.ann.name = "Anna"
    go_on.set()
    thread.join()
    assert found == ["Ann"]
    assert world.ann.probe == "Anna"


def test_no_cycle_is_seen_between_threads(world: World) -> None:
    """Two threads in the same getter are no recursion."""
    world.body = lambda author: time.sleep(0.0001) or len(author.posts)

    def churn() -> None:
        world.one.author = world.bob
        world.one.author = world.ann

    together(lambda: world.ann.probe, lambda: world.ann.probe, lambda: world.bob.probe, churn)
    assert (world.ann.probe, world.bob.probe) == (2, 1)


def test_readers_beside_a_writer_end_up_right(world: World) -> None:
    world.body = lambda record: (
        sum(post.probe for post in record.posts)
        if isinstance(record, world.Author)
        else record.score + len(record.tags)
    )
    number = [0]

    def write() -> None:
        number[0] += 1
        world.two.score = number[0]
        [world.two.tags.attach, world.two.tags.detach][number[0] % 2](world.slow)

    rounds = together(lambda: world.ann.probe, lambda: [each.probe for each in world.Post.all()], write)
    assert min(rounds) > 0
    assert world.ann.probe == world.body(world.ann) == 1 + 1 + number[0] + len(world.two.tags)


def test_readers_beside_transactions_that_are_undone(world: World) -> None:
    """Readers see the current state, and nothing of it afterwards."""
    world.body = lambda author: [author.name, len(author.posts)]

    def undo() -> None:
        with world.db.transaction() as tx:
            world.ann.name = "nobody"
            world.Post(title="x", author=world.ann)
            tx.rollback()

    def read() -> None:
        assert world.ann.probe[0] in ("Ann", "nobody")

    together(read, read, undo)
    assert world.ann.probe == ["Ann", 2]


def test_readers_beside_rows_that_come_and_go(world: World) -> None:
    world.body = lambda record: [post.title for post in record.posts] if hasattr(record, "posts") else record.title

    def churn() -> None:
        post = world.Post(title="new", author=world.ann)
        assert post.probe == "new"
        post.delete()

    def read() -> None:
        try:
            assert set(world.ann.probe) <= {"one", "two", "new"}
        except SinewError:
            pass  # a record that was deleted between two steps of the function

    together(read, read, churn)
    assert world.ann.probe == ["one", "two"]
