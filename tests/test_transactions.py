"""Who may write, when a unit ends and what it leaves: nested blocks, generators, tasks, threads, rules at the end."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DeleteRestricted,
    HasMany,
    IntegrityError,
    Model,
    RecordDeleted,
    SinewError,
    Transaction,
    TransactionError,
    UniqueError,
    belongs_to,
    field,
    has_many,
)

bank = Database()


class Base(Model, db=bank, abstract=True):
    """The models of the bank."""


class Owner(Base):
    name: Attr[str]
    accounts: HasMany[Account] = has_many(inverse=lambda: Account.owner)


class Account(Base):
    owner: BelongsTo[Owner] = belongs_to()
    seconds: BelongsTo[Owner | None] = belongs_to(default=None, enforce=False)
    money: Attr[int] = field(default=0)
    place: Attr[int | None] = field(default=None, unique="deferred")


@pytest.fixture(autouse=True)
def records() -> Iterator[None]:
    bank.clear()
    Owner(name="Ann")
    Owner(name="Bob")
    yield
    store: Any = getattr(bank, "store")  # noqa: B009
    assert store.depth == 0
    store.check()


def in_a_thread(action: Callable[[], object]) -> list[BaseException]:
    """What an action raises in another thread."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


# ---------------------------------------------------------------- what a rollback restores


def test_rollback_restores_records_places_and_identity() -> None:
    ann, bob = Owner[1], Owner[2]
    held = [Account(owner=ann, money=n) for n in range(4)]
    created: list[Account] = []
    with bank.transaction() as tx:
        held[0].owner = bob
        held[0].owner = ann  # last now
        held[1].delete()
        held[2].update(money=9, owner=bob)
        created.append(Account(owner=ann))
        assert [account.id for account in ann.accounts] == [4, 1, 5]
        with pytest.raises(RecordDeleted):
            _ = held[1].money
        tx.rollback()
    assert list(ann.accounts) == held and list(bob.accounts) == []
    assert [account.money for account in held] == [0, 1, 2, 3]
    assert all(Account[account.id] is account for account in held)
    assert repr(created[0]) == "<Account (deleted)>" and created[0] not in ann.accounts
    assert Account(owner=ann).id == 6  # counters do not go back


def test_a_key_used_again_in_a_block_goes_back_to_its_record() -> None:
    account = Account(owner=Owner[1], money=1)
    with bank.transaction() as tx:
        account.delete()
        other = Account(id=1, owner=Owner[2], money=2)
        assert Account[1] is other
        tx.rollback()
    assert Account[1] is account and account.money == 1
    with pytest.raises(RecordDeleted):
        _ = other.money


def test_iteration_goes_on_after_a_rollback() -> None:
    ann = Owner[1]
    first = Account(owner=ann)
    with bank.transaction() as tx:
        Account(owner=ann)
        iterator = iter(ann.accounts)
        assert next(iterator) is first
        tx.rollback()
    assert list(iterator) == []


# ---------------------------------------------------------------- rules at the end


def test_a_commit_that_fails_undoes_and_leaves_the_database_usable() -> None:
    with pytest.raises(IntegrityError, match="2 references") as caught, bank.transaction():
        lost = Account(owner_id=70)
        Account(owner_id=71)
    assert [problem[2:] for problem in caught.value.problems] == [("owner", 70), ("owner", 71)]
    assert Account.count() == 0 and repr(lost) == "<Account (deleted)>"
    assert Account(owner=Owner[1]).id == 3


def test_a_dangling_reference_heals_or_raises() -> None:
    with bank.transaction():
        account = Account(owner_id=50)
        with pytest.raises(IntegrityError, match=r"Owner\[50\], which does not exist \(yet\)"):
            _ = account.owner
        assert Account.where(Account.owner.name == "Eve").count() == 0
        Owner(id=50, name="Eve")
        assert account.owner.name == "Eve"
    account.seconds_id = 60
    assert account.seconds is None
    sixty = Owner(id=60, name="Sid")
    assert account.seconds is sixty


