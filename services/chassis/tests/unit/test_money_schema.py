from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chassis.money import MOST_MINOR, Money
from chassis.money_schema import MoneyField

monies = st.builds(Money, st.integers(-MOST_MINOR, MOST_MINOR), st.from_regex(r"[A-Z]{3}", fullmatch=True))


@given(monies)
def test_money_survives_json(money: Money) -> None:
    assert MoneyField.model_validate_json(MoneyField.of(money).model_dump_json()).to_money() == money


def test_shape_is_amount_and_currency() -> None:
    assert MoneyField.of(Money(1999, "EUR")).model_dump() == {"amount": 1999, "currency": "EUR"}


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "1", "currency": "EUR"},
        {"amount": 1.0, "currency": "EUR"},
        {"amount": True, "currency": "EUR"},
        {"amount": None, "currency": "EUR"},
        {"amount": MOST_MINOR + 1, "currency": "EUR"},
        {"amount": -MOST_MINOR - 1, "currency": "EUR"},
        {"amount": 1, "currency": "eur"},
        {"amount": 1, "currency": "EURO"},
        {"amount": 1, "currency": "EUR\n"},
        {"amount": 1},
        {"currency": "EUR"},
        {"amount": 1, "currency": "EUR", "precision": 2},
        {"amount_minor": 1, "currency": "EUR"},
        1999,
    ],
    ids=str,
)
def test_anything_else_is_refused(body: Any) -> None:
    with pytest.raises(ValidationError):
        MoneyField.model_validate(body)


class Order:
    def __init__(self) -> None:
        self.total = Money(1999, "EUR")


class OrderOut(BaseModel):
    total: MoneyField


def test_answer_is_filled_from_an_entity() -> None:
    out = OrderOut.model_validate(Order(), from_attributes=True)
    assert out.model_dump() == {"total": {"amount": 1999, "currency": "EUR"}}


def test_document_says_what_is_accepted() -> None:
    schema = MoneyField.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["amount", "currency"]
    assert schema["properties"]["amount"]["maximum"] == MOST_MINOR
    assert schema["properties"]["currency"]["pattern"] == "^[A-Z]{3}$"
