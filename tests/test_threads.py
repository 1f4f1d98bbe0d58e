"""Several threads at once, switched every microsecond: nothing crashes, nothing is lost, nobody sees what was undone.

What is promised (docs/transactions.md): one writer at a time. A write waits for another thread's statement, and is
refused while another thread's transaction is open; readers see the current state. `SINEW_THREAD_SECONDS` sets how long
each of these tests runs (default: short).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sinew import Database, Model, RecordDeleted, SinewError, TransactionError, belongs_to, define, field, has_many

pytestmark = pytest.mark.usefixtures("fast_switches")
SECONDS = float(os.environ.get("SINEW_THREAD_SECONDS", "0.4"))


class Crowd:
    """Threads that each repeat a function until the time is over; the first exception of any ends them all."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.rounds: dict[str, int] = {}

    def add(self, name: str, work: Callable[[int], Any]) -> None:
        def run() -> None:
            number = 0
            try:
                while not self.over.is_set():
                    work(number)
                    number += 1
            except BaseException as error:
                self.errors.append(error)
                self.over.set()
            self.rounds[name] = number

        self.threads.append(threading.Thread(target=run, name=name))

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        self.over.wait(SECONDS)
        self.over.set()
        for thread in self.threads:
            thread.join()
        for error in self.errors:
            raise error
        assert all(self.rounds.values()), f"somebody never had a turn: {self.rounds}"


def models(db: Database) -> tuple[Any, Any]:
    owner = define("Owner", {"name": field(type=str, unique=True), "things": has_many("Thing")}, db=db)
    thing = define(
        "Thing",
        {
            "number": field(type=int, default=0, index="ordered"),
            "text": field(type=str, default=""),
            "any": field(type=Any, default=None),
            "owner": belongs_to("Owner", on_delete="cascade"),
        },
        db=db,
    )
    db.check()
    return owner, thing


def test_writers_and_readers(db: Database) -> None:
    owners, things = models(db)
    crowd = Crowd()
    made: dict[int, int] = {0: 0, 1: 0}

    def write(which: int) -> Callable[[int], None]:
        owner = owners(name=str(which))

        def work(number: int) -> None:
            thing = things(number=number, owner=owner, any=[number])
            thing.number += 1
            assert thing.number == number + 1 and thing in owner.things
            if number % 3:
                thing.delete()
            else:
                made[which] += 1
            if number % 50 == 0:
                things.insert_many([{"number": -1, "owner": owner}] * 40)
                assert owner.things.where(number=-1).delete() == 40

        return work

    def read(number: int) -> None:
        found = things.where(things.number >= 0).order_by(things.number).pluck(things.number)
        numbers = [each for each in found if each is not None]  # None: deleted after its row was found
        assert numbers == sorted(numbers)
        for owner in owners.all():
            for thing in owner.things:
                try:
                    assert thing.owner is owner
                except RecordDeleted:
                    pass  # since its row was taken from the list

    crowd.add("writer 0", write(0))
    crowd.add("writer 1", write(1))
    crowd.add("reader 0", read)
    crowd.add("reader 1", read)
    crowd.run()
    assert {int(owner.name): len(owner.things) for owner in owners.all()} == made


def test_a_transaction_in_one_thread_while_others_write(db: Database) -> None:
    """Both halves of each transaction stay or go together; others are refused meanwhile, by name, and lose nothing."""
    owners, things = models(db)
    shared = owners(name="shared")
    crowd = Crowd()
    kept: list[int] = []
    written: list[int] = []

    def transact(number: int) -> None:
        with db.transaction(wait=10) as tx:
            things(number=1000 + number, text="pair", owner=shared)
            time.sleep(0)
            things(number=1000 + number, text="pair", owner=shared)
            if number % 2:
                tx.rollback()
        if number % 2 == 0:
            kept.append(1000 + number)

    def write(number: int) -> None:
        try:
            things(number=-number, text="single", owner=shared)
            written.append(-number)
        except TransactionError as error:
            assert re.search(r"thread ('transacting'|\d+)", str(error)), "by number, if it has just ended"
            time.sleep(0.0005)

    def read(number: int) -> None:
        found = things.where(text="single").pluck(things.number)
        assert len(found) == len(set(found))

    crowd.add("transacting", transact)
    crowd.add("writing", write)
    crowd.add("reading", read)
    crowd.run()
    assert things.where(text="pair").pluck(things.number) == [number for number in kept for _ in range(2)]
    assert things.where(text="single").pluck(things.number) == written
    assert db.store.depth == 0


