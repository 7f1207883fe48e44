"""Reading the books of payments, of its provider and of inventory, page by page."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from chassis.clients import ServiceClient, problem_of, unexpected
from chassis.errors import InvalidError
from chassis.money_schema import MoneyField
from chassis.spans import Span
from orders.domain.reconciliation import Account, Goods

_LIMIT = 100
_ID_CHARACTERS = 36


class _Payment(BaseModel):
    order_id: UUID
    state: str
    captured: MoneyField | None
    refunded: MoneyField | None


class _Operation(BaseModel):
    authorisation: str
    """Begins with the order's id, unless somebody else did it."""
    kind: str
    state: str
    amount: MoneyField


class _Line(BaseModel):
    sku: str
    quantity: int
    returned: int


class _Reservation(BaseModel):
    order_id: UUID
    state: Literal["held", "pinned", "committed", "released", "expired"]
    lines: list[_Line]


Item = TypeVar("Item", bound=BaseModel)


class _Cursor(BaseModel):
    next_cursor: str | None


class HttpBooks:
    """The ``Books`` behind the peers' addresses."""

    def __init__(self, payments: ServiceClient, inventory: ServiceClient) -> None:
        self._payments = payments
        self._inventory = inventory

    async def ledger(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Account]]:
        """Return the money of each order; see the port."""
        async for each in _pages(self._payments, "/v1/payments", orders, as_of, _Payment):
            held = each.state in ("authorised", "pending")
            yield each.order_id, Account(_minor(each.captured), _minor(each.refunded), held)

    async def provider(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Account]]:
        """Return what each of the provider's operations comes to; see the port."""
        async for each in _pages(self._payments, "/v1/provider-operations", orders, as_of, _Operation):
            order_id = _order_of(each.authorisation)
            if order_id is None:
                continue
            captures = each.kind.startswith("capture")
            # A refused capture moves nothing, and ends the authorisation all the same.
            if each.state == "approved" or captures:
                amount = each.amount.amount if each.state == "approved" else 0
                yield (
                    order_id,
                    Account(
                        amount if captures else 0,
                        amount if each.kind.startswith("refund") else 0,
                        held=each.kind.startswith("authoris"),
                    ),
                )

    async def stock(self, orders: Span[UUID], as_of: datetime) -> AsyncIterator[tuple[UUID, Goods]]:
        """Return the stock of each order; see the port."""
        async for each in _pages(self._inventory, "/v1/reservations", orders, as_of, _Reservation):
            taken: Counter[str] = Counter()
            if each.state == "committed":
                for line in each.lines:
                    taken[line.sku] += line.quantity - line.returned
            yield each.order_id, Goods(dict(+taken), held=each.state in ("held", "pinned"))


async def _pages(
    client: ServiceClient, path: str, orders: Span[UUID], as_of: datetime, kind: type[Item]
) -> AsyncIterator[Item]:
    wanted = {"as_of": as_of.isoformat(), "order_from": orders.first, "order_before": orders.before, "limit": _LIMIT}
    cursor: str | None = None
    while True:
        params = {**wanted, "cursor": cursor}
        response = await client.request("GET", path, params=params)
        problem = problem_of(response)
        if problem is not None and problem.code == "history-forgotten":
            raise InvalidError(f"{client.name}: {problem.detail}")
        if response.status_code != HTTPStatus.OK:
            raise unexpected(response)
        document = response.json()
        try:
            cursor = _Cursor.model_validate(document).next_cursor
            items = [kind.model_validate(each) for each in document["items"]]
        except (ValidationError, KeyError, TypeError):
            raise unexpected(response) from None
        for item in items:
            yield item
        if cursor is None:
            return


def _order_of(authorisation: str) -> UUID | None:
    """Return the order's id; None for what is no order's, for the account with the provider may have other uses."""
    try:
        return UUID(authorisation[:_ID_CHARACTERS])
    except ValueError:
        return None


def _minor(money: MoneyField | None) -> int:
    return 0 if money is None else money.amount
