"""The end of every unit of work: what was decided is booked, and the rows of stock are locked at last.

A row of a hot SKU is what everybody waits for, so it is changed by one statement, the last before the commit. The
statement takes the rows in the order of their keys, so that units of work cannot wait for each other in a circle, and
changes either all of them or none.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from chassis.clock import Clock
from chassis.database import Database
from chassis.outbox import Writer, record
from inventory.domain.events import StockLow
from inventory.domain.reservations import Reservation, Transition
from inventory.domain.stock import Adjustment, Move, StockShortError
from inventory.events import publish, publish_low

Item = TypeVar("Item")
Totals = dict[tuple[str, str], tuple[int, int]]
"""By SKU and warehouse: by how much what is on hand changes, and what is reserved."""

_bookings = Counter(
    "tradewind_inventory_bookings_total",
    "Changes of stock at the end of a unit of work: booked, or short because others were faster.",
    ("outcome",),
)
_steps = Counter(
    "tradewind_inventory_reservation_steps_total", "Steps that reservations took, by where they led.", ("state",)
)

_INSERT_LINE = """
    INSERT INTO reservation_lines (order_id, sku, warehouse, quantity, returned) VALUES ($1, $2, $3, $4, 0)
"""
_INSERT_TRANSITION = """
    INSERT INTO reservation_transitions (order_id, version, state, at) VALUES ($1, $2, $3, $4)
"""
_INSERT_ADJUSTMENT = """
    INSERT INTO adjustments (id, sku, warehouse, quantity, reason, note, actor, order_id, intake_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_MOVE = """
    WITH wanted AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            AS moves (sku, warehouse, on_hand, reserved)
    ), locked AS MATERIALIZED (
        SELECT sku, warehouse,
            stock.on_hand + wanted.on_hand AS on_hand, stock.reserved + wanted.reserved AS reserved
        FROM stock JOIN wanted USING (sku, warehouse)
        ORDER BY sku, warehouse
        FOR NO KEY UPDATE OF stock
    )
    UPDATE stock SET on_hand = locked.on_hand, reserved = locked.reserved, version = stock.version + 1
    FROM locked
    WHERE stock.sku = locked.sku AND stock.warehouse = locked.warehouse
        AND (SELECT count(*) = cardinality($1::text[]) AND bool_and(0 <= reserved AND reserved <= on_hand) FROM locked)
    RETURNING stock.sku, stock.warehouse, stock.version, stock.on_hand - stock.reserved AS available, stock.low_at
"""


def keep_books(database: Database, writer: Writer, clock: Clock) -> None:
    """Book everything that a database's units of work decide: around the outbox, so that stock is locked last."""
    database.before_commit.insert(0, _tell_begun)
    database.before_commit.append(Bookkeeper(writer, clock))


async def _tell_begun(session: AsyncSession) -> None:
    """Give the outbox the events of new reservations, which are no objects of the session."""
    for reservation in session.info.get("begun", ()):
        for each in _taken(reservation.events):
            record(session, publish(each))


class Bookkeeper:
    """A ``before_commit`` hook, to be called after the outbox's: books the moves and steps of a session's reservations.

    Args:
        writer: Tells what is only known once the stock is changed.
        clock: Says when that was.
    """

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def __call__(self, session: AsyncSession) -> None:
        """Write history and ledger, then change the stock.

        Raises:
            StockShortError: There is less than what was decided on, by now. Nothing was changed.
        """
        begun: list[Reservation] = session.info.pop("begun", [])
        moves: list[Move] = session.info.pop("moves", [])
        steps: list[Transition] = []
        lines: list[tuple[object, ...]] = []
        for new in begun:
            lines += [(new.order_id, *each) for each in new.pieces]
        if lines:
            await driver.execute_many(session, _INSERT_LINE, lines)
        await session.flush()
        for each in (*begun, *session.identity_map.values()):
            if isinstance(each, Reservation):
                moves += _taken(each.moves)
                steps += _taken(each.history)
        if steps:
            await driver.execute_many(session, _INSERT_TRANSITION, steps)
        if entries := [move.entry for move in moves if move.entry is not None]:
            await driver.execute_many(session, _INSERT_ADJUSTMENT, [_row(each) for each in entries])
        if moves:
            totals = _summed(moves)
            changed = await _book(session, totals)
            await self._tell_low(session, totals, changed)
        for step in steps:
            _steps.labels(step.state).inc()

    async def _tell_low(self, session: AsyncSession, totals: Totals, changed: Sequence[Any]) -> None:
        """Tell what has just come down to its low mark; the outbox writes once more then, which is rare."""
        for row in changed:
            sku, warehouse, version, available, low_at = row
            on_hand, reserved = totals[sku, warehouse]
            if low_at is not None and available <= low_at < available - on_hand + reserved:
                low = StockLow(sku, warehouse, version, available, low_at, self._clock.now())
                record(session, publish_low(low))
        if "messages" in session.info:
            await self._writer(session)


def _summed(moves: Iterable[Move]) -> Totals:
    totals: Totals = {}
    for move in moves:
        on_hand, reserved = totals.get((move.sku, move.warehouse), (0, 0))
        totals[move.sku, move.warehouse] = on_hand + move.on_hand, reserved + move.reserved
    return totals


async def _book(session: AsyncSession, totals: Totals) -> Sequence[Any]:
    """Change the stock; return the rows as they are then."""
    changed = await driver.fetch(
        session,
        _MOVE,
        [sku for sku, _ in totals],
        [warehouse for _, warehouse in totals],
        [on_hand for on_hand, _ in totals.values()],
        [reserved for _, reserved in totals.values()],
    )
    _bookings.labels("booked" if changed else "short").inc()
    if not changed:
        raise StockShortError
    return changed


def _taken(items: list[Item]) -> Sequence[Item]:
    """Empty a list, and return what was in it."""
    taken = tuple(items)
    items.clear()
    return taken


def _row(entry: Adjustment) -> tuple[object, ...]:
    """Return the values of ``_INSERT_ADJUSTMENT``."""
    return (
        entry.id,
        entry.sku,
        entry.warehouse,
        entry.quantity,
        entry.reason,
        entry.note,
        entry.actor,
        entry.order_id,
        entry.intake_id,
        entry.created_at,
    )
