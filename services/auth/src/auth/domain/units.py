"""What one transaction gives access to."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from auth.domain.accounts import AccountRepository
from auth.domain.api_keys import ApiKeyRepository
from auth.domain.audit import AuditTrail
from auth.domain.clients import ClientRepository
from auth.domain.families import RefreshFamilyRepository
from auth.domain.guessing import TrackRepository
from auth.domain.mails import Mailbox
from auth.domain.resets import PasswordResetRepository
from auth.domain.signing_keys import SigningKeyRepository


class UnitOfWork(Protocol):
    """Everything that is stored, as seen from within one transaction."""

    @property
    def accounts(self) -> AccountRepository:
        """The accounts."""
        ...

    @property
    def families(self) -> RefreshFamilyRepository:
        """The refresh token families."""
        ...

    @property
    def api_keys(self) -> ApiKeyRepository:
        """The API keys."""
        ...

    @property
    def resets(self) -> PasswordResetRepository:
        """The password resets."""
        ...

    @property
    def tracks(self) -> TrackRepository:
        """What is remembered of wrong passwords."""
        ...

    @property
    def clients(self) -> ClientRepository:
        """The OAuth clients."""
        ...

    @property
    def signing_keys(self) -> SigningKeyRepository:
        """The keys that sign tokens."""
        ...

    @property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        ...

    @property
    def mails(self) -> Mailbox:
        """Where mails go."""
        ...


Units = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Opens a unit of work that commits at the end of its block.

For what cannot be one transaction: a password is checked between two, because hashing takes longer than anything a
connection should be held for, and the attempt has to count whatever comes of it.
"""
