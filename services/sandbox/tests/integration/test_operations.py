"""The provider, as merchants meet it."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from pydantic import SecretStr, ValidationError

from chassis.settings import DatabaseSettings
from chassis.testing import eventually
from sandbox.clients.receiver import sign
from sandbox.main import Settings, WebhookSettings
from services.sandbox.tests.integration.conftest import SECRET, Inbox

pytestmark = pytest.mark.anyio

EUR_20 = {"amount": 2000, "currency": "EUR"}


class Merchant:
    """Asks about one authorisation."""

    def __init__(self, client: AsyncClient, token: str = "tok_approve") -> None:
        self.client = client
        self.name = str(uuid4())
        self.token = token

    async def authorise(self, **changes: Any) -> Response:
        method = "paypal" if self.token.startswith("pp_") else "card"
        body = {"reference": self.name, "amount": EUR_20, "method": method, "token": self.token, **changes}
        return await self.client.post("/v1/authorisations", json=body)

    async def ask(self, what: str, amount: int | None = 2000, name: str = "1") -> Response:
        body: dict[str, Any] = {"reference": f"{self.name}-{what}-{name}", "authorisation": self.name}
        if amount is not None:
            body["amount"] = {"amount": amount, "currency": "EUR"}
        return await self.client.post(f"/v1/{what}", json=body)


async def outcome(answer: Response) -> tuple[str, str | None]:
    assert answer.status_code == 200, answer.text
    return answer.json()["state"], answer.json()["code"]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("tok_approve", ("approved", None)),
        ("tok_approve-42", ("approved", None)),
        ("pp_approve", ("approved", None)),
        ("tok_decline", ("refused", "declined")),
        ("tok_insufficient_funds", ("refused", "insufficient-funds")),
        ("pp_decline", ("refused", "declined")),
        ("whatever", ("refused", "unknown-token")),
        ("tok_whatever", ("refused", "unknown-token")),
    ],
)
async def test_token_decides(client: AsyncClient, token: str, expected: tuple[str, str | None]) -> None:
    assert await outcome(await Merchant(client, token).authorise()) == expected


async def test_reference_is_one_instruction_for_ever(client: AsyncClient, inbox: Inbox) -> None:
    merchant = Merchant(client)
    first = await merchant.authorise()
    answers = await asyncio.gather(*(merchant.authorise() for _ in range(5)))
    assert [each.json() for each in answers] == [first.json()] * 5
    refused = await merchant.authorise(amount={"amount": 1, "currency": "EUR"})
    assert (refused.status_code, refused.json()["code"]) == (409, "reference-reused")
    await eventually(lambda: inbox.heard)
    await asyncio.sleep(0.5)
    assert inbox.references() == [merchant.name]


async def test_capture_takes_what_is_held_once(client: AsyncClient) -> None:
    merchant = Merchant(client)
    refused = await merchant.ask("captures")
    assert (refused.status_code, refused.json()["code"]) == (404, "operation-not-found")
    await merchant.authorise()
    assert await outcome(await merchant.ask("captures", 2001, "0")) == ("refused", "capture-too-large")
    assert await outcome(await merchant.ask("captures")) == ("approved", None)
    assert await outcome(await merchant.ask("captures")) == ("approved", None)
    assert await outcome(await merchant.ask("captures", 1, "2")) == ("refused", "already-captured")
    assert await outcome(await merchant.ask("voids", None)) == ("refused", "already-captured")


async def test_refunds_are_at_most_what_was_captured(client: AsyncClient) -> None:
    merchant = Merchant(client)
    await merchant.authorise()
    assert await outcome(await merchant.ask("refunds", 1, "0")) == ("refused", "refund-too-large")
    await merchant.ask("captures")
    assert await outcome(await merchant.ask("refunds", 1500, "1")) == ("approved", None)
    assert await outcome(await merchant.ask("refunds", 501, "2")) == ("refused", "refund-too-large")
    assert await outcome(await merchant.ask("refunds", 500, "3")) == ("approved", None)


async def test_void_lets_go_and_refuses_the_late_original(client: AsyncClient) -> None:
    merchant, late = Merchant(client), Merchant(client)
    await merchant.authorise()
    assert await outcome(await merchant.ask("voids", None)) == ("approved", None)
    assert await outcome(await merchant.ask("captures")) == ("refused", "not-authorised")
    assert await outcome(await late.ask("voids", None)) == ("approved", None)
    assert await outcome(await late.authorise()) == ("refused", "cancelled")


async def test_capture_is_refused_for_its_token(client: AsyncClient) -> None:
    merchant = Merchant(client, "tok_capture_refused")
    assert await outcome(await merchant.authorise()) == ("approved", None)
    assert await outcome(await merchant.ask("captures")) == ("refused", "authorisation-expired")


async def test_late_answer_is_pending_until_it_comes(client: AsyncClient, inbox: Inbox) -> None:
    merchant = Merchant(client, "tok_answer_late")
    asking = asyncio.create_task(merchant.authorise())
    path = f"/v1/operations/{merchant.name}"
    await eventually(lambda: _is_there(client, path))
    assert (await client.get(path)).json()["settled_at"] is None
    refused = await merchant.ask("voids", None)
    assert (refused.status_code, refused.json()["code"]) == (409, "operation-pending")
    assert await outcome(await asking) == ("approved", None)
    await eventually(lambda: inbox.heard)


async def _is_there(client: AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


async def test_nobody_is_there_twice_and_then_somebody_is(client: AsyncClient) -> None:
    merchant = Merchant(client, "tok_away")
    for _ in range(2):
        away = await merchant.authorise()
        assert (away.status_code, away.json()["code"]) == (503, "provider-away")
        assert (await client.get(f"/v1/operations/{merchant.name}")).status_code == 404
    assert await outcome(await merchant.authorise()) == ("approved", None)


async def test_hanging_answer_comes_after_the_outcome(client: AsyncClient) -> None:
    merchant = Merchant(client, "tok_hang")
    asking = asyncio.create_task(merchant.authorise())
    await eventually(lambda: _is_there(client, f"/v1/operations/{merchant.name}"))
    assert not asking.done()
    assert await outcome(await asking) == ("approved", None)


async def test_webhook_is_signed_and_says_what_happened(client: AsyncClient, inbox: Inbox) -> None:
    merchant = Merchant(client, "tok_decline")
    await merchant.authorise()
    await eventually(lambda: inbox.heard)
    [(signature, body)] = inbox.heard
    timestamp = int(signature.partition(",")[0].removeprefix("t="))
    assert abs(time.time() - timestamp) < 60
    assert signature == sign(SECRET.encode(), timestamp, body)
    assert b'"refused"' in body
    assert b"tok_decline" not in body


async def test_webhook_comes_twice_or_first_as_the_token_says(client: AsyncClient, inbox: Inbox) -> None:
    twice, first = Merchant(client, "tok_answer_twice"), Merchant(client, "tok_webhook_first")
    await first.authorise()
    assert inbox.references() == [first.name]
    await twice.authorise()
    await eventually(lambda: inbox.references().count(twice.name) == 2)


async def test_webhook_is_sent_until_it_is_heard(client: AsyncClient, inbox: Inbox) -> None:
    inbox.answers = [500, 503]
    merchant = Merchant(client)
    await merchant.authorise()
    await eventually(lambda: inbox.references().count(merchant.name) == 3)
    await asyncio.sleep(0.5)
    assert inbox.references().count(merchant.name) == 3


async def test_books_are_read_page_by_page_as_of_an_instant(client: AsyncClient) -> None:
    merchants = [Merchant(client) for _ in range(3)]
    for each in merchants:
        await each.authorise()
    first = (await client.get("/v1/operations?limit=2")).json()
    assert [each["reference"] for each in first["items"]] == [each.name for each in merchants[:2]]
    then = {"as_of": first["items"][1]["settled_at"], "limit": 5}
    assert [each["reference"] for each in (await client.get("/v1/operations", params=then)).json()["items"]] == [
        each.name for each in merchants[:2]
    ]
    last = (await client.get("/v1/operations", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([each["reference"] for each in last["items"]], last["next_cursor"]) == ([merchants[2].name], None)


async def test_books_are_read_for_some_authorisations(client: AsyncClient) -> None:
    merchants = sorted([Merchant(client) for _ in range(3)], key=lambda each: each.name)
    for each in merchants:
        await each.authorise()
    await merchants[1].ask("captures")
    between = {"authorisation_from": merchants[1].name, "authorisation_before": merchants[2].name}
    found = (await client.get("/v1/operations", params=between)).json()["items"]
    assert [each["kind"] for each in found] == ["authorisation", "capture"]
    assert {each["authorisation"] for each in found} == {merchants[1].name}


@pytest.mark.parametrize("key", ["Bearer another-key-for-tests", "Basic x", ""])
async def test_key_is_needed(client: AsyncClient, key: str) -> None:
    headers = {"authorization": key}
    assert (await client.get("/v1/operations", headers=headers)).status_code == 401
    assert (await client.get("/v1/operations")).status_code == 200


async def test_instant_beyond_the_calendar_is_refused(client: AsyncClient) -> None:
    answer = await client.get("/v1/operations", params={"as_of": "0001-01-01T00:00:00+01:00"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_card_number_is_refused(client: AsyncClient) -> None:
    answer = await Merchant(client, "tok_4111111111111111").authorise()
    assert answer.status_code == 422
    assert "4111" not in answer.text


async def test_unknown_operation_is_not_found(client: AsyncClient) -> None:
    assert (await client.get("/v1/operations/nothing")).json()["code"] == "operation-not-found"


def test_sandbox_refuses_to_be_a_provider_in_production(database_settings: DatabaseSettings) -> None:
    known: dict[str, Any] = {
        "database": database_settings,
        "peers": {"payments": "http://payments"},
        "api_key": SecretStr("an-api-key-for-tests"),
        "webhooks": WebhookSettings(secret=SecretStr(SECRET)),
    }
    with pytest.raises(ValidationError, match="no payment provider"):
        Settings(environment="production", **known)
    Settings(environment="development", **known)
