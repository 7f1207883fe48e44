"""The payment of an order: what was asked, what came of it, and the rules between the two."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.errors import ConflictError, InvalidError, NotFoundError
from chassis.money import Money
from payments.domain.events import Happening, PaymentChanged
from payments.domain.ledger import Booking, Entry, lines_of
from payments.domain.methods import Method, MethodKind
from payments.domain.steps import Outcome, Step, StepKind, StepState, Task, Verdict


class PaymentNotFoundError(NotFoundError):
    """Nobody ever asked for a payment of this order."""

    code = "payment-not-found"
    title = "No such payment"


class RefundNotFoundError(NotFoundError):
    """Nobody ever asked for this refund."""

    code = "refund-not-found"
    title = "No such refund"


class PaymentVoidedError(ConflictError):
    """The payment was voided, perhaps before it came; it will never be taken."""

    code = "payment-voided"
    title = "The payment was voided"


class PaymentDiffersError(ConflictError):
    """The order's payment, or the refund, was asked for before, with another body."""

    code = "payment-differs"
    title = "It was asked for with another body"


class PaymentCapturedError(ConflictError):
    """The money was taken; from here it only goes back as a refund."""

    code = "payment-captured"
    title = "The payment was captured"


class PaymentPendingError(ConflictError):
    """The outcome of an earlier step is not known yet; ask again."""

    code = "payment-pending"
    title = "An earlier step is still undecided"


class PaymentNotAuthorisedError(ConflictError):
    """There is nothing to capture: it was declined, or the authorisation is gone."""

    code = "payment-not-authorised"
    title = "The payment is not authorised"


class PaymentNotCapturedError(ConflictError):
    """Nothing was captured that could be given back."""

    code = "payment-not-captured"
    title = "The payment was not captured"


class RefundTooLargeError(ConflictError):
    """More than was captured would go back."""

    code = "refund-too-large"
    title = "The refund is larger than what is left"


class RefundRefusedError(InvalidError):
    """A refund is of the payment's own currency."""

    code = "refund-currency-differs"
    title = "The refund has another currency"


class PaymentState(StrEnum):
    """Where a payment stands. What ends in -ing waits for the provider."""

    NEW = "new"
    """Begun in this unit of work; never stored."""
    AUTHORISING = "authorising"
    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    CAPTURE_REFUSED = "capture-refused"
    VOIDING = "voiding"
    VOIDED = "voided"
    VOID_REFUSED = "void-refused"
    """The provider does not let go of what it holds: shown as pending, and tried again when it is asked for again."""


GIVEN_UP = {PaymentState.VOIDING, PaymentState.VOIDED, PaymentState.VOID_REFUSED}
"""Somebody wanted it voided: it will never be taken."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an order wants to be paid, and with what; the same for ever."""

    amount: Money
    method: Method
    customer_id: UUID | None


