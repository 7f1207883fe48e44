"""Puts the service together: the only place that reads settings and knows every layer."""

from chassis.app import Service
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings, TokenSettings
from inventory import events
from inventory.api import reservations, stock, warehouses
from inventory.data.booking import keep_books
from inventory.data.directory import SqlStockDirectory
from inventory.data.units import SqlUnitOfWork, SqlUnits
from inventory.domain.services import ReservationService
from inventory.workers.expiry import EXPIRY_SECONDS, Expiry
from inventory.workers.retention import RETENTION_SECONDS, Retention


class Settings(ServiceSettings):
    """What inventory needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="inventory")
    database = service.use_database(settings.database, publish=events.publish)
    keep_books(database, service.app.state.outbox, service.clock)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    service.app.state.within = SqlUnitOfWork
    service.app.state.directory = SqlStockDirectory(database)
    service.app.state.units = SqlUnits(database)
    jobs = ReservationService(service.app.state.units, service.clock)
    service.every("expiry", EXPIRY_SECONDS, Expiry(jobs))
    service.every("inventory-retention", RETENTION_SECONDS, Retention(jobs))
    service.include(reservations.router, stock.router, warehouses.router)
    return service
