"""Puts the service together: the only place that reads settings and knows every layer."""

from functools import partial

from chassis.app import Service
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings, TokenSettings
from customers import events
from customers.api import addresses, checkout, customers, me, payment_methods
from customers.consumers.accounts import AccountConsumer
from customers.data.closed import forget_closed
from customers.data.customers import SqlUnitOfWork
from customers.data.directory import SqlCustomerDirectory

_HOUR_SECONDS = 3600


class Settings(ServiceSettings):
    """What customers needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="customers")
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    service.consume("accounts", AccountConsumer(SqlUnitOfWork))
    service.every("closed-accounts", _HOUR_SECONDS, partial(forget_closed, database))
    service.app.state.units = SqlUnitOfWork
    service.app.state.directory = SqlCustomerDirectory(database)
    # The first route that matches is taken: `me` is not somebody's id.
    service.include(me.router, addresses.router, payment_methods.router, customers.router, checkout.router)
    return service
