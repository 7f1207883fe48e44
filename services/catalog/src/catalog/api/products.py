"""Products: read by everybody, changed by staff."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from catalog.api.deps import Now, Products, Published, Staff
from catalog.api.fields import Sku
from catalog.api.schemas import PricesIn, ProductIn, ProductOut, ProductPatch, ProductRecordOut, VariantPut
from catalog.domain.categories import UnknownCategoryError
from catalog.domain.ports import PublishedProducts
from catalog.domain.prices import PriceScheduleError
from catalog.domain.products import (
    ProductIncompleteError,
    ProductNotFoundError,
    RepeatedSkuError,
    SlugTakenError,
    TooManyAttributesError,
    TooManyVariantsError,
)
from catalog.domain.variants import SkuTakenError, VariantNotFoundError
from catalog.domain.views import ProductView
from chassis.conditional import VERSIONED, Unchanged, tag, unless_known
from chassis.idempotency import Idempotent
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/products", tags=["products"])

_LOCATION = "/v1/product-records/{id}"
Reference = Annotated[str, Path(description="The product's id or its slug.", max_length=80)]


async def found(reference: str, products: PublishedProducts) -> ProductView:
    """Return the product with this id or slug.

    Raises:
        ProductNotFoundError: There is none.
    """
    try:
        product = await products.find(UUID(reference))
    except ValueError:
        product = await products.find_by_slug(reference) if reference.isprintable() else None
    if product is None:
        raise ProductNotFoundError
    return product


@router.get("/{reference}", response_model=ProductOut, responses=VERSIONED | responses(ProductNotFoundError))
async def read_product(
    reference: Reference, products: Published, now: Now, request: Request, response: Response
) -> ProductOut | Response:
    """Return a product that is sold, and what it costs now. Its address may hold the id or the slug."""
    product = await found(reference, products)
    return unless_known(request, response, product.edition(now)) or ProductOut.at(product, now)


@router.post(
    "",
    response_model=ProductRecordOut,
    status_code=201,
    dependencies=[Staff],
    responses=responses(
        ProductNotFoundError,
        SlugTakenError,
        SkuTakenError,
        PriceScheduleError,
        RepeatedSkuError,
        TooManyAttributesError,
        UnknownCategoryError,
    ),
)
async def create_product(
    body: ProductIn, products: Products, once: Idempotent, now: Now, response: Response
) -> ProductView:
    """Make a draft, with its variants and prices if they are known already."""
    product = await once(
        lambda: products.create(body.to_details(), body.to_variants(now)),
        again=lambda product_id: products.get(UUID(product_id)),
        location=_LOCATION,
    )
    tag(response, product.version)
    return product


@router.patch(
    "/{product_id}",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(ProductNotFoundError, SlugTakenError, TooManyAttributesError, UnknownCategoryError),
)
async def change_product(
    product_id: UUID, patch: ProductPatch, products: Products, unchanged: Unchanged, response: Response
) -> ProductView:
    """Change how a product is shown."""
    product = await products.change(product_id, patch.to_patch(), unchanged)
    tag(response, product.version)
    return product


@router.put(
    "/{product_id}/variants/{sku}",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(
        ProductNotFoundError, SkuTakenError, ProductIncompleteError, PriceScheduleError, TooManyVariantsError
    ),
)
async def put_variant(
    product_id: UUID,
    sku: Sku,
    body: VariantPut,
    products: Products,
    unchanged: Unchanged,
    now: Now,
    response: Response,
) -> ProductView:
    """Add a variant, or change the one that has the SKU; its prices stay unless others are given."""
    prices = None if body.prices is None else [each.to_price(now) for each in body.prices]
    product = await products.put_variant(product_id, body.to_spec(sku), prices, unchanged)
    tag(response, product.version)
    return product


@router.delete(
    "/{product_id}/variants/{sku}",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(ProductNotFoundError, VariantNotFoundError, ProductIncompleteError),
)
async def remove_variant(
    product_id: UUID, sku: Sku, products: Products, unchanged: Unchanged, response: Response
) -> ProductView:
    """Sell a variant no longer. A published product keeps at least one."""
    product = await products.remove_variant(product_id, sku, unchanged)
    tag(response, product.version)
    return product


@router.put(
    "/{product_id}/variants/{sku}/prices",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(ProductNotFoundError, VariantNotFoundError, ProductIncompleteError, PriceScheduleError),
)
async def set_prices(
    product_id: UUID,
    sku: Sku,
    body: PricesIn,
    products: Products,
    unchanged: Unchanged,
    now: Now,
    response: Response,
) -> ProductView:
    """Give a variant another schedule of prices, in place of all it had."""
    product = await products.set_prices(product_id, sku, [each.to_price(now) for each in body.prices], unchanged)
    tag(response, product.version)
    return product


@router.post(
    "/{product_id}/publish",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(ProductNotFoundError, ProductIncompleteError),
)
async def publish_product(
    product_id: UUID, products: Products, unchanged: Unchanged, response: Response
) -> ProductView:
    """Sell a product, also one from the archive. It needs a variant, and each of its variants a price."""
    product = await products.publish(product_id, unchanged)
    tag(response, product.version)
    return product


@router.post(
    "/{product_id}/archive",
    response_model=ProductRecordOut,
    dependencies=[Staff],
    responses=responses(ProductNotFoundError),
)
async def archive_product(
    product_id: UUID, products: Products, unchanged: Unchanged, response: Response
) -> ProductView:
    """Sell a product no longer. It stays what it is, and may be published again."""
    product = await products.archive(product_id, unchanged)
    tag(response, product.version)
    return product
