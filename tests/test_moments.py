"""The time in relations and in queries that are kept: what they hold turns with the clock, without any write, in
whatever way it is asked; a twin in plain Python says what is right."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    RelationError,
    UniqueError,
    belongs_to,
    count,
    count_of,
    define,
    delegate,
    exists,
    field,
    getter,
    has_many,
    has_one,
    latest_of,
    many_to_many,
    max_,
    now,
    sum_of,
)

db = Database()
NOON = datetime(2030, 1, 1, 12)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


class User(Model, db=db):
    name: Attr[str] = field(default="")
    level: Attr[int] = field(default=0)
    memberships: HasMany[Membership] = has_many(inverse=lambda: Membership.user)
    active: HasMany[Membership] = has_many(inverse=lambda: Membership.user, where=lambda: Membership.until > now())
    begun: HasMany[Membership] = has_many(inverse=lambda: Membership.user, where=lambda: Membership.since <= now())
    ending: HasMany[Membership] = has_many(
        inverse=lambda: Membership.user,
        where=lambda: Membership.until.between(now(), now() + timedelta(hours=2)),
        order_by=lambda: Membership.until.desc(),
    )
    old: HasMany[Membership] = has_many(
        inverse=lambda: Membership.user, where=lambda: now() - Membership.until >= Membership.grace
    )
    next_end: HasOne[Membership | None] = has_one(
        inverse=lambda: Membership.user, where=lambda: Membership.until > now(), order_by=lambda: Membership.until
    )
    roles: ManyToMany[Role, Membership] = many_to_many(inverse=lambda: Role.users)
    active_roles: ManyToMany[Role, Membership] = many_to_many(where=lambda: Membership.until > now())
    permissions: HasMany[Permission] = has_many(through=lambda: User.active_roles.permissions)
    lost: HasMany[Role] = has_many(difference=lambda: (User.roles, User.active_roles))
    all_roles: HasMany[Role] = has_many(union=lambda: (User.active_roles, User.roles))
    mentor: BelongsTo[User | None] = belongs_to(default=None)
    pupils: HasMany[User] = has_many(inverse=lambda: User.mentor)
    active_pupils: HasMany[User] = has_many(
        inverse=lambda: User.mentor, where=lambda: exists(User.memberships, Membership.until > now())
    )
    line: HasMany[User] = has_many(recursive=lambda: User.active_pupils)

    active_count = count_of(lambda: User.active)
    active_grace = sum_of(lambda: User.active.rank)
    last_begun = latest_of(lambda: User.begun.id)
    end = delegate(lambda: User.next_end.rank)

    @getter
    def titles(self) -> tuple[str, ...]:
        return tuple(role.title for role in self.active_roles)

    @getter
    def number(self) -> int:
        return len(self.active)

    @getter
    def has_some(self) -> bool:
        return bool(self.active)

    @getter
    def exists_some(self) -> bool:
        return self.active.exists()

    @getter
    def first_active(self) -> Any:
        return self.active.first()

    @getter
    def holds_zero(self) -> bool:
        return Membership[0] in self.active

    @getter
    def next_rank(self) -> int | None:
        return None if self.next_end is None else self.next_end.rank

    @getter
    def queried(self) -> int:
        return Membership.where(Membership.user.is_(self), Membership.until > now()).count()

    @getter
    def narrowed(self) -> int:
        return self.memberships.where(Membership.since <= now()).count()

    @getter
    def tree(self) -> tuple[int, ...]:
        return tuple(len(view.active) for view in User.where(id=self.id).include(User.active))

    @getter
    def permitted(self) -> tuple[str, ...]:
        return tuple(self.permissions.pluck(Permission.code))

    @getter
    def twice_removed(self) -> int:
        return self.number + self.active_count


class Role(Model, db=db):
    title: Attr[str] = field(default="")
    users: ManyToMany[User, Membership] = many_to_many(inverse=lambda: User.roles)
    permissions: ManyToMany[Permission] = many_to_many(inverse=lambda: Permission.roles)


class Permission(Model, db=db):
    code: Attr[str]
    roles: ManyToMany[Role] = many_to_many(inverse=lambda: Role.permissions)


class Membership(Model, db=db):
    user: BelongsTo[User | None] = belongs_to(default=None)
    role: BelongsTo[Role | None] = belongs_to(default=None)
    until: Attr[datetime | None] = field(default=None, index="ordered")
    since: Attr[datetime | None] = field(default=None, tz="aware", index="ordered")
    grace: Attr[timedelta] = field(default=timedelta())
    rank: Attr[int] = field(default=0)


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    db.clock.freeze(NOON)
    yield
    db.clock.unfreeze()
    del os.environ["TZ"]
    time.tzset()
    db.clear()


def aware(naive: datetime | None) -> datetime | None:
    return None if naive is None else naive.astimezone(timezone(HOUR))


def fill() -> tuple[User, User]:
    """Ann has memberships that end in 0, 1, 2 and 3 hours (and have begun as long ago), and one without an end."""
    ann, bob = User(id=0, name="Ann"), User(id=1, name="Bob")
    for hours in range(4):
        role = Role(id=hours, title=f"role {hours}")
        role.permissions.attach(Permission(id=hours, code=f"code {hours}"))
        until = NOON + hours * HOUR
        Membership(id=hours, user=ann, role=role, until=until, since=aware(until), rank=hours, grace=HOUR)
    Membership(id=9, user=ann)
    return ann, bob


# ---------------------------------------------------------------- rows enter and leave


def test_rows_leave_and_enter_without_a_write() -> None:
    ann, bob = fill()
    revision = db.stats().revision
    for hours in range(-1, 5):
        db.clock.freeze(NOON + hours * HOUR)
        for step, at in ((-TICK, hours - 1), (timedelta(), hours)):  # right before the hour, and at it
            db.clock.freeze(NOON + hours * HOUR + step)
            left = [each for each in range(4) if each > at]
            assert [each.id for each in ann.active] == left and len(ann.active) == len(left) == ann.active.count()
            assert bool(ann.active) == bool(left) == ann.active.exists()
            assert [each.id for each in ann.begun] == [each for each in range(4) if each not in left]
            assert [(Membership[each] in ann.active) for each in range(4)] == [each in left for each in range(4)]
            assert (ann.next_end and ann.next_end.id) == (left[0] if left else None)
            assert [role.id for role in ann.active_roles] == left
            assert [each.id for each in ann.permissions] == left
            assert [each.id for each in ann.lost] == [each for each in range(4) if each not in left]
            assert {each.id for each in ann.all_roles} == {0, 1, 2, 3}
            assert list(ann.active.pluck(Membership.rank)) == left and ann.active.sum(Membership.rank) == sum(left)
            assert [pivot.id for _, pivot in ann.active_roles.pairs()] == left
            assert [each.id for each in User.where(exists(User.active))] == ([0] if left else [])
            assert [each.id for each in User.where(count(User.active_roles) == len(left)).where(id=0)] == [0]
            assert User.where(User.active_roles.title == "role 3").count() == (3 in left)
            assert User.where(exists(User.begun)).count() == (len(left) < 4)
            assert User.where(max_(User.active.rank) == 3).count() == (3 in left)
            assert [[each.id for each in view.active] for view in User.include(User.active)] == [left, []]
            assert [each.id for each in User.include(User.begun)[0].begun] == [
                each for each in range(4) if each not in left
            ]
            following = User.include(User.next_end)[0].next_end
            assert (following and following.id) == (left[0] if left else None)
            viewed = User.include(User.active_roles)[0].active_roles
            assert [(role.id, role.pivot.id) for role in viewed] == [(each, each) for each in left]
            assert not bob.active and not bob.permissions
    assert db.stats().revision == revision


def test_bounds_arithmetic_and_orders() -> None:
    ann, _ = fill()
    assert [each.id for each in ann.ending] == [2, 1, 0] and ann.ending[0].id == 2 and not ann.old
    db.clock.move(HOUR)
    assert [each.id for each in ann.ending] == [3, 2, 1] and [each.id for each in ann.old] == [0]
    db.clock.move(-HOUR)
    assert [each.id for each in ann.ending] == [2, 1, 0] and not ann.old
    db.clock.move(timedelta(days=1))
    assert not ann.ending and len(ann.old) == 4


def test_trees_of_people_whose_time_has_not_come() -> None:
    ann, bob = fill()
    bob.mentor = ann
    cid = User(id=2, mentor=bob)
    bob.memberships.create(until=NOON + HOUR)
    cid.memberships.create(until=NOON + 2 * HOUR)
    assert list(ann.line) == [bob, cid] and list(ann.active_pupils) == [bob]
    db.clock.move(HOUR)
    assert list(ann.line) == [] and list(bob.active_pupils) == [cid]


def test_a_time_zone_that_changes_moves_naive_times_alone() -> None:
    ann, _ = fill()
    assert (len(ann.active), len(ann.begun)) == (3, 1)
    os.environ["TZ"] = "Pacific/Kiritimati"  # later by the clock on the wall
    time.tzset()
    assert (len(ann.active), len(ann.begun)) == (0, 1)


def test_the_ends_of_time() -> None:
    ann, _ = fill()
    far = timedelta(days=9_000_000)
    assert Membership.where(Membership.until < now() + far).count() == 4
    assert Membership.where(Membership.since > now() - far).count() == 4
    assert Membership.where(Membership.until > now() + far).count() == 0
    Membership[3].until = datetime.max
    assert Membership.where(Membership.until < now() + far).count() == 4
    with pytest.raises(FieldError, match="73,000 years"):
        Membership.where(Membership.until < now() + timedelta(days=99_000_000))
    db.clock.freeze(datetime.max.replace(tzinfo=UTC) - timedelta(days=2))
    assert [each.id for each in ann.active] == [3]
    db.clock.move(timedelta(days=1))
    db.clock.unfreeze()
    with pytest.raises(FieldError, match="beyond the years 1 to 9999"):
        db.clock.move(timedelta(days=4_000_000))


# ---------------------------------------------------------------- queries are kept


def test_queries_are_compiled_once() -> None:
    fill()
    query = Membership.where(Membership.until > now(), Membership.until <= now() + 2 * HOUR).order_by(Membership.id)
    made = query._prepared()
    for hours in (0, 1, 2, -2, 1):
        db.clock.freeze(NOON + hours * HOUR)
        assert [each.id for each in query] == [each for each in range(4) if hours < each <= hours + 2]
        assert len(query) == query.count() == len(list(query))
        assert query._prepared() is made
    assert copy.copy(query).count() == query.count()


def test_a_length_is_not_remembered() -> None:
    fill()
    query = Membership.where(Membership.until > now())
    seen = [len(query) for _ in query if not db.clock.move(HOUR)]  # type: ignore[func-returns-value]
    assert seen == [2, 1, 0] and len(query) == 0
    ann = User[0]
    db.clock.freeze(NOON)
    for _ in ann.active:
        pass
    db.clock.move(HOUR)
    assert len(ann.active) == 2


def test_one_run_sees_one_time() -> None:
    """With the clock going: what is found and what is computed of it are of one moment."""
    db.clock.unfreeze()
    here = datetime.now()
    for _ in range(3000):
        Membership(until=here + timedelta(microseconds=random.randrange(100_000)))
    gap = Membership.until - now()
    while Membership.where(Membership.until > now()).exists():
        assert all(left > timedelta() for left in Membership.where(Membership.until > now()).pluck(gap))
        least = Membership.where(Membership.until > now()).min(gap)
        assert least is None or least > timedelta()


def test_what_python_computes_sees_the_same_time() -> None:
    fill()
    seen = []

    def late(membership: Membership) -> bool:
        seen.append(db.clock.now())
        return True

    query = Membership.where(Membership.since - timedelta(hours=1) <= now(), Membership.until > now())
    assert query.where(late).count() == 1 and len(seen) == 1
    db.clock.move(HOUR)
    assert [each.id for each in query] == [2]
    lasting = Membership.where(Membership.since + Membership.grace > now(), Membership.until <= now())
    assert lasting.pluck(Membership.id) == [1]


def test_either_of_moments_in_lists_and_as_equalities() -> None:
    fill()
    query = Membership.where((Membership.until == now()) | (Membership.until == now() + HOUR))
    listed = Membership.where(Membership.since.in_([now(), now() + HOUR]))
    without = Membership.where(Membership.since.not_in([now(), None]))
    keyword = Membership.where(since=now())
    for hours in (0, 1, 3, 5):
        db.clock.freeze(NOON + hours * HOUR)
        wanted = [each for each in range(4) if hours <= each <= hours + 1]
        assert [each.id for each in query] == wanted == [each.id for each in listed]
        assert [each.id for each in without] == [each for each in range(4) if each != hours]
        assert [each.id for each in keyword] == [each for each in range(4) if each == hours]


def test_moments_and_their_words_are_given_back() -> None:
    fill()
    held = [Membership.where(Membership.since > now() + each * HOUR) for each in range(50)]
    assert sum(query.count() for query in held) == 3 + 2 + 1
    db.clock.move(HOUR)
    assert sum(query.count() for query in held) == 2 + 1
    del held
    gc.collect()
    db.store.check()


def test_two_databases_have_two_clocks() -> None:
    other = Database()
    for database in (db, other):
        define("Item", {"at": field(type=datetime)}, db=database)
    for database, hours in ((db, 0), (other, 5)):
        item = database.models["Item"]
        database.clock.freeze(NOON + hours * HOUR)
        item(at=NOON + HOUR)
    mine, theirs = (database.models["Item"].where(database.models["Item"].at <= now()) for database in (db, other))
    assert (mine.count(), theirs.count()) == (0, 1)
    other.clock.freeze(NOON)
    assert (mine.count(), theirs.count()) == (0, 0)
    db.clock.move(HOUR)
    assert (mine.count(), theirs.count()) == (1, 0)
    assert pickle.loads(pickle.dumps(Membership(until=NOON))).until == NOON


# ---------------------------------------------------------------- writing


def test_writing_through_a_relation_asks_the_clock() -> None:
    ann, bob = fill()
    fresh = bob.active.create(until=NOON + HOUR)
    assert list(bob.active) == [fresh]
    with pytest.raises(RelationError, match=r"until > now\(\)"):
        bob.active.create(until=NOON)
    with pytest.raises(RelationError, match=r"User.active holds only records for which"):
        bob.active.create()
    with pytest.raises(RelationError):
        bob.active.add(Membership(id=50, until=NOON - HOUR))
    assert Membership[50].user is None and Membership.count() == 7
    bob.active_roles.attach(1, until=NOON + HOUR)
    with pytest.raises(RelationError, match=r"User.active_roles holds only records and links for which"):
        bob.active_roles.attach(2, until=NOON)
    with pytest.raises(RelationError):
        bob.active_roles.attach(2)
    assert [role.id for role in bob.active_roles] == [1] and len(bob.memberships) == 2
    db.clock.move(HOUR)
    assert not bob.active_roles and len(bob.memberships) == 2
    bob.active_roles.attach(3, until=NOON + 2 * HOUR)
    assert [role.id for role in bob.active_roles] == [3]
    assert ann.active.update(rank=7) == 2 and ann.active.delete() == 2
    assert [each.rank for each in ann.memberships] == [0, 1, 0]


def test_a_link_that_ends_while_another_is_made_refuses_nothing() -> None:
    _, bob = fill()
    bob.active_roles.attach(1, until=NOON + HOUR)

    with db.transaction():
        bob.active_roles.attach(2, until=NOON + 3 * HOUR)
        db.clock.move(2 * HOUR)
        bob.active_roles.attach(3, until=NOON + 3 * HOUR)
    assert [role.id for role in bob.active_roles] == [2, 3]


# ---------------------------------------------------------------- getters

GETTERS = (
    "titles", "number", "has_some", "exists_some", "first_active", "holds_zero", "next_rank", "queried", "narrowed",
    "tree", "permitted", "twice_removed", "active_count", "active_grace", "last_begun", "end",
)  # fmt: skip


def wanted(user: User) -> dict[str, Any]:
    """What the getters are to be, by plain Python."""
    at = db.clock.naive()
    mine = [each for each in Membership.all() if each.user is user]
    active = [each for each in mine if each.until is not None and each.until > at]
    begun = [each for each in mine if each.since is not None and each.since <= at.astimezone()]
    following = min(active, key=lambda each: each.until, default=None)  # type: ignore[arg-type,return-value]
    return {
        "titles": tuple(each.role.title for each in active if each.role),
        "number": len(active), "has_some": bool(active), "exists_some": bool(active),
        "first_active": active[0] if active else None, "holds_zero": Membership[0] in active,
        "next_rank": following and following.rank, "queried": len(active), "narrowed": len(begun),
        "tree": (len(active),),
        "permitted": tuple(p.code for each in active if each.role for p in each.role.permissions),
        "twice_removed": 2 * len(active), "active_count": len(active),
        "active_grace": sum(each.rank for each in active),
        "last_begun": max((each.id for each in begun), default=None), "end": following and following.rank,
    }  # fmt: skip


@pytest.mark.parametrize("name", GETTERS)
def test_getters_over_them_are_never_stale(name: str) -> None:
    ann, _ = fill()
    for hours in (0, 1, 2, 1, 4, -1, 0):
        db.clock.freeze(NOON + hours * HOUR)
        for _ in range(2):
            found = getattr(ann, name)
            found = found.id if name == "last_begun" and found is not None else found
            assert found == wanted(ann)[name], hours
    assert db.explain_getter(ann, name).state == "good for one read"


def test_getters_over_them_as_columns() -> None:
    fill()
    for hours in (0, 2, 5):
        db.clock.freeze(NOON + hours * HOUR)
        left = max(0, 3 - hours)
        assert User.where(User.number == left, User.active_count == left).pluck(User.id) == ([0] if left else [0, 1])
        assert User.order_by(User.id).pluck(User.active_count, User.number, User.active_grace)[0] == (
            left, left, sum(range(hours + 1, 4)),
        )  # fmt: skip


# ---------------------------------------------------------------- what stays refused, and redefinition


def test_what_python_computes_stays_refused() -> None:
    own = Database()
    given = {"at": field(type=datetime, tz="aware"), "owner": belongs_to("Owner")}
    item = define("Item", given, db=own)
    owner = define(
        "Owner",
        {"late": has_many("Item", where=lambda: item.at + timedelta(hours=1) <= now())},  # aware arithmetic is Python's
        db=own,
    )
    with pytest.raises(DefinitionError, match="what Python computes") as caught:
        list(owner().late)
    assert "cannot hold" in str(caught.value) and "now() and" not in str(caught.value)


def test_declared_by_name_and_defined_anew() -> None:
    own = Database()
    own.clock.freeze(NOON)
    item = define("Item", {"at": field(type=datetime), "owner": belongs_to("Owner")}, db=own)

    def owners(**more: Any) -> Any:
        due = has_many("Item", where=lambda: item.at <= now(), order_by=lambda: item.at.desc())
        return define("Owner", {"due": due, **more}, db=own)

    one = owners()()
    for hours in range(3):
        item(at=NOON + hours * HOUR, owner=one)
    assert [each.id for each in one.due] == [1]
    query = one.due.where(item.at > now() - HOUR)
    owners(name=field(type=str, default="x"))
    own.clock.move(HOUR)
    assert [each.id for each in one.due] == [2, 1] and [each.id for each in query] == [2]
    more = {"at": field(type=datetime), "more": field(type=int, default=0), "owner": belongs_to("Owner")}
    define("Item", more, db=own)
    own.clock.move(HOUR)
    assert [each.id for each in one.due] == [3, 2, 1]


# ---------------------------------------------------------------- a twin


@pytest.mark.parametrize("seed", range(6))
def test_random_worlds_agree_with_plain_python(seed: int) -> None:
    choose = random.Random(seed)
    users = [User(id=each, name=str(each)) for each in range(3)]
    roles = [Role(id=each, title=str(each)) for each in range(4)]
    for role in roles:
        role.permissions.attach(Permission(code=role.title))
    Membership(id=0)
    for _ in range(80):
        what = choose.randrange(6)
        until = None if choose.random() < 0.2 else NOON + choose.randrange(-3, 6) * HOUR
        each = choose.choice(list(Membership.all()))
        if what == 0:
            with suppress(UniqueError):
                Membership(user=choose.choice(users), role=choose.choice(roles), until=until, since=aware(until))
        elif what == 1:
            each.update(until=until, since=aware(until), rank=choose.randrange(5))
        elif what == 2 and each.id:
            each.delete()
        elif what == 3:
            with suppress(UniqueError):
                each.user = choose.choice(users)
        else:
            db.clock.freeze(NOON + choose.randrange(-3, 6) * HOUR + choose.choice((-TICK, timedelta(), TICK)))
        for user in users:
            want = wanted(user)
            for name in choose.sample(GETTERS, 4):
                found = getattr(user, name)
                found = found.id if name == "last_begun" and found is not None else found
                if name == "next_rank" or name == "end":  # among equals the first
                    assert (found is None) == (want[name] is None)
                elif name == "first_active":  # in the order of arrival, which moving changes
                    assert (found in list(user.active)) == want["has_some"] and (found is None) != want["has_some"]
                elif name == "permitted":
                    assert set(found) == set(want[name]) and len(set(found)) == len(found)
                elif name == "titles":
                    assert set(found) == set(want[name])
                else:
                    assert found == want[name], name
            assert [each.id for each in User.where(exists(User.active)).order_by(User.id)] == [
                each.id for each in users if wanted(each)["has_some"]
            ]
    db.store.check()