def test_restrict_counts_what_remains_at_the_end() -> None:
    ann = Owner[1]
    account = Account(owner=ann)
    with bank.transaction():
        ann.delete()
        account.delete()
    assert (Owner.count(), Account.count()) == (1, 0)
    bob = Owner[2]
    Account(owner=bob)
    with pytest.raises(DeleteRestricted, match="1 Account by `owner`"), bank.transaction():
        bob.delete()
    assert bob.name == "Bob" and len(bob.accounts) == 1


def test_deferred_uniqueness_allows_a_swap_in_steps() -> None:
    a, b = Account(owner=Owner[1], place=1), Account(owner=Owner[1], place=2)
    with bank.transaction():
        a.place = 2
        b.place = 1
    assert (a.place, b.place) == (2, 1)
    with pytest.raises(UniqueError), bank.transaction():
        a.place = 1
    assert a.place == 2
    with pytest.raises(UniqueError):
        a.place = 1


# ---------------------------------------------------------------- blocks


def test_statements_after_a_rollback_by_hand() -> None:
    ann = Owner[1]
    with bank.transaction() as tx:
        tx.rollback()
        refused: list[Callable[[], object]] = [
            lambda: setattr(ann, "name", "x"),
            lambda: Owner(name="x"),
            ann.delete,
            Owner.all().delete,
            lambda: Owner.all().update(name="x"),
            lambda: Owner.insert_many([{"name": "x"}]),
            lambda: bank.transaction().__enter__(),
            lambda: ann.accounts.create(),
            bank.clear,
            tx.rollback,
        ]
        for statement in refused:
            with pytest.raises(TransactionError, match="over"):
                statement()
        assert ann.name == "Ann"
        assert in_a_thread(lambda: setattr(ann, "name", "of another thread")) == []
    ann.name = "Anna"
    assert Owner.count() == 2


def test_rolled_back_blocks_of_several_threads_are_told_apart() -> None:
    ann = Owner[1]
    with bank.transaction() as tx:
        tx.rollback()

        def same_in_another_thread() -> None:
            with bank.transaction() as other:
                other.rollback()
            ann.name = "free again"

        assert in_a_thread(same_in_another_thread) == []
        with pytest.raises(TransactionError, match="over"):
            ann.name = "still refused"
    assert ann.name == "free again"


def test_a_block_is_entered_once_and_left_once() -> None:
    tx = bank.transaction()
    for misuse in (tx.rollback, lambda: tx.__exit__(None, None, None)):
        with pytest.raises(TransactionError, match="over"):
            misuse()
    with bank.transaction() as tx:
        pass
    for misuse in (tx.__enter__, tx.rollback, lambda: tx.__exit__(None, None, None)):
        with pytest.raises(TransactionError):
            misuse()


@pytest.mark.parametrize("wait", [-1, float("nan"), "1", True, [1]])
def test_wait_is_a_number_of_seconds(wait: Any) -> None:
    with pytest.raises(SinewError, match="number of seconds"):
        bank.transaction(wait=wait)


def held_open(name: str) -> Iterator[None]:
    """A block within a generator."""
    with bank.transaction():
        Owner[1].name = name
        yield


def test_a_generator_that_is_dropped_rolls_back() -> None:
    generator = held_open("dropped")
    next(generator)
    assert Owner[1].name == "dropped"
    del generator
    gc.collect()
    assert Owner[1].name == "Ann"


def test_blocks_that_end_out_of_order_commit_nothing() -> None:
    first, second = held_open("first"), held_open("second")
    next(first)
    next(second)
    with pytest.raises(TransactionError, match="reverse order"):
        next(first, None)
    assert Owner[1].name == "Ann"
    with pytest.raises(TransactionError, match="over"):
        next(second, None)
    generator = held_open("outer")
    next(generator)
    with pytest.raises(TransactionError, match="over"), bank.transaction():
        Owner[2].name = "inner"
        generator.close()  # type: ignore[attr-defined]
    assert (Owner[1].name, Owner[2].name) == ("Ann", "Bob")


