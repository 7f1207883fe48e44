"""Products as staff sees them: drafts and the archive too, with every price there was set."""

from uuid import UUID

from fastapi import Request, Response

from catalog.api.deps import Directory, Staff
from catalog.api.products import Reference, found
from catalog.api.schemas import ProductRecordOut
from catalog.domain.products import ProductNotFoundError, Status
from catalog.domain.views import ProductView
from chassis.conditional import VERSIONED, unless_known
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/product-records", tags=["records"], dependencies=[Staff])


@router.get("", responses=responses(MalformedCursorError))
async def list_records(
    paging: Paging, products: Directory, request: Request, response: Response, status: Status | None = None
) -> Page[ProductRecordOut]:
    """List products whatever their status, newest first."""
    rows = await products.find_by_status(status, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda product: (product.id,))
    link_next(request, response, next_cursor)
    return Page(items=[ProductRecordOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get("/{reference}", response_model=ProductRecordOut, responses=VERSIONED | responses(ProductNotFoundError))
async def read_record(
    reference: Reference, products: Directory, request: Request, response: Response
) -> ProductView | Response:
    """Return a product by its id or slug; the ``ETag`` is what edits have to name."""
    product = await found(reference, products)
    return unless_known(request, response, product.version) or product
