"""What the ingress lets in without a token: one list, the gateway's route file, whatever checks it."""

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from httpx2 import Client, HTTPError

from tests.e2e.checkout import REPOSITORY
from tests.e2e.cluster.access import Cluster

_ROUTES = REPOSITORY / "services/gateway/src/gateway/routes.yaml"
_REFUSED = (401, 403)


def requests(routes: Path, *, public: bool) -> list[Any]:
    """Return a request for each method and path of the routes that want a token, or of those that do not."""
    found = [each for each in yaml.safe_load(routes.read_text())["routes"] if (each.get("auth") == "none") is public]
    return [
        pytest.param(method, path.replace("*", "x"), id=f"{method}-{path}")
        for route in found
        for method in route["methods"]
        for path in route["paths"]
    ]


@pytest.mark.parametrize(("method", "path"), requests(_ROUTES, public=True))
def test_public_path_needs_no_token(cluster: Cluster, api: Client, method: str, path: str) -> None:
    # Without a body each of them has something else to say than who may ask.
    assert api.request(method, path).status_code not in _REFUSED


@pytest.mark.parametrize(("method", "path"), requests(_ROUTES, public=False))
def test_any_other_path_does(cluster: Cluster, api: Client, method: str, path: str) -> None:
    assert api.request(method, path).status_code in _REFUSED


def test_edge_ends_tls_under_its_certificate(istio: Cluster) -> None:
    address = f"https://localhost:{os.environ['HTTPS_PORT']}"
    trusted = ssl.create_default_context(cafile=str(istio.state / "edge.crt"))
    with Client(base_url=address, verify=trusted) as api:
        answer = api.get("/readyz")
    assert answer.status_code == 200
    assert "strict-transport-security" in answer.headers, "the gateway was not told that it is HTTPS"
    with Client(base_url=address) as stranger, pytest.raises(HTTPError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.get("/readyz")
