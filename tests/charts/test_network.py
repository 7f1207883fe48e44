"""Who can open a connection to whom: NetworkPolicies of all charts together, read as the cluster would."""

from collections.abc import Iterator, Mapping
from functools import cache

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.network import DNS, EDGE, ISTIOD, LINKERD_CONTROL, OUTSIDE, STRANGER, UNKNOWN, WAYPOINT, Network, Pod
from tests.charts.rendering import (
    ISTIO,
    KIND,
    SYSTEMS,
    Object,
    Policy,
    Render,
    Scenario,
    assert_silent,
    manifests,
    merged,
    named,
    objects_of,
    render,
    scenario_values,
    service_renders,
    system,
    workloads,
)

HTTP, METRICS = 8000, 9090
STORES = {"postgres": 5432, "nats": 4222, "valkey": 6379}
# Where another pod's request to port 8000 really arrives.
ARRIVAL = {"none": 8000, "istio": 8000, "istio-ambient": 15008, "linkerd": 4143}


@cache
def network(scenario: Scenario) -> Network:
    return Network(system(scenario))


def mesh(scenario: Scenario) -> str:
    return render("gateway", scenario).mesh


def services(scenario: Scenario) -> dict[str, Pod]:
    """Return a pod of each service's API."""
    return {name: network(scenario).pods[name, "api"] for name in manifests()}


def own_pods(scenario: Scenario) -> Iterator[tuple[str, Pod]]:
    """Yield every pod of the services' charts, with its service."""
    for (chart, _), pod in network(scenario).pods.items():
        if chart in manifests():
            yield chart, pod


each_system = pytest.mark.parametrize("scenario", SYSTEMS, ids=str)


@each_system
def test_who_is_asked_can_be_reached(scenario: Scenario) -> None:
    pods, port = services(scenario), ARRIVAL[mesh(scenario)]
    for name, manifest in manifests().items():
        for ask in manifest.asks:
            assert network(scenario).lets(pods[name], pods[ask.service], port), f"{name} asks {ask.service}"
        if manifest.routes and name != "gateway":
            assert network(scenario).lets(pods["gateway"], pods[name], port), f"gateway forwards to {name}"


@each_system
def test_who_is_not_asked_cannot_be_reached(scenario: Scenario) -> None:
    pods, port = services(scenario), ARRIVAL[mesh(scenario)]
    for name, target in pods.items():
        for caller, source in pods.items():
            asked = name in {ask.service for ask in manifests()[caller].asks}
            # Whoever is in the namespace may ask auth for its keys.
            if caller not in {name, "gateway"} and not asked and name != "auth":
                assert not network(scenario).enters(source, target, port), f"{caller} reaches {name}"
        assert network(scenario).enters(UNKNOWN, target, port) is (name == "auth"), name
        for each in {HTTP, port}:
            assert not network(scenario).enters(STRANGER, target, each), f"a stranger reaches {name}"


@each_system
def test_only_prometheus_reads_metrics(scenario: Scenario) -> None:
    prometheus = network(scenario).server("prometheus")
    others = [*services(scenario).values(), STRANGER, UNKNOWN, EDGE]
    for target in services(scenario).values():
        assert network(scenario).lets(prometheus, target, METRICS), target
        for source in others:
            if source != target:
                assert not network(scenario).enters(source, target, METRICS), f"{source} reads {target}"


@each_system
def test_every_pod_can_resolve_names(scenario: Scenario) -> None:
    for _, pod in own_pods(scenario):
        assert network(scenario).leaves(pod, DNS, 53, "UDP"), pod
        assert network(scenario).leaves(pod, DNS, 53, "TCP"), pod


@each_system
def test_every_service_reaches_what_it_owns_and_nothing_else(scenario: Scenario) -> None:
    given = network(scenario)
    for name, pod in own_pods(scenario):
        manifest = manifests()[name]
        owned = {
            "postgres": manifest.owns.database,
            "nats": manifest.owns.stream or bool(manifest.hears),
            "valkey": manifest.owns.cache,
        }
        for store, owns in owned.items():
            # A test asks its own service, and no server.
            expected = owns and pod.component != "test"
            assert given.lets(pod, given.server(store), STORES[store]) is expected, f"{pod} and {store}"


@each_system
def test_traces_reach_their_collector(scenario: Scenario) -> None:
    jaeger = network(scenario).server("jaeger")
    for pod in services(scenario).values():
        assert network(scenario).lets(pod, jaeger, 4318), pod


@each_system
def test_nobody_gets_out(scenario: Scenario) -> None:
    for _, pod in own_pods(scenario):
        for port in (80, 443, HTTP, *STORES.values()):
            assert not network(scenario).leaves(pod, OUTSIDE, port), f"{pod} reaches the outside on {port}"
        assert not network(scenario).leaves(pod, STRANGER, HTTP), f"{pod} reaches a stranger"


