"""Limits that all replicas count together."""

import json
import time
from typing import Any
from urllib.parse import urlsplit

from httpx2 import Client

from tests.e2e.cluster.access import Cluster
from tests.e2e.cluster.callers import OUTSIDE, Callers
from tests.e2e.people import Person

BURST = 10
"""What the class `login` lets one account do at once; one a second comes back."""


def test_replicas_of_the_gateway_share_one_limit(cluster: Cluster, callers: Callers, api: Client) -> None:
    person = Person.registered(api)
    first, second, *_ = cluster.ready_pods("gateway")
    headers = {**person.authorization, "content-type": "application/json", "connection": "close"}
    question: dict[str, Any] = {"method": "PUT", "path": "/v1/accounts/me/password", "body": "{}", "headers": headers}

    begun = time.monotonic()
    if cluster.mesh == "istio":
        # Past the ingress, which prefers the gateway in its own zone.
        pods = [{**question, "host": pod.status.pod_ip, "port": 8000, "tls": "workload"} for pod in (first, second)]
        answers = callers.ask_all("edge", pods * 2 * BURST)
    else:
        # Each on a connection of its own: connections are spread.
        address = urlsplit(cluster.address)
        asked = {**question, "host": address.hostname, "port": address.port}
        answers = [callers.ask(OUTSIDE, **asked) for _ in range(4 * BURST)]
    let_in = [answer["status"] for answer in answers if answer["status"] != 429]
    earned = time.monotonic() - begun

    assert 0 < len(let_in) <= BURST + earned + 1, let_in
    assert set(let_in) == {422}, "the password is missing: that is said by auth, behind the limit"
    account = person.send("GET", "/v1/accounts/me").json()["id"]
    for pod in (first, second):
        assert account in accounts_seen(cluster, pod.metadata.name), "one gateway alone was asked"


def accounts_seen(cluster: Cluster, pod: str) -> set[str]:
    """Return the accounts whose change of a password a gateway was asked for."""
    log = cluster.core.read_namespaced_pod_log(pod, "tradewind", container="app", since_seconds=120)
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {str(line.get("principal")) for line in lines if line.get("path") == "/v1/accounts/me/password"}
