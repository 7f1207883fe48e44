"""Entries balance, whatever is booked."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.domain.ledger import Account, Booking, Entry, Line, UnbalancedEntryError, lines_of, sums

AT = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.sampled_from(Booking), st.integers(1, 10**12), st.sampled_from(["EUR", "USD", "JPY"]))
def test_every_booking_sums_to_zero(booking: Booking, amount: int, currency: str) -> None:
    lines = lines_of(booking, amount, currency)
    assert sums(lines) == {currency: 0}
    assert {each.currency for each in lines} == {currency}
    Entry(uuid4(), "capture", booking, AT, lines)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (Line(Account.SALES, 1, "EUR"),),
        (Line(Account.SALES, 1, "EUR"), Line(Account.PROVIDER, -2, "EUR")),
        (Line(Account.SALES, 1, "EUR"), Line(Account.PROVIDER, -1, "USD")),
    ],
)
def test_entry_that_does_not_balance_cannot_be_made(lines: tuple[Line, ...]) -> None:
    with pytest.raises(UnbalancedEntryError):
        Entry(uuid4(), "capture", Booking.CAPTURED, AT, lines)
