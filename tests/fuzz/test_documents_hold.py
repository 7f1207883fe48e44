"""Whatever is sent to a service, it answers as its OpenAPI document says.

Requests are generated from the document itself, well-formed and ill-formed ones, with good tokens and with none. No
answer may be a server error, have an undocumented status or media type, or a body that its schema does not describe.
"""

import random
import time
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.system import LocalSystem

Operation = APIOperation[Any, Any, Any, Any]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES_AT_ONCE = 10
TOKEN_SECONDS = 300
SERVICES = sorted(path.parent.name for path in Path(__file__).parents[2].glob("services/*/service.yaml"))
CALLERS = ["admin", "customer", "nobody"]


@cache
def operations(address: str) -> list[Operation]:
    """Return all that can be asked at an address."""
    document = httpx2.get(f"{address}/openapi.json").raise_for_status().json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    found = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        found.append(result.ok())
    return found


def throw(operation: Operation, mode: GenerationMode, headers: dict[str, str]) -> None:
    """Send some generated requests and check what comes back."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES_AT_ONCE,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Case[Any]) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        # There are operations of which nothing ill-formed can be made; of each a good request can.
        assert mode is GenerationMode.NEGATIVE, f"no request can be made for {operation.label}"


class Caller:
    """Who sends the requests; a token is replaced long before its ten minutes are over."""

    def __init__(self, system: LocalSystem, name: str) -> None:
        self._system = system
        self._name = name
        self._headers: dict[str, str] = {}
        self._renew_at = 0.0

    def headers(self) -> dict[str, str]:
        if self._name != "nobody" and time.monotonic() > self._renew_at:
            printed = self._system.tradewind("token", *(["--admin"] if self._name == "admin" else []))
            assert printed.returncode == 0, printed.stderr
            self._headers = {"authorization": f"Bearer {printed.stdout.strip()}"}
            self._renew_at = time.monotonic() + TOKEN_SECONDS
        return self._headers


@pytest.fixture(scope="session", params=CALLERS)
def caller(request: pytest.FixtureRequest, target: LocalSystem) -> Caller:
    return Caller(target, request.param)


@pytest.mark.parametrize("service", SERVICES)
def test_answers_are_as_documented(target: LocalSystem, seconds: float, service: str, caller: Caller) -> None:
    until = time.monotonic() + seconds / len(SERVICES) / len(CALLERS)
    found = operations(target.address_of(service))
    # Each run begins somewhere else: a short one does not come to all of them.
    for operation, mode in rounds(random.sample(found, len(found))):
        throw(operation, mode, caller.headers())
        if time.monotonic() > until:
            break


def rounds(found: list[Operation]) -> Iterator[tuple[Operation, GenerationMode]]:
    """Every operation in turn, with good requests in one round and bad ones in the next, for ever."""
    for mode in cycle([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]):
        for operation in found:
            yield operation, mode
