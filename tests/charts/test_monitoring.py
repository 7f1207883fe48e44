"""What is drawn and alerted on exists: every query against the metrics that the code exports."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import (
    CHARTS,
    ISTIO,
    ROOT,
    manifests,
    merged,
    objects_of,
    renders,
    scenario_values,
)

# Of the client library itself, of the kubelet and of kube-state-metrics.
OTHERS = re.compile(r"^(up|ALERTS|python_\w+|process_\w+|container_\w+|kube_\w+|machine_\w+|envoy_\w+)$")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABELS = re.compile(
    r"\{[^{}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)|\[[^\[\]]*\]|\"[^\"]*\""
)
# Functions, operators, units and Grafana's variables.
WORDS = re.compile(
    r"^(sum|avg|min|max|count|rate|irate|increase|histogram_quantile|topk|bottomk|time|vector|scalar|absent|clamp_min|clamp_max|label_replace|label_values|round|quantile|quantile_over_time|max_over_time|avg_over_time|sum_over_time|min_over_time|changes|delta|deriv|predict_linear|offset|bool|and|or|unless|by|inf|nan|Inf|NaN|e)$"
)
METRICS = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
    "Summary": ("_sum", "_count"),
}


@cache
def exported() -> set[str]:
    """Return the names of all series that the services export, read from the source."""
    found = set()
    for path in ROOT.glob("services/*/src/**/*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and (made := _metric(call)):
                kind, name = made
                found |= {name.removesuffix("_total") + suffix for suffix in METRICS[kind]}
    return found


def _metric(call: ast.Call) -> tuple[str, str] | None:
    kind = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if kind not in METRICS or not call.args:
        return None
    name = call.args[0]
    return (kind, name.value) if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def asked(query: str) -> set[str]:
    """Return the metrics that a query names; recording rules are named like ``service:errors:rate5m``."""
    plain = re.sub(r"\$\{?\w+(:\w+)?\}?", "", query)
    while (shorter := LABELS.sub(" ", plain)) != plain:
        plain = shorter
    words = {found.group() for found in NAME.finditer(re.sub(r"\b[0-9][0-9a-z.]*\b", " ", plain))}
    return {word for word in words if not WORDS.match(word) and ":" not in word and not OTHERS.match(word)}


def dashboards() -> Iterator[tuple[str, Any]]:
    """Yield every dashboard, wherever a chart keeps it."""
    for path in sorted(CHARTS.glob("*/dashboards/*.json")):
        yield str(path.relative_to(ROOT)), json.loads(path.read_text())


def queries(document: Any) -> Iterator[str]:
    """Yield the queries anywhere in a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "expr" and isinstance(value, str):
                yield value
            else:
                yield from queries(value)
    elif isinstance(document, list):
        for each in document:
            yield from queries(each)


def alerts(rule: Any) -> list[Any]:
    """Return the alerts of a ``PrometheusRule``."""
    return [each for group in rule["spec"]["groups"] for each in group["rules"]]


def test_dashboards_ask_for_what_there_is() -> None:
    found = dict(dashboards())
    assert found
    for name, document in found.items():
        assert list(queries(document)), f"{name} asks nothing"
        assert sorted({each for query in queries(document) for each in asked(query)} - exported()) == [], name


def test_alerts_ask_for_what_there_is() -> None:
    rules = [(rendered, rule) for rendered in renders() for rule in rendered.of("PrometheusRule")]
    assert {rendered.chart for rendered, _ in rules} >= set(manifests())
    for rendered, rule in rules:
        for query in queries(rule["spec"]):
            assert sorted(asked(query) - exported()) == [], rendered


def test_runbooks_are_there() -> None:
    for rendered in renders():
        for rule in rendered.of("PrometheusRule"):
            for each in alerts(rule):
                runbook = each["annotations"].get("runbook")
                assert runbook is None or (ROOT / runbook).is_file(), f"{rendered}: {each['alert']}"


