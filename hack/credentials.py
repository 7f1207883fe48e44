#!/usr/bin/env python3
"""Make the passwords of a development system and hand them to it: to a cluster as Secrets, to Docker Compose as files.

What a service needs follows from its ``service.yaml``. Values are made once and kept in ``secrets.json`` in the state
folder, which only its owner can read: a second run changes nothing, and a new service gets what it lacks. No value is
ever printed.
"""

import argparse
import base64
import json
import secrets
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from chassis.manifest import Manifest, variable
from chassis.nats_users import permissions
from tradewind.checkout import Checkout

AUTH, PAYMENTS, SANDBOX = "auth", "payments", "sandbox"
SERVICES, DATA = "tradewind", "tradewind-data"
"""The namespaces of the services, and of what holds their data."""


class Values:
    """Secret values by name, made when first asked for and kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, name: str) -> str:
        return self.kept(name, lambda: secrets.token_urlsafe(24))

    def key(self, name: str) -> str:
        """Return 32 random bytes in base64."""
        return self.kept(name, lambda: base64.b64encode(secrets.token_bytes(32)).decode())

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """Return what ``make`` made when this was first asked for."""
        if name not in self._known:
            self._known[name] = make()
            write_private(self._path, json.dumps(self._known, indent=2))
        return self._known[name]


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner can read it, from its first byte on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.replace(path)


def certificate(values: Values) -> dict[str, str]:
    """Return the edge's certificate, which this machine's own names are in, and its key; it is its own authority."""
    both = values.kept("edge-certificate", _self_signed)
    certified, begin, key = both.partition("-----BEGIN PRIVATE KEY-----")
    return {"tls.crt": certified, "tls.key": begin + key}


def _self_signed() -> str:
    """Return a new certificate, and behind it its key, both in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tradewind on this machine")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=397))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = serialization.Encoding.PEM
    form, unlocked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (signed.public_bytes(text) + key.private_bytes(text, form, unlocked)).decode()


def of_service(manifest: Manifest, manifests: Mapping[str, Manifest], values: Values) -> dict[str, str]:
    """Return what the Secret of a service holds: variables of its environment."""
    name = manifest.name
    held = {"CLIENT__SECRET": values[f"{name}-client-secret"]}
    if manifest.owns.database:
        held["DATABASE_PASSWORD"] = values[f"{name}-database-password"]
    if manifest.owns.stream or manifest.hears:
        held["BROKER__PASSWORD"] = values[f"{name}-broker-password"]
    if manifest.owns.cache:
        held["VALKEY_PASSWORD"] = values["valkey-password"]
    if name == AUTH:
        held["KEYS__ENCRYPTION_KEY"] = values.key("keys-encryption-key")
        for client in manifests:
            held[f"CLIENTS__{variable(client)}"] = values[f"{client}-client-secret"]
    if name == PAYMENTS:
        held["PROVIDER__API_KEY"] = values["provider-api-key"]
        held["PROVIDER__WEBHOOK_SECRET"] = values["provider-webhook-secret"]
    if name == SANDBOX:
        held["API_KEY"] = values["provider-api-key"]
        held["WEBHOOKS__SECRET"] = values["provider-webhook-secret"]
    return held


def of_data(manifests: Mapping[str, Manifest], values: Values) -> dict[str, str]:
    """Return what the Secret of ``dev-infra`` holds."""
    names = ["postgres-password", "valkey-password"]
    for manifest in manifests.values():
        names += [f"{manifest.name}-database-password"] if manifest.owns.database else []
        names += [f"{manifest.name}-broker-password"] if manifest.owns.stream or manifest.hears else []
    return {name: values[name] for name in names}


