"""Reservations in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import violated_constraint
from inventory.data import mapping  # noqa: F401 - Reservation has to be mapped before it is loaded
from inventory.data.tables import reservation_returns, reservation_transitions, reservations
from inventory.domain.reservations import (
    Reservation,
    ReservationNotFoundError,
    ReservationTakenError,
    State,
)


class SqlReservationRepository:
    """The ``ReservationRepository`` of one session. A reservation's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, order_id: UUID) -> Reservation:
        """Return the order's reservation, locked; see the port."""
        reservation = await self.find(order_id)
        if reservation is None:
            raise ReservationNotFoundError(order_id=str(order_id))
        return reservation

    async def find(self, order_id: UUID) -> Reservation | None:
        """Return the order's reservation, locked, or None; see the port."""
        found = await self._session.scalars(
            select(Reservation).where(reservations.c.order_id == order_id).with_for_update(of=reservations)
        )
        return found.one_or_none()

    async def add(self, reservation: Reservation) -> None:
        """Insert it; waits for whoever else does at this moment; see the port."""
        self._session.add(reservation)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if violated_constraint(error) == "reservations_pkey":
                raise ReservationTakenError from error
            raise

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
