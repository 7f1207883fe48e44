"""How the shop ranks its customers."""

from enum import StrEnum


class Tier(StrEnum):
    """A rank that discounts look at. Everybody begins as ``standard``; only staff change it."""

    STANDARD = "standard"
    PREMIUM = "premium"
