"""Spans arrive at a collector, and agree with the ids in logs and headers."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from chassis import context, tracing
from chassis.app import Service
from chassis.routing import Router
from chassis.settings import ServiceSettings
from chassis.testing import running

router = Router()

@router.get("/v1/things/{name}")
async def read_thing(name: str) -> dict[str, str]:
    with tracing.span("ask peer", "client", peer="other"):
        return context.outgoing_headers()

async def main(endpoint, folder, ratio):
    settings = ServiceSettings(environment="development", tracing={"otlp_endpoint": endpoint, "ratio": ratio})
    service = Service(settings, name="sample", folder=Path(folder))
    service.include(router)
    async with running(service) as client:
        print(json.dumps((await client.get("/v1/things/a")).json()))
        await client.get("/readyz")

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
"""


class Collector:
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.keep(body, compressed=self.headers.get("content-encoding") == "gzip")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def keep(self, body: bytes, *, compressed: bool) -> None:
        assert not compressed
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += [
                    {
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                    }
                    for span in scope.spans
                ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    collector.thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def _run(collector: Collector, folder: Path, ratio: float) -> dict[str, str]:
    """Serve one request in a process of its own: the exporter is one per process."""
    (folder / "service.yaml").write_text("name: sample\nsummary: A sample.\n")
    endpoint = f"http://127.0.0.1:{collector.server.server_port}"
    command = [sys.executable, "-c", PROGRAM, endpoint, str(folder), str(ratio)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    line = next(line for line in ended.stdout.splitlines() if line.startswith('{"traceparent"'))
    found: dict[str, str] = json.loads(line)
    return found


def test_server_and_client_spans_are_one_trace_and_the_callee_is_their_child(
    collector: Collector, tmp_path: Path
) -> None:
    outgoing = _run(collector, tmp_path, 1.0)
    spans = {span["name"]: span for span in collector.spans}
    server, client = spans["GET /v1/things/{name}"], spans["ask peer"]
    _version, trace, parent, flags = outgoing["traceparent"].split("-")
    assert server["trace"] == client["trace"] == trace
    assert client["parent"] == server["id"]
    assert (parent, flags) == (client["id"], "01")
    assert len(spans) == 2


def test_trace_that_is_not_sampled_has_ids_and_no_spans(collector: Collector, tmp_path: Path) -> None:
    outgoing = _run(collector, tmp_path, 0.0)
    assert outgoing["traceparent"].endswith("-00")
    assert collector.spans == []
