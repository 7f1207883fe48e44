"""What is left of accounts that were closed by a release of this service that does not know all the tables.

While a release is rolled out or back, one that knows fewer tables may hear that an account is closed.
"""

from sqlalchemy import delete, select

from chassis.database import Database
from customers.data.tables import customers, payment_methods


async def forget_closed(database: Database) -> int:
    """Delete the payment methods of closed accounts; return how many that was. A job, harmless to repeat."""
    closed = select(customers.c.id).where(customers.c.closed_at.is_not(None))
    left = delete(payment_methods).where(payment_methods.c.customer_id.in_(closed))
    async with database.read() as connection:
        return (await connection.execute(left)).rowcount
