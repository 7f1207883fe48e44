"""What happens to an account, as facts; ``auth.events`` says how they are told to others."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """A fact about one account; ``sequence`` is the account's own counter after it."""

    account_id: UUID
    at: datetime
    sequence: int


@dataclass(frozen=True, slots=True)
class AccountRegistered(AccountEvent):
    """Somebody has an account now."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class RegistrationRepeated(AccountEvent):
    """Somebody tried to register an address that has an account; its owner may want to know."""


@dataclass(frozen=True, slots=True)
class AccountClosed(AccountEvent):
    """The account is gone, and so is what we knew of its owner."""


@dataclass(frozen=True, slots=True)
class AccountSuspended(AccountEvent):
    """The account cannot be used until it is reinstated."""

    reason: str


@dataclass(frozen=True, slots=True)
class AccountReinstated(AccountEvent):
    """A suspended account can be used again."""


@dataclass(frozen=True, slots=True)
class RolesChanged(AccountEvent):
    """The account has other roles now."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PasswordChanged(AccountEvent):
    """The account has another password now."""


@dataclass(frozen=True, slots=True)
class PasswordResetRequested(AccountEvent):
    """Somebody asked to reset the password. The secret is derived from ``reset_id`` inside auth, and never told."""

    reset_id: UUID
    expires_at: datetime