@each_system
def test_proxies_reach_their_control_plane(scenario: Scenario) -> None:
    for _, pod in own_pods(scenario):
        # A migration asks only what is outside the mesh, and is outside itself.
        provider = "none" if pod.component == "migrate" else mesh(scenario)
        assert network(scenario).leaves(pod, ISTIOD, 15012) is (provider == "istio"), pod
        assert network(scenario).leaves(pod, LINKERD_CONTROL, 8086) is (provider == "linkerd"), pod


@each_system
def test_only_the_gateway_is_reached_from_the_edge(scenario: Scenario) -> None:
    pods, port = services(scenario), ARRIVAL[mesh(scenario)]
    assert network(scenario).enters(EDGE, pods["gateway"], port) is (mesh(scenario) != "none")
    if mesh(scenario) not in {"istio", "istio-ambient"}:
        return  # Without Istio it is another's, with policies of its own.
    assert network(scenario).lets(EDGE, pods["gateway"], port)
    # The edge checks tokens, so it fetches auth's keys.
    assert network(scenario).lets(EDGE, pods["auth"], port)
    assert network(scenario).leaves(EDGE, ISTIOD, 15012)
    assert network(scenario).enters(OUTSIDE, EDGE, 80)
    for name, pod in pods.items():
        assert network(scenario).enters(EDGE, pod, port) is (name in {"gateway", "auth"}), name
    assert not network(scenario).leaves(EDGE, OUTSIDE, 443)


@pytest.mark.parametrize("scenario", [each for each in SYSTEMS if each.mesh == "istio-ambient"], ids=str)
def test_calls_reach_their_service_through_the_waypoint(scenario: Scenario) -> None:
    """It alone reads HTTP there: whoever calls a service goes by it, the edge too."""
    pods, port = services(scenario), ARRIVAL["istio-ambient"]
    for pod in [*pods.values(), network(scenario).pods["auth", "test"], EDGE]:
        assert network(scenario).lets(pod, WAYPOINT, port), pod
    for pod in pods.values():
        assert network(scenario).lets(WAYPOINT, pod, port), pod
    assert network(scenario).leaves(WAYPOINT, ISTIOD, 15012)
    assert not network(scenario).enters(STRANGER, WAYPOINT, port)
    assert not network(scenario).leaves(WAYPOINT, OUTSIDE, 443)


@each_system
def test_test_pods_reach_their_service(scenario: Scenario) -> None:
    for name, target in services(scenario).items():
        assert network(scenario).lets(network(scenario).pods[name, "test"], target, ARRIVAL[mesh(scenario)]), name


def test_nodes_reach_the_gateway_only_without_a_mesh() -> None:
    node = Pod("a node", address="172.18.0.3")
    values = {"mesh": {"nodeCidrs": ["172.18.0.0/16"]}}
    for scenario in KIND:
        given = dict(system(scenario))
        given["gateway"] = _with(given["gateway"], values)
        expected = mesh(scenario) == "none"
        assert Network(given).enters(node, Network(given).pods["gateway", "api"], HTTP) is expected
        assert not Network(given).enters(node, Network(given).pods["customers", "api"], HTTP)


def _with(rendered: Render, values: Mapping[str, object]) -> Render:
    given = merged(scenario_values(rendered.chart, rendered.scenario), values)
    return Render(rendered.chart, rendered.scenario, given, tuple(objects_of(rendered.chart, given)))


def test_only_named_hosts_outside_are_reached() -> None:
    values = {"mesh": {"externalHosts": [{"host": "api.payments.example", "cidrs": ["203.0.113.0/24"]}]}}
    given = dict(system(ISTIO))
    given["customers"] = _with(given["customers"], values)
    fenced = Network(given)
    for chart, expected in (("customers", True), ("auth", False)):
        assert fenced.leaves(fenced.pods[chart, "api"], OUTSIDE, 443) is expected
        assert not fenced.leaves(fenced.pods[chart, "api"], OUTSIDE, 80)
    (entry,) = given["customers"].of("ServiceEntry")
    assert entry["spec"]["hosts"] == ["api.payments.example"]
    assert entry["spec"]["exportTo"] == ["."]


@each_system
def test_a_namespace_denies_what_no_chart_allows(scenario: Scenario) -> None:
    somebody = Pod("somebody", "tradewind", {"app.kubernetes.io/name": "somebody"})
    assert not network(scenario).enters(UNKNOWN, somebody, HTTP)
    assert not network(scenario).leaves(somebody, DNS, 53, "UDP")


@each_system
def test_servers_are_reached_by_the_services_namespace_only(scenario: Scenario) -> None:
    if "dev-infra" in system(scenario):
        for store, port in STORES.items():
            assert not network(scenario).enters(STRANGER, network(scenario).server(store), port), store
            assert not network(scenario).leaves(network(scenario).server(store), OUTSIDE, 443), store


# Linkerd's documentation names no fixed ports for what a proxy asks there.
CONTROL_PLANE = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "linkerd"}}}]


