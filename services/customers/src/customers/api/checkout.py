"""What the service that takes orders is told of a customer, tokens of payment methods included."""

from uuid import UUID

from fastapi import Request

from chassis.problems import responses
from chassis.routing import Router
from customers.api.deps import Checkout, Directory, entered
from customers.api.schemas import CheckoutOut
from customers.domain.customers import CustomerNotFoundError
from customers.domain.views import CheckoutView

router = Router(prefix="/v1/customers", tags=["checkout"], dependencies=[Checkout])


@router.get("/{customer_id}/checkout", response_model=CheckoutOut, responses=responses(CustomerNotFoundError))
async def read_checkout(customer_id: UUID, customers: Directory, request: Request) -> CheckoutView:
    """Return all that a checkout wants to know of a customer, for a service's own token: no role has its scope.

    Whoever asks has seen the token of the account's owner, so one who is not known yet is made a customer: nobody has
    to wait with an order for the news of the registration.
    """
    found = await customers.find_checkout(customer_id)
    if found is None:
        await entered(request, customer_id)
        found = await customers.find_checkout(customer_id)
    if found is None:
        raise CustomerNotFoundError(customer_id=str(customer_id))
    return found
