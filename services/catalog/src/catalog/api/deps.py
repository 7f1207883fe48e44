"""What the routes are given: who asks, what they can do, and what time it is."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from catalog.domain.ports import ProductDirectory
from catalog.domain.services import ProductService
from chassis.database import SessionDep
from chassis.security import requires

Staff = requires("catalog:manage")
Pricing = requires("catalog:price")


async def directory(request: Request) -> ProductDirectory:
    """Return where to read."""
    found: ProductDirectory = request.app.state.directory
    return found


async def now(request: Request) -> datetime:
    """Return the present instant, the same for the whole request."""
    instant: datetime = request.app.state.service.clock.now()
    return instant


async def product_service(request: Request, session: SessionDep) -> ProductService:
    """Make the service within the request's unit of work."""
    return ProductService(request.app.state.units(session), request.app.state.service.clock)


Directory = Annotated[ProductDirectory, Depends(directory)]
Now = Annotated[datetime, Depends(now)]
Products = Annotated[ProductService, Depends(product_service)]
