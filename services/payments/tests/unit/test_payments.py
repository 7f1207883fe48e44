"""A payment's rules, in whatever order wishes and outcomes come."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis.money import Money
from payments.domain.events import Happening
from payments.domain.ledger import Booking
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import (
    Payment,
    PaymentCapturedError,
    PaymentDiffersError,
    PaymentNotAuthorisedError,
    PaymentPendingError,
    PaymentState,
    PaymentVoidedError,
    RefundTooLargeError,
    Request,
)
from payments.domain.processors import CreditCardProcessor, PayPalProcessor, RefundTooLateError
from payments.domain.steps import Outcome, Step, StepState, Verdict, pause_seconds

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
YES, NO = Outcome(Verdict.APPROVED, None, "ref"), Outcome(Verdict.REFUSED, "declined", "ref")
PERHAPS = Outcome(Verdict.UNDECIDED)


@pytest.fixture
def payment(order: UUID) -> Payment:
    return Payment(order, "sandbox", AT)


@pytest.fixture
def authorised(payment: Payment, request_20: Request) -> Payment:
    payment.hear(payment.authorise(request_20, AT), YES, AT)
    return payment


@pytest.fixture
def captured(authorised: Payment) -> Payment:
    authorised.hear(authorised.capture(AT), YES, AT)
    return authorised


def booked(payment: Payment) -> list[Booking]:
    return [each.booking for each in payment.entries]


def told(payment: Payment) -> list[Happening]:
    return [each.happening for each in payment.events]


def test_outcome_is_stored_once(payment: Payment, request_20: Request) -> None:
    step = payment.authorise(request_20, AT)
    assert not payment.hear(step, PERHAPS, AT)
    assert payment.hear(step, YES, AT)
    for late in (YES, NO, PERHAPS):
        assert not payment.hear(step, late, AT)
    assert (payment.state, booked(payment), told(payment)) == (
        PaymentState.AUTHORISED,
        [Booking.HELD],
        [Happening.AUTHORISED],
    )


def test_every_change_counts(captured: Payment) -> None:
    assert captured.version == 4
    assert [each.version for each in captured.events] == [2, 4]


def test_declined_is_final(payment: Payment, request_20: Request) -> None:
    payment.hear(payment.authorise(request_20, AT), NO, AT)
    assert (payment.state, payment.decline_code, booked(payment)) == (PaymentState.DECLINED, "declined", [])
    with pytest.raises(PaymentNotAuthorisedError):
        payment.capture(AT)
    assert not payment.authorise(request_20, AT).pending


def test_void_before_everything_leaves_a_tombstone(payment: Payment, request_20: Request) -> None:
    assert payment.void(AT) is None
    assert (payment.state, payment.amount, told(payment)) == (PaymentState.VOIDED, None, [Happening.VOIDED])
    with pytest.raises(PaymentVoidedError):
        payment.authorise(request_20, AT)


def void(payment: Payment) -> Step:
    step = payment.void(AT)
    assert step is not None
    return step


def test_authorisation_that_is_heard_while_it_is_voided_is_held_until_then(
    payment: Payment, request_20: Request
) -> None:
    original, gone = payment.authorise(request_20, AT), void(payment)
    payment.hear(original, YES, AT)
    assert (payment.state, payment.held_minor, told(payment)) == (PaymentState.VOIDING, 2000, [])
    payment.hear(gone, YES, AT)
    assert (payment.state, payment.held_minor) == (PaymentState.VOIDED, 0)
    assert booked(payment) == [Booking.HELD, Booking.RELEASED]


def test_authorisation_that_is_heard_after_its_void_changes_nothing(payment: Payment, request_20: Request) -> None:
    original, gone = payment.authorise(request_20, AT), void(payment)
    payment.hear(gone, YES, AT)
    assert original.state is StepState.DROPPED
    assert not payment.hear(original, YES, AT)
    assert (payment.state, booked(payment)) == (PaymentState.VOIDED, [])


def test_void_waits_for_a_capture(authorised: Payment) -> None:
    step = authorised.capture(AT)
    with pytest.raises(PaymentPendingError):
        authorised.void(AT)
    authorised.hear(step, YES, AT)
    with pytest.raises(PaymentCapturedError):
        authorised.void(AT)


def test_refused_capture_holds_nothing_and_may_be_voided(authorised: Payment) -> None:
    authorised.hear(authorised.capture(AT), NO, AT)
    assert (authorised.state, authorised.held_minor) == (PaymentState.CAPTURE_REFUSED, 0)
    authorised.hear(void(authorised), YES, AT)
    assert booked(authorised) == [Booking.HELD, Booking.RELEASED]


def test_refused_void_is_known_as_what_it_is_until_a_later_try_succeeds(authorised: Payment, order: UUID) -> None:
    first = void(authorised)
    authorised.claim(first, AT)
    authorised.hear(first, NO, AT)
    refused = (PaymentState.VOID_REFUSED, 2000, "declined")
    assert (authorised.state, authorised.held_minor, authorised.decline_code) == refused
    assert (booked(authorised), told(authorised)) == ([Booking.HELD], [Happening.AUTHORISED])
    with pytest.raises(PaymentVoidedError):
        authorised.capture(AT)
    # The provider answers the same for ever under one reference.
    again = void(authorised)
    assert (authorised.state, again, again.reference) == (PaymentState.VOIDING, first, f"{order}-void-2")
    authorised.hear(again, YES, AT)
    assert (authorised.state, authorised.held_minor, authorised.decline_code) == (PaymentState.VOIDED, 0, None)
    assert booked(authorised) == [Booking.HELD, Booking.RELEASED]


def test_void_is_done_where_nothing_is_held_whatever_the_provider_says(authorised: Payment) -> None:
    authorised.hear(authorised.capture(AT), NO, AT)
    authorised.hear(void(authorised), NO, AT)
    assert (authorised.state, told(authorised)[-1]) == (PaymentState.VOIDED, Happening.VOIDED)


@pytest.mark.parametrize(("outcome", "state"), [(NO, PaymentState.VOIDED), (YES, PaymentState.VOID_REFUSED)])
def test_void_that_is_refused_before_anything_is_known_waits_for_the_authorisation(
    payment: Payment, request_20: Request, outcome: Outcome, state: PaymentState
) -> None:
    original = payment.authorise(request_20, AT)
    payment.hear(void(payment), NO, AT)
    assert payment.state is PaymentState.VOID_REFUSED
    payment.hear(original, outcome, AT)
    assert payment.state is state


def test_pending_refunds_count(captured: Payment) -> None:
    first = captured.refund(uuid4(), Money(1500, "EUR"), AT)
    with pytest.raises(RefundTooLargeError):
        captured.refund(uuid4(), Money(501, "EUR"), AT)
    captured.hear(first, NO, AT)
    captured.hear(captured.refund(uuid4(), Money(2000, "EUR"), AT), YES, AT)
    assert (captured.refunded_minor, booked(captured)[2:]) == (2000, [Booking.REFUNDED])


def test_refund_of_another_amount_differs(captured: Payment) -> None:
    refund_id = uuid4()
    step = captured.refund(refund_id, Money(1, "EUR"), AT)
    assert captured.refund(refund_id, Money(1, "EUR"), AT) is step
    with pytest.raises(PaymentDiffersError):
        captured.refund(refund_id, Money(2, "EUR"), AT)


def test_references_follow_from_order_and_step(captured: Payment, order: UUID) -> None:
    refund_id = uuid4()
    captured.refund(refund_id, Money(1, "EUR"), AT)
    assert [each.reference for each in captured.steps] == [
        f"{order}-authorise",
        f"{order}-capture",
        f"{order}-refund-{refund_id}",
    ]


def test_lease_is_another_one_each_time(payment: Payment, request_20: Request) -> None:
    step = payment.authorise(request_20, AT)
    first, second = payment.claim(step, AT), payment.claim(step, AT)
    assert (first.fence, second.fence, second.attempt) == (1, 2, 2)


def test_pauses_grow_up_to_a_minute() -> None:
    pauses = [pause_seconds(attempts) for attempts in range(1, 30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.5, 60)


def test_paypal_refunds_for_180_days_and_cards_for_ever() -> None:
    much_later = AT + timedelta(days=181)
    PayPalProcessor.check_refund(PayPalProcessor.__new__(PayPalProcessor), AT, AT + timedelta(days=180))
    with pytest.raises(RefundTooLateError):
        PayPalProcessor.check_refund(PayPalProcessor.__new__(PayPalProcessor), AT, much_later)
    CreditCardProcessor.check_refund(CreditCardProcessor.__new__(CreditCardProcessor), AT, much_later)


def test_token_is_not_shown() -> None:
    assert "tok_secret" not in repr(Method(MethodKind.CARD, "tok_secret"))
