"""What can be done with stock: fetch, ask the entity, return."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from chassis.clock import Clock
from chassis.ids import uuid7
from inventory.domain.events import Pieces
from inventory.domain.ports import UnitOfWork, Units
from inventory.domain.reservations import (
    HISTORY,
    Reservation,
    ReturnDiffersError,
    State,
)
from inventory.domain.stock import Adjustment, Intake, Reason, StockShortError, adjustment, allocate
from inventory.domain.views import ReservationView

_HOPEFUL_ATTEMPTS = 2
_ATTEMPTS = 5
_EXPIRED_AT_ONCE = 100
_FORGOTTEN_AT_ONCE = 2000


class Answered(NamedTuple):
    """How a reservation stands, and whether this request made what it asked for."""

    reservation: ReservationView
    new: bool


class ReservationService:
    """Reserves stock for orders. It opens its own units of work, since one may have to be tried again."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def reserve(self, order_id: UUID, wanted: Mapping[str, int], lifetime: timedelta) -> Answered:
        """Hold quantities by SKU for an order, all or nothing.

        The stock is looked at without locking it: the booking at the end takes it only if it is still there. Where it
        was not, twice, the rows are locked first, which is slower for everybody and cannot fail.

        Raises:
            InsufficientStockError: There is not enough; nothing is held, and it may be asked again.
            ReservationDiffersError: The order has reserved something else.
            ReservationReleasedError: What the order had was given back.
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with self._units() as uow:
                    return await self._reserve(uow, order_id, wanted, lifetime, locked=attempt >= _HOPEFUL_ATTEMPTS)
            except StockShortError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError

    async def _reserve(
        self, uow: UnitOfWork, order_id: UUID, wanted: Mapping[str, int], lifetime: timedelta, *, locked: bool
    ) -> Answered:
        now = self._clock.now()
        reservation = Reservation(order_id, State.HELD, now, expires_at=now + lifetime)
        # First the reservation, then the stock: everybody locks in this order.
        if not await uow.reservations.add(reservation):
            reservation = await uow.reservations.get(order_id)
            reservation.confirm(wanted, now)
            return Answered(ReservationView.of(reservation, now), new=False)
        levels = await uow.stock.find_levels(wanted, locked=locked)
        reservation.hold(allocate(wanted, levels), now)
        return Answered(ReservationView.of(reservation, now), new=True)

    async def pin(self, order_id: UUID) -> ReservationView:
        """Keep a reservation whatever the time.

        Raises:
            ReservationNotFoundError: The order has none.
            ReservationReleasedError: It was given back.
        """
        async with self._units() as uow:
            now = self._clock.now()
            reservation = await uow.reservations.get(order_id)
            reservation.pin(now)
            return ReservationView.of(reservation, now)

    async def commit(self, order_id: UUID) -> ReservationView:
        """Take what an order holds out of the stock.

        Raises:
            ReservationNotFoundError: The order has none.
            ReservationReleasedError: It was given back, which cannot be once it was pinned.
        """
        async with self._units() as uow:
            now = self._clock.now()
            reservation = await uow.reservations.get(order_id)
            reservation.commit(now)
            return ReservationView.of(reservation, now)

    async def release(self, order_id: UUID) -> ReservationView:
        """Give back what an order holds; an order that is not known leaves a tombstone, which refuses it for ever.

        Raises:
            ReservationCommittedError: It has left the stock.
        """
        async with self._units() as uow:
            now = self._clock.now()
            reservation = Reservation(order_id, State.RELEASED, now)
            if not await uow.reservations.add(reservation):
                reservation = await uow.reservations.get(order_id)
                reservation.release(now)
            return ReservationView.of(reservation, now)

    async def take_back(self, order_id: UUID, return_id: UUID, wanted: Mapping[str, int]) -> Answered:
        """Let quantities by SKU of what an order took return to the stock, once for each ``return_id``.

        Raises:
            ReservationNotFoundError: The order has none.
            ReservationNotCommittedError: It has not left.
            ReturnDiffersError: This return is known with other lines.
            ReturnTooLargeError: More would return than was taken.
        """
        async with self._units() as uow:
            now = self._clock.now()
            reservation = await uow.reservations.get(order_id)
            known = await uow.reservations.find_return(order_id, return_id)
            if known is None:
                reservation.take_back(return_id, wanted, now)
                await uow.reservations.add_return(order_id, return_id, wanted, now)
            elif known != wanted:
                raise ReturnDiffersError(order_id=str(order_id), return_id=str(return_id))
            return Answered(ReservationView.of(reservation, now), new=known is None)

    async def expire(self) -> int:
        """Give back what is held beyond its time, some at once; return how many reservations that was."""
        async with self._units() as uow:
            now = self._clock.now()
            due = await uow.reservations.find_due(now, limit=_EXPIRED_AT_ONCE)
            for reservation in due:
                reservation.expire(now)
            return len(due)

    async def forget(self) -> int:
        """Forget some steps that nobody can ask about any more; return how many."""
        async with self._units() as uow:
            return await uow.reservations.forget_steps(self._clock.now() - HISTORY, limit=_FORGOTTEN_AT_ONCE)


class StockService:
    """Adjusts stock. The caller's unit of work commits it."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def adjust(self, pieces: Pieces, reason: Reason, *, note: str | None, actor: str) -> Adjustment:
        """Write an entry into the ledger; a negative quantity takes away.

        The unit of work then ends with ``StockShortError`` if that is not there or promised to orders.

        Raises:
            WarehouseNotFoundError: There is no such warehouse.
        """
        entry = adjustment(pieces, reason, self._clock.now(), note=note, actor=actor)
        await self._uow.stock.adjust([entry])
        return entry

    async def take_in(
        self, warehouse: str, quantities: Mapping[str, int], *, reference: str | None, actor: str
    ) -> Intake:
        """Receive a delivery, quantities by SKU: all of it or nothing.

        Raises:
            WarehouseNotFoundError: There is no such warehouse.
        """
        now = self._clock.now()
        intake = Intake(uuid7(), warehouse, reference, len(quantities), sum(quantities.values()), actor, now)
        entries = [
            adjustment(Pieces(sku, warehouse, quantity), Reason.RECEIVED, now, actor=actor, intake_id=intake.id)
            for sku, quantity in quantities.items()
        ]
        await self._uow.stock.take_in(intake, entries)
        return intake
