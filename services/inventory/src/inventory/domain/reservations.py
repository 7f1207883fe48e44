"""The reservation: what one order holds, and the only ways it can go.

::

    held ──▶ pinned ──▶ committed ──▶ (some of it returns)
     │ ╲       │
     │  ╲──────┼───────▶ released      (also straight from nothing: a tombstone)
     ╰─────────┼──────▶ expired        (held only)

An order has one for ever. Every step may be asked for again and then changes nothing, however late that is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from chassis.errors import ConflictError, InvalidError, NotFoundError
from inventory.domain.events import (
    Pieces,
    ReservationEvent,
    StockCommitted,
    StockReleased,
    StockReserved,
    StockReturned,
)
from inventory.domain.stock import Move, Reason, adjustment, by_sku


class ReservationNotFoundError(NotFoundError):
    """Nothing was ever reserved or released for this order."""

    code = "reservation-not-found"
    title = "No such reservation"


class ReservationDiffersError(ConflictError):
    """The order has a reservation of other lines; one reservation an order is all there is."""

    code = "reservation-differs"
    title = "The order has reserved something else"


class ReservationReleasedError(ConflictError):
    """The order's stock was given back, by a release or because its time was over: for good."""

    code = "reservation-released"
    title = "The reservation was released"


class ReservationCommittedError(ConflictError):
    """The order's stock has left: it can only be returned."""

    code = "reservation-committed"
    title = "The reservation was committed"


class ReservationNotCommittedError(ConflictError):
    """Nothing can return that has not left."""

    code = "reservation-not-committed"
    title = "The reservation was not committed"


class ReturnTooLargeError(ConflictError):
    """More would have returned than was taken; ``excess`` says of what."""

    code = "return-too-large"
    title = "More would return than was taken"


class ReturnDiffersError(ConflictError):
    """This return is known, with other lines."""

    code = "return-differs"
    title = "The return is known with other lines"


class HistoryForgottenError(InvalidError):
    """How things stood so long ago is not known any more."""

    code = "history-forgotten"
    title = "The history does not go back so far"


class State(StrEnum):
    """Where a reservation stands."""

    HELD = "held"
    PINNED = "pinned"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


HISTORY = timedelta(days=400)
"""How far back it can be asked how reservations stood: over a year's end and its audit."""

OPEN = frozenset({State.HELD, State.PINNED})
"""What counts as reserved."""


def state_at(state: State, expires_at: datetime | None, now: datetime) -> State:
    """Where one stands: what is held expires by the clock, whenever somebody gets round to writing it down."""
    if state is State.HELD and expires_at is not None and expires_at <= now:
        return State.EXPIRED
    return state


class Line:
    """So many pieces of a SKU from one warehouse, and how many of them have returned."""

    def __init__(self, order_id: UUID, pieces: Pieces) -> None:
        self.order_id = order_id
        self.sku, self.warehouse, self.quantity = pieces
        self.returned = 0


class Transition(NamedTuple):
    """A step of a reservation, as its history keeps it."""

    order_id: UUID
    version: int
    state: State
    at: datetime


