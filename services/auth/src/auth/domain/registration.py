"""Registration: a new account, or a word to its owner, and nobody outside can tell which."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from auth.domain import mails
from auth.domain.accounts import Account
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.units import UnitOfWork
from chassis.clock import Clock
from chassis.ids import uuid7


@dataclass(frozen=True, slots=True)
class Registration:
    """What a caller learns: the address, and an id that stands for nothing but this request."""

    email: str
    id: UUID = field(default_factory=uuid7)


class RegistrationService:
    """Registers accounts inside the given unit of work."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def register(self, email: str, name: str, password_hash: str, caller: Caller) -> Registration:
        """Make an account for a normalised address; known already, its owner is told instead.

        The hash is made before, in every case: both ways cost the same.
        """
        now = self._clock.now()
        known = await self._uow.accounts.claim(email)
        if known is None:
            self._welcome(Account.register(email=email, name=name, password_hash=password_hash, now=now), caller, now)
        else:
            self._notify(known, caller, now)
        return Registration(email)

    def _welcome(self, account: Account, caller: Caller, now: datetime) -> None:
        self._uow.accounts.add(account)
        self._uow.audit.add(entry("account-registered", caller, now, account.id))
        self._uow.mails.post(mails.welcome(account.email or "", account.name, now))

    def _notify(self, account: Account, caller: Caller, now: datetime) -> None:
        self._uow.audit.add(entry("registration-repeated", caller, now, account.id))
        if account.note_repeated_registration(now):
            self._uow.mails.post(mails.already_registered(account.email or "", now))
