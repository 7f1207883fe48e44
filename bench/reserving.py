"""Orders that want one piece each, as fast as they are answered: PUT requests over kept-alive HTTP/1.1 connections."""

import asyncio
import json
import time
from collections.abc import Sequence

import uvloop
from bench.load import LoadError, is_complete

from chassis.ids import uuid7

_CHUNK = 65_536


def reservations_per_second(port: int, token: str, skus: Sequence[str], *, connections: int, seconds: float) -> float:
    """Reserve pieces of SKUs in turn, each for an order of its own; return how many were held a second.

    Raises:
        LoadError: One was not held.
    """
    return uvloop.run(_reserve(port, token, skus, connections, seconds))


async def _reserve(port: int, token: str, skus: Sequence[str], connections: int, seconds: float) -> float:
    started = time.perf_counter()
    counter = iter(range(10_000_000))

    async def buyer() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        held = 0
        try:
            while time.perf_counter() - started < seconds:
                writer.write(_request(port, token, skus[next(counter) % len(skus)]))
                answer = b""
                while not is_complete(answer):
                    if not (more := await reader.read(_CHUNK)):
                        raise LoadError("the server closed the connection")
                    answer += more
                if answer[9:12] != b"201":
                    raise LoadError(answer[:1000].decode(errors="replace"))
                held += 1
        finally:
            writer.close()
        return held

    held = sum(await asyncio.gather(*(buyer() for _ in range(connections))))
    return held / (time.perf_counter() - started)


def _request(port: int, token: str, sku: str) -> bytes:
    body = json.dumps({"lines": [{"sku": sku, "quantity": 1}], "expires_in_seconds": 86_400})
    return (
        f"PUT /v1/reservations/{uuid7()} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "User-Agent: bench\r\n"
        f"Authorization: Bearer {token}\r\n\r\n{body}"
    ).encode()
