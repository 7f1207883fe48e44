"""What somebody sees first: profile, open orders and cart in one answer, from several services."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from chassis import context
from chassis.errors import DeadlineExceededError, UnavailableError
from chassis.money_schema import MoneyField
from chassis.problems import responses
from chassis.security import Principal, requires
from gateway.api.exchanges import Exchange
from gateway.api.proxy import vouched
from gateway.domain.forwarding import Fields
from gateway.domain.overview import PartSource, compose
from gateway.domain.ports import ServiceAwayError

PATH = "/v1/me/overview"
SCOPES = ("customers:own", "orders:own")
_CUSTOMERS, _ORDERS = "customers", "orders"
SERVICES = frozenset({_CUSTOMERS, _ORDERS})
"""Whom it asks."""
_MOST_ORDERS = 20
_SHARE = 0.8
"""Of the time that the client gives: the rest is for saying what is missing."""

Part = TypeVar("Part")


class ProfileOut(BaseModel):
    """Who the caller is; `GET /v1/customers/me` has the rest."""

    id: UUID
    email: str | None
    name: str | None
    tier: str


class OpenOrderOut(BaseModel):
    """An order that was neither delivered nor rejected nor cancelled; `GET /v1/orders/{id}` has the rest."""

    id: UUID
    status: str
    total: MoneyField
    placed_at: datetime


class CartLineOut(BaseModel):
    """How many of what."""

    sku: str
    quantity: int


class OverviewCartOut(BaseModel):
    """The caller's cart."""

    id: UUID
    currency: str
    lines: list[CartLineOut]
    coupon: str | None
    changed_at: datetime


class OverviewOut(BaseModel):
    """A part is null if it is named in `missing`; the cart also if there is none."""

    profile: ProfileOut | None
    orders: Annotated[list[OpenOrderOut] | None, Field(description=f"Newest first, {_MOST_ORDERS} at most.")]
    cart: OverviewCartOut | None
    missing: Annotated[
        list[str], Field(description="Parts whose service is away: `profile`, `orders` or `cart`. Ask again later.")
    ]


class _Orders(BaseModel):
    items: list[OpenOrderOut]


class _Carts(BaseModel):
    items: list[OverviewCartOut]


class OverviewPage:
    """The route.

    Args:
        source: Where the parts come from.
        seconds: How long a part may take before it is missing.
    """

    def __init__(self, source: PartSource, *, seconds: float = 2) -> None:
        self._source = source
        self._seconds = seconds
        self.router = APIRouter(tags=["overview"])
        options: dict[str, Any] = {"responses": responses(UnavailableError), "operation_id": "read_overview"}
        self.router.add_api_route(PATH, self.read, methods=["GET"], **options)
        self.router.add_api_route(PATH, self.read, methods=["HEAD"], include_in_schema=False)

    async def read(self, request: Request, principal: Annotated[Principal, requires(*SCOPES)]) -> OverviewOut:
        """Return the caller's profile, open orders and cart.

        Each part is asked for with the caller's own token, all at once. A part whose service is away, or takes longer
        than two seconds or most of the time the request gives, is null and named in `missing`; without any there is
        no answer.
        """
        asked = _Asking(self._source, request, self._seconds)
        # Staff may read everybody's orders, and are customers too: theirs are asked for by name.
        orders = f"/v1/orders?open=true&limit={_MOST_ORDERS}&customer_id={principal.subject}"
        found = await compose(
            {
                "profile": asked.part(_CUSTOMERS, "/v1/customers/me", ProfileOut.model_validate),
                "orders": asked.part(_ORDERS, orders, lambda page: _Orders.model_validate(page).items),
                "cart": asked.part(_ORDERS, "/v1/carts", lambda page: _first(_Carts.model_validate(page).items)),
            }
        )
        return OverviewOut(**found.parts, missing=list(found.missing))


class _Asking:
    """The parts of one answer, and the time that they have together."""

    def __init__(self, source: PartSource, request: Request, seconds: float) -> None:
        left = context.current().remaining_seconds()
        if left is not None and left <= 0:
            raise DeadlineExceededError("Nobody waits for this any more.")
        self._source = source
        self._hurried = left is not None and left * _SHARE < seconds
        self._seconds = left * _SHARE if left is not None and self._hurried else seconds
        self._fields = _fields(request, time.monotonic() + self._seconds)

    async def part(self, service: str, target: str, read: Callable[[Any], Part]) -> Part:
        found = await self._source.read(service, target, self._fields, seconds=self._seconds, hurried=self._hurried)
        try:
            return read(found)
        except ValidationError as error:
            raise ServiceAwayError(f"{service} gave an answer of another shape.") from error


def _fields(request: Request, deadline: float) -> Fields:
    """Return what the services are told: who asks, in which trace, and how long somebody waits."""
    token = request.headers["authorization"].encode("latin-1")
    exchange: Exchange = request.scope["exchange"]
    sent = [field for field in vouched(exchange, deadline) if field[0] != b"authorization"]
    return [*sent, (b"authorization", token), (b"accept", b"application/json")]


def _first(items: Sequence[Part]) -> Part | None:
    return items[0] if items else None
