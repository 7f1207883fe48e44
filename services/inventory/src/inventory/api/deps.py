"""What the routes are given: who asks, and what they can do."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis.database import SessionDep
from chassis.security import CurrentPrincipal, InsufficientScopeError, Principal, requires
from chassis.spans import Span
from inventory.domain.ports import StockDirectory, UnitOfWork
from inventory.domain.services import ReservationService, StockService

RESERVE, MANAGE = "inventory:reserve", "inventory:manage"

Reserving = requires(RESERVE)
Staff = Annotated[Principal, requires(MANAGE)]


async def reader(principal: CurrentPrincipal) -> Principal:
    """Let both those who reserve and staff look at reservations."""
    if not (principal.has(RESERVE) or principal.has(MANAGE)):
        raise InsufficientScopeError((MANAGE,))
    return principal


Reading = Depends(reader)


async def orders(
    order_from: Annotated[UUID | None, Query(description="Of this order and those with greater ids.")] = None,
    order_before: Annotated[UUID | None, Query(description="Of orders with lesser ids than this.")] = None,
) -> Span[UUID]:
    """Return which orders are asked for."""
    return Span(order_from, order_before)


OrdersDep = Annotated[Span[UUID], Depends(orders)]


async def directory(request: Request) -> StockDirectory:
    """Return where to read."""
    found: StockDirectory = request.app.state.directory
    return found


Directory = Annotated[StockDirectory, Depends(directory)]


async def reservation_service(request: Request) -> ReservationService:
    """Make the service, which opens units of work of its own."""
    return ReservationService(request.app.state.units, request.app.state.service.clock)


async def unit_of_work(request: Request, session: SessionDep) -> UnitOfWork:
    """Return the request's unit of work."""
    within: UnitOfWork = request.app.state.within(session)
    return within


Unit = Annotated[UnitOfWork, Depends(unit_of_work)]


async def stock_service(request: Request, uow: Unit) -> StockService:
    """Make the service within the request's unit of work."""
    return StockService(uow, request.app.state.service.clock)


ReservationServiceDep = Annotated[ReservationService, Depends(reservation_service)]
StockServiceDep = Annotated[StockService, Depends(stock_service)]
