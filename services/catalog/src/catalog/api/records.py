"""Products as staff sees them: drafts and the archive too, with every price there was set."""

from fastapi import Request, Response

from catalog.api.deps import Directory, Staff
from catalog.api.products import Reference, found
from catalog.api.schemas import ProductRecordOut
from catalog.domain.products import ProductNotFoundError
from catalog.domain.views import ProductView
from chassis.conditional import VERSIONED, unless_known
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/product-records", tags=["records"], dependencies=[Staff])


@router.get("/{reference}", response_model=ProductRecordOut, responses=VERSIONED | responses(ProductNotFoundError))
async def read_record(
    reference: Reference, products: Directory, request: Request, response: Response
) -> ProductView | Response:
    """Return a product by its id or slug; the ``ETag`` is what edits have to name."""
    product = await found(reference, products)
    return unless_known(request, response, product.version) or product
