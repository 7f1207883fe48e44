"""Asking customers who somebody is."""

from http import HTTPStatus
from uuid import UUID

from pydantic import BaseModel, SecretStr, ValidationError

from chassis.clients import ServiceClient, unexpected
from orders.domain.addresses import ShippingAddress
from orders.domain.payment import PaymentMethod
from orders.domain.ports import CustomerFile


class _Address(BaseModel):
    id: UUID
    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None

    def to_address(self) -> ShippingAddress:
        return ShippingAddress(**self.model_dump(exclude={"id"}))


class _PaymentMethod(BaseModel):
    id: UUID
    kind: str
    token: SecretStr

    def to_method(self) -> PaymentMethod:
        return PaymentMethod(self.kind, self.token.get_secret_value())


class _Answer(BaseModel):
    tier: str
    addresses: list[_Address]
    payment_methods: list[_PaymentMethod]


class HttpCustomers:
    """The ``Customers`` behind a peer's address."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def file(self, customer_id: UUID) -> CustomerFile:
        """Return what is known; see the port."""
        response = await self._client.request("GET", f"/v1/customers/{customer_id}/checkout")
        if response.status_code == HTTPStatus.NOT_FOUND:
            # Registered a moment ago: the news of it is still under way.
            return CustomerFile("standard", {}, {})
        if response.status_code != HTTPStatus.OK:
            raise unexpected(response)
        try:
            answer = _Answer.model_validate_json(response.content)
        except ValidationError:
            raise unexpected(response) from None
        return CustomerFile(
            answer.tier,
            {each.id: each.to_address() for each in answer.addresses},
            {each.id: each.to_method() for each in answer.payment_methods},
        )
