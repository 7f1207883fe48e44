"""How much there is: for everybody in few words, for staff exactly, with the ledger behind it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from chassis.idempotency import IdempotentAlways
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from inventory.api.deps import Directory, Staff, StockServiceDep, Unit
from inventory.api.fields import Sku, WarehouseCode
from inventory.api.schemas import (
    AdjustmentIn,
    AdjustmentOut,
    AvailabilitiesOut,
    AvailabilityOut,
    IntakeIn,
    IntakeOut,
    LowMarkIn,
    StockOut,
)
from inventory.domain.ports import LedgerFilter, StockFilter
from inventory.domain.stock import (
    Adjustment,
    AdjustmentNotFoundError,
    Intake,
    IntakeNotFoundError,
    Reason,
    StockNotFoundError,
    StockShortError,
)
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


Low = Annotated[bool, Query(description="Only what is at its low mark or below.")]


async def stock_criteria(
    sku: Sku | None = None, warehouse: WarehouseCode | None = None, *, low: Low = False
) -> StockFilter:
    """Return which stock to list; what is absent makes no difference."""
    return StockFilter(sku, warehouse, low)


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


@router.put("/v1/stock/{warehouse}/{sku}/low-mark", responses=responses(StockNotFoundError))
async def mark_low(_staff: Staff, warehouse: WarehouseCode, sku: Sku, body: LowMarkIn, uow: Unit) -> StockOut:
    """Say at how many available pieces a SKU counts as low in a warehouse; it is told whenever they come down to it."""
    return StockOut.model_validate(await uow.stock.mark_low(sku, warehouse, body.low_at))


@router.post(
    "/v1/stock-intakes",
    response_model=IntakeOut,
    status_code=201,
    responses=responses(WarehouseNotFoundError),
)
async def take_in(
    staff: Staff, body: IntakeIn, service: StockServiceDep, stock: Directory, once: IdempotentAlways
) -> Intake:
    """Receive a delivery of up to a thousand SKUs, as one entry of the ledger each: all of it or nothing."""

    async def again(intake_id: str) -> Intake:
        return await _intake(stock, UUID(intake_id))

    return await once(
        lambda: service.take_in(body.warehouse, body.quantities, reference=body.reference, actor=staff.subject),
        again=again,
        location="/v1/stock-intakes/{id}",
    )


@router.get("/v1/stock-intakes/{intake_id}", response_model=IntakeOut, responses=responses(IntakeNotFoundError))
async def read_intake(_staff: Staff, intake_id: UUID, stock: Directory) -> Intake:
    """Return a delivery."""
    return await _intake(stock, intake_id)


async def _intake(stock: Directory, intake_id: UUID) -> Intake:
    found = await stock.find_intake(intake_id)
    if found is None:
        raise IntakeNotFoundError(intake_id=str(intake_id))
    return found


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
    intake_id: UUID | None = None,
) -> LedgerFilter:
    """Return which entries to list; what is absent makes no difference."""
    return LedgerFilter(sku, warehouse, reason, order_id, intake_id)


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
