"""What staff see: accounts, balances, entries, and the provider's own books."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel

from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from payments.api.deps import OrdersDep, PartsDep, Reader
from payments.api.schemas import AccountOut, BalanceOut, EntryOut, ProviderOperationOut
from payments.domain.ledger import Account
from payments.domain.ports import ProviderSilentError

router = Router(prefix="/v1", tags=["ledger"], dependencies=[Reader])

_SUMMARIES = {
    Account.HELD: "What customers' banks hold for us: authorised, not captured.",
    Account.HELD_CONTRA: "The other side of what is held.",
    Account.PROVIDER: "What the provider owes us: captured, less refunded.",
    Account.SALES: "What customers paid; a credit is negative.",
    Account.REFUNDS: "What customers were given back.",
}

AsOf = Annotated[Instant | None, Query(description="As of this instant; now.")]


class Balances(BaseModel):
    """The balances of all accounts. Per currency they sum to zero."""

    items: list[BalanceOut]


class Accounts(BaseModel):
    """All accounts of the ledger."""

    items: list[AccountOut]


@router.get("/ledger/accounts")
async def list_accounts() -> Accounts:
    """List the accounts."""
    return Accounts(items=[AccountOut(name=each, summary=_SUMMARIES[each]) for each in Account])


@router.get("/ledger/balances")
async def list_balances(parts: PartsDep, as_of: AsOf = None) -> Balances:
    """List what is on each account, per currency."""
    return Balances(items=[BalanceOut.of(each) for each in await parts.directory.balances(as_of)])


@router.get("/ledger/entries", responses=responses(MalformedCursorError))
async def list_entries(
    parts: PartsDep,
    paging: Paging,
    request: Request,
    response: Response,
    order_id: UUID | None = None,
    account: Account | None = None,
) -> Page[EntryOut]:
    """List entries, oldest first: of everything, of an order, or of an account (its statement)."""
    rows = await parts.directory.find_entries(
        order_id=order_id, account=account, after=paging.after(UUID), limit=paging.limit
    )
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.id,))
    link_next(request, response, next_cursor)
    return Page(items=[EntryOut.of(each) for each in page], next_cursor=next_cursor)


@router.get("/provider-operations", responses=responses(MalformedCursorError, ProviderSilentError))
async def list_provider_operations(
    parts: PartsDep, orders: OrdersDep, paging: Paging, request: Request, response: Response, as_of: AsOf = None
) -> Page[ProviderOperationOut]:
    """List the provider's own books, oldest first, to be compared with ours. The provider is asked for each page."""
    instant = as_of or request.app.state.service.clock.now()
    lines, next_cursor = await parts.provider.list(orders, as_of=instant, cursor=paging.cursor, limit=paging.limit)
    link_next(request, response, next_cursor)
    return Page(items=[ProviderOperationOut.of(each) for each in lines], next_cursor=next_cursor)
