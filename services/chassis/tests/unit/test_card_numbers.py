"""Telling a card's number from everything else that has digits."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.card_numbers import holds_card_number, may_be_logged

WORDS = st.text(st.characters(categories=("L", "P")), max_size=8).map(lambda text: text.rstrip("-") + "_")


def check_digit(digits: str) -> str:
    """Return what makes ``digits`` pass, worked out by trying: not the way it is checked."""
    for last in "0123456789":
        total = 0
        for place, each in enumerate(reversed(digits + last)):
            value = int(each) * (1 + place % 2)
            total += value - 9 if value > 9 else value
        if total % 10 == 0:
            return last
    raise AssertionError


NUMBERS = st.text("0123456789", min_size=11, max_size=18).map(lambda digits: digits + check_digit(digits))


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111 - 1111 - 1111 - 1111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u200b1111\u200b1111\u200b1111",
        "\uff14" + "\uff11" * 15,
        "tok_4111111111111111",
        "tok4111111111111111x",
        "Visa 4111 1111 1111 1111 12/27",
        "4111111111111111-2027",
        "2027 4111111111111111",
        "00041111111111111111227",
        "378282246310005",
        "3782 822463 10005",
        "6304000000000000",
        "6759649826438453",
        "501800000009",
    ],
)
def test_card_number_is_told(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tok_approve",
        "pp_ada@example.com",
        "Visa ending in 4242",
        "Visa 4242, until 04/2027",
        "4111111111111112",
        "4111 1111 1111 1112",
        "41111111111",
        "tok_1Nv0FGQ9RKHgCVdK2b411111x1111",
        "0190a5f0-7c3e-7b1a-9d2e-4c5b6a798081",
    ],
)
def test_what_is_no_card_number_passes(text: str) -> None:
    assert not holds_card_number(text)


@given(NUMBERS, WORDS, WORDS, st.sampled_from(["", " ", "-", "  ", " - "]), st.integers(1, 18))
def test_number_is_told_wherever_it_stands(number: str, before: str, after: str, between: str, place: int) -> None:
    assert holds_card_number(f"{before}{number[:place]}{between}{number[place:]}{after}")


@given(NUMBERS, st.integers(1, 9))
def test_number_with_a_wrong_digit_passes(number: str, change: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + change) % 10)
    assert not holds_card_number(f"tok_{wrong}")


@given(st.text(st.characters(exclude_categories=("Nd", "Nl", "No"))))
def test_text_without_digits_passes(text: str) -> None:
    assert not holds_card_number(text)


@given(NUMBERS, st.sampled_from(["", " ", "-", ".", "_", " - ", "\u2013"]))
def test_number_in_a_path_is_withheld_from_the_log(digits: str, between: str) -> None:
    assert not may_be_logged(f"/v1/payments/{between.join(digits)}/capture")


@given(st.uuids())
def test_path_of_an_order_may_be_logged(order_id: UUID) -> None:
    assert may_be_logged(f"/v1/payments/{order_id}/refunds/{order_id}")
