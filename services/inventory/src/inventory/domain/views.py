"""What readers see."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from inventory.domain.reservations import Reservation, State, state_at


class LineView(NamedTuple):
    """A line of a reservation."""

    sku: str
    warehouse: str
    quantity: int
    returned: int


class ReservationView(NamedTuple):
    """A reservation as it stands at some instant."""

    order_id: UUID
    state: State
    expires_at: datetime | None
    changed_at: datetime
    lines: list[LineView]

    @classmethod
    def of(cls, reservation: Reservation, now: datetime) -> "ReservationView":
        """Show a reservation as it stands."""
        return cls(
            reservation.order_id,
            reservation.state_at(now),
            reservation.expires_at,
            reservation.changed_at,
            [LineView(line.sku, line.warehouse, line.quantity, line.returned) for line in reservation.lines],
        )

    def at(self, now: datetime) -> "ReservationView":
        """Show it as of now, when its time may be over though nobody has written that down yet."""
        return self._replace(state=state_at(self.state, self.expires_at, now))


class StockView(NamedTuple):
    """How much of a SKU lies in a warehouse, how much of that is promised, and what counts as low."""

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    low_at: int | None = None
