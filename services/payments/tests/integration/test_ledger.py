"""What the database itself refuses, what staff read, and how things were at an instant."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from prometheus_client import REGISTRY
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from chassis.database import Database, violated_constraint
from chassis.ids import uuid7
from chassis.testing import FakeClock
from payments.data.directory import SqlPaymentDirectory
from payments.data.tables import journal_entries, journal_lines
from payments.data.units import SqlUnits
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import Request
from payments.domain.steps import LEASE, Outcome, Task, Verdict
from payments.workers.metrics import PendingMetrics
from services.payments.tests.integration.conftest import Orders

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
async def booked(database: Database, order: UUID, request_20: Request) -> UUID:
    """An order whose authorisation is booked."""
    async with SqlUnits(database)() as uow:
        payment = await uow.payments.get_or_add(order, provider="sandbox", now=AT)
        payment.hear(payment.authorise(request_20, AT), Outcome(Verdict.APPROVED), AT)
    return order


async def book(database: Database, order_id: UUID, *amounts: tuple[str, int, str]) -> None:
    entry_id = uuid7()
    head = {"id": entry_id, "order_id": order_id, "step": "by hand", "booking": "held", "booked_at": AT}
    async with database.transaction() as session:
        await session.execute(insert(journal_entries).values(head))
        for position, (account, amount, currency) in enumerate(amounts):
            line = {"entry_id": entry_id, "position": position, "account": account}
            await session.execute(insert(journal_lines).values({**line, "amount_minor": amount, "currency": currency}))


@pytest.mark.parametrize(
    ("amounts", "constraint"),
    [
        ((), "journal_entries_have_lines"),
        ((("sales", 1, "EUR"),), "journal_lines_sum_to_zero"),
        ((("sales", 1, "EUR"), ("provider", -2, "EUR")), "journal_lines_sum_to_zero"),
        ((("sales", 1, "EUR"), ("provider", -1, "USD")), "journal_lines_sum_to_zero"),
    ],
)
async def test_database_refuses_an_entry_that_does_not_balance(
    database: Database, booked: UUID, amounts: Any, constraint: str
) -> None:
    with pytest.raises(IntegrityError) as refused:
        await book(database, booked, *amounts)
    assert violated_constraint(refused.value) == constraint
    await book(database, booked, ("sales", 1, "EUR"), ("provider", -1, "EUR"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_lines SET amount_minor = 0",
        "DELETE FROM journal_lines",
        "DELETE FROM journal_entries",
        "UPDATE journal_entries SET step = 'other'",
        "TRUNCATE journal_lines",
    ],
)
async def test_journal_is_only_added_to(database: Database, booked: UUID, statement: str) -> None:
    with pytest.raises(IntegrityError) as refused:
        async with database.transaction() as session:
            await session.execute(text(statement))
    assert violated_constraint(refused.value) == "journal_is_only_added_to"


async def test_step_is_unique_for_ever(database: Database, booked: UUID) -> None:
    for table in ("steps", "journal_entries"):
        columns = "gen_random_uuid(), " + ", ".join(
            each.name for each in (await _columns(database, table)) if each.name != "id"
        )
        with pytest.raises(IntegrityError):
            async with database.transaction() as session:
                await session.execute(text(f"INSERT INTO {table} SELECT {columns} FROM {table}"))


async def _columns(database: Database, table: str) -> list[Any]:
    async with database.read() as connection:
        return list(
            await connection.execute(
                text(
                    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = :table"
                    " ORDER BY ordinal_position"
                ),
                {"table": table},
            )
        )


async def test_balances_follow_the_entries(orders: Orders, client: AsyncClient, as_staff: dict[str, str]) -> None:
    async def balances() -> dict[str, int]:
        items = (await client.get("/v1/ledger/balances", headers=as_staff)).json()["items"]
        return {each["account"]: each["balance"]["amount"] for each in items if each["balance"]["currency"] == "CHF"}

    amount = {"amount": {"amount": 2000, "currency": "CHF"}, "method": {"kind": "card", "token": "tok_approve"}}
    before = await balances()
    await orders.insist(lambda: orders.put("", json=amount))
    held = await balances()
    await orders.insist(orders.capture)
    await orders.insist(lambda: orders.refund(500, orders.order_id, "CHF"))
    after = await balances()
    assert held["held"] - before.get("held", 0) == 2000
    assert {name: after[name] - before.get(name, 0) for name in after} == {
        "held": 0,
        "held-contra": 0,
        "provider": 1500,
        "sales": -2000,
        "refunds": 500,
    }
    assert sum(after.values()) == 0


async def test_statement_of_an_account_has_its_entries_only(
    orders: Orders, client: AsyncClient, as_staff: dict[str, str]
) -> None:
    await orders.insist(orders.authorise)
    await orders.insist(orders.capture)
    params = {"order_id": str(orders.order_id), "account": "sales", "limit": "1"}
    [entry] = (await client.get("/v1/ledger/entries", params=params, headers=as_staff)).json()["items"]
    assert (entry["booking"], entry["step"]) == ("captured", "capture")
    accounts = (await client.get("/v1/ledger/accounts", headers=as_staff)).json()["items"]
    assert {each["account"] for each in entry["lines"]} < {each["name"] for each in accounts}


async def test_entries_are_read_page_by_page(orders: Orders) -> None:
    await orders.insist(orders.authorise)
    await orders.insist(orders.capture)
    path = f"/v1/ledger/entries?order_id={orders.order_id}&limit=1"
    first = await orders.client.get(path, headers=orders.headers)
    last = await orders.client.get(first.links["next"]["url"], headers=orders.headers)
    assert [each["booking"] for each in first.json()["items"] + last.json()["items"]] == ["held", "captured"]


async def test_payment_is_shown_as_it_was_at_an_instant(orders: Orders) -> None:
    async def then(as_of: datetime) -> list[tuple[str, int, int]]:
        following = str(UUID(int=orders.order_id.int + 1))
        only = {"order_from": str(orders.order_id), "order_before": following}
        params = {"as_of": as_of.isoformat(), **only}
        page = (await orders.client.get("/v1/payments", params=params, headers=orders.headers)).json()
        assert {each["order_id"] for each in page["items"]} <= {str(orders.order_id)}
        return [(each["state"], each["captured"]["amount"], each["refunded"]["amount"]) for each in page["items"]]

    begun = datetime.now(UTC)
    await orders.insist(orders.authorise)
    authorised = datetime.now(UTC)
    await orders.insist(orders.capture)
    captured = datetime.now(UTC)
    await orders.insist(lambda: orders.refund(500, orders.order_id))
    assert await then(begun) == []
    assert await then(authorised) == [("authorised", 0, 0)]
    assert await then(captured) == [("captured", 2000, 0)]
    assert await then(datetime.now(UTC)) == [("captured", 2000, 500)]


async def test_provider_shows_its_own_books(orders: Orders, client: AsyncClient, as_staff: dict[str, str]) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await orders.insist(orders.authorise)
    await orders.insist(orders.capture)

    async def references(as_of: datetime) -> list[str]:
        following = str(UUID(int=orders.order_id.int + 1))
        params = {"as_of": as_of.isoformat(), "order_from": str(orders.order_id), "order_before": following}
        found: list[str] = []
        while True:
            answer = await client.get("/v1/provider-operations", params=params, headers=as_staff)
            assert answer.status_code == 200, answer.text
            found += [each["reference"] for each in answer.json()["items"]]
            if answer.json()["next_cursor"] is None:
                return found
            params["cursor"] = answer.json()["next_cursor"]

    other = {"order_before": str(orders.order_id), "limit": "100"}
    lesser = (await client.get("/v1/provider-operations", params=other, headers=as_staff)).json()["items"]
    assert all(each["authorisation"] < str(orders.order_id) for each in lesser)
    assert await references(before) == []
    assert await references(datetime.now(UTC)) == [f"{orders.order_id}-authorise", f"{orders.order_id}-capture"]


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/ledger/balances", "/v1/provider-operations"])
async def test_instant_beyond_the_calendar_is_refused(client: AsyncClient, as_staff: dict[str, str], path: str) -> None:
    for instant in ("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"):
        answer = await client.get(path, params={"as_of": instant}, headers=as_staff)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_cursor_that_is_none_of_the_providers_is_refused(client: AsyncClient, as_staff: dict[str, str]) -> None:
    answer = await client.get("/v1/provider-operations", params={"cursor": "nonsense"}, headers=as_staff)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (400, "malformed-cursor")


async def test_lost_lease_postpones_nothing(database: Database, order: UUID, request_20: Request) -> None:
    """A slow process comes back after another one has taken the step over: the fence refuses it."""
    units = SqlUnits(database)
    async with units() as uow:
        payment = await uow.payments.get_or_add(order, provider="sandbox", now=AT)
        slow: Task = payment.claim(payment.authorise(request_20, AT), AT)
    async with units() as uow:
        assert await uow.payments.claim_due(AT, 10) == []
    later = AT + LEASE
    async with units() as uow:
        [fast] = await uow.payments.claim_due(later, 10)
    assert (slow.fence, fast.fence, fast.method) == (1, 2, Method(MethodKind.CARD, "tok_approve"))
    async with units() as uow:
        await uow.payments.postpone(slow, later + timedelta(days=1))
    async with units() as uow:
        [again] = await uow.payments.claim_due(later + LEASE, 10)
        await uow.payments.postpone(again, later + timedelta(days=1))
    async with units() as uow:
        assert await uow.payments.claim_due(later + LEASE, 10) == []


async def test_two_workers_never_claim_the_same(database: Database, request_20: Request) -> None:
    units = SqlUnits(database)
    async with units() as uow:
        for _ in range(6):
            order_id = uuid7()
            (await uow.payments.get_or_add(order_id, provider="sandbox", now=AT)).authorise(request_20, AT)
    async with units() as one, units() as other:
        mine, theirs = await one.payments.claim_due(AT, 3), await other.payments.claim_due(AT, 6)
    assert (len(mine), len(theirs)) == (3, 3)
    assert not {each.step_id for each in mine} & {each.step_id for each in theirs}


async def test_what_waits_for_the_provider_is_counted(database: Database, request_20: Request) -> None:
    units = SqlUnits(database)
    async with units() as uow:
        for _ in range(2):
            (await uow.payments.get_or_add(uuid7(), provider="sandbox", now=AT)).authorise(request_20, AT)
        payment = await uow.payments.get_or_add(uuid7(), provider="sandbox", now=AT)
        payment.hear(payment.authorise(request_20, AT), Outcome(Verdict.APPROVED), AT)
        payment.capture(AT + timedelta(seconds=60))
    await PendingMetrics(SqlPaymentDirectory(database), FakeClock(AT + timedelta(seconds=90))).read()

    def shown(name: str) -> list[float | None]:
        kinds = ("authorise", "capture", "void", "refund")
        return [REGISTRY.get_sample_value(f"tradewind_payments_{name}", {"step": kind}) for kind in kinds]

    assert shown("steps_pending") == [2, 1, 0, 0]
    assert shown("step_oldest_age_seconds") == [90, 30, 0, 0]
