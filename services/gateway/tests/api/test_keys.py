from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.testing import TokenIssuer

from .conftest import Client, Shop, StartGateway


@pytest.fixture
def key(shop: Shop, tokens: TokenIssuer, request: pytest.FixtureRequest) -> str:
    """A key that auth knows, another one for each test."""
    name = f"key-{abs(hash(request.node.name))}"
    shop.api_keys[name] = tokens.issue("ada", scopes=["orders:own"])
    return name


def test_key_becomes_a_token_and_goes_no_further(ask: Client, shop: Shop, key: str) -> None:
    assert ask.get("/v1/orders", {"x-api-key": key}).status == 200
    headers = dict(shop.seen[0]["headers"])
    assert headers["authorization"] == f"Bearer {shop.api_keys[key]}"
    assert "x-api-key" not in headers


def test_key_has_the_scopes_of_its_token(ask: Client, key: str) -> None:
    assert ask.get("/v1/orders/7", {"x-api-key": key}).status == 403
    assert ask.get("/v1/orders", {"x-api-key": key}).status == 200


def test_exchange_is_asked_for_as_its_rfc_says(ask: Client, shop: Shop, key: str) -> None:
    ask.get("/v1/orders", {"x-api-key": key})
    form = dict(pair.split("=") for pair in shop.exchanges[0].decode().split("&"))
    assert form["grant_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
    assert form["subject_token_type"] == "urn%3Atradewind%3Aparams%3Aoauth%3Atoken-type%3Aapi-key"


def test_auth_is_asked_once_however_many_come_at_once(ask: Client, shop: Shop, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask.get("/v1/orders", {"x-api-key": key}).status, range(8)))
    assert statuses == [200] * 8
    assert ask.get("/v1/orders", {"x-api-key": key}).status == 200
    assert len(shop.exchanges) == 1


def test_unknown_key_is_a_401_and_remembered_for_a_while(ask: Client, shop: Shop) -> None:
    for _ in range(3):
        reply = ask.get("/v1/orders", {"x-api-key": "no-such-key"})
        assert (reply.status, reply.json["code"]) == (401, "invalid-api-key")
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert len(shop.exchanges) == 1


def test_key_and_token_together_are_refused(ask: Client, tokens: TokenIssuer, key: str) -> None:
    assert ask.get("/v1/orders", {"x-api-key": key, **tokens.headers("ada", "orders:own")}).status == 400


def test_key_never_reaches_a_public_route(ask: Client, shop: Shop, key: str) -> None:
    assert ask.get("/v1/open/x", {"x-api-key": key}).status == 200
    assert "x-api-key" not in dict(shop.seen[0]["headers"])


def test_auth_away_is_a_503_and_no_401(start_gateway: StartGateway, shop: Shop, key: str) -> None:
    client = {"token_url": "http://127.0.0.1:9/v1/oauth/token", "secret": "s3cret"}
    with start_gateway(client=client) as ask:
        reply = ask.get("/v1/orders", {"x-api-key": key})
        assert (reply.status, reply.json["code"]) == (503, "service-unavailable")
        assert reply.headers["retry-after"] == "1"


def test_refused_gateway_is_our_fault_and_not_the_keys(ask: Client, shop: Shop, key: str) -> None:
    shop.exchange_status = 401
    assert ask.get("/v1/orders", {"x-api-key": key}).status == 503
    shop.exchange_status = None
    assert ask.get("/v1/orders", {"x-api-key": key}).status == 200
