"""A real gateway in front of a real service, both on free ports of this machine, asked over plain sockets."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from chassis.serving import SERVER
from chassis.testing import TokenIssuer
from gateway.domain.routes import Route, RouteTable
from gateway.main import build
from gateway.settings import Settings

ROUTES = (
    Route(path="/v1/open*", service="shop", methods=frozenset({"GET", "POST", "PUT"}), public=True, timeout_seconds=5),
    Route(path="/v1/small", service="shop", methods=frozenset({"POST"}), public=True, max_body_bytes=1000),
    Route(path="/v1/hasty", service="shop", methods=frozenset({"GET", "POST"}), public=True, timeout_seconds=0.3),
    Route(path="/v1/stream*", service="shop", methods=frozenset({"GET", "POST"}), public=True, stream=True,
          max_body_bytes=10_000_000),
    Route(path="/v1/keyless", service="shop", methods=frozenset({"POST"}), public=True, keys=False),
    Route(path="/v1/strict", service="shop", methods=frozenset({"GET"}), public=True, limit="strict"),
    Route(path="/v1/mine*", service="shop", methods=frozenset({"GET", "POST"})),
    Route(path="/v1/orders", service="shop", methods=frozenset({"GET"}), scopes=("orders:own",)),
    Route(path="/v1/orders/*", service="shop", methods=frozenset({"GET"}), scopes=("orders:manage",)),
    Route(path="/v1/socket", service="shop", methods=frozenset({"GET"}), stream=True, scopes=("orders:own",)),
    Route(path="/v1/gone", service="gone", methods=frozenset({"GET", "POST"}), public=True),
)  # fmt: skip


@dataclass
class Reply:
    """An answer as it came over the wire; ``fields`` keeps doubles, names in lower case."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


