"""Carts, of customers and of people nobody knows yet."""

from uuid import UUID

from fastapi import Request, Response

from chassis.conditional import VERSIONED, tag, unless_known
from chassis.errors import UnauthenticatedError
from chassis.pagination import Page
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import Carts, CartServiceDep, OwnId, VisitorDep
from orders.api.fields import Sku
from orders.api.schemas import CartIn, CartOut, OpenedCartOut, QuantityIn, RedemptionIn
from orders.domain.carts import CartFullError, CartNotFoundError
from orders.domain.coupons import CouponNotFoundError, CouponNotValidError, CouponUsedUpError

router = Router(prefix="/v1/carts", tags=["carts"])


@router.post("", status_code=201, responses=responses(UnauthenticatedError, CartNotFoundError, CartFullError))
async def open_cart(body: CartIn, visitor: VisitorDep, carts: CartServiceDep, response: Response) -> OpenedCartOut:
    """Begin a cart.

    With a token it is the customer's own, the same one each time; `merge` puts an anonymous cart into it, once however
    often it is asked. Without a token it is a new cart each time, with a secret that is shown now and never again.
    """
    secret = None
    if visitor.customer_id is None:
        if body.merge is not None:
            raise UnauthenticatedError("Sign in to take a cart over.")
        cart, secret = await carts.open_anonymous(body.currency)
    elif body.merge is None:
        cart = await carts.open_own(visitor.customer_id, body.currency)
    else:
        cart = await carts.merge(visitor.customer_id, body.currency, body.merge.cart_id, body.merge.secret)
    response.headers["location"] = f"/v1/carts/{cart.id}"
    tag(response, cart.version)
    return OpenedCartOut(**CartOut.of(cart).model_dump(), secret=secret)


@router.get("")
async def list_carts(customer_id: OwnId, carts: Carts) -> Page[CartOut]:
    """List the caller's carts: one, or none."""
    cart = await carts.find_of(customer_id)
    return Page(items=[] if cart is None else [CartOut.of(cart)], next_cursor=None)


@router.get("/{cart_id}", response_model=CartOut, responses=VERSIONED | responses(CartNotFoundError))
async def read_cart(
    cart_id: UUID, visitor: VisitorDep, carts: Carts, request: Request, response: Response
) -> CartOut | Response:
    """Return a cart to its owner, or to whoever knows its secret."""
    cart = await carts.find(cart_id)
    if cart is None or not cart.admits(visitor.customer_id, visitor.secret):
        raise CartNotFoundError(cart_id=str(cart_id))
    return unless_known(request, response, cart.version) or CartOut.of(cart)


@router.put("/{cart_id}/lines/{sku}", responses=responses(CartNotFoundError, CartFullError))
async def put_line(
    cart_id: UUID, sku: Sku, body: QuantityIn, visitor: VisitorDep, carts: CartServiceDep, response: Response
) -> CartOut:
    """Have exactly so many of a product; the last word on a line counts, so no `If-Match` is needed."""
    cart = await carts.put(cart_id, visitor, sku, body.quantity)
    tag(response, cart.version)
    return CartOut.of(cart)


@router.delete("/{cart_id}/lines/{sku}", responses=responses(CartNotFoundError))
async def remove_line(
    cart_id: UUID, sku: Sku, visitor: VisitorDep, carts: CartServiceDep, response: Response
) -> CartOut:
    """Have none of a product."""
    cart = await carts.take_out(cart_id, visitor, sku)
    tag(response, cart.version)
    return CartOut.of(cart)


@router.put(
    "/{cart_id}/coupon",
    responses=responses(CartNotFoundError, CouponNotFoundError, CouponNotValidError, CouponUsedUpError),
)
async def redeem_coupon(
    cart_id: UUID, body: RedemptionIn, visitor: VisitorDep, carts: CartServiceDep, response: Response
) -> CartOut:
    """Use a coupon with the next order. Whether the goods are worth enough for it is looked at then."""
    cart = await carts.redeem(cart_id, visitor, body.code)
    tag(response, cart.version)
    return CartOut.of(cart)


@router.delete("/{cart_id}/coupon", responses=responses(CartNotFoundError))
async def remove_coupon(cart_id: UUID, visitor: VisitorDep, carts: CartServiceDep, response: Response) -> CartOut:
    """Use no coupon."""
    cart = await carts.redeem(cart_id, visitor, None)
    tag(response, cart.version)
    return CartOut.of(cart)
