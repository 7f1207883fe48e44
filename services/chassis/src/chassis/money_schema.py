"""Money in JSON: ``{"amount": 1999, "currency": "EUR"}``, in requests and answers alike."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chassis.money import MOST_MINOR, Money


class MoneyField(BaseModel):
    """An amount in minor units (cents, pence; yen have none) and its ISO 4217 currency."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"amount": 1999, "currency": "EUR"}]}
    )

    amount: Annotated[int, Field(strict=True, ge=-MOST_MINOR, le=MOST_MINOR, description="In minor units.")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, three capital letters.")]

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: Any) -> Any:
        """Take the domain's ``Money`` too, so that an answer's schema can be filled from an entity."""
        if isinstance(value, Money):
            return {"amount": value.amount_minor, "currency": value.currency}
        return value

    @classmethod
    def of(cls, money: Money) -> "MoneyField":
        """Make one from the domain's amount."""
        return cls(amount=money.amount_minor, currency=money.currency)

    def to_money(self) -> Money:
        """Return the domain's amount."""
        return Money(self.amount, self.currency)
