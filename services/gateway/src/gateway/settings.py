"""What can be set on the gateway from the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator

from chassis.ratelimit import Limit
from chassis.settings import ClientSettings, Group, Networks, Seconds, ServiceSettings, TokenSettings, Words


class Allowance(Group):
    """How often one may ask: ``rate`` a second in the long run, ``burst`` at once."""

    rate: Annotated[float, Field(gt=0, le=10_000)]
    burst: Annotated[int, Field(ge=1, le=1_000_000)]

    def limit(self) -> Limit:
        """Return it as the limiter takes it."""
        return Limit(self.rate, self.burst)


class LimitClass(Group):
    """What a class of routes allows an account (or an API key), and an address, whoever it may be."""

    account: Allowance
    address: Allowance


class ValkeySettings(Group):
    """Where all replicas count together. ``fail_open``: without it, requests are let in rather than refused."""

    url: SecretStr
    fail_open: bool = True


class CorsSettings(Group):
    """Origins whose pages may call the API from a browser, as browsers send them: ``https://shop.example``."""

    origins: Words = ()


STANDARD: Mapping[str, Any] = {
    "default": {"account": {"rate": 50, "burst": 100}, "address": {"rate": 200, "burst": 400}},
    "login": {"account": {"rate": 1, "burst": 10}, "address": {"rate": 10, "burst": 50}},
}
"""The classes of rate limit that there always are; single values can be set: ``LIMITS__LOGIN__ADDRESS__RATE=5``."""


_ROUTES = Path(__file__).with_name("routes.yaml").read_text()
_HOMES = {name: f"http://{name}" for name in sorted(set(re.findall(r"^- service: (\S+)$", _ROUTES, re.MULTILINE)))}
"""An address for each service that a route leads to; what is written is found faster than it is parsed."""


class Settings(ServiceSettings):
    """The gateway's settings; ``peers`` has an address for each service that a route leads to."""

    request_timeout_seconds: Seconds = 300
    """The most that any route may take; each has its own, and streams none."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 2**40
    """Each route has its own limit, which is what counts."""
    tokens: TokenSettings
    client: ClientSettings
    peers: Annotated[dict[str, str], Field(examples=[_HOMES])]
    limits: Annotated[dict[str, LimitClass], Field(validate_default=True)] = {}  # noqa: RUF012 - pydantic copies it
    valkey: ValkeySettings | None = None
    trusted_proxies: Networks = ()
    """CIDRs whose ``X-Forwarded-*`` headers count."""
    cors: CorsSettings = CorsSettings()
    openapi: bool = True
    """Whether the merged document and the page that shows it are served."""
    connect_seconds: Annotated[float, Field(gt=0, le=10)] = 0.9
    """How long a service may take to accept a connection before it counts as away."""

    @field_validator("limits", mode="before")
    @classmethod
    def _with_standard(cls, given: Any) -> Any:
        return _merged(STANDARD, given) if isinstance(given, Mapping) else given


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``over`` says instead, at every depth."""
    merged = dict(base)
    for name, value in over.items():
        known = base.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(known, value)
        else:
            merged[name] = value
    return merged
