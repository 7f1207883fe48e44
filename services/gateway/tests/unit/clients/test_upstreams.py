from collections.abc import AsyncIterator

import pytest

from chassis.errors import MalformedError
from gateway.clients.sockets import Session
from gateway.clients.upstreams import HttpUpstream
from gateway.domain.forwarding import Fields
from gateway.domain.ports import Body

pytestmark = pytest.mark.anyio


def head(method: str, fields: Fields, body: Body = None, address: str = "http://shop:81") -> tuple[bool, bytes]:
    return HttpUpstream("shop", address, session=Session())._head(method, "/v1/x?y=1", fields, body)


async def pieces() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("address", "host"), [("http://shop:81", b"shop:81"), ("http://shop", b"shop"), ("http://[::1]:80/", b"[::1]:80")]
)
def test_head_names_the_service_as_host(address: str, host: bytes) -> None:
    assert head("GET", [], address=address) == (False, b"GET /v1/x?y=1 HTTP/1.1\r\nhost: " + host + b"\r\n\r\n")


def test_body_has_the_length_that_was_announced_or_that_it_has() -> None:
    assert b"content-length: 5\r\n" in head("POST", [], b"hello")[1]
    assert head("POST", [(b"content-length", b"5")], b"hello")[1].count(b"content-length") == 1
    assert b"content-length: 0\r\n" in head("POST", [])[1]
    assert b"content-length" not in head("GET", [])[1]
    assert b"content-length" not in head("DELETE", [])[1]


async def test_body_in_pieces_is_chunked_unless_its_length_is_announced() -> None:
    body = pieces()
    chunked, text = head("POST", [], body)
    assert chunked
    assert b"transfer-encoding: chunked\r\n" in text
    chunked, text = head("POST", [(b"content-length", b"1")], body)
    assert not chunked
    assert b"transfer-encoding" not in text


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nx-evil: 1", b"a\r\n\r\nGET / HTTP/1.1"])
def test_field_with_more_than_one_line_is_refused(value: bytes) -> None:
    assert head("GET", [(b"x-a", b"a")])[1].endswith(b"x-a: a\r\n\r\n")
    with pytest.raises(MalformedError):
        head("GET", [(b"x-a", value)])
