"""A shopping story through the gateway: found, put into a cart, declined, paid, shipped, and one piece sent back."""

import json
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from itertools import groupby
from typing import Any

import click

from tradewind.accounts import CLIENT_ID
from tradewind.api import Answer, Api, UnexpectedAnswerError
from tradewind.importing import ProductImport, Source
from tradewind.staff import StaffApi
from tradewind.target import Target

SKU, COUPON = "STORY-MUG", "STORY10"
PRODUCT: dict[str, Any] = {
    "slug": "storytellers-mug",
    "name": "Storyteller's mug",
    "description": "Holds a third of a litre, and a story.",
    "status": "published",
    "variants": [{"sku": SKU, "weight_grams": 350, "prices": [{"price": {"amount": 1490, "currency": "EUR"}}]}],
}
_HOME = {
    "recipient": "Ada Lovelace",
    "line1": "Unter den Linden 1",
    "city": "Berlin",
    "postal_code": "10117",
    "country": "DE",
}
_FEW, _DELIVERY = 5, 10
_PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.2

Say = Callable[[str], None]
Shown = Callable[[Any], str]


class ShoppingStory:
    """Plays the story once, with a customer who registers for it and staff who run the shop.

    Every answer is checked: a story that ends is a shop that works. It may be played again and by several at once: the
    product, its coupon and its stock are made where they are missing.
    """

    def __init__(self, target: Target, say: Say) -> None:
        self._api: Api = target.api
        self._new_staff_token = target.staff_token
        self._hints = target.hints
        self._say = say
        self._steps = 0
        self._customer = self._staff = ""
        self._cart: dict[str, Any] = {}
        self._order: dict[str, Any] = {}

    def play(self) -> None:
        """Tell it from beginning to end.

        Raises:
            UnreachableError, UnexpectedAnswerError: The shop does not do what the story says.
        """
        self._staff = self._new_staff_token()
        self._open_shop()
        self._browse()
        self._fill_cart()
        self._sign_in()
        self._redeem()
        self._be_declined()
        self._pay()
        self._look_around()
        self._ship()
        self._send_back()
        self._close()

    def _open_shop(self) -> None:
        self._step("The shop has a mug, some of them in stock, and a coupon; staff sees to what is missing.")
        staff = StaffApi(self._api, lambda: self._staff)
        imports = ProductImport(staff, lambda line: self._say(f"  {line.strip()}"))
        source = Source("story", "application/jsonl", [json.dumps(PRODUCT)])
        if imports.run(source, imports.start(source))["refused"]:
            raise UnexpectedAnswerError("The story's product was refused: its SKU or its slug is somebody else's.")
        path = f"/v1/availability?sku={SKU}"
        there = self._ask("GET", path, shown=lambda body: f"{_available(body)} available")
        if _available(there) < _FEW:
            received = {"sku": SKU, "quantity": _DELIVERY, "reason": "received"}
            self._staff_post("/v1/stock-adjustments", received, lambda body: f"{body['quantity']} received")
        known = self._send("GET", f"/v1/coupons/{COUPON}", token=self._staff)
        if known.status == HTTPStatus.NOT_FOUND:
            path, terms = f"/v1/coupons/{COUPON}", {"percent": 10}
            # Somebody else may tell the same story at this moment.
            made = (HTTPStatus.OK, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED)
            self._ask("PUT", path, terms, token=self._staff, expect=made, shown=lambda _: "10 % off every line")

    def _browse(self) -> None:
        self._step("Ada looks for it, and her fingers slip.")
        path = "/v1/products?q=storyteler+mug&currency=EUR&limit=3"
        found = self._ask("GET", path, shown=lambda page: ", ".join(each["name"] for each in page["items"]))
        if PRODUCT["slug"] not in [each["slug"] for each in found["items"]]:
            raise UnexpectedAnswerError("The mug was not found.")

    def _fill_cart(self) -> None:
        self._step("She puts two into a cart. Nobody knows her yet: the cart opens to whoever has its secret.")
        cart = self._ask(
            "POST",
            "/v1/carts",
            {},
            expect=HTTPStatus.CREATED,
            shown=lambda body: f"a cart, secret {body['secret'][:6]}…",
        )
        opened = {"X-Cart-Secret": cart["secret"]}
        path = f"/v1/carts/{cart['id']}/lines/{SKU}"
        self._ask("PUT", path, {"quantity": 2}, headers=opened, shown=_lines)
        self._cart = cart

    def _sign_in(self) -> None:
        self._step("She registers, signs in, and takes the cart along.")
        email, password = f"ada-{secrets.token_hex(4)}@tradewind.example", secrets.token_urlsafe(18)
        account = {"email": email, "password": password, "name": "Ada Lovelace"}
        self._ask("POST", "/v1/accounts", account, expect=HTTPStatus.ACCEPTED, shown=lambda _: email)
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": email, "password": password}
        tokens = self._ask("POST", "/v1/oauth/token", form=form, shown=lambda _: "an access token for ten minutes")
        self._customer = tokens["access_token"]
        merge = {"merge": {"cart_id": self._cart["id"], "secret": self._cart["secret"]}}
        self._cart = self._ask(
            "POST", "/v1/carts", merge, token=self._customer, expect=HTTPStatus.CREATED, shown=_lines
        )

    def _redeem(self) -> None:
        self._step("She has a coupon.")
        path = f"/v1/carts/{self._cart['id']}/coupon"
        self._ask(
            "PUT", path, {"code": COUPON}, token=self._customer, shown=lambda body: f"{body['coupon']} is in the cart"
        )

    def _be_declined(self) -> None:
        self._step("Her first card is declined. That order is over: neither money nor stock is held for it.")
        declined = self._buy("tok_decline")
        if declined["status"] != "rejected":
            raise UnexpectedAnswerError(f"The order should be rejected, and is {declined['status']}.")

    def _pay(self) -> None:
        self._step("The cart is still as it was, so she orders again and pays with another card.")
        carts = self._ask(
            "GET", "/v1/carts", token=self._customer, shown=lambda page: f"{_lines(page['items'][0])}, with {COUPON}"
        )
        if [(each["sku"], each["quantity"]) for each in carts["items"][0]["lines"]] != [(SKU, 2)]:
            raise UnexpectedAnswerError("The cart should hold two mugs.")
        self._order = self._buy("tok_approve")
        if self._order["status"] != "confirmed":
            raise UnexpectedAnswerError(f"The order should be confirmed, and is {self._order['status']}.")
        for line in _receipt(self._order):
            self._say(f"      {click.style(line, dim=True)}")

    def _look_around(self) -> None:
        self._step("What she has going on, from two services in one answer; and what staff sees of the money.")
        self._ask("GET", "/v1/me/overview", token=self._customer, shown=_overview)
        path = f"/v1/payments/{self._order['id']}"
        self._ask(
            "GET", path, token=self._staff, shown=lambda body: f"{body['state']}, {_money(body['captured'])} captured"
        )

    def _ship(self) -> None:
        self._step("Staff ships it with a carrier's tracking number, and it arrives.")
        tracking = f"JD{secrets.randbelow(10**10):010}"
        parcel = {"carrier": "DHL", "tracking_number": tracking, "lines": [{"sku": SKU, "quantity": 2}]}
        sent = self._staff_post(
            f"/v1/orders/{self._order['id']}/shipments",
            parcel,
            lambda body: f"{body['carrier']} {body['tracking_number']}: {_lines(body)}",
        )
        path = f"/v1/orders/{self._order['id']}/shipments/{sent['id']}/delivery"
        self._ask("POST", path, token=self._staff, shown=lambda body: f"delivered at {body['delivered_at'][:19]}")

    def _send_back(self) -> None:
        self._step("One of them is chipped. She sends it back, staff takes it back, and what it cost is refunded.")
        path = f"/v1/orders/{self._order['id']}/returns"
        body = {"lines": [{"sku": SKU, "quantity": 1}], "reason": "It came chipped."}
        asked = self._ask(
            "POST", path, body, token=self._customer, keyed=True, expect=HTTPStatus.CREATED,
            shown=lambda body: f"{body['state']}: {_lines(body)}, {_money(body['amount'])}",
        )  # fmt: skip
        accepted = f"{path}/{asked['id']}/acceptance"
        self._staff_post(accepted, {"restock": False}, lambda body: f"{body['state']}", expect=HTTPStatus.ACCEPTED)
        self._wait(lambda order: order["returns"][0]["refunded_at"] is not None)

    def _close(self) -> None:
        self._step("Everything that became of the order:")
        path = f"/v1/orders/{self._order['id']}"
        order = self._ask("GET", path, token=self._customer, shown=_history)
        back = _money(order["returns"][0]["amount"])
        path = f"/v1/payments/{self._order['id']}"
        paid = self._ask("GET", path, token=self._staff, shown=lambda body: f"{_money(body['refunded'])} refunded")
        if _money(paid["refunded"]) != back:
            raise UnexpectedAnswerError(f"{back} should be refunded, and {_money(paid['refunded'])} is.")
        self._say("\nEvery answer was as it should be.")
        if self._hints is not None:
            self._say(f"The books, compared, in ten seconds from now: {self._hints.command('reconcile')}")

    def _buy(self, token: str) -> dict[str, Any]:
        """Order what is in the cart; return the order as soon as its checkout has ended."""
        body = {
            "cart_id": self._cart["id"],
            "shipping_address": _HOME,
            "shipping_method": "standard",
            "payment": {"kind": "card", "token": token},
        }
        self._order = self._ask(
            "POST", "/v1/orders", body, token=self._customer, keyed=True, headers={"Prefer": "wait=5"},
            expect=HTTPStatus.CREATED, told=f"with {token}", shown=_outcome,
        )  # fmt: skip
        return self._wait(lambda order: order["status"] in ("confirmed", "rejected"))

    def _wait(self, ended: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the order as soon as it is like that, and show it if it was not at first."""
        path = f"/v1/orders/{self._order['id']}"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            order: dict[str, Any] = self._send("GET", path, token=self._customer).expect(HTTPStatus.OK).body
            if ended(order):
                self._order = order
                return order
            if time.monotonic() > deadline:
                raise UnexpectedAnswerError(f"Order {order['id']} has been {order['status']} for a minute.")
            time.sleep(_PAUSE_SECONDS)

    def _staff_post(self, path: str, document: object, shown: Shown, *, expect: HTTPStatus = HTTPStatus.CREATED) -> Any:
        return self._ask("POST", path, document, token=self._staff, keyed=True, expect=expect, shown=shown)

    def _ask(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        token: str = "",
        keyed: bool = False,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        expect: HTTPStatus | tuple[HTTPStatus, ...] = HTTPStatus.OK,
        told: str = "",
        shown: Shown,
    ) -> Any:
        """Show a request, send it, check its status, and show in a few words what came of it."""
        who = "staff " if token and token == self._staff else ""
        self._say(f"  {who}{click.style(f'{method} {path}', fg='cyan')}{f' {told}' if told else ''}")
        answer = self._send(method, path, document, token=token, keyed=keyed, headers=headers, form=form)
        body = answer.expect(*(expect if isinstance(expect, tuple) else (expect,))).body
        self._say(f"    {click.style(f'→ {answer.status}', fg='green')} {shown(body)}")
        return body

    def _send(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        token: str = "",
        keyed: bool = False,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request, and again when it came too early, as ``Retry-After`` says."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if keyed:
            sent["Idempotency-Key"] = secrets.token_hex(8)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._api.send(method, path, document=document, form=form, headers=sent)
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                return answer
            time.sleep(float(answer.headers.get("retry-after", "1")))

    def _step(self, sentence: str) -> None:
        self._steps += 1
        self._say(f"\n{click.style(f'{self._steps}. {sentence}', bold=True)}")


def _money(money: dict[str, Any]) -> str:
    sign, amount = "-" if money["amount"] < 0 else "", abs(money["amount"])
    return f"{money['currency']} {sign}{amount // 100}.{amount % 100:02}"


def _lines(body: dict[str, Any]) -> str:
    return ", ".join(f"{each['quantity']} of {each['sku']}" for each in body["lines"])


def _available(body: dict[str, Any]) -> int:
    available: int = body["items"][0]["available"]
    return available


def _outcome(order: dict[str, Any]) -> str:
    why = f" ({order['code']})" if order["code"] else ""
    return f"{order['status']}{why}: {_money(order['total'])}"


def _receipt(order: dict[str, Any]) -> list[str]:
    """Return why the order costs what it costs, line by line."""
    lines = []
    for each in order["lines"]:
        lines.append(f"{each['quantity']} of {each['name']}: {_money(each['list_price'])}")
        lines += [f"  {why['reason']}: {_money(why['amount'])}" for why in each["adjustments"]]
    shipping = order["shipping"]
    return [*lines, f"shipping, {shipping['reason']}: {_money(shipping['cost'])}", f"total: {_money(order['total'])}"]


def _overview(found: dict[str, Any]) -> str:
    parts = [
        f"{found['profile']['tier']} customer" if found["profile"] else "",
        f"{len(found['orders'])} open order" if found["orders"] is not None else "",
        f"missing: {', '.join(found['missing'])}" if found["missing"] else "",
    ]
    return ", ".join(part for part in parts if part)


def _history(order: dict[str, Any]) -> str:
    """Return each state once, however often an entry says it again."""
    states = [each["status"] for each in order["history"]]
    return " → ".join([state for state, _ in groupby(states)])
