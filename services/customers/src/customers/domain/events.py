"""What happens to a customer that somebody may want to know. ``customers.events`` says which of it is told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from customers.domain.tiers import Tier


@dataclass(frozen=True, slots=True)
class TierChanged:
    """Staff moved a customer to another tier; ``version`` is the customer's after the change."""

    customer_id: UUID
    version: int
    tier: Tier
    previous_tier: Tier
    changed_at: datetime
