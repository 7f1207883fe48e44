"""The keys that sign access tokens, and when each one does.

Every instant of a key's life is known, and stored, when its successor is published::

    published_at          signs_from              superseded_at            retires_at
         │    published        │      signing            │      retiring        │    retired
         └── publish_ahead ────┴──── rotation period ────┴── longest token ─────┘

so a state is a question of the time, all replicas give the same answer without talking to each other, and nothing
has to run at the moment of a change. A replica only has to learn of a new key within ``publish_ahead``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from chassis.errors import ConflictError, UnavailableError


class KeyState(StrEnum):
    """Where a key is in its life. All but retired ones are in the JWKS."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRING = "retiring"
    RETIRED = "retired"


class NoSigningKeyError(UnavailableError):
    """There is no key to sign with: migrations have not run, or the database has not been read yet."""

    code = "no-signing-key"
    title = "No token can be signed now"


class RotationPendingError(ConflictError):
    """The next key is published already and will sign soon."""

    code = "rotation-pending"
    title = "A rotation is under way"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A new key pair: ``public`` is a JWK, ``sealed_private`` is encrypted, ``kid`` its RFC 7638 thumbprint."""

    kid: str
    public: dict[str, Any]
    sealed_private: bytes


class SigningKey:
    """One key pair and the instants of its life."""

    def __init__(self, material: KeyMaterial, *, published_at: datetime, signs_from: datetime) -> None:
        self.kid = material.kid
        self.public = material.public
        self.sealed_private: bytes | None = material.sealed_private
        self.published_at = published_at
        self.signs_from = signs_from
        self.superseded_at: datetime | None = None
        self.retires_at: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        """Return where the key is in its life."""
        if self.retires_at is not None and now >= self.retires_at:
            return KeyState.RETIRED
        if self.superseded_at is not None and now >= self.superseded_at:
            return KeyState.RETIRING
        return KeyState.SIGNING if now >= self.signs_from else KeyState.PUBLISHED

    def supersede(self, at: datetime, retires_at: datetime) -> None:
        """Fix when it stops signing and when its last token is over."""
        self.superseded_at = at
        self.retires_at = retires_at

    def destroy(self) -> None:
        """Forget the private half; what is left tells the audit that the key existed."""
        self.sealed_private = None


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """How keys follow each other.

    ``publish_ahead`` is longer than any verifier caches the JWKS; ``token_life`` the longest an access token lives,
    plus what verifiers forgive.
    """

    rotation: timedelta = timedelta(days=30)
    publish_ahead: timedelta = timedelta(minutes=10)
    token_life: timedelta = timedelta(minutes=11)


Make = Callable[[], KeyMaterial]


class SigningKeys:
    """All keys, retired ones included, as one thing that decides about rotation."""

    def __init__(self, keys: Sequence[SigningKey], schedule: KeySchedule) -> None:
        self._keys = list(keys)
        self._schedule = schedule

    def signer(self, now: datetime) -> SigningKey:
        """Return the key that signs now: the newest that may.

        Raises:
            NoSigningKeyError: There is none.
        """
        able = [key for key in self._keys if key.state(now) is KeyState.SIGNING]
        if not able:
            raise NoSigningKeyError
        return max(able, key=lambda key: key.signs_from)

    def published(self, now: datetime) -> list[SigningKey]:
        """Return what belongs into the JWKS, the signing key first."""
        listed = [key for key in self._keys if key.state(now) is not KeyState.RETIRED]
        return sorted(listed, key=lambda key: (key.state(now) is not KeyState.SIGNING, key.published_at))

    def tend(self, now: datetime, make: Make) -> SigningKey | None:
        """Do what is due: make the very first key, which signs at once, or publish the next one in time.

        Returns:
            The new key, if one was due.
        """
        if not self._usable(now):
            return self._first(now, make)
        if self._pending(now):
            return None
        due_at = self.signer(now).signs_from + self._schedule.rotation
        if now < due_at - self._schedule.publish_ahead:
            return None
        return self._publish(now, max(due_at, now + self._schedule.publish_ahead), make)

    def rotate(self, now: datetime, make: Make) -> SigningKey:
        """Publish the next key now; it signs after ``publish_ahead``, and no request is refused.

        Raises:
            RotationPendingError: The next key is published already.
        """
        if not self._usable(now):
            return self._first(now, make)
        if pending := self._pending(now):
            raise RotationPendingError(f"{pending.kid} signs from {pending.signs_from.isoformat()}.")
        return self._publish(now, now + self._schedule.publish_ahead, make)

    def replace(self, now: datetime, make: Make) -> SigningKey:
        """Retire every key this instant and sign with a new one: for a key that somebody else may have.

        Every token signed before is refused as soon as verifiers notice.
        """
        for key in self.published(now):
            key.supersede(now, now)
        return self._first(now, make)

    def destroy_retired(self, now: datetime) -> list[SigningKey]:
        """Forget the private halves of retired keys; return those keys."""
        found = [key for key in self._keys if key.state(now) is KeyState.RETIRED and key.sealed_private is not None]
        for key in found:
            key.destroy()
        return found

    def _usable(self, now: datetime) -> bool:
        return any(key.state(now) in {KeyState.SIGNING, KeyState.PUBLISHED} for key in self._keys)

    def _pending(self, now: datetime) -> SigningKey | None:
        return next((key for key in self._keys if key.state(now) is KeyState.PUBLISHED), None)

    def _first(self, now: datetime, make: Make) -> SigningKey:
        made = SigningKey(make(), published_at=now, signs_from=now)
        self._keys.append(made)
        return made

    def _publish(self, now: datetime, signs_from: datetime, make: Make) -> SigningKey:
        for key in self._keys:
            if key.superseded_at is None:
                key.supersede(signs_from, signs_from + self._schedule.token_life)
        made = SigningKey(make(), published_at=now, signs_from=signs_from)
        self._keys.append(made)
        return made


class SigningKeyRepository(Protocol):
    """The keys, inside a unit of work."""

    def add(self, key: SigningKey) -> None:
        """Keep a new key."""
        ...

    async def lock_all(self) -> Sequence[SigningKey]:
        """Return every key; nobody else changes any until the unit of work ends."""
        ...

    async def all(self) -> Sequence[SigningKey]:
        """Return every key."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the keys that retired before ``moment``; return how many."""
        ...
