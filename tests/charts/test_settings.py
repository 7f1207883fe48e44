"""A pod's environment, put together as the kubelet does it, is one with which its service starts."""

import base64
import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from sqlalchemy.engine import make_url

from chassis.settings import ServiceSettings
from tests.charts.rendering import (
    DATA,
    KIND,
    MATRIX,
    ROOT,
    SYSTEMS,
    Object,
    Render,
    Scenario,
    Workload,
    manifests,
    render,
    service_charts,
    service_renders,
    system,
    workloads,
)

# What is only there to be put into another variable, the client that a service has also where it asks nothing, and what
# the database's driver reads by itself.
BESIDES = {
    "DATABASE_PASSWORD",
    "VALKEY_PASSWORD",
    "CLIENT__RETRIES",
    "CLIENT__SECRET",
    "CLIENT__TOKEN_URL",
    "PGSSLROOTCERT",
}
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


TOKENS = {"TOKENS__ISSUER", "TOKENS__JWKS_URL"}
OWN_SECRETS = {
    "payments": {"PROVIDER__API_KEY": "a-key-of-the-provider", "PROVIDER__WEBHOOK_SECRET": "a-secret-of-webhooks"},
    "sandbox": {"API_KEY": "a-key-of-the-provider", "WEBHOOKS__SECRET": "a-secret-of-webhooks"},
}


def secret(service: str) -> dict[str, str]:
    """Return the Secret that an installation has to give a service; the values are made up."""
    owns = manifests()[service].owns
    values = {"CLIENT__SECRET": "client"}
    if owns.database:
        values["DATABASE_PASSWORD"] = "a%2Fb"
    if owns.stream or manifests()[service].hears:
        values["BROKER__PASSWORD"] = "broker"
    if owns.cache:
        values["VALKEY_PASSWORD"] = "valkey"
    if service == "auth":
        values["KEYS__ENCRYPTION_KEY"] = KEY
        values |= {f"CLIENTS__{name.upper().replace('-', '_')}": "client" for name in manifests()}
    return values | OWN_SECRETS.get(service, {})


def asks_auth(service: str) -> bool:
    """Tell whether a service checks tokens, with auth's keys or its own."""
    return service == "auth" or any(ask.service == "auth" for ask in manifests()[service].asks)


@cache
def settings_of(service: str) -> type[ServiceSettings]:
    kind: type[ServiceSettings] = importlib.import_module(f"{service}.main").Settings
    return kind


