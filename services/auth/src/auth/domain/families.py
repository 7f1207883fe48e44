"""Refresh tokens: each is used once and replaced, and a stolen one betrays itself.

All that descend from one login are a family, and a family is one row: its newest generation. A token names its family
and generation (``DerivedTokens``), so any earlier one is recognised without having been kept.
Source: RFC 9700, section 4.14.2 (rotation and reuse detection).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from auth.domain.derived_tokens import TokenName
from chassis.ids import uuid7

GRACE = timedelta(seconds=10)
"""A client whose answer got lost asks again with the old token; for this long it gets the same successor."""


@dataclass(frozen=True, slots=True)
class FamilyLife:
    """How long a family lives: unused for ``idle`` it dies, and after ``longest`` in any case."""

    idle: timedelta = timedelta(days=14)
    longest: timedelta = timedelta(days=90)


class Redemption(StrEnum):
    """What became of a refresh token that was shown."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    REUSED = "reused"
    REFUSED = "refused"


class RefreshFamily:
    """The line of refresh tokens that one login began.

    ``scope`` is what the login was given; an access token can have less, and never more.
    """

    def __init__(
        self, *, account_id: UUID, client_id: str, scopes: frozenset[str], now: datetime, life: FamilyLife
    ) -> None:
        self.id = uuid7()
        self.account_id = account_id
        self.client_id = client_id
        self.scopes = scopes
        self.generation = 1
        self.began_at = now
        self.rotated_at = now
        self.ends_at = now + life.longest
        self.expires_at = min(now + life.idle, self.ends_at)
        self.ended_at: datetime | None = None
        self.end_reason: str | None = None

    @property
    def newest(self) -> TokenName:
        """The name of the one token that can be redeemed."""
        return TokenName(self.id, self.generation)

    def alive(self, now: datetime) -> bool:
        """Tell whether anything can still be redeemed."""
        return self.ended_at is None and now < self.expires_at

    def redeem(self, generation: int, client_id: str, now: datetime, life: FamilyLife) -> Redemption:
        """Use up the token of ``generation``; the newest name is its successor if this returns ROTATED or REPEATED.

        An earlier generation means that two parties hold tokens of one family. Which of them is the thief cannot be
        told, so the family ends (REUSED): both have to sign in, and the thief cannot.
        """
        if client_id != self.client_id or not self.alive(now) or generation > self.generation:
            return Redemption.REFUSED
        if generation == self.generation:
            self.generation += 1
            self.rotated_at = now
            self.expires_at = min(now + life.idle, self.ends_at)
            return Redemption.ROTATED
        if generation == self.generation - 1 and now - self.rotated_at <= GRACE:
            return Redemption.REPEATED
        self.end("reused", now)
        return Redemption.REUSED

    def end(self, reason: str, now: datetime) -> None:
        """Let nothing of it be redeemed any more; a family that has ended keeps its reason."""
        if self.ended_at is None:
            self.ended_at = now
            self.end_reason = reason


class RefreshFamilyRepository(Protocol):
    """The families, inside a unit of work."""

    def add(self, family: RefreshFamily) -> None:
        """Keep a new family."""
        ...

    async def lock(self, family_id: UUID) -> RefreshFamily | None:
        """Return a family, locked until the unit of work ends, or None."""
        ...

    async def end_of_account(self, account_id: UUID, reason: str, now: datetime) -> int:
        """End every living family of an account; return how many."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the families that expired or ended before ``moment``; return how many."""
        ...
