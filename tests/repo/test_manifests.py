"""Each ``service.yaml`` is valid, and what it says of others is true."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.manifest import Manifest, read


@pytest.fixture(scope="module")
def manifests(root: Path, services: list[str]) -> dict[str, Manifest]:
    return {service: read(root / f"services/{service}/service.yaml") for service in services}


@pytest.fixture(scope="module")
def operations(root: Path, services: list[str]) -> dict[str, set[tuple[str, str]]]:
    """Method and path of everything a service answers, from its checked-in document."""
    return {
        service: set(_operations(json.loads((root / f"services/{service}/openapi.json").read_text())))
        for service in services
    }


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            yield method.upper(), path
            if method == "get":
                yield "HEAD", path


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path template can be a path that the pattern lets through."""
    if pattern == path:
        return True
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return _same_steps(pattern.split("/"), path.split("/"))


def _same_steps(pattern: list[str], path: list[str]) -> bool:
    return len(pattern) == len(path) and all(
        step == template or template.startswith("{") for step, template in zip(pattern, path, strict=True)
    )


def unanswered(methods: list[str], paths: list[str], answered: set[tuple[str, str]]) -> Iterator[str]:
    for path in paths:
        if not any(method in methods and matches(path, template) for method, template in answered):
            yield f"{'/'.join(methods)} {path}"


def test_every_service_has_the_name_of_its_folder(manifests: dict[str, Manifest]) -> None:
    assert {name: manifest.name for name, manifest in manifests.items()} == {name: name for name in manifests}


def test_what_a_service_asks_its_peer_answers(
    manifests: dict[str, Manifest], operations: dict[str, set[tuple[str, str]]]
) -> None:
    for manifest in manifests.values():
        for ask in manifest.asks:
            assert list(unanswered([*ask.methods], ask.paths, operations[ask.service])) == [], manifest.name


def test_what_the_gateway_lets_in_the_service_answers(
    manifests: dict[str, Manifest], operations: dict[str, set[tuple[str, str]]]
) -> None:
    for name, manifest in manifests.items():
        for route in manifest.routes:
            assert list(unanswered([*route.methods], route.paths, operations[name])) == [], name


def test_scopes_that_are_asked_for_are_declared(manifests: dict[str, Manifest]) -> None:
    declared = {scope.name for manifest in manifests.values() for scope in manifest.scopes}
    for manifest in manifests.values():
        wanted = {scope for route in manifest.routes for scope in route.scopes}
        wanted |= {scope for ask in manifest.asks for scope in ask.scopes}
        assert wanted <= declared, manifest.name


def test_what_a_service_hears_another_tells(manifests: dict[str, Manifest]) -> None:
    for manifest in manifests.values():
        for heard in manifest.hears:
            assert set(heard.events) <= set(manifests[heard.service].tells), manifest.name


def test_every_told_event_has_a_schema_and_every_schema_is_told(root: Path, manifests: dict[str, Manifest]) -> None:
    for name, manifest in manifests.items():
        schemas = {path.stem.rpartition(".v")[0] for path in root.glob(f"services/{name}/events/*.json")}
        assert schemas == set(manifest.tells), name


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/v1/accounts", "/v1/accounts", True),
        ("/v1/accounts*", "/v1/accounts/{account_id}", True),
        ("/v1/accounts/me", "/v1/accounts/{account_id}", True),
        ("/v1/accounts/{account_id}", "/v1/accounts/{account_id}", True),
        ("/v1/accounts", "/v1/accounts/{account_id}", False),
        ("/v1/orders*", "/v1/accounts", False),
        ("/v1/accounts/me", "/v1/accounts/{account_id}/keys", False),
    ],
    ids=["exact", "prefix", "filled in", "template", "shorter", "other", "longer"],
)
def test_pattern_matches_the_paths_it_lets_through(pattern: str, path: str, *, expected: bool) -> None:
    assert matches(pattern, path) is expected
