"""Two years of business: no table of an order is forgotten."""

from bench.history import TABLES
from sqlalchemy import MetaData

from inventory.data import tables as inventory
from orders.data import tables as orders
from payments.data import tables as payments

NOT_OF_EVERY_ORDER = {("inventory", "reservation_returns")}


def test_every_table_that_has_rows_of_an_order_is_filled() -> None:
    metadata: dict[str, MetaData] = {
        "orders": orders.metadata,
        "inventory": inventory.metadata,
        "payments": payments.metadata,
    }
    grows = {
        (service, table.name)
        for service, tables in metadata.items()
        for table in tables.sorted_tables
        if table.name == "orders" or {"order_id", "entry_id"} & set(table.c.keys())
    }
    filled = {(table.database, table.name) for table in TABLES}
    assert grows - NOT_OF_EVERY_ORDER <= filled
    assert {(service, "outbox") for service in metadata} <= filled


def test_copies_name_only_columns_that_there_are() -> None:
    for table in TABLES:
        known = {"orders": orders, "inventory": inventory, "payments": payments}[table.database].metadata.tables
        if table.name in known:
            assert {*table.values, *table.times} <= set(known[table.name].c.keys())
