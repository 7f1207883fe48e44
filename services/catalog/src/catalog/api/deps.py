"""What the routes are given: who asks, what they can do, and what time it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from catalog.domain.importing import ImportService
from catalog.domain.ports import (
    CategoryDirectory,
    ImportDirectory,
    ProductDirectory,
    ProductListing,
    PublishedProducts,
    UnitOfWork,
)
from catalog.domain.services import CategoryService, ProductService
from chassis.database import DatabaseDep, SessionDep
from chassis.security import requires

Staff = requires("catalog:manage")
Pricing = requires("catalog:price")


async def directory(request: Request) -> ProductDirectory:
    """Return where to read."""
    found: ProductDirectory = request.app.state.directory
    return found


async def published(request: Request) -> PublishedProducts:
    """Return where everybody reads products."""
    found: PublishedProducts = request.app.state.published
    return found


async def listing(request: Request) -> ProductListing:
    """Return where to look for products."""
    found: ProductListing = request.app.state.listing
    return found


async def category_directory(request: Request) -> CategoryDirectory:
    """Return where to read categories."""
    found: CategoryDirectory = request.app.state.categories
    return found


async def now(request: Request) -> datetime:
    """Return the present instant, the same for the whole request."""
    instant: datetime = request.app.state.service.clock.now()
    return instant


async def product_service(request: Request, session: SessionDep) -> ProductService:
    """Make the service within the request's unit of work."""
    return ProductService(request.app.state.units(session), request.app.state.service.clock)


async def category_service(request: Request, session: SessionDep) -> CategoryService:
    """Make the service within the request's unit of work."""
    return CategoryService(request.app.state.units(session))


async def import_service(request: Request, database: DatabaseDep) -> ImportService:
    """Make the service, which opens units of work of its own."""

    @asynccontextmanager
    async def units() -> AsyncIterator[UnitOfWork]:
        async with database.transaction() as session:
            yield request.app.state.units(session)

    return ImportService(units, request.app.state.service.clock)


async def import_directory(request: Request) -> ImportDirectory:
    """Return where to read what became of imports."""
    found: ImportDirectory = request.app.state.imports
    return found


Directory = Annotated[ProductDirectory, Depends(directory)]
Now = Annotated[datetime, Depends(now)]
Products = Annotated[ProductService, Depends(product_service)]
Published = Annotated[PublishedProducts, Depends(published)]
Listing = Annotated[ProductListing, Depends(listing)]
CategoryTrees = Annotated[CategoryDirectory, Depends(category_directory)]
Categories = Annotated[CategoryService, Depends(category_service)]
Importing = Annotated[ImportService, Depends(import_service)]
ImportReports = Annotated[ImportDirectory, Depends(import_directory)]
