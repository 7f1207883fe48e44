"""What NetworkPolicies let through: a small reading of them, for pods that were rendered and pods that were not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.charts.rendering import DATA_NAMESPACE, NAMESPACE, Object, Render, workloads


@dataclass(frozen=True)
class Pod:
    """One end of a connection. ``address`` is for what is no pod of this cluster: a node, a machine outside."""

    name: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    address: str = "10.244.1.7"

    def __str__(self) -> str:
        return self.name

    @property
    def component(self) -> str:
        """What it is within its chart."""
        return self.labels.get("app.kubernetes.io/component", "")


DNS = Pod("dns", "kube-system", {"k8s-app": "kube-dns"})
ISTIOD = Pod("istiod", "istio-system", {"app": "istiod", "istio": "pilot"})
LINKERD_CONTROL = Pod("linkerd", "linkerd", {"linkerd.io/control-plane-component": "destination"})
EDGE = Pod("edge", NAMESPACE, {"gateway.networking.k8s.io/gateway-name": "tradewind"})
WAYPOINT = Pod("waypoint", NAMESPACE, {"gateway.networking.k8s.io/gateway-name": "waypoint"})
STRANGER = Pod("a stranger", "default", {"app.kubernetes.io/part-of": "tradewind"})
UNKNOWN = Pod("an unlabelled pod", NAMESPACE)
OUTSIDE = Pod("the outside", address="203.0.113.9")
# What `ci/prod-values.yaml` says of servers that are not ours.
PRODUCTION = {
    **{name: Pod(name, address="10.80.0.5") for name in ("postgres", "nats", "valkey")},
    **{name: Pod(name, "observability") for name in ("prometheus", "jaeger")},
}


class Network:
    """The policies of one installation, and its pods.

    Args:
        system: Every chart's objects, by chart.
    """

    def __init__(self, system: Mapping[str, Render]) -> None:
        self._policies = [
            (rendered.namespace, each["spec"]) for rendered in system.values() for each in rendered.of("NetworkPolicy")
        ]
        self.pods = {
            (chart, each.component): Pod(f"{chart}/{each.component}", rendered.namespace, each.labels)
            for chart, rendered in system.items()
            for each in workloads(rendered.objects)
            if rendered.namespace == NAMESPACE
        }
        self._servers = [
            Pod(str(each), DATA_NAMESPACE, each.labels)
            for rendered in system.values()
            if rendered.namespace == DATA_NAMESPACE
            for each in workloads(rendered.objects)
        ]
        self._services = {
            (rendered.namespace, each["metadata"]["name"]): each
            for rendered in system.values()
            for each in rendered.of("Service")
        }

    def server(self, name: str) -> Pod:
        """Return a pod behind a Service of the data namespace; in production it is what production's values name."""
        if (DATA_NAMESPACE, name) not in self._services:
            return PRODUCTION[name]
        selector = self._services[DATA_NAMESPACE, name]["spec"]["selector"]
        (found,) = (each for each in self._servers if selector.items() <= each.labels.items())
        return found

    def lets(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        """Tell whether a connection gets through: out of its source, and into its target."""
        return self.leaves(source, target, port, protocol) and self.enters(source, target, port, protocol)

    def leaves(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        """Tell whether a connection gets out of its source."""
        return self._passes("Egress", source, target, port, protocol)

    def enters(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        """Tell whether a connection gets into its target."""
        return self._passes("Ingress", target, source, port, protocol)

    def _passes(self, direction: str, own: Pod, other: Pod, port: int, protocol: str) -> bool:
        chosen = [spec for spec in self._of(own) if direction in spec["policyTypes"]]
        peers = "to" if direction == "Egress" else "from"
        return not chosen or any(
            _names_port(rule.get("ports"), port, protocol) and _names_pod(rule.get(peers), other, own.namespace)
            for spec in chosen
            for rule in spec.get(direction.lower()) or []
        )

    def _of(self, pod: Pod) -> Iterator[Object]:
        for namespace, spec in self._policies:
            if namespace == pod.namespace and _selects(spec["podSelector"], pod.labels):
                yield spec


def _names_port(ports: Iterable[Object] | None, port: int, protocol: str) -> bool:
    return not ports or any(each.get("protocol", "TCP") == protocol and _is_port(each, port) for each in ports)


def _is_port(given: Object, port: int) -> bool:
    first: int = given.get("port", port)
    last: int = given.get("endPort", first)
    return first <= port <= last


def _names_pod(peers: Iterable[Object] | None, pod: Pod, here: str | None) -> bool:
    return not peers or any(_is(peer, pod, here) for peer in peers)


def _is(peer: Object, pod: Pod, here: str | None) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(pod.address)
        excepted = any(address in ip_network(each) for each in block.get("except", []))
        return address in ip_network(block["cidr"]) and not excepted
    if pod.namespace is None:
        return False
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": pod.namespace}):
            return False
    elif pod.namespace != here:
        return False
    return _selects(peer.get("podSelector", {}), pod.labels)


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    expected: Mapping[str, str] = selector.get("matchLabels") or {}
    return expected.items() <= labels.items() and all(
        _expression(each, labels) for each in selector.get("matchExpressions") or []
    )


def _expression(expression: Object, labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), expression["operator"]
    match operator:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None
