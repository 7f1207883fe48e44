"""What operators do every day is noticed by nobody: under steady load no request is lost."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client import ApiException

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import DATA, DRAINED, SERVICES, ZONE, Cluster, few, poll
from tests.e2e.cluster.load import steady_load

Workload = tuple[str, str]


def names(pods: list[Any]) -> list[str]:
    return [pod.metadata.name for pod in pods]


def test_restart_of_every_deployment_is_not_noticed(cluster: Cluster) -> None:
    before = {name for service in EVERY_SERVICE for name in names(cluster.running(service))}
    deployments = cluster.deployments()
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}}}
    with steady_load(cluster.address) as load:
        for some in few(deployments):
            for name in some:
                cluster.apps.patch_namespaced_deployment(name, SERVICES, {"spec": {"template": template}})
            cluster.rolled_out(*some)
    assert not load.lost, load.lost
    assert before.isdisjoint(name for service in EVERY_SERVICE for name in names(cluster.running(service)))


@pytest.fixture
def drained(cluster: Cluster) -> str:
    """The name of the node that can be drained: the one without data."""
    [node] = cluster.core.list_node(label_selector=f"{ZONE}={DRAINED}").items
    name = str(node.metadata.name)
    held = cluster.core.list_namespaced_pod(DATA, field_selector=f"spec.nodeName={name}").items
    assert names(held) == []
    return name


def evict(cluster: Cluster, pod: str) -> None:
    """Ask for a pod to go, as its disruption budget allows."""
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=SERVICES))
    cluster.core.create_namespaced_pod_eviction(pod, SERVICES, eviction)


def test_drain_of_a_node_is_not_noticed_and_takes_one_pod_of_a_service_at_a_time(
    cluster: Cluster, drained: str
) -> None:
    def whole(workloads: Sequence[Workload]) -> bool:
        return all(len(cluster.ready_pods(service, component=component)) >= 2 for service, component in workloads)

    cluster.rolled_out(*cluster.deployments())
    try:
        cluster.kubectl("cordon", drained)
        with steady_load(cluster.address) as load:
            for some in few(cluster.workloads()):
                for service, component in some:
                    ready = cluster.ready_pods(service, component=component)
                    pods = sorted(ready, key=lambda pod: pod.spec.node_name != drained)
                    first, second, *_ = names(pods)
                    evict(cluster, first)
                    with pytest.raises(ApiException) as refused:
                        evict(cluster, second)
                    assert refused.value.status == 429
                # A machine with few cores has to start all of the pods, and to serve meanwhile.
                poll(lambda them=some: whole(them), seconds=180, what=f"{some} are whole again")  # type: ignore[misc]
            # Whatever else is there.
            cluster.kubectl(
                "drain", drained, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=180s"
            )
            cluster.rolled_out(*cluster.deployments())
    finally:
        cluster.kubectl("uncordon", drained)
    assert not load.lost, load.lost
