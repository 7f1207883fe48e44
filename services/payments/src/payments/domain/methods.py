"""What one pays with: a token that the provider gave for it, never the number itself."""

from dataclasses import dataclass, field
from enum import StrEnum

from chassis.card_numbers import CardNumberRefusedError, holds_card_number


class MethodKind(StrEnum):
    """The kinds of methods there are; each has its processor."""

    CARD = "card"
    PAYPAL = "paypal"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay, as its provider knows it. The token is no secret to steal money with, and all the same unlogged."""

    kind: MethodKind
    token: str = field(repr=False)


def refuse_card_number(text: str) -> None:
    """Let a text pass that holds nothing like a card number.

    Raises:
        CardNumberRefusedError: 12 to 19 digits in it, perhaps apart, end in the check digit of a card's number.
    """
    if holds_card_number(text):
        raise CardNumberRefusedError("Give the token that the provider made for the card.")
