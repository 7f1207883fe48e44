"""The cart: what somebody means to buy, known or not. It holds SKUs and quantities, never prices."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7

MOST_LINES = 100
MOST_OF_ONE = 10_000


class CartNotFoundError(NotFoundError):
    """There is no such cart; somebody else's counts as none."""

    code = "cart-not-found"
    title = "No such cart"


class CartFullError(ConflictError):
    """The cart has as many lines as it can have."""

    code = "cart-full"
    title = "The cart is full"


class CartEmptyError(ConflictError):
    """There is nothing in the cart to order."""

    code = "cart-empty"
    title = "The cart is empty"


class Cart:
    """A cart, of a customer or of whoever knows its secret.

    ``lines`` are quantities by SKU, replaced as a whole. ``merged_into`` is the customer's cart that an anonymous one
    went into; the empty shell stays for a while, so that a repeated sign-in finds it.
    """

    def __init__(self, *, currency: str, now: datetime, customer_id: UUID | None = None) -> None:
        self.id = uuid7()
        self.version = 1
        self.customer_id = customer_id
        self.secret_hash: bytes | None = None
        self.currency = currency
        self.lines: Mapping[str, int] = {}
        self.coupon: str | None = None
        self.merged_into: UUID | None = None
        self.changed_at = now

    def close_with_secret(self) -> str:
        """Give an anonymous cart its secret, which is not kept: who has lost it has lost the cart."""
        secret = secrets.token_urlsafe(24)
        self.secret_hash = _hash(secret)
        return secret

    def admit(self, customer_id: UUID | None, secret: str | None) -> None:
        """Let the owner in, or whoever knows the secret of an anonymous cart.

        Raises:
            CartNotFoundError: It is neither.
        """
        if self.merged_into is not None or not opens(self, customer_id, secret):
            raise CartNotFoundError(cart_id=str(self.id))

    def put(self, sku: str, quantity: int, now: datetime) -> None:
        """Have exactly this many of it.

        Raises:
            CartFullError: There are ``MOST_LINES`` other products in it.
        """
        if sku not in self.lines and len(self.lines) >= MOST_LINES:
            raise CartFullError(f"A cart holds {MOST_LINES} products.", limit=MOST_LINES)
        self._become({**self.lines, sku: quantity}, now)

    def take_out(self, sku: str, now: datetime) -> None:
        """Have none of it."""
        self._become({other: quantity for other, quantity in self.lines.items() if other != sku}, now)

    def redeem(self, coupon: str | None, now: datetime) -> None:
        """Use this coupon with the next order, or none."""
        if coupon != self.coupon:
            self.coupon, self.changed_at = coupon, now
            self.version += 1

    def merge(self, other: "Cart", secret: str, now: datetime) -> None:
        """Take over what is in an anonymous cart; done again it changes nothing.

        Raises:
            CartNotFoundError: The secret is wrong, or it went into somebody else's cart.
            CartFullError: Together they have too many products; then nothing changes.
        """
        if other.customer_id is not None or not opens(other, None, secret) or other.merged_into not in (None, self.id):
            raise CartNotFoundError(cart_id=str(other.id))
        lines = dict(self.lines)
        for sku, quantity in other.lines.items():
            lines[sku] = min(MOST_OF_ONE, lines.get(sku, 0) + quantity)
        if len(lines) > MOST_LINES:
            raise CartFullError(f"A cart holds {MOST_LINES} products.", limit=MOST_LINES)
        self._become(lines, now)
        self.redeem(self.coupon or other.coupon, now)
        other.end_in(self.id, now)

    def end_in(self, cart_id: UUID, now: datetime) -> None:
        """Be empty from now on: everything went into that cart."""
        self._become({}, now)
        self.merged_into = cart_id

    def forget_bought(self, bought: Iterable[tuple[str, int]], coupon: str | None, now: datetime) -> None:
        """Take out what an order has brought, and the coupon it used; what was added meanwhile stays."""
        if coupon == self.coupon:
            self.redeem(None, now)
        lines = dict(self.lines)
        for sku, quantity in bought:
            lines[sku] = lines.get(sku, 0) - quantity
        self._become({sku: quantity for sku, quantity in lines.items() if quantity > 0}, now)

    def _become(self, lines: Mapping[str, int], now: datetime) -> None:
        if dict(lines) != dict(self.lines):
            self.lines, self.changed_at = dict(lines), now
            self.version += 1


class Locked(Protocol):
    """A cart, or what is read of it."""

    @property
    def customer_id(self) -> UUID | None:
        """Whose it is; None for an anonymous one."""
        ...

    @property
    def secret_hash(self) -> bytes | None:
        """What is kept of an anonymous one's secret."""
        ...


def opens(cart: Locked, customer_id: UUID | None, secret: str | None) -> bool:
    """Tell whether this is the customer whose cart it is, or the secret of an anonymous one."""
    if cart.customer_id is not None:
        return cart.customer_id == customer_id
    known = cart.secret_hash
    return known is not None and secret is not None and hmac.compare_digest(known, _hash(secret))


def _hash(secret: str) -> bytes:
    # Random and long, so that a fast hash guards it well.
    return hashlib.sha256(secret.encode()).digest()
