"""Tokens and keys: got, replaced, refused and revoked."""

from typing import Any

import pytest
from httpx2 import Client

from tests.e2e.people import CLIENT_ID, Person


def test_refresh_replaces_both_tokens(ada: Person) -> None:
    refreshed = ada.refresh(ada.tokens["refresh_token"])
    assert refreshed.status_code == 200
    new = refreshed.json()
    assert new["refresh_token"] != ada.tokens["refresh_token"]
    assert new["access_token"] != ada.tokens["access_token"]
    ada.tokens = new
    assert ada.me()["id"]


def test_reused_refresh_token_ends_its_family(ada: Person) -> None:
    first = ada.tokens["refresh_token"]
    second = ada.refresh(first).json()["refresh_token"]
    third = ada.refresh(second).json()["refresh_token"]
    assert ada.refresh(first).json()["error"] == "invalid_grant"
    assert ada.refresh(third).json()["error"] == "invalid_grant"


def test_refresh_repeated_at_once_gets_the_same_successor(ada: Person) -> None:
    first = ada.tokens["refresh_token"]
    again = [ada.refresh(first).json()["refresh_token"] for _ in range(2)]
    assert again[0] == again[1]
    assert ada.refresh(again[0]).status_code == 200


def test_revoked_refresh_token_is_of_no_use(api: Client, ada: Person) -> None:
    token = ada.tokens["refresh_token"]
    assert api.post("/v1/oauth/revoke", data={"client_id": CLIENT_ID, "token": token}).status_code == 200
    assert ada.refresh(token).json()["error"] == "invalid_grant"


def test_wrong_password_gets_no_token(ada: Person) -> None:
    refused = ada.token(grant_type="password", username=ada.email, password="not the password")
    unknown = ada.token(grant_type="password", username="nobody@journeys.example", password="not the password")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert unknown.json() == refused.json()


def test_other_clients_may_not_ask_for_passwords(api: Client, ada: Person) -> None:
    form = {"grant_type": "password", "username": ada.email, "password": ada.password, "client_id": "customers"}
    assert api.post("/v1/oauth/token", data=form).status_code in (400, 401)


@pytest.fixture
def key(ada: Person) -> dict[str, Any]:
    made = ada.send("POST", "/v1/api-keys", json={"name": "till", "scopes": ["customers:own"]})
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    return document


def test_api_key_stands_for_its_owner(api: Client, ada: Person, key: dict[str, Any]) -> None:
    answer = api.get("/v1/customers/me", headers={"x-api-key": key["secret"]})
    assert (answer.status_code, answer.json()["id"]) == (200, ada.me()["id"])


def test_api_key_has_the_scopes_it_was_given_and_no_more(api: Client, key: dict[str, Any]) -> None:
    refused = api.get("/v1/accounts/me", headers={"x-api-key": key["secret"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")


def test_secret_of_an_api_key_is_shown_once(ada: Person, key: dict[str, Any]) -> None:
    listed = ada.send("GET", "/v1/api-keys").text
    assert key["id"] in listed
    assert key["secret"] not in listed


def test_revoked_api_key_stands_for_nobody(api: Client, ada: Person, key: dict[str, Any]) -> None:
    assert ada.send("DELETE", f"/v1/api-keys/{key['id']}").status_code == 204
    refused = api.get("/v1/customers/me", headers={"x-api-key": key["secret"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid-api-key")


def test_unknown_api_key_is_refused(api: Client) -> None:
    refused = api.get("/v1/customers/me", headers={"x-api-key": "twk_nonsense"})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid-api-key")
