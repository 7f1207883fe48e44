from collections.abc import Iterator

import pytest

from .conftest import Client, Shop, StartGateway

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def open_to_shop(start_gateway: StartGateway) -> Iterator[Client]:
    with start_gateway(cors={"origins": SHOP}) as client:
        yield client


def preflight(ask: Client, path: str, origin: str, method: str = "POST") -> dict[str, str]:
    reply = ask("OPTIONS", path, {"origin": origin, "access-control-request-method": method})
    assert reply.status == 204
    return reply.headers


def test_preflight_is_answered_here_for_an_allowed_origin(open_to_shop: Client, shop: Shop) -> None:
    headers = preflight(open_to_shop, "/v1/mine/x", SHOP)
    assert headers["access-control-allow-origin"] == SHOP
    assert "POST" in headers["access-control-allow-methods"]
    assert "Idempotency-Key" in headers["access-control-allow-headers"]
    assert shop.seen == []


def test_preflight_of_another_origin_allows_nothing(open_to_shop: Client, shop: Shop) -> None:
    headers = preflight(open_to_shop, "/v1/mine/x", "https://evil.example")
    assert not [name for name in headers if name.startswith("access-control-")]


def test_by_default_no_origin_is_allowed(ask: Client) -> None:
    headers = preflight(ask, "/v1/mine/x", SHOP)
    assert not [name for name in headers if name.startswith("access-control-")]
    assert "access-control-allow-origin" not in ask.get("/v1/open/x", {"origin": SHOP}).headers


@pytest.mark.parametrize("path", ["/v1/open/x", "/v1/mine", "/nowhere", "/openapi.json"])
def test_pages_of_an_allowed_origin_may_read_every_answer(open_to_shop: Client, shop: Shop, path: str) -> None:
    headers = open_to_shop.get(path, {"origin": SHOP}).headers
    assert headers["access-control-allow-origin"] == SHOP
    assert "RateLimit" in headers["access-control-expose-headers"]
    assert "Origin" in headers["vary"]
    assert "access-control-allow-origin" not in open_to_shop.get(path, {"origin": "https://evil.example"}).headers
