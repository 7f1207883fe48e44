"""One cluster for all tests here: the one that KIND_CLUSTER, HTTP_PORT and MESH select, as `make deploy` left it."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.access import DATA, Cluster, NotDeployedError
from tests.e2e.cluster.callers import STRANGER, Caller, Callers

_CALLERS = [
    # Without a sidecar: what NetworkPolicies alone make of them.
    Caller("stranger", STRANGER),
    Caller("locked", STRANGER, out=False),
    Caller("named-gateway", STRANGER, labels={"app.kubernetes.io/name": "gateway"}),
    Caller("named-prometheus", STRANGER, namespace=DATA, labels={"app.kubernetes.io/name": "prometheus"}),
    Caller("data-stranger", STRANGER, namespace=DATA),
]
_MESHED = [
    Caller("gateway", "gateway", sidecar=True, into=True),
    Caller("customers", "customers", sidecar=True, into=True),
    Caller("unknown", STRANGER, sidecar=True, into=True),
    Caller("bare", "gateway", sidecar=True, certificate=True, into=True),
    Caller("edge", "tradewind-istio", sidecar=True, certificate=True, into=True),
]


def required() -> bool:
    """Tell whether a test that finds no cluster fails."""
    return "cluster" in os.environ.get("REQUIRE", "").split(",")


def pytest_runtest_setup() -> None:
    """Skip all in one place, so that a run without a cluster says so in one line."""
    if not required() and "BASE_URL" not in os.environ:
        pytest.skip("BASE_URL names no deployed system: `make e2e` does")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster; without one, tests are skipped, or fail where ``REQUIRE`` names `cluster`."""
    try:
        return Cluster.selected(tmp_path_factory.mktemp("cluster"))
    except NotDeployedError as error:
        if required():
            pytest.fail(f"REQUIRE names cluster, and {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def istio(cluster: Cluster) -> Cluster:
    """The cluster, if Istio is on it."""
    if cluster.mesh != "istio":
        pytest.skip(f"needs MESH=istio, this is MESH={cluster.mesh}")
    return cluster


@pytest.fixture(scope="session")
def callers(cluster: Cluster) -> Iterator[Callers]:
    """Pods to call from."""
    pods = Callers(cluster, [*_CALLERS, *(_MESHED if cluster.mesh == "istio" else [])])
    try:
        pods.start()
        yield pods
    finally:
        pods.stop()


@pytest.fixture(scope="session")
def base_url(cluster: Cluster) -> str:
    """The address of the system under test."""
    return cluster.address
