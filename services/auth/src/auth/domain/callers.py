"""Who asks for something, and from where: what rules and the audit trail need to know of a request."""

from dataclasses import dataclass
from uuid import UUID

from auth.domain.roles import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """One who asks.

    ``subject`` is an account's id, a client's name, ``anonymous`` or ``command``; ``address`` is an IP address, empty
    for a command; ``scopes`` are those of the token that was shown.
    """

    subject: str = "anonymous"
    address: str = ""
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether the caller holds the role ``admin``."""
        return Role.ADMIN in self.roles

    def owns(self, account_id: UUID) -> bool:
        """Tell whether the caller is the account's owner."""
        return self.subject == str(account_id)


COMMAND = Caller(subject="command", roles=frozenset({Role.ADMIN}))
"""Whoever may run commands on the server; needs no role to be given."""
