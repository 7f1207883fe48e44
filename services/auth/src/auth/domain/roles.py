"""Roles people have, and the scopes that come with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the shop; an account has at least one."""

    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


PRIVILEGED = frozenset({Role.STAFF, Role.ADMIN})
"""Roles whose holders only an admin may manage."""


@dataclass(frozen=True, slots=True)
class ScopeRegistry:
    """Every scope that a service declares, and the roles that get it."""

    holders: Mapping[str, frozenset[Role]]

    @property
    def names(self) -> frozenset[str]:
        """Every scope there is."""
        return frozenset(self.holders)

    def allowed(self, roles: Iterable[Role]) -> frozenset[str]:
        """Return what somebody with these roles may be given."""
        held = frozenset(roles)
        return frozenset(name for name, holders in self.holders.items() if holders & held)
