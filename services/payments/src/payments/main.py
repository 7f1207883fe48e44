"""Puts the service together: the only place that reads settings and knows every layer."""

from functools import partial
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from chassis.app import Service
from chassis.breaker import Breaker
from chassis.clients import HttpSession, ServiceClient
from chassis.settings import BrokerSettings, DatabaseSettings, Group, ServiceSettings, TokenSettings
from payments import events
from payments.api import ledger, payments, webhooks
from payments.api.deps import Parts
from payments.clients.provider import HttpPaymentProvider
from payments.data.directory import SqlPaymentDirectory
from payments.data.units import SqlUnits, purge_signatures
from payments.domain.processors import CreditCardProcessor, PayPalProcessor, Processors
from payments.domain.services import PaymentService, Resolver
from payments.domain.webhooks import WebhookVerifier
from payments.workers.metrics import PendingMetrics
from payments.workers.resolving import Resolving, observe

SANDBOX = "sandbox"
_PURGE_SECONDS = 3600


class ProviderSettings(Group):
    """The payment provider: its name, where it is, what we show it, and what its webhooks are signed with.

    A provider that is a service of this system, which the sandbox is, needs no ``url``: it is a peer.
    ``timeout_seconds`` is for one call; twice that has to be less than a lease.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=[SANDBOX])]
    url: str | None = None
    api_key: Annotated[SecretStr, Field(min_length=16, examples=["not-a-secret-but-long"])]
    webhook_secret: Annotated[SecretStr, Field(min_length=16, examples=["not-a-secret-but-long"])]
    timeout_seconds: Annotated[float, Field(gt=0, le=4)] = 3


class Settings(ServiceSettings):
    """What payments needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings
    provider: ProviderSettings
    peers: Annotated[dict[str, str], Field(examples=[{SANDBOX: "http://sandbox"}])]

    @model_validator(mode="after")
    def _no_sandbox_where_money_is_real(self) -> Self:
        """Refuse a provider that approves whatever it is asked."""
        if self.provider.name == SANDBOX and self.environment != "development":
            raise ValueError("the provider must not be the sandbox, unless ENVIRONMENT is development")
        return self

    @property
    def provider_url(self) -> str:
        """Where the provider is."""
        return self.provider.url or self.peers[self.provider.name]

    @model_validator(mode="after")
    def _provider_has_an_address(self) -> Self:
        if self.provider.url is None and self.provider.name not in self.peers:
            raise ValueError("the provider has no address: set PROVIDER__URL")
        return self


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="payments")
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    provider = _provider(service, settings)
    processors = Processors([CreditCardProcessor(provider), PayPalProcessor(provider)])
    units = SqlUnits(database)
    resolver = Resolver(units, service.clock, processors, observe)
    service.run("resolving", Resolving(resolver).run)
    service.every("purge-signatures", _PURGE_SECONDS, partial(purge_signatures, database))
    directory = SqlPaymentDirectory(database)
    service.run("pending-metrics", PendingMetrics(directory, service.clock).run)
    service.app.state.payments = Parts(
        payments=PaymentService(units, service.clock, processors, resolver, provider),
        directory=directory,
        provider=provider,
        webhooks=WebhookVerifier(settings.provider.webhook_secret.get_secret_value(), service.clock),
    )
    service.include(payments.router, webhooks.router, ledger.router)
    return service


def _provider(service: Service, settings: Settings) -> HttpPaymentProvider:
    """Make the client of the provider.

    Nothing is repeated within a call: the worker repeats, and knows how often. A provider of which single payments
    hang is not away, so its breaker is slow to open and quick to try again.
    """
    named = settings.provider
    session = HttpSession()
    service.open("provider connections", session.lifespan)
    client = ServiceClient(
        named.name,
        settings.provider_url,
        session=session,
        timeout_seconds=named.timeout_seconds,
        retries=0,
        breaker=Breaker(named.name, failures=20, rate=0.9, open_seconds=2),
    )
    live_only = settings.environment != "development"
    return HttpPaymentProvider(named.name, client, named.api_key.get_secret_value(), live_only=live_only)
