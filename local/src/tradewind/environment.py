"""The environment of each service's process: the same names that a pod gets, with this machine's addresses."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.manifest import Manifest, address_setting, variable
from tradewind.checkout import GATEWAY
from tradewind.credentials import Credentials
from tradewind.runs import Network

AUTH, PAYMENTS, SANDBOX = "auth", "payments", "sandbox"


@dataclass(frozen=True)
class Environments:
    """Makes environments for the services of one run. What the developer's own has besides is passed on."""

    manifests: Mapping[str, Manifest]
    network: Network
    credentials: Credentials

    def of(self, service: str) -> dict[str, str]:
        """Return all of the environment of a service's process, or of one of its commands."""
        manifest = self.manifests[service]
        environment = {**os.environ, **self._base(service), **self._tokens(service), **self._peers(manifest)}
        if manifest.owns.database:
            environment |= self._database(service)
        if manifest.owns.stream or manifest.hears:
            environment |= self._broker(service)
        if service == AUTH:
            environment |= self._auth()
        if service == PAYMENTS:
            environment |= self._payments()
        if service == SANDBOX:
            environment |= self._sandbox()
        return environment

    def _base(self, service: str) -> dict[str, str]:
        place = self.network.places[service]
        return {
            "SERVICE": service,
            "ENVIRONMENT": "development",
            "HOST": "127.0.0.1",
            "PORT": str(place.port),
            "METRICS_PORT": str(place.metrics_port),
            "WEB_CONCURRENCY": str(self.network.workers),
            "LOG__FORMAT": "json",
            "MALLOC_ARENA_MAX": "2",  # glibc would keep an arena for each of several threads.
        }

    def _tokens(self, service: str) -> dict[str, str]:
        auth = self.network.places[AUTH].url if AUTH in self.network.places else self.network.public_url
        return {
            "TOKENS__ISSUER": self.network.public_url,
            "TOKENS__JWKS_URL": f"{auth}/.well-known/jwks.json",
            "CLIENT__TOKEN_URL": f"{auth}/v1/oauth/token",
            "CLIENT__SECRET": self.credentials.client(service),
        }

    def _peers(self, manifest: Manifest) -> dict[str, str]:
        """The gateway forwards to every service; another knows those it asks."""
        asked = set(self.manifests) if manifest.name == GATEWAY else {ask.service for ask in manifest.asks}
        known = asked.intersection(self.network.places) - {manifest.name}
        return {address_setting(name): self.network.places[name].url for name in sorted(known)}

    def _database(self, service: str) -> dict[str, str]:
        password, port = self.credentials.database(service), self.network.postgres_port
        url = f"postgresql+asyncpg://{service}:{password}@127.0.0.1:{port}/{service}"
        return {"DATABASE__URL": url, "DATABASE__DIRECT_URL": url}

    def _broker(self, service: str) -> dict[str, str]:
        return {
            "BROKER__URL": f"nats://127.0.0.1:{self.network.nats_port}",
            "BROKER__USER": service,
            "BROKER__PASSWORD": self.credentials.broker(service),
        }

    def _auth(self) -> dict[str, str]:
        clients = {f"CLIENTS__{variable(name)}": self.credentials.client(name) for name in self.manifests}
        return {
            **clients,
            "KEYS__ENCRYPTION_KEY": self.credentials.keys_encryption_key,
            "MAIL__MODE": "development",
            "PASSWORD_GRANT": "true",
            "TRUSTED_PROXIES": "127.0.0.1",  # The gateway, which alone is asked from outside.
        }

    def _payments(self) -> dict[str, str]:
        return {
            "PROVIDER__NAME": SANDBOX,
            "PROVIDER__API_KEY": self.credentials.provider("api_key"),
            "PROVIDER__WEBHOOK_SECRET": self.credentials.provider("webhooks"),
        }

    def _sandbox(self) -> dict[str, str]:
        return {
            "API_KEY": self.credentials.provider("api_key"),
            "WEBHOOKS__SECRET": self.credentials.provider("webhooks"),
        }
