"""What an order is paid with."""

from dataclasses import dataclass, field

from chassis.errors import InvalidError


class PaymentMethodUnknownError(InvalidError):
    """The customer has no such saved method."""

    code = "payment-method-unknown"
    title = "No such payment method"


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A provider's token for a card or a PayPal account. It is a secret: never shown, never logged."""

    kind: str
    token: str = field(repr=False)
