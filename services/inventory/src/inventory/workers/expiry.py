"""Gives back what orders hold beyond their time, so that others can have it."""

from chassis import logs
from inventory.domain.services import ReservationService

EXPIRY_SECONDS = 2


class Expiry:
    """The job: a few reservations at once, each lot a transaction, until none is due."""

    def __init__(self, reservations: ReservationService) -> None:
        self._reservations = reservations
        self._log = logs.get("expiry")

    async def __call__(self) -> int:
        """Return how many reservations expired."""
        total = 0
        while expired := await self._reservations.expire():
            total += expired
        if total:
            self._log.info("reservations expired", count=total)
        return total