class Client:
    """Asks one server; nothing is added to a request but Host and, for a body, its length."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | Iterator[bytes] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            pairs = list(headers.items() if isinstance(headers, dict) else headers)
            hosted = any(name == "host" for name, _ in pairs)
            connection.putrequest(method, path, skip_host=hosted, skip_accept_encoding=True)
            chunked = body is not None and not isinstance(body, bytes)
            for name, value in pairs:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
            elif chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=chunked)
            return _read(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | Sequence[tuple[str, str]] = ()) -> Reply:
        return self("GET", path, headers)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(request)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received


def _read(response: http.client.HTTPResponse) -> Reply:
    fields = [(name.lower(), value) for name, value in response.getheaders()]
    return Reply(response.status, fields, response.read())


def eventually(check: Callable[[], object], *, seconds: float = 5) -> None:
    """Wait until ``check`` says yes; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[int]:
    """Serve an ASGI application from a thread, as ``chassis.serving`` does; yield its port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, **{**SERVER, "timeout_graceful_shutdown": 1})
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive())
        assert server.started
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass
class Shop:
    """The service behind the gateway: says what it got, and does what its paths say."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    stopped: int = 0
    sockets: list[Any] = field(default_factory=list)
    exchanges: list[bytes] = field(default_factory=list)
    api_keys: dict[str, str] = field(default_factory=dict)
    exchange_status: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    document: dict[str, Any] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].rsplit("/", 1)[-1].replace("-", "_").replace(".", "_")
        serve = getattr(self, f"_{name}", self._echo)
        try:
            await serve(scope, receive, send)
        except _LeftError:
            self.stopped += 1

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = await _body(receive)
        seen = {
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode("latin-1"),
        }
        self.seen.append(seen)
        await _answer(send, 200, json.dumps(seen).encode(), [(b"content-type", b"application/json")])

    async def _upload(self, _scope: Any, receive: Any, send: Any) -> None:
        self.pieces.clear()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.stopped += 1
                return
            if message["body"]:
                self.pieces.append(message["body"])
            if not message["more_body"]:
                break
        await _answer(send, 200, str(sum(map(len, self.pieces))).encode())

    async def _events(self, _scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
        await self._wait(receive)
        await send({"type": "http.response.body", "body": b": heartbeat\n\ndata: last\n\n"})

    async def _wait(self, receive: Any) -> None:
        """Wait for the test to say go, or for the caller to leave."""
        leaving = asyncio.create_task(receive())
        while not self.go_on.is_set():
            if leaving.done():
                self.stopped += 1
                return
            await asyncio.sleep(0.005)
        leaving.cancel()

    async def _hang(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await self._wait(receive)
        await _answer(send, 200, b"at last")

    async def _hasty(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._hang if b"slow" in scope["query_string"] else self._echo)(scope, receive, send)

    async def _big(self, scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(int(scope["query_string"] or b"10")):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _internals(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        headers = [
            (b"connection", b"x-hop, keep-alive"),
            (b"x-hop", b"1"),
            (b"keep-alive", b"timeout=5"),
            (b"x-envoy-upstream-service-time", b"3"),
            (b"access-control-allow-origin", b"*"),
            (b"server", b"secret/1"),
            (b"x-powered-by", b"snakes"),
            (b"x-request-id", b"other"),
            (b"x-kept", b"yes"),
            (b"set-cookie", b"a=1; Path=/"),
            (b"set-cookie", b"b=2; Path=/"),
        ]
        await _answer(send, 200, b"{}", headers)

    async def _nothing(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await _answer(send, 204, b"", [])

    async def _unchanged(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"1"')]})
        await send({"type": "http.response.body", "body": b""})

    async def _elsewhere(self, scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        host = dict(scope["headers"])[b"host"]
        await _answer(send, 303, b"", [(b"location", b"http://" + host + b"/v1/open/there?x=1")])

    async def _html(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await _answer(send, 200, b"<p>", [(b"content-security-policy", b"default-src 'self'")])

    async def _torn(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
        await send({"type": "http.response.body", "body": b"x" * 300_000, "more_body": True})
        raise ConnectionError("torn on purpose")

    async def _token(self, scope: Any, receive: Any, send: Any) -> None:
        body = await _body(receive)
        self.exchanges.append(body)
        await asyncio.sleep(0.05)
        key = dict(pair.split("=") for pair in body.decode().split("&"))["subject_token"]
        status, answer = 200, {"access_token": self.api_keys.get(key), "token_type": "Bearer", "expires_in": 600}
        if key not in self.api_keys:
            status, answer = 400, {"error": "invalid_grant"}
        if self.exchange_status is not None:
            status, answer = self.exchange_status, {"error": "invalid_client"}
        await _answer(send, status, json.dumps(answer).encode(), [(b"content-type", b"application/json")])

    async def _openapi_json(self, _scope: Any, receive: Any, send: Any) -> None:
        await _body(receive)
        await _answer(send, 200, json.dumps(self.document).encode(), [(b"content-type", b"application/json")])

    async def _socket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        # The end may be told when the next test has begun, with a list of its own.
        told = self.sockets
        told.append(scope)
        if b"refuse" in scope["query_string"]:
            await send({"type": "websocket.close"})
            return
        chosen = next((each for each in scope["subprotocols"] if each == "v2"), None)
        await send({"type": "websocket.accept", "subprotocol": chosen})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                told.append(message["code"])
                return
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4321, "reason": "asked to"})
                return
            kind = "text" if message.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: message[kind]})


class _LeftError(Exception):
    """Whoever asked is gone."""


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _LeftError
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


async def _answer(send: Any, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="session")
def service_name() -> str:
    return "gateway"


@pytest.fixture(scope="module")
def shop_server() -> Iterator[tuple[Shop, int]]:
    shop = Shop()
    with serving(shop) as port:
        yield shop, port


@pytest.fixture
def shop(shop_server: tuple[Shop, int]) -> Iterator[Shop]:
    """The service, with nothing remembered from another test."""
    shop, _ = shop_server
    fresh = Shop()
    for name in vars(fresh):
        setattr(shop, name, getattr(fresh, name))
    yield shop
    shop.go_on.set()


StartGateway = Callable[..., AbstractContextManager[Client]]


@pytest.fixture(scope="module")
def start_gateway(shop_server: tuple[Shop, int], tokens: TokenIssuer) -> StartGateway:
    """Start gateways in front of the service; keyword arguments override settings."""

    @contextmanager
    def start(routes: Sequence[Route] = ROUTES, **settings: Any) -> Iterator[Client]:
        address = f"http://127.0.0.1:{shop_server[1]}"
        chosen = {
            "environment": "development",
            "tokens": tokens.settings,
            "client": {"token_url": f"{address}/v1/oauth/token", "secret": "s3cret"},
            "peers": {"shop": address, "gone": "http://127.0.0.1:9"},
            "limits": {
                "strict": {"account": {"rate": 0.01, "burst": 1}, "address": {"rate": 0.01, "burst": 2}},
                "default": {"account": {"rate": 1000, "burst": 1000}, "address": {"rate": 1000, "burst": 1000}},
            },
            **settings,
        }
        service = build(
            Settings.model_validate(chosen),
            keys=tokens,
            declared=(RouteTable(routes), {"orders:own": "One's own orders.", "orders:manage": "All orders."}),
        )
        with serving(service.asgi) as port:
            yield Client(port)

    return start


@pytest.fixture(scope="module")
def running_gateway(start_gateway: StartGateway) -> Iterator[Client]:
    with start_gateway() as client:
        yield client


@pytest.fixture
def ask(running_gateway: Client, shop: Shop) -> Client:
    """Ask the gateway that the module's tests share."""
    return running_gateway
