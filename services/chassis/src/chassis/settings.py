"""Settings from the environment and ``.env``: small frozen groups, ``__`` between levels, no prefix.

A service declares one class from these groups::

    class Settings(ServiceSettings):
        database: DatabaseSettings      # DATABASE__URL, DATABASE__DIRECT_URL, ...
        broker: BrokerSettings          # BROKER__URL, ...

What differs between environments has no default: a wrong pod dies at start, with a sentence (``load``).
"""

import sys
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=3600)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Group(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Group):
    """The service's own PostgreSQL database.

    ``direct_url`` bypasses any transaction pooler: advisory locks and LISTEN need a session of their own.
    Both are spelled ``postgresql+asyncpg://``.
    """

    url: SecretStr
    direct_url: SecretStr | None = None
    pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    behind_pgbouncer: bool = False
    statement_timeout_seconds: Seconds = 10


class BrokerSettings(Group):
    """The NATS server: address, and this service's own user."""

    url: str
    user: str | None = None
    password: SecretStr | None = None


class TokenSettings(Group):
    """Whose access tokens are accepted, and where the keys to verify them are."""

    issuer: str
    jwks_url: str


class ClientSettings(Group):
    """This service's own OAuth client, for calls to its peers."""

    token_url: str
    secret: SecretStr


class LogSettings(Group):
    """What is logged. ``access_sample`` is the share of successful requests whose access line is written."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    access_sample: Annotated[float, Field(ge=0, le=1)] = 1.0


class TracingSettings(Group):
    """Where spans go (OTLP over HTTP); without an endpoint there are none. ``ratio`` is the share sampled."""

    otlp_endpoint: str | None = None
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    environment: Literal["development", "production"]
    host: str = "127.0.0.1"
    port: Port = 8000
    metrics_port: Port = 9090
    web_concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    background: bool = True
    """Run the relay, consumers and jobs beside the API; off where they are a Deployment of their own."""
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0
    """How long to go on serving after SIGTERM with readiness failing; in a pod the preStop sleep does this."""
    request_timeout_seconds: Seconds = 15
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load(kind: type[SettingsT]) -> SettingsT:
    """Read the settings, or end the process with one line per setting that is missing or wrong (exit code 2)."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = "__".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"setting {name}: {problem['msg']}\n")
        raise SystemExit(2) from None