def secret(namespace: str, name: str, data: Mapping[str, str], *, kind: str = "Opaque") -> dict[str, Any]:
    """Return a Secret; ``data`` and not ``stringData``, so that a key that is gone here goes away there."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in sorted(data.items())}
    metadata = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "tradewind"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": encoded}


def apply(manifests: Mapping[str, Manifest], values: Values, kubectl: list[str]) -> None:
    """Give the cluster its Secrets; the namespaces have to be there."""
    items = [secret(SERVICES, name, of_service(each, manifests, values)) for name, each in manifests.items()]
    items.append(secret(DATA, "dev-infra", of_data(manifests, values)))
    items.append(secret(SERVICES, "edge", certificate(values), kind="kubernetes.io/tls"))
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    # Server-side: a client-side apply would write every value into an annotation, too.
    subprocess.run([*kubectl, "apply", "--server-side", "-f", "-"], input=document, text=True, check=True)


def write_compose(manifests: Mapping[str, Manifest], values: Values, folder: Path) -> None:
    """Write what compose.yaml mounts: an environment per service, the databases' script, the broker's users."""
    for name, manifest in manifests.items():
        held = of_service(manifest, manifests, values)
        held.pop("VALKEY_PASSWORD", None)
        if password := held.pop("DATABASE_PASSWORD", None):
            held["DATABASE__URL"] = f"postgresql+asyncpg://{name}:{password}@postgres:5432/{name}"
        write_private(folder / f"{name}.env", "".join(f"{key}={value}\n" for key, value in held.items()))
    write_private(folder / "postgres.env", f"POSTGRES_PASSWORD={values['postgres-password']}\n")
    # The servers' own users read these two, as other uids than the owner of the folder, which stays closed.
    for path, text in (
        (folder / "databases.sql", databases(manifests, values)),
        (folder / "nats.conf", broker(manifests, values)),
    ):
        write_private(path, text)
        path.chmod(0o644)


def databases(manifests: Mapping[str, Manifest], values: Values) -> str:
    """Return the script that makes a role and a database for each service that owns one."""
    lines = []
    for name in (name for name, manifest in manifests.items() if manifest.owns.database):
        # Neither a name (by the manifest's pattern) nor a password (base64url) can hold a quote.
        lines.append(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{values[f'{name}-database-password']}';")
        lines.append(f'CREATE DATABASE "{name}" OWNER "{name}";')
        lines.append(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;')
    return "\n".join(lines) + "\n"


def broker(manifests: Mapping[str, Manifest], values: Values) -> str:
    """Return NATS's configuration: JetStream, and a user per service who may do only what its manifest says."""
    users = [
        {
            "user": name,
            "password": values[f"{name}-broker-password"],
            "permissions": {verb: {"allow": subjects} for verb, subjects in permissions(manifest).items()},
        }
        for name, manifest in manifests.items()
        if manifest.owns.stream or manifest.hears
    ]
    return f'jetstream {{store_dir: "/data"}}\nauthorization: {json.dumps({"users": users}, indent=2)}\n'


def main() -> None:
    """Read the command line and do what it says."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("where", choices=["cluster", "compose"])
    options.add_argument("--state", type=Path, required=True, help="the folder that keeps the values")
    options.add_argument("--kubeconfig", type=Path)
    options.add_argument("--context")
    chosen = options.parse_args()
    chosen.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen.state.chmod(0o700)
    manifests = Checkout(Path(__file__).resolve().parents[1]).manifests
    values = Values(chosen.state / "secrets.json")
    if chosen.where == "compose":
        write_compose(manifests, values, chosen.state)
    else:
        (chosen.state / "edge.crt").write_text(certificate(values)["tls.crt"])
        first_admin = {"ADMIN_EMAIL": "admin@tradewind.example", "ADMIN_PASSWORD": values["admin-password"]}
        write_private(chosen.state / "admin.env", "".join(f"{name}={text}\n" for name, text in first_admin.items()))
        apply(manifests, values, ["kubectl", "--kubeconfig", str(chosen.kubeconfig), "--context", chosen.context])


if __name__ == "__main__":
    main()
