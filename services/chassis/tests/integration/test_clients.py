"""What only real connections show: cookies, dropped connections, silent repeats."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress

import aiohttp
import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from chassis import attempts
from chassis.breaker import Breaker
from chassis.children import free_ports
from chassis.clients import HttpSession, PeerUnavailableError, ServiceClient
from chassis.retry_budget import RetryBudget

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of its answers, the last for ever; None drops the connection instead."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.requests: list[str] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, by name: aiohttp's jar ignores IP addresses, so only a name shows whether it is off."""
        return f"http://localhost:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "localhost", 0, family=socket.AF_INET)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.decode())
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class BreakingServer(Server):
    """Drops the connection after each answer."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self._answers.pop(0) or b"")
        await writer.drain()
        writer.close()


@pytest.fixture
async def session() -> AsyncIterator[HttpSession]:
    async with HttpSession().lifespan() as opened:
        yield opened


def cookie_header(request: str) -> bool:
    return "\r\ncookie:" in request.lower()


COOKIE = b"HTTP/1.1 200 OK\r\nset-cookie: session=ada; Path=/\r\ncontent-length: 2\r\n\r\n{}"


async def test_one_callers_cookie_is_not_sent_with_the_next_call(session: HttpSession) -> None:
    async with Server(COOKIE).running() as server:
        client = ServiceClient("peer", server.url, session=session)
        await client.request("GET", "/")
        await client.request("GET", "/")

    assert len(server.requests) == 2
    assert not any(map(cookie_header, server.requests))


async def test_each_layer_would_send_it_by_default() -> None:
    none = aiohttp.DummyCookieJar()
    async with Server(COOKIE).running() as server, aiohttp.ClientSession() as lower:
        await (await lower.get(server.url)).read()
        await (await lower.get(server.url)).read()
    async with Server(COOKIE).running() as other, aiohttp.ClientSession(cookie_jar=none) as careful:
        upper = httpx.AsyncClient(transport=AiohttpTransport(client=careful))
        await upper.get(other.url)
        await upper.get(other.url)

    assert cookie_header(server.requests[1])
    assert cookie_header(other.requests[1])


async def test_refused_connection_was_never_sent_and_is_tried_again(session: HttpSession) -> None:
    (port,) = free_ports(1)
    budget = RetryBudget(reserve=2, per_second=0)
    client = ServiceClient("peer", f"http://127.0.0.1:{port}", session=session, retries=2, budget=budget)

    with pytest.raises(PeerUnavailableError) as error:
        await client.request("POST", "/")

    assert not error.value.maybe_done
    assert not budget.spend(), "both retries were made"


async def test_unknown_host_was_never_sent(session: HttpSession) -> None:
    client = ServiceClient("peer", "http://nobody.invalid", session=session, retries=0)
    with pytest.raises(PeerUnavailableError) as error:
        await client.request("POST", "/")
    assert not error.value.maybe_done


async def test_connection_that_is_not_accepted_was_never_sent(
    session: HttpSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_CONNECT_SECONDS", 0.1)
    with full_listener() as port:
        client = ServiceClient("peer", f"http://127.0.0.1:{port}", session=session, retries=0)
        with pytest.raises(PeerUnavailableError) as error:
            await client.request("POST", "/")
    assert not error.value.maybe_done


@contextmanager
def full_listener() -> Iterator[int]:
    """Listen, accept nothing, and fill the backlog, so that the next connection hangs."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("key", [None, "k-1"])
async def test_post_that_was_read_is_repeated_with_a_key_only(session: HttpSession, key: str | None) -> None:
    async with Server(None).running() as server:
        client = ServiceClient("peer", server.url, session=session, retries=1)
        with pytest.raises(PeerUnavailableError) as error:
            await client.request("POST", "/", idempotency_key=key)

    assert error.value.maybe_done
    assert len(server.requests) == (2 if key else 1)


async def test_silent_repeats_are_charged_to_the_budget(session: HttpSession) -> None:
    budget = RetryBudget(reserve=5, per_second=0)
    async with Server(OK, None, OK).running() as server:
        client = ServiceClient("peer", server.url, session=session, retries=0, budget=budget)
        await client.request("GET", "/")
        await client.request("GET", "/")

    assert len(server.requests) == 3, "aiohttp repeats a GET by itself when a kept connection drops"
    assert sum(budget.spend() for _ in range(10)) == 4


async def test_connections_are_kept(session: HttpSession) -> None:
    async with Server(OK).running() as server:
        client = ServiceClient("peer", server.url, session=session)
        for _ in range(5):
            await client.request("GET", "/")
    assert server.connections == 1


async def test_answer_that_is_not_http_is_no_answer(session: HttpSession) -> None:
    async with Server(b"SSH-2.0-OpenSSH\r\n\r\n").running() as server:
        client = ServiceClient("peer", server.url, session=session, retries=0)
        with pytest.raises(PeerUnavailableError):
            await client.request("GET", "/")


async def test_answer_that_breaks_off_is_asked_for_again(session: HttpSession) -> None:
    broken = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{"
    async with BreakingServer(broken, OK).running() as server:
        client = ServiceClient("peer", server.url, session=session)
        response = await client.request("GET", "/")
    assert response.json() == {}
    assert len(server.requests) == 2


async def test_compressed_answer_is_read(session: HttpSession) -> None:
    body = gzip.compress(b'{"sku": "A"}')
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
    async with Server(head.encode() + body).running() as server:
        response = await ServiceClient("peer", server.url, session=session).request("GET", "/")
    assert response.json() == {"sku": "A"}


async def test_badly_compressed_answer_is_no_answer(session: HttpSession) -> None:
    async with Server(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"
    ).running() as server:
        client = ServiceClient("peer", server.url, session=session, retries=0)
        with pytest.raises(PeerUnavailableError):
            await client.request("GET", "/")


async def test_cancelled_call_leaves_the_session_usable(session: HttpSession) -> None:
    async with Server(OK).running() as server:
        client = ServiceClient("peer", server.url, session=session)
        for _ in range(20):
            given_up = asyncio.create_task(client.request("GET", "/"))
            await asyncio.sleep(0)
            given_up.cancel()
            with suppress(asyncio.CancelledError):
                await given_up
        assert (await client.request("GET", "/")).status_code == 200


async def test_session_that_is_not_open_says_so() -> None:
    client = ServiceClient("peer", "http://localhost:9", session=HttpSession(), breaker=Breaker("peer"))
    with pytest.raises(RuntimeError, match="lifespan"):
        await client.request("GET", "/")
