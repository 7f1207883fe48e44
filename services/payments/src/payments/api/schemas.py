"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from chassis.money import Money
from chassis.money_schema import MoneyField
from payments.domain.ledger import Account, Booking
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import PaymentState, Request
from payments.domain.ports import ProviderOperation
from payments.domain.services import RefundView
from payments.domain.steps import Outcome, StepKind, StepState, Verdict, as_code, as_reference
from payments.domain.views import BalanceView, EntryView, PaymentView

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,127}$")]
"""What a provider gave for a card or an account; never the card's number."""

State = Literal["pending", "authorised", "declined", "captured", "capture-refused", "voided"]


class _In(BaseModel):
    # What was refused may hold what must not be written anywhere.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class PositiveMoney(MoneyField):
    """An amount of at least one minor unit."""

    amount: Annotated[int, Field(strict=True, ge=1, le=10**12, description="In minor units.")]


class MethodIn(_In):
    """What is paid with."""

    kind: MethodKind
    token: Token


class PaymentIn(_In):
    """What an order wants to be paid; the same for ever."""

    amount: PositiveMoney
    method: MethodIn
    customer_id: UUID | None = None

    def request(self) -> Request:
        """Return what it asks."""
        return Request(self.amount.to_money(), Method(self.method.kind, self.method.token), self.customer_id)


class RefundIn(_In):
    """What shall be given back."""

    amount: PositiveMoney


class WebhookIn(BaseModel):
    """An outcome, as the provider reports it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: UUID
    reference: Annotated[str, StringConstraints(max_length=128)]
    kind: str
    state: Literal["approved", "refused"]
    code: str | None
    provider_reference: str
    amount: MoneyField
    occurred_at: AwareDatetime

    def outcome(self) -> Outcome:
        """Return what it says."""
        verdict = Verdict.APPROVED if self.state == "approved" else Verdict.REFUSED
        return Outcome(verdict, as_code(self.code), as_reference(self.provider_reference))


class PaymentOut(BaseModel):
    """An order's payment.

    ``state`` is ``pending`` while the outcome of ``pending_step`` is unknown: ask again. Amounts are null where the
    payment was voided before it came. ``decline_code`` says why the provider declined it, or why it does not let go of
    what it holds: that is a void that is pending until it does.
    """

    order_id: UUID
    state: State
    pending_step: Literal["authorise", "capture", "void"] | None
    amount: MoneyField | None
    held: MoneyField | None
    captured: MoneyField | None
    refunded: MoneyField | None
    kind: MethodKind | None
    customer_id: UUID | None
    provider: str
    provider_reference: str | None
    decline_code: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: PaymentView) -> "PaymentOut":
        """Show a payment."""
        return cls.model_validate(
            {
                **view._asdict(),
                "state": "pending" if view.state in _PENDING_STEPS else view.state.value,
                "pending_step": _PENDING_STEPS.get(view.state),
                "amount": _money(view, view.amount_minor),
                "held": _money(view, view.held_minor),
                "captured": _money(view, view.captured_minor),
                "refunded": _money(view, view.refunded_minor),
            }
        )


_PENDING_STEPS = {
    PaymentState.AUTHORISING: StepKind.AUTHORISE.value,
    PaymentState.CAPTURING: StepKind.CAPTURE.value,
    PaymentState.VOIDING: StepKind.VOID.value,
    PaymentState.VOID_REFUSED: StepKind.VOID.value,
}


class RefundOut(BaseModel):
    """A refund, and what of the order's payment has been taken and given back by now."""

    order_id: UUID
    refund_id: UUID
    state: Literal["pending", "refunded", "refused"]
    amount: MoneyField
    code: str | None
    captured: MoneyField | None
    refunded: MoneyField | None

    @classmethod
    def of(cls, refund: RefundView) -> "RefundOut":
        """Show a refund."""
        words = {StepState.PENDING: "pending", StepState.DONE: "refunded"}
        return cls.model_validate(
            {
                "order_id": refund.payment.order_id,
                "refund_id": refund.refund_id,
                "state": words.get(refund.state, "refused"),
                "amount": refund.amount,
                "code": refund.code,
                "captured": _money(refund.payment, refund.payment.captured_minor),
                "refunded": _money(refund.payment, refund.payment.refunded_minor),
            }
        )


class LineOut(BaseModel):
    """One side of an entry; positive is a debit."""

    account: Account
    amount: MoneyField


class EntryOut(BaseModel):
    """Something that happened to money. Its lines sum to zero in every currency."""

    id: UUID
    order_id: UUID
    step: str
    booking: Booking
    booked_at: datetime
    lines: list[LineOut]

    @classmethod
    def of(cls, entry: EntryView) -> "EntryOut":
        """Show an entry."""
        lines = [{"account": each.account, "amount": Money(each.amount_minor, each.currency)} for each in entry.lines]
        return cls.model_validate({**entry._asdict(), "lines": lines})


class AccountOut(BaseModel):
    """An account of the ledger."""

    name: Account
    summary: str


class BalanceOut(BaseModel):
    """What is on an account in one currency: debits less credits."""

    account: Account
    debit: MoneyField
    credit: MoneyField
    balance: MoneyField

    @classmethod
    def of(cls, view: BalanceView) -> "BalanceOut":
        """Show a balance."""
        amounts = {"debit": view.debit_minor, "credit": view.credit_minor, "balance": view.balance_minor}
        money = {name: Money(amount, view.currency) for name, amount in amounts.items()}
        return cls.model_validate({"account": view.account, **money})


class ProviderOperationOut(BaseModel):
    """A line of the provider's own books."""

    reference: str
    kind: str
    authorisation: str
    state: str
    code: str | None
    amount: MoneyField
    settled_at: datetime

    @classmethod
    def of(cls, line: ProviderOperation) -> "ProviderOperationOut":
        """Show a line."""
        return cls.model_validate(line, from_attributes=True)


def _money(view: PaymentView, amount_minor: int | None) -> Money | None:
    return None if view.currency is None or amount_minor is None else Money(amount_minor, view.currency)
