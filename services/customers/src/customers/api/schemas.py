"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StrictBool

from customers.api.fields import Country, Currency, LanguageTag, Line, Phone, PostalCode
from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.tiers import Tier


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProfilePatch(_In):
    """A JSON merge patch (RFC 7396): an absent field stays, ``null`` empties it."""

    name: Line | None = None
    phone: Phone | None = None
    locale: LanguageTag | None = None


class PreferencesPatch(_In):
    """A JSON merge patch (RFC 7396): an absent field stays, ``null`` goes back to what it was in the beginning."""

    marketing: StrictBool | None = None
    newsletter: StrictBool | None = None
    currency: Currency | None = None
    language: LanguageTag | None = None


class TierIn(_In):
    """Where a customer is moved to."""

    tier: Tier


class AddressIn(_In):
    """An address as its owner gives it. Being a default takes that from the address that was it before."""

    recipient: Line
    line1: Line
    line2: Line | None = None
    city: Line
    region: Line | None = None
    postal_code: PostalCode | None = None
    country: Country
    phone: Phone | None = None
    default_shipping: StrictBool = False
    default_billing: StrictBool = False

    @property
    def postal(self) -> PostalAddress:
        """Where it is."""
        return PostalAddress(**self.model_dump(exclude={"default_shipping", "default_billing"}))

    @property
    def defaults(self) -> Defaults:
        """What it is for."""
        return Defaults(shipping=self.default_shipping, billing=self.default_billing)


class CustomerOut(_Out):
    """A customer. ``email`` and ``registered_at`` come from the account, a moment after the registration."""

    id: UUID
    email: str | None
    name: str | None
    phone: str | None
    locale: str | None
    tier: Tier
    registered_at: datetime | None


class PreferencesOut(_Out):
    """How a customer wants to be treated."""

    marketing: bool
    newsletter: bool
    currency: str | None
    language: str | None


class AddressOut(_Out):
    """An entry of an address book."""

    id: UUID
    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None
    default_shipping: bool
    default_billing: bool
