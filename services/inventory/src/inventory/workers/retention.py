"""Forgets the steps of reservations that nobody can ask about any more."""

from chassis import logs
from inventory.domain.services import ReservationService

RETENTION_SECONDS = 3600


class Retention:
    """The job: some steps at once, each lot a transaction, until none is too old."""

    def __init__(self, reservations: ReservationService) -> None:
        self._reservations = reservations
        self._log = logs.get("retention")

    async def __call__(self) -> int:
        """Return how many steps were forgotten."""
        total = 0
        while forgotten := await self._reservations.forget():
            total += forgotten
        self._log.info("old steps forgotten", count=total)
        return total
