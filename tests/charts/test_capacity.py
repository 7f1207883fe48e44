"""Whether an installation fits: connections into PostgreSQL, pods into the quota, streams into the broker."""

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.charts.rendering import (
    DATA_NAMESPACE,
    KIND,
    NAMESPACE,
    SYSTEMS,
    Object,
    Render,
    Scenario,
    Workload,
    manifests,
    service_charts,
    system,
    workloads,
)
from tests.charts.test_availability import replicas
from tests.charts.test_settings import environment, settings_of

RESERVED = 10
"""Connections for the superuser, for migrations and for whoever looks."""
RELAY_AND_LISTENER = 2


def surge(workload: Workload, most: int) -> int:
    """Return how many more pods there are while a Deployment is rolled out."""
    given = workload.object["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    return given if isinstance(given, int) else -(-most * int(given.removesuffix("%")) // 100)


def connections(rendered: Render) -> Iterator[tuple[str, int]]:
    """Yield the most connections each Deployment of a service opens."""
    for workload in workloads(rendered.objects):
        if workload.serves and manifests()[rendered.chart].owns.database:
            default = settings_of(rendered.chart).model_fields["database"].annotation
            assert default is not None
            pool = environment(rendered, workload).get("DATABASE__POOL_SIZE", default.model_fields["pool_size"].default)
            _, most = replicas(list(rendered.objects), workload)
            yield str(workload), (most + surge(workload, most)) * (int(pool) + RELAY_AND_LISTENER)


def max_connections(rendered: Render) -> int:
    """Return what the chart's PostgreSQL accepts."""
    (container,) = Workload(rendered.named("StatefulSet", "postgres")).pod["containers"]
    found = re.search(r"max_connections=(\d+)", " ".join(container["args"]))
    assert found
    return int(found[1])


@pytest.mark.parametrize("scenario", SYSTEMS, ids=str)
def test_all_pools_together_fit_into_the_database(scenario: Scenario) -> None:
    charts = system(scenario)
    wanted = [number for chart in service_charts() for _, number in connections(charts[chart])]
    # Elsewhere than here the server is not ours: the number is what its own chart would give it.
    postgres = charts.get("dev-infra") or system(KIND[0])["dev-infra"]
    assert sum(wanted) <= max_connections(postgres) - RESERVED


def test_a_larger_pool_is_counted() -> None:
    charts = system(KIND[0])
    before = dict(connections(charts["auth"]))["Deployment/auth"]
    config = charts["auth"].named("ConfigMap", "auth")
    more = {**config, "data": {**config["data"], "DATABASE__POOL_SIZE": "50"}}
    objects = tuple(more if each is config else each for each in charts["auth"].objects)
    changed = Render("auth", KIND[0], charts["auth"].values, objects)
    assert dict(connections(changed))["Deployment/auth"] == before / 7 * 52


UNITS = {"": 1.0, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def quantity(text: str) -> float:
    """Return a Kubernetes quantity as a number."""
    found = re.fullmatch(r"([0-9.]+)(m|Ki|Mi|Gi)?", str(text))
    assert found, text
    return float(found[1]) * UNITS[found[2] or ""]


def requested(charts: Mapping[str, Render], resource: str) -> float:
    """Return what all pods of the services' namespace ask for at most, roll-outs included."""
    total = 0.0
    for rendered in charts.values():
        for workload in workloads(rendered.objects) if rendered.namespace == NAMESPACE else []:
            most = replicas(list(rendered.objects), workload)[1] if workload.serves else 1
            pods = most + (surge(workload, most) if workload.serves else 0)
            total += pods * sum(quantity(each["resources"]["requests"][resource]) for each in workload.containers)
    return total


@pytest.mark.parametrize("scenario", SYSTEMS, ids=str)
def test_all_pods_fit_into_the_quota(scenario: Scenario) -> None:
    charts = system(scenario)
    for quota in charts["platform"].of("ResourceQuota"):
        hard = quota["spec"]["hard"]
        assert not [name for name in hard if name.startswith("limits.cpu")], "it would refuse every pod of ours"
        for resource in ("cpu", "memory"):
            if given := hard.get(f"requests.{resource}"):
                assert requested(charts, resource) <= 0.8 * quantity(given), "proxies need something, too"


def test_streams_fit_into_the_broker() -> None:
    """The server reserves `max_bytes` for each; the default of the settings is what they ask for."""
    streams = [name for name, manifest in manifests().items() if manifest.owns.stream]
    for scenario in KIND:
        infra = system(scenario)["dev-infra"]
        (claim,) = infra.named("StatefulSet", "nats")["spec"]["volumeClaimTemplates"]
        size = quantity(claim["spec"]["resources"]["requests"]["storage"])
        needed = 0
        for name in streams:
            broker = settings_of(name).model_fields["broker"].annotation
            assert broker is not None
            needed += broker.model_fields["stream_max_bytes"].default
        assert needed < size


def databases(rendered: Render) -> set[str]:
    """Return the databases that the development server is told to make."""
    (container,) = Workload(rendered.named("StatefulSet", "postgres")).pod["containers"]
    return set(container["lifecycle"]["postStart"]["exec"]["command"][2:])


def test_every_service_with_a_database_finds_one_here() -> None:
    for scenario in KIND:
        infra = system(scenario)["dev-infra"]
        assert databases(infra) == {name for name, manifest in manifests().items() if manifest.owns.database}
        for chart in service_charts():
            for workload in workloads(system(scenario)[chart].objects):
                if workload.component == "api":
                    _check_addresses(infra, environment(system(scenario)[chart], workload))


def _check_addresses(infra: Render, values: Mapping[str, str]) -> None:
    """Whatever a service is told of the data namespace is a Service and a port there."""
    for name, value in values.items():
        for host, port in re.findall(rf"([a-z-]+)\.{DATA_NAMESPACE}\.svc\.cluster\.local:(\d+)", value):
            ports: list[Object] = infra.named("Service", host)["spec"]["ports"]
            assert int(port) in {each["port"] for each in ports}, f"{name}={value}"
