"""What happens to an order after it is confirmed: shipments, returns, refunds. The order shows all of them."""

from uuid import UUID

from chassis.idempotency import IdempotentAlways
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import FulfilmentDep, Orders, PersonDep, Staff
from orders.api.schemas import AcceptanceIn, RefundIn, RefundOut, ReturnIn, ReturnOut, ShipmentIn, ShipmentOut
from orders.domain.orders import OrderNotFoundError
from orders.domain.ports import OrderDirectory
from orders.domain.returns import (
    Refund,
    RefundTooLargeError,
    Return,
    ReturnDecidedError,
    ReturnNotFoundError,
    ReturnTooLargeError,
)
from orders.domain.shipments import OrderNotShippableError, Shipment, ShipmentNotFoundError
from orders.domain.views import OrderView

router = Router(prefix="/v1/orders/{order_id}", tags=["fulfilment"])


@router.post(
    "/shipments",
    status_code=201,
    response_model=ShipmentOut,
    dependencies=[Staff],
    responses=responses(OrderNotFoundError, OrderNotShippableError),
)
async def ship(
    order_id: UUID, body: ShipmentIn, person: PersonDep, service: FulfilmentDep, orders: Orders, once: IdempotentAlways
) -> Shipment:
    """Send pieces of an order off, perhaps not all; staff only."""

    async def again(shipment_id: str) -> Shipment:
        found = await _order(orders, order_id)
        return next(each for each in found.shipments if str(each.id) == shipment_id)

    return await once(
        lambda: service.ship(
            order_id,
            carrier=body.carrier,
            tracking_number=body.tracking_number,
            lines=body.pieces,
            by=person.role,
        ),
        again=again,
    )


@router.post(
    "/shipments/{shipment_id}/delivery",
    response_model=ShipmentOut,
    dependencies=[Staff],
    responses=responses(OrderNotFoundError, ShipmentNotFoundError),
)
async def deliver(order_id: UUID, shipment_id: UUID, person: PersonDep, service: FulfilmentDep) -> Shipment:
    """Note that a shipment has arrived, as often as one likes; staff only."""
    return await service.deliver(order_id, shipment_id, by=person.role)


@router.post(
    "/returns",
    status_code=201,
    response_model=ReturnOut,
    responses=responses(OrderNotFoundError, ReturnTooLargeError),
)
async def request_return(
    order_id: UUID, body: ReturnIn, person: PersonDep, service: FulfilmentDep, orders: Orders, once: IdempotentAlways
) -> Return:
    """Announce that pieces come back, each of which was shipped."""
    return await once(
        lambda: service.request_return(
            order_id, owner_id=None if person.is_staff else person.id, lines=body.pieces, reason=body.reason
        ),
        again=lambda return_id: _return(orders, order_id, return_id),
    )


@router.post(
    "/returns/{return_id}/acceptance",
    status_code=202,
    response_model=ReturnOut,
    dependencies=[Staff],
    responses=responses(OrderNotFoundError, ReturnNotFoundError, ReturnDecidedError),
)
async def accept_return(
    order_id: UUID,
    return_id: UUID,
    body: AcceptanceIn,
    person: PersonDep,
    service: FulfilmentDep,
    orders: Orders,
    once: IdempotentAlways,
) -> Return:
    """Take the pieces back: their money goes back, and they into the stock if they can be sold again; staff only.

    The amount is settled now, and is less than was announced where other money has gone back meanwhile.
    """
    return await once(
        lambda: service.decide_return(order_id, return_id, accept=True, restock=body.restock, by=person.role),
        again=lambda found: _return(orders, order_id, found),
    )


@router.post(
    "/returns/{return_id}/refusal",
    response_model=ReturnOut,
    dependencies=[Staff],
    responses=responses(OrderNotFoundError, ReturnNotFoundError, ReturnDecidedError),
)
async def decline_return(
    order_id: UUID, return_id: UUID, person: PersonDep, service: FulfilmentDep, orders: Orders, once: IdempotentAlways
) -> Return:
    """Do not take the pieces back; staff only."""
    return await once(
        lambda: service.decide_return(order_id, return_id, accept=False, restock=False, by=person.role),
        again=lambda found: _return(orders, order_id, found),
    )


@router.post(
    "/refunds",
    status_code=202,
    response_model=RefundOut,
    dependencies=[Staff],
    responses=responses(OrderNotFoundError, RefundTooLargeError),
)
async def refund(
    order_id: UUID, body: RefundIn, person: PersonDep, service: FulfilmentDep, orders: Orders, once: IdempotentAlways
) -> Refund:
    """Have money go back without anything coming back, at most what was paid; staff only."""

    async def again(refund_id: str) -> Refund:
        found = await _order(orders, order_id)
        return next(each for each in found.refunds if str(each.id) == refund_id)

    return await once(
        lambda: service.refund(order_id, amount=body.amount.to_money(), reason=body.reason, by=person.role),
        again=again,
    )


async def _return(orders: OrderDirectory, order_id: UUID, return_id: str) -> Return:
    found = await _order(orders, order_id)
    return next(each for each in found.returns if str(each.id) == return_id)


async def _order(orders: OrderDirectory, order_id: UUID) -> OrderView:
    order = await orders.find(order_id)
    if order is None:
        raise OrderNotFoundError(order_id=str(order_id))
    return order
