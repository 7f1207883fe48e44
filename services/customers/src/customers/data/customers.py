"""Customers in PostgreSQL, to be changed within a unit of work."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from customers.data import mapping  # noqa: F401 - Customer has to be mapped before it is loaded
from customers.data.tables import customers
from customers.domain.customers import Customer, CustomerNotFoundError
from customers.domain.views import CustomerView


class SqlCustomerRepository:
    """The ``CustomerRepository`` of one session. A customer's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, customer_id: UUID) -> Customer:
        """Return the customer, locked; see the port."""
        customer = await self._find(customer_id)
        if customer is None:
            raise CustomerNotFoundError
        return customer

    async def get_or_add(self, customer_id: UUID) -> Customer:
        """Return the customer, locked; see the port."""
        return await self._find(customer_id) or await self._add(customer_id)

    async def _find(self, customer_id: UUID) -> Customer | None:
        found = await self._session.scalars(
            select(Customer).where(customers.c.id == customer_id).with_for_update(of=customers)
        )
        return found.one_or_none()

    async def _add(self, customer_id: UUID) -> Customer:
        """Insert the row unless somebody else does at this moment; waits for them, then loads whichever it is."""
        row = CustomerView.of(Customer(customer_id))._asdict()
        await self._session.execute(insert(customers).values(row).on_conflict_do_nothing())
        return await self.get(customer_id)


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session, which somebody else opens and commits."""

    def __init__(self, session: AsyncSession) -> None:
        self.customers = SqlCustomerRepository(session)
