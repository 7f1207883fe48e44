"""Customers who order: each once, waiting until the order is confirmed, also beyond the answer's own wait."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID, uuid4

import pytest
from bench.load import LoadError
from bench.ordering import Shopper, place_orders

ORDER = "01890000-0000-7000-8000-000000000001"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    placed: list[str]
    statuses: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.placed.append(self.headers["Customer-Id"])
        self._answer(201)

    def do_GET(self) -> None:
        assert self.path == f"/v1/orders/{ORDER}"
        self._answer(200)

    def _answer(self, status: int) -> None:
        body = json.dumps({"id": ORDER, "status": self.statuses.pop(0)}, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    Handler.placed = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def shoppers(count: int) -> list[Shopper]:
    return [Shopper(uuid4(), uuid4(), "token") for _ in range(count)]


def test_each_customer_orders_once(port: int) -> None:
    Handler.statuses = ["confirmed"] * 5
    chosen = shoppers(5)
    assert len(place_orders(port, chosen, at_once=1)) == 5
    assert [UUID(each) for each in Handler.placed] == [each.customer_id for each in chosen]


def test_order_that_is_still_running_is_asked_for_again(port: int) -> None:
    Handler.statuses = ["placed", "pinned", "confirmed"]
    [seconds] = place_orders(port, shoppers(1), at_once=1)
    assert seconds >= 1
    assert len(Handler.placed) == 1


def test_rejected_order_ends_the_measurement(port: int) -> None:
    Handler.statuses = ["rejected"]
    with pytest.raises(LoadError, match="rejected"):
        place_orders(port, shoppers(1), at_once=1)
