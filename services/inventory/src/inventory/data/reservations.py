"""Reservations in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from inventory.data import mapping  # noqa: F401 - Reservation has to be mapped before it is loaded
from inventory.data.tables import reservation_returns, reservation_transitions, reservations
from inventory.domain.reservations import (
    Reservation,
    ReservationNotFoundError,
    State,
)

_INSERT = """
    INSERT INTO reservations (order_id, version, state, expires_at, created_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
"""


class SqlReservationRepository:
    """The ``ReservationRepository`` of one session. A reservation's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, order_id: UUID) -> Reservation:
        """Return the order's reservation, locked; see the port."""
        found = await self._session.scalars(
            select(Reservation).where(reservations.c.order_id == order_id).with_for_update(of=reservations)
        )
        reservation = found.one_or_none()
        if reservation is None:
            raise ReservationNotFoundError(order_id=str(order_id))
        return reservation

    async def add(self, reservation: Reservation) -> bool:
        """Insert it, after whoever else does so at this moment; see the port.

        Most requests are this one, hence on the driver; ``booking`` writes its lines.
        """
        done = await driver.execute(
            self._session,
            _INSERT,
            reservation.order_id,
            reservation.version,
            reservation.state,
            reservation.expires_at,
            reservation.created_at,
            reservation.changed_at,
        )
        if done != "INSERT 0 1":
            return False
        self._session.info.setdefault("begun", []).append(reservation)
        return True

    async def find_due(self, now: datetime, *, limit: int) -> Sequence[Reservation]:
        """Return some whose time is over, locked; see the port."""
        due = (
            select(Reservation)
            .where(reservations.c.state == State.HELD, reservations.c.expires_at <= now)
            .order_by(reservations.c.expires_at)
            .limit(limit)
            .with_for_update(of=reservations, skip_locked=True)
        )
        return (await self._session.scalars(due)).all()

    async def forget_steps(self, before: datetime, *, limit: int) -> int:
        """Forget some steps that are history; see the port."""
        step, following = reservation_transitions, reservation_transitions.alias("following")
        old = (
            select(step.c.order_id, step.c.version)
            .join(following, (following.c.order_id == step.c.order_id) & (following.c.version == step.c.version + 1))
            .where(following.c.at < before)
            .limit(limit)
        )
        forget = delete(step).where(tuple_(step.c.order_id, step.c.version).in_(old))
        return len((await self._session.execute(forget.returning(step.c.version))).all())

    async def find_return(self, order_id: UUID, return_id: UUID) -> Mapping[str, int] | None:
        """Return a return's quantities, or None; see the port."""
        row = reservation_returns.c
        found = await self._session.execute(
            select(row.sku, row.quantity).where(row.order_id == order_id, row.return_id == return_id)
        )
        return {row.sku: row.quantity for row in found} or None

    async def add_return(self, order_id: UUID, return_id: UUID, quantities: Mapping[str, int], now: datetime) -> None:
        """Remember a return; see the port."""
        rows = [
            {"order_id": order_id, "return_id": return_id, "sku": sku, "quantity": quantity, "created_at": now}
            for sku, quantity in quantities.items()
        ]
        await self._session.execute(insert(reservation_returns), rows)
