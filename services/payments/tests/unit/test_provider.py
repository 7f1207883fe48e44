"""What counts as an outcome, and what does not."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chassis.clients import ServiceClient
from chassis.money import Money
from payments.clients.provider import HttpPaymentProvider
from payments.domain.methods import Method, MethodKind
from payments.domain.ports import ProviderSilentError
from payments.domain.steps import Outcome, Verdict

pytestmark = pytest.mark.anyio

Answer = Callable[[httpx.Request], httpx.Response]
PROBLEM = {"content-type": "application/problem+json"}
CARD = Method(MethodKind.CARD, "tok_approve")
EUR_20 = Money(2000, "EUR")


def operation(**changes: Any) -> dict[str, Any]:
    return {
        "reference": "r1",
        "kind": "authorisation",
        "authorisation": "r1",
        "state": "approved",
        "code": None,
        "provider_reference": "p1",
        "amount": {"amount": 2000, "currency": "EUR"},
        "created_at": "2026-11-01T12:00:00Z",
        "settled_at": "2026-11-01T12:00:00Z",
        "live": False,
        **changes,
    }


def provider(status: int, body: Any, *, live_only: bool = False) -> HttpPaymentProvider:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=body, headers=PROBLEM))
    client = ServiceClient("sandbox", "http://sandbox.test", session=transport, retries=0)
    return HttpPaymentProvider("sandbox", client, "a-key-of-the-provider", live_only=live_only)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (operation(), Outcome(Verdict.APPROVED, None, "p1")),
        (operation(state="refused", code="declined"), Outcome(Verdict.REFUSED, "declined", "p1")),
        (operation(state="pending", settled_at=None), Outcome(Verdict.UNDECIDED, None, "p1")),
        (operation(more="than we know"), Outcome(Verdict.APPROVED, None, "p1")),
    ],
)
async def test_outcome_is_what_the_provider_says(body: dict[str, Any], expected: Outcome) -> None:
    assert await provider(200, body).authorise("r1", EUR_20, CARD) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, operation(reference="r2")),
        (200, operation(amount={"amount": 1999, "currency": "EUR"})),
        (200, operation(state="maybe")),
        (201, operation()),
        (401, {"code": "provider-key-refused"}),
        (404, {"code": "operation-not-found"}),
        (409, {"code": "reference-reused"}),
        (500, operation()),
        (503, {}),
    ],
)
async def test_anything_else_settles_nothing(status: int, body: dict[str, Any]) -> None:
    with pytest.raises(ProviderSilentError):
        await provider(status, body).authorise("r1", EUR_20, CARD)


async def test_operation_that_waits_for_another_is_undecided() -> None:
    body = {
        "type": "about:blank",
        "title": "An earlier operation is still undecided",
        "status": 409,
        "detail": "Ask again.",
        "code": "operation-pending",
    }
    assert (await provider(409, body).void("r1", "r0")).verdict is Verdict.UNDECIDED


async def test_provider_that_moves_no_money_is_not_believed_where_money_is_real() -> None:
    with pytest.raises(ProviderSilentError):
        await provider(200, operation(), live_only=True).authorise("r1", EUR_20, CARD)
    real = await provider(200, operation(live=True), live_only=True).authorise("r1", EUR_20, CARD)
    assert real.verdict is Verdict.APPROVED
