"""How the pods of the system run: each of them under the strictest profile, with all that the mesh adds to them."""

import copy
from typing import Any

import pytest
from kubernetes.client import ApiException

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import DATA, SERVICES, Cluster, poll

_ENFORCE = "pod-security.kubernetes.io/enforce"


def pod(**security: Any) -> dict[str, Any]:
    """Return a pod that `restricted` takes, with something else in its container's security context."""
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
        **security,
    }
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}}
    container = {"name": "app", "image": "any", "resources": resources, "securityContext": context}
    metadata = {"name": "e2e-refused", "labels": {"sidecar.istio.io/inject": "false"}}
    return {"metadata": metadata, "spec": {"containers": [container]}}


def admitted(cluster: Cluster, namespace: str, body: dict[str, Any]) -> bool:
    """Tell whether a namespace would take a pod."""
    try:
        cluster.core.create_namespaced_pod(namespace, body, dry_run="All")
    except ApiException as error:
        if "PodSecurity" not in str(error.body):
            raise
        return False
    return True


@pytest.mark.parametrize("namespace", [SERVICES, DATA])
@pytest.mark.parametrize(
    "security",
    [
        {"privileged": True, "allowPrivilegeEscalation": True},
        {"runAsUser": 0},
        {"capabilities": {"add": ["NET_ADMIN"]}},
    ],
    ids=["privileged", "root", "capability"],
)
def test_namespace_refuses_what_is_not_restricted(cluster: Cluster, namespace: str, security: dict[str, Any]) -> None:
    assert admitted(cluster, namespace, pod())
    assert not admitted(cluster, namespace, pod(**security))


def test_namespace_refuses_nothing_without_its_label(cluster: Cluster) -> None:
    root = pod(runAsUser=0)
    cluster.core.patch_namespace(SERVICES, {"metadata": {"labels": {_ENFORCE: "privileged"}}})
    # Admission looks at namespaces through a cache, which is a moment behind.
    try:
        poll(lambda: admitted(cluster, SERVICES, root), seconds=30, what="root is let in")
    finally:
        cluster.core.patch_namespace(SERVICES, {"metadata": {"labels": {_ENFORCE: "restricted"}}})
    poll(lambda: not admitted(cluster, SERVICES, root), seconds=30, what="root is refused again")


@pytest.mark.parametrize("namespace", [SERVICES, DATA])
def test_every_running_pod_would_be_taken_again(cluster: Cluster, namespace: str) -> None:
    """Labels of a namespace are looked at when a pod is made; these may be older, so they are asked for once more."""
    for each in cluster.find("Pod", namespace):
        again = copy.deepcopy(each)
        again["metadata"] = {
            "name": "e2e-again",
            "labels": {"sidecar.istio.io/inject": "false"},
            "annotations": each["metadata"].get("annotations", {}),
        }
        again["spec"].pop("nodeName", None)
        again["spec"] |= {"serviceAccountName": "default", "serviceAccount": "default"}  # A hook's own goes with it.
        again.pop("status", None)
        assert admitted(cluster, namespace, again), each["metadata"]["name"]


def test_every_pod_of_a_service_has_its_sidecar(istio: Cluster) -> None:
    services = [pod for service in EVERY_SERVICE for pod in istio.running(service)]
    assert len(services) >= 2 * len(EVERY_SERVICE)
    for each in services:
        # A native sidecar: an init container that goes on.
        sidecars = [it for it in each.spec.init_containers or [] if it.restart_policy == "Always"]
        assert [it.name for it in sidecars] == ["istio-proxy"]


def test_no_pod_had_to_wait_for_its_redirection(istio: Cluster) -> None:
    """Istio's check fails in a pod whose network was made without the mesh, until the pod is repaired."""
    checks = [
        it
        for service in EVERY_SERVICE
        for pod in istio.running(service)
        for it in pod.status.init_container_statuses or []
        if it.name == "istio-validation"
    ]
    assert len(checks) >= 2 * len(EVERY_SERVICE)
    ended = [end for it in checks if (end := it.last_state.terminated)]
    assert not [end for end in ended if end.exit_code]
