"""Saved payment methods: a provider's token, and what its owner tells it apart by. Never a card's number."""

from dataclasses import dataclass, field
from enum import StrEnum

from chassis.card_numbers import CardNumberRefusedError, holds_card_number
from chassis.errors import ConflictError, NotFoundError
from customers.domain.books import Book, Entry


class PaymentMethodNotFoundError(NotFoundError):
    """The customer has no such payment method; somebody else's counts as none."""

    code = "payment-method-not-found"
    title = "No such payment method"


class TooManyPaymentMethodsError(ConflictError):
    """The customer has saved as many as there is room for."""

    code = "too-many-payment-methods"
    title = "There are too many payment methods"


class PaymentKind(StrEnum):
    """By which of the providers' ways a payment is made."""

    CARD = "card"
    PAYPAL = "paypal"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is charged. ``label`` is the owner's name for it, ``last4`` the card's last digits, ``expires`` ``2027-04``.

    ``token`` is the provider's name for it: whoever has it may charge, so it is in no log and no ``repr``.
    """

    kind: PaymentKind
    token: str = field(repr=False)
    label: str
    last4: str | None
    expires: str | None

    def refuse_card_numbers(self) -> None:
        """Make sure that this is a token and no card.

        Raises:
            CardNumberRefusedError: The token or the label holds what looks like a card's number.
        """
        for name, text in (("token", self.token), ("label", self.label)):
            if holds_card_number(text):
                raise CardNumberRefusedError(
                    f"The {name} looks like a card number. Send the token that the payment provider gave for the card.",
                    field=name,
                )


@dataclass(frozen=True, slots=True)
class Preference:
    """Whether it is the one that is charged unless the customer says otherwise."""

    is_default: bool = False

    def without(self, taken: "Preference") -> "Preference":
        """Return what is left when another payment method takes ``taken``."""
        return Preference(self.is_default and not taken.is_default)


class PaymentMethod(Entry[Instrument, Preference]):
    """An entry of a customer's wallet."""


class Wallet(Book[Instrument, Preference]):
    """A customer's saved payment methods."""

    kind = PaymentMethod
    limit = 10
    missing = PaymentMethodNotFoundError
    id_name = "payment_method_id"
    full = TooManyPaymentMethodsError

    def add(self, content: Instrument, defaults: Preference) -> Entry[Instrument, Preference]:
        """Save a payment method; see ``Book.add``.

        Raises:
            CardNumberRefusedError: It holds what looks like a card's number.
        """
        content.refuse_card_numbers()
        return super().add(content, defaults)
