"""Settings from the environment and ``.env``: small frozen groups, ``__`` between levels, no prefix.

A service declares one class from these groups::

    class Settings(ServiceSettings):
        database: DatabaseSettings      # DATABASE__URL, DATABASE__DIRECT_URL, ...
        broker: BrokerSettings          # BROKER__URL, ...

What differs between environments has no default: a wrong pod dies at start, with a sentence (``load``). Such a setting
carries an example instead, which also lets tools build a service that never runs (``example``).
"""

import sys
from ipaddress import ip_network
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=3600)]
Port = Annotated[int, Field(ge=0, le=65535)]


def _split(given: object) -> object:
    return tuple(each.strip() for each in given.split(",") if each.strip()) if isinstance(given, str) else given


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    for each in given:
        ip_network(each)
    return given


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list, which the environment separates by commas."""
Networks = Annotated[Words, AfterValidator(_networks)]
"""CIDRs or single addresses, separated by commas."""


class Group(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Group):
    """The service's own PostgreSQL database.

    ``direct_url`` bypasses any transaction pooler: advisory locks and LISTEN need a session of their own.
    Both are spelled ``postgresql+asyncpg://``.
    """

    url: Annotated[SecretStr, Field(examples=["postgresql+asyncpg://orders:secret@127.0.0.1:5432/orders"])]
    direct_url: SecretStr | None = None
    pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    behind_pgbouncer: bool = False
    statement_timeout_seconds: Seconds = 10


class BrokerSettings(Group):
    """The NATS server (several addresses: with commas), this service's own user, and what its stream may hold.

    The server reserves ``stream_max_bytes``; a full stream refuses new events, which then wait in the outbox.
    """

    url: Annotated[str, Field(examples=["nats://127.0.0.1:4222"])]
    user: str | None = None
    password: SecretStr | None = None
    stream_max_bytes: Annotated[int, Field(ge=1_048_576)] = 268_435_456
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = 1


class RetrySettings(Group):
    """How often an event is tried, the first delivery included, and the pauses in between.

    A pause is random, between nothing and a bound that grows by ``growth`` each time: by default up to 1 s, 4 s, 16 s,
    64 s, 256 s, then 300 s; after that, eight minutes on the average, the event is a dead letter.
    """

    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    first_pause_seconds: Seconds = 1
    growth: Annotated[float, Field(ge=1, le=10)] = 4
    longest_pause_seconds: Seconds = 300


class TokenSettings(Group):
    """Whose access tokens are accepted, and where the keys to verify them are."""

    issuer: Annotated[str, Field(examples=["http://127.0.0.1:8000"])]
    jwks_url: Annotated[str, Field(examples=["http://auth/.well-known/jwks.json"])]


class ClientSettings(Group):
    """This service's own OAuth client, and how its calls to peers are made.

    ``retries`` are the attempts after the first; none where a mesh repeats calls: one layer does.
    """

    token_url: Annotated[str, Field(examples=["http://auth/v1/oauth/token"])]
    secret: Annotated[SecretStr, Field(examples=["secret"])]
    retries: Annotated[int, Field(ge=0, le=10)] = 2


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

    environment: Annotated[Literal["development", "production"], Field(examples=["development"])]
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
    retries: RetrySettings = RetrySettings()


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


def example(kind: type[SettingsT]) -> SettingsT:
    """Return settings made of the examples alone, for documents and other uses that open nothing.

    Raises:
        LookupError: A required setting has no example.
    """
    return kind.model_validate(_examples(kind))


def _examples(kind: type[BaseModel]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, field in kind.model_fields.items():
        if not field.is_required():
            continue
        if field.examples:
            values[name] = field.examples[0]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            values[name] = _examples(field.annotation)
        else:
            raise LookupError(f"The required setting {kind.__name__}.{name} needs examples=[...].")
    return values
