"""Accounts: who can sign in, as what, and what may be done to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from auth.domain.callers import Caller
from auth.domain.events import (
    AccountClosed,
    AccountEvent,
    AccountRegistered,
    AccountReinstated,
    AccountSuspended,
    PasswordChanged,
    PasswordResetRequested,
    RegistrationRepeated,
    RolesChanged,
)
from auth.domain.roles import PRIVILEGED, Role
from chassis.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from chassis.ids import uuid7

REPEAT_NOTICE = timedelta(hours=1)
"""An owner hears of repeated registrations at most this often."""


class AccountStatus(StrEnum):
    """Whether an account can be used."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountNotFoundError(NotFoundError):
    """There is no such account, or it was closed."""

    code = "account-not-found"
    title = "There is no such account"


class AccountSuspendedError(ForbiddenError):
    """The account is suspended."""

    code = "account-suspended"
    title = "The account is suspended"


class AccountNotSuspendedError(ConflictError):
    """Only a suspended account can be reinstated."""

    code = "account-not-suspended"
    title = "The account is not suspended"


class OutOfReachError(ForbiddenError):
    """The account belongs to staff or to an admin, and only an admin may manage those; or it is one's own."""

    code = "account-out-of-reach"
    title = "This account is not yours to manage"


class LastRoleError(InvalidError):
    """An account has at least one role."""

    code = "role-missing"
    title = "An account has at least one role"


class AdminClosureError(ConflictError):
    """An admin's account cannot be closed: another admin has to take the role first, so that one is left."""

    code = "admin-closure"
    title = "An admin's account cannot be closed"


