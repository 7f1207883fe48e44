"""Pods that call others from inside the cluster, each with an identity of its own.

Whether the mesh or a NetworkPolicy refuses a call is told apart by who asks. NetworkPolicies of the tests let callers
out to everywhere, and those in the mesh in at every service, so that the mesh alone decides about these.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.cluster import asking
from tests.e2e.cluster.access import DATA, KEPT, SERVICES, ZONE, Cluster, Document, Reference, is_ready, poll

LABEL = "tradewind.example/e2e-caller"
_OUT, _IN = "tradewind.example/e2e-out", "tradewind.example/e2e-in"
STRANGER = "e2e-stranger"
OUTSIDE = "outside"
WAY_IN = Reference("NetworkPolicy", "e2e-callers-get-in")
_CERTIFICATES = "/certificates"
_READY_SECONDS = 120


@dataclass(frozen=True)
class Caller:
    """A pod to call from.

    ``account`` is its service account, which the mesh knows it by. ``sidecar`` says whether it is in the mesh; with
    ``certificate`` it speaks for itself, past its sidecar, and can show the sidecar's certificate. ``out`` and ``into``
    say where NetworkPolicies of the tests open the way: to everywhere, and into every service.
    """

    name: str
    account: str
    sidecar: bool = False
    certificate: bool = False
    out: bool = True
    into: bool = False
    namespace: str = SERVICES
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def pod(self) -> str:
        """The name of its pod."""
        return f"e2e-{self.name}"

    def document(self, image: str) -> Document:
        """Return its Pod."""
        annotations = {"sidecar.istio.io/inject": str(self.sidecar).lower()}
        volumes: list[Document] = []
        mounts: list[Document] = []
        if self.certificate:
            volume = {"name": "certificates", "emptyDir": {"medium": "Memory"}}
            mount = {"name": "certificates", "mountPath": _CERTIFICATES}
            volumes, mounts = [volume], [mount]
            annotations |= {
                "traffic.sidecar.istio.io/excludeOutboundPorts": "80,8000",
                "proxy.istio.io/config": json.dumps({"proxyMetadata": {"OUTPUT_CERTS": _CERTIFICATES}}),
                "sidecar.istio.io/userVolumeMount": json.dumps({"certificates": {"mountPath": _CERTIFICATES}}),
            }
        labels = {
            "app.kubernetes.io/name": self.pod,
            "app.kubernetes.io/part-of": "e2e",
            "sidecar.istio.io/inject": str(self.sidecar).lower(),
            LABEL: "yes",
            _OUT: str(self.out).lower(),
            _IN: str(self.into).lower(),
            **self.labels,
        }
        return {
            "kind": "Pod",
            "metadata": {
                "name": self.pod,
                "namespace": self.namespace,
                "labels": labels,
                "annotations": annotations,
            },
            "spec": {
                "serviceAccountName": self.account,
                "automountServiceAccountToken": False,
                "nodeSelector": {ZONE: KEPT},
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "runAsGroup": 10001,
                    "fsGroup": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "volumes": volumes,
                "containers": [
                    {
                        "name": "app",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["sleep", "infinity"],
                        "volumeMounts": mounts,
                        "resources": {
                            "requests": {"cpu": "5m", "memory": "16Mi"},
                            "limits": {"memory": "128Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }


class Callers:
    """The pods to call from, started together and gone with the tests."""

    def __init__(self, cluster: Cluster, callers: list[Caller]) -> None:
        self._cluster = cluster
        self._callers = {each.name: each for each in callers}

    def start(self) -> None:
        """Start them all, and wait until each is ready."""
        image = self._cluster.image("gateway")
        self.stop()
        self._cluster.apply(
            *({"kind": "ServiceAccount", "metadata": each} for each in _strangers()),
            *_freedom(),
            *(each.document(image) for each in self._callers.values()),
        )
        for each in self._callers.values():
            poll(lambda it=each: self._ready(it), seconds=_READY_SECONDS, what=f"{each.pod} is ready")  # type: ignore[misc]

    def stop(self) -> None:
        """Remove them, and wait until they are gone."""
        pods = [Reference("Pod", each.pod, each.namespace) for each in self._callers.values()]
        self._cluster.delete(
            *pods,
            *(Reference(each["kind"], **each["metadata"]) for each in _freedom()),
            *(Reference("ServiceAccount", **each) for each in _strangers()),
        )
        for namespace in {each.namespace for each in self._callers.values()}:
            poll(lambda it=namespace: self._gone(it), seconds=60, what="callers are gone")  # type: ignore[misc]

    def ask(self, caller: str, **question: Any) -> dict[str, Any]:
        """Send one request from a pod, or from here; see ``asking.ask``."""
        if caller == OUTSIDE:
            return asking.ask(question)
        [answer] = self.ask_all(caller, [question])
        return answer

    def ask_all(self, caller: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send several requests from one pod, one after the other."""
        it = self._callers[caller]
        return ask_from(self._cluster, it.pod, questions, namespace=it.namespace)

    def _ready(self, caller: Caller) -> bool:
        return is_ready(self._cluster.core.read_namespaced_pod(caller.pod, caller.namespace))

    def _gone(self, namespace: str) -> bool:
        return not self._cluster.core.list_namespaced_pod(namespace, label_selector=LABEL).items


def ask_from(
    cluster: Cluster, pod: str, questions: list[dict[str, Any]], *options: str, namespace: str = SERVICES
) -> list[dict[str, Any]]:
    """Send several requests from one pod, one after the other or `at-once`; see ``asking.ask``."""
    source = Path(asking.__file__).read_text()
    said = cluster.execute(pod, "python", "-c", source, json.dumps(questions), *options, namespace=namespace)
    answers: list[dict[str, Any]] = json.loads(said)
    return answers


def _strangers() -> list[dict[str, str]]:
    return [{"name": STRANGER, "namespace": namespace} for namespace in (SERVICES, DATA)]


def _freedom() -> list[Document]:
    """Return the NetworkPolicies that let callers out, and in at every service."""
    into = {"matchLabels": {_IN: "true"}}
    services = {"matchLabels": {"app.kubernetes.io/part-of": "tradewind"}}
    ways_out = [
        {
            "kind": "NetworkPolicy",
            "metadata": {"name": "e2e-callers-get-out", "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": {_OUT: "true"}}, "policyTypes": ["Egress"], "egress": [{}]},
        }
        for namespace in (SERVICES, DATA)
    ]
    way_in = {
        "kind": "NetworkPolicy",
        "metadata": {"name": WAY_IN.name, "namespace": WAY_IN.namespace},
        "spec": {
            "podSelector": services,
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": into}], "ports": [{"protocol": "TCP", "port": 8000}]}],
        },
    }
    return [*ways_out, way_in]
