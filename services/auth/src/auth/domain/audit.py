"""The audit trail: who did what to which account, from where. Entries are added and never changed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from auth.domain.callers import Caller
from chassis.ids import uuid7


@dataclass
class AuditEntry:
    """One line of the trail; ``account_id`` is whom it concerns, None where that is nobody we know."""

    at: datetime
    action: str
    actor: str
    address: str
    account_id: UUID | None
    details: dict[str, str]
    id: UUID = field(default_factory=uuid7)


def entry(action: str, caller: Caller, now: datetime, account_id: UUID | None = None, **details: str) -> AuditEntry:
    """Make an entry; ``details`` hold no secret and nothing that has to be erased when an account is closed."""
    return AuditEntry(now, action, caller.subject, caller.address, account_id, details)


class AuditTrail(Protocol):
    """Where entries go."""

    def add(self, entry: AuditEntry) -> None:
        """Append one entry."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the entries older than ``moment``; return how many."""
        ...
