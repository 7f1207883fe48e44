"""Keeping the signing keys going: by schedule, by command, and in an emergency."""

from collections.abc import Sequence

from auth.domain.audit import entry
from auth.domain.callers import COMMAND, Caller
from auth.domain.signing_keys import KeySchedule, Make, SigningKey, SigningKeys
from auth.domain.units import Units
from chassis.clock import Clock

SCHEDULE = Caller(subject="schedule")


class KeyService:
    """Publishes, replaces and forgets signing keys.

    Args:
        make: Makes a new key pair with its private half encrypted.
    """

    def __init__(self, units: Units, clock: Clock, schedule: KeySchedule, make: Make) -> None:
        self._units = units
        self._clock = clock
        self._schedule = schedule
        self._make = make

    async def tend(self) -> SigningKey | None:
        """Do what is due; return the new key if one was."""
        now = self._clock.now()
        async with self._units() as uow:
            keys = SigningKeys(await uow.signing_keys.lock_all(), self._schedule)
            for retired in keys.destroy_retired(now):
                uow.audit.add(entry("signing-key-destroyed", SCHEDULE, now, kid=retired.kid))
            made = keys.tend(now, self._make)
            if made is not None:
                uow.signing_keys.add(made)
                uow.audit.add(entry("signing-key-published", SCHEDULE, now, kid=made.kid))
            return made

    async def rotate(self, *, at_once: bool) -> SigningKey:
        """Begin the next rotation; ``at_once`` retires every key now, and tokens signed before are refused.

        Raises:
            RotationPendingError: The next key is published already (not with ``at_once``).
        """
        now = self._clock.now()
        async with self._units() as uow:
            keys = SigningKeys(await uow.signing_keys.lock_all(), self._schedule)
            made = keys.replace(now, self._make) if at_once else keys.rotate(now, self._make)
            uow.signing_keys.add(made)
            action = "signing-keys-replaced" if at_once else "signing-key-published"
            uow.audit.add(entry(action, COMMAND, now, kid=made.kid))
            return made

    async def list(self) -> Sequence[SigningKey]:
        """Return every key that is remembered, oldest first."""
        async with self._units() as uow:
            return sorted(await uow.signing_keys.all(), key=lambda key: key.published_at)
