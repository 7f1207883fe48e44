"""What a chart is made of in each mesh: a kind that is gone, or one that nobody expected, is seen here first."""

from collections.abc import Mapping

import pytest

from tests.charts.rendering import MATRIX, Render, Scenario, manifests, render, service_charts, workloads

SERVICE = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Service",
    "ServiceAccount",
}  # fmt: skip
MONITORING = {"ServiceMonitor", "PrometheusRule"}
SERVICE_IN: Mapping[str, set[str]] = {
    "none": set(),
    "istio": {"AuthorizationPolicy", "DestinationRule"},
    "istio-ambient": {"AuthorizationPolicy", "DestinationRule", "PeerAuthentication"},
    "linkerd": {"AuthorizationPolicy", "HTTPRoute", "MeshTLSAuthentication", "NetworkAuthentication", "Server"},
}
# How others call it; the edge's calls of the gateway are the platform's to route.
CALLED: Mapping[str, set[str]] = {
    "none": set(),
    "istio": {"VirtualService"},
    "istio-ambient": {"HTTPRoute"},
    "linkerd": set(),
}
PROXIES: Mapping[str, set[str]] = {
    "none": set(),
    "istio": {"PodMonitor"},
    "istio-ambient": set(),
    "linkerd": {"PodMonitor"},
}

EDGE = {
    "AuthorizationPolicy",
    "ConfigMap",
    "EnvoyFilter",
    "Gateway",
    "HTTPRoute",
    "PeerAuthentication",
    "RequestAuthentication",
}
PLATFORM_IN: Mapping[str, set[str]] = {
    "none": set(),
    "istio": {*EDGE, "Sidecar"},
    "istio-ambient": EDGE,
    "linkerd": {"EgressNetwork", "Gateway", "HTTPRoute"},
}


def kinds(rendered: Render) -> set[str]:
    return {each["kind"] for each in rendered.objects}


@pytest.mark.parametrize("scenario", MATRIX, ids=str)
@pytest.mark.parametrize("service", service_charts())
def test_service_has(service: str, scenario: Scenario) -> None:
    expected = SERVICE | SERVICE_IN[scenario.mesh or "none"]
    if service != "gateway":
        expected |= CALLED[scenario.mesh or "none"]
    if manifests()[service].owns.database:
        expected |= {"Job"}
    if "prod" in scenario.files:
        expected |= MONITORING | PROXIES[scenario.mesh or "none"]
        if sum(each.serves for each in workloads(render(service, scenario).objects)) > 1:
            expected |= {"PodMonitor"}
    assert kinds(render(service, scenario)) == expected


@pytest.mark.parametrize("scenario", MATRIX, ids=str)
def test_platform_has(scenario: Scenario) -> None:
    dashboards = {"ConfigMap"} if "prod" in scenario.files else set()
    expected = {"NetworkPolicy", "ResourceQuota"} | dashboards | PLATFORM_IN[scenario.mesh or "none"]
    assert kinds(render("platform", scenario)) == expected


@pytest.mark.parametrize("service", service_charts())
def test_every_object_is_named_after_its_service(service: str) -> None:
    for scenario in MATRIX:
        for each in render(service, scenario).objects:
            assert each["metadata"]["name"].startswith((service, f"dashboard-{service}"))
