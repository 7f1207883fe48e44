"""A service asks a peer over a real connection, with a token that it got for that."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from chassis.app import Service
from chassis.settings import ClientSettings
from chassis.testing import running

pytestmark = pytest.mark.anyio

MANIFEST = """
asks:
  - {service: auth, methods: [GET], paths: [/.well-known/jwks.json]}
  - {service: things, methods: [GET], paths: [/v1/things], scopes: ["things:read"]}
"""


class Neighbours:
    """Auth and the peer in one place: gives tokens, and says with which one it was asked."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "post /token" in head:
            body = json.dumps({"access_token": "made-for-things", "expires_in": 600})
        else:
            [shown] = [line for line in head.splitlines() if line.startswith("authorization:")]
            body = json.dumps({"shown": shown.removeprefix("authorization: ")})
        writer.write(f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = await asyncio.start_server(Neighbours().answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_peer_is_asked_with_the_services_own_token(make_service: Callable[..., Service], address: str) -> None:
    service = make_service(manifest=MANIFEST)
    client = ClientSettings(token_url=f"{address}/token", secret=SecretStr("secret"))
    peers = service.use_peers(client, {"things": address})
    async with running(service):
        answer = await peers["things"].request("GET", "/v1/things")
    assert answer.json() == {"shown": "bearer made-for-things"}
