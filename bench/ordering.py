"""Customers who order what is in their carts, each once, so many at a time: POST requests over kept-alive HTTP/1.1."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import uvloop
from bench.load import LoadError, is_complete

_CHUNK = 65_536
_CONFIRMED = b'"status":"confirmed"'
_RUNNING = (b"placed", b"reserved", b"authorised", b"pinned", b"captured")
_STATUS = re.compile(rb'"status":"([a-z]+)"')
_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
_LOOK_AGAIN_SECONDS = 0.5
_ORDER = {
    "shipping_method": "standard",
    "shipping_address": {
        "recipient": "Ann Example",
        "line1": "Beispielweg 1",
        "city": "Berlin",
        "postal_code": "10115",
        "country": "DE",
    },
    "payment": {"kind": "card", "token": "tok_approve"},
}


@dataclass(frozen=True, slots=True)
class Shopper:
    """A customer with a cart."""

    customer_id: UUID
    cart_id: UUID
    token: str

    def request(self, port: int) -> bytes:
        """Return a new order, for which this customer waits; a side without keys and tokens gets them as well."""
        body = json.dumps({"cart_id": str(self.cart_id), **_ORDER})
        return (
            "POST /v1/orders HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{port}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "User-Agent: bench\r\n"
            "Prefer: wait=10\r\n"
            f"Idempotency-Key: {uuid4()}\r\n"
            f"Customer-Id: {self.customer_id}\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n{body}"
        ).encode()

    def question(self, port: int, answer: bytes) -> bytes:
        """Return the question what has become of the order that an answer shows."""
        order = _ID.search(answer)
        assert order is not None
        return (
            f"GET /v1/orders/{order[1].decode()} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{port}\r\n"
            "User-Agent: bench\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        ).encode()


def place_orders(port: int, shoppers: Sequence[Shopper], *, at_once: int) -> list[float]:
    """Have each order once; return the seconds each waited until the order was confirmed.

    Raises:
        LoadError: One was not.
    """
    return uvloop.run(_place(port, iter(shoppers), at_once))


async def _place(port: int, shoppers: Iterator[Shopper], at_once: int) -> list[float]:
    seconds: list[float] = []

    async def shop() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for shopper in shoppers:
                started = time.perf_counter()
                writer.write(shopper.request(port))
                answer = await _answer(reader)
                while _still_running(answer):
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                    writer.write(shopper.question(port, answer))
                    answer = await _answer(reader)
                if _CONFIRMED not in answer:
                    raise LoadError(answer[:2000].decode(errors="replace"))
                seconds.append(time.perf_counter() - started)
        finally:
            writer.close()

    await asyncio.gather(*(shop() for _ in range(at_once)))
    return seconds


def _still_running(answer: bytes) -> bool:
    """Tell whether the order has not come to its end: on a busy machine the wait can be over before that."""
    status = _STATUS.search(answer)
    return status is not None and status[1] in _RUNNING


async def _answer(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while not is_complete(answer):
        if not (more := await reader.read(_CHUNK)):
            raise LoadError("the server closed the connection")
        answer += more
    return answer
