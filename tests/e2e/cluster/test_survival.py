"""Whatever dies, the system works again without anybody's hand."""

from collections.abc import Sequence

import pytest
from httpx2 import Client, HTTPError

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import DATA, SERVICES, Cluster, few, poll
from tests.e2e.people import Person
from tests.e2e.shop import Shelf, order

WORKS_SECONDS = 120


@pytest.fixture(scope="module")
def shelf(cluster: Cluster, staff: Person) -> Shelf:
    """More of something than is bought here."""
    staff.sign_in()  # The suite takes longer than a token is good for.
    return Shelf.filled(staff, pieces=10_000)


def works(api: Client, shelf: Shelf) -> bool:
    """Tell whether somebody new can register, sign in, be known to customers and buy: it takes every part there is."""
    person = Person(api)
    try:
        if person.register().status_code != 202:
            return False
        person.sign_in()
        poll(lambda: person.me()["email"] == person.email, seconds=10, what="the event arrived")
        return bool(order(person, shelf, "tok_approve")["status"] == "confirmed")
    except (HTTPError, AssertionError):
        return False


@pytest.mark.parametrize("some", list(few(EVERY_SERVICE)), ids="-".join)
def test_death_of_all_pods_of_services_is_survived(
    cluster: Cluster, api: Client, shelf: Shelf, some: Sequence[str]
) -> None:
    for pod in [pod for service in some for pod in cluster.running(service)]:
        cluster.core.delete_namespaced_pod(pod.metadata.name, SERVICES, grace_period_seconds=0)
    poll(lambda: works(api, shelf), seconds=WORKS_SECONDS, what=f"the system works after the death of {some}")


@pytest.mark.parametrize("server", ["postgres", "nats", "valkey"])
def test_restart_of_a_data_server_is_survived(cluster: Cluster, api: Client, shelf: Shelf, server: str) -> None:
    assert works(api, shelf)
    restarts = started(cluster)
    selector = f"app.kubernetes.io/name={server}"
    [pod] = cluster.core.list_namespaced_pod(DATA, label_selector=selector).items
    cluster.core.delete_namespaced_pod(pod.metadata.name, DATA, grace_period_seconds=0)

    def replaced() -> bool:
        found = cluster.core.list_namespaced_pod(DATA, label_selector=selector).items
        return pod.metadata.uid not in {each.metadata.uid for each in found}

    poll(replaced, seconds=60, what=f"{server} is away")
    poll(lambda: works(api, shelf), seconds=WORKS_SECONDS, what=f"the system works after the restart of {server}")
    assert started(cluster) == restarts, "a service was started again: its liveness rests on a dependency"


def started(cluster: Cluster) -> dict[str, int]:
    """Return how often each service's container was started again."""
    return {
        pod.metadata.name: sum(each.restart_count for each in pod.status.container_statuses or [])
        for service in EVERY_SERVICE
        for pod in cluster.running(service)
    }
