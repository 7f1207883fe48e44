"""Stand-ins for the peers of orders, behind real HTTP: each remembers every (order, step) for ever, tombstones too.

They keep to what the real ones promise, and to nothing else, so that a test which passes with them says something.
Faults are told in advance, per step: ``peers.fault("capture", "lost")`` does it and loses the answer.
"""

import asyncio
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

Fault = Literal["away", "unseen", "lost", "gone"]
"""Nothing done: ``away`` says 503, ``unseen`` says nothing. Done: ``gone`` says 503, ``lost`` says nothing."""


FORGOTTEN = "2020"
"""Inventory does not know how things stood before."""


def problem(status: int, code: str, **more: object) -> JSONResponse:
    body = {"type": f"about:{code}", "title": code, "status": status, "detail": f"{code}.", "code": code, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


class Silence(Response):
    """Promises a body and sends none: the server closes the connection, and the client has no answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"", "more_body": True})


@dataclass
class Gate:
    """Holds a call until it is opened."""

    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    async def passed(self) -> None:
        self.arrived.set()
        await asyncio.to_thread(self.opened.wait, 30)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.arrived.wait, 10), "nobody called"


@dataclass
class Reservation:
    lines: dict[str, int]
    state: str = "held"
    expires_at: float = 0
    returned: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class Payment:
    amount: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    state: str = "new"
    refunds: dict[str, int] = field(default_factory=dict)
    times_captured: int = 0
    asked: int = 0


class Peers:
    """All peers of a test, and auth's token endpoint."""

    def __init__(self) -> None:
        self.address = ""
        self.products: dict[str, dict[str, Any]] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self.stock: dict[str, int] = {}
        self.reservations: dict[str, Reservation] = {}
        self.payments: dict[str, Payment] = {}
        self.older = False
        """Whether they are of a release whose lists know nothing of ranges of orders."""
        self.elsewhere: list[str] = []
        """What the provider has taken that is no order's: its authorisations."""
        self.calls: list[tuple[str, str]] = []
        self.down: set[str] = set()
        self.voids_refused = 0
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._gates: defaultdict[str, deque[Gate]] = defaultdict(deque)

    # What tests arrange and look at.

    def sell(self, sku: str, *, price: int = 1000, stock: int = 1000, **more: object) -> str:
        self.products[sku] = {
            "sku": sku,
            "product_id": f"product-{sku}",
            "name": f"Thing {sku}",
            "price": {"amount": price, "currency": "EUR"},
            "weight_grams": 200,
            "tax_class": "standard",
            "categories": ["things"],
            "image_url": None,
            **more,
        }
        self.stock[sku] = stock
        return sku

    def fault(self, step: str, *faults: Fault) -> None:
        self._faults[step].extend(faults)

    def hold(self, step: str) -> Gate:
        """Hold the next call of a step, before it does anything."""
        gate = Gate()
        self._gates[step].append(gate)
        return gate

    def steps(self, order_id: str | UUID) -> list[str]:
        return [step for step, order in self.calls if order == str(order_id)]

    def held(self, sku: str) -> int:
        """How much of it reservations hold."""
        open_ones = (each for each in self.reservations.values() if each.state in ("held", "pinned"))
        return sum(each.lines.get(sku, 0) for each in open_ones)

    def money(self, order_id: str | UUID) -> str:
        """In which state an order's money is, for the shop's books: none, authorised or captured, less refunds."""
        payment = self.payments.get(str(order_id), Payment())
        if payment.state == "captured" and sum(payment.refunds.values()) == payment.amount["amount"]:
            return "refunded"
        return payment.state if payment.state in ("authorised", "captured") else "none"

    def goods(self, order_id: str | UUID) -> str:
        """In which state an order's stock is: none, held, pinned or committed."""
        found = self.reservations.get(str(order_id))
        if found is None or found.state not in ("held", "pinned", "committed"):
            return "none"
        back = sum(sum(each.values()) for each in found.returned.values())
        return "none" if back == sum(found.lines.values()) else found.state

    # How they answer.

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/auth/v1/oauth/token", self._token, methods=["POST"]),
                Route("/catalog/v1/skus", self._step("catalog", "price", self._skus), methods=["GET"]),
                Route(
                    "/customers/v1/customers/{order_id}/checkout",
                    self._step("customers", "checkout", self._checkout),
                    methods=["GET"],
                ),
                Route("/payments/v1/payments", self._step("payments", "list", self._list_payments)),
                Route("/payments/v1/provider-operations", self._step("payments", "books", self._list_operations)),
                Route("/inventory/v1/reservations", self._step("inventory", "list", self._list_reservations)),
                *self._puts("inventory", "/v1/reservations", {
                    "": ("reserve", self._reserve),
                    "/pin": ("pin", self._pin),
                    "/commitment": ("commit", self._commit),
                    "/release": ("release", self._release),
                    "/returns/{undo_id}": ("restock", self._take_back),
                }),
                *self._puts("payments", "/v1/payments", {
                    "": ("authorise", self._authorise),
                    "/capture": ("capture", self._capture),
                    "/void": ("void", self._void),
                    "/refunds/{undo_id}": ("refund", self._refund),
                }),
            ]
        )  # fmt: skip

    def _puts(
        self, peer: str, base: str, steps: dict[str, tuple[str, Callable[[Request, Any], Response]]]
    ) -> Iterator[Route]:
        for path, (step, answer) in steps.items():
            yield Route(f"/{peer}{base}/{{order_id}}{path}", self._step(peer, step, answer), methods=["PUT"])

    def _step(
        self, peer: str, step: str, answer: Callable[[Request, Any], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            if request.headers.get("authorization", "").partition(" ")[2].split(":")[0] != peer:
                return problem(401, "unauthenticated")
            if peer in self.down:
                return problem(503, "unavailable")
            body = await request.json() if request.method == "PUT" else None
            if gates := self._gates[step]:
                await gates.popleft().passed()
            fault = faults.popleft() if (faults := self._faults[step]) else None
            if fault == "away":
                return problem(503, "unavailable")
            if fault == "unseen":
                return Silence()
            self.calls.append((step, request.path_params.get("order_id", "")))
            response = answer(request, body)
            return {"lost": Silence(), "gone": problem(503, "unavailable")}.get(fault or "", response)

        return answered

    async def _token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        audience = form["resource"][0].rpartition(":")[2]
        return JSONResponse({"access_token": f"{audience}:{form['scope'][0]}", "expires_in": 600})

    def _skus(self, request: Request, _: Any) -> Response:
        asked = request.query_params.getlist("sku")
        currency = request.query_params["currency"]
        sold = [self.products[sku] for sku in asked if sku in self.products]
        items = [each for each in sold if each["price"]["currency"] == currency]
        missing = [{"sku": sku, "reason": "unknown"} for sku in asked if sku not in self.products]
        missing += [{"sku": each["sku"], "reason": "no-price"} for each in sold if each not in items]
        return JSONResponse({"currency": currency, "as_of": "2026-01-01T00:00:00Z", "items": items, "missing": missing})

    def _checkout(self, request: Request, _: Any) -> Response:
        found = self.customers.get(request.path_params["order_id"])
        return JSONResponse(found) if found else problem(404, "customer-not-found")

    # The lists know no time: tests let things rest first. Pages have one item, so that every list has several.

    def _page(self, request: Request, listed: list[tuple[str, dict[str, Any]]]) -> Response:
        """Answer with one of the items that are listed under the ids of the orders asked for."""
        assert request.query_params["as_of"]
        asked = {} if self.older else request.query_params
        first, before = asked.get("order_from", ""), asked.get("order_before", "~")
        items = [item for order_id, item in listed if first <= order_id < before]
        place = int(request.query_params.get("cursor") or 0)
        following = str(place + 1) if place + 1 < len(items) else None
        return JSONResponse({"items": items[place : place + 1], "next_cursor": following})

    def _list_payments(self, request: Request, _: Any) -> Response:
        def shown(order_id: str, each: Payment) -> dict[str, Any]:
            return {
                "order_id": order_id,
                "state": each.state,
                "captured": {**each.amount, "amount": each.amount["amount"] if each.state == "captured" else 0},
                "refunded": {**each.amount, "amount": sum(each.refunds.values())},
            }

        listed = [(order_id, shown(order_id, each)) for order_id, each in self.payments.items() if each.amount]
        return self._page(request, listed)

    def _list_operations(self, request: Request, _: Any) -> Response:
        done: list[tuple[str, str, str, dict[str, Any]]] = []
        for order_id, each in self.payments.items():
            if not each.amount:
                continue
            approved = "refused" if each.state == "declined" else "approved"
            done.append((order_id, "authorisation", approved, each.amount))
            if each.state == "voided":
                done.append((order_id, "void", "approved", each.amount))
            if each.state == "captured":
                captures = max(each.times_captured, 1)
                done += [(order_id, "capture", "approved", each.amount)] * captures
            done += [
                (order_id, "refund", "approved", {**each.amount, "amount": refund}) for refund in each.refunds.values()
            ]
        done += [(till, "capture", "approved", {"amount": 7, "currency": "EUR"}) for till in self.elsewhere]
        listed = [
            (about, {"authorisation": f"{about}-authorise", "kind": kind, "state": state, "amount": amount})
            for about, kind, state, amount in done
        ]
        return self._page(request, listed)

    def _list_reservations(self, request: Request, _: Any) -> Response:
        if request.query_params["as_of"] < FORGOTTEN:
            return problem(422, "history-forgotten", detail="It goes back 400 days.")

        def lines(each: Reservation) -> list[dict[str, object]]:
            return [
                {
                    "sku": sku,
                    "quantity": quantity,
                    "returned": sum(back.get(sku, 0) for back in each.returned.values()),
                    "warehouse": "A",
                }
                for sku, quantity in each.lines.items()
            ]

        listed = [
            (order_id, {"order_id": order_id, "state": each.state, "lines": lines(each)})
            for order_id, each in self.reservations.items()
        ]
        return self._page(request, listed)

    def _reserve(self, request: Request, body: Any) -> Response:
        order_id = request.path_params["order_id"]
        lines = {each["sku"]: each["quantity"] for each in body["lines"]}
        if found := self.reservations.get(order_id):
            if found.state == "released":
                return problem(409, "reservation-released")
            if found.lines != lines:
                return problem(409, "reservation-differs")
            return self._reserved(order_id, 200)
        shortages = [
            {"sku": sku, "wanted": wanted, "available": free}
            for sku, wanted in lines.items()
            if (free := self.stock.get(sku, 0) - self.held(sku)) < wanted
        ]
        if shortages:
            return problem(409, "insufficient-stock", shortages=shortages)
        self.reservations[order_id] = Reservation(lines, expires_at=time.time() + body["expires_in_seconds"])
        return self._reserved(order_id, 201)

    def _reserved(self, order_id: str, status: int = 200) -> Response:
        found = self.reservations[order_id]
        lines = [{"sku": sku, "quantity": quantity, "warehouse": "A"} for sku, quantity in found.lines.items()]
        return JSONResponse({"order_id": order_id, "state": found.state, "lines": lines}, status)

    def _pin(self, request: Request, _: Any) -> Response:
        order_id = request.path_params["order_id"]
        found = self.reservations.get(order_id)
        if found is not None and found.state == "held" and found.expires_at < time.time():
            found.state = "expired"
        if found is None or found.state in ("released", "expired"):
            return problem(409, "reservation-released")
        if found.state == "held":
            found.state = "pinned"
        return self._reserved(order_id)

    def _commit(self, request: Request, _: Any) -> Response:
        order_id = request.path_params["order_id"]
        found = self.reservations.get(order_id)
        if found is None or found.state in ("released", "expired"):
            return problem(409, "reservation-released")
        if found.state != "committed":
            found.state = "committed"
            for sku, quantity in found.lines.items():
                self.stock[sku] -= quantity
        return self._reserved(order_id)

    def _release(self, request: Request, _: Any) -> Response:
        order_id = request.path_params["order_id"]
        found = self.reservations.setdefault(order_id, Reservation({}, state="released"))
        if found.state == "committed":
            return problem(409, "reservation-committed")
        found.state = "released"
        return self._reserved(order_id)

    def _take_back(self, request: Request, body: Any) -> Response:
        order_id, return_id = request.path_params["order_id"], request.path_params["undo_id"]
        found = self.reservations.get(order_id)
        if found is None or found.state != "committed":
            return problem(409, "reservation-released")
        if return_id in found.returned:
            return self._reserved(order_id)
        lines = {each["sku"]: each["quantity"] for each in body["lines"]}
        for sku, quantity in lines.items():
            if sum(each.get(sku, 0) for each in found.returned.values()) + quantity > found.lines.get(sku, 0):
                return problem(409, "return-too-large")
        found.returned[return_id] = lines
        for sku, quantity in lines.items():
            self.stock[sku] += quantity
        return self._reserved(order_id, 201)

    def _authorise(self, request: Request, body: Any) -> Response:
        order_id = request.path_params["order_id"]
        payment = self.payments.setdefault(order_id, Payment())
        if payment.state == "voided":
            return problem(409, "payment-voided")
        if payment.amount and payment.amount != body["amount"]:
            return problem(409, "payment-differs")
        payment.amount, payment.token = body["amount"], body["method"]["token"]
        payment.asked += 1
        if payment.state in ("new", "pending"):
            if payment.token == "tok_answer_late" and payment.asked < 3:
                payment.state = "pending"
                return JSONResponse({"state": "pending"}, 202, {"retry-after": "0"})
            payment.state = "declined" if payment.token == "tok_decline" else "authorised"
        return self._paid(order_id)

    def _paid(self, order_id: str, status: int = 200, **more: object) -> Response:
        payment = self.payments[order_id]
        body = {
            "order_id": order_id,
            "state": payment.state,
            "amount": payment.amount,
            "decline_code": "do-not-honour" if payment.state == "declined" else None,
            **more,
        }
        return JSONResponse(body, status)

    def _capture(self, request: Request, _: Any) -> Response:
        order_id = request.path_params["order_id"]
        payment = self.payments.get(order_id)
        if payment is None or payment.state in ("voided", "declined"):
            return problem(409, "payment-voided")
        if payment.state == "authorised":
            if payment.token == "tok_capture_refused":
                payment.state = "capture-refused"
            else:
                payment.state = "captured"
                payment.times_captured += 1
        return self._paid(order_id)

    def _void(self, request: Request, _: Any) -> Response:
        order_id = request.path_params["order_id"]
        payment = self.payments.setdefault(order_id, Payment(state="voided"))
        if payment.state == "pending" and payment.asked < 3:
            payment.asked += 1
            return problem(409, "payment-pending")
        if payment.state == "captured":
            return problem(409, "payment-captured")
        if payment.state == "authorised" and self.voids_refused:
            self.voids_refused -= 1
            return self._paid(order_id, 202, state="pending", pending_step="void", decline_code="try-later")
        payment.state = "voided"
        return self._paid(order_id)

    def _refund(self, request: Request, body: Any) -> Response:
        order_id, refund_id = request.path_params["order_id"], request.path_params["undo_id"]
        payment = self.payments.get(order_id)
        if payment is None or payment.state != "captured":
            return problem(409, "refund-too-large")
        if payment.token == "tok_refund_refused":
            return self._paid(order_id, state="refused")
        if refund_id in payment.refunds:
            return self._paid(order_id, state="refunded")
        if sum(payment.refunds.values()) + body["amount"]["amount"] > payment.amount["amount"]:
            return problem(409, "refund-too-large")
        payment.refunds[refund_id] = body["amount"]["amount"]
        return self._paid(order_id, 201, state="refunded")


@contextmanager
def answering(peers: Peers) -> Iterator[Peers]:
    """Let the peers answer on a port of their own, from a thread, for the length of the block."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(peers.app(), log_config=None, log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.005)
        peers.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield peers
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
