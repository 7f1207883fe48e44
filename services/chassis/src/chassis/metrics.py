"""Prometheus metrics, on a port of their own so that the mesh and the public never see them.

Labels have few values: the route's template, never the path. Several worker processes share one directory
(``PROMETHEUS_MULTIPROC_DIR``) and are merged when scraped.
"""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's first byte to its response's last.",
    ("method", "route", "status"),
    buckets=BUCKETS,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
_children: dict[tuple[str, str, int], Histogram] = {}


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one finished request; ``route`` is the template, ``unmatched`` where no route was found."""
    child = _children.get((method, route, status))
    if child is None:
        label = method if method in _METHODS else "other"
        child = _children[method, route, status] = _requests.labels(label, route, str(status))
    child.observe(seconds)


def serve(host: str, port: int) -> int:
    """Answer ``/metrics`` from a daemon thread.

    Returns:
        The port in use, for when 0 was asked for.
    """
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    server, _thread = start_http_server(port, addr=host, registry=registry)
    return int(server.server_port)
