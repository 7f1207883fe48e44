"""Orders: placing, reading and calling them off."""

import asyncio
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.conditional import VERSIONED, tag, unless_known
from chassis.errors import UnavailableError
from chassis.idempotency import IdempotentAlways, IdempotentAround
from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import (
    Orders,
    OrderServiceDep,
    OwnId,
    Patience,
    Person,
    PersonDep,
    ProgressDep,
    Staff,
    TillDep,
    checkout,
)
from orders.api.schemas import CancellationIn, EntryOut, OrderIn, OrderOut
from orders.domain.addresses import AddressUnknownError
from orders.domain.carts import CartEmptyError, CartNotFoundError
from orders.domain.checkout import Proposal
from orders.domain.coupons import CouponNotFoundError, CouponNotValidError, CouponUsedUpError
from orders.domain.orders import OrderNotCancellableError, OrderNotFoundError, OrderStatus
from orders.domain.payment import PaymentMethodUnknownError
from orders.domain.ports import OrderDirectory, OrderFilter
from orders.domain.pricing import ProductsUnavailableError
from orders.domain.progress import Progress
from orders.domain.shipping import ShippingUnavailableError
from orders.domain.views import OrderView

router = Router(prefix="/v1/orders", tags=["orders"])

_LOCATION = "/v1/orders/{id}"
_LOOK_AGAIN_SECONDS = 0.25
"""Another replica may be working on the order, and nobody tells this one."""


@router.post(
    "",
    status_code=201,
    responses=responses(
        CartNotFoundError,
        CartEmptyError,
        ProductsUnavailableError,
        AddressUnknownError,
        PaymentMethodUnknownError,
        ShippingUnavailableError,
        CouponNotFoundError,
        CouponNotValidError,
        CouponUsedUpError,
        UnavailableError,
    ),
)
async def place_order(
    request: Request,
    customer_id: OwnId,
    body: OrderIn,
    till: TillDep,
    orders: Orders,
    progress: ProgressDep,
    once: IdempotentAround,
    patience: Patience,
    response: Response,
) -> OrderOut:
    """Order what is in the cart, at catalog's prices of this moment.

    The answer comes at once, with the order as `placed`; `Prefer: wait=5` holds it until the order is confirmed or
    rejected, or for so many seconds. A rejected order stays rejected: the cart is still there for the next one.
    """

    async def place(session: AsyncSession, proposal: Proposal) -> OrderView:
        return await checkout(request, session).place(proposal)

    order = await once(
        partial(till.propose, customer_id, body.wish),
        place,
        again=partial(_found, orders),
        location=_LOCATION,
    )
    if patience is not None:
        response.headers["preference-applied"] = f"wait={patience:g}"
        order = await _until_ended(order, orders, progress, patience)
    tag(response, order.version)
    return OrderOut.of(order)


async def _found(orders: OrderDirectory, order_id: str) -> OrderView:
    order = await orders.find(UUID(order_id))
    if order is None:
        raise OrderNotFoundError(order_id=order_id)
    return order


async def _until_ended(order: OrderView, orders: OrderDirectory, progress: Progress, seconds: float) -> OrderView:
    """Return the order as soon as its checkout has ended, or as it is when the time is over."""
    clock = asyncio.get_running_loop()
    until = clock.time() + seconds
    with progress.watching(order.id, for_end=True) as ended:
        while order.is_running and (left := until - clock.time()) > 0:
            await progress.either(ended, min(left, _LOOK_AGAIN_SECONDS))
            ended.clear()
            order = await _found(orders, str(order.id))
    return order


async def criteria(
    person: PersonDep,
    customer_id: Annotated[UUID | None, Query(description="Staff only: whose orders.")] = None,
    status: OrderStatus | None = None,
    placed_from: Annotated[Instant | None, Query(description="Placed at this instant or later.")] = None,
    placed_before: Annotated[Instant | None, Query(description="Placed before this instant.")] = None,
    *,
    only_open: Annotated[
        bool, Query(alias="open", description="Neither delivered nor rejected nor cancelled.")
    ] = False,
) -> OrderFilter:
    """Return what to list: one's own, or what staff asks for."""
    owner_id = customer_id if person.is_staff else person.id
    return OrderFilter(owner_id, status, placed_from, placed_before, only_open)


@router.get("", responses=responses(MalformedCursorError))
async def list_orders(
    wanted: Annotated[OrderFilter, Depends(criteria)],
    paging: Paging,
    orders: Orders,
    request: Request,
    response: Response,
) -> Page[OrderOut]:
    """List orders, newest first: customers their own, staff everybody's."""
    rows = await orders.find_by(wanted, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda order: (order.id,))
    link_next(request, response, next_cursor)
    return Page(items=[OrderOut.of(each) for each in page], next_cursor=next_cursor)


@router.get("/{order_id}", response_model=OrderOut, responses=VERSIONED | responses(OrderNotFoundError))
async def read_order(
    person: PersonDep, order_id: UUID, orders: Orders, request: Request, response: Response
) -> OrderOut | Response:
    """Return an order to its owner, or to staff."""
    order = await _found(orders, str(order_id))
    if not _may_see(person, order):
        raise OrderNotFoundError(order_id=str(order_id))
    return unless_known(request, response, order.version) or OrderOut.of(order)


@router.get("/{order_id}/history", responses=responses(OrderNotFoundError), dependencies=[Staff])
async def read_history(order_id: UUID, orders: Orders) -> list[EntryOut]:
    """Return everything that became of an order, with the accounts that did it; staff only."""
    order = await _found(orders, str(order_id))
    return [EntryOut.model_validate(each) for each in order.history]


@router.post(
    "/{order_id}/cancellation",
    status_code=202,
    responses=responses(OrderNotFoundError, OrderNotCancellableError),
)
async def cancel_order(
    person: PersonDep,
    order_id: UUID,
    body: CancellationIn,
    service: OrderServiceDep,
    orders: Orders,
    once: IdempotentAlways,
    response: Response,
) -> OrderOut:
    """Call an order off, before it is shipped.

    It is `cancelled` once money and stock are back, a moment later; `cancel_requested_at` says that this is under way.
    """
    order = await once(
        lambda: service.cancel(
            order_id, by=person.role, owner_id=None if person.is_staff else person.id, reason=body.reason
        ),
        again=partial(_found, orders),
    )
    tag(response, order.version)
    return OrderOut.of(order)


def _may_see(person: Person, order: OrderView) -> bool:
    return person.is_staff or person.id == order.customer_id
