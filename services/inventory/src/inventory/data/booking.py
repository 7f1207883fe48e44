"""The end of every unit of work: what was decided is booked, and the rows of stock are locked at last.

A row of a hot SKU is what everybody waits for, so it is changed by one statement, the last before the commit. The
statement takes the rows in the order of their keys, so that units of work cannot wait for each other in a circle, and
changes either all of them or none.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from inventory.domain.reservations import Reservation, Transition
from inventory.domain.stock import Adjustment, Move, StockShortError

Item = TypeVar("Item")

_INSERT_TRANSITION = """
    INSERT INTO reservation_transitions (order_id, version, state, at) VALUES ($1, $2, $3, $4)
"""
_INSERT_ADJUSTMENT = """
    INSERT INTO adjustments (id, sku, warehouse, quantity, reason, note, actor, order_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_MOVE = text(
    """
    WITH wanted AS (
        SELECT * FROM unnest(
            CAST(:skus AS text[]), CAST(:warehouses AS text[]), CAST(:on_hand AS bigint[]), CAST(:reserved AS bigint[])
        ) AS moves (sku, warehouse, on_hand, reserved)
    ), locked AS MATERIALIZED (
        SELECT sku, warehouse,
            stock.on_hand + wanted.on_hand AS on_hand, stock.reserved + wanted.reserved AS reserved
        FROM stock JOIN wanted USING (sku, warehouse)
        ORDER BY sku, warehouse
        FOR NO KEY UPDATE OF stock
    )
    UPDATE stock SET on_hand = locked.on_hand, reserved = locked.reserved
    FROM locked
    WHERE stock.sku = locked.sku AND stock.warehouse = locked.warehouse
        AND (SELECT count(*) = :count AND bool_and(0 <= reserved AND reserved <= on_hand) FROM locked)
    """
)


class Bookkeeper:
    """A ``before_commit`` hook, to be called after the outbox's: books the moves and steps of a session's reservations.

    Raises:
        StockShortError: There is less than what was decided on, by now. Nothing was changed.
    """

    async def __call__(self, session: AsyncSession) -> None:
        """Write history and ledger, then change the stock."""
        await session.flush()
        moves: list[Move] = session.info.pop("moves", [])
        steps: list[Transition] = []
        for each in session.identity_map.values():
            if isinstance(each, Reservation):
                moves += _taken(each.moves)
                steps += _taken(each.history)
        if steps:
            await driver.execute_many(session, _INSERT_TRANSITION, steps)
        if entries := [move.entry for move in moves if move.entry is not None]:
            await driver.execute_many(session, _INSERT_ADJUSTMENT, [_row(each) for each in entries])
        if moves:
            await _book(session, moves)


async def _book(session: AsyncSession, moves: Iterable[Move]) -> None:
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for move in moves:
        on_hand, reserved = totals.get((move.sku, move.warehouse), (0, 0))
        totals[move.sku, move.warehouse] = on_hand + move.on_hand, reserved + move.reserved
    values = {
        "skus": [sku for sku, _ in totals],
        "warehouses": [warehouse for _, warehouse in totals],
        "on_hand": [on_hand for on_hand, _ in totals.values()],
        "reserved": [reserved for _, reserved in totals.values()],
        "count": len(totals),
    }
    moved = await session.execute(_MOVE, values)
    if moved.rowcount != len(totals):  # type: ignore[attr-defined] # SQLAlchemy types it for updates of its own only
        raise StockShortError


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
        entry.created_at,
    )
