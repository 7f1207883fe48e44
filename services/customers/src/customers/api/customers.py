"""What staff may do with every customer."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Page, Paging
from chassis.problems import responses
from chassis.routing import Router
from customers.api.deps import CustomerServiceDep, Directory, Staff
from customers.api.fields import EmailPrefix
from customers.api.pages import page_of
from customers.api.schemas import CustomerOut, TierIn
from customers.domain.customers import CustomerNotFoundError
from customers.domain.ports import CustomerFilter
from customers.domain.tiers import Tier
from customers.domain.views import CustomerView

router = Router(prefix="/v1/customers", tags=["customers"], dependencies=[Staff])


async def criteria(
    email_prefix: Annotated[EmailPrefix | None, Query(description="How the e-mail address begins.")] = None,
    tier: Tier | None = None,
    registered_from: Annotated[Instant | None, Query(description="Registered at this instant or later.")] = None,
    registered_before: Annotated[Instant | None, Query(description="Registered before this instant.")] = None,
) -> CustomerFilter:
    """Return whom to list; what is absent makes no difference."""
    return CustomerFilter(email_prefix, tier, registered_from, registered_before)


@router.get("", responses=responses(MalformedCursorError))
async def list_customers(
    wanted: Annotated[CustomerFilter, Depends(criteria)],
    paging: Paging,
    customers: Directory,
    request: Request,
    response: Response,
) -> Page[CustomerOut]:
    """List customers, newest account first."""
    rows = await customers.find_by(wanted, after=paging.after(UUID), limit=paging.limit)
    return page_of(CustomerOut, rows, paging, request, response)


@router.get("/{customer_id}", response_model=CustomerOut, responses=VERSIONED | responses(CustomerNotFoundError))
async def read_customer(
    customer_id: UUID, customers: Directory, request: Request, response: Response
) -> CustomerView | Response:
    """Return a customer."""
    customer = await customers.find(customer_id)
    if customer is None:
        raise CustomerNotFoundError(customer_id=str(customer_id))
    return unless_known(request, response, customer.version) or customer


@router.put(
    "/{customer_id}/tier",
    response_model=CustomerOut,
    responses=responses(CustomerNotFoundError),
)
async def change_tier(
    customer_id: UUID, body: TierIn, customers: CustomerServiceDep, unchanged: Unchanged, response: Response
) -> CustomerView:
    """Move a customer to another tier, and tell whoever gives discounts."""
    customer = await customers.change_tier(customer_id, body.tier, unchanged)
    tag(response, customer.version)
    return customer
