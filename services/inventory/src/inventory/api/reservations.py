"""What orders hold: asked for and moved by services, looked at by staff too.

Every step is a PUT that may be repeated for ever: it happens once, and answers how the reservation stands now.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from prometheus_client import Counter

from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from inventory.api.deps import Directory, OrdersDep, Reading, ReservationServiceDep, Reserving
from inventory.api.schemas import ReservationIn, ReservationOut, ReturnIn
from inventory.domain.reservations import (
    HISTORY,
    HistoryForgottenError,
    ReservationCommittedError,
    ReservationDiffersError,
    ReservationNotCommittedError,
    ReservationNotFoundError,
    ReservationReleasedError,
    ReturnDiffersError,
    ReturnTooLargeError,
)
from inventory.domain.services import Answered
from inventory.domain.stock import InsufficientStockError
from inventory.domain.views import ReservationView

router = Router(prefix="/v1/reservations", tags=["reservations"])

_shortages = Counter("tradewind_inventory_shortages_total", "Orders that wanted more than there was.")
_ALSO_NEW: dict[int | str, dict[str, Any]] = {201: {"model": ReservationOut, "description": "It is new"}}


@router.put(
    "/{order_id}",
    response_model=ReservationOut,
    dependencies=[Reserving],
    responses=_ALSO_NEW | responses(InsufficientStockError, ReservationDiffersError, ReservationReleasedError),
)
async def reserve(
    order_id: UUID, body: ReservationIn, reservations: ReservationServiceDep, response: Response
) -> ReservationView:
    """Hold stock for an order: all lines or none. Where there is not enough, it may be asked again later."""
    try:
        return _shown(await reservations.reserve(order_id, body.quantities, body.lifetime), response)
    except InsufficientStockError:
        _shortages.inc()
        raise


@router.put(
    "/{order_id}/pin",
    response_model=ReservationOut,
    dependencies=[Reserving],
    responses=responses(ReservationNotFoundError, ReservationReleasedError),
)
async def pin(order_id: UUID, reservations: ReservationServiceDep) -> ReservationView:
    """Let a reservation never expire. From then on its commitment cannot be refused."""
    return await reservations.pin(order_id)


@router.put(
    "/{order_id}/commitment",
    response_model=ReservationOut,
    dependencies=[Reserving],
    responses=responses(ReservationNotFoundError, ReservationReleasedError),
)
async def commit(order_id: UUID, reservations: ReservationServiceDep) -> ReservationView:
    """Take what the order holds out of the stock."""
    return await reservations.commit(order_id)


@router.put(
    "/{order_id}/release",
    response_model=ReservationOut,
    dependencies=[Reserving],
    responses=responses(ReservationCommittedError),
)
async def release(order_id: UUID, reservations: ReservationServiceDep) -> ReservationView:
    """Give back what the order holds. An order that is not known can never reserve then."""
    return await reservations.release(order_id)


@router.put(
    "/{order_id}/returns/{return_id}",
    response_model=ReservationOut,
    dependencies=[Reserving],
    responses=_ALSO_NEW
    | responses(ReservationNotFoundError, ReservationNotCommittedError, ReturnTooLargeError, ReturnDiffersError),
)
async def take_back(
    order_id: UUID, return_id: UUID, body: ReturnIn, reservations: ReservationServiceDep, response: Response
) -> ReservationView:
    """Let some of what the order took come back, to the warehouses it came from."""
    return _shown(await reservations.take_back(order_id, return_id, body.quantities), response)


@router.get("", dependencies=[Reading], responses=responses(MalformedCursorError, HistoryForgottenError))
async def list_reservations(
    as_of: Annotated[Instant, Query(description="Give a few seconds to what is under way.")],
    orders: OrdersDep,
    paging: Paging,
    stock: Directory,
    request: Request,
    response: Response,
) -> Page[ReservationOut]:
    """List reservations as they stood at an instant, by order; whatever has happened since makes no difference."""
    if as_of < request.app.state.service.clock.now() - HISTORY:
        raise HistoryForgottenError(f"It goes back {HISTORY.days} days.", days=HISTORY.days)
    rows = await stock.find_reservations(as_of, orders, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.order_id,))
    link_next(request, response, next_cursor)
    return Page(items=[ReservationOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get(
    "/{order_id}",
    response_model=ReservationOut,
    dependencies=[Reading],
    responses=responses(ReservationNotFoundError),
)
async def read_reservation(order_id: UUID, stock: Directory, request: Request) -> ReservationView:
    """Return what an order holds or held. One whose time is over counts as expired at once."""
    found = await stock.find_reservation(order_id)
    if found is None:
        raise ReservationNotFoundError(order_id=str(order_id))
    return found.at(request.app.state.service.clock.now())


def _shown(answered: Answered, response: Response) -> ReservationView:
    if answered.new:
        response.status_code = 201
    return answered.reservation
