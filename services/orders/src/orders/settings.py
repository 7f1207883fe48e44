"""What orders needs beyond what every service has."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from chassis.settings import (
    BrokerSettings,
    ClientSettings,
    DatabaseSettings,
    Group,
    Seconds,
    ServiceSettings,
    TokenSettings,
)


class CheckoutSettings(Group):
    """How long things may take in a checkout.

    Reservations outlive the patience, so that one cannot expire under a checkout that may still capture.
    """

    patience_seconds: Seconds = 600
    reservation_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900
    lease_seconds: Seconds = 30
    call_seconds: Seconds = 10
    poll_seconds: Seconds = 1
    concurrency: Annotated[int, Field(ge=1, le=100)] = 8

    @model_validator(mode="after")
    def _in_order(self) -> "CheckoutSettings":
        if not self.call_seconds < self.lease_seconds:
            raise ValueError("a lease has to outlive a call")
        if not self.patience_seconds + self.call_seconds < self.reservation_seconds:
            raise ValueError("a reservation has to outlive the checkout's patience")
        return self

    @property
    def patience(self) -> timedelta:
        """How long a checkout may take before the capture."""
        return timedelta(seconds=self.patience_seconds)


class Settings(ServiceSettings):
    """The whole of it."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings
    client: ClientSettings
    peers: Annotated[
        dict[str, str],
        Field(
            examples=[
                {
                    "catalog": "http://catalog",
                    "customers": "http://customers",
                    "inventory": "http://inventory",
                    "payments": "http://payments",
                }
            ]
        ),
    ]
    checkout: CheckoutSettings = CheckoutSettings()
