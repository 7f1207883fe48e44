"""Two years of business in the tables of our shop: the rows of a real order, again and again, with their own ids.

What an order leaves behind is copied from one that was placed through the services, so it is what they store today.
Each table gets as much of it as its retention leaves: all orders, payments and reservations, the sagas of 400 days, the
events of seven, the keys of one. Ids grow with time as those of the services do. Constraints are not checked again for
rows that are copies, and triggers do not run; indexes are kept up all the while.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from bench.rounds import say

DAYS = 730
CARTS_PER_ORDER = 0.1
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that has rows of an order.

    Args:
        key: Finds the order's rows; ``$3`` is the order's id.
        values: What a copy has instead, by column. ``n`` is the number of the new order, ``rows.ordinal`` that of the
            row among the order's rows of this table.
        times: The columns that move with the order's time.
        ordered: What the ordinal counts.
        days: For how long rows are kept; None if for ever.
    """

    database: str
    name: str
    key: str
    values: dict[str, str]
    times: tuple[str, ...] = ()
    ordered: str = "1"
    days: int | None = None


_ORDER = "placed.id"
_CUSTOMER = "md5((placed.n % greatest($5::bigint / 10, 1))::text)::uuid"
_ROW = "overlay(placed.id::text PLACING lpad(to_hex(rows.ordinal), 2, '0') FROM 17 FOR 2)::uuid"
_SKU = "'SKU-' || lpad((1 + (placed.n + rows.ordinal) % 1000)::text, 7, '0')"

TABLES = (
    Copied("orders", "orders", "id = $3", {"id": _ORDER, "customer_id": _CUSTOMER}, ("placed_at", "changed_at")),
    Copied(
        "orders",
        "sagas",
        "order_id = $3",
        {"id": _ROW, "order_id": _ORDER},
        ("next_attempt_at", "deadline_at", "created_at", "finished_at"),
        days=90,
    ),
    Copied(
        "orders",
        "idempotency_keys",
        "resource = $3::uuid::text",
        {"key": f"{_ORDER}::text", "principal": f"{_CUSTOMER}::text", "resource": f"{_ORDER}::text"},
        ("created_at",),
        days=1,
    ),
    *(
        Copied(
            database,
            "outbox",
            "subject = $3::uuid::text",
            {"id": _ROW, "subject": f"{_ORDER}::text"},
            ("occurred_at", "sent_at"),
            ordered="position",
            days=7,
        )
        for database in ("orders", "inventory", "payments")
    ),
    Copied(
        "inventory", "reservations", "order_id = $3", {"order_id": _ORDER}, ("expires_at", "created_at", "changed_at")
    ),
    Copied("inventory", "reservation_lines", "order_id = $3", {"order_id": _ORDER, "sku": _SKU}, ordered="sku"),
    Copied("inventory", "reservation_transitions", "order_id = $3", {"order_id": _ORDER}, ("at",), days=400),
    Copied(
        "inventory",
        "adjustments",
        "order_id = $3",
        {"id": _ROW, "order_id": _ORDER, "sku": _SKU},
        ("created_at",),
        ordered="id",
    ),
    Copied(
        "payments",
        "payments",
        "order_id = $3",
        {"order_id": _ORDER, "customer_id": _CUSTOMER},
        ("created_at", "updated_at"),
    ),
    Copied(
        "payments",
        "steps",
        "order_id = $3",
        {"id": _ROW, "order_id": _ORDER, "reference": f"{_ORDER}::text || '-' || rows.name"},
        ("begun_at", "settled_at", "due_at"),
        ordered="id",
    ),
    Copied("payments", "payment_changes", "order_id = $3", {"order_id": _ORDER}, ("updated_at",)),
    Copied(
        "payments", "journal_entries", "order_id = $3", {"id": _ROW, "order_id": _ORDER}, ("booked_at",), ordered="id"
    ),
    Copied(
        "payments",
        "journal_lines",
        "entry_id IN (SELECT id FROM journal_entries WHERE order_id = $3)",
        {"entry_id": _ROW},
        ordered="entry_id",
    ),
)

_CARTS = """
    INSERT INTO carts (id, version, customer_id, currency, lines, changed_at)
    SELECT gen_random_uuid(), 3, md5(n::text)::uuid, 'EUR', '{"SKU-0000001": 1}', now() - n % 170 * interval '1 day'
    FROM generate_series(0, $1::bigint - 1) AS carts (n)
"""
_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
"""


async def fill(databases: dict[str, str], order_id: UUID, orders: int) -> None:
    """Leave what so many orders like this one leave, spread over two years until now."""
    for database in ("orders", "inventory", "payments"):
        connection = await asyncpg.connect(databases[database], server_settings={"synchronous_commit": "off"})
        try:
            # No triggers, and so no foreign keys and no check of a journal entry's sum.
            await connection.execute("SET session_replication_role = replica")
            for table in TABLES:
                if table.database == database:
                    await _copy(connection, table, order_id, orders)
            if database == "orders":
                await connection.execute(_CARTS, int(orders * CARTS_PER_ORDER))
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()


async def _copy(connection: Any, table: Copied, order_id: UUID, orders: int) -> None:
    columns = [row[0] for row in await connection.fetch(_COLUMNS, table.name)]
    placed_at: datetime = await connection.fetchval("SELECT now()")
    statement = _statement(table, columns)
    first = 1 if table.days is None else max(1, orders - orders * table.days // DAYS)
    for begin in range(first, orders + 1, _BATCH):
        end = min(begin + _BATCH - 1, orders)
        await connection.execute(statement, begin, end, order_id, placed_at, orders)
    say(f"    {table.database}.{table.name}: {orders - first + 1} orders")


def _statement(table: Copied, columns: list[str]) -> str:
    def value(column: str) -> str:
        if column in table.values:
            return table.values[column]
        return f"rows.{column} - ($4::timestamptz - placed.at)" if column in table.times else f"rows.{column}"

    return f"""
        INSERT INTO {table.name} ({", ".join(columns)})
        SELECT {", ".join(value(column) for column in columns)}
        FROM (
            SELECT n, at, (
                lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0')
            )::uuid AS id
            FROM generate_series($1::bigint, $2::bigint) AS numbers (n) CROSS JOIN LATERAL (
                SELECT $4::timestamptz - make_interval(secs => 86400.0 * {DAYS} * ($5::bigint - n) / $5::bigint) AS at
            ) AS times
        ) AS placed
        CROSS JOIN (
            SELECT *, dense_rank() OVER (ORDER BY {table.ordered}) AS ordinal FROM {table.name} WHERE {table.key}
        ) AS rows
    """
