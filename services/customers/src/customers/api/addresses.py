"""The caller's own address book."""

from uuid import UUID

from fastapi import Request, Response

from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.idempotency import Idempotent
from chassis.pagination import MalformedCursorError, Page, Paging
from chassis.problems import responses
from chassis.routing import Router
from customers.api.deps import AddressServiceDep, Directory, OwnId
from customers.api.pages import page_of
from customers.api.schemas import AddressIn, AddressOut
from customers.domain.addresses import AddressNotFoundError, TooManyAddressesError
from customers.domain.customers import CustomerNotFoundError
from customers.domain.views import AddressView

router = Router(prefix="/v1/customers/me/addresses", tags=["addresses"])

_LOCATION = "/v1/customers/me/addresses/{id}"


@router.post(
    "",
    response_model=AddressOut,
    status_code=201,
    responses=responses(CustomerNotFoundError, AddressNotFoundError, TooManyAddressesError),
)
async def add_address(
    customer_id: OwnId, body: AddressIn, addresses: AddressServiceDep, once: Idempotent, response: Response
) -> AddressView:
    """Put an address into the book, which holds twenty."""
    address = await once(
        lambda: addresses.add(customer_id, body.postal, body.defaults),
        again=lambda address_id: addresses.get(customer_id, UUID(address_id)),
        location=_LOCATION,
    )
    tag(response, address.version)
    return address


@router.get("", responses=responses(MalformedCursorError))
async def list_addresses(
    customer_id: OwnId, paging: Paging, customers: Directory, request: Request, response: Response
) -> Page[AddressOut]:
    """List the book, oldest entry first."""
    rows = await customers.addresses.find_page(customer_id, after=paging.after(UUID), limit=paging.limit)
    return page_of(AddressOut, rows, paging, request, response)


@router.get("/{address_id}", response_model=AddressOut, responses=VERSIONED | responses(AddressNotFoundError))
async def read_address(
    customer_id: OwnId, address_id: UUID, customers: Directory, request: Request, response: Response
) -> AddressView | Response:
    """Return one address."""
    address = await customers.addresses.find(customer_id, address_id)
    if address is None:
        raise AddressNotFoundError(address_id=str(address_id))
    return unless_known(request, response, address.version) or address


@router.put(
    "/{address_id}",
    response_model=AddressOut,
    responses=responses(CustomerNotFoundError, AddressNotFoundError),
)
async def replace_address(
    customer_id: OwnId,
    address_id: UUID,
    body: AddressIn,
    addresses: AddressServiceDep,
    unchanged: Unchanged,
    response: Response,
) -> AddressView:
    """Make it another address; fields left out are emptied."""
    address = await addresses.change(customer_id, address_id, body.defaults, unchanged, content=body.postal)
    tag(response, address.version)
    return address


@router.delete("/{address_id}", status_code=204, responses=responses(AddressNotFoundError))
async def remove_address(customer_id: OwnId, address_id: UUID, addresses: AddressServiceDep) -> None:
    """Take an address out of the book."""
    await addresses.remove(customer_id, address_id)
