"""What is told of a customer."""

from datetime import UTC, datetime
from uuid import uuid4

from customers.domain.events import TierChanged
from customers.domain.tiers import Tier
from customers.events import CustomerTierChanged, publish


def test_tier_change_is_told_about_the_customer_with_its_version_as_sequence() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    customer_id = uuid4()
    message = publish(TierChanged(customer_id, 7, Tier.PREMIUM, Tier.STANDARD, at))
    assert (message.subject, message.sequence) == (str(customer_id), 7)
    assert message.data == CustomerTierChanged(
        customer_id=customer_id, tier=Tier.PREMIUM, previous_tier=Tier.STANDARD, changed_at=at
    )


def test_told_event_carries_nothing_personal() -> None:
    assert set(CustomerTierChanged.model_fields) == {"customer_id", "tier", "previous_tier", "changed_at"}
