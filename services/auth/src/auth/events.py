"""What auth tells others: domain events as published schemas. No event carries a secret."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import ConfigDict, Field

from auth.domain import events
from chassis.events import EventData, Message


class AccountRegistered(EventData):
    """Somebody has an account now; its id is also the customer's."""

    # In Python the event's own name is in the way of the person's.
    model_config = ConfigDict(serialize_by_alias=True)

    name: ClassVar[str] = "account-registered"

    account_id: UUID
    email: str
    full_name: str = Field(alias="name")
    registered_at: datetime


class AccountRegistrationRepeated(EventData):
    """Somebody tried to register the address of an account; told at most once an hour per account."""

    name: ClassVar[str] = "account-registration-repeated"

    account_id: UUID
    repeated_at: datetime


class AccountClosed(EventData):
    """An account is gone; whoever knows something personal of its owner forgets it."""

    name: ClassVar[str] = "account-closed"

    account_id: UUID
    closed_at: datetime


class AccountSuspended(EventData):
    """An account cannot be used until it is reinstated."""

    name: ClassVar[str] = "account-suspended"

    account_id: UUID
    suspended_at: datetime


class AccountReinstated(EventData):
    """A suspended account can be used again."""

    name: ClassVar[str] = "account-reinstated"

    account_id: UUID
    reinstated_at: datetime


class AccountRolesChanged(EventData):
    """An account has other roles now; tokens given out before last until they expire."""

    name: ClassVar[str] = "account-roles-changed"

    account_id: UUID
    roles: list[str]
    changed_at: datetime


class PasswordChanged(EventData):
    """An account's password was replaced, by its owner or with a reset."""

    name: ClassVar[str] = "password-changed"

    account_id: UUID
    changed_at: datetime


class PasswordResetRequested(EventData):
    """The owner of an account is to get a mail with the secret of this reset. The secret is not in the event."""

    name: ClassVar[str] = "password-reset-requested"

    account_id: UUID
    reset_id: UUID
    requested_at: datetime
    expires_at: datetime


PUBLISHED = (
    AccountClosed,
    AccountRegistered,
    AccountRegistrationRepeated,
    AccountReinstated,
    AccountRolesChanged,
    AccountSuspended,
    PasswordChanged,
    PasswordResetRequested,
)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""

_TOLD: dict[type[events.AccountEvent], Callable[[Any], EventData]] = {
    events.AccountRegistered: lambda event: AccountRegistered(
        account_id=event.account_id, email=event.email, name=event.name, registered_at=event.at
    ),
    events.RegistrationRepeated: lambda event: AccountRegistrationRepeated(
        account_id=event.account_id, repeated_at=event.at
    ),
    events.AccountClosed: lambda event: AccountClosed(account_id=event.account_id, closed_at=event.at),
    events.AccountSuspended: lambda event: AccountSuspended(account_id=event.account_id, suspended_at=event.at),
    events.AccountReinstated: lambda event: AccountReinstated(account_id=event.account_id, reinstated_at=event.at),
    events.RolesChanged: lambda event: AccountRolesChanged(
        account_id=event.account_id, roles=list(event.roles), changed_at=event.at
    ),
    events.PasswordChanged: lambda event: PasswordChanged(account_id=event.account_id, changed_at=event.at),
    events.PasswordResetRequested: lambda event: PasswordResetRequested(
        account_id=event.account_id, reset_id=event.reset_id, requested_at=event.at, expires_at=event.expires_at
    ),
}


def publish(event: events.AccountEvent) -> Message:
    """Return what is told of a domain event; all of an account's are told."""
    return Message(_TOLD[type(event)](event), subject=str(event.account_id), sequence=event.sequence)
