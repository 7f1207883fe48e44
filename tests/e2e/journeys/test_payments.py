"""What of payments is met from outside: the books are for staff, and nobody forges a provider's word."""

import hashlib
import hmac
import json
import time
from uuid import uuid4

import pytest
from httpx2 import Client

from tests.e2e.people import Person

PATHS = ["/v1/payments", "/v1/ledger/accounts", "/v1/ledger/balances", "/v1/ledger/entries", "/v1/provider-operations"]


@pytest.mark.parametrize("path", PATHS)
def test_customers_do_not_read_the_books(ada: Person, path: str) -> None:
    refused = ada.send("GET", path)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")


def test_nobody_moves_money_from_outside(ada: Person) -> None:
    body = {"amount": {"amount": 1, "currency": "EUR"}, "method": {"kind": "card", "token": "tok_approve"}}
    refused = ada.send("PUT", f"/v1/payments/{uuid4()}", json=body)
    assert refused.status_code in (404, 405)


def test_forged_webhook_is_refused(api: Client) -> None:
    body = {
        "id": str(uuid4()),
        "reference": f"{uuid4()}-authorise",
        "kind": "authorisation",
        "state": "approved",
        "code": None,
        "provider_reference": "forged",
        "amount": {"amount": 1, "currency": "EUR"},
        "occurred_at": "2030-01-01T00:00:00Z",
    }
    raw, now = json.dumps(body).encode(), int(time.time())
    forged = hmac.new(b"a guessed secret", b"%d." % now + raw, hashlib.sha256).hexdigest()
    headers = {"webhook-signature": f"t={now},v1={forged}", "content-type": "application/json"}
    refused = api.post("/v1/provider-webhooks/sandbox", content=raw, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "webhook-refused")
