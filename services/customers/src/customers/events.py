"""What of a customer's life is told to others, and in which words."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from chassis.events import EventData, Message
from customers.domain.events import TierChanged
from customers.domain.tiers import Tier


class CustomerTierChanged(EventData):
    """A customer moved to another tier."""

    name: ClassVar[str] = "customer-tier-changed"

    customer_id: UUID
    tier: Tier
    previous_tier: Tier
    changed_at: datetime


PUBLISHED = (CustomerTierChanged,)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: TierChanged) -> Message:
    """Return what is told of a domain event; all of a customer's are told."""
    data = CustomerTierChanged(
        customer_id=event.customer_id,
        tier=event.tier,
        previous_tier=event.previous_tier,
        changed_at=event.changed_at,
    )
    return Message(data, subject=str(event.customer_id), sequence=event.version)
