"""How much there is: for everybody in few words, for staff exactly, with the ledger behind it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from chassis.idempotency import IdempotentAlways
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from inventory.api.deps import Directory, Staff, StockServiceDep
from inventory.api.fields import Sku, WarehouseCode
from inventory.api.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    AvailabilitiesOut,
    AvailabilityOut,
    StockOut,
)
from inventory.domain.ports import LedgerFilter, StockFilter
from inventory.domain.stock import Adjustment, AdjustmentNotFoundError, Reason, StockShortError
from inventory.domain.warehouses import WarehouseNotFoundError

router = Router(tags=["stock"])

_SHOWN_EXACTLY = 10


@router.get("/v1/availability")
async def read_availability(
    sku: Annotated[list[Sku], Query(min_length=1, max_length=100, description="Repeat it for several.")],
    stock: Directory,
) -> AvailabilitiesOut:
    """Say how much of each SKU can be ordered. One that nobody knows cannot."""
    found = await stock.find_available(sku)
    return AvailabilitiesOut(items=[_availability(each, found.get(each, 0)) for each in sku])


def _availability(sku: str, available: int) -> AvailabilityOut:
    return AvailabilityOut(sku=sku, available=min(available, _SHOWN_EXACTLY), more=available > _SHOWN_EXACTLY)


async def stock_criteria(sku: Sku | None = None, warehouse: WarehouseCode | None = None) -> StockFilter:
    """Return which stock to list; what is absent makes no difference."""
    return StockFilter(sku, warehouse)


@router.get("/v1/stock", responses=responses(MalformedCursorError))
async def list_stock(
    _staff: Staff,
    wanted: Annotated[StockFilter, Depends(stock_criteria)],
    paging: Paging,
    stock: Directory,
    request: Request,
    response: Response,
) -> Page[StockOut]:
    """List stock, by SKU and warehouse."""
    rows = await stock.find_stock(wanted, after=paging.after(str, str), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.sku, row.warehouse))
    link_next(request, response, next_cursor)
    return Page(items=[StockOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.post(
    "/v1/stock-adjustments",
    response_model=AdjustmentOut,
    status_code=201,
    responses=responses(WarehouseNotFoundError, StockShortError),
)
async def adjust_stock(
    staff: Staff, body: AdjustmentIn, service: StockServiceDep, stock: Directory, once: IdempotentAlways
) -> Adjustment:
    """Write an entry into the ledger, and let stock come or go. What is promised to orders cannot go."""

    async def again(adjustment_id: str) -> Adjustment:
        return await _adjustment(stock, UUID(adjustment_id))

    return await once(
        lambda: service.adjust(body.pieces, Reason(body.reason), note=body.note, actor=staff.subject),
        again=again,
        location="/v1/stock-adjustments/{id}",
    )


async def ledger_criteria(
    sku: Sku | None = None,
    warehouse: WarehouseCode | None = None,
    reason: Reason | None = None,
    order_id: UUID | None = None,
) -> LedgerFilter:
    """Return which entries to list; what is absent makes no difference."""
    return LedgerFilter(sku, warehouse, reason, order_id)


@router.get("/v1/stock-adjustments", responses=responses(MalformedCursorError))
async def list_adjustments(
    _staff: Staff,
    wanted: Annotated[LedgerFilter, Depends(ledger_criteria)],
    paging: Paging,
    stock: Directory,
    request: Request,
    response: Response,
) -> Page[AdjustmentOut]:
    """List the ledger, newest entry first."""
    rows = await stock.find_adjustments(wanted, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda entry: (entry.id,))
    link_next(request, response, next_cursor)
    return Page(items=[AdjustmentOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get(
    "/v1/stock-adjustments/{adjustment_id}",
    response_model=AdjustmentOut,
    responses=responses(AdjustmentNotFoundError),
)
async def read_adjustment(_staff: Staff, adjustment_id: UUID, stock: Directory) -> Adjustment:
    """Return an entry of the ledger."""
    return await _adjustment(stock, adjustment_id)


async def _adjustment(stock: Directory, adjustment_id: UUID) -> Adjustment:
    found = await stock.find_adjustment(adjustment_id)
    if found is None:
        raise AdjustmentNotFoundError(adjustment_id=str(adjustment_id))
    return found
