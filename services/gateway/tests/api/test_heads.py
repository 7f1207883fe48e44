"""Request heads that do not end, against the server as every service runs it."""

import socket
from contextlib import suppress

import pytest

from chassis import http_protocol

from .conftest import Client, Shop

REST = b"\r\nHost: a\r\nConnection: close\r\n\r\n"


def closed(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def test_head_without_end_is_cut_off(ask: Client, shop: Shop) -> None:
    with ask.connect() as connection:
        connection.sendall(b"GET /v1/open/x HTTP/1.1\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(b"x-%d: %s\r\n" % (sent, b"x" * 60_000))
                sent += 60_000
    assert sent < 10_000_000
    assert shop.seen == []


def test_head_that_is_too_large_in_one_piece_is_told_so(ask: Client) -> None:
    with ask.connect() as connection:
        connection.sendall(b"GET /v1/open/x HTTP/1.1\r\nx-a: " + b"x" * 70_000)
        assert closed(connection).startswith(b"HTTP/1.1 431 ")


def test_large_body_in_the_first_piece_is_no_head(ask: Client) -> None:
    assert ask("POST", "/v1/open/x", {}, b"x" * 200_000).status == 200


def test_head_that_is_not_complete_in_time_is_given_up(
    ask: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    with ask.connect() as connection:
        connection.sendall(b"GET /v1/open/x HTTP/1.1\r\nHost")
        assert closed(connection).startswith(b"HTTP/1.1 408 ")
    with ask.connect() as connection:
        assert closed(connection) == b""
    assert ask.raw(b"GET /v1/open/x HTTP/1.1" + REST).startswith(b"HTTP/1.1 200 ")


def test_time_for_the_head_is_not_the_time_for_the_answer(
    ask: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    assert ask.get("/v1/open/hang", {"x-request-timeout-ms": "600"}).status == 504
