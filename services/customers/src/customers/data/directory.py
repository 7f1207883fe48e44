"""Customers and addresses as rows, read without entities and without a transaction."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, func, select

from chassis.database import Database
from chassis.keyset import read_page
from chassis.lookups import Lookup
from customers.data.tables import addresses, customers, email_key
from customers.domain.ports import After, CustomerFilter
from customers.domain.views import AddressView, CustomerView

_customers = select(*(customers.c[name] for name in CustomerView._fields)).where(customers.c.closed_at.is_(None))
_addresses = select(*(addresses.c[name] for name in AddressView._fields)).where(
    addresses.c.customer_id == bindparam("customer_id")
)
_customer = Lookup(_customers.where(customers.c.id == bindparam("id")))
_address = Lookup(_addresses.where(addresses.c.id == bindparam("id")))

_LAST_CHARACTER = "\U0010ffff"


class SqlCustomerDirectory:
    """The ``CustomerDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, customer_id: UUID) -> CustomerView | None:
        """Return the customer or None; see the port."""
        row = await _customer.row(self._database, id=customer_id)
        return None if row is None else CustomerView._make(row)

    async def find_by(self, criteria: CustomerFilter, *, after: After, limit: int) -> list[CustomerView]:
        """Return a page of customers; see the port. The ids of newer accounts are greater (UUID version 7)."""
        matching = _customers.where(*_conditions(criteria))
        page = read_page(matching, customers.c.id, after=after, limit=limit, descending=True)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [CustomerView._make(row) for row in rows]

    async def find_address(self, customer_id: UUID, address_id: UUID) -> AddressView | None:
        """Return the address or None; see the port."""
        row = await _address.row(self._database, customer_id=customer_id, id=address_id)
        return None if row is None else AddressView._make(row)

    async def find_addresses(self, customer_id: UUID, *, after: After, limit: int) -> list[AddressView]:
        """Return a page of the customer's addresses; see the port."""
        page = read_page(_addresses, addresses.c.id, after=after, limit=limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(page, {"customer_id": customer_id})).all()
        return [AddressView._make(row) for row in rows]


def _conditions(criteria: CustomerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if criteria.email_prefix is not None:
        first = func.lower(criteria.email_prefix)
        conditions.append(and_(email_key >= first, email_key < first.concat(_LAST_CHARACTER)))
    if criteria.tier is not None:
        conditions.append(customers.c.tier == criteria.tier)
    if criteria.registered_from is not None:
        conditions.append(customers.c.registered_at >= criteria.registered_from)
    if criteria.registered_before is not None:
        conditions.append(customers.c.registered_at < criteria.registered_before)
    return conditions
