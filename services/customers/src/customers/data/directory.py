"""Customers and what they keep as rows, read without entities and without a transaction."""

from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, select

from chassis.database import Database
from chassis.keyset import read_page
from chassis.lookups import Lookup
from customers.data.tables import addresses, customers, email_key, payment_methods
from customers.domain.ports import After, CustomerFilter
from customers.domain.views import AddressView, Chargeable, CheckoutView, CustomerView, PaymentMethodView

ViewT = TypeVar("ViewT", AddressView, PaymentMethodView, Chargeable)

_customers = select(*(customers.c[name] for name in CustomerView._fields)).where(customers.c.closed_at.is_(None))
_customer = Lookup(_customers.where(customers.c.id == bindparam("id")))

_LAST_CHARACTER = "\U0010ffff"


class SqlEntryDirectory(Generic[ViewT]):
    """The ``EntryDirectory`` of a table.

    Args:
        database: Where the table is.
        table: Has an ``id`` and a ``customer_id``.
        view: Has a field for each column that is read.
    """

    def __init__(self, database: Database, table: Table, view: type[ViewT]) -> None:
        self._database = database
        self._id = table.c.id
        self._view: type[ViewT] = view
        self._own = select(*(table.c[name] for name in view._fields)).where(
            table.c.customer_id == bindparam("customer_id")
        )
        self._one = Lookup(self._own.where(self._id == bindparam("id")))

    async def find(self, customer_id: UUID, entry_id: UUID) -> ViewT | None:
        """Return the entry or None; see the port."""
        row = await self._one.row(self._database, customer_id=customer_id, id=entry_id)
        return None if row is None else self._view._make(row)

    async def find_page(self, customer_id: UUID, *, after: After, limit: int) -> list[ViewT]:
        """Return a page of the customer's book; see the port."""
        return await self._rows(customer_id, read_page(self._own, self._id, after=after, limit=limit))

    async def find_all(self, customer_id: UUID) -> list[ViewT]:
        """Return the customer's whole book, oldest entry first; few by rule."""
        return await self._rows(customer_id, self._own.order_by(self._id))

    async def _rows(self, customer_id: UUID, query: Select[Any]) -> list[ViewT]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query, {"customer_id": customer_id})).all()
        return [self._view._make(row) for row in rows]


class SqlCustomerDirectory:
    """The ``CustomerDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.addresses = SqlEntryDirectory(database, addresses, AddressView)
        self.payment_methods = SqlEntryDirectory(database, payment_methods, PaymentMethodView)
        self._chargeable = SqlEntryDirectory(database, payment_methods, Chargeable)

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

    async def find_checkout(self, customer_id: UUID) -> CheckoutView | None:
        """Return what a checkout wants to know, or None; see the port."""
        customer = await self.find(customer_id)
        if customer is None:
            return None
        return CheckoutView(
            id=customer.id,
            tier=customer.tier,
            email=customer.email,
            addresses=await self.addresses.find_all(customer_id),
            payment_methods=await self._chargeable.find_all(customer_id),
        )


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
