"""The checkout's state machine, by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money
from orders.domain.orders import FINAL, Order, OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.sagas import Done, Kind, Later, Outcome, Refused, Saga, Step, Verdict
from services.orders.tests.unit.examples import an_order

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
REFUSAL = Refused("no", "No.")


def a_saga(order: Order) -> Saga:
    return Saga(
        order.id, Kind.CHECKOUT, NOW, deadline_at=NOW + timedelta(minutes=10), payment=PaymentMethod("card", "tok")
    )


def settle(saga: Saga, order: Order, outcome: Outcome, now: datetime = NOW) -> bool:
    return saga.settle(order, outcome, now, spread=lambda: 1.0)


def taken_to(step: Step) -> tuple[Saga, Order]:
    """Return a saga that is about to make this call, and its order."""
    order = an_order()
    saga = a_saga(order)
    while saga.step is not step:
        assert saga.begin(order, NOW, LEASE)
        settle(saga, order, Done())
    return saga, order


def finish(saga: Saga, order: Order, now: datetime = NOW) -> list[Step]:
    """Let everything succeed from here on; return the calls."""
    calls = []
    while (step := saga.begin(order, now, LEASE)) is not None:
        calls.append(step)
        if not settle(saga, order, Done(), now):
            break
    return calls


def test_everything_goes_well() -> None:
    order = an_order()
    saga = a_saga(order)
    assert finish(saga, order) == [Step.RESERVE, Step.AUTHORISE, Step.PIN, Step.CAPTURE, Step.COMMIT]
    assert (order.status, saga.finished_at, saga.payment) == (OrderStatus.CONFIRMED, NOW, None)


@pytest.mark.parametrize(
    ("step", "undoing"),
    [
        (Step.RESERVE, [Step.RELEASE]),
        (Step.AUTHORISE, [Step.RELEASE]),
        (Step.PIN, [Step.VOID, Step.RELEASE]),
        (Step.CAPTURE, [Step.VOID, Step.RELEASE]),
    ],
)
def test_refusal_is_undone(step: Step, undoing: list[Step]) -> None:
    saga, order = taken_to(step)
    saga.begin(order, NOW, LEASE)
    assert settle(saga, order, REFUSAL)
    assert finish(saga, order) == undoing
    assert (order.status, order.code) == (OrderStatus.REJECTED, "no")


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("step", "undoing_unbegun", "undoing_begun"),
    [
        (Step.RESERVE, [], [Step.RELEASE]),
        (Step.AUTHORISE, [Step.RELEASE], [Step.VOID, Step.RELEASE]),
        (Step.PIN, [Step.VOID, Step.RELEASE], [Step.VOID, Step.RELEASE]),
        (Step.CAPTURE, [Step.VOID, Step.RELEASE], [Step.CAPTURE, Step.COMMIT]),
        (Step.COMMIT, [Step.COMMIT], [Step.COMMIT]),
    ],
)
@pytest.mark.parametrize("why", ["cancelled", "too late"])
def test_turning_back_undoes_what_may_have_begun_and_never_a_capture(
    step: Step, undoing_unbegun: list[Step], undoing_begun: list[Step], why: str, *, begun: bool
) -> None:
    saga, order = taken_to(step)
    if begun:
        saga.begin(order, NOW, LEASE)
        settle(saga, order, Later("no answer"))
    now = NOW
    if why == "cancelled":
        order.request_cancellation("customer:1", None, NOW)
    else:
        now = NOW + timedelta(minutes=10)
    expected = undoing_begun if begun else undoing_unbegun
    assert finish(saga, order, now) == expected
    confirmed = Step.COMMIT in expected
    undone = OrderStatus.CANCELLED if why == "cancelled" else OrderStatus.REJECTED
    assert order.status is (OrderStatus.CONFIRMED if confirmed else undone)


@pytest.mark.parametrize("step", [Step.COMMIT, Step.VOID, Step.RELEASE])
def test_what_cannot_be_refused_is_asked_again(step: Step) -> None:
    if step is Step.COMMIT:
        saga, order = taken_to(step)
    else:
        saga, order = taken_to(Step.PIN)
        saga.turn_back(Verdict.REJECTED, "no", "No.", to=step)
    saga.begin(order, NOW, LEASE)
    assert not settle(saga, order, REFUSAL)
    assert (saga.step, saga.finished_at) == (step, None)
    assert saga.error == "refused: no: No."


def test_what_costs_nothing_moves_no_money() -> None:
    order = an_order()
    free = Money(0, "EUR")
    saga = Saga(order.id, Kind.CHECKOUT, NOW, amount=free)
    assert finish(saga, order) == [Step.RESERVE, Step.PIN, Step.COMMIT]
    saga, other = Saga(order.id, Kind.CHECKOUT, NOW, amount=free), an_order()
    saga.begin(other, NOW, LEASE)
    settle(saga, other, Done())
    saga.begin(other, NOW, LEASE)
    settle(saga, other, REFUSAL)
    assert finish(saga, other) == [Step.RELEASE]
    assert finish(Saga(order.id, Kind.REVERSAL, NOW, amount=free, lines=order.lines), order) == [Step.RESTOCK]


def test_pauses_grow_and_end_at_half_a_minute() -> None:
    saga, order = taken_to(Step.COMMIT)
    pauses = []
    for _ in range(12):
        saga.begin(order, NOW, LEASE)
        settle(saga, order, Later("no answer"))
        pauses.append((saga.next_attempt_at - NOW).total_seconds())
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == 30
    assert saga.leased_until is None


def test_peer_is_left_alone_for_as_long_as_it_asks() -> None:
    saga, order = taken_to(Step.COMMIT)
    saga.begin(order, NOW, LEASE)
    settle(saga, order, Later("no answer", after_seconds=7))
    assert saga.next_attempt_at == NOW + timedelta(seconds=7)


def test_pause_does_not_outlast_the_deadline() -> None:
    saga, order = taken_to(Step.PIN)
    saga.begin(order, NOW, LEASE)
    almost = NOW + timedelta(minutes=10) - timedelta(seconds=1)
    settle(saga, order, Later("no answer", after_seconds=20), almost)
    assert saga.next_attempt_at == NOW + timedelta(minutes=10)


outcomes = st.sampled_from([Done(), Refused("no", "No."), Later("no answer")])


@given(st.lists(st.tuples(outcomes, st.booleans(), st.integers(0, 120)), max_size=30))
def test_saga_always_ends_and_never_captures_what_it_gives_up(story: list[tuple[Outcome, bool, int]]) -> None:
    order = an_order()
    saga = a_saga(order)
    now = NOW
    done: list[Step] = []
    for outcome, cancel, seconds in [*story, *[(Done(), False, 1)] * 9]:
        now += timedelta(seconds=seconds)
        if cancel and order.status not in FINAL and order.status is not OrderStatus.CONFIRMED:
            order.request_cancellation("customer:1", None, now)
        step = saga.begin(order, now, LEASE)
        if step is None:
            break
        if isinstance(outcome, Done):
            done.append(step)
        settle(saga, order, outcome, now)
        if saga.finished_at is not None:
            break
    assert saga.finished_at is not None
    assert (Step.CAPTURE in done) == (order.status is OrderStatus.CONFIRMED) == (Step.COMMIT in done)
    if Step.RESERVE in done and order.status in FINAL:
        assert Step.RELEASE in done
    if Step.AUTHORISE in done and order.status in FINAL:
        assert Step.VOID in done
