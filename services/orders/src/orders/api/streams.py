"""An order's states as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Header
from fastapi.responses import StreamingResponse

from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import Orders, PersonDep, ProgressDep
from orders.api.schemas import ChangeOut
from orders.domain.orders import OrderNotFoundError, OrderStatus
from orders.domain.ports import OrderDirectory
from orders.domain.progress import Progress
from orders.domain.views import OrderView

router = Router(prefix="/v1/orders", tags=["orders"])

_LOOK_AGAIN_SECONDS = 0.5
"""Another replica may be working on the order, and nobody tells this one."""
_KEEP_ALIVE_SECONDS = 15.0
_LONGEST_SECONDS = 600.0
"""A client that wants more asks again, with `Last-Event-ID`."""
_LAST = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED})
_MEDIA_TYPE = "text/event-stream"


@router.get(
    "/{order_id}/events",
    response_class=StreamingResponse,
    responses=responses(OrderNotFoundError) | {200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
async def follow_order(
    person: PersonDep,
    order_id: UUID,
    orders: Orders,
    progress: ProgressDep,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,6}$", description="Begin after this entry of the history.")
    ] = None,
) -> StreamingResponse:
    """Follow an order: an event `status` for each entry of its history, those of the past first, until it is final."""
    order = await orders.find(order_id)
    if order is None or not (person.is_staff or person.id == order.customer_id):
        raise OrderNotFoundError(order_id=str(order_id))
    stream = _events(order, int(last_event_id or 0), orders, progress)
    return StreamingResponse(stream, media_type=_MEDIA_TYPE, headers={"cache-control": "no-store"})


async def _events(order: OrderView, told: int, orders: OrderDirectory, progress: Progress) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop()
    began_at = quiet_since = clock.time()
    with progress.watching(order.id) as changed:
        while True:
            changed.clear()
            order = await orders.find(order.id) or order
            for number, entry in enumerate(order.history[told:], start=told + 1):
                shown = ChangeOut(status=entry.status, at=entry.at, by=entry.by.partition(":")[0], reason=entry.reason)
                yield f"event: status\nid: {number}\ndata: {shown.model_dump_json()}\n\n"
                told, quiet_since = number, clock.time()
            if order.status in _LAST or clock.time() - began_at > _LONGEST_SECONDS:
                return
            if clock.time() - quiet_since > _KEEP_ALIVE_SECONDS:
                yield ": still there\n\n"
                quiet_since = clock.time()
            await progress.either(changed, _LOOK_AGAIN_SECONDS)
