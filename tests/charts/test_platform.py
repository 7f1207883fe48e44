"""What a namespace and a mesh have once: denial of what nobody allows, the edge, install values."""

from functools import cache
from typing import Any

import pytest
import yaml

from tests.charts.rendering import (
    ISSUER,
    ISTIO,
    KIND_ISSUER,
    ROOT,
    SYSTEMS,
    Object,
    Render,
    Scenario,
    merged,
    named,
    objects_of,
    render,
    scenario_values,
    systems,
)

GATEWAY_API = "gateway.networking.k8s.io"


def has_edge(rendered: Render) -> bool:
    """Tell whether the edge is Istio's, which checks tokens."""
    return rendered.mesh in {"istio", "istio-ambient"}


def test_a_namespace_denies_whatever_no_service_allows() -> None:
    for rendered in (render("platform", each) for each in SYSTEMS):
        empty = [each for each in rendered.of("AuthorizationPolicy") if each.get("spec", {}) == {}]
        strict = [each for each in rendered.of("PeerAuthentication") if "selector" not in each["spec"]]
        istio = has_edge(rendered)
        assert len(empty) == istio, rendered
        assert [each["spec"]["mtls"]["mode"] for each in strict] == ["STRICT"] * istio, rendered


def public_routes() -> set[tuple[str, str]]:
    """Return method and path of what the gateway's route file leaves open."""
    file = yaml.safe_load((ROOT / "services/gateway/src/gateway/routes.yaml").read_text())
    return {
        (method, path)
        for route in file["routes"]
        if route.get("auth") == "none"
        for method in route["methods"]
        for path in route["paths"]
    }


# What the gateway answers itself, to anybody: its start page, the merged document and how it is.
OWN_PAGES = {"/", "/docs", "/docs/*", "/openapi.json", "/livez", "/readyz"}


def test_public_paths_at_the_edge_are_the_gateways() -> None:
    edge = render("platform", ISTIO).named("AuthorizationPolicy", "edge")
    public: set[tuple[str, str]] = set()
    for rule in edge["spec"]["rules"]:
        if "from" not in rule and "when" not in rule:
            public |= {
                (method, path)
                for to in rule["to"]
                for method in to["operation"]["methods"]
                for path in to["operation"].get("paths", ["*"])
            }
    own = {(method, path) for method, path in public if path in OWN_PAGES and method in {"GET", "HEAD"}}
    own.add(("OPTIONS", "*"))  # A browser's preflight carries no token.
    # Whoever may read may ask for the head.
    heads = {("HEAD", path) for method, path in public_routes() if method == "GET"}
    assert public - own - heads == public_routes()


def test_the_rest_of_the_edge_needs_a_token_or_an_api_key() -> None:
    edge = render("platform", ISTIO).named("AuthorizationPolicy", "edge")
    others = [{key: rule[key] for key in rule} for rule in edge["spec"]["rules"] if "from" in rule or "when" in rule]
    assert sorted(others, key=str) == sorted(
        [
            {"from": [{"source": {"requestPrincipals": ["*"]}}]},
            {"when": [{"key": "request.headers[x-api-key]", "values": ["*"]}]},
        ],
        key=str,
    )


def test_edge_trusts_the_issuer_that_auth_is() -> None:
    for system in systems():
        platform = system["platform"]
        if not has_edge(platform):
            assert platform.of("RequestAuthentication") == [], platform
            continue
        (rule,) = platform.named("RequestAuthentication", "edge")["spec"]["jwtRules"]
        assert rule["issuer"] == (KIND_ISSUER if platform.scenario.on_kind else ISSUER)
        assert rule["jwksUri"] == "http://auth.tradewind.svc.cluster.local/.well-known/jwks.json"
        assert rule["forwardOriginalToken"] is True


def test_edge_is_one_gateway_that_leads_to_the_gateway_service() -> None:
    for platform in (render("platform", each) for each in SYSTEMS):
        edges = [each for each in platform.of("Gateway") if each["spec"]["gatewayClassName"] != "istio-waypoint"]
        assert [each["metadata"]["name"] for each in edges] == ["tradewind"] * (platform.mesh != "none"), platform
        targets = {
            backend["name"]
            for route in platform.of("HTTPRoute")
            for rule in route["spec"]["rules"]
            for backend in rule.get("backendRefs", [])
        }
        assert targets == ({"gateway"} if edges else set()), platform


def test_tokens_are_checked_at_the_edge() -> None:
    at_the_gateway = [{"group": GATEWAY_API, "kind": "Gateway", "name": "tradewind"}]
    for platform in (render("platform", each) for each in SYSTEMS):
        for kind in ("RequestAuthentication", "AuthorizationPolicy") if has_edge(platform) else ():
            assert platform.named(kind, "edge")["spec"]["targetRefs"] == at_the_gateway, platform


def test_namespace_has_each_selectorless_object_once() -> None:
    for system in systems():
        for kind in ("Sidecar", "Telemetry", "PeerAuthentication", "RequestAuthentication"):
            found = [
                named(each)
                for rendered in system.values()
                for each in rendered.of(kind)
                if not each["spec"].keys() & {"selector", "workloadSelector", "targetRefs"}
            ]
            assert len(found) <= 1, f"{found} [{system['platform'].scenario}]"


