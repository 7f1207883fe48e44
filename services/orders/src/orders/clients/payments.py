"""Asking payments, whose every answer is the same however often an (order, step) is asked."""

from uuid import UUID

from chassis.clients import ServiceClient
from chassis.money import Money
from chassis.money_schema import MoneyField
from orders.clients.answers import Steps
from orders.domain.payment import PaymentMethod
from orders.domain.sagas import Outcome, Refused

_NOT_ACCEPTED = dict.fromkeys(
    ("invalid", "method-refused", "card-number-refused", "amount-too-large"), "payment-not-accepted"
)


class HttpPayments:
    """The ``Payments`` behind a peer's address."""

    def __init__(self, client: ServiceClient) -> None:
        self._steps = Steps(client)

    async def authorise(
        self, order_id: UUID, amount: Money, method: PaymentMethod | None, customer_id: UUID
    ) -> Outcome:
        """Have the amount set aside; see the port."""
        if method is None:
            return Refused("payment-method-unknown", "What it was to be paid with is not known any more.")
        return await self._steps.put(
            _path(order_id),
            {
                "amount": MoneyField.of(amount).model_dump(),
                "method": {"kind": method.kind, "token": method.token},
                "customer_id": str(customer_id),
            },
            good=frozenset({"authorised", "captured"}),
            bad={"declined": "payment-declined", "voided": "payment-voided"},
            refusals=_NOT_ACCEPTED | {"payment-voided": "payment-voided"},
        )

    async def capture(self, order_id: UUID) -> Outcome:
        """Take what was set aside; see the port."""
        return await self._steps.put(
            f"{_path(order_id)}/capture",
            good=frozenset({"captured"}),
            bad={"capture-refused": "capture-refused"},
            refusals={"payment-voided": "payment-voided", "payment-not-authorised": "capture-refused"},
        )

    async def void(self, order_id: UUID) -> Outcome:
        """Set nothing aside; see the port."""
        return await self._steps.put(f"{_path(order_id)}/void", good=frozenset({"voided"}))

    async def refund(self, order_id: UUID, refund_id: UUID, amount: Money) -> Outcome:
        """Give back some of what was taken; see the port."""
        body = {"amount": MoneyField.of(amount).model_dump()}
        return await self._steps.put(
            f"{_path(order_id)}/refunds/{refund_id}",
            body,
            good=frozenset({"refunded"}),
            bad={"refused": "refund-refused"},
        )


def _path(order_id: UUID) -> str:
    return f"/v1/payments/{order_id}"
