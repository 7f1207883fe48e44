"""One answer from several services, with real peers: there, away, slow, and talking nonsense."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from chassis.testing import TokenIssuer
from gateway.api.overview import PATH, SCOPES
from gateway.domain.routes import OWN, Route

from .conftest import Client, Shop, StartGateway, serving
from .test_away import port_of_nobody

ROUTE = Route(path=PATH, service=OWN, methods=frozenset({"GET"}), scopes=SCOPES, timeout_seconds=5)
ADA = uuid4()
PROFILE = {"id": str(ADA), "email": "ada@x.example", "name": "Ada", "tier": "premium"}
ORDER = {
    "id": str(uuid4()),
    "status": "confirmed",
    "total": {"amount": 3390, "currency": "EUR"},
    "placed_at": "2026-01-31T12:00:00Z",
}
CART = {
    "id": str(uuid4()),
    "currency": "EUR",
    "lines": [{"sku": "MUG", "quantity": 2}],
    "coupon": None,
    "changed_at": "2026-01-31T12:00:00Z",
}


@dataclass
class Peer:
    """Customers and orders in one: says what it is told to, by path, and remembers what it was asked."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    slow: dict[str, float] = field(default_factory=dict)
    together: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await Shop()(scope, receive, send)
            return
        path = scope["path"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((path, scope["query_string"].decode(), headers))
        while len(self.asked) < self.together:  # noqa: ASYNC110 - the requests tell each other nothing
            await asyncio.sleep(0.01)
        await asyncio.sleep(self.slow.get(path, 0))
        status, document = self.answers[path]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def peer() -> Peer:
    more = {"phone": None, "internal": "left out"}
    return Peer(
        {
            "/v1/customers/me": (200, PROFILE | more),
            "/v1/orders": (200, {"items": [ORDER | more], "next_cursor": None}),
            "/v1/carts": (200, {"items": [CART], "next_cursor": None}),
        }
    )


@pytest.fixture
def ada(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(ADA, *SCOPES)


@contextmanager
def gateway(start_gateway: StartGateway, peer: Peer, **peers: int) -> Iterator[Client]:
    """Start a gateway; what ``peers`` says is at another port than the one where the peer answers."""
    with serving(peer) as port:
        addresses = {name: f"http://127.0.0.1:{peers.get(name, port)}" for name in ("customers", "orders")}
        with start_gateway(routes=[ROUTE], peers=addresses) as ask:
            yield ask


@pytest.fixture
def ask(start_gateway: StartGateway, peer: Peer) -> Iterator[Client]:
    with gateway(start_gateway, peer) as client:
        yield client


def test_all_parts_are_there(ask: Client, ada: dict[str, str]) -> None:
    reply = ask.get(PATH, ada)
    assert reply.status == 200
    assert reply.json == {"profile": PROFILE, "orders": [ORDER], "cart": CART, "missing": []}
    assert "ratelimit" in reply.headers
    assert ask("HEAD", PATH, ada).status == 200


def test_services_are_asked_with_the_callers_token_and_for_the_callers_own(
    ask: Client, ada: dict[str, str], peer: Peer
) -> None:
    secret = {"x-forwarded-for": "1.2.3.4", "x-internal": "1", "if-none-match": '"1"', "x-request-id": "mine"}
    ask.get(PATH, {**ada, **secret})
    assert {(path, query) for path, query, _ in peer.asked} == {
        ("/v1/customers/me", ""),
        ("/v1/orders", f"open=true&limit=20&customer_id={ADA}"),
        ("/v1/carts", ""),
    }
    for _, _, headers in peer.asked:
        assert headers["authorization"] == ada["authorization"]
        assert headers["x-request-id"] == "mine"
        assert 0 < int(headers["x-request-timeout-ms"]) <= 2000
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert not headers.keys() & {"x-internal", "if-none-match"}


@pytest.mark.parametrize(
    ("away", "missing"),
    [("orders", ["orders", "cart"]), ("customers", ["profile"])],
    ids=["orders", "customers"],
)
def test_what_is_away_is_missing(
    start_gateway: StartGateway, peer: Peer, ada: dict[str, str], away: str, missing: list[str]
) -> None:
    with gateway(start_gateway, peer, **{away: port_of_nobody()}) as ask:
        started = time.monotonic()
        for _ in range(6):  # From some time on it is left alone.
            reply = ask.get(PATH, ada)
            assert (reply.status, reply.json["missing"]) == (200, missing)
            assert {name for name, part in reply.json.items() if part is None} == set(missing)
        assert time.monotonic() - started < 6


def test_everything_away_is_a_503(start_gateway: StartGateway, peer: Peer, ada: dict[str, str]) -> None:
    with gateway(start_gateway, peer, customers=port_of_nobody(), orders=port_of_nobody()) as ask:
        reply = ask.get(PATH, ada)
    assert (reply.status, reply.json["code"]) == (503, "service-unavailable")
    assert "retry-after" in reply.headers


def test_parts_are_read_at_once(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.together = len(peer.answers)
    assert ask.get(PATH, ada).json["missing"] == []


def test_slow_part_is_missing(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.slow["/v1/orders"] = 10
    started = time.monotonic()
    assert ask.get(PATH, ada).json["missing"] == ["orders"]
    assert 1.9 < time.monotonic() - started < 4


def test_answer_comes_before_the_clients_deadline(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.slow["/v1/carts"] = 5
    started = time.monotonic()
    reply = ask.get(PATH, {**ada, "x-request-timeout-ms": "1800"})
    assert time.monotonic() - started < 1.8
    assert (reply.status, reply.json["missing"]) == (200, ["cart"])


def test_client_in_a_hurry_does_not_speak_against_a_service(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.slow = dict.fromkeys(peer.answers, 5.0)
    for _ in range(6):
        assert ask.get(PATH, {**ada, "x-request-timeout-ms": "50"}).status in {503, 504}
    peer.slow.clear()
    assert ask.get(PATH, ada).json["missing"] == []


@pytest.mark.parametrize(
    "answer",
    [(503, {}), (500, {}), (200, b"<html>"), (200, {"items": "none"}), (200, {"items": [{"id": "1"}]}), (404, {})],
    ids=["away", "ill", "html", "shape", "fields", "gone"],
)
def test_answer_that_says_nothing_is_missing(
    ask: Client, ada: dict[str, str], peer: Peer, answer: tuple[int, Any]
) -> None:
    peer.answers["/v1/orders"] = answer
    reply = ask.get(PATH, ada)
    assert (reply.status, reply.json["orders"], reply.json["missing"]) == (200, None, ["orders"])


def test_answer_without_end_is_missing(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.answers["/v1/carts"] = (200, b'"' + b"x" * 2_000_000 + b'"')
    assert ask.get(PATH, ada).json["missing"] == ["cart"]


def test_no_cart_is_not_a_missing_one(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.answers["/v1/carts"] = (200, {"items": [], "next_cursor": None})
    found = ask.get(PATH, ada).json
    assert (found["cart"], found["missing"]) == (None, [])


def test_it_takes_a_token_and_its_scopes(ask: Client, tokens: TokenIssuer, peer: Peer) -> None:
    assert ask.get(PATH).status == 401
    assert ask.get(PATH, {"authorization": "Bearer nonsense"}).status == 401
    assert ask.get(PATH, tokens.headers(ADA, "customers:own")).status == 403
    assert ask("POST", PATH, tokens.headers(ADA, *SCOPES), b"{}").status == 405
    assert peer.asked == []


def test_token_that_a_service_takes_no_more_is_refused(ask: Client, ada: dict[str, str], peer: Peer) -> None:
    peer.answers["/v1/customers/me"] = (401, {})
    reply = ask.get(PATH, ada)
    assert (reply.status, reply.json["code"]) == (401, "invalid-token")
    assert "www-authenticate" in reply.headers


def test_api_key_goes_on_as_a_token(
    start_gateway: StartGateway, peer: Peer, shop: Shop, shop_server: tuple[Shop, int], ada: dict[str, str]
) -> None:
    shop.api_keys["tw_key"] = ada["authorization"].removeprefix("Bearer ")
    with gateway(start_gateway, peer) as ask:
        assert ask.get(PATH, {"x-api-key": "tw_key"}).json["missing"] == []
    assert {headers["authorization"] for _, _, headers in peer.asked} == {ada["authorization"]}
    assert not any("x-api-key" in headers for _, _, headers in peer.asked)


def test_it_is_described_beside_what_the_services_offer(ask: Client) -> None:
    document = ask.get("/openapi.json").json
    operation = document["paths"][PATH]["get"]
    assert operation["tags"] == ["gateway"]
    assert {"oauth2": list(SCOPES)} in operation["security"]
    assert "OverviewOut" in document["components"]["schemas"]
    assert "x-missing-services" not in document
