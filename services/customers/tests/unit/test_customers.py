"""A customer's rules, and what happens when news comes late, twice or in the wrong order."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from customers.domain.addresses import (
    AddressBook,
    AddressNotFoundError,
    Defaults,
    PostalAddress,
    TooManyAddressesError,
)
from customers.domain.customers import Customer, CustomerNotFoundError
from customers.domain.events import TierChanged
from customers.domain.profiles import Preferences, Profile
from customers.domain.tiers import Tier

REGISTERED = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = REGISTERED + timedelta(days=1)
BOTH = Defaults(shipping=True, billing=True)
NEITHER = Defaults()


@pytest.fixture
def customer() -> Customer:
    return Customer(uuid4())


@pytest.fixture
def registered(customer: Customer) -> Customer:
    customer.register(email="ada@example.com", name="Ada", at=REGISTERED)
    return customer


def test_new_customer_is_standard_and_unknown(customer: Customer) -> None:
    assert (customer.tier, customer.version) == (Tier.STANDARD, 1)
    assert (customer.email, customer.profile, customer.registered_at) == (None, Profile(), None)


def test_nobody_is_written_to_unasked(customer: Customer) -> None:
    assert not customer.preferences.marketing
    assert not customer.preferences.newsletter


def test_registration_fills_what_is_unset(registered: Customer) -> None:
    assert (registered.email, registered.profile.name, registered.registered_at) == (
        "ada@example.com",
        "Ada",
        REGISTERED,
    )
    assert registered.version == 2


def test_late_registration_leaves_what_the_owner_has_set(customer: Customer) -> None:
    customer.change_profile(Profile(name="Countess", locale="en-GB"))
    customer.register(email="ada@example.com", name="Ada", at=REGISTERED)
    assert customer.profile == Profile(name="Countess", locale="en-GB")
    assert customer.email == "ada@example.com"


def test_registration_heard_again_changes_nothing(registered: Customer) -> None:
    registered.register(email="other@example.com", name="Other", at=LATER)
    assert (registered.email, registered.profile.name, registered.version) == ("ada@example.com", "Ada", 2)


def test_closing_forgets_everything_personal(registered: Customer, home: PostalAddress) -> None:
    registered.address_book.add(home, BOTH)
    registered.change_preferences(Preferences(marketing=True))
    registered.close(LATER)
    assert (registered.email, registered.profile, registered.preferences) == (None, Profile(), Preferences())
    assert registered.addresses == []
    assert registered.closed_at == LATER


def test_late_registration_does_not_bring_a_closed_account_back(customer: Customer) -> None:
    customer.close(LATER)
    customer.register(email="ada@example.com", name="Ada", at=REGISTERED)
    assert (customer.email, customer.profile, customer.registered_at) == (None, Profile(), None)


def test_closing_heard_again_keeps_the_first_time(customer: Customer) -> None:
    customer.close(REGISTERED)
    customer.close(LATER)
    assert (customer.closed_at, customer.version) == (REGISTERED, 2)


def test_closed_account_cannot_be_changed(customer: Customer, home: PostalAddress) -> None:
    customer.change_profile(Profile(name="Ada"))
    customer.close(LATER)
    for change in (
        lambda: customer.change_profile(Profile(name="Ada")),
        lambda: customer.change_preferences(Preferences(marketing=True)),
        lambda: customer.change_tier(Tier.PREMIUM, LATER),
        lambda: customer.address_book.add(home, NEITHER),
    ):
        with pytest.raises(CustomerNotFoundError):
            change()


def test_every_change_counts_and_no_change_does_not(customer: Customer) -> None:
    customer.change_profile(Profile(name="Ada"))
    customer.change_profile(Profile(name="Ada"))
    customer.change_preferences(Preferences(newsletter=True))
    customer.change_preferences(Preferences(newsletter=True))
    assert customer.version == 3


def test_tier_change_is_told_with_the_version_it_made(customer: Customer) -> None:
    customer.change_tier(Tier.PREMIUM, LATER)
    assert customer.tier is Tier.PREMIUM
    assert customer.events == [TierChanged(customer.id, 2, Tier.PREMIUM, Tier.STANDARD, LATER)]


def test_change_to_the_same_tier_is_not_told(customer: Customer) -> None:
    customer.change_tier(Tier.STANDARD, LATER)
    assert (customer.events, customer.version) == ([], 1)


def test_new_default_takes_over_from_the_old_one(customer: Customer, home: PostalAddress) -> None:
    old = customer.address_book.add(home, BOTH)
    new = customer.address_book.add(home, Defaults(billing=True))
    assert (old.defaults, new.defaults) == (Defaults(shipping=True), Defaults(billing=True))
    assert (old.version, new.version) == (2, 1)


def test_changed_address_takes_defaults_over_too(customer: Customer, home: PostalAddress) -> None:
    old = customer.address_book.add(home, BOTH)
    new = customer.address_book.add(home, NEITHER)
    customer.address_book.change(new, home, BOTH)
    assert (old.defaults, new.defaults) == (NEITHER, BOTH)


def test_address_that_is_no_default_leaves_the_others_alone(customer: Customer, home: PostalAddress) -> None:
    old = customer.address_book.add(home, BOTH)
    customer.address_book.add(home, NEITHER)
    assert (old.defaults, old.version) == (BOTH, 1)


def test_address_book_has_an_end(customer: Customer, home: PostalAddress) -> None:
    for _ in range(AddressBook.limit):
        customer.address_book.add(home, NEITHER)
    with pytest.raises(TooManyAddressesError):
        customer.address_book.add(home, NEITHER)
    customer.address_book.remove(customer.addresses[0].id)
    customer.address_book.add(home, NEITHER)


def test_somebody_elses_address_is_not_found(customer: Customer, home: PostalAddress) -> None:
    elsewhere = Customer(uuid4()).address_book.add(home, NEITHER)
    own = customer.address_book.add(home, NEITHER)
    assert customer.address_book.get(own.id) is own
    with pytest.raises(AddressNotFoundError):
        customer.address_book.get(elsewhere.id)
