"""Every refusal has the same shape, and says what to do."""

import re

import pytest
from httpx2 import Client, Response

from tests.e2e.people import Person


def code_of(answer: Response) -> str:
    """The code of a well-formed problem (RFC 9457)."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    code: str = problem["code"]
    assert problem["type"] == f"https://tradewind.example/problems/{code}"
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer.request.url.path
    assert problem["title"]
    assert problem["detail"]
    # An ingress that checks tokens itself refuses before there is a trace: it names the request.
    if "trace_id" in problem:
        assert re.fullmatch(r"[0-9a-f]{32}", problem["trace_id"])
    else:
        assert problem["request_id"] == answer.headers["x-request-id"]
    return code


def test_nobody_is_401(api: Client) -> None:
    assert code_of(api.get("/v1/customers/me")) == "unauthenticated"


def test_token_that_is_none_is_401(api: Client) -> None:
    refused = api.get("/v1/customers/me", headers={"authorization": "Bearer nonsense"})
    assert code_of(refused) == "invalid-token"
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


def test_missing_scope_is_403(ada: Person) -> None:
    refused = ada.send("GET", "/v1/customers")
    assert code_of(refused) == "insufficient-scope"
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1/customers/me/addresses/nonsense/deeper"])
def test_unknown_path_is_404(ada: Person, path: str) -> None:
    assert code_of(ada.send("GET", path)) == "not-found"


def test_wrong_method_is_405_and_names_the_right_ones(ada: Person) -> None:
    refused = ada.send("DELETE", "/v1/customers/me")
    assert code_of(refused) == "method-not-allowed"
    assert "PATCH" in refused.headers["allow"]


def test_body_that_is_not_json_is_400(api: Client) -> None:
    refused = api.post("/v1/accounts", content=b"{", headers={"content-type": "application/json"})
    assert (refused.status_code, code_of(refused)) == (400, "malformed-request")


def test_body_of_another_kind_is_415(api: Client) -> None:
    refused = api.post("/v1/accounts", content=b"<a/>", headers={"content-type": "application/xml"})
    assert (refused.status_code, code_of(refused)) == (415, "unsupported-media-type")


def test_unacceptable_fields_are_422_and_each_is_pointed_at(api: Client) -> None:
    refused = api.post("/v1/accounts", json={"email": 1, "name": "Ada", "colour": "blue"})
    assert (refused.status_code, code_of(refused)) == (422, "invalid")
    assert {each["pointer"] for each in refused.json()["errors"]} == {"/body/email", "/body/password", "/body/colour"}


def test_large_body_is_413(api: Client) -> None:
    refused = api.post("/v1/accounts", content=b" " * 1_000_000, headers={"content-type": "application/json"})
    assert (refused.status_code, code_of(refused)) == (413, "content-too-large")


def test_key_that_would_not_be_honoured_is_400(api: Client) -> None:
    body = {"email": "nobody@journeys.example"}
    refused = api.post("/v1/password-resets", json=body, headers={"idempotency-key": "once"})
    assert (refused.status_code, code_of(refused)) == (400, "idempotency-key-refused")


def test_oauth_endpoint_answers_in_the_form_of_its_rfc(api: Client) -> None:
    refused = api.post("/v1/oauth/token", data={"grant_type": "nonsense", "client_id": "tradewind-cli"})
    assert refused.status_code == 400
    assert refused.json()["error"] == "unsupported_grant_type"
    assert refused.headers["cache-control"] == "no-store"


def test_request_id_and_trace_come_back(ada: Person) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    refused = ada.send("GET", "/v1/customers", x_request_id="a-request", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert refused.headers["x-request-id"] == "a-request"
    assert refused.json()["trace_id"] == trace


def test_ill_formed_request_id_is_replaced(ada: Person) -> None:
    refused = ada.send("GET", "/v1/customers", x_request_id="two words", traceparent="nonsense")
    assert refused.headers["x-request-id"] == refused.json()["trace_id"]
