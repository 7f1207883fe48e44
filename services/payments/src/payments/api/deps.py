"""What the routes are given: who asks, and what they can do."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis.errors import NotFoundError
from chassis.security import CurrentPrincipal, InsufficientScopeError, requires
from chassis.spans import Span
from payments.domain.ports import PaymentDirectory, PaymentProvider
from payments.domain.services import PaymentService
from payments.domain.webhooks import WebhookVerifier

TAKE, READ = "payments:take", "payments:read"
Taker = requires(TAKE)


@dataclass(frozen=True)
class Parts:
    """Everything that routes use; made by ``main``."""

    payments: PaymentService
    directory: PaymentDirectory
    provider: PaymentProvider
    webhooks: WebhookVerifier


async def parts(request: Request) -> Parts:
    """Return what ``main`` made."""
    found: Parts = request.app.state.payments
    return found


PartsDep = Annotated[Parts, Depends(parts)]


async def reader(principal: CurrentPrincipal) -> None:
    """Let in staff, and whoever takes payments."""
    if not (principal.has(TAKE) or principal.has(READ)):
        raise InsufficientScopeError((READ,))


Reader = Depends(reader)


async def orders(
    order_from: Annotated[UUID | None, Query(description="Of this order and those with greater ids.")] = None,
    order_before: Annotated[UUID | None, Query(description="Of orders with lesser ids than this.")] = None,
) -> Span[UUID]:
    """Return which orders are asked for."""
    return Span(order_from, order_before)


OrdersDep = Annotated[Span[UUID], Depends(orders)]


async def genuine(provider: str, request: Request, parts: PartsDep) -> bytes:
    """Let in what the provider of this name has signed; return what to know the signature again by."""
    if provider != parts.provider.name:
        raise NotFoundError("There is no such provider.")
    return parts.webhooks.verify(request.headers.get("webhook-signature"), await request.body())


Genuine = Annotated[bytes, Depends(genuine)]
