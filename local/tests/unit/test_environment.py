import base64
from typing import Any

import pytest

from chassis.manifest import Manifest
from tradewind.credentials import Credentials
from tradewind.environment import Environments
from tradewind.runs import Network, Place
from tradewind.system import choose_network

DESCRIBED: dict[str, dict[str, Any]] = {
    "auth": {"owns": {"database": True, "stream": True}},
    "late-night": {"hears": [{"service": "auth", "events": ["account-registered"], "consumer": "accounts"}]},
    "orders": {
        "owns": {"database": True},
        "asks": [{"service": "late-night", "methods": ["GET"], "paths": ["/v1/x"]}],
    },
    "gateway": {},
}
MANIFESTS = {
    name: Manifest.model_validate({"name": name, "summary": "A fake.", **rest}) for name, rest in DESCRIBED.items()
}


@pytest.fixture
def environments() -> Environments:
    places = {name: Place(1000 + at, 2000 + at) for at, name in enumerate(MANIFESTS)}
    credentials = Credentials({})
    credentials.complete(MANIFESTS)
    return Environments(MANIFESTS, Network("http://127.0.0.1:8000", 5432, 4222, places, workers=3), credentials)


def named(environment: dict[str, str], prefix: str) -> set[str]:
    return {name for name in environment if name.startswith(prefix)}


def test_gateway_knows_every_service_and_others_know_whom_they_ask(environments: Environments) -> None:
    assert named(environments.of("gateway"), "PEERS__") == {"PEERS__AUTH", "PEERS__LATE_NIGHT", "PEERS__ORDERS"}
    assert environments.of("orders")["PEERS__LATE_NIGHT"] == "http://127.0.0.1:1001"
    assert named(environments.of("orders"), "PEERS__") == {"PEERS__LATE_NIGHT"}
    assert named(environments.of("auth"), "PEERS__") == set()


def test_broker_is_for_those_who_tell_or_hear(environments: Environments) -> None:
    assert environments.of("auth")["BROKER__USER"] == "auth"
    assert environments.of("late-night")["BROKER__URL"] == "nats://127.0.0.1:4222"
    assert named(environments.of("orders"), "BROKER__") == set()


def test_database_is_for_its_owner(environments: Environments) -> None:
    orders = environments.of("orders")
    assert orders["DATABASE__URL"] == orders["DATABASE__DIRECT_URL"]
    assert orders["DATABASE__URL"].endswith("@127.0.0.1:5432/orders")
    assert named(environments.of("late-night"), "DATABASE__") == set()


def test_only_auth_knows_the_keys_and_the_secrets_of_clients(environments: Environments) -> None:
    auth = environments.of("auth")
    assert len(base64.b64decode(auth["KEYS__ENCRYPTION_KEY"])) == 32
    assert auth["CLIENTS__LATE_NIGHT"] == environments.of("late-night")["CLIENT__SECRET"]
    assert named(environments.of("orders"), "CLIENTS__") | named(environments.of("orders"), "KEYS__") == set()


def test_developers_own_variables_are_passed_on_but_not_those_we_set(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG__LEVEL", "debug")
    monkeypatch.setenv("PORT", "1")
    orders = environments.of("orders")
    assert (orders["LOG__LEVEL"], orders["PORT"], orders["WEB_CONCURRENCY"]) == ("debug", "1002", "3")


def test_passwords_are_made_once() -> None:
    credentials = Credentials({})
    assert credentials.complete(["auth"])
    before = dict(credentials.document)
    assert not credentials.complete(["auth"])
    assert credentials.document == before
    password = credentials.database("auth")
    assert credentials.complete(["auth", "books"])
    assert credentials.database("auth") == password != credentials.database("books")


def test_every_address_of_a_network_is_another_and_only_the_gateways_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.children.free_ports", lambda count: list(range(20_000, 20_000 + count)))
    network = choose_network(["auth", "gateway"], public_port=8123, workers=1)
    assert network.places["gateway"].url == network.public_url == "http://127.0.0.1:8123"
    places = network.places.values()
    ports = [network.postgres_port, network.nats_port, *(place.metrics_port for place in places)]
    ports += [place.port for place in places]
    assert len(set(ports)) == len(ports) == 6
    anywhere = choose_network(["gateway"], public_port=0, workers=1)
    assert anywhere.public_url == anywhere.places["gateway"].url != "http://127.0.0.1:0"
