"""Customers, as staff meets them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.tables import outbox
from customers.data.customers import SqlUnitOfWork
from customers.domain.services import AccountService

pytestmark = pytest.mark.anyio

ME = "/v1/customers/me"


async def told_about(service: Service, customer_id: UUID) -> list[Any]:
    database: Database = service.app.state.database
    async with database.read() as connection:
        found = await connection.execute(select(outbox).where(outbox.c.subject == str(customer_id)))
        return list(found.all())


async def test_staff_reads_anybody(
    client: AsyncClient, ada: UUID, as_ada: dict[str, str], as_staff: dict[str, str]
) -> None:
    own = await client.get(ME, headers=as_ada)
    answer = await client.get(f"/v1/customers/{ada}", headers=as_staff)
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, own.json(), own.headers["etag"])
    headers = {**as_staff, "if-none-match": own.headers["etag"]}
    assert (await client.get(f"/v1/customers/{ada}", headers=headers)).status_code == 304


async def test_nobody_is_made_up_for_staff(client: AsyncClient, as_staff: dict[str, str]) -> None:
    nobody = f"/v1/customers/{uuid4()}"
    answer = await client.get(nobody, headers=as_staff)
    assert (answer.status_code, answer.json()["code"]) == (404, "customer-not-found")
    edit = {**as_staff, "if-match": "*"}
    assert (await client.put(f"{nobody}/tier", json={"tier": "premium"}, headers=edit)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("GET", "/{id}", None), ("PUT", "/{id}/tier", {"tier": "premium"})],
)
async def test_customer_is_not_staff(
    client: AsyncClient,
    ada: UUID,
    as_ada: dict[str, str],
    as_staff: dict[str, str],
    method: str,
    path: str,
    body: dict[str, str] | None,
) -> None:
    await client.get(ME, headers=as_ada)
    url = "/v1/customers" + path.format(id=ada)
    refused = await client.request(method, url, json=body, headers={**as_ada, "if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert (await client.request(method, url, json=body)).status_code == 401
    allowed = await client.request(method, url, json=body, headers={**as_staff, "if-match": "*"})
    assert allowed.status_code == 200


async def test_tier_change_is_told(
    client: AsyncClient, service: Service, ada: UUID, as_ada: dict[str, str], as_staff: dict[str, str]
) -> None:
    tag = (await client.get(ME, headers=as_ada)).headers["etag"]
    path = f"/v1/customers/{ada}/tier"
    answer = await client.put(path, json={"tier": "premium"}, headers={**as_staff, "if-match": tag})
    assert (answer.status_code, answer.json()["tier"]) == (200, "premium")
    assert (await client.get(ME, headers=as_ada)).json()["tier"] == "premium"
    [told] = await told_about(service, ada)
    assert (told.type, told.sequence) == ("tradewind.customers.customer-tier-changed.v1", 2)
    assert told.data == {
        "customer_id": str(ada),
        "tier": "premium",
        "previous_tier": "standard",
        "changed_at": service.clock.now().isoformat().replace("+00:00", "Z"),
    }


async def test_tier_that_stays_is_not_told(
    client: AsyncClient, service: Service, ada: UUID, as_ada: dict[str, str], as_staff: dict[str, str]
) -> None:
    tag = (await client.get(ME, headers=as_ada)).headers["etag"]
    edit = {**as_staff, "if-match": tag}
    answer = await client.put(f"/v1/customers/{ada}/tier", json={"tier": "standard"}, headers=edit)
    assert (answer.status_code, answer.headers["etag"]) == (200, tag)
    assert await told_about(service, ada) == []


async def test_tier_change_has_to_name_the_current_version(
    client: AsyncClient, ada: UUID, as_ada: dict[str, str], as_staff: dict[str, str]
) -> None:
    await client.get(ME, headers=as_ada)
    path = f"/v1/customers/{ada}/tier"
    assert (await client.put(path, json={"tier": "premium"}, headers=as_staff)).status_code == 428
    stale = {**as_staff, "if-match": '"99"'}
    assert (await client.put(path, json={"tier": "premium"}, headers=stale)).status_code == 412


async def register(service: Service, email: str, *, at: datetime) -> str:
    customer_id = uuid7()
    database: Database = service.app.state.database
    async with database.transaction() as session:
        await AccountService(SqlUnitOfWork(session)).register(customer_id, email=email, name="Ada", at=at)
    return str(customer_id)


async def test_list_is_read_page_by_page(client: AsyncClient, service: Service, as_staff: dict[str, str]) -> None:
    at = datetime(2021, 1, 1, tzinfo=UTC)
    ids = [await register(service, f"{number}@example.com", at=at) for number in range(5)]
    url = "/v1/customers?limit=2&registered_from=2021-01-01T00:00:00Z&registered_before=2021-01-02T00:00:00Z"
    found = []
    pages = 0
    while url:
        answer = await client.get(url, headers=as_staff)
        assert answer.status_code == 200
        found += [each["id"] for each in answer.json()["items"]]
        pages += 1
        url = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
    assert (found, pages) == (ids[::-1], 3)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("email_prefix=FILTERED", 2),
        ("email_prefix=filtered-a", 1),
        ("email_prefix=filtered&registered_from=2020-01-02T00:00:00Z", 1),
        ("email_prefix=filtered&registered_before=2020-01-02T00:00:00%2B01:00", 1),
        ("email_prefix=filtered&tier=standard", 2),
        ("email_prefix=filtered&tier=premium", 0),
    ],
)
async def test_list_is_filtered(
    client: AsyncClient, service: Service, as_staff: dict[str, str], query: str, count: int
) -> None:
    for day, name in enumerate("ab", start=1):
        await register(service, f"filtered-{name}@example.com", at=datetime(2020, 1, day, tzinfo=UTC))
    answer = await client.get(f"/v1/customers?{query}", headers=as_staff)
    found = {each["email"] for each in answer.json()["items"]}
    assert len(found) == count


@pytest.mark.parametrize(
    "query",
    [
        "email_prefix=a%00",
        "email_prefix=%20",
        "tier=gold",
        "registered_from=2026-11-01T00:00:00",
        "registered_from=0001-01-01T00:00:00%2B14:00",
        "limit=0",
        "limit=101",
    ],
)
async def test_filter_that_makes_no_sense_is_refused(client: AsyncClient, as_staff: dict[str, str], query: str) -> None:
    answer = await client.get(f"/v1/customers?{query}", headers=as_staff)
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["pointer"].startswith("/query/")


async def test_cursor_of_something_else_is_refused(client: AsyncClient, as_staff: dict[str, str]) -> None:
    answer = await client.get("/v1/customers?cursor=bm90aGluZw", headers=as_staff)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-cursor")
