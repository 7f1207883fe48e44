"""Puts the service together: the only place that reads settings and knows every layer."""

from catalog import events
from catalog.api import categories, listing, products, records, skus
from catalog.data.directory import SqlProductDirectory
from catalog.data.listing import SqlProductListing
from catalog.data.tree import SqlCategoryDirectory
from catalog.data.units import SqlUnitOfWork
from chassis.app import Service
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings, TokenSettings


class Settings(ServiceSettings):
    """What catalog needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="catalog")
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    service.app.state.units = SqlUnitOfWork
    service.app.state.directory = SqlProductDirectory(database)
    service.app.state.listing = SqlProductListing(database)
    service.app.state.categories = SqlCategoryDirectory(database)
    service.include(listing.router, products.router, records.router, categories.router, skus.router)
    return service
