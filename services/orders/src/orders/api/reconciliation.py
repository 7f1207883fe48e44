"""Comparing the books of orders, payments, its provider and inventory; for staff."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel

from chassis.errors import InvalidError, UnavailableError
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import Staff
from orders.api.fields import Instant
from orders.api.schemas import DifferenceOut
from orders.domain.reconciliation import MARGIN, Reconciler

router = Router(prefix="/v1/reconciliation", tags=["reconciliation"], dependencies=[Staff])


class ReconciliationOut(BaseModel):
    """What was compared, and every difference. `left_out` orders had a saga running at that instant."""

    as_of: datetime
    orders: int
    left_out: int
    differences: list[DifferenceOut]


@router.get("", responses=responses(InvalidError, UnavailableError))
async def reconcile(
    request: Request,
    as_of: Annotated[Instant | None, Query(description="At least five seconds ago, which is the default.")] = None,
) -> ReconciliationOut:
    """Compare what orders say with the ledger, the provider's own records and the stock, as of one instant.

    It reads all of the books, so it is for now and then, and not for a page that people open.
    """
    latest = request.app.state.service.clock.now() - MARGIN
    if as_of is not None and as_of > latest:
        raise InvalidError("What happened in the last seconds may not be written down yet.", latest=latest.isoformat())
    reconciler: Reconciler = request.app.state.reconciler
    found = await reconciler.compare(as_of or latest)
    return ReconciliationOut(
        as_of=found.as_of,
        orders=found.orders,
        left_out=found.left_out,
        differences=[DifferenceOut.model_validate(each) for each in found.differences],
    )
