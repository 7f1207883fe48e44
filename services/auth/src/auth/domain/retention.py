"""How long each table that grows keeps its rows. One job a few times a day removes what is older.

(The chassis keeps its own tables: outbox, inbox, idempotency keys.)
"""

from datetime import timedelta

from auth.domain.guessing import ACQUAINTANCE
from auth.domain.units import UnitOfWork
from chassis.clock import Clock

FAILED_TRACKS = timedelta(days=1)
ENDED_FAMILIES = timedelta(days=30)
"""After their end: for as long, a stolen token that comes back is still recognised as one of ours."""
DEAD_API_KEYS = timedelta(days=90)
PASSWORD_RESETS = timedelta(days=7)
MAILS = timedelta(days=7)
RETIRED_SIGNING_KEYS = timedelta(days=365)
AUDIT_ENTRIES = timedelta(days=400)
"""A year and some weeks, so that a yearly review finds it whole. The table refuses to lose younger ones."""


class Retention:
    """Removes what is too old, inside the given unit of work."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def keep(self) -> dict[str, int]:
        """Return how many rows were removed, by table."""
        now = self._clock.now()
        return {
            "tracks": await self._uow.tracks.forget_before(now - FAILED_TRACKS, now - ACQUAINTANCE),
            "refresh_families": await self._uow.families.forget_before(now - ENDED_FAMILIES),
            "api_keys": await self._uow.api_keys.forget_before(now - DEAD_API_KEYS),
            "password_resets": await self._uow.resets.forget_before(now - PASSWORD_RESETS),
            "mailbox": await self._uow.mails.forget_before(now - MAILS),
            "signing_keys": await self._uow.signing_keys.forget_before(now - RETIRED_SIGNING_KEYS),
            "audit_entries": await self._uow.audit.forget_before(now - AUDIT_ENTRIES),
        }
