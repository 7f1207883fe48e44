"""One request can be followed through everything that it set in motion."""

import secrets
from collections.abc import Callable
from typing import Any

from httpx2 import Client

from tests.e2e.people import Person, eventually
from tests.e2e.system import LocalSystem

Line = dict[str, Any]


def lines_of(system: LocalSystem, trace_id: str) -> dict[str, list[Line]]:
    """What each service has logged for one trace."""
    return {
        part: [line for line in system.log(part) if line.get("trace_id") == trace_id]
        for part in ("gateway", "auth", "customers")
    }


def follow(
    system: LocalSystem, trace_id: str, arrived: Callable[[dict[str, list[Line]]], bool]
) -> dict[str, list[Line]]:
    return eventually(lambda: lines if arrived(lines := lines_of(system, trace_id)) else None)


def access(lines: list[Line]) -> list[tuple[str, str, int]]:
    """The requests among some lines."""
    return [(line["method"], line["path"], line["status"]) for line in lines if line.get("component") == "access"]


def consumed(lines: list[Line]) -> list[str]:
    """The types of the events among some lines."""
    return [line["event_type"] for line in lines if line.get("component") == "consumer"]


def test_registration_is_followed_to_the_consumer_of_its_event(api: Client, system: LocalSystem) -> None:
    trace_id = secrets.token_hex(16)
    answer = Person(api).register(traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    assert answer.status_code == 202

    lines = follow(system, trace_id, lambda found: bool(consumed(found["customers"]) and access(found["gateway"])))

    assert access(lines["gateway"]) == access(lines["auth"]) == [("POST", "/v1/accounts", 202)]
    assert consumed(lines["customers"]) == ["tradewind.auth.account-registered.v1"]
    spans = [line["span_id"] for part in lines.values() for line in part]
    assert len(set(spans)) == len(spans), "each step of the way has a span of its own"


def test_read_is_followed_from_the_gateway_to_the_service(system: LocalSystem, ada: Person) -> None:
    answer = ada.send("GET", "/v1/customers/me", x_request_id="followed")
    # The gateway logs a request once its answer is out.
    [gateway] = eventually(lambda: [line for line in system.log("gateway") if line.get("request_id") == "followed"])
    lines = follow(system, gateway["trace_id"], lambda found: bool(found["customers"]))
    assert answer.headers["x-request-id"] == "followed"
    assert access(lines["gateway"]) == access(lines["customers"]) == [("GET", "/v1/customers/me", 200)]
    assert lines["customers"][0]["principal"] == ada.me()["id"]


def test_refusal_names_the_trace_that_the_logs_know(system: LocalSystem, api: Client) -> None:
    trace_id = api.get("/v1/customers/me").json()["trace_id"]
    lines = follow(system, trace_id, lambda found: bool(found["gateway"]))
    assert access(lines["gateway"]) == [("GET", "/v1/customers/me", 401)]


def test_no_secret_is_logged(system: LocalSystem, ada: Person) -> None:
    ada.refresh(ada.tokens["refresh_token"])
    everything = "".join(path.read_text(errors="replace") for path in (system.state / "logs").glob("*.log"))
    assert "/v1/oauth/token" in everything
    for secret in (ada.password, ada.email, ada.tokens["access_token"], ada.tokens["refresh_token"]):
        assert secret not in everything
