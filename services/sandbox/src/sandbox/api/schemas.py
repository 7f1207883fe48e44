"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from chassis.card_numbers import holds_card_number
from chassis.money_schema import MoneyField
from sandbox.domain.operations import Instruction, Kind, Operation, State

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
"""The merchant's own name for what it asks; the same name is the same thing for ever."""


class PositiveMoney(MoneyField):
    """An amount of at least one minor unit."""

    amount: Annotated[int, Field(strict=True, ge=1, le=10**12, description="In minor units.")]


def _no_card_number(token: str) -> str:
    if holds_card_number(token):
        raise ValueError("should be a token; this provider has no use for a card's number")
    return token


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AuthorisationIn(_In):
    """An amount to be held. ``token`` says what shall happen."""

    reference: Reference
    amount: PositiveMoney
    method: Literal["card", "paypal"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_no_card_number)]

    def instruction(self) -> Instruction:
        """Return what it asks."""
        return Instruction(
            self.reference,
            Kind.AUTHORISATION,
            self.reference,
            self.amount.amount,
            self.amount.currency,
            self.method,
            self.token,
        )


class MovementIn(_In):
    """An amount to be captured from an authorisation, or refunded to it."""

    reference: Reference
    authorisation: Reference
    amount: PositiveMoney

    def instruction(self, kind: Kind) -> Instruction:
        """Return what it asks."""
        return Instruction(self.reference, kind, self.authorisation, self.amount.amount, self.amount.currency)


class VoidIn(_In):
    """An authorisation that shall hold nothing any more; one that never came is refused when it comes."""

    reference: Reference
    authorisation: Reference

    def instruction(self) -> Instruction:
        """Return what it asks."""
        return Instruction(self.reference, Kind.VOID, self.authorisation)


class OperationOut(BaseModel):
    """What was asked, and what came of it. ``live`` is false: no money moves here."""

    reference: str
    kind: Kind
    authorisation: str
    state: State
    code: str | None
    provider_reference: str
    amount: MoneyField
    created_at: datetime
    settled_at: datetime | None
    live: Literal[False]

    @classmethod
    def of(cls, operation: Operation, now: datetime) -> "OperationOut":
        """Show an operation as it can be known at ``now``."""
        asked, state = operation.instruction, operation.state(now)
        pending = state is State.PENDING
        return cls(
            reference=asked.reference,
            kind=asked.kind,
            authorisation=asked.authorisation,
            state=state,
            code=None if pending else operation.code,
            provider_reference=str(operation.provider_reference),
            amount=MoneyField(amount=asked.amount_minor, currency=asked.currency),
            created_at=operation.created_at,
            settled_at=None if pending else operation.settled_at,
            live=False,
        )
