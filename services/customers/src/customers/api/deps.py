"""What the routes are given: who asks, and what they can do."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from chassis.database import SessionDep, database_of
from chassis.errors import ForbiddenError
from chassis.security import Principal, requires
from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.payment_methods import Instrument, Preference
from customers.domain.ports import CustomerDirectory
from customers.domain.services import BookService, CustomerService
from customers.domain.views import AddressView, CustomerView, PaymentMethodView


async def own_id(principal: Annotated[Principal, requires("customers:own")]) -> UUID:
    """Return the id of the customer who asks: it is the account's."""
    try:
        return UUID(principal.subject)
    except ValueError:
        raise ForbiddenError("Only people are customers.") from None


OwnId = Annotated[UUID, Depends(own_id)]
Staff = requires("customers:manage")
Checkout = requires("customers:checkout")


async def directory(request: Request) -> CustomerDirectory:
    """Return where to read."""
    found: CustomerDirectory = request.app.state.directory
    return found


Directory = Annotated[CustomerDirectory, Depends(directory)]


async def customer_service(request: Request, session: SessionDep) -> CustomerService:
    """Make the service within the request's unit of work."""
    return CustomerService(request.app.state.units(session), request.app.state.service.clock)


AddressService = BookService[PostalAddress, Defaults, AddressView]
PaymentMethodService = BookService[Instrument, Preference, PaymentMethodView]


async def address_service(request: Request, session: SessionDep) -> AddressService:
    """Make the service within the request's unit of work."""
    return BookService(request.app.state.units(session), lambda customer: customer.address_book, AddressView.of)


async def payment_method_service(request: Request, session: SessionDep) -> PaymentMethodService:
    """Make the service within the request's unit of work."""
    return BookService(request.app.state.units(session), lambda customer: customer.wallet, PaymentMethodView.of)


CustomerServiceDep = Annotated[CustomerService, Depends(customer_service)]
AddressServiceDep = Annotated[AddressService, Depends(address_service)]
PaymentMethodServiceDep = Annotated[PaymentMethodService, Depends(payment_method_service)]


async def own_customer(request: Request, customer_id: OwnId) -> CustomerView:
    """Return the customer who asks; the first time, before the news of the registration, make them one."""
    return await (await directory(request)).find(customer_id) or await entered(request, customer_id)


async def entered(request: Request, customer_id: UUID) -> CustomerView:
    """Make the owner of an account a customer before the news of the registration is here.

    Hardly any request has to, so a unit of work is opened only by the one that does.
    """
    async with (await database_of(request)).transaction() as session:
        return await (await customer_service(request, session)).enter(customer_id)


OwnCustomer = Annotated[CustomerView, Depends(own_customer)]