def test_transactions_of_several_threads_take_turns(db: Database) -> None:
    owners, _ = models(db)
    total = owners(name="0")
    crowd = Crowd()
    added = [0, 0, 0]

    def add(which: int) -> Callable[[int], None]:
        def work(number: int) -> None:
            with db.transaction(wait=30):
                total.name = str(int(total.name) + 1)
            added[which] += 1

        return work

    for which in range(3):
        crowd.add(f"adding {which}", add(which))
    crowd.run()
    assert int(total.name) == sum(added)


def test_a_model_that_is_defined_anew_meanwhile(db: Database) -> None:
    """Writers are refused, or write to the model as it is. Readers may meet it half way: attributes are exchanged one
    by one: an error or a value, never a crash. What was written is there in the end, and all of it is found."""
    half_way = (SinewError, TypeError, AttributeError)
    owners, things = models(db)
    shared = owners(name="shared")
    crowd = Crowd()
    written: list[int] = []

    def redefine(number: int) -> None:
        more = {"extra": field(type=int, default=3, index=True)} if number % 2 else {}
        try:
            define(
                "Thing",
                {
                    "number": field(type=int, default=0, index="ordered" if number % 3 else False),
                    "text": field(type=str, default=""),
                    "any": field(type=Any, default=None),
                    "owner": belongs_to("Owner", on_delete="cascade"),
                    **more,
                },
                db=db,
            )
        except TransactionError:
            pass  # somebody's statement was open
        time.sleep(0.001)

    def write(number: int) -> None:
        try:
            record = things(number=number, owner=shared)
        except half_way:
            return
        written.append(number)
        try:
            record.text = "x"
        except half_way:
            pass

    def read(number: int) -> None:
        try:
            assert len(things.where(things.number >= 0).pluck(things.number)) <= len(written) + 1
            for thing in shared.things:
                assert thing.id and repr(thing) and (thing.owner, thing.text)
        except half_way:
            pass

    crowd.add("defining", redefine)
    crowd.add("writing", write)
    crowd.add("reading", read)
    crowd.run()
    assert sorted(things.pluck(things.number)) == written
    assert len(shared.things) == len(written)


def test_records_go_while_other_threads_look_them_up(db: Database) -> None:
    owners, things = models(db)
    shared = owners(name="shared")
    records = [things(number=number, owner=shared) for number in range(20)]
    del records
    crowd = Crowd()

    def look(number: int) -> None:
        key = number % 20 + 1
        assert things[key] is things[key]
        assert [thing.id for thing in shared.things] == list(range(1, 21))

    for which in range(4):
        crowd.add(f"looking {which}", look)
    crowd.run()


def test_closing_while_others_work(db: Database) -> None:
    owners, things = models(db)
    shared = owners(name="shared")
    errors: list[BaseException] = []
    started = threading.Barrier(4)

    def work() -> None:
        try:
            started.wait()
            while True:
                things(owner=shared).number += 1
                list(shared.things)
        except SinewError:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(SECONDS / 4)
    while not db.store.closed:
        try:
            db.close()
        except TransactionError:
            time.sleep(0)
    for thread in threads:
        thread.join()
    assert errors == []
    with pytest.raises(SinewError):
        things.count()


def test_the_first_use_of_a_model_in_several_threads(db: Database) -> None:
    """The layout happens once, whoever comes first."""
    for number in range(int(SECONDS * 10) + 1):
        cls: type[Model] = define(f"First{number}", {"name": field(type=str, unique=True)}, db=db)
        barrier, errors = threading.Barrier(4), []

        def use(which: int, cls: Any = cls, barrier: Any = barrier, errors: Any = errors) -> None:
            try:
                barrier.wait()
                cls(name=str(which))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=use, args=(which,)) for which in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == [] and cls.count() == 4
