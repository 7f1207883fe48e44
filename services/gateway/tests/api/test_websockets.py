import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from chassis.testing import TokenIssuer

from .conftest import Client, Shop, eventually


def open_socket(
    ask: Client, headers: dict[str, str], query: str = "", subprotocols: tuple[str, ...] = ()
) -> ClientConnection:
    url = f"ws://127.0.0.1:{ask.port}/v1/socket{query}"
    return connect(url, additional_headers=headers, subprotocols=[Subprotocol(each) for each in subprotocols] or None)


@pytest.fixture
def ada(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers("ada", "orders:own")


def test_messages_go_both_ways_as_they_are(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, ada) as socket:
        socket.send("hello")
        assert socket.recv(timeout=5) == "hello"
        socket.send(b"\x00\xff")
        assert socket.recv(timeout=5) == b"\x00\xff"
        socket.send("x" * 300_000)
        assert socket.recv(timeout=5) == "x" * 300_000


def test_service_chooses_the_subprotocol(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, ada, subprotocols=("v1", "v2")) as socket:
        assert socket.subprotocol == "v2"
    assert shop.sockets[0]["subprotocols"] == ["v1", "v2"]


def test_close_code_of_the_service_reaches_the_client(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, ada) as socket:
        socket.send("close")
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4321


def test_close_code_of_the_client_reaches_the_service(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, ada) as socket:
        socket.close(code=4001)
    eventually(lambda: shop.sockets[-1] == 4001)


def test_normal_close_is_normal(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, ada) as socket:
        socket.close()
        with pytest.raises(ConnectionClosedOK):
            socket.recv(timeout=5)
    eventually(lambda: shop.sockets[-1] == 1000)


def test_client_that_vanishes_is_gone_for_the_service(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    socket = open_socket(ask, ada)
    socket.socket.close()
    eventually(lambda: shop.sockets[-1] == 1001)


def test_token_is_checked_before_anything_is_opened(ask: Client, shop: Shop, tokens: TokenIssuer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(ask, {})
    response = refused.value.response
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer")
    with pytest.raises(InvalidStatus) as refused:
        open_socket(ask, tokens.headers("ada", "orders:other"))
    assert refused.value.response.status_code == 403
    assert shop.sockets == []


def test_service_gets_the_token_and_the_client_nothing_internal(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with open_socket(ask, {**ada, "x-forwarded-for": "6.6.6.6"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-content-type-options"] == "nosniff"
    headers = {name.lower(): value for name, value in shop.sockets[0]["headers"]}
    assert headers[b"authorization"] == ada["authorization"].encode()
    assert headers[b"x-forwarded-for"] == b"127.0.0.1"


def test_service_may_refuse(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(ask, ada, "?refuse")
    assert refused.value.response.status_code == 403


def test_route_that_is_no_stream_has_no_socket(ask: Client, shop: Shop, ada: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{ask.port}/v1/orders", additional_headers=ada)
    assert refused.value.response.status_code == 404
    assert shop.sockets == []
