"""What every service does, seen from outside."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from httpx2 import AsyncClient
from prometheus_client import REGISTRY
from pydantic import BaseModel

from chassis import context, logs
from chassis.app import Service
from chassis.errors import ConflictError
from chassis.problems import PROBLEM_BASE, responses
from chassis.routing import Router
from chassis.security import Principal, requires
from chassis.settings import LogSettings
from chassis.testing import TokenIssuer, running

pytestmark = pytest.mark.anyio

MakeService = Callable[..., Service]


class Thing(BaseModel):
    name: str


class ThingTakenError(ConflictError):
    code = "thing-taken"
    title = "The thing is taken"


router = Router(prefix="/v1/things")


@router.get("/{name}", responses=responses(ThingTakenError))
async def read_thing(name: str, _who: Annotated[Principal, requires("things:read")]) -> Thing:
    if name == "taken":
        raise ThingTakenError("Somebody was faster.", by="you")
    return Thing(name=name)


@router.post("", status_code=201)
async def create_thing(thing: Thing) -> Thing:
    return thing


@router.get("")
async def fail() -> Thing:
    raise RuntimeError("a secret detail")


@router.get("/{name}/context")
async def read_context(name: str) -> dict[str, str | float | None]:
    work = context.current()
    return {
        "trace_id": work.trace_id,
        "request_id": work.request_id,
        "remaining": work.remaining_seconds(),
        "long": "x" * 2000,
    }


@pytest.fixture
async def client(make_service: MakeService, tokens: TokenIssuer) -> AsyncIterator[AsyncClient]:
    service = make_service()
    service.use_tokens(tokens.settings, keys=tokens)
    service.include(router)
    async with running(service) as client:
        yield client


async def test_right_token_is_served(client: AsyncClient, tokens: TokenIssuer) -> None:
    answer = await client.get("/v1/things/a", headers=tokens.headers("me", "things:read"))
    assert (answer.status_code, answer.json()) == (200, {"name": "a"})


async def test_no_token_is_401_with_a_challenge(client: AsyncClient) -> None:
    answer = await client.get("/v1/things/a")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_token_without_the_scope_is_403_and_names_it(client: AsyncClient, tokens: TokenIssuer) -> None:
    answer = await client.get("/v1/things/a", headers=tokens.headers("me", "things:write"))
    assert (answer.status_code, answer.json()["scope"]) == (403, "things:read")
    assert 'error="insufficient_scope", scope="things:read"' in answer.headers["www-authenticate"]


async def test_domain_error_becomes_a_problem(client: AsyncClient, tokens: TokenIssuer) -> None:
    headers = tokens.headers("me", "things:read")
    answer = await client.get("/v1/things/taken", headers=headers)
    body = answer.json()
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert body == {
        "type": f"{PROBLEM_BASE}thing-taken",
        "title": "The thing is taken",
        "status": 409,
        "detail": "Somebody was faster.",
        "instance": "/v1/things/taken",
        "code": "thing-taken",
        "trace_id": answer.headers["x-request-id"],
        "by": "you",
    }


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "malformed-request"),
        ("{}", "application/json", 422, "invalid"),
        ('{"name": "a"}', "text/plain", 415, "unsupported-media-type"),
        ('{"name": "' + "a" * 2_000_000 + '"}', "application/json", 413, "content-too-large"),
        ('{"name": "a"}', "application/json", 201, None),
    ],
)
async def test_bad_bodies_are_refused_each_in_its_way(
    client: AsyncClient, body: str, content_type: str, status: int, code: str | None
) -> None:
    answer = await client.post("/v1/things", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_body_of_unannounced_length_is_bounded_too(client: AsyncClient) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield b'{"name": "'
        for _ in range(count):
            yield b"a" * 1000
        yield b'"}'

    headers = {"content-type": "application/json"}
    too_long = await client.post("/v1/things", content=chunks(1100), headers=headers)
    assert (too_long.status_code, too_long.json()["code"]) == (413, "content-too-large")
    assert (await client.post("/v1/things", content=chunks(10), headers=headers)).status_code == 201


async def test_refused_input_is_pointed_at(client: AsyncClient) -> None:
    answer = await client.post("/v1/things", json={"name": 3})
    assert answer.json()["errors"] == [{"pointer": "/body/name", "detail": "Input should be a valid string"}]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/v1/things", 405)])
async def test_errors_of_routing_are_problems(client: AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


async def test_unexpected_error_tells_nothing_and_is_logged_once(
    client: AsyncClient, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    answer = await client.get("/v1/things")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret" not in answer.text
    logged = capfdbinary.readouterr().out
    assert logged.count(b"RuntimeError: a secret detail") == 1


async def test_key_on_a_route_that_ignores_it_is_refused(client: AsyncClient) -> None:
    answer = await client.post("/v1/things", json={"name": "a"}, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-refused")


async def test_trace_and_request_id_come_in_and_go_out(client: AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "x-request-id": "my-request"}
    answer = await client.get("/v1/things/a/context", headers=headers)
    assert answer.json()["trace_id"] == trace
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "my-request"


@pytest.mark.parametrize("bad", ["x y", "a" * 129, "a\tb"])
async def test_ill_formed_ids_are_replaced(client: AsyncClient, bad: str) -> None:
    headers = {"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x-request-id": bad}
    answer = await client.get("/v1/things/a/context", headers=headers)
    found = answer.json()
    assert found["request_id"] == found["trace_id"] == answer.headers["x-request-id"]
    assert found["trace_id"].strip("0")


async def test_caller_can_shorten_the_deadline_and_not_lengthen_it(client: AsyncClient) -> None:
    for given, most in (("200", 0.2), ("99999999", 15.0), ("-5", 15.0), ("abc", 15.0)):
        answer = await client.get("/v1/things/a/context", headers={"x-request-timeout-ms": given})
        assert most - 0.15 < answer.json()["remaining"] <= most


async def test_work_nobody_waits_for_is_not_begun(client: AsyncClient) -> None:
    answer = await client.get("/v1/things", headers={"x-envoy-expected-rq-timeout-ms": "0"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline-exceeded")


async def test_long_answers_are_compressed_for_those_who_ask(client: AsyncClient) -> None:
    asked = await client.get("/v1/things/a/context", headers={"accept-encoding": "gzip"})
    not_asked = await client.get("/v1/things/a/context", headers={"accept-encoding": "identity"})
    assert asked.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in not_asked.headers


async def test_requests_are_measured_by_template(client: AsyncClient, tokens: TokenIssuer) -> None:
    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0

    before = count("/v1/things/{name}", "200"), count("unmatched", "404")
    for name in ("a", "b"):
        await client.get(f"/v1/things/{name}", headers=tokens.headers("me", "things:read"))
        await client.get(f"/nowhere/{name}")
    assert (count("/v1/things/{name}", "200"), count("unmatched", "404")) == (before[0] + 2, before[1] + 2)


async def test_access_line_names_route_status_principal_and_trace(
    client: AsyncClient, tokens: TokenIssuer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    logs.configure(LogSettings(), service="sample", version="1")
    answer = await client.get("/v1/things/a", headers=tokens.headers("me", "things:read"))
    line = json.loads(capfdbinary.readouterr().out.splitlines()[-1])
    expected = {"event": "request", "route": "/v1/things/{name}", "status": 200, "principal": "me", "service": "sample"}
    assert expected.items() <= line.items()
    assert line["trace_id"] == answer.headers["x-request-id"]


async def test_document_has_problems_in_place_of_fastapis_errors(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    read = document["paths"]["/v1/things/{name}"]["get"]["responses"]
    assert set(read) == {"200", "401", "403", "409", "422", "503", "504"}
    assert read["422"]["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "thing-taken" in read["409"]["description"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert set(document["paths"]["/v1/things"]["post"]["responses"]) >= {"201", "400", "413", "415", "422"}


async def test_failing_check_makes_it_unready_and_never_dead(make_service: MakeService) -> None:
    service = make_service()
    broken = True

    async def check() -> None:
        if broken:
            raise ConnectionError

    service.probes.add("thing", check)
    async with running(service) as client:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]) == (503, {"thing": "ConnectionError"})
        broken = False
        service.probes._checked_at = float("-inf")
        assert (await client.get("/readyz")).json() == {"status": "ready", "checks": {"thing": "ok"}}


async def test_draining_is_unready_and_alive(make_service: MakeService) -> None:
    service = make_service()
    async with running(service) as client:
        assert (await client.get("/readyz")).status_code == 200
        service.probes.drain()
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def test_resources_open_in_order_and_close_in_reverse(make_service: MakeService) -> None:
    service = make_service()
    happened: list[str] = []

    @asynccontextmanager
    async def resource(name: str) -> AsyncIterator[None]:
        happened.append(f"open {name}")
        yield
        happened.append(f"close {name}")

    service.open("a", lambda: resource("a"))
    service.open("b", lambda: resource("b"))
    async with running(service):
        pass
    assert happened == ["open a", "open b", "close b", "close a"]


async def test_failed_background_loop_is_started_again(make_service: MakeService) -> None:
    service = make_service()
    runs = 0
    done = asyncio.Event()

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError
        done.set()
        await asyncio.Event().wait()

    service.run("loop", loop)
    async with running(service):
        await asyncio.wait_for(done.wait(), 5)
    assert runs == 2


async def test_background_loops_do_not_run_where_they_are_switched_off(make_service: MakeService) -> None:
    service = make_service(background=False)
    service.run("loop", lambda: pytest.fail("it ran"))
    async with running(service) as client:
        assert (await client.get("/livez")).status_code == 200
