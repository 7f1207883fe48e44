"""Checking a password, in the same time whether or not there is such an account."""

from uuid import UUID

from auth.domain import emails, passwords
from auth.domain.accounts import Account
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.guessing import Guard, Paces
from auth.domain.passwords import PasswordHasher, Verdict
from auth.domain.units import UnitOfWork, Units
from chassis.clock import Clock
from chassis.errors import ServiceError


class PasswordCheck:
    """Says whose password it is. Every call costs one hash and the same transactions, whatever it finds."""

    def __init__(self, units: Units, hasher: PasswordHasher, clock: Clock, paces: Paces) -> None:
        self._units = units
        self._hasher = hasher
        self._clock = clock
        self._paces = paces

    async def __call__(self, email: str, password: str, caller: Caller) -> UUID | None:
        """Return the id of the account with this address and password, or None.

        Raises:
            TooManyGuessesError: There were too many wrong ones lately.
            UnavailableError: More passwords are waiting to be checked than can be.
        """
        address = emails.normalise(email)
        account = await self._charge(address, caller)
        try:
            verdict = await self._compare(password, account)
        except ServiceError:
            async with self._units() as uow:
                await self._guard(uow).undecided(address, caller.address)
            raise
        return await self._settle(address, account, verdict, caller)

    async def _charge(self, email: str, caller: Caller) -> Account | None:
        async with self._units() as uow:
            await self._guard(uow).charge(email, caller.address)
            return await uow.accounts.find_by_email(email)

    async def _compare(self, password: str, account: Account | None) -> Verdict:
        normal = passwords.comparable(password)
        known = account.password_hash if account is not None else None
        return await self._hasher.verify(normal or "", known)  # Nobody's password is empty.

    async def _settle(self, email: str, account: Account | None, verdict: Verdict, caller: Caller) -> UUID | None:
        account_id = account.id if account is not None else None
        action = "password-accepted" if verdict.right else "password-refused"
        async with self._units() as uow:
            uow.audit.add(entry(action, caller, self._clock.now(), account_id))
            if verdict.right and account_id is not None:
                await self._guard(uow).succeeded(email, caller.address)
                if verdict.new_hash is not None:
                    (await uow.accounts.get(account_id)).rehash_password(verdict.new_hash)
        return account_id if verdict.right else None

    def _guard(self, uow: UnitOfWork) -> Guard:
        return Guard(uow.tracks, self._clock, self._paces)
