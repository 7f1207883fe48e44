"""What everybody may do with their own profile and preferences."""

from fastapi import Request, Response

from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.problems import responses
from chassis.routing import Router
from customers.api.deps import CustomerServiceDep, OwnCustomer, OwnId
from customers.api.schemas import CustomerOut, PreferencesOut, PreferencesPatch, ProfilePatch
from customers.domain.customers import CustomerNotFoundError
from customers.domain.views import CustomerView

router = Router(prefix="/v1/customers/me", tags=["me"], responses=responses(CustomerNotFoundError))


@router.get("", response_model=CustomerOut, responses=VERSIONED)
async def read_me(customer: OwnCustomer, request: Request, response: Response) -> CustomerView | Response:
    """Return the caller's profile. It is there as soon as the account is."""
    return unless_known(request, response, customer.version) or customer


@router.patch("", response_model=CustomerOut)
async def change_me(
    customer_id: OwnId, patch: ProfilePatch, customers: CustomerServiceDep, unchanged: Unchanged, response: Response
) -> CustomerView:
    """Change some of the caller's profile. The e-mail address is the account's, and changes there."""
    customer = await customers.change_profile(customer_id, patch.model_dump(exclude_unset=True), unchanged)
    tag(response, customer.version)
    return customer


@router.get("/preferences", response_model=PreferencesOut, responses=VERSIONED)
async def read_my_preferences(customer: OwnCustomer, request: Request, response: Response) -> CustomerView | Response:
    """Return the caller's preferences."""
    return unless_known(request, response, customer.version) or customer


@router.patch("/preferences", response_model=PreferencesOut)
async def change_my_preferences(
    customer_id: OwnId,
    patch: PreferencesPatch,
    customers: CustomerServiceDep,
    unchanged: Unchanged,
    response: Response,
) -> CustomerView:
    """Change some of the caller's preferences."""
    customer = await customers.change_preferences(customer_id, patch.model_dump(exclude_unset=True), unchanged)
    tag(response, customer.version)
    return customer
