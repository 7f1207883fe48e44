"""One contract for the repository and its fake: what a unit of work leaves behind, the next one finds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import anyio
import pytest

from chassis.database import Database
from customers.data.customers import SqlUnitOfWork
from customers.domain.addresses import AddressNotFoundError, Defaults, PostalAddress
from customers.domain.customers import CustomerNotFoundError
from customers.domain.payment_methods import Instrument, Preference
from customers.domain.ports import UnitOfWork
from customers.domain.profiles import Preferences, Profile
from customers.domain.tiers import Tier

pytestmark = pytest.mark.anyio

Open = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOTH = Defaults(shipping=True, billing=True)


@pytest.fixture(params=["fake", "sql"])
def units(request: pytest.FixtureRequest) -> Open:
    """Open a unit of work; each begins with nothing but what those before it committed."""

    @asynccontextmanager
    async def fake() -> AsyncIterator[UnitOfWork]:
        yield request.getfixturevalue("uow")

    @asynccontextmanager
    async def sql() -> AsyncIterator[UnitOfWork]:
        database: Database = request.getfixturevalue("database")
        async with database.transaction() as session:
            yield SqlUnitOfWork(session)

    request.getfixturevalue("uow" if request.param == "fake" else "database")
    return fake if request.param == "fake" else sql


async def test_unknown_customer_is_not_found(units: Open) -> None:
    async with units() as uow:
        with pytest.raises(CustomerNotFoundError):
            await uow.customers.get(uuid4())


async def test_added_customer_is_found_as_it_was_left(units: Open, home: PostalAddress) -> None:
    customer_id = uuid4()
    async with units() as uow:
        customer = await uow.customers.get_or_add(customer_id)
        customer.register(email="ada@example.com", name="Ada", at=AT)
        customer.change_preferences(Preferences(newsletter=True, currency="EUR"))
        customer.change_tier(Tier.PREMIUM, AT)
        address = customer.address_book.add(home, BOTH)
    async with units() as uow:
        found = await uow.customers.get(customer_id)
        assert (found.id, found.version, found.tier) == (customer_id, 4, Tier.PREMIUM)
        assert (found.email, found.registered_at, found.closed_at) == ("ada@example.com", AT, None)
        assert (found.profile, found.preferences) == (Profile(name="Ada"), Preferences(newsletter=True, currency="EUR"))
        kept = found.address_book.get(address.id)
        assert (kept.version, kept.content, kept.defaults) == (1, home, BOTH)


async def test_customer_who_is_known_is_not_added_again(units: Open) -> None:
    customer_id = uuid4()
    for name in ("Ada", "Countess"):
        async with units() as uow:
            customer = await uow.customers.get_or_add(customer_id)
            customer.change_profile(Profile(name=name))
    async with units() as uow:
        assert (await uow.customers.get(customer_id)).version == 3


async def test_empty_profile_is_found_as_an_empty_profile(units: Open) -> None:
    customer_id = uuid4()
    async with units() as uow:
        await uow.customers.get_or_add(customer_id)
    async with units() as uow:
        assert (await uow.customers.get(customer_id)).profile == Profile()


async def test_default_moves_between_addresses_in_either_order(units: Open, home: PostalAddress) -> None:
    customer_id = uuid4()
    async with units() as uow:
        customer = await uow.customers.get_or_add(customer_id)
        ids = [customer.address_book.add(home, Defaults()).id for _ in range(2)]
    for chosen in (ids[0], ids[1], ids[0]):
        async with units() as uow:
            customer = await uow.customers.get(customer_id)
            customer.address_book.change(customer.address_book.get(chosen), home, BOTH)
        async with units() as uow:
            customer = await uow.customers.get(customer_id)
            assert [each.id for each in customer.addresses if each.defaults == BOTH] == [chosen]


async def test_removed_address_is_gone(units: Open, home: PostalAddress) -> None:
    customer_id = uuid4()
    async with units() as uow:
        customer = await uow.customers.get_or_add(customer_id)
        removed, kept = (customer.address_book.add(home, Defaults()).id for _ in range(2))
    async with units() as uow:
        (await uow.customers.get(customer_id)).address_book.remove(removed)
    async with units() as uow:
        customer = await uow.customers.get(customer_id)
        assert customer.address_book.get(kept).id == kept
        with pytest.raises(AddressNotFoundError):
            customer.address_book.get(removed)


async def test_wallet_is_found_as_it_was_left(units: Open, card: Instrument) -> None:
    customer_id = uuid4()
    async with units() as uow:
        customer = await uow.customers.get_or_add(customer_id)
        removed, old, new = (customer.wallet.add(card, Preference(is_default=True)).id for _ in range(3))
    async with units() as uow:
        customer = await uow.customers.get(customer_id)
        customer.wallet.remove(removed)
        chosen = customer.wallet.get(old)
        customer.wallet.change(chosen, chosen.content, Preference(is_default=True))
    async with units() as uow:
        customer = await uow.customers.get(customer_id)
        found = [(each.id, each.content, each.defaults.is_default) for each in customer.payment_methods]
        assert found == [(old, card, True), (new, card, False)]


async def test_closed_customer_is_found_closed_and_empty(units: Open, home: PostalAddress, card: Instrument) -> None:
    customer_id = uuid4()
    async with units() as uow:
        customer = await uow.customers.get_or_add(customer_id)
        customer.register(email="ada@example.com", name="Ada", at=AT)
        customer.address_book.add(home, BOTH)
        customer.wallet.add(card, Preference(is_default=True))
    async with units() as uow:
        (await uow.customers.get(customer_id)).close(AT)
    async with units() as uow:
        found = await uow.customers.get_or_add(customer_id)
        assert (found.closed_at, found.email, found.profile) == (AT, None, Profile())
        assert (found.addresses, found.payment_methods) == ([], [])


async def test_many_may_add_the_same_customer_at_once(units: Open) -> None:
    customer_id = uuid4()

    async def add() -> None:
        async with units() as uow:
            customer = await uow.customers.get_or_add(customer_id)
            customer.change_preferences(Preferences(marketing=not customer.preferences.marketing))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(add)
    async with units() as uow:
        customer = await uow.customers.get(customer_id)
        assert (customer.version, customer.preferences.marketing) == (6, True)
