"""Users, roles and permissions that expire: what may whom, until when, and by whom is it lent.

    python examples/permissions.py

What a link says (until when it holds) is a column of its pivot. Relations hold the links
that hold now: they change with the clock, which is stopped here, and moved by hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    Expr,
    HasMany,
    ManyToMany,
    Model,
    NotFound,
    PivotChanges,
    Query,
    belongs_to,
    count,
    field,
    has_many,
    many_to_many,
    now,
)

access = Database()


class Record(Model, db=access, abstract=True):
    """The family of models that live in `access`."""


class Expiring(Record, abstract=True):
    """A link that may end; None: it does not."""

    until: Attr[datetime | None] = field(default=None)

    @classmethod
    def holds(cls) -> Expr:
        return cls.until.is_null() | (cls.until > now())


class User(Record):
    name: Attr[str] = field(unique=True)
    roles: ManyToMany[Role, Membership] = many_to_many(inverse=lambda: Role.users)
    granted: ManyToMany[Permission, Grant] = many_to_many(inverse=lambda: Permission.users)
    by_role: HasMany[Permission] = has_many(through=lambda: User.roles.permissions)
    ever: HasMany[Permission] = has_many(union=lambda: (User.granted, User.by_role), order_by=lambda: Permission.code)
    twice: HasMany[Permission] = has_many(intersection=lambda: (User.granted, User.by_role))
    active_roles: ManyToMany[Role, Membership] = many_to_many(where=lambda: Membership.holds())
    active_grants: ManyToMany[Permission, Grant] = many_to_many(where=lambda: Grant.holds())
    by_active_role: HasMany[Permission] = has_many(through=lambda: User.active_roles.permissions)
    permissions: HasMany[Permission] = has_many(
        union=lambda: (User.active_grants, User.by_active_role), order_by=lambda: Permission.id
    )
    deputies: ManyToMany[User] = many_to_many(symmetric=True)
    lent: HasMany[Permission] = has_many(through=lambda: User.deputies.permissions, order_by=lambda: Permission.id)


class Role(Record):
    title: Attr[str] = field(unique=True)
    users: ManyToMany[User, Membership] = many_to_many(inverse=lambda: User.roles)
    permissions: ManyToMany[Permission] = many_to_many(inverse=lambda: Permission.roles)


class Permission(Record):
    code: Attr[str] = field(unique=True)
    roles: ManyToMany[Role] = many_to_many(inverse=lambda: Role.permissions)
    users: ManyToMany[User, Grant] = many_to_many(inverse=lambda: User.granted)


class Membership(Expiring):
    user: BelongsTo[User] = belongs_to()
    role: BelongsTo[Role] = belongs_to()


class Grant(Expiring):
    user: BelongsTo[User] = belongs_to()
    permission: BelongsTo[Permission] = belongs_to()


TODAY = datetime(2030, 6, 1)
USERS = [(0, "ann"), (1, "bob"), (2, "cid"), (3, "dan")]
ROLES = [(0, "editor"), (1, "admin"), (2, "guest")]
PERMISSIONS = [(0, "read"), (1, "write"), (2, "delete"), (3, "audit")]
ROLE_PERMISSIONS = {0: [0, 1], 1: [0, 1, 2], 2: []}
MEMBERSHIPS = [  # user, role, until in so many days
    (0, 0, None),
    (0, 1, 10),
    (1, 0, -1),
    (1, 2, None),
    (2, 1, 30),
]
GRANTS = [(0, 1, 5), (1, 3, 20), (1, 0, None), (3, 0, -3)]  # user, permission, until in so many days
DEPUTIES = [(0, 1), (2, 3)]


def day(days: int | None) -> datetime | None:
    return None if days is None else TODAY + timedelta(days=days)


def fill() -> None:
    access.clock.freeze(TODAY)
    User.insert_many(USERS, columns=["id", "name"])
    Role.insert_many(ROLES, columns=["id", "title"])
    Permission.insert_many(PERMISSIONS, columns=["id", "code"])
    for role, permissions in ROLE_PERMISSIONS.items():
        Role[role].permissions.attach(permissions)
    for user, role, days in MEMBERSHIPS:
        User[user].roles.attach(role, until=day(days))
    for user, permission, days in GRANTS:
        User[user].granted.attach(permission, until=day(days))
    for one, other in DEPUTIES:
        User[one].deputies.attach(other)


def who_may(code: str) -> Query[User]:
    """Whose permissions are these now?"""
    return User.where(User.permissions.code == code)


def overview() -> list[dict[str, Any]]:
    """What may each user now, what had they ever, what twice, and what would their deputies add?"""
    return [
        {
            "user": user.name,
            "may": (mine := user.permissions.pluck(Permission.code)),
            "ever": user.ever.pluck(Permission.code),
            "twice": user.twice.pluck(Permission.code),
            "lent": user.lent.where(Permission.code.not_in(mine)).pluck(Permission.code),
        }
        for user in User.all()
    ]


def ending(days: int) -> list[tuple[str, str]]:
    """Which memberships end within so many days?"""
    soon = Membership.where(Membership.holds(), Membership.until <= now() + timedelta(days=days))
    return soon.order_by(Membership.until).pluck(Membership.user.name, Membership.role.title)


def idle_roles() -> list[str]:
    """Which roles has nobody whose membership holds?"""
    return Role.where(count(Role.users, Membership.holds()) == 0).pluck(Role.title)


def told(verb: str, change: PivotChanges[Role]) -> str:
    parts = {"attached": change.attached, "detached": change.detached, "updated": change.updated}
    return f"{verb}: " + ", ".join(f"{what} {[role.title for role in roles]}" for what, roles in parts.items() if roles)


def changes() -> list[str]:
    """Each verb says what it did, not what it was asked for."""
    bob, (editor, admin, guest) = User[1], Role.all()
    lines = [
        told("attach", bob.roles.attach({editor: {"until": day(7)}, admin: {"until": day(1)}})),
        told("update_pivot", bob.roles.update_pivot(admin, until=day(2))),
        told("toggle", bob.roles.toggle([guest, admin])),
        told("sync", bob.roles.sync([guest, editor])),
        told("detach", bob.roles.detach([admin, guest])),
    ]
    try:
        bob.roles.update_pivot(guest, until=None)
    except NotFound as refusal:
        lines.append(f"update_pivot: {refusal}")
    return lines


def main() -> None:
    fill()
    for days in (0, 12, 40):
        access.clock.freeze(TODAY + timedelta(days=days))
        print(f"After {days} days")
        for row in overview():
            print("  ", *(f"{name}: {value}" for name, value in row.items()))
        print(f"   may write: {who_may('write').pluck(User.name)}, ending: {ending(20)}, idle: {idle_roles()}")
    access.clock.freeze(TODAY)
    print("Changes\n  ", "\n   ".join(changes()))


if __name__ == "__main__":
    main()
