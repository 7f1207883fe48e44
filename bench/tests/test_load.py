"""The load generator: counts only whole answers that are 200, and ends when it was told to."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bench.load import LoadError, Target, burst, is_complete, latencies

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/found" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello", True),
        (HEAD + b"Content-Length: 5\r\n\r\nhell", False),
        (HEAD + b"Content-Length: 5\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", False),
    ],
)
def test_an_answer_is_complete_when_all_of_its_body_is_there(answer: bytes, *, complete: bool) -> None:
    assert is_complete(answer) is complete


def test_burst_ends_after_so_many_requests(port: int) -> None:
    done = burst(Target(port, "/found", "token"), connections=2, seconds=30, requests=10)
    assert 10 <= done.requests <= 11
    assert done.seconds < 30


def test_burst_ends_when_its_time_is_over(port: int) -> None:
    done = burst(Target(port, "/found", "token"), connections=2, seconds=0.2)
    assert 0.2 <= done.seconds < 5
    assert done.requests > 2


def test_answer_that_is_not_200_ends_the_burst(port: int) -> None:
    with pytest.raises(LoadError, match="404"):
        burst(Target(port, "/lost", "token"), connections=2, seconds=30)


def test_latencies_are_taken_of_each_target_in_turn(port: int) -> None:
    target = Target(port, "/found", "token")
    taken = latencies([target, target], requests=3, pause_seconds=0)
    assert [len(each) for each in taken] == [3, 3]
    assert all(0 < seconds < 5 for each in taken for seconds in each)


def test_latency_of_an_answer_that_is_not_200_is_none(port: int) -> None:
    with pytest.raises(LoadError, match="404"):
        latencies([Target(port, "/lost", "token")], requests=1, pause_seconds=0)
