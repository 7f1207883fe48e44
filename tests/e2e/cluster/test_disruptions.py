"""What operators do every day is noticed by nobody: under steady load no request is lost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client import ApiException

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import DATA, DRAINED, SERVICES, ZONE, Cluster, poll
from tests.e2e.cluster.load import steady_load


def names(pods: list[Any]) -> list[str]:
    return [pod.metadata.name for pod in pods]


def test_restart_of_every_deployment_is_not_noticed(cluster: Cluster) -> None:
    before = {name for service in EVERY_SERVICE for name in names(cluster.pods(service))}
    deployments = cluster.deployments()
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}}}
    with steady_load(cluster.address) as load:
        for name in deployments:
            cluster.apps.patch_namespaced_deployment(name, SERVICES, {"spec": {"template": template}})
            cluster.rolled_out(name)
    assert not load.lost, load.lost
    assert before.isdisjoint(name for service in EVERY_SERVICE for name in names(cluster.pods(service)))


def test_loss_of_a_pod_is_not_noticed_and_only_one_may_be_evicted(cluster: Cluster) -> None:
    def evict(pod: str) -> None:
        eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=SERVICES))
        cluster.core.create_namespaced_pod_eviction(pod, SERVICES, eviction)

    def whole(service: str) -> bool:
        return len(cluster.ready_pods(service)) >= 2

    cluster.rolled_out(*EVERY_SERVICE)
    with steady_load(cluster.address) as load:
        for service in EVERY_SERVICE:
            first, second, *_ = names(cluster.ready_pods(service))
            evict(first)
            with pytest.raises(ApiException) as refused:
                evict(second)
            assert refused.value.status == 429
            poll(lambda it=service: whole(it), seconds=180, what=f"{service} is whole again")  # type: ignore[misc]
    assert not load.lost, load.lost


@pytest.fixture
def drained(cluster: Cluster) -> str:
    """The name of the node that can be drained: the one without data."""
    [node] = cluster.core.list_node(label_selector=f"{ZONE}={DRAINED}").items
    name = str(node.metadata.name)
    held = cluster.core.list_namespaced_pod(DATA, field_selector=f"spec.nodeName={name}").items
    assert names(held) == []
    return name


def drain(cluster: Cluster, node: str, *options: str) -> None:
    """Evict a node's pods, those of DaemonSets left out, as their disruption budgets allow."""
    cluster.kubectl(
        "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=180s", *options
    )


def test_drain_of_a_node_is_not_noticed(cluster: Cluster, drained: str) -> None:
    try:
        cluster.kubectl("cordon", drained)
        with steady_load(cluster.address) as load:
            # A machine with few cores has to start all of the pods, and to serve meanwhile.
            for service in EVERY_SERVICE:
                drain(cluster, drained, "--pod-selector", f"app.kubernetes.io/name={service}")
                cluster.rolled_out(service)
            drain(cluster, drained)
            cluster.rolled_out(*cluster.deployments())
    finally:
        cluster.kubectl("uncordon", drained)
    assert not load.lost, load.lost
