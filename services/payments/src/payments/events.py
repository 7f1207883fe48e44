"""What of a payment's life is told to others, and in which words. Nobody is told what was paid with."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from chassis.events import EventData, Message
from chassis.money_schema import MoneyField
from payments.domain.events import Happening, PaymentChanged


class _AboutMoney(EventData):
    order_id: UUID
    amount: MoneyField
    happened_at: datetime


class PaymentAuthorised(_AboutMoney):
    """The amount is held."""

    name: ClassVar[str] = "payment-authorised"


class PaymentDeclined(_AboutMoney):
    """The amount is not held, for this reason."""

    name: ClassVar[str] = "payment-declined"

    code: str | None


class PaymentCaptured(_AboutMoney):
    """The amount was taken."""

    name: ClassVar[str] = "payment-captured"


class PaymentVoided(EventData):
    """Nothing is held or will be; the amount is null where nothing was ever asked for."""

    name: ClassVar[str] = "payment-voided"

    order_id: UUID
    amount: MoneyField | None
    happened_at: datetime


class PaymentRefunded(_AboutMoney):
    """The amount was given back, by this refund."""

    name: ClassVar[str] = "payment-refunded"

    refund_id: UUID


PUBLISHED = (PaymentAuthorised, PaymentDeclined, PaymentCaptured, PaymentVoided, PaymentRefunded)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: PaymentChanged) -> Message:
    """Return what is told of a domain event; all of a payment's are told."""
    return Message(_data(event), subject=str(event.order_id), sequence=event.version)


def _data(event: PaymentChanged) -> EventData:
    if event.happening is Happening.VOIDED:
        amount = None if event.amount is None else MoneyField.of(event.amount)
        return PaymentVoided(order_id=event.order_id, amount=amount, happened_at=event.happened_at)
    if event.amount is None:
        raise AssertionError("Only a void can lack an amount.")  # pragma: no cover
    common = {"order_id": event.order_id, "amount": MoneyField.of(event.amount), "happened_at": event.happened_at}
    match event.happening:
        case Happening.AUTHORISED:
            return PaymentAuthorised.model_validate(common)
        case Happening.DECLINED:
            return PaymentDeclined.model_validate({**common, "code": event.detail})
        case Happening.CAPTURED:
            return PaymentCaptured.model_validate(common)
        case Happening.REFUNDED:
            return PaymentRefunded.model_validate({**common, "refund_id": event.detail})
