"""Comparing the books of orders, payments, its provider and inventory; for staff."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from chassis.cursors import encode
from chassis.errors import InvalidError, UnavailableError
from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Paging, link_next
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import Staff
from orders.api.schemas import DifferenceOut
from orders.domain.reconciliation import MARGIN, Reconciler

router = Router(prefix="/v1/reconciliation", tags=["reconciliation"], dependencies=[Staff])


class ReconciliationOut(BaseModel):
    """What was compared on this page, and every difference. `left_out` orders had a saga running at that instant."""

    as_of: datetime
    orders: int
    left_out: int
    differences: list[DifferenceOut]
    next_cursor: str | None = Field(description="Ask with it for older orders as of the same instant; null at the end.")


@router.get("", responses=responses(InvalidError, MalformedCursorError, UnavailableError))
async def reconcile(
    request: Request,
    response: Response,
    paging: Paging,
    as_of: Annotated[Instant | None, Query(description="At least five seconds ago, which is the default.")] = None,
) -> ReconciliationOut:
    """Compare what orders say with the ledger, the provider's own records and the stock, as of one instant.

    A page is up to `limit` orders, newest first, with everything that the books have in between, whether there is an
    order or not. A cursor holds its instant: `as_of` is for the first page.
    """
    latest = request.app.state.service.clock.now() - MARGIN
    as_of, before = paging.after(datetime, UUID) or (as_of or latest, None)
    if as_of > latest:
        raise InvalidError("What happened in the last seconds may not be written down yet.", latest=latest.isoformat())
    reconciler: Reconciler = request.app.state.reconciler
    found = await reconciler.compare(as_of, before=before, limit=paging.limit)
    oldest = found.span.first
    next_cursor = None if oldest is None else encode((found.as_of, oldest))
    link_next(request, response, next_cursor)
    return ReconciliationOut(
        as_of=found.as_of,
        orders=found.orders,
        left_out=found.left_out,
        differences=[DifferenceOut.model_validate(each) for each in found.differences],
        next_cursor=next_cursor,
    )