# ---------------------------------------------------------------- tasks


def test_a_transaction_belongs_to_its_task() -> None:
    ann = Owner[1]

    async def main() -> None:
        opened, done = asyncio.Event(), asyncio.Event()

        async def one() -> None:
            with bank.transaction():
                ann.name = "one"
                opened.set()
                await done.wait()
                ann.name = "one again"

        async def two() -> None:
            await opened.wait()
            assert ann.name == "one"
            for write in (lambda: setattr(ann, "name", "two"), lambda: Owner(name="two"), bank.transaction().__enter__):
                with pytest.raises(TransactionError, match="task 'first' of thread 'MainThread'"):
                    write()
            with pytest.raises(TransactionError):
                bank.transaction(wait=5).__enter__()  # threads only: it would block the loop
            done.set()

        await asyncio.gather(asyncio.create_task(one(), name="first"), asyncio.create_task(two()))
        ann.name = "main"

    asyncio.run(main())
    assert ann.name == "main"


def test_a_rollback_by_hand_refuses_its_own_task_only() -> None:
    ann = Owner[1]

    async def main() -> None:
        undone, written = asyncio.Event(), asyncio.Event()

        async def one() -> None:
            with bank.transaction() as tx:
                tx.rollback()
                undone.set()
                await written.wait()
                with pytest.raises(TransactionError, match="over"):
                    ann.name = "one"

        async def two() -> None:
            await undone.wait()
            ann.name = "two"
            written.set()

        await asyncio.gather(one(), two())

    asyncio.run(main())
    assert ann.name == "two"


def test_a_transaction_left_open_by_a_task_is_rolled_back() -> None:
    async def leave() -> Transaction:
        tx = bank.transaction()
        tx.__enter__()
        Owner[1].name = "left open"
        return tx

    async def main() -> None:
        tx = await asyncio.create_task(leave(), name="gone")
        with pytest.warns(ResourceWarning, match="task 'gone' .* never ended"):
            Owner[2].name = "goes on"
        with pytest.raises(TransactionError, match="over"):
            tx.__exit__(None, None, None)

    asyncio.run(main())
    assert (Owner[1].name, Owner[2].name) == ("Ann", "goes on")


# ---------------------------------------------------------------- threads


def test_a_transaction_left_open_by_a_thread_is_rolled_back() -> None:
    def leave() -> None:
        bank.transaction().__enter__()
        Owner[1].name = "left open"

    assert in_a_thread(leave) == []
    assert Owner[1].name == "left open"
    # the system may give this thread the number of the first: it is another one all the same
    with pytest.warns(ResourceWarning, match="never ended"):
        assert in_a_thread(lambda: setattr(Owner[2], "name", "goes on")) == []
    assert (Owner[1].name, Owner[2].name) == ("Ann", "goes on")
    assert in_a_thread(leave) == []
    with pytest.warns(ResourceWarning, match="never ended"), bank.transaction():
        Owner[1].name = "Anna"
    assert Owner[1].name == "Anna"


def test_waiting_for_a_transaction_of_another_thread() -> None:
    opened, end = threading.Event(), threading.Event()

    def hold() -> None:
        with bank.transaction():
            Owner[1].name = "held"
            opened.set()
            end.wait(10)

    thread = threading.Thread(target=hold, name="holder")
    thread.start()
    opened.wait(10)
    with pytest.raises(TransactionError, match=r"thread 'holder', still after 0\.0\d+ s"):
        bank.transaction(wait=0.02).__enter__()
    threading.Timer(0.05, end.set).start()
    with bank.transaction(wait=10):
        assert Owner[1].name == "held"
        Owner[1].name = "mine"
    thread.join()
    assert Owner[1].name == "mine"
