from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from chassis.testing import FakeClock
from services.auth.tests.api.conftest import GATEWAY_SECRET
from services.auth.tests.api.people import Person, problem

pytestmark = pytest.mark.anyio

PATH = "/v1/api-keys"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:tradewind:params:oauth:token-type:api-key",
}


async def make(client: AsyncClient, headers: dict[str, str], **change: Any) -> Response:
    body = {"name": "CI", "scopes": ["accounts:own"], **change}
    return await client.post(PATH, json=body, headers=headers)


async def exchange(client: AsyncClient, secret: str, **parameters: str) -> Response:
    data = {**EXCHANGE, "subject_token": secret, **parameters}
    return await client.post("/v1/oauth/token", data=data, auth=("gateway", GATEWAY_SECRET))


async def test_key_shows_its_secret_once(ada: Person, client: AsyncClient) -> None:
    headers = await ada.headers()
    made = await make(client, headers)
    secret = made.json()["secret"]
    assert made.status_code == 201
    assert secret.startswith(made.json()["prefix"])
    shown = await client.get(made.headers["location"], headers=headers)
    assert shown.json() == {name: value for name, value in made.json().items() if name != "secret"}
    listed = await client.get(PATH, headers=headers)
    assert listed.json() == {"items": [shown.json()], "next_cursor": None}
    assert secret not in listed.text + shown.text


async def test_replay_shows_the_key_without_its_secret(ada: Person, client: AsyncClient) -> None:
    headers = {**await ada.headers(), "idempotency-key": "once"}
    first, again = await make(client, headers), await make(client, headers)
    assert (again.status_code, again.headers["location"]) == (201, first.headers["location"])
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "secret": None}
    assert problem(await make(client, headers, name="other")) == (422, "idempotency-key-reused")


async def test_key_is_exchanged_for_a_token_that_works(ada: Person, client: AsyncClient) -> None:
    secret = (await make(client, await ada.headers())).json()["secret"]
    answer = await exchange(client, secret)
    assert answer.json()["scope"] == "accounts:own"
    assert answer.json()["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get("/v1/accounts/me", headers=headers)).json()["email"] == ada.email
    assert problem(await client.get(PATH, headers=headers)) == (403, "insufficient-scope")


async def test_only_the_gateway_exchanges_keys(ada: Person, client: AsyncClient) -> None:
    secret = (await make(client, await ada.headers())).json()["secret"]
    data = {**EXCHANGE, "subject_token": secret}
    customers = ("customers", "customers-secret-of-a-generator-of-256-bits")
    answer = await client.post("/v1/oauth/token", data=data, auth=customers)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert (await exchange(client, secret)).status_code == 200


async def test_token_ends_with_its_key(ada: Person, client: AsyncClient, service_clock: FakeClock) -> None:
    end = service_clock.now() + timedelta(seconds=90)
    secret = (await make(client, await ada.headers(), expires_at=end.isoformat())).json()["secret"]
    assert (await exchange(client, secret)).json()["expires_in"] == 90


async def test_revoked_key_is_refused_and_gone(ada: Person, client: AsyncClient) -> None:
    headers = await ada.headers()
    made = await make(client, headers)
    path = made.headers["location"]
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.delete(path, headers=headers)).status_code == 204
    refused = await exchange(client, made.json()["secret"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert problem(await client.get(path, headers=headers)) == (404, "api-key-not-found")


async def test_anothers_key_is_not_found(ada: Person, bob: Person, client: AsyncClient) -> None:
    path = (await make(client, await ada.headers())).headers["location"]
    headers = await bob.headers()
    assert problem(await client.get(path, headers=headers)) == (404, "api-key-not-found")
    assert problem(await client.delete(path, headers=headers)) == (404, "api-key-not-found")
    assert (await client.get(path, headers=await ada.headers())).status_code == 200


@pytest.mark.parametrize("scope", ["accounts:manage", "keys:own", "no:such", "customers:own"])
async def test_scopes_are_some_of_ones_own(ada: Person, client: AsyncClient, scope: str) -> None:
    headers = await ada.headers(scope="keys:own accounts:own")
    assert problem(await make(client, headers, scopes=[scope])) == (422, "scope-not-grantable")
    assert (await make(client, headers)).status_code == 201


@pytest.mark.parametrize(
    "change",
    [{"scopes": []}, {"name": ""}, {"expires_at": "2030-01-01T12:00:00"}, {"expires_at": "9999-12-31T23:59:59-14:00"}],
)
async def test_ill_formed_key_is_refused(ada: Person, client: AsyncClient, change: dict[str, Any]) -> None:
    assert problem(await make(client, await ada.headers(), **change)) == (422, "invalid")


async def test_expiry_is_in_the_future(ada: Person, client: AsyncClient, service_clock: FakeClock) -> None:
    answer = await make(client, await ada.headers(), expires_at=service_clock.now().isoformat())
    assert problem(answer) == (422, "expiry-passed")
