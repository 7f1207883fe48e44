"""Asking catalog what things cost."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from chassis.clients import ServiceClient, unexpected
from chassis.money_schema import MoneyField
from orders.domain.ports import Offer
from orders.domain.pricing import Product


class _Sku(BaseModel):
    sku: str
    product_id: str
    name: str
    price: MoneyField
    weight_grams: int
    tax_class: str

    def to_product(self) -> Product:
        return Product(self.sku, self.product_id, self.name, self.price.to_money(), self.weight_grams, self.tax_class)


class _Missing(BaseModel):
    sku: str
    reason: Literal["unknown", "not-published", "no-price"]


class _Answer(BaseModel):
    items: list[_Sku]
    missing: list[_Missing]


class HttpCatalog:
    """The ``Catalog`` behind a peer's address."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def offer(self, skus: Sequence[str], currency: str) -> Offer:
        """Return what these cost now; see the port. What the answer leaves out is unknown."""
        query = urlencode([*(("sku", sku) for sku in skus), ("currency", currency)])
        response = await self._client.request("GET", f"/v1/skus?{query}")
        if response.status_code != HTTPStatus.OK:
            raise unexpected(response)
        try:
            answer = _Answer.model_validate_json(response.content)
        except ValidationError:
            raise unexpected(response) from None
        found = {each.sku: each.to_product() for each in answer.items if each.price.currency == currency}
        reasons = {each.sku: each.reason for each in answer.missing}
        missing = {sku: reasons.get(sku, "unknown") for sku in skus if sku not in found}
        return Offer([found[sku] for sku in skus if sku in found], missing)
