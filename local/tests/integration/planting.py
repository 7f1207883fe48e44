"""Orders to look at the books of, and differences between the books, written past all services into their databases."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg

from tradewind.accounts import access_token
from tradewind.api import Api
from tradewind.environment import Environments
from tradewind.session import Session

_PATIENCE_SECONDS = 60
_HOME = {"recipient": "Ada", "line1": "1 Road", "city": "Berlin", "postal_code": "10115", "country": "DE"}


@dataclass
class Shop:
    """A shop that sells one thing, to the demo customer."""

    session: Session

    def __post_init__(self) -> None:
        self._api: Api = self.session.api
        self._customer = access_token(self.session, admin=False)
        self._staff = access_token(self.session, admin=True)
        self.sku = f"PLANT-{secrets.token_hex(4).upper()}"
        variant = {"sku": self.sku, "weight_grams": 9, "prices": [{"price": {"amount": 1000, "currency": "EUR"}}]}
        product = {"slug": self.sku.lower(), "name": "Plant", "variants": [variant]}
        made = self._send("POST", "/v1/products", self._staff, product, expect=HTTPStatus.CREATED)
        path = f"/v1/products/{made['id']}/publish"
        self._send("POST", path, self._staff, expect=HTTPStatus.OK, **{"If-Match": '"1"'})
        received = {"sku": self.sku, "quantity": 100, "reason": "received"}
        self._send("POST", "/v1/stock-adjustments", self._staff, received, expect=HTTPStatus.CREATED)

    def _send(self, method: str, path: str, token: str, document: object = None, *, expect: int, **more: str) -> Any:
        headers = {"Authorization": f"Bearer {token}", **more}
        if method == "POST" and "If-Match" not in more and path not in ("/v1/products", "/v1/carts"):
            headers["Idempotency-Key"] = secrets.token_hex(8)
        return self._api.send(method, path, document=document, headers=headers).expect(expect).body

    def order(self, token: str = "tok_approve") -> str:
        """Order two; return the order's id as soon as its checkout has ended."""
        cart = self._send("POST", "/v1/carts", self._customer, {}, expect=HTTPStatus.CREATED)["id"]
        path = f"/v1/carts/{cart}/lines/{self.sku}"
        self._send("PUT", path, self._customer, {"quantity": 2}, expect=HTTPStatus.OK)
        body = {"cart_id": cart, "shipping_address": _HOME, "payment": {"kind": "card", "token": token}}
        placed = self._send("POST", "/v1/orders", self._customer, body, expect=HTTPStatus.CREATED)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            path = f"/v1/orders/{placed['id']}"
            if self._send("GET", path, self._customer, expect=HTTPStatus.OK)["status"] in ("confirmed", "rejected"):
                return str(placed["id"])
            assert time.monotonic() < deadline, "its checkout never ended"
            time.sleep(0.05)

    def write(self, service: str, *statements: str) -> None:
        """Write into a service's database what it would not."""
        environments = Environments(self.session.checkout.manifests, self.session.run.network, self.session.credentials)
        url = environments.of(service)["DATABASE__URL"].replace("+asyncpg", "")
        asyncio.run(_execute(url, statements))


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            tag = await connection.execute(statement)
            assert not tag.endswith(" 0"), f"nothing was planted: {statement}"
    finally:
        await connection.close()