class Account:
    """One account.

    ``version`` counts changes: the entity tag of its representation, and the ``sequence`` of its events.
    ``password_hash`` is empty once the account is closed, which no hash ever equals.
    """

    def __init__(
        self, *, account_id: UUID, email: str, name: str, password_hash: str, roles: frozenset[Role], now: datetime
    ) -> None:
        self.id = account_id
        self.email: str | None = email
        self.name = name
        self.password_hash = password_hash
        self.roles = roles
        self.status = AccountStatus.ACTIVE
        self.version = 1
        self.registered_at = now
        self.updated_at = now
        self.password_changed_at = now
        self.suspension_reason: str | None = None
        self.repeat_noticed_at: datetime | None = None
        self.events: list[AccountEvent] = []

    @classmethod
    def register(
        cls, *, email: str, name: str, password_hash: str, now: datetime, roles: Iterable[Role] = (Role.CUSTOMER,)
    ) -> "Account":
        """Make a new account; its id is also the customer's."""
        held = frozenset(roles)
        made = cls(account_id=uuid7(), email=email, name=name, password_hash=password_hash, roles=held, now=now)
        made.events.append(AccountRegistered(made.id, now, made.version, email, name))
        return made

    @property
    def active(self) -> bool:
        """Whether the account can be used."""
        return self.status is AccountStatus.ACTIVE

    def note_repeated_registration(self, now: datetime) -> bool:
        """Record that somebody tried to register this address again.

        Returns:
            Whether the owner is to hear of it; not more than once an hour.
        """
        if self.repeat_noticed_at is not None and now - self.repeat_noticed_at < REPEAT_NOTICE:
            return False
        self.repeat_noticed_at = now
        self._change(now)
        self.events.append(RegistrationRepeated(self.id, now, self.version))
        return True

    def change_password(self, password_hash: str, now: datetime) -> None:
        """Replace the password.

        Raises:
            AccountSuspendedError: The account is suspended.
        """
        self._refuse_suspended()
        self.password_hash = password_hash
        self.password_changed_at = now
        self._change(now)
        self.events.append(PasswordChanged(self.id, now, self.version))

    def rehash_password(self, password_hash: str) -> None:
        """Store the same password under today's parameters; nothing that anybody can see changes."""
        self.password_hash = password_hash

    def request_password_reset(self, reset_id: UUID, expires_at: datetime, now: datetime) -> None:
        """Tell that a reset was asked for."""
        self._change(now)
        self.events.append(PasswordResetRequested(self.id, now, self.version, reset_id, expires_at))

    def suspend(self, reason: str, by: Caller, now: datetime) -> None:
        """Make the account unusable until it is reinstated; suspended already, it gets the new reason.

        Raises:
            OutOfReachError: ``by`` may not manage this account.
        """
        self._refuse_out_of_reach(by)
        if self.status is AccountStatus.SUSPENDED and self.suspension_reason == reason:
            return
        self.status = AccountStatus.SUSPENDED
        self.suspension_reason = reason
        self._change(now)
        self.events.append(AccountSuspended(self.id, now, self.version, reason))

    def reinstate(self, by: Caller, now: datetime) -> None:
        """End a suspension.

        Raises:
            OutOfReachError: ``by`` may not manage this account.
            AccountNotSuspendedError: There is none.
        """
        self._refuse_out_of_reach(by)
        if self.status is not AccountStatus.SUSPENDED:
            raise AccountNotSuspendedError(account_id=str(self.id))
        self.status = AccountStatus.ACTIVE
        self.suspension_reason = None
        self._change(now)
        self.events.append(AccountReinstated(self.id, now, self.version))

    def assign_roles(self, roles: Iterable[Role], by: Caller, now: datetime) -> None:
        """Replace the roles.

        Raises:
            OutOfReachError: ``by`` is no admin, or an admin who would lose the role by it: one must always be left.
            LastRoleError: None would be left.
        """
        wanted = frozenset(roles)
        if not by.is_admin:
            raise OutOfReachError("Only an admin gives and takes roles.")
        if by.owns(self.id) and Role.ADMIN not in wanted:
            raise OutOfReachError("Another admin has to take this role from you.")
        if not wanted:
            raise LastRoleError
        if wanted == self.roles:
            return
        self.roles = wanted
        self._change(now)
        self.events.append(RolesChanged(self.id, now, self.version, tuple(sorted(wanted))))

    def close(self, now: datetime) -> None:
        """End the account and forget its owner; what is left is an id that is never given again.

        Raises:
            AdminClosureError: Its owner is an admin.
        """
        if Role.ADMIN in self.roles:
            raise AdminClosureError("Another admin has to take the role from you first.")
        self.status = AccountStatus.CLOSED
        self.email = None
        self.name = ""
        self.password_hash = ""
        self.suspension_reason = None
        self._change(now)
        self.events.append(AccountClosed(self.id, now, self.version))

    def _refuse_suspended(self) -> None:
        if self.status is AccountStatus.SUSPENDED:
            raise AccountSuspendedError

    def _refuse_out_of_reach(self, by: Caller) -> None:
        if by.owns(self.id):
            raise OutOfReachError("Nobody suspends or reinstates their own account.")
        if self.roles & PRIVILEGED and not by.is_admin:
            raise OutOfReachError("Only an admin manages the accounts of staff.")

    def _change(self, now: datetime) -> None:
        self.version += 1
        self.updated_at = now


class AccountRepository(Protocol):
    """The accounts, inside a unit of work. A closed account is found by nobody."""

    def add(self, account: Account) -> None:
        """Keep a new account."""
        ...

    async def get(self, account_id: UUID) -> Account:
        """Return an account, locked until the unit of work ends.

        Raises:
            AccountNotFoundError: There is none, or it was closed.
        """
        ...

    async def find(self, account_id: UUID) -> Account | None:
        """Return an account, not locked, or None."""
        ...

    async def find_by_email(self, email: str) -> Account | None:
        """Return the account of a normalised address, not locked, or None."""
        ...

    async def claim(self, email: str) -> Account | None:
        """Return the account of a normalised address, or None and the sole right to make it in this unit of work."""
        ...
