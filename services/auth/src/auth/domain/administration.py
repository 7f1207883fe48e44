"""What staff and owners do to accounts, inside the given unit of work."""

from collections.abc import Callable, Iterable
from uuid import UUID

from auth.domain.accounts import Account
from auth.domain.audit import entry
from auth.domain.callers import COMMAND, Caller
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

    async def appoint_admin(self, email: str, name: str, password_hash: str) -> bool:
        """Make the account of a normalised address an admin's; by command, when there is no admin to ask.

        Returns:
            Whether the account had to be made; one that exists keeps its name and password.
        """
        now = self._clock.now()
        account = await self._uow.accounts.claim(email)
        if account is None:
            roles = frozenset({Role.CUSTOMER, Role.ADMIN})
            made = Account.register(email=email, name=name, password_hash=password_hash, now=now, roles=roles)
            self._uow.accounts.add(made)
            self._uow.audit.add(entry("admin-made", COMMAND, now, made.id))
            return True
        account.assign_roles(account.roles | {Role.ADMIN}, COMMAND, now)
        self._uow.audit.add(entry("admin-appointed", COMMAND, now, account.id))
        return False
