"""The chassis-route row's own side: the other side's route, with token check, metrics and access log."""

from datetime import UTC, datetime
from uuid import UUID

from pydantic import BaseModel

from chassis.app import Service
from chassis.routing import Router
from chassis.security import requires
from chassis.settings import ServiceSettings, TokenSettings

CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)

router = Router(prefix="/v1/items", tags=["items"])


class Settings(ServiceSettings):
    """What every service has, and whose tokens count."""

    tokens: TokenSettings


class MoneyOut(BaseModel):
    """An amount in minor units."""

    amount: int
    currency: str


class ItemOut(BaseModel):
    """A small resource: five fields, one of them nested."""

    id: UUID
    name: str
    price: MoneyOut
    tags: list[str]
    created_at: datetime


@router.get("/{item_id}", dependencies=[requires("items:read")])
async def read_item(item_id: UUID) -> ItemOut:
    """Answer with the item; nothing is looked up."""
    return ItemOut(
        id=item_id,
        name="Kettle",
        price=MoneyOut(amount=3999, currency="EUR"),
        tags=["kitchen", "new"],
        created_at=CREATED_AT,
    )


def build(settings: Settings) -> Service:
    """Build the service."""
    service = Service(settings)
    service.use_tokens(settings.tokens)
    service.include(router)
    return service
