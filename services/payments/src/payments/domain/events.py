"""What happens to a payment that somebody may want to know. ``payments.events`` says how it is told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.money import Money


class Happening(StrEnum):
    """What happened."""

    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class PaymentChanged:
    """Something happened to an order's payment; ``version`` is the payment's after it.

    ``amount`` is None where an order's payment was voided before it came. ``detail`` is the reason of a decline, or
    the id of a refund.
    """

    happening: Happening
    order_id: UUID
    version: int
    amount: Money | None
    happened_at: datetime
    detail: str | None = None
