"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from customers.api.fields import Country, Currency, LanguageTag, Last4, Line, Month, Phone, PostalCode, ProviderToken
from customers.domain.addresses import Defaults, PostalAddress
from customers.domain.payment_methods import Instrument, PaymentKind, Preference
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


class PaymentMethodIn(_In):
    """A payment method as its owner saves it: the provider's token, never a card's number.

    Being the default takes that from the one that was it before.
    """

    kind: PaymentKind
    token: ProviderToken = Field(repr=False, json_schema_extra={"writeOnly": True})
    label: Line
    last4: Last4 | None = None
    expires: Month | None = None
    is_default: StrictBool = False

    @property
    def instrument(self) -> Instrument:
        """What is charged."""
        return Instrument(**self.model_dump(exclude={"is_default"}))

    @property
    def preference(self) -> Preference:
        """Whether it is the default."""
        return Preference(self.is_default)


class PaymentMethodChange(_In):
    """Which of the owner's payment methods is charged unless they say otherwise: all that can be changed of one."""

    is_default: StrictBool


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


class PaymentMethodOut(_Out):
    """A saved payment method, without its token."""

    id: UUID
    kind: PaymentKind
    label: str
    last4: str | None
    expires: str | None
    is_default: bool


class ChargeableOut(PaymentMethodOut):
    """A saved payment method with its token, for the service that has it charged."""

    token: str


class CheckoutOut(_Out):
    """All that a checkout wants to know of a customer. ``email`` is null until the news of the account is here."""

    id: UUID
    tier: Tier
    email: str | None
    addresses: list[AddressOut]
    payment_methods: list[ChargeableOut]
