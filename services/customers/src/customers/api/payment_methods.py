"""The caller's own saved payment methods. No answer has a token in it."""

from uuid import UUID

from fastapi import Request, Response

from chassis.card_numbers import CardNumberRefusedError
from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.idempotency import Idempotent
from chassis.pagination import MalformedCursorError, Page, Paging
from chassis.problems import responses
from chassis.routing import Router
from customers.api.deps import Directory, OwnId, PaymentMethodServiceDep
from customers.api.pages import page_of
from customers.api.schemas import PaymentMethodChange, PaymentMethodIn, PaymentMethodOut
from customers.domain.customers import CustomerNotFoundError
from customers.domain.payment_methods import (
    PaymentMethodNotFoundError,
    Preference,
    TooManyPaymentMethodsError,
)
from customers.domain.views import PaymentMethodView

router = Router(prefix="/v1/customers/me/payment-methods", tags=["payment methods"])

_ADDED = responses(
    CustomerNotFoundError, PaymentMethodNotFoundError, TooManyPaymentMethodsError, CardNumberRefusedError
)


@router.get("", responses=responses(MalformedCursorError))
async def list_payment_methods(
    owner: OwnId, directory: Directory, paging: Paging, request: Request, response: Response
) -> Page[PaymentMethodOut]:
    """List what is saved, oldest first."""
    rows = await directory.payment_methods.find_page(owner, after=paging.after(UUID), limit=paging.limit)
    return page_of(PaymentMethodOut, rows, paging, request, response)


@router.post("", response_model=PaymentMethodOut, status_code=201, responses=_ADDED)
async def add_payment_method(
    owner: OwnId, methods: PaymentMethodServiceDep, once: Idempotent, body: PaymentMethodIn, response: Response
) -> PaymentMethodView:
    """Save a payment method by the token that its provider gave; there is room for ten. Card numbers are refused."""
    added = await once(
        lambda: methods.add(owner, body.instrument, body.preference),
        again=lambda method_id: methods.get(owner, UUID(method_id)),
        location=f"{router.prefix}/{{id}}",
    )
    tag(response, added.version)
    return added


@router.get(
    "/{payment_method_id}",
    response_model=PaymentMethodOut,
    responses=VERSIONED | responses(PaymentMethodNotFoundError),
)
async def read_payment_method(
    owner: OwnId, directory: Directory, payment_method_id: UUID, request: Request, response: Response
) -> PaymentMethodView | Response:
    """Return one payment method."""
    if method := await directory.payment_methods.find(owner, payment_method_id):
        return unless_known(request, response, method.version) or method
    raise PaymentMethodNotFoundError(payment_method_id=str(payment_method_id))


@router.put(
    "/{payment_method_id}",
    response_model=PaymentMethodOut,
    responses=responses(CustomerNotFoundError, PaymentMethodNotFoundError),
)
async def change_payment_method(
    owner: OwnId,
    methods: PaymentMethodServiceDep,
    payment_method_id: UUID,
    unchanged: Unchanged,
    body: PaymentMethodChange,
    response: Response,
) -> PaymentMethodView:
    """Make it the default, or no longer; for another card, save another one."""
    changed = await methods.change(owner, payment_method_id, Preference(body.is_default), unchanged)
    tag(response, changed.version)
    return changed


@router.delete("/{payment_method_id}", status_code=204, responses=responses(PaymentMethodNotFoundError))
async def remove_payment_method(owner: OwnId, methods: PaymentMethodServiceDep, payment_method_id: UUID) -> None:
    """Forget a payment method."""
    await methods.remove(owner, payment_method_id)
