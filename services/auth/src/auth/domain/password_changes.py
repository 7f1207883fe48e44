"""Replacing a password: by its owner who knows it, or with the secret of a reset."""

from datetime import timedelta
from uuid import UUID

from auth.domain import emails, mails, passwords
from auth.domain.accounts import Account, AccountNotFoundError
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.guessing import Guard, Paces
from auth.domain.passwords import PasswordHasher
from auth.domain.resets import MOST_PER_HOUR, PasswordReset, ResetTokenError
from auth.domain.signing_in import PasswordCheck
from auth.domain.units import UnitOfWork, Units
from chassis.clock import Clock
from chassis.errors import ForbiddenError


class WrongPasswordError(ForbiddenError):
    """The current password was asked for, and this is not it."""

    code = "wrong-password"
    title = "The current password is wrong"


class PasswordService:
    """Replaces passwords. Whatever way, every refresh token of the account dies with the old one."""

    def __init__(
        self,
        units: Units,
        hasher: PasswordHasher,
        check: PasswordCheck,
        reset_tokens: DerivedTokens,
        clock: Clock,
        paces: Paces,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._check = check
        self._reset_tokens = reset_tokens
        self._clock = clock
        self._paces = paces

    async def change(self, account_id: UUID, current: str, new: str, caller: Caller) -> None:
        """Replace the caller's own password.

        Raises:
            WrongPasswordError: ``current`` is not it.
            WeakPasswordError: ``new`` breaks a rule.
            TooManyGuessesError: ``current`` was wrong too often.
        """
        async with self._units() as uow:
            account = await uow.accounts.get(account_id)
        email = account.email or ""
        normal = passwords.acceptable(new, email=email)
        if await self._check(email, current, caller) != account_id:
            raise WrongPasswordError
        password_hash = await self._hasher.hash(normal)
        async with self._units() as uow:
            account = await uow.accounts.get(account_id)
            await self._replace(uow, account, password_hash, caller, "password-changed")

    async def request_reset(self, email: str, caller: Caller) -> None:
        """Send a reset to the owner of an address, if it has one; the caller never learns whether."""
        now = self._clock.now()
        async with self._units() as uow:
            account = await uow.accounts.claim(emails.normalise(email))
            sent = account is not None and account.active and await self._may_send(uow, account)
            reset = PasswordReset(account_id=account.id if account is not None and sent else None, now=now)
            uow.resets.add(reset)
            uow.audit.add(entry("password-reset-requested", caller, now, reset.account_id))
            if account is not None and sent:
                account.request_password_reset(reset.id, reset.expires_at, now)
                token = self._reset_tokens.make(reset.token_name)
                uow.mails.post(mails.password_reset(account.email or "", token, now))

    async def confirm_reset(self, token: str, new: str, caller: Caller) -> None:
        """Choose a new password with the secret of a reset.

        Raises:
            ResetTokenError: The secret is no good (any more).
            WeakPasswordError: ``new`` breaks a rule; the secret can be used again.
        """
        name = self._reset_tokens.read(token)
        if name is None:
            raise ResetTokenError
        password_hash = await self._hasher.hash(passwords.acceptable(new, email=""))
        now = self._clock.now()
        async with self._units() as uow:
            reset = await uow.resets.lock(name.id)
            if reset is None:
                raise ResetTokenError
            account = await self._owner(uow, reset.use(now))
            passwords.acceptable(new, email=account.email or "")
            await self._replace(uow, account, password_hash, caller, "password-reset")
            await Guard(uow.tracks, self._clock, self._paces).clear(account.email or "")

    async def _owner(self, uow: UnitOfWork, account_id: UUID) -> Account:
        try:
            return await uow.accounts.get(account_id)
        except AccountNotFoundError:
            raise ResetTokenError from None

    async def _replace(
        self, uow: UnitOfWork, account: Account, password_hash: str, caller: Caller, action: str
    ) -> None:
        now = self._clock.now()
        account.change_password(password_hash, now)
        await uow.families.end_of_account(account.id, action, now)
        await uow.resets.use_up_of_account(account.id, now)
        uow.audit.add(entry(action, caller, now, account.id))

    async def _may_send(self, uow: UnitOfWork, account: Account) -> bool:
        lately = self._clock.now() - timedelta(hours=1)
        return await uow.resets.count_since(account.id, lately) < MOST_PER_HOUR
