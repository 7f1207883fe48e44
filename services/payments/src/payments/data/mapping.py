"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import registry, relationship

from payments.data.tables import metadata, payments, steps
from payments.domain.payments import Payment
from payments.domain.steps import Step

mapper = registry(metadata=metadata)

mapper.map_imperatively(Step, steps)
mapper.map_imperatively(
    Payment,
    payments,
    properties={
        # A handful, so they come along; whoever only looks reads rows instead (`directory`).
        "steps": relationship(Step, lazy="selectin", order_by=steps.c.id),
    },
)


@event.listens_for(Payment, "load")
def _begin_unit(payment: Payment, _context: Any) -> None:
    """Give a loaded payment nothing to tell and to book: SQLAlchemy does not call ``__init__``."""
    payment.begin_unit()