class Payment:
    """The one payment that an order has.

    It is begun by whatever comes first: the wish to authorise it, or the wish to void it, which leaves a tombstone
    without amount that refuses the late original. ``version`` counts its changes.
    """

    def __init__(self, order_id: UUID, provider: str, now: datetime) -> None:
        self.order_id = order_id
        self.version = 0
        self.state = PaymentState.NEW
        self.provider = provider
        self.kind: MethodKind | None = None
        self.token: str | None = None
        self.customer_id: UUID | None = None
        self.amount_minor: int | None = None
        self.currency: str | None = None
        self.captured_minor = 0
        self.refunded_minor = 0
        self.held_minor = 0
        self.decline_code: str | None = None
        self.provider_reference: str | None = None
        self.created_at = now
        self.updated_at = now
        self.steps: list[Step] = []
        self.begin_unit()

    def begin_unit(self) -> None:
        """Start with nothing to tell and nothing to book."""
        self.events: list[PaymentChanged] = []
        self.entries: list[Entry] = []

    @property
    def amount(self) -> Money | None:
        """What the order costs; None for a tombstone."""
        if self.amount_minor is None or self.currency is None:
            return None
        return Money(self.amount_minor, self.currency)

    @property
    def request(self) -> Request | None:
        """What was asked in the beginning; None for a tombstone."""
        if self.amount is None or self.kind is None or self.token is None:
            return None
        return Request(self.amount, Method(self.kind, self.token), self.customer_id)

    # What orders ask.

    def authorise(self, request: Request, now: datetime) -> Step:
        """Ask for an amount to be held.

        Raises:
            PaymentVoidedError: It was voided.
            PaymentDiffersError: It was asked for with another body.
        """
        if self.state in GIVEN_UP:
            raise PaymentVoidedError(order_id=str(self.order_id))
        if self.state is not PaymentState.NEW:
            if self.request != request:
                raise PaymentDiffersError(order_id=str(self.order_id))
            return self._step(StepKind.AUTHORISE)
        self.amount_minor, self.currency = request.amount.amount_minor, request.amount.currency
        self.kind, self.token = request.method.kind, request.method.token
        self.customer_id = request.customer_id
        return self._begin(StepKind.AUTHORISE, PaymentState.AUTHORISING, request.amount, now)

    def capture(self, now: datetime) -> Step:
        """Ask for what is held to be taken.

        Raises:
            PaymentPendingError: Nobody knows yet whether it is held.
            PaymentVoidedError: It was voided.
            PaymentNotAuthorisedError: It was declined.
        """
        if self.state in (PaymentState.CAPTURING, PaymentState.CAPTURED, PaymentState.CAPTURE_REFUSED):
            return self._step(StepKind.CAPTURE)
        if self.state is PaymentState.AUTHORISING:
            raise PaymentPendingError("It is not authorised yet.", retry_after_seconds=1)
        if self.state in GIVEN_UP:
            raise PaymentVoidedError(order_id=str(self.order_id))
        if self.state is not PaymentState.AUTHORISED or self.amount is None:
            raise PaymentNotAuthorisedError(order_id=str(self.order_id))
        return self._begin(StepKind.CAPTURE, PaymentState.CAPTURING, self.amount, now)

    def void(self, now: datetime) -> Step | None:
        """Give up what is held, or what may yet come to be held; if that was refused, try it again.

        Returns:
            The step; None where nothing is to be asked of the provider.

        Raises:
            PaymentCapturedError: The money was taken.
            PaymentPendingError: Nobody knows yet whether it was taken.
        """
        if self.state is PaymentState.CAPTURED:
            raise PaymentCapturedError(order_id=str(self.order_id))
        if self.state is PaymentState.CAPTURING:
            raise PaymentPendingError("It is being captured.", retry_after_seconds=1)
        if self.state in (PaymentState.VOIDING, PaymentState.VOIDED):
            return self._find(StepKind.VOID.value)
        if self.state is PaymentState.VOID_REFUSED:
            step = self._step(StepKind.VOID)
            step.reopen(now)
            self._move(PaymentState.VOIDING, now)
            return step
        if self.state in (PaymentState.NEW, PaymentState.DECLINED) or self.amount is None:
            self._move(PaymentState.VOIDED, now)
            self._tell(Happening.VOIDED, self.amount, now)
            return None
        return self._begin(StepKind.VOID, PaymentState.VOIDING, self.amount, now)

    def refund(self, refund_id: UUID, amount: Money, now: datetime) -> Step:
        """Give back what was taken, or a part of it; if that was refused, try it again.

        Raises:
            PaymentDiffersError: This refund was asked for with another amount.
            PaymentNotCapturedError: Nothing was taken.
            RefundTooLargeError: With what was given back, and what is about to be, it is more than was taken.
            RefundRefusedError: It has another currency.
        """
        name = f"{StepKind.REFUND}-{refund_id}"
        known = self._find(name)
        if known and known.amount != amount:
            raise PaymentDiffersError(order_id=str(self.order_id), refund_id=str(refund_id))
        if known and known.state is not StepState.REFUSED:
            return known
        if self.state is not PaymentState.CAPTURED:
            raise PaymentNotCapturedError(order_id=str(self.order_id))
        if amount.currency != self.currency:
            raise RefundRefusedError(f"It was paid in {self.currency}.")
        left = self.captured_minor - self._promised_minor()
        if amount.amount_minor > left:
            raise RefundTooLargeError(left={"amount": left, "currency": self.currency})
        if known:
            known.reopen(now)
        else:
            known = Step(self.order_id, name, StepKind.REFUND, amount, now)
            self.steps.append(known)
        self._touch(now)
        return known

    def find_refund(self, refund_id: UUID) -> Step:
        """Return a refund.

        Raises:
            RefundNotFoundError: It was never asked for.
        """
        if found := self._find(f"{StepKind.REFUND}-{refund_id}"):
            return found
        raise RefundNotFoundError(order_id=str(self.order_id), refund_id=str(refund_id))

    # What providers say.

    def claim(self, step: Step, now: datetime) -> Task:
        """Take the lease of a step."""
        step.claim(now)
        return self.task(step)

    def task(self, step: Step) -> Task:
        """Return what it takes to ask the provider."""
        if self.kind is None or self.token is None:
            raise AssertionError("A tombstone has no steps.")  # pragma: no cover
        return Task(
            step_id=step.id,
            order_id=self.order_id,
            provider=self.provider,
            kind=step.kind,
            reference=step.reference,
            authorisation=self._step(StepKind.AUTHORISE).reference,
            amount=step.amount,
            method=Method(self.kind, self.token),
            attempt=step.attempts,
            fence=step.fence,
        )

    def hear(self, step: Step, outcome: Outcome, now: datetime) -> bool:
        """Take an outcome over, from an answer or a webhook, whichever comes first; tell whether it was news."""
        if not step.pending or outcome.verdict is Verdict.UNDECIDED:
            return False
        step.settle(outcome, now)
        approved = outcome.verdict is Verdict.APPROVED
        match step.kind:
            case StepKind.AUTHORISE:
                self._authorised(step, now) if approved else self._declined(step, now)
            case StepKind.CAPTURE:
                self._captured(step, now) if approved else self._capture_refused(step, now)
            case StepKind.VOID:
                self._voided(step, now) if approved or self._holds_nothing else self._void_refused(step, now)
            case StepKind.REFUND:
                self._refunded(step, now) if approved else self._touch(now)
        return True

    def _authorised(self, step: Step, now: datetime) -> None:
        """The money is held; also while it is being voided, which then lets it go."""
        self._book(step, Booking.HELD, now)
        self.held_minor, self.provider_reference = step.amount_minor, step.provider_reference
        if self.state is PaymentState.AUTHORISING:
            self._move(PaymentState.AUTHORISED, now)
            self._tell(Happening.AUTHORISED, step.amount, now)
        else:
            self._touch(now)

    def _declined(self, step: Step, now: datetime) -> None:
        self.decline_code = step.code
        if self.state is PaymentState.AUTHORISING:
            self._move(PaymentState.DECLINED, now)
            self._tell(Happening.DECLINED, step.amount, now, detail=step.code)
        elif self.state is PaymentState.VOID_REFUSED:
            # There was nothing to let go of.
            self._move(PaymentState.VOIDED, now)
            self._tell(Happening.VOIDED, step.amount, now)
        else:
            self._touch(now)

    def _captured(self, step: Step, now: datetime) -> None:
        self._book(step, Booking.CAPTURED, now)
        self.held_minor, self.captured_minor = 0, step.amount_minor
        self._move(PaymentState.CAPTURED, now)
        self._tell(Happening.CAPTURED, step.amount, now)

    def _capture_refused(self, step: Step, now: datetime) -> None:
        """The authorisation is gone; voiding it once more is harmless."""
        self._release(step, now)
        self._move(PaymentState.CAPTURE_REFUSED, now)

    def _voided(self, step: Step, now: datetime) -> None:
        """Nothing is held, and nothing can come to be held: the provider refuses the late original."""
        original = self._step(StepKind.AUTHORISE)
        if original.pending:
            original.drop(now)
        self._release(step, now)
        self.decline_code = None
        self._move(PaymentState.VOIDED, now)
        self._tell(Happening.VOIDED, step.amount, now)

    @property
    def _holds_nothing(self) -> bool:
        """Whether the provider has said already that nothing is held, and nothing can come to be."""
        return not self.held_minor and not self._step(StepKind.AUTHORISE).pending

    def _void_refused(self, step: Step, now: datetime) -> None:
        """The money stays where it is, in the books too, until a later try succeeds."""
        self.decline_code = step.code
        self._move(PaymentState.VOID_REFUSED, now)

    def _refunded(self, step: Step, now: datetime) -> None:
        self._book(step, Booking.REFUNDED, now)
        self.refunded_minor += step.amount_minor
        self._touch(now)
        self._tell(Happening.REFUNDED, step.amount, now, detail=step.name.removeprefix(f"{StepKind.REFUND}-"))

    def _release(self, step: Step, now: datetime) -> None:
        if self.held_minor:
            self._book(step, Booking.RELEASED, now)
            self.held_minor = 0

    # What all of them do.

    def _begin(self, kind: StepKind, state: PaymentState, amount: Money, now: datetime) -> Step:
        step = Step(self.order_id, kind.value, kind, amount, now)
        self.steps.append(step)
        self._move(state, now)
        return step

    def _find(self, name: str) -> Step | None:
        return next((each for each in self.steps if each.name == name), None)

    def _step(self, kind: StepKind) -> Step:
        return next(each for each in self.steps if each.kind is kind)

    def _promised_minor(self) -> int:
        refunds = (each for each in self.steps if each.kind is StepKind.REFUND and each.state is not StepState.REFUSED)
        return sum(each.amount_minor for each in refunds)

    def _move(self, state: PaymentState, now: datetime) -> None:
        self.state = state
        self._touch(now)

    def _touch(self, now: datetime) -> None:
        self.version += 1
        self.updated_at = now

    def _book(self, step: Step, booking: Booking, now: datetime) -> None:
        lines = lines_of(booking, step.amount_minor, step.currency)
        self.entries.append(Entry(self.order_id, step.name, booking, now, lines))

    def _tell(self, happening: Happening, amount: Money | None, now: datetime, *, detail: str | None = None) -> None:
        self.events.append(PaymentChanged(happening, self.order_id, self.version, amount, now, detail))
