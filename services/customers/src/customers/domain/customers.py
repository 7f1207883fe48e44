"""The customer: one account's profile, preferences and tier, the address book and the wallet."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.errors import NotFoundError
from customers.domain.addresses import AddressBook, Defaults, PostalAddress
from customers.domain.books import Entry
from customers.domain.events import TierChanged
from customers.domain.payment_methods import Instrument, Preference, Wallet
from customers.domain.profiles import Preferences, Profile
from customers.domain.tiers import Tier


class CustomerNotFoundError(NotFoundError):
    """Nobody has this id, or the account was closed."""

    code = "customer-not-found"
    title = "No such customer"


class Customer:
    """A customer of the shop; ``id`` is the account id that auth gave out.

    It comes to be with whatever arrives first: the news of the registration, or the owner's own request. Hence
    ``email`` and ``registered_at`` are None until the news is there, and the news only fills what is unset. After
    ``close`` an empty shell remains, so that news that comes late finds it and brings nobody back.

    ``version`` counts the changes of everything but the addresses and payment methods, which count their own.
    """

    def __init__(self, customer_id: UUID) -> None:
        self.id = customer_id
        self.version = 1
        self.email: str | None = None
        self.profile = Profile()
        self.preferences = Preferences()
        self.tier = Tier.STANDARD
        self.registered_at: datetime | None = None
        self.closed_at: datetime | None = None
        self.addresses: list[Entry[PostalAddress, Defaults]] = []
        self.payment_methods: list[Entry[Instrument, Preference]] = []
        self.events: list[TierChanged] = []

    @property
    def address_book(self) -> AddressBook:
        """The addresses, to be found and changed."""
        return AddressBook(self, self.addresses)

    @property
    def wallet(self) -> Wallet:
        """The saved payment methods, to be found and changed."""
        return Wallet(self, self.payment_methods)

    def register(self, *, email: str, name: str, at: datetime) -> None:
        """Take over what auth knows. Heard again, or after the closing, it changes nothing."""
        if self.registered_at is not None or self.closed_at is not None:
            return
        self.email, self.registered_at = email, at
        self.profile = replace(self.profile, name=self.profile.name or name)
        self.version += 1

    def close(self, at: datetime) -> None:
        """Forget everything personal, for good."""
        if self.closed_at is not None:
            return
        self.email, self.profile, self.preferences = None, Profile(), Preferences()
        self.addresses.clear()
        self.payment_methods.clear()
        self.closed_at = at
        self.version += 1

    def ensure_open(self) -> None:
        """Refuse to go on with a closed account.

        Raises:
            CustomerNotFoundError: It is closed, which looks like never having been there.
        """
        if self.closed_at is not None:
            raise CustomerNotFoundError

    def change_profile(self, profile: Profile) -> None:
        """Let the owner say who they are."""
        self.ensure_open()
        if profile != self.profile:
            self.profile = profile
            self.version += 1

    def change_preferences(self, preferences: Preferences) -> None:
        """Let the owner say how they want to be treated."""
        self.ensure_open()
        if preferences != self.preferences:
            self.preferences = preferences
            self.version += 1

    def change_tier(self, tier: Tier, now: datetime) -> None:
        """Move to another tier, and tell it; to the same one is no change."""
        self.ensure_open()
        if tier is self.tier:
            return
        previous, self.tier = self.tier, tier
        self.version += 1
        self.events.append(TierChanged(self.id, self.version, tier, previous, now))
