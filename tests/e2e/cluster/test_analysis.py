"""What the mesh's own tools say about the living system."""

import shutil

import pytest

from tests.e2e.cluster.access import DATA, MESH, SERVICES, Cluster


@pytest.mark.parametrize("namespace", [SERVICES, DATA, MESH])
def test_istioctl_has_nothing_to_say(istio: Cluster, namespace: str) -> None:
    if shutil.which("istioctl") is None:
        pytest.skip("istioctl is not on PATH")
    said = istio.run("istioctl", "--context", istio.context, "analyze", "-n", namespace, check=False)
    assert "No validation issues found" in said, said


def test_every_proxy_has_what_istiod_sent(istio: Cluster) -> None:
    if shutil.which("istioctl") is None:
        pytest.skip("istioctl is not on PATH")
    said = istio.run("istioctl", "--context", istio.context, "proxy-status")
    assert "STALE" not in said, said