class Reservation:
    """What one order holds. ``version`` counts its steps; ``expires_at`` means something only while it is held.

    ``moves`` are what its steps do to the stock, ``history`` the steps themselves: the unit of work books both.
    """

    def __init__(self, order_id: UUID, state: State, now: datetime, *, expires_at: datetime | None = None) -> None:
        self.order_id = order_id
        self.state = state
        self.version = 1
        self.expires_at = expires_at
        self.created_at = self.changed_at = now
        self.lines: list[Line] = []
        self.begin()
        self.history.append(Transition(order_id, 1, state, now))

    def begin(self) -> None:
        """Begin with nothing done, new or loaded."""
        self.events: list[ReservationEvent] = []
        self.moves: list[Move] = []
        self.history: list[Transition] = []

    @property
    def pieces(self) -> tuple[Pieces, ...]:
        """What it is about."""
        return tuple(Pieces(line.sku, line.warehouse, line.quantity) for line in self.lines)

    def state_at(self, now: datetime) -> State:
        """Where it stands; see ``state_at``."""
        return state_at(self.state, self.expires_at, now)

    def hold(self, pieces: Sequence[Pieces], now: datetime) -> None:
        """Hold what was found for it; a new reservation does this once."""
        assert self.expires_at is not None  # noqa: S101 - only what expires is held
        self.lines += [Line(self.order_id, each) for each in pieces]
        self.moves += [Move(each.sku, each.warehouse, reserved=each.quantity) for each in pieces]
        self.events.append(StockReserved(self.order_id, self.version, tuple(pieces), self.expires_at, now))

    def confirm(self, wanted: Mapping[str, int], now: datetime) -> None:
        """Let the order reserve the same once more, which changes nothing.

        Raises:
            ReservationReleasedError: It was given back: the first request came too late, or this one did.
            ReservationDiffersError: The order reserved something else.
        """
        self._refuse_given_back(now)
        if by_sku(self.pieces) != dict(wanted):
            raise ReservationDiffersError(order_id=str(self.order_id))

    def pin(self, now: datetime) -> None:
        """Keep it whatever the time: from here it can be committed and not refused.

        Raises:
            ReservationReleasedError: It was given back.
        """
        self._refuse_given_back(now)
        if self.state is State.HELD:
            self.expires_at = None
            self._become(State.PINNED, now)

    def commit(self, now: datetime) -> None:
        """Take it out of the stock.

        Raises:
            ReservationReleasedError: It was given back; never so once it was pinned.
        """
        self._refuse_given_back(now)
        if self.state is State.COMMITTED:
            return
        self.expires_at = None
        self._become(State.COMMITTED, now)
        self.moves += [self._gone(each, now) for each in self.pieces]
        self.events.append(StockCommitted(self.order_id, self.version, self.pieces, now))

    def release(self, now: datetime) -> None:
        """Give it back, for good.

        Raises:
            ReservationCommittedError: It has left the stock.
        """
        if self.state is State.COMMITTED:
            raise ReservationCommittedError(order_id=str(self.order_id))
        self._give_back(State.RELEASED, now)

    def expire(self, now: datetime) -> None:
        """Give it back if its time is over."""
        if self.state_at(now) is State.EXPIRED:
            self._give_back(State.EXPIRED, now)

    def take_back(self, return_id: UUID, wanted: Mapping[str, int], now: datetime) -> None:
        """Let some of what was taken return to where it came from.

        Raises:
            ReservationNotCommittedError: It has not left.
            ReturnTooLargeError: More would return than was taken, over all returns.
        """
        if self.state is not State.COMMITTED:
            raise ReservationNotCommittedError(order_id=str(self.order_id))
        out = by_sku(Pieces(line.sku, line.warehouse, line.quantity - line.returned) for line in self.lines)
        if excess := [sku for sku, quantity in sorted(wanted.items()) if quantity > out.get(sku, 0)]:
            raise ReturnTooLargeError(f"Less is out of {', '.join(excess)}.", excess=excess)
        pieces = tuple(self._fill(wanted))
        self._become(State.COMMITTED, now)
        self.moves += [
            Move(
                each.sku,
                each.warehouse,
                entry=adjustment(each, Reason.RETURNED, now, order_id=self.order_id),
            )
            for each in pieces
        ]
        self.events.append(StockReturned(self.order_id, self.version, return_id, pieces, now))

    def _fill(self, wanted: Mapping[str, int]) -> Iterable[Pieces]:
        left = dict(wanted)
        for line in self.lines:
            if taken := min(left.get(line.sku, 0), line.quantity - line.returned):
                line.returned += taken
                left[line.sku] -= taken
                yield Pieces(line.sku, line.warehouse, taken)

    def _gone(self, pieces: Pieces, now: datetime) -> Move:
        sold = adjustment(pieces._replace(quantity=-pieces.quantity), Reason.SOLD, now, order_id=self.order_id)
        return Move(pieces.sku, pieces.warehouse, reserved=-pieces.quantity, entry=sold)

    def _give_back(self, state: State, now: datetime) -> None:
        if self.state is state:
            return
        held = self.state in OPEN
        self._become(state, now)
        if held:
            self.moves += [Move(each.sku, each.warehouse, reserved=-each.quantity) for each in self.pieces]
            expired = state is State.EXPIRED
            self.events.append(StockReleased(self.order_id, self.version, self.pieces, expired, now))

    def _refuse_given_back(self, now: datetime) -> None:
        if self.state_at(now) in (State.RELEASED, State.EXPIRED):
            raise ReservationReleasedError(order_id=str(self.order_id))

    def _become(self, state: State, now: datetime) -> None:
        self.version += 1
        self.state = state
        self.changed_at = now
        self.history.append(Transition(self.order_id, self.version, state, now))