def test_workers_are_missed_apart_from_the_pods_that_answer() -> None:
    """Their series are told apart by a label that the monitors give them."""
    rendered = next(each for each in renders() if each.chart == "orders" and each.of("PodMonitor"))
    given = {
        relabeling["replacement"]
        for monitor in rendered.of("ServiceMonitor", "PodMonitor")
        for endpoint in monitor["spec"].get("endpoints", []) + monitor["spec"].get("podMetricsEndpoints", [])
        for relabeling in endpoint["relabelings"]
        if relabeling["targetLabel"] == "component"
    }
    (rule,) = rendered.of("PrometheusRule")
    missed = [each["expr"] for each in alerts(rule) if each["alert"] in ("ServiceAway", "WorkersAway")]
    assert given == {"api", "worker"}
    assert [re.search(r'component="(\w+)"', query)[1] for query in missed] == ["api", "worker"]  # type: ignore[index]


def test_dashboard_is_one_that_grafana_takes() -> None:
    for name, document in dashboards():
        assert document["title"], name
        assert document["uid"], name
        assert len(json.dumps(document)) < 2**20
        assert document.get("id") is None, "Grafana gives it"
    uids = [document["uid"] for _, document in dashboards()]
    assert sorted(set(uids)) == sorted(uids)


@pytest.mark.parametrize("chart", sorted({path.parents[1].name for path in CHARTS.glob("*/dashboards/*.json")}))
def test_dashboards_arrive_as_they_are(chart: str) -> None:
    values = merged(scenario_values(chart, ISTIO), {"monitoring": {"dashboards": {"enabled": True}}})
    found: dict[str, str] = {}
    for thing in objects_of(chart, values):
        if "grafana_dashboard" in thing["metadata"]["labels"]:
            assert thing["metadata"]["labels"]["grafana_dashboard"] == "1"
            assert thing["metadata"]["annotations"]["grafana_folder"] == "Tradewind"
            found |= thing["data"]
    assert {name: json.loads(text) for name, text in found.items()} == {
        path.name: json.loads(path.read_text()) for path in CHARTS.glob(f"{chart}/dashboards/*.json")
    }


def test_monitoring_is_off_until_it_is_asked_for() -> None:
    kinds = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    for rendered in renders():
        if rendered.scenario.files == ("default",):
            assert rendered.of(*kinds) == [], rendered
            assert not [each for each in rendered.of("ConfigMap") if "grafana_dashboard" in each["metadata"]["labels"]]


def test_monitors_read_the_metrics_port() -> None:
    for rendered in renders():
        for monitor in rendered.of("ServiceMonitor"):
            assert monitor["metadata"]["labels"]["release"] == "monitoring", rendered
            ports = {each["port"] for each in monitor["spec"]["endpoints"]}
            (service,) = rendered.of("Service")
            assert ports <= {each["name"] for each in service["spec"]["ports"]}, rendered


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('sum by (route) (rate(http_server_request_duration_seconds_count{status=~"5.."}[5m]))',
         {"http_server_request_duration_seconds_count"}),
        ("histogram_quantile(0.95, sum by (le) (rate(missing_bucket[$__rate_interval])))", {"missing_bucket"}),
        ("1 - service:errors:ratio5m > 2e3", set()),
        ("kube_pod_info * on (pod) group_left (node) up", set()),
        ("label_values(tradewind_outbox_unsent, service)", {"tradewind_outbox_unsent"}),
    ],
    ids=["labels", "range", "recorded", "others", "variable"],
)  # fmt: skip
def test_metrics_are_found_in_a_query(query: str, expected: set[str]) -> None:
    assert asked(query) - {"service"} == expected


def test_source_is_read_for_what_it_exports() -> None:
    assert "http_server_request_duration_seconds_bucket" in exported()
    assert "tradewind_job_runs_total" in exported()