def environment(rendered: Render, workload: Workload) -> dict[str, str]:
    """Return the variables of a workload's container `app`: those of `envFrom`, and over them those of `env`."""
    container = next(each for each in workload.pod["containers"] if each["name"] == "app")
    values: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            values |= rendered.named("ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            assert source["secretRef"]["name"] == rendered.chart, rendered
            values |= secret(rendered.chart)
    for each in container.get("env", []):
        values[each["name"]] = expanded(each["value"], values)
    return values


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Put variables into a text as the kubelet does; it leaves one that it does not know as it is."""
    return REFERENCE.sub(lambda found: values.get(found[1], found[0]), text)


def running(rendered: Render) -> Iterator[tuple[Workload, dict[str, str]]]:
    """Yield the workloads that run a service, with their environment."""
    for workload in workloads(rendered.objects):
        if workload.component != "test":
            yield workload, environment(rendered, workload)


def unknown(kind: type[ServiceSettings], names: Iterator[str]) -> list[str]:
    """Return the names that no setting has; the class ignores them without a word."""
    return [name for name in names if not _known(kind, name.lower().split("__"))]


def _known(kind: Any, steps: list[str]) -> bool:
    """Tell whether a path of names leads to a setting."""
    if not steps:
        return True
    for each in _alternatives(kind):
        if isinstance(each, type) and issubclass(each, BaseModel):
            if steps[0] in each.model_fields and _known(each.model_fields[steps[0]].annotation, steps[1:]):
                return True
        elif get_origin(each) is dict and _known(get_args(each)[1], steps[1:]):
            return True
    return False


def _alternatives(kind: Any) -> Iterator[Any]:
    if get_origin(kind) in {Union, UnionType}:
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


@pytest.mark.parametrize("scenario", SYSTEMS, ids=str)
@pytest.mark.parametrize("service", service_charts())
def test_every_pod_would_start(service: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = render(service, scenario)
    for _workload, values in running(rendered):
        with monkeypatch.context() as patched:
            for name, value in values.items():
                patched.setenv(name, value)
            configured: Any = settings_of(service)(_env_file=None)
        assert (configured.host, configured.port, configured.metrics_port) == ("0.0.0.0", 8000, 9090)
        developing = scenario.on_kind or manifests()[rendered.chart].development_only
        assert configured.environment == ("development" if developing else "production")
        if manifests()[service].owns.database:
            url = make_url(configured.database.url.get_secret_value())
            assert (url.username, url.database, url.password) == (service, service, "a/b")
            assert url.query == {"ssl": "disable" if scenario.on_kind else "verify-full"}
            assert configured.database.direct_url is not None
        if manifests()[service].owns.cache:
            assert configured.valkey.url.get_secret_value().startswith("redis://:valkey@")


@pytest.fixture
def credentials() -> Any:
    """The script that makes Secrets for kind."""
    spec = importlib.util.spec_from_file_location("credentials", ROOT / "hack/credentials.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_on_kind_every_service_gets_the_secret_it_needs(credentials: Any, tmp_path: Path) -> None:
    values = credentials.Values(tmp_path / "secrets.json")
    for name, manifest in manifests().items():
        assert credentials.of_service(manifest, manifests(), values).keys() == secret(name).keys()


def test_on_kind_every_server_gets_the_secret_it_needs(credentials: Any, tmp_path: Path) -> None:
    known = credentials.of_data(manifests(), credentials.Values(tmp_path / "secrets.json")).keys()
    wanted: set[str] = set()
    for workload in workloads(system(KIND[0])[DATA].objects):
        wanted |= {
            item["key"]
            for volume in workload.pod.get("volumes", [])
            for item in volume.get("secret", {}).get("items", [])
        }
        for container in workload.containers:
            sources = (each.get("valueFrom", {}).get("secretKeyRef", {}) for each in container.get("env", []))
            wanted |= {each["key"] for each in sources if each}
    assert wanted == known


def test_every_variable_is_a_setting() -> None:
    for rendered in service_renders():
        for workload, values in running(rendered):
            # Every pod is told where tokens come from; who asks nobody for keys has no use for that.
            told = BESIDES | (set() if asks_auth(rendered.chart) else TOKENS)
            names = (name for name in values if name not in told)
            assert unknown(settings_of(rendered.chart), names) == [], f"{rendered} {workload}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("LOG__LEVEL", True), ("PEERS__AUTH", True), ("LIMITS__LOGIN__ADDRESS__RATE", True), ("VALKEY__URL", True),
     ("LOG_LEVEL", False), ("LOG__LEVELS", False), ("DATABASE__URL", False)],
    ids=["group", "map", "map of groups", "optional", "spelling", "typo", "another's"],
)  # fmt: skip
def test_setting_is_told_from_what_is_none(name: str, *, expected: bool) -> None:
    assert (unknown(settings_of("gateway"), iter([name])) == []) is expected


def test_every_pod_is_told_the_same_issuer_as_the_edge() -> None:
    for scenario in SYSTEMS:
        issuers = {
            values["TOKENS__ISSUER"] for chart in service_charts() for _, values in running(render(chart, scenario))
        }
        for policy in render("platform", scenario).of("RequestAuthentication"):
            issuers |= {rule["issuer"] for rule in policy["spec"]["jwtRules"]}
        assert len(issuers) == 1, scenario


def test_every_address_of_a_peer_is_a_service() -> None:
    for scenario in SYSTEMS:
        services = {f"http://{chart}": render(chart, scenario).named("Service", chart) for chart in service_charts()}
        for chart in service_charts():
            manifest = manifests()[chart]
            for workload, values in running(render(chart, scenario)):
                peers = {name: value for name, value in values.items() if name.startswith("PEERS__")}
                assert set(peers.values()) <= services.keys(), f"{chart} {workload}"
                asked = set(manifests()) if chart == "gateway" else {ask.service for ask in manifest.asks} - {"auth"}
                assert {f"PEERS__{name.upper()}" for name in asked - {chart}} <= peers.keys(), chart
                assert values["TOKENS__JWKS_URL"] == "http://auth/.well-known/jwks.json"
                assert values["CLIENT__TOKEN_URL"] == "http://auth/v1/oauth/token"


@pytest.mark.parametrize("scenario", [Scenario(("kind", "istio")), Scenario(("prod",), "istio")], ids=str)
@pytest.mark.parametrize("service", ["auth", "gateway"])
def test_behind_a_sidecar_it_is_the_proxys_address_that_is_trusted(service: str, scenario: Scenario) -> None:
    """Every inbound call seems to come from there; without it all callers share one address and its limit."""
    for _, values in running(render(service, scenario)):
        assert "127.0.0.6/32" in values["TRUSTED_PROXIES"].split(",")


def test_in_production_the_databases_certificate_can_be_checked() -> None:
    """Without the authority's certificate `verify-full` refuses every connection."""
    for rendered in service_renders():
        for workload, values in running(rendered) if "prod" in rendered.scenario.files else []:
            if "ssl=verify" in values.get("DATABASE__URL", ""):
                mounts = [each["mountPath"] for each in workload.pod["containers"][0]["volumeMounts"]]
                assert values["PGSSLROOTCERT"].rpartition("/")[0] in mounts, f"{rendered} {workload}"


@pytest.mark.parametrize("service", service_charts())
def test_migration_has_the_settings_of_the_service(service: str) -> None:
    for scenario in MATRIX:
        rendered = render(service, scenario)
        found = {workload.component: values for workload, values in running(rendered)}
        if "migrate" in found:
            # `BACKGROUND` tells an API that it has workers beside it.
            assert found["migrate"] == {name: value for name, value in found["api"].items() if name != "BACKGROUND"}


def test_arguments_are_commands_of_the_image() -> None:
    for rendered in service_renders():
        for workload in workloads(rendered.objects):
            container: Object = workload.pod["containers"][0]
            expected = {"api": ["serve"], "migrate": ["migrate"]}.get(workload.component)
            if expected:
                assert container["args"] == expected
                assert "command" not in container
