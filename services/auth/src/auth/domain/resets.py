"""Password resets: a short-lived right to choose a new password, proved by a secret that only the mailbox gets.

The secret is derived from the reset's id (``DerivedTokens``), so the database holds none, and the service that will
send the mails in production can be handed it without any event carrying it.
"""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from auth.domain.derived_tokens import TokenName
from chassis.errors import InvalidError
from chassis.ids import uuid7

LIFETIME = timedelta(hours=1)
MOST_PER_HOUR = 5
"""Resets that one account is sent in an hour; more are accepted and not sent, like those of unknown addresses."""


class ResetTokenError(InvalidError):
    """The token is unknown, used, or too old; which of these is nobody's business."""

    code = "reset-token-invalid"
    title = "The reset token is not valid"


class PasswordReset:
    """One request to choose a new password.

    ``account_id`` is None where nobody has the address: such a row can't be used, and makes both cases cost the same.
    """

    def __init__(self, *, account_id: UUID | None, now: datetime) -> None:
        self.id = uuid7()
        self.account_id = account_id
        self.requested_at = now
        self.expires_at = now + LIFETIME
        self.used_at: datetime | None = None

    @property
    def token_name(self) -> TokenName:
        """What its secret stands for."""
        return TokenName(self.id, 0)

    def use(self, now: datetime) -> UUID:
        """Use it up.

        Returns:
            The account whose password may be replaced.

        Raises:
            ResetTokenError: It was used before, or is too old.
        """
        if self.account_id is None or self.used_at is not None or now >= self.expires_at:
            raise ResetTokenError
        self.used_at = now
        return self.account_id


class PasswordResetRepository(Protocol):
    """The resets, inside a unit of work."""

    def add(self, reset: PasswordReset) -> None:
        """Keep a new reset."""
        ...

    async def lock(self, reset_id: UUID) -> PasswordReset | None:
        """Return a reset, locked until the unit of work ends, or None."""
        ...

    async def count_since(self, account_id: UUID, moment: datetime) -> int:
        """Count the resets asked for since ``moment``."""
        ...

    async def use_up_of_account(self, account_id: UUID, now: datetime) -> int:
        """Use up every reset of an account that could still be used; return how many."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the resets asked for before ``moment``; return how many."""
        ...
