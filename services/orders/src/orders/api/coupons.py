"""Coupons, for staff."""

from fastapi import Request, Response

from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import Coupons, CouponServiceDep, Staff
from orders.api.fields import CouponCode
from orders.api.schemas import CountedCouponOut, CouponOut, TermsIn
from orders.domain.coupons import CouponNotFoundError

router = Router(prefix="/v1/coupons", tags=["coupons"], dependencies=[Staff])


@router.get("", responses=responses(MalformedCursorError))
async def list_coupons(
    paging: Paging, coupons: Coupons, request: Request, response: Response
) -> Page[CountedCouponOut]:
    """List coupons by their codes, with how often each was used."""
    rows = await coupons.find_by(after=paging.after(str), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda coupon: (coupon.code,))
    link_next(request, response, next_cursor)
    return Page(items=[CountedCouponOut.of(each) for each in page], next_cursor=next_cursor)


@router.get("/{code}", response_model=CouponOut, responses=VERSIONED | responses(CouponNotFoundError))
async def read_coupon(code: CouponCode, coupons: Coupons, request: Request, response: Response) -> CouponOut | Response:
    """Return one coupon."""
    coupon = await coupons.find(code)
    if coupon is None:
        raise CouponNotFoundError(coupon=code)
    return unless_known(request, response, coupon.version) or CouponOut.of(coupon)


@router.put("/{code}")
async def put_coupon(
    code: CouponCode, body: TermsIn, service: CouponServiceDep, unchanged: Unchanged, response: Response
) -> CouponOut:
    """Make a coupon, or give one other terms, which needs `If-Match`. Orders that were placed keep theirs."""
    coupon = await service.put(code, body.terms, unchanged)
    tag(response, coupon.version)
    return CouponOut.of(coupon)


@router.delete("/{code}", status_code=204)
async def remove_coupon(code: CouponCode, service: CouponServiceDep) -> None:
    """Have it no more; done again, nothing happens."""
    await service.remove(code)
