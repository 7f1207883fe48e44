"""Replicas come with the load, and go with it."""

from tests.e2e.cluster.access import SERVICES, Cluster, poll
from tests.e2e.cluster.load import heavy_load


def test_gateway_scales_out_under_load_and_back(cluster: Cluster) -> None:
    def ready() -> int:
        return len(cluster.ready_pods("gateway"))

    scaler = cluster.autoscaling.read_namespaced_horizontal_pod_autoscaler("gateway", SERVICES)
    fewest = int(scaler.spec.min_replicas)
    poll(lambda: ready() == fewest, seconds=180, what=f"{fewest} gateways before the load")
    with heavy_load(cluster.address):
        poll(lambda: ready() > fewest, seconds=180, what="more gateways under load")
    poll(lambda: ready() == fewest, seconds=240, what=f"{fewest} gateways after the load")