def test_sidecars_send_nothing_to_what_they_do_not_know() -> None:
    (sidecar,) = render("platform", ISTIO).of("Sidecar")
    assert sidecar["spec"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    assert {"./*", "istio-system/*", "tradewind-data/*"} == set(sidecar["spec"]["egress"][0]["hosts"])


def listeners(objects: list[Object]) -> dict[str, Object]:
    """Return the edge's listeners, by name."""
    (edge,) = (each for each in objects if each["kind"] == "Gateway")
    return {each["name"]: each for each in edge["spec"]["listeners"]}


def platform_objects(over: dict[str, Any]) -> list[Object]:
    """Render the platform's chart with Istio and values over its default ones."""
    return objects_of("platform", merged(scenario_values("platform", ISTIO), over))


def test_there_is_https_when_there_is_a_certificate() -> None:
    assert listeners(platform_objects({})).keys() == {"http"}
    objects = platform_objects({"gateway": {"tls": {"secretName": "certificate"}}})
    https = listeners(objects)["https"]
    assert (https["port"], https["protocol"]) == (443, "HTTPS")
    assert https["tls"] == {"mode": "Terminate", "certificateRefs": [{"name": "certificate"}]}
    filters = [
        each
        for route in objects
        if route["kind"] == "HTTPRoute"
        for rule in route["spec"]["rules"]
        for each in rule.get("filters", [])
    ]
    assert [each["type"] for each in filters] == ["RequestRedirect"]


def test_on_kind_either_way_in_is_the_same_port_of_the_nodes() -> None:
    with_mesh = render("platform", Scenario(("kind", "istio"))).named("ConfigMap", "tradewind-gateway")["data"]
    service = yaml.safe_load(with_mesh["service"])["spec"]
    assert service["type"] == "NodePort"
    assert service["externalTrafficPolicy"] == "Local"
    assert service["ports"][0] == {"port": 80, "nodePort": 30080}
    # `Local` drops what arrives at a node without a pod of the edge: all are in the zone of the node with the mapping.
    pods = yaml.safe_load(with_mesh["deployment"])["spec"]
    assert pods["replicas"] == 2
    assert pods["template"]["spec"]["nodeSelector"] == {"topology.kubernetes.io/zone": "zone-a"}
    without = render("gateway", Scenario(("kind", "plain"))).named("Service", "gateway")["spec"]
    assert (without["type"], without["ports"][0]["nodePort"]) == ("NodePort", 30080)
    assert without.get("externalTrafficPolicy", "Cluster") == "Cluster"


def test_patches_of_the_edge_have_keys_that_istio_knows() -> None:
    known = {"service", "deployment", "serviceAccount", "horizontalPodAutoscaler", "podDisruptionBudget"}
    for rendered in (render("platform", each) for each in SYSTEMS):
        if has_edge(rendered):
            patches = rendered.named("ConfigMap", "tradewind-gateway")["data"]
            assert patches.keys() <= known
            assert all(isinstance(yaml.safe_load(each), dict) for each in patches.values())


# What the mesh itself has once, outside of any chart.


@cache
def mesh_objects() -> dict[str, Object]:
    """Return what `mesh/istio` holds, by kind."""
    files = sorted((ROOT / "mesh/istio").glob("*.yaml"))
    return {each["kind"]: each for path in files for each in yaml.safe_load_all(path.read_text()) if each}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("profile", "minimal"),
        ("components/cni/enabled", True),
        ("values/cni/istioOwnedCNIConfig", True),
        ("values/cni/ambient/enabled", True),  # Without it the one before is taken and means nothing.
        ("meshConfig/pathNormalization/normalization", "DECODE_AND_MERGE_SLASHES"),
        ("values/global/proxy/seccompProfile/type", "RuntimeDefault"),
        ("values/gateways/seccompProfile/type", "RuntimeDefault"),
        ("values/pilot/env/PILOT_JWT_ENABLE_REMOTE_JWKS", "hybrid"),
        ("values/pilot/env/BLOCKED_CIDRS_IN_JWKS_URIS", "169.254.169.254/32"),
    ],
)
def test_istio_is_installed_with(path: str, expected: object) -> None:
    found: Any = mesh_objects()["IstioOperator"]["spec"]
    for step in path.split("/"):
        found = found[step]
    assert found == expected


def test_mesh_refuses_plain_text_everywhere() -> None:
    assert mesh_objects()["PeerAuthentication"]["spec"] == {"mtls": {"mode": "STRICT"}}


def test_nothing_rests_on_the_meshs_metrics() -> None:
    telemetry = mesh_objects()["Telemetry"]
    assert telemetry["metadata"]["namespace"] == "istio-system"
    assert telemetry["spec"].keys() == {"tracing", "accessLogging"}
    assert [each["name"] for each in telemetry["spec"]["tracing"][0]["providers"]] == ["otel"]
    for folder in ("dashboards", "templates"):
        for path in ROOT.glob(f"charts/*/{folder}/*.*"):
            assert "istio_requests" not in path.read_text(), path
