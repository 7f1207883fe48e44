from typing import Any

from chassis.testing import TokenIssuer

from .conftest import Client, Shop, StartGateway

TIGHT: dict[str, Any] = {
    "strict": {"account": {"rate": 0.01, "burst": 9}, "address": {"rate": 0.01, "burst": 9}},
    "default": {"account": {"rate": 0.01, "burst": 2}, "address": {"rate": 0.01, "burst": 7}},
}


def test_address_that_asks_too_often_is_told_when_to_come_back(ask: Client, shop: Shop) -> None:
    first, second = ask.get("/v1/strict"), ask.get("/v1/strict")
    assert (first.status, second.status) == (200, 200)
    assert first.headers["ratelimit-policy"] == '"strict";q=2;w=200'
    assert first.headers["ratelimit"].startswith('"strict";r=1;')
    third = ask.get("/v1/strict")
    assert (third.status, third.json["code"]) == (429, "rate-limited")
    assert third.headers["content-type"] == "application/problem+json"
    assert 1 <= int(third.headers["retry-after"]) <= 100
    assert third.headers["ratelimit"].startswith('"strict";r=0;')
    assert len(shop.seen) == 2
    assert ask.get("/v1/open/x").status == 200


def test_account_is_counted_across_its_tokens_and_apart_from_others(
    start_gateway: StartGateway, shop: Shop, tokens: TokenIssuer
) -> None:
    with start_gateway(limits=TIGHT) as ask:
        assert [ask.get("/v1/mine", tokens.headers("ada")).status for _ in range(3)] == [200, 200, 429]
        assert ask.get("/v1/mine", tokens.headers("bob")).status == 200


def test_api_key_is_counted_apart_from_its_account(
    start_gateway: StartGateway, shop: Shop, tokens: TokenIssuer
) -> None:
    shop.api_keys |= {"one": tokens.issue("ada"), "two": tokens.issue("ada")}
    with start_gateway(limits=TIGHT) as ask:
        assert [ask.get("/v1/mine", {"x-api-key": "one"}).status for _ in range(3)] == [200, 200, 429]
        assert ask.get("/v1/mine", {"x-api-key": "two"}).status == 200
        assert ask.get("/v1/mine", tokens.headers("ada")).status == 200


def test_guessed_tokens_are_counted_by_address(start_gateway: StartGateway, shop: Shop, tokens: TokenIssuer) -> None:
    with start_gateway(limits=TIGHT) as ask:
        statuses = [ask.get("/v1/mine", {"authorization": f"Bearer {n}"}).status for n in range(8)]
        assert statuses == [401] * 7 + [429]


def test_unknown_paths_are_counted_and_probes_are_not(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway(limits=TIGHT) as ask:
        assert [ask.get("/nowhere").status for _ in range(8)] == [404] * 7 + [429]
        assert ask.get("/livez").status == 200


def test_addresses_behind_a_trusted_proxy_are_counted_apart(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway(limits=TIGHT, trusted_proxies="127.0.0.1") as ask:
        for _ in range(7):
            assert ask.get("/v1/open/x", {"x-forwarded-for": "203.0.113.1"}).status == 200
        assert ask.get("/v1/open/x", {"x-forwarded-for": "203.0.113.1"}).status == 429
        assert ask.get("/v1/open/x", {"x-forwarded-for": "203.0.113.2"}).status == 200


def test_another_forwarded_address_does_not_help_without_trust(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway(limits=TIGHT) as ask:
        statuses = [ask.get("/v1/open/x", {"x-forwarded-for": f"203.0.113.{n}"}).status for n in range(8)]
        assert statuses == [200] * 7 + [429]
