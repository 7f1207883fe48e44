"""Puts the service together: the only place that reads settings and knows every layer."""

from functools import partial
from typing import Annotated

from pydantic import Field

from catalog import events
from catalog.api import categories, imports, listing, products, records, skus
from catalog.data.cached import CachedProducts
from catalog.data.directory import SqlProductDirectory
from catalog.data.imports import SqlImportDirectory, purge
from catalog.data.listing import SqlProductListing
from catalog.data.tree import SqlCategoryDirectory
from catalog.data.units import SqlUnitOfWork
from chassis.app import Service
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings, TokenSettings

_HOUR = 3600


class Settings(ServiceSettings):
    """What catalog needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16_777_216
    """Imports are large, and read as they come; the gateway bounds everything else by its routes."""


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="catalog")
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    service.app.state.units = SqlUnitOfWork
    directory = SqlProductDirectory(database)
    published = CachedProducts(directory)
    database.after_commit.append(published.forget)
    service.app.state.directory = directory
    service.app.state.published = published
    service.app.state.listing = SqlProductListing(database)
    service.app.state.categories = SqlCategoryDirectory(database)
    service.app.state.imports = SqlImportDirectory(database)
    service.every("purge-imports", _HOUR, partial(purge, database))
    service.include(listing.router, products.router, records.router, categories.router, imports.router, skus.router)
    return service
