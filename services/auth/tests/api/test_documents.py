"""What is checked in beside the code says what the code does."""

import json

import pytest
from click.testing import CliRunner

from chassis.app import Service
from chassis.commands import main
from chassis.manifest import Manifest, read, service_dir


@pytest.mark.parametrize("document", ["openapi", "schemas"])
def test_document_is_current(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE", "auth")
    done = CliRunner().invoke(main, [document, "--check"])
    assert done.exit_code == 0, done.output


def covers(manifest: Manifest, method: str, path: str) -> bool:
    """Tell whether the gateway lets the request in."""
    return any(
        method in route.methods
        and (path == pattern or (pattern.endswith("*") and path.startswith(pattern.removesuffix("*"))))
        for route in manifest.routes
        for pattern in route.paths
    )


def test_gateway_lets_every_operation_in() -> None:
    folder = service_dir("auth")
    manifest = read(folder / "service.yaml")
    document = json.loads((folder / "openapi.json").read_text())
    shut_out = [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if not covers(manifest, method.upper(), path.replace("{", "").replace("}", ""))
    ]
    assert shut_out == []


def test_operations_want_the_scopes_the_gateway_checks(service: Service) -> None:
    manifest = read(service_dir("auth") / "service.yaml")
    declared = {scope.name for scope in manifest.scopes}
    assert {scope for route in manifest.routes for scope in route.scopes} <= declared


def test_oauth_endpoints_document_their_own_errors() -> None:
    document = json.loads((service_dir("auth") / "openapi.json").read_text())
    for path in ("/v1/oauth/token", "/v1/oauth/revoke", "/v1/oauth/introspect"):
        responses = document["paths"][path]["post"]["responses"]
        for status in ("400", "401", "503"):
            assert list(responses[status]["content"]) == ["application/json"]
