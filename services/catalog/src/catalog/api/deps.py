"""What the routes are given: who asks, what they can do, and what time it is."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from catalog.domain.ports import CategoryDirectory, ProductDirectory, ProductListing
from catalog.domain.services import CategoryService, ProductService
from chassis.database import SessionDep
from chassis.security import requires

Staff = requires("catalog:manage")
Pricing = requires("catalog:price")


async def directory(request: Request) -> ProductDirectory:
    """Return where to read."""
    found: ProductDirectory = request.app.state.directory
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


Directory = Annotated[ProductDirectory, Depends(directory)]
Now = Annotated[datetime, Depends(now)]
Products = Annotated[ProductService, Depends(product_service)]
Listing = Annotated[ProductListing, Depends(listing)]
CategoryTrees = Annotated[CategoryDirectory, Depends(category_directory)]
Categories = Annotated[CategoryService, Depends(category_service)]
