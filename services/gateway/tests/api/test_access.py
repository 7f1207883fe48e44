from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.testing import TokenIssuer

from .conftest import Client, Shop, eventually


def test_without_a_token_the_answer_is_401_and_says_what_is_wanted(ask: Client, shop: Shop) -> None:
    reply = ask.get("/v1/mine")
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.headers["content-type"] == "application/problem+json"
    assert shop.seen == []


def test_valid_token_lets_in_and_goes_on(ask: Client, shop: Shop, tokens: TokenIssuer) -> None:
    headers = tokens.headers("ada")
    assert ask.get("/v1/mine", headers).status == 200
    assert dict(shop.seen[0]["headers"])["authorization"] == headers["authorization"]


@pytest.mark.parametrize(
    "changed",
    [
        {"lifetime_seconds": -60},
        {"audience": "shop"},
        {"audience": "gateway"},
        {"iss": "https://other.example"},
        {"exp": None},
    ],
    ids=str,
)
def test_token_that_is_not_valid_is_a_401(
    ask: Client, tokens: TokenIssuer, shop: Shop, changed: dict[str, Any]
) -> None:
    reply = ask.get("/v1/mine", {"authorization": f"Bearer {tokens.issue('ada', **changed)}"})
    assert (reply.status, reply.json["code"]) == (401, "invalid-token")
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert shop.seen == []


def test_token_of_another_issuer_is_a_401(ask: Client) -> None:
    assert ask.get("/v1/mine", TokenIssuer().headers("ada")).status == 401


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic YTpi", "token", "Bearer a.b.c", "Bearer ä"])
def test_other_credentials_are_a_401(ask: Client, value: str) -> None:
    assert ask.get("/v1/mine", {"authorization": value}).status == 401


def test_token_without_the_scope_is_a_403_and_says_which(ask: Client, shop: Shop, tokens: TokenIssuer) -> None:
    reply = ask.get("/v1/orders", tokens.headers("ada", "orders:other"))
    assert (reply.status, reply.json["code"]) == (403, "insufficient-scope")
    assert reply.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="orders:own"'
    assert shop.seen == []
    assert ask.get("/v1/orders", tokens.headers("ada", "orders:own")).status == 200


def test_public_route_takes_any_credentials_and_passes_them_on(ask: Client, shop: Shop) -> None:
    assert ask.get("/v1/open/x", {"authorization": "Basic YTpi"}).status == 200
    assert dict(shop.seen[0]["headers"])["authorization"] == "Basic YTpi"


def test_log_line_names_the_account(ask: Client, shop: Shop, tokens: TokenIssuer) -> None:
    with capture_logs() as lines:
        ask.get("/v1/mine", tokens.headers("ada-1"))
        eventually(lambda: lines)
    assert lines[0]["principal"] == "ada-1"
