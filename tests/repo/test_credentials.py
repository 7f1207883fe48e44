"""The passwords of a development system: made once, seen by nobody else, and all of them there."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

KUBECTL = """\
#!/bin/sh
printf '%s ' "$@" > "{folder}/words"
cat > "{folder}/applied.json"
"""


def run(root: Path, state: Path, where: str, **environment: str) -> str:
    command = [sys.executable, str(root / "hack/credentials.py"), where, "--state", str(state)]
    if where == "cluster":
        command += ["--kubeconfig", str(state / "kubeconfig"), "--context", "kind-test"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.fixture
def applied(root: Path, tmp_path: Path) -> dict[str, dict[str, str]]:
    """What a cluster is given: the data of each Secret, by namespace and name."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL.format(folder=tmp_path))
    kubectl.chmod(0o755)
    run(root, tmp_path / "state", "cluster", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "--context kind-test" in (tmp_path / "words").read_text()
    items: list[dict[str, Any]] = json.loads((tmp_path / "applied.json").read_text())["items"]
    return {f"{each['metadata']['namespace']}/{each['metadata']['name']}": decoded(each) for each in items}


def decoded(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_every_service_gets_a_secret_and_so_do_the_servers(
    applied: dict[str, dict[str, str]], services: list[str]
) -> None:
    others = {"tradewind-data/dev-infra", "tradewind/edge"}
    assert set(applied) == others | {f"tradewind/{name}" for name in services}


def test_edge_gets_a_certificate_for_this_machines_names(applied: dict[str, dict[str, str]], tmp_path: Path) -> None:
    found = applied["tradewind/edge"]
    certificate = x509.load_pem_x509_certificate(found["tls.crt"].encode())
    key = serialization.load_pem_private_key(found["tls.key"].encode(), password=None)
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_service_and_server_are_given_the_same_passwords(applied: dict[str, dict[str, str]]) -> None:
    servers, auth, gateway = (applied[f"tradewind{name}"] for name in ("-data/dev-infra", "/auth", "/gateway"))
    assert auth["DATABASE_PASSWORD"] == servers["auth-database-password"]
    assert auth["BROKER__PASSWORD"] == servers["auth-broker-password"]
    assert gateway["VALKEY_PASSWORD"] == servers["valkey-password"]


def test_auth_knows_the_client_secret_of_every_service(applied: dict[str, dict[str, str]], services: list[str]) -> None:
    auth = applied["tradewind/auth"]
    for name in services:
        assert auth[f"CLIENTS__{name.upper().replace('-', '_')}"] == applied[f"tradewind/{name}"]["CLIENT__SECRET"]
    assert len(base64.b64decode(auth["KEYS__ENCRYPTION_KEY"])) == 32


def test_no_two_passwords_are_the_same(applied: dict[str, dict[str, str]]) -> None:
    values = list(applied["tradewind-data/dev-infra"].values())
    assert len(set(values)) == len(values) > 4


def test_second_run_changes_nothing(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path, "compose")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    run(root, tmp_path, "compose")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_values_are_closed_to_others_and_never_printed(root: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    printed = run(root, state, "compose")
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "secrets.json").stat().st_mode) == 0o600
    known = json.loads((state / "secrets.json").read_text())
    assert not [name for name, value in known.items() if value in printed]