def vague(objects: list[Object]) -> Iterator[str]:
    """Services' policies that name the Service's port, or a port by name, or that fence a whole namespace."""
    for thing in objects:
        if thing["kind"] != "NetworkPolicy":
            continue
        spec = thing["spec"]
        if not spec["podSelector"].get("matchLabels"):
            yield f"{named(thing)} is about every pod of the namespace"
        for direction in spec["policyTypes"]:
            for rule in spec.get(direction.lower()) or []:
                ports = [each.get("port") for each in rule.get("ports") or [{}]]
                peers = rule.get("to" if direction == "Egress" else "from")
                if not peers:
                    yield f"{named(thing)} lets anybody through: {direction} {ports}"
                elif any(not isinstance(port, int) or port == 80 for port in ports) and peers != CONTROL_PLANE:
                    yield f"{named(thing)} lets through {direction} to {ports}"


def unfenced(objects: list[Object]) -> Iterator[str]:
    """Pods that no policy of their own chart speaks of, in one direction or the other."""
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    for workload in workloads(objects):
        types = {
            direction
            for spec in policies
            if spec["podSelector"].get("matchLabels", {}).items() <= workload.labels.items()
            for direction in spec["policyTypes"]
        }
        if "Egress" not in types or (workload.serves and "Ingress" not in types):
            yield f"{workload} has policies for {sorted(types)}"


PROTOCOLS = {"http": "http", "otlp-http": "http", "grpc": "kubernetes.io/h2c", "tcp": "tcp"}
"""By the beginning of a port's name, what `appProtocol` says."""


def unnamed_protocols(objects: list[Object]) -> Iterator[str]:
    """Services' ports whose protocol the mesh would have to guess."""
    for thing in objects:
        for port in thing["spec"]["ports"] if thing["kind"] == "Service" else []:
            wanted = PROTOCOLS.get(port.get("name", "").partition("-")[0])
            if wanted is None or port.get("appProtocol") != wanted:
                yield f"{named(thing)}:{port['port']}: {port.get('name')} speaks {port.get('appProtocol')}"


def proxies_ports(objects: list[Object]) -> Iterator[str]:
    """Containers' ports without a name, or with the number of a proxy's."""
    for workload in workloads(objects):
        for container in workload.containers:
            for port in container.get("ports", []):
                number = port["containerPort"]
                if 15000 <= number <= 15099 or 4140 <= number <= 4191:
                    yield f"{workload} listens on {number}, which is a proxy's"
                if not port.get("name"):
                    yield f"{workload} does not name port {number}"


POLICIES: list[Policy] = [vague, unfenced]
BREAKS: dict[Policy, list[Edit]] = {
    vague: [
        Edit("NetworkPolicy/auth", "spec/podSelector", {}),
        Edit("NetworkPolicy/auth", "spec/ingress/0/ports/0/port", 80),
        Edit("NetworkPolicy/auth", "spec/ingress/0/ports/0/port", "http"),
        Edit("NetworkPolicy/auth", "spec/ingress/0/from", []),
    ],
    unfenced: [
        Edit("NetworkPolicy/auth", "spec/podSelector/matchLabels/app.kubernetes.io~1component", "web"),
        Edit("NetworkPolicy/auth", "spec/policyTypes", ["Ingress"]),
    ],
    unnamed_protocols: [
        Edit("Service", "spec/ports/0/appProtocol"),
        Edit("Service", "spec/ports/0/name", "web"),
    ],
    proxies_ports: [
        Edit("Deployment", "spec/template/spec/containers/0/ports/0/containerPort", 15020),
        Edit("Deployment", "spec/template/spec/containers/0/ports/1/name"),
    ],
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_service_is(policy: Policy) -> None:
    assert_silent(policy, service_renders())


@pytest.mark.parametrize("policy", [unnamed_protocols, proxies_ports], ids=lambda policy: policy.__name__)
def test_no_chart_has(policy: Policy) -> None:
    assert_silent(policy)


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_service_is(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", ISTIO), BREAKS[policy])) == []


def test_ports_are_where_everybody_expects_them() -> None:
    for rendered in service_renders():
        service = rendered.named("Service", rendered.chart)
        assert [(each["port"], each["targetPort"]) for each in service["spec"]["ports"] if each["name"] == "http"] == [
            (80, "http")
        ]
        for workload in workloads(rendered.objects):
            if workload.serves:
                ports = {each["name"]: each["containerPort"] for each in workload.pod["containers"][0]["ports"]}
                assert ports == {"http": HTTP, "http-metrics": METRICS}, rendered


def test_removed_rule_is_noticed() -> None:
    given = dict(system(ISTIO))
    customers = given["customers"]
    without = tuple(each for each in customers.objects if each["kind"] != "NetworkPolicy")
    given["customers"] = Render("customers", ISTIO, customers.values, without)
    fenced, open_ = network(ISTIO), Network({**given, "platform": Render("platform", ISTIO, {}, ())})
    for checked, expected in ((fenced, False), (open_, True)):
        assert checked.enters(STRANGER, checked.pods["customers", "api"], HTTP) is expected
    denied = Network(given)
    assert not denied.lets(denied.pods["gateway", "api"], denied.pods["customers", "api"], HTTP)
