"""What looks like a card number, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.card_numbers import CardNumberRefusedError
from payments.domain.methods import refuse_card_number

NUMBERS = [
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
    "4222222222222",
    "6304000000000000",
    "501800000009",
    "6799990100000000019",
]


def check_digit(digits: str) -> str:
    for last in "0123456789":
        number = [int(each) for each in reversed(digits + last)]
        doubled = [sum(divmod(each * 2, 10)) for each in number[1::2]]
        if (sum(number[::2]) + sum(doubled)) % 10 == 0:
            return last
    raise AssertionError


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("shape", ["{}", "tok_{}", "x{}y", "tok_{}_2030"])
def test_card_number_is_refused_wherever_it_stands(number: str, shape: str) -> None:
    with pytest.raises(CardNumberRefusedError) as refused:
        refuse_card_number(shape.format(number))
    assert number not in str(refused.value)


@pytest.mark.parametrize("between", [" ", "-", ".", "_"])
def test_card_number_is_refused_set_apart(between: str) -> None:
    with pytest.raises(CardNumberRefusedError):
        refuse_card_number(between.join(("4111", "1111", "1111", "1111")))


@given(st.integers(11, 18).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size)))
def test_every_number_with_its_check_digit_is_refused(digits: str) -> None:
    with pytest.raises(CardNumberRefusedError):
        refuse_card_number(f"tok_{digits}{check_digit(digits)}")


@given(st.text("0123456789", max_size=11))
def test_fewer_digits_are_no_card(digits: str) -> None:
    refuse_card_number(f"tok_{digits}")


@pytest.mark.parametrize("token", ["tok_approve", "pp_approve", "tok_1Nx7Kb2eZvKYlo2C", "tok_411111111112"])
def test_token_is_no_card(token: str) -> None:
    refuse_card_number(token)
