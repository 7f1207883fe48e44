"""What staff and owners do to accounts, inside the given unit of work."""

from collections.abc import Callable, Iterable
from uuid import UUID

from auth.domain.accounts import Account
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.roles import Role
from auth.domain.units import UnitOfWork
from chassis.clock import Clock


class AccountService:
    """Closes, suspends and reinstates accounts, and gives and takes roles."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def close(self, account_id: UUID, caller: Caller) -> None:
        """End an account, and with it everything that opens something in its name.

        Raises:
            AdminClosureError: It is an admin's.
        """
        now = self._clock.now()
        account = await self._uow.accounts.get(account_id)
        account.close(now)
        await self._uow.families.end_of_account(account_id, "account-closed", now)
        await self._uow.api_keys.revoke_of_account(account_id, now)
        await self._uow.resets.use_up_of_account(account_id, now)
        self._uow.audit.add(entry("account-closed", caller, now, account_id))

    async def suspend(self, account_id: UUID, reason: str, caller: Caller) -> Account:
        """Make an account unusable; who is signed in has to sign in again after it is reinstated.

        Raises:
            OutOfReachError: The caller may not manage this account.
        """
        now = self._clock.now()
        account = await self._uow.accounts.get(account_id)
        account.suspend(reason, caller, now)
        await self._uow.families.end_of_account(account_id, "account-suspended", now)
        self._uow.audit.add(entry("account-suspended", caller, now, account_id))
        return account

    async def reinstate(self, account_id: UUID, caller: Caller) -> Account:
        """End a suspension.

        Raises:
            OutOfReachError: The caller may not manage this account.
            AccountNotSuspendedError: There is none.
        """
        now = self._clock.now()
        account = await self._uow.accounts.get(account_id)
        account.reinstate(caller, now)
        self._uow.audit.add(entry("account-reinstated", caller, now, account_id))
        return account

    async def assign_roles(
        self, account_id: UUID, roles: Iterable[Role], caller: Caller, *, check: Callable[[int], None]
    ) -> Account:
        """Replace an account's roles.

        Args:
            check: Raises if the given version is not the one that the caller has seen.

        Raises:
            OutOfReachError: The caller is no admin, or would lose the role by it.
            LastRoleError: ``roles`` is empty.
        """
        now = self._clock.now()
        account = await self._uow.accounts.get(account_id)
        check(account.version)
        before = account.roles
        account.assign_roles(roles, caller, now)
        details = {"before": " ".join(sorted(before)), "after": " ".join(sorted(account.roles))}
        self._uow.audit.add(entry("roles-changed", caller, now, account_id, **details))
        return account
