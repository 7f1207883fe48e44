"""``service.yaml``: what a service owns, whom it asks, what it tells. The one description of a service.

Read at run time (stream and consumer names, scopes), by the local runner, and by everything generated.
"""

import importlib.util
import os
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
PathPattern = Annotated[str, Field(pattern=r"^/[^*\s]*\*?$")]
"""Exact, or a prefix of the string when it ends in ``*``: what Istio's policies understand."""
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Owns(_Part):
    """What is this service's alone."""

    database: bool = False
    stream: bool = False
    cache: bool = False


class Route(_Part):
    """Paths that the gateway lets in. The first route that matches path and method wins.

    ``auth``: ``token`` needs a valid access token (or API key), ``none`` needs nothing.
    ``scopes``: the token needs all of them. ``limit``: the class of rate limit, from the gateway's settings.
    ``stream``: server-sent events, WebSocket or a download; no timeout then.
    ``keys``: false drops ``Idempotency-Key`` before it reaches the service.
    """

    paths: list[PathPattern]
    methods: list[Method]
    auth: Literal["token", "none"] = "token"
    scopes: list[str] = []
    limit: Name = "default"
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 15
    max_body_bytes: Annotated[int, Field(ge=0)] = 1_048_576
    stream: bool = False
    keys: bool = True


class Ask(_Part):
    """What this service asks of a peer: rendered into the peer's policies."""

    service: Name
    methods: list[Method]
    paths: list[PathPattern]
    scopes: list[str] = []
    """What its own token needs for that."""


class Hear(_Part):
    """Facts of another service that this one reacts to, under a durable name."""

    service: Name
    events: list[Name]
    consumer: Name


class Scope(_Part):
    """A permission this service checks; users get it by role."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z-]*:[a-z-]+$")]
    summary: str
    roles: list[Literal["customer", "staff", "admin"]] = []


class Manifest(_Part):
    """One service, described where it lives."""

    name: Name
    summary: str
    development_only: bool = False
    """Not part of a release that holds everything, unless somebody says so."""
    owns: Owns = Owns()
    routes: list[Route] = []
    asks: list[Ask] = []
    tells: list[Name] = []
    hears: list[Hear] = []
    scopes: list[Scope] = []
    grants: list[Literal["client_credentials", "token_exchange"]] = ["client_credentials"]
    """What its OAuth client may use."""

    @property
    def stream(self) -> str:
        """The JetStream stream that holds what this service tells."""
        return f"tradewind-{self.name}"

    def subject(self, event: str, version: int = 1) -> str:
        """Return the NATS subject, which is the CloudEvents type, of one of this service's events."""
        return event_type(self.name, event, version)


def event_type(service: str, event: str, version: int = 1) -> str:
    """Return the CloudEvents type and NATS subject: ``tradewind.orders.order-confirmed.v1``."""
    return f"tradewind.{service}.{event}.v{version}"


def address_setting(service: str) -> str:
    """Return the name of the setting that holds a peer's address: ``PEERS__CATALOG``."""
    return f"PEERS__{variable(service)}"


def variable(service: str) -> str:
    """Return a service's name as a part of an environment variable's."""
    return service.upper().replace("-", "_")


def read(path: Path) -> Manifest:
    """Read and check one ``service.yaml``.

    Raises:
        ValueError: It does not describe a service; the sentence names the file.
    """
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text()))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def service_dir(service: str) -> Path:
    """Find the folder with a service's ``service.yaml``, migrations and event schemas.

    ``SERVICE_DIR`` names it in an image; in a checkout it is two folders above the package.

    Raises:
        FileNotFoundError: No such package, or no ``service.yaml`` near it.
    """
    if configured := os.environ.get("SERVICE_DIR"):
        return Path(configured)
    spec = importlib.util.find_spec(service)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"There is no service package named {service!r}.")
    folder = Path(spec.origin).parents[2]
    if not (folder / "service.yaml").exists():
        raise FileNotFoundError(f"{folder} has no service.yaml; set SERVICE_DIR.")
    return folder
