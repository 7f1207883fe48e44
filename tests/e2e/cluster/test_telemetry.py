"""What can be seen of the system from outside it: traces of everything a request set in motion, and its metrics."""

import secrets
from typing import Any

from httpx2 import Client

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import DATA, Cluster, poll
from tests.e2e.people import Person

_SEEN_SECONDS = 60


def spans_by_service(jaeger: Client, trace_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the spans of a trace by the name of the service that reported them."""
    answer = jaeger.get(f"/api/traces/{trace_id}")
    traces = answer.json().get("data") or [] if answer.status_code == 200 else []
    found: dict[str, list[dict[str, Any]]] = {}
    for trace in traces:
        for span in trace["spans"]:
            found.setdefault(trace["processes"][span["processID"]]["serviceName"], []).append(span)
    return found


def test_one_trace_leads_from_the_ingress_to_the_consumer(cluster: Cluster, api: Client) -> None:
    trace_id = secrets.token_hex(16)
    answer = Person(api).register(traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    assert answer.status_code == 202

    parts = {"gateway", "auth", "customers"}
    if cluster.mesh == "istio":
        # The proxies' own spans.
        parts |= {"edge.tradewind", "gateway.tradewind", "auth.tradewind"}
    with cluster.forwarded(DATA, "jaeger", 16686) as address, Client(base_url=address) as jaeger:

        def complete() -> dict[str, list[dict[str, Any]]] | None:
            found = spans_by_service(jaeger, trace_id)
            return found if parts <= found.keys() else None

        spans = poll(complete, seconds=_SEEN_SECONDS, what=f"a trace with {parts}")
    # customers is not asked by anybody here: it heard the event.
    kinds = [tag["value"] for span in spans["customers"] for tag in span["tags"] if tag["key"] == "span.kind"]
    assert "consumer" in kinds
    assert "server" not in kinds


def test_prometheus_reads_every_pod_of_every_service(cluster: Cluster) -> None:
    pods = {pod.metadata.name for name in EVERY_SERVICE for pod in cluster.running(name)}
    assert len(pods) >= 2 * len(EVERY_SERVICE)
    with cluster.forwarded(DATA, "prometheus", 9090) as address, Client(base_url=address) as prometheus:

        def up() -> set[str]:
            answer = prometheus.get("/api/v1/query", params={"query": "up == 1"}).json()
            return {each["metric"].get("pod", "") for each in answer["data"]["result"]}

        poll(lambda: pods <= up(), seconds=_SEEN_SECONDS, what=f"Prometheus reads {pods}")
        counted = prometheus.get(
            "/api/v1/query", params={"query": "sum by (service) (http_server_request_duration_seconds_count)"}
        ).json()["data"]["result"]
    assert set(EVERY_SERVICE) <= {each["metric"]["service"] for each in counted}
