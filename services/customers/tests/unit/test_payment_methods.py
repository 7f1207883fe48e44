"""What may be in a customer's wallet, and what happens to it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chassis.card_numbers import CardNumberRefusedError
from customers.domain.customers import Customer, CustomerNotFoundError
from customers.domain.payment_methods import (
    Instrument,
    PaymentMethodNotFoundError,
    Preference,
    TooManyPaymentMethodsError,
    Wallet,
)

NUMBER = "4111 1111 1111 1111"
CHOSEN, OTHER = Preference(is_default=True), Preference()


@pytest.fixture
def customer() -> Customer:
    return Customer(uuid4())


def with_text(card: Instrument, name: str, text: str) -> Instrument:
    return replace(card, token=text) if name == "token" else replace(card, label=text)


@pytest.mark.parametrize("name", ["token", "label"])
def test_card_number_is_refused_and_not_repeated(customer: Customer, card: Instrument, name: str) -> None:
    with pytest.raises(CardNumberRefusedError) as refused:
        customer.wallet.add(with_text(card, name, f"Visa {NUMBER}"), OTHER)
    assert customer.payment_methods == []
    assert refused.value.extensions == {"field": name}
    assert "1111" not in str(refused.value)
    customer.wallet.add(with_text(card, name, "Visa 1111"), OTHER)


def test_token_is_not_shown_by_repr(card: Instrument) -> None:
    assert card.token not in repr(card)
    assert card.label in repr(card)


def test_wallet_has_an_end(customer: Customer, card: Instrument) -> None:
    for _ in range(Wallet.limit):
        customer.wallet.add(card, OTHER)
    with pytest.raises(TooManyPaymentMethodsError):
        customer.wallet.add(card, OTHER)
    customer.wallet.remove(customer.payment_methods[0].id)
    customer.wallet.add(card, OTHER)


def test_new_default_takes_over(customer: Customer, card: Instrument) -> None:
    old = customer.wallet.add(card, CHOSEN)
    bystander = customer.wallet.add(card, OTHER)
    new = customer.wallet.add(card, CHOSEN)
    assert [each.defaults for each in (old, bystander, new)] == [OTHER, OTHER, CHOSEN]
    assert [each.version for each in (old, bystander, new)] == [2, 1, 1]


def test_default_moves_and_the_rest_stays(customer: Customer, card: Instrument) -> None:
    old, new = customer.wallet.add(card, CHOSEN), customer.wallet.add(card, OTHER)
    customer.wallet.change(new, new.content, CHOSEN)
    assert (old.defaults, new.defaults, new.content) == (OTHER, CHOSEN, card)


def test_somebody_elses_is_not_found(customer: Customer, card: Instrument) -> None:
    elsewhere = Customer(uuid4()).wallet.add(card, OTHER)
    own = customer.wallet.add(card, OTHER)
    assert customer.wallet.get(own.id) is own
    with pytest.raises(PaymentMethodNotFoundError) as refused:
        customer.wallet.get(elsewhere.id)
    assert refused.value.extensions == {"payment_method_id": str(elsewhere.id)}


def test_closed_account_has_none_and_gets_none(customer: Customer, card: Instrument) -> None:
    customer.wallet.add(card, CHOSEN)
    customer.close(datetime(2026, 11, 1, tzinfo=UTC))
    assert customer.payment_methods == []
    with pytest.raises(CustomerNotFoundError):
        customer.wallet.add(card, CHOSEN)
