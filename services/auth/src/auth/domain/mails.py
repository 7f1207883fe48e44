"""What people are written. In development mails land in a mailbox table; elsewhere nothing is sent from here.

In production the events tell the same facts, without secrets, to whoever sends mails.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.ids import uuid7


@dataclass
class Mail:
    """One message to one address, plain text."""

    to: str
    subject: str
    body: str
    at: datetime
    id: UUID = field(default_factory=uuid7)


class Mailbox(Protocol):
    """Where mails go, in the same unit of work as what they tell of."""

    def post(self, mail: Mail) -> None:
        """Send, or keep, one mail."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the mails older than ``moment``; return how many."""
        ...


def welcome(email: str, name: str, now: datetime) -> Mail:
    """Greet somebody who registered."""
    body = f"Hello {name},\n\nyour Tradewind account is ready: sign in with {email}.\n"
    return Mail(email, "Welcome to Tradewind", body, now)


def already_registered(email: str, now: datetime) -> Mail:
    """Tell an owner that somebody, perhaps they themselves, tried to register their address again."""
    body = (
        f"Hello,\n\nsomebody asked for a Tradewind account for {email}, which has one. If it was you, sign in, or reset"
        " your password. If not, there is nothing to do: nobody was let in.\n"
    )
    return Mail(email, "You have a Tradewind account already", body, now)


def password_reset(email: str, token: str, now: datetime) -> Mail:
    """Give an owner the secret with which to choose a new password."""
    body = (
        "Hello,\n\nsomebody asked to reset the password of your Tradewind account. If it was you, choose a new one"
        " within an hour, with this token:\n\n"
        f"{token}\n\n"
        'POST /v1/password-resets/confirmations {"token": "...", "new_password": "..."}\n\n'
        "If not, there is nothing to do: your password has not changed.\n"
    )
    return Mail(email, "Reset your Tradewind password", body, now)
