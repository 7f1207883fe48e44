"""What orders ask: everything is a PUT, and may be asked any number of times."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from chassis.card_numbers import CardNumberRefusedError
from chassis.instants import Instant
from chassis.money import AmountTooLargeError
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from payments.api.deps import OrdersDep, PartsDep, Reader, Taker
from payments.api.schemas import PaymentIn, PaymentOut, RefundIn, RefundOut
from payments.domain.payments import (
    PaymentCapturedError,
    PaymentDiffersError,
    PaymentNotAuthorisedError,
    PaymentNotCapturedError,
    PaymentNotFoundError,
    PaymentPendingError,
    PaymentVoidedError,
    RefundNotFoundError,
    RefundRefusedError,
    RefundTooLargeError,
)
from payments.domain.processors import MethodRefusedError, RefundTooLateError

ASK_AGAIN_SECONDS = "1"
_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"description": "The provider has not said yet: ask again, as `Retry-After` says."}
}

router = Router(prefix="/v1/payments", tags=["payments"])


def _status(response: Response, *, pending: bool, made: bool) -> None:
    response.status_code = 202 if pending else 201 if made else 200
    if pending:
        response.headers["retry-after"] = ASK_AGAIN_SECONDS


@router.put(
    "/{order_id}",
    dependencies=[Taker],
    responses=responses(
        PaymentVoidedError, PaymentDiffersError, MethodRefusedError, CardNumberRefusedError, AmountTooLargeError
    )
    | {201: {"description": "It is authorised.", "model": PaymentOut}}
    | _PENDING,
)
async def authorise(order_id: UUID, body: PaymentIn, parts: PartsDep, response: Response) -> PaymentOut:
    """Have an order's amount held. Declined is an outcome, and final for this order: 200 with that state."""
    answer = await parts.payments.authorise(order_id, body.request())
    shown = PaymentOut.of(answer.payment)
    _status(response, pending=shown.state == "pending", made=answer.begun and shown.state == "authorised")
    return shown


@router.put(
    "/{order_id}/capture",
    dependencies=[Taker],
    responses=responses(PaymentNotFoundError, PaymentPendingError, PaymentVoidedError, PaymentNotAuthorisedError)
    | _PENDING,
)
async def capture(order_id: UUID, parts: PartsDep, response: Response) -> PaymentOut:
    """Have what is held taken. Refused is an outcome, and final: 200 with the state `capture-refused`."""
    shown = PaymentOut.of((await parts.payments.capture(order_id)).payment)
    _status(response, pending=shown.state == "pending", made=False)
    return shown


@router.put(
    "/{order_id}/void",
    dependencies=[Taker],
    responses=responses(PaymentCapturedError, PaymentPendingError) | _PENDING,
)
async def void(order_id: UUID, parts: PartsDep, response: Response) -> PaymentOut:
    """Give up what is held, or what may come to be: an order nobody has heard of is refused from then on.

    While the provider refuses, it is pending, and `decline_code` says why: asked again, it is tried again.
    """
    shown = PaymentOut.of((await parts.payments.void(order_id)).payment)
    _status(response, pending=shown.state == "pending", made=False)
    return shown


@router.put(
    "/{order_id}/refunds/{refund_id}",
    dependencies=[Taker],
    responses=responses(
        PaymentNotFoundError,
        PaymentNotCapturedError,
        PaymentDiffersError,
        RefundTooLargeError,
        RefundRefusedError,
        RefundTooLateError,
    )
    | {201: {"description": "It is given back.", "model": RefundOut}}
    | _PENDING,
)
async def refund(order_id: UUID, refund_id: UUID, body: RefundIn, parts: PartsDep, response: Response) -> RefundOut:
    """Give back what was taken, or a part of it; all refunds together at most what was taken."""
    found = await parts.payments.refund(order_id, refund_id, body.amount.to_money())
    shown = RefundOut.of(found)
    _status(response, pending=shown.state == "pending", made=found.begun and shown.state == "refunded")
    return shown


@router.get(
    "/{order_id}/refunds/{refund_id}",
    dependencies=[Reader],
    responses=responses(PaymentNotFoundError, RefundNotFoundError),
)
async def read_refund(order_id: UUID, refund_id: UUID, parts: PartsDep) -> RefundOut:
    """Return a refund."""
    return RefundOut.of(await parts.payments.get_refund(order_id, refund_id))


@router.get("/{order_id}", dependencies=[Reader], responses=responses(PaymentNotFoundError))
async def read_payment(order_id: UUID, parts: PartsDep) -> PaymentOut:
    """Return an order's payment."""
    found = await parts.directory.find(order_id)
    if found is None:
        raise PaymentNotFoundError(order_id=str(order_id))
    return PaymentOut.of(found)


@router.get("", dependencies=[Reader], responses=responses(MalformedCursorError))
async def list_payments(
    parts: PartsDep,
    orders: OrdersDep,
    paging: Paging,
    request: Request,
    response: Response,
    as_of: Annotated[Instant | None, Query(description="As each was at this instant; as it is.")] = None,
) -> Page[PaymentOut]:
    """List payments, the oldest order first."""
    instant: datetime | None = as_of
    rows = await parts.directory.find_as_of(instant, orders, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.order_id,))
    link_next(request, response, next_cursor)
    return Page(items=[PaymentOut.of(each) for each in page], next_cursor=next_cursor)
