"""Puts the service together: the only place that reads settings and knows every layer."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from chassis.app import Service
from chassis.clients import HttpSession, ServiceClient
from chassis.settings import DatabaseSettings, Group, Seconds, ServiceSettings
from sandbox.api import operations
from sandbox.clients.receiver import HttpReceiver
from sandbox.data.books import SqlUnits
from sandbox.domain.providing import Pauses, Provider
from sandbox.workers.deliveries import PURGE_SECONDS, Deliveries


class WebhookSettings(Group):
    """Where at payments outcomes are reported, and the secret that signs the reports."""

    path: str = "/v1/provider-webhooks/sandbox"
    secret: Annotated[SecretStr, Field(min_length=16, examples=["not-a-secret-but-long"])]


class Settings(ServiceSettings):
    """What the sandbox needs beyond what every service has."""

    database: DatabaseSettings
    peers: Annotated[dict[str, str], Field(examples=[{"payments": "http://payments"}])]
    api_key: Annotated[SecretStr, Field(min_length=16, examples=["not-a-secret-but-long"])]
    webhooks: WebhookSettings
    late_seconds: Seconds = 4
    """How long `…_answer_late` takes, and after how long `…_hang` is reported by webhook."""
    hang_seconds: Seconds = 14
    """How long `…_hang` holds a connection: longer than anybody's patience."""

    @model_validator(mode="after")
    def _for_development_only(self) -> Self:
        """Refuse to play provider where money is real."""
        if self.environment != "development":
            raise ValueError("the sandbox is no payment provider: it runs where ENVIRONMENT is development only")
        return self

    @model_validator(mode="after")
    def _knows_payments(self) -> Self:
        if "payments" not in self.peers:
            raise ValueError("outcomes are reported to payments: set PEERS__PAYMENTS")
        return self


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="sandbox")
    database = service.use_database(settings.database)
    session = HttpSession()
    service.open("connections", session.lifespan)
    client = ServiceClient("payments", settings.peers["payments"], session=session, retries=0)
    receiver = HttpReceiver(client, settings.webhooks.path, settings.webhooks.secret.get_secret_value(), service.clock)
    units = SqlUnits(database)
    deliveries = Deliveries(units, receiver, service.clock)
    service.run("deliveries", deliveries.run)
    service.every("purge-deliveries", PURGE_SECONDS, deliveries.purge)
    pauses = Pauses(late_seconds=settings.late_seconds, hang_seconds=settings.hang_seconds)
    service.app.state.provider = Provider(units, service.clock, pauses)
    service.app.state.reports = deliveries
    service.app.state.api_key = settings.api_key.get_secret_value()
    service.include(operations.router)
    return service
