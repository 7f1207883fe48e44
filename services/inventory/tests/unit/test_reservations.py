"""A reservation's rules: which way each step leads, and what it does to the stock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from inventory.domain.events import Pieces, StockCommitted, StockReleased, StockReserved, StockReturned
from inventory.domain.reservations import (
    Reservation,
    ReservationCommittedError,
    ReservationDiffersError,
    ReservationNotCommittedError,
    ReservationReleasedError,
    ReturnTooLargeError,
    State,
)
from inventory.events import publish

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
EXPIRES = NOW + timedelta(minutes=15)
HELD = (Pieces("A", "x", 2), Pieces("A", "y", 1), Pieces("B", "x", 4))
Step = Callable[[Reservation], None]


@pytest.fixture
def held() -> Reservation:
    reservation = Reservation(uuid4(), State.HELD, NOW, expires_at=EXPIRES)
    reservation.hold(HELD, NOW)
    return reservation


def moved(reservation: Reservation) -> dict[tuple[str, str], tuple[int, int]]:
    """Return by how much all moves together change what is on hand and what is reserved."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for move in reservation.moves:
        on_hand, reserved = sums.get((move.sku, move.warehouse), (0, 0))
        sums[move.sku, move.warehouse] = on_hand + move.on_hand, reserved + move.reserved
    return sums


def test_held_stock_is_reserved_where_it_lies(held: Reservation) -> None:
    assert moved(held) == {("A", "x"): (0, 2), ("A", "y"): (0, 1), ("B", "x"): (0, 4)}
    assert held.events == [StockReserved(held.order_id, 1, HELD, EXPIRES, NOW)]


def test_committed_stock_is_neither_reserved_nor_on_hand(held: Reservation) -> None:
    held.pin(NOW)
    held.commit(NOW)
    assert moved(held) == {("A", "x"): (-2, 0), ("A", "y"): (-1, 0), ("B", "x"): (-4, 0)}
    assert held.events[-1] == StockCommitted(held.order_id, 3, HELD, NOW)


@pytest.mark.parametrize("pinned", [False, True])
def test_released_stock_is_as_if_never_held(held: Reservation, *, pinned: bool) -> None:
    if pinned:
        held.pin(NOW)
    held.release(NOW)
    assert set(moved(held).values()) == {(0, 0)}
    assert held.events[-1] == StockReleased(held.order_id, held.version, HELD, expired=False, released_at=NOW)


def test_held_stock_expires_at_its_time_and_not_before(held: Reservation) -> None:
    held.expire(EXPIRES - timedelta(microseconds=1))
    assert held.version == 1
    held.expire(EXPIRES)
    assert (held.version, held.state) == (2, State.EXPIRED)
    assert set(moved(held).values()) == {(0, 0)}
    assert held.events[-1] == StockReleased(held.order_id, 2, HELD, expired=True, released_at=EXPIRES)


def test_pinned_stock_does_not_expire(held: Reservation) -> None:
    held.pin(NOW)
    held.expire(EXPIRES)
    assert (held.state, held.state_at(EXPIRES)) == (State.PINNED, State.PINNED)


@pytest.mark.parametrize("step", [Reservation.pin, Reservation.commit])
def test_expired_stock_is_gone_before_anybody_writes_it_down(
    held: Reservation, step: Callable[[Reservation, datetime], None]
) -> None:
    with pytest.raises(ReservationReleasedError):
        step(held, EXPIRES)
    step(held, EXPIRES - timedelta(microseconds=1))


def test_tombstone_refuses_everything_but_a_release() -> None:
    tombstone = Reservation(uuid4(), State.RELEASED, NOW)
    with pytest.raises(ReservationReleasedError):
        tombstone.confirm({"A": 1}, NOW)
    with pytest.raises(ReservationReleasedError):
        tombstone.pin(NOW)
    with pytest.raises(ReservationReleasedError):
        tombstone.commit(NOW)
    tombstone.release(NOW)
    assert (tombstone.version, tombstone.moves, tombstone.events) == (1, [], [])


def test_committed_stock_is_not_released(held: Reservation) -> None:
    held.commit(NOW)
    with pytest.raises(ReservationCommittedError):
        held.release(NOW)


@pytest.mark.parametrize(
    "steps",
    [
        (lambda held: held.pin(NOW),),
        (lambda held: held.commit(NOW),),
        (lambda held: held.pin(NOW), lambda held: held.commit(NOW)),
        (lambda held: held.release(NOW),),
    ],
)
def test_step_taken_again_changes_nothing(held: Reservation, steps: tuple[Step, ...]) -> None:
    for step in steps:
        step(held)
    before = held.version, held.state, list(held.moves), list(held.events), list(held.history)
    for step in steps:
        step(held)
    assert (held.version, held.state, held.moves, held.events, held.history) == before


def test_same_quantities_are_confirmed_and_others_refused(held: Reservation) -> None:
    held.confirm({"B": 4, "A": 3}, NOW)
    for wanted in ({"A": 3}, {"A": 2, "B": 4}, {"A": 3, "B": 4, "C": 1}):
        with pytest.raises(ReservationDiffersError):
            held.confirm(wanted, NOW)


def test_return_goes_to_where_the_goods_came_from(held: Reservation) -> None:
    held.commit(NOW)
    held.moves.clear()
    first, second = uuid4(), uuid4()
    held.take_back(first, {"A": 2}, NOW)
    held.take_back(second, {"A": 1, "B": 1}, NOW)
    assert moved(held) == {("A", "x"): (2, 0), ("A", "y"): (1, 0), ("B", "x"): (1, 0)}
    assert held.events[-1] == StockReturned(held.order_id, 4, second, (Pieces("A", "y", 1), Pieces("B", "x", 1)), NOW)
    with pytest.raises(ReturnTooLargeError) as refusal:
        held.take_back(uuid4(), {"A": 1, "B": 3}, NOW)
    assert refusal.value.extensions["excess"] == ["A"]


def test_nothing_returns_that_has_not_left(held: Reservation) -> None:
    with pytest.raises(ReservationNotCommittedError):
        held.take_back(uuid4(), {"A": 1}, NOW)


def test_every_step_is_kept(held: Reservation) -> None:
    held.pin(NOW)
    held.commit(EXPIRES)
    assert [(each.version, each.state, each.at) for each in held.history] == [
        (1, State.HELD, NOW),
        (2, State.PINNED, NOW),
        (3, State.COMMITTED, EXPIRES),
    ]


def test_told_event_is_about_the_order_with_the_version_as_sequence(held: Reservation) -> None:
    held.commit(NOW)
    messages = [publish(event) for event in held.events]
    assert [(each.data.name, each.subject, each.sequence) for each in messages] == [
        ("stock-reserved", str(held.order_id), 1),
        ("stock-committed", str(held.order_id), 2),
    ]
