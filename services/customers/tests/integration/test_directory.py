"""What readers see: rows of what is committed, filtered, in pages."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update

from chassis.database import Database
from chassis.ids import uuid7
from customers.data.closed import forget_closed
from customers.data.customers import SqlUnitOfWork
from customers.data.directory import SqlCustomerDirectory
from customers.data.tables import customers, email_key
from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.payment_methods import Instrument, Preference
from customers.domain.ports import CustomerFilter
from customers.domain.tiers import Tier
from customers.domain.views import AddressView, CustomerView, PaymentMethodView

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
EVERYBODY = CustomerFilter()


@pytest.fixture
def directory(database: Database) -> SqlCustomerDirectory:
    return SqlCustomerDirectory(database)


async def register(database: Database, email: str, *, at: datetime = AT, tier: Tier = Tier.STANDARD) -> UUID:
    customer_id = uuid7()
    async with database.transaction() as session:
        customer = await SqlUnitOfWork(session).customers.get_or_add(customer_id)
        customer.register(email=email, name="Ada", at=at)
        customer.change_tier(tier, at)
    return customer_id


async def emails(directory: SqlCustomerDirectory, criteria: CustomerFilter) -> list[str | None]:
    return [each.email for each in await directory.find_by(criteria, after=None, limit=100)]


async def test_row_shows_what_the_entity_shows(database: Database, directory: SqlCustomerDirectory) -> None:
    customer_id = await register(database, "ada@example.com", tier=Tier.PREMIUM)
    async with database.transaction() as session:
        entity = CustomerView.of(await SqlUnitOfWork(session).customers.get(customer_id))
    row = await directory.find(customer_id)
    assert row == entity
    assert row is not None
    assert row.tier is Tier.PREMIUM


async def test_closed_customer_is_not_shown(database: Database, directory: SqlCustomerDirectory) -> None:
    customer_id = await register(database, "ada@example.com")
    assert await directory.find(customer_id) is not None
    async with database.transaction() as session:
        (await SqlUnitOfWork(session).customers.get(customer_id)).close(AT)
    assert await directory.find(customer_id) is None
    assert await directory.find_by(EVERYBODY, after=None, limit=10) == []


async def test_page_has_a_row_too_many_if_another_follows(database: Database, directory: SqlCustomerDirectory) -> None:
    ids = sorted([await register(database, f"{number}@example.com") for number in range(3)], reverse=True)
    first = await directory.find_by(EVERYBODY, after=None, limit=2)
    assert [each.id for each in first] == ids
    last = await directory.find_by(EVERYBODY, after=(ids[1],), limit=2)
    assert [each.id for each in last] == ids[2:]


async def test_email_prefix_ignores_capitals(database: Database, directory: SqlCustomerDirectory) -> None:
    for email in ("Ada@example.com", "adam@example.com", "bob@example.com"):
        await register(database, email)
    found = await emails(directory, CustomerFilter(email_prefix="aDa"))
    assert set(found) == {"Ada@example.com", "adam@example.com"}


@pytest.mark.parametrize("prefix", ["a_", "a%", "%", "_da"])
async def test_email_prefix_is_no_pattern(database: Database, directory: SqlCustomerDirectory, prefix: str) -> None:
    await register(database, "ada@example.com")
    await register(database, f"{prefix}@example.com")
    assert await emails(directory, CustomerFilter(email_prefix=prefix)) == [f"{prefix}@example.com"]


async def test_email_prefix_is_found_by_index(database: Database) -> None:
    query = (
        select(customers.c.id)
        .where(email_key >= func.lower("ada"))
        .compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True})
    )
    async with database.read() as connection:
        await connection.execute(text("SET enable_seqscan = off"))
        plan = await connection.execute(text(f"EXPLAIN {query}"))
        assert "customers_email_key" in str(plan.all())


async def test_filters_hold_together(database: Database, directory: SqlCustomerDirectory) -> None:
    await register(database, "old@example.com", at=AT - timedelta(days=1), tier=Tier.PREMIUM)
    await register(database, "standard@example.com", at=AT)
    await register(database, "premium@example.com", at=AT, tier=Tier.PREMIUM)
    await register(database, "new@example.com", at=AT + timedelta(days=1), tier=Tier.PREMIUM)
    criteria = CustomerFilter(tier=Tier.PREMIUM, registered_from=AT, registered_before=AT + timedelta(days=1))
    assert await emails(directory, criteria) == ["premium@example.com"]


async def test_addresses_are_shown_to_their_owner_only(
    database: Database, directory: SqlCustomerDirectory, home: PostalAddress
) -> None:
    owner = await register(database, "ada@example.com")
    async with database.transaction() as session:
        customer = await SqlUnitOfWork(session).customers.get(owner)
        views = [AddressView.of(customer.address_book.add(home, Defaults(billing=True))) for _ in range(2)]
    first = views[0]._replace(default_billing=False, version=2)
    assert await directory.addresses.find(owner, first.id) == first
    assert await directory.addresses.find(uuid4(), first.id) is None
    assert await directory.addresses.find_page(owner, after=None, limit=10) == [first, views[1]]
    assert await directory.addresses.find_page(owner, after=(first.id,), limit=10) == [views[1]]
    assert await directory.addresses.find_page(uuid4(), after=None, limit=10) == []


async def test_payment_methods_are_shown_to_their_owner_only(
    database: Database, directory: SqlCustomerDirectory, card: Instrument
) -> None:
    owner = await register(database, "ada@example.com")
    async with database.transaction() as session:
        wallet = (await SqlUnitOfWork(session).customers.get(owner)).wallet
        views = [PaymentMethodView.of(wallet.add(card, Preference())) for _ in range(2)]
    assert await directory.payment_methods.find(owner, views[0].id) == views[0]
    assert await directory.payment_methods.find(uuid4(), views[0].id) is None
    assert await directory.payment_methods.find_page(owner, after=(views[0].id,), limit=10) == views[1:]


async def test_what_a_release_without_payment_methods_leaves_behind_is_removed(
    database: Database, directory: SqlCustomerDirectory, card: Instrument
) -> None:
    closed, kept = [await register(database, f"{name}@example.com") for name in ("ada", "bob")]
    for each in (closed, kept):
        async with database.transaction() as session:
            (await SqlUnitOfWork(session).customers.get(each)).wallet.add(card, Preference())
    async with database.transaction() as session:
        await session.execute(update(customers).where(customers.c.id == closed).values(closed_at=AT))
    assert await directory.find_checkout(closed) is None
    assert [await forget_closed(database) for _ in range(2)] == [1, 0]
    found = [await directory.payment_methods.find_page(each, after=None, limit=10) for each in (closed, kept)]
    assert [len(each) for each in found] == [0, 1]
