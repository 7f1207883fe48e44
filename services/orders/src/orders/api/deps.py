"""What the routes are given: who asks, and what they can do."""

import re
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import context
from chassis.database import SessionDep
from chassis.errors import ForbiddenError
from chassis.security import Bearer, Principal, requires
from orders.api.fields import CartSecret
from orders.domain.checkout import Checkout, Till
from orders.domain.ports import CartDirectory, CouponDirectory, OrderDirectory, SagaDirectory
from orders.domain.progress import Progress
from orders.domain.services import CartService, CouponService, FulfilmentService, OrderService, SagaDesk, Visitor

MANAGE = "orders:manage"
_OWN = "orders:own"
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?:[,;]|$)", re.IGNORECASE)
_MOST_WAIT_SECONDS = 10.0
_LEFT_FOR_THE_ANSWER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks; staff sees everybody's orders."""

    id: UUID
    is_staff: bool

    @property
    def role(self) -> str:
        """How the person is named in a history."""
        return f"staff:{self.id}" if self.is_staff else f"customer:{self.id}"


async def person(principal: Annotated[Principal, requires(_OWN)]) -> Person:
    """Return who asks."""
    return Person(_id_of(principal), principal.has(MANAGE))


async def own_id(asking: Annotated[Person, Depends(person)]) -> UUID:
    """Return the id of the customer who asks: it is the account's."""
    return asking.id


async def visitor(
    request: Request,
    secret: Annotated[CartSecret | None, Header(alias="X-Cart-Secret", description="Opens an anonymous cart.")] = None,
) -> Visitor:
    """Return who stands before a cart: with a token, with a secret, with both or with neither."""
    if "authorization" not in request.headers:
        return Visitor(secret=secret)
    return Visitor(_id_of(await Bearer((_OWN,))(request)), secret)


def _id_of(principal: Principal) -> UUID:
    try:
        return UUID(principal.subject)
    except ValueError:
        raise ForbiddenError("Only people order.") from None


PersonDep = Annotated[Person, Depends(person)]
OwnId = Annotated[UUID, Depends(own_id)]
VisitorDep = Annotated[Visitor, Depends(visitor)]


async def orders_directory(request: Request) -> OrderDirectory:
    """Return where to read orders."""
    found: OrderDirectory = request.app.state.orders
    return found


async def carts_directory(request: Request) -> CartDirectory:
    """Return where to read carts."""
    found: CartDirectory = request.app.state.carts
    return found


async def till(request: Request) -> Till:
    """Return who works out what an order would be."""
    found: Till = request.app.state.till
    return found


async def progress(request: Request) -> Progress:
    """Return what tells of orders that change in this process."""
    found: Progress = request.app.state.progress
    return found


async def sagas_directory(request: Request) -> SagaDirectory:
    """Return where to read sagas."""
    found: SagaDirectory = request.app.state.sagas
    return found


async def saga_desk(request: Request, session: SessionDep) -> SagaDesk:
    """Make the service within the request's unit of work."""
    return SagaDesk(request.app.state.units(session), request.app.state.service.clock)


async def fulfilment(request: Request, session: SessionDep) -> FulfilmentService:
    """Make the service within the request's unit of work."""
    return FulfilmentService(request.app.state.units(session), request.app.state.service.clock)


FulfilmentDep = Annotated[FulfilmentService, Depends(fulfilment)]
Staff = requires(MANAGE)
Sagas = Annotated[SagaDirectory, Depends(sagas_directory)]
SagaDeskDep = Annotated[SagaDesk, Depends(saga_desk)]


async def coupons_directory(request: Request) -> CouponDirectory:
    """Return where to read coupons."""
    found: CouponDirectory = request.app.state.coupons
    return found


async def coupon_service(request: Request, session: SessionDep) -> CouponService:
    """Make the service within the request's unit of work."""
    return CouponService(request.app.state.units(session))


Coupons = Annotated[CouponDirectory, Depends(coupons_directory)]
CouponServiceDep = Annotated[CouponService, Depends(coupon_service)]
Orders = Annotated[OrderDirectory, Depends(orders_directory)]
Carts = Annotated[CartDirectory, Depends(carts_directory)]
TillDep = Annotated[Till, Depends(till)]
ProgressDep = Annotated[Progress, Depends(progress)]


async def cart_service(request: Request, session: SessionDep) -> CartService:
    """Make the service within the request's unit of work."""
    return CartService(request.app.state.units(session), request.app.state.service.clock)


async def order_service(request: Request, session: SessionDep) -> OrderService:
    """Make the service within the request's unit of work."""
    return OrderService(request.app.state.units(session), request.app.state.service.clock)


CartServiceDep = Annotated[CartService, Depends(cart_service)]
OrderServiceDep = Annotated[OrderService, Depends(order_service)]


def checkout(request: Request, session: AsyncSession) -> Checkout:
    """Make the checkout within a unit of work that the route opens itself, after it has asked the peers."""
    return Checkout(
        request.app.state.units(session),
        request.app.state.service.clock,
        patience=request.app.state.patience,
        traceparent=context.current().traceparent,
    )


async def patience(
    prefer: Annotated[
        str | None, Header(description="`wait=5` holds the answer for so many seconds (RFC 7240), ten at most.")
    ] = None,
) -> float | None:
    """Return how many seconds the caller would like to wait for the end; None if there is no such wish."""
    found = _WAIT.search(prefer or "")
    if found is None:
        return None
    remaining = context.current().remaining_seconds()
    most = _MOST_WAIT_SECONDS if remaining is None else min(_MOST_WAIT_SECONDS, remaining)
    return max(0.0, min(float(found[1]), most - _LEFT_FOR_THE_ANSWER_SECONDS))


Patience = Annotated[float | None, Depends(patience)]
