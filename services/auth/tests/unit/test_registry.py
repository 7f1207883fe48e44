from pathlib import Path

import pytest

from auth.domain.clients import Grant
from auth.domain.roles import Role
from auth.registry import read


def test_generated_registry_names_clients_and_scopes() -> None:
    known = read()
    gateway = next(client for client in known.clients if client.name == "gateway")
    assert Grant.TOKEN_EXCHANGE in gateway.grants
    assert "auth" in known.audiences
    assert {"accounts:own", "keys:own"} <= known.scopes.allowed([Role.CUSTOMER])
    assert "accounts:manage" not in known.scopes.allowed([Role.CUSTOMER])


def test_something_else_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("clients: [{name: orders}]\nscopes: []\n")
    with pytest.raises(ValueError, match=r"registry\.yaml: not a registry"):
        read(path)
