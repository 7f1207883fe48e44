import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import Client, Shop, StartGateway, eventually, serving


def port_of_nobody() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def peers(port: int) -> dict[str, str]:
    """Return addresses with the service ``gone`` on ``port``."""
    return {"shop": "http://127.0.0.1:9", "gone": f"http://127.0.0.1:{port}"}


@contextmanager
def blackhole() -> Iterator[int]:
    """Listen, and accept nobody: a connection hangs once the backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = []
        for _ in range(4):
            extra = socket.socket()
            extra.setblocking(False)
            extra.connect_ex(("127.0.0.1", port))
            waiting.append(extra)
        yield port
        for extra in waiting:
            extra.close()


def test_dead_service_is_a_503_at_once(ask: Client) -> None:
    started = time.monotonic()
    reply = ask.get("/v1/gone")
    assert time.monotonic() - started < 1
    assert (reply.status, reply.json["code"]) == (503, "service-unavailable")
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) >= 1


def test_service_that_takes_no_connection_is_a_503_in_a_second(start_gateway: StartGateway, shop: Shop) -> None:
    with blackhole() as port, start_gateway(peers=peers(port)) as ask:
        started = time.monotonic()
        assert ask.get("/v1/gone").status == 503
        assert time.monotonic() - started < 1.5


def test_dead_service_takes_no_other_down(ask: Client, shop: Shop) -> None:
    for _ in range(10):
        assert ask.get("/v1/gone").status == 503
    assert ask.get("/v1/open/x").status == 200


def test_service_that_comes_back_is_served_again(start_gateway: StartGateway, shop: Shop) -> None:
    port = port_of_nobody()
    with start_gateway(peers=peers(port)) as ask:
        statuses = {ask.get("/v1/gone").status for _ in range(10)}
        assert statuses == {503}
        with serving(Shop(), port):
            eventually(lambda: ask.get("/v1/gone").status == 200)
            assert [ask.get("/v1/gone").status for _ in range(5)] == [200] * 5


def test_restart_of_a_service_between_requests_is_not_noticed(start_gateway: StartGateway, shop: Shop) -> None:
    port = port_of_nobody()
    with start_gateway(peers=peers(port)) as ask:
        for method in ("GET", "POST", "POST"):
            with serving(Shop(), port):
                assert ask(method, "/v1/gone", {}, b"" if method == "POST" else None).status == 200


class Brittle:
    """A service that closes the connection of its first request under a key, and of every one without, unanswered."""

    def __init__(self) -> None:
        self.requests: list[str | None] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await Shop()(scope, receive, send)
            return
        key = dict(scope["headers"]).get(b"idempotency-key", b"").decode() or None
        self.requests.append(key)
        if key is None or self.requests.count(key) == 1:
            # The transport is uvicorn's own business, and the only way to end a connection without an answer.
            send.__self__.transport.abort()
            return
        await Shop()(scope, receive, send)


@pytest.fixture
def brittle(start_gateway: StartGateway, shop: Shop) -> Iterator[tuple[Client, Brittle]]:
    service = Brittle()
    with serving(service) as port, start_gateway(peers=peers(port)) as ask:
        yield ask, service


def test_post_without_a_key_is_sent_once(brittle: tuple[Client, Brittle]) -> None:
    ask, service = brittle
    reply = ask("POST", "/v1/gone", {}, b"{}")
    assert (reply.status, reply.json["code"]) == (503, "no-answer")
    assert service.requests == [None]


def test_post_with_a_key_is_sent_again(brittle: tuple[Client, Brittle]) -> None:
    ask, service = brittle
    assert ask("POST", "/v1/gone", {"idempotency-key": "k"}, b"{}").status == 200
    assert service.requests == ["k", "k"]


def test_service_that_hangs_is_left_alone_for_a_while(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway() as ask:
        assert {ask.get("/v1/hasty?slow").status for _ in range(5)} == {504}
        started = time.monotonic()
        assert ask.get("/v1/hasty").status == 503
        assert time.monotonic() - started < 0.2
        shop.go_on.set()
        eventually(lambda: ask.get("/v1/hasty").status == 200)


def test_impatient_or_slow_clients_do_not_speak_against_a_service(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway() as ask:
        for _ in range(6):
            assert ask.get("/v1/open/hang", {"x-request-timeout-ms": "20"}).status == 504
            with ask.connect() as connection:
                connection.sendall(b"POST /v1/hasty HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nslow")
                assert connection.recv(100).startswith(b"HTTP/1.1 504 ")
        assert ask.get("/v1/open/x").status == 200
