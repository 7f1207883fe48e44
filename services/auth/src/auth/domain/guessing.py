"""Slowing down those who guess passwords, without ever shutting an owner out for good.

Failures are counted for the account, for the address they come from, and for the pair of both. After a few free ones
each further failure doubles a pause, up to a bound; asking during a pause is refused and *not* counted, so nobody can
prolong it by insisting. Three things keep the owner's way open while somebody else guesses: every pause is short, an
address from which the owner signed in lately is not held up by what happens elsewhere, and a password reset clears the
account's count.

An attempt is charged before its password is checked, and the charge returned if it was right: otherwise a hundred
guesses sent at once would all be checked before the first of them counted.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chassis.clock import Clock
from chassis.errors import RateLimitedError

ACQUAINTANCE = timedelta(days=30)
"""How long an address from which the owner signed in counts as the owner's."""


class TooManyGuessesError(RateLimitedError):
    """Too many wrong passwords lately, for this account or from this address; ``Retry-After`` says how long."""

    code = "too-many-guesses"
    title = "Too many wrong passwords"


@dataclass(frozen=True, slots=True)
class Pace:
    """How failures are answered: so many free ones, then a pause that doubles from ``first`` to ``longest``.

    Without another failure for ``forget_after`` all is forgotten.
    """

    free: int
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    forget_after: timedelta = timedelta(hours=1)

    def pause(self, failures: int) -> timedelta:
        """Return how long to wait after that many failures."""
        over = failures - self.free
        if over <= 0:
            return timedelta(0)
        return min(self.first * (1 << min(over - 1, 32)), self.longest)


@dataclass(frozen=True, slots=True)
class Paces:
    """The pace for an account (and for the pair of account and address), and for an address, which many may share."""

    account: Pace = Pace(free=10)
    address: Pace = Pace(free=100)


class Track:
    """What is remembered of the attempts on one subject."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.failures = 0
        self.last_failed_at: datetime | None = None
        self.paused_until: datetime | None = None
        self.succeeded_at: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return what is left of the pause."""
        return timedelta(0) if self.paused_until is None else max(self.paused_until - now, timedelta(0))

    def charge(self, now: datetime, pace: Pace) -> None:
        """Count a failure and begin the pause that follows from it."""
        if self.last_failed_at is not None and now - self.last_failed_at > pace.forget_after:
            self.failures = 0
        self.failures += 1
        self.last_failed_at = now
        pause = pace.pause(self.failures)
        self.paused_until = now + pause if pause else None

    def refund(self, pace: Pace) -> None:
        """Take one charge back."""
        self.failures = max(0, self.failures - 1)
        if not pace.pause(self.failures):
            self.paused_until = None

    def clear(self) -> None:
        """Forget every failure."""
        self.failures = 0
        self.last_failed_at = None
        self.paused_until = None

    def acquainted(self, now: datetime) -> bool:
        """Tell whether an attempt on this subject succeeded lately."""
        return self.succeeded_at is not None and now - self.succeeded_at <= ACQUAINTANCE


class TrackRepository(Protocol):
    """Where tracks are kept, for all replicas."""

    async def lock(self, subjects: Sequence[str]) -> list[Track]:
        """Return the tracks of ``subjects`` in that order, made if need be, locked until the unit of work ends."""
        ...

    async def forget_before(self, failed_before: datetime, succeeded_before: datetime) -> int:
        """Remove the tracks whose last failure and last success are older than these; return how many."""
        ...


def account_subject(email: str) -> str:
    """Return the subject that stands for an account, whether or not it exists."""
    return f"account:{_digest(email)}"


def address_subject(address: str) -> str:
    """Return the subject that stands for an address; an IPv6 customer has at least a /64, so that counts as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"address:{parsed.ipv4_mapped}"
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"


def _pair_subject(email: str, address: str) -> str:
    return "pair:" + _digest(f"{email} {address_subject(address)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Guard:
    """Stands before every check of a password; used inside a unit of work."""

    def __init__(self, tracks: TrackRepository, clock: Clock, paces: Paces) -> None:
        self._tracks = tracks
        self._clock = clock
        self._paces = paces

    async def charge(self, email: str, address: str) -> None:
        """Let one attempt through and count it.

        Raises:
            TooManyGuessesError: A pause is not over; the attempt does not count.
        """
        account, origin, pair = await self._of(email, address)
        now = self._clock.now()
        held_by = [pair, origin] if pair.acquainted(now) else [account, pair, origin]
        wait = max(track.wait(now) for track in held_by)
        if wait:
            raise TooManyGuessesError(
                "Wait before trying again, or reset the password.", retry_after_seconds=wait.total_seconds()
            )
        account.charge(now, self._paces.account)
        origin.charge(now, self._paces.address)
        pair.charge(now, self._paces.account)

    async def succeeded(self, email: str, address: str) -> None:
        """Settle an attempt that was right: its account starts afresh, its address gets only this charge back."""
        account, origin, pair = await self._of(email, address)
        account.clear()
        pair.clear()
        pair.succeeded_at = self._clock.now()
        origin.refund(self._paces.address)

    async def undecided(self, email: str, address: str) -> None:
        """Take back the charge of an attempt whose password was never checked."""
        account, origin, pair = await self._of(email, address)
        account.refund(self._paces.account)
        pair.refund(self._paces.account)
        origin.refund(self._paces.address)

    async def clear(self, email: str) -> None:
        """Start an account afresh: its owner has proved to be the owner in another way."""
        (account,) = await self._tracks.lock([account_subject(email)])
        account.clear()

    async def _of(self, email: str, address: str) -> tuple[Track, Track, Track]:
        account, origin, pair = await self._tracks.lock(
            [account_subject(email), address_subject(address), _pair_subject(email, address)]
        )
        return account, origin, pair
