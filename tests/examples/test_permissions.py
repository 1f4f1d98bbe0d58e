"""Users, roles and permissions that expire."""

from __future__ import annotations

from types import ModuleType

import pytest


def allowed(access: ModuleType, user: int, after: int) -> set[int]:
    """What a user may so many days later."""

    def holds(days: int | None) -> bool:
        return days is None or days > after

    granted = {permission for at, permission, days in access.GRANTS if at == user and holds(days)}
    roles = [role for at, role, days in access.MEMBERSHIPS if at == user and holds(days)]
    return granted.union(*(access.ROLE_PERMISSIONS[role] for role in roles))


@pytest.mark.parametrize("days", [-5, -1, 0, 5, 12, 40])
def test_what_users_may(permissions: ModuleType, days: int) -> None:
    access, codes = permissions, dict(permissions.PERMISSIONS)
    access.access.clock.freeze(access.day(days))
    expected = []
    for user, name in access.USERS:
        mine = allowed(access, user, days)
        granted = {permission for at, permission, _ in access.GRANTS if at == user}
        roles = [role for at, role, _ in access.MEMBERSHIPS if at == user]
        by_role = {permission for role in roles for permission in access.ROLE_PERMISSIONS[role]}
        deputies = {one for pair in access.DEPUTIES if user in pair for one in pair} - {user}
        lent = set().union(*(allowed(access, deputy, days) for deputy in deputies)) - mine
        expected.append(
            {
                "user": name,
                "may": [codes[key] for key in sorted(mine)],
                "ever": sorted(codes[key] for key in granted | by_role),
                "twice": [codes[permission] for permission in codes if permission in granted & by_role],
                "lent": [codes[key] for key in sorted(lent)],
            }
        )
    assert access.overview() == expected
    for key, code in codes.items():
        assert access.who_may(code).pluck(access.User.id) == [
            user for user, _ in access.USERS if key in allowed(access, user, days)
        ]


@pytest.mark.parametrize("days", [0, 12, 40])
def test_memberships_that_end(permissions: ModuleType, days: int) -> None:
    access = permissions
    access.access.clock.freeze(access.day(days))
    soon = [(left, user, role) for user, role, left in access.MEMBERSHIPS if left and days < left <= days + 20]
    assert access.ending(20) == [(access.USERS[user][1], access.ROLES[role][1]) for _, user, role in sorted(soon)]
    held = {role for _, role, left in access.MEMBERSHIPS if left is None or left > days}
    assert access.idle_roles() == [title for role, title in access.ROLES if role not in held]


def test_changes_of_roles(permissions: ModuleType) -> None:
    access = permissions
    assert [line.partition(":")[0] for line in access.changes()] == [
        *("attach", "update_pivot", "toggle", "sync", "detach", "update_pivot")
    ]
    rows = access.Membership.where(user=access.User[1]).pluck(access.Membership.role.title, access.Membership.until)
    assert rows == [("editor", access.day(7))]
    assert len(access.Membership.all()) == len(access.MEMBERSHIPS) - 1
