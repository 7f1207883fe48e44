"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import registry, relationship

from inventory.data.tables import metadata, reservation_lines, reservations
from inventory.domain.reservations import Line, Reservation

mapper = registry(metadata=metadata)

mapper.map_imperatively(Line, reservation_lines)

mapper.map_imperatively(
    Reservation,
    reservations,
    properties={
        # A hundred by rule, so they come along; sorted, as they are shown.
        "lines": relationship(Line, lazy="selectin", order_by=[reservation_lines.c.sku, reservation_lines.c.warehouse]),
    },
)


@event.listens_for(Reservation, "load")
def _begin(reservation: Reservation, _context: Any) -> None:
    """Let a loaded reservation begin with nothing done: SQLAlchemy does not call ``__init__``."""
    reservation.begin()
