import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import REGISTRY

from chassis import context
from chassis.breaker import Breaker, BreakerOpenError
from chassis.bulkhead import Bulkhead, BulkheadFullError
from chassis.clients import PeerUnavailableError, ServiceClient
from chassis.errors import DeadlineExceededError, ServiceError, UnavailableError
from chassis.retry_budget import RetryBudget
from chassis.transactions import open_unit

pytestmark = pytest.mark.anyio

Answer = httpx.Response | Exception | Callable[[], Awaitable[httpx.Response]]
IN_PROGRESS = {"code": "idempotency-in-progress"}


class Peer(httpx.AsyncBaseTransport):
    """Answers with what it was given, the last for ever after, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.reached = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.reached.set()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return await answer()


def client(peer: Peer, **options: Any) -> ServiceClient:
    return ServiceClient("catalog", "http://catalog/base", session=peer, **options)


def problem(status: int, body: dict[str, str], **headers: str) -> httpx.Response:
    return httpx.Response(
        status,
        json=body,
        headers={"content-type": "application/problem+json"} | {k.replace("_", "-"): v for k, v in headers.items()},
    )


def lost() -> httpx.TransportError:
    """Fail as the transport does when the connection drops after the request was written."""
    return httpx.ConnectTimeout("Server disconnected")


async def hang() -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


OK = httpx.Response(200, json={"sku": "A"})
AWAY = httpx.Response(503)


async def test_answer_is_handed_on() -> None:
    peer = Peer(OK)
    response = await client(peer).request("GET", "/v1/products", params={"q": "a b", "page": 2, "none": None})
    assert response.json() == {"sku": "A"}
    assert str(peer.asked[0].url) == "http://catalog/base/v1/products?q=a+b&page=2"


@pytest.mark.parametrize("status", [201, 304, 400, 404, 409, 422, 429, 500, 501])
async def test_other_statuses_are_the_callers_business(status: int) -> None:
    peer = Peer(httpx.Response(status))
    assert (await client(peer).request("GET", "/")).status_code == status
    assert len(peer.asked) == 1


async def test_body_is_json_with_dates_and_ids() -> None:
    peer = Peer(OK)
    await client(peer).request("POST", "/", json={"at": datetime(2030, 1, 1, tzinfo=UTC), "id": UUID(int=7)})
    assert peer.asked[0].content == b'{"at":"2030-01-01T00:00:00+00:00","id":"00000000-0000-0000-0000-000000000007"}'
    assert peer.asked[0].headers["content-type"] == "application/json"


async def test_body_is_a_form() -> None:
    peer = Peer(OK)
    await client(peer).request("POST", "/", form={"grant_type": "x y"})
    assert peer.asked[0].content == b"grant_type=x+y"
    assert peer.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", ["", "v1", "http://elsewhere.example/v1"])
async def test_path_cannot_lead_elsewhere(path: str) -> None:
    peer = Peer(OK)
    with pytest.raises(ValueError, match="slash"):
        await client(peer).request("GET", path)
    assert peer.asked == []


async def test_path_with_two_slashes_stays_at_the_peer() -> None:
    peer = Peer(OK)
    await client(peer).request("GET", "//elsewhere.example/v1")
    assert peer.asked[0].url.host == "catalog"


async def test_context_travels_with_a_span_of_its_own_per_attempt() -> None:
    peer = Peer(AWAY, OK)
    work = context.WorkContext(request_id="r-1", tracestate="a=b", sampled=True)
    with context.working(work):
        await client(peer).request("GET", "/")

    parents = [each.headers["traceparent"].split("-") for each in peer.asked]
    assert [parent[1] for parent in parents] == [work.trace_id] * 2
    assert len({parent[2] for parent in parents} | {work.span_id}) == 3
    assert [parent[3] for parent in parents] == ["01", "01"]
    assert [each.headers["x-request-id"] for each in peer.asked] == ["r-1", "r-1"]
    assert [each.headers["tracestate"] for each in peer.asked] == ["a=b", "a=b"]


async def test_work_without_a_context_keeps_one_trace_over_its_attempts() -> None:
    peer = Peer(AWAY, OK)
    await client(peer).request("GET", "/")
    assert len({each.headers["traceparent"].split("-")[1] for each in peer.asked}) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("answer", [lost(), httpx.Response(502), AWAY, httpx.Response(504)], ids=str)
async def test_idempotent_requests_are_repeated(method: str, answer: Answer) -> None:
    peer = Peer(answer, OK)
    assert (await client(peer).request(method, "/")).status_code == 200
    assert len(peer.asked) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("answer", [lost(), httpx.Response(502), AWAY, httpx.Response(504)], ids=str)
async def test_others_are_not_repeated_when_the_peer_may_have_acted(method: str, answer: Answer) -> None:
    peer = Peer(answer, OK)
    with pytest.raises(PeerUnavailableError) as error:
        await client(peer).request(method, "/")
    assert len(peer.asked) == 1
    assert error.value.maybe_done


async def test_post_with_a_key_is_repeated_with_the_same_key() -> None:
    peer = Peer(lost(), OK)
    await client(peer).request("POST", "/", idempotency_key="k-1")
    assert [each.headers["idempotency-key"] for each in peer.asked] == ["k-1", "k-1"]


async def test_post_that_is_called_repeatable_is_repeated() -> None:
    peer = Peer(lost(), OK)
    await client(peer).request("POST", "/", repeatable=True)
    assert len(peer.asked) == 2


async def test_attempts_end_with_the_last_error() -> None:
    peer = Peer(lost(), lost(), problem(503, {"code": "unavailable", "detail": "No database."}, retry_after="0"))
    with pytest.raises(PeerUnavailableError) as error:
        await client(peer, retries=2).request("GET", "/")
    assert len(peer.asked) == 3
    assert error.value.problem is not None
    assert error.value.problem.detail == "No database."
    assert error.value.retry_after_seconds == 0


async def test_without_retries_there_is_one_attempt() -> None:
    peer = Peer(AWAY)
    with pytest.raises(UnavailableError):
        await client(peer, retries=0).request("GET", "/")
    assert len(peer.asked) == 1


async def test_retry_after_is_waited_for() -> None:
    peer = Peer(httpx.Response(503, headers={"retry-after": "1"}), OK)
    started = time.monotonic()
    await client(peer).request("GET", "/")
    assert time.monotonic() - started >= 1


async def test_long_retry_after_is_handed_on_instead() -> None:
    peer = Peer(httpx.Response(503, headers={"retry-after": "6"}), OK)
    with pytest.raises(UnavailableError) as error:
        await client(peer, timeout_seconds=5).request("GET", "/")
    assert error.value.retry_after_seconds == 6
    assert len(peer.asked) == 1


async def test_empty_budget_ends_retries() -> None:
    peer = Peer(httpx.Response(503, headers={"retry-after": "0"}))
    asker = client(peer, budget=RetryBudget(reserve=3, per_second=0), breaker=Breaker("catalog", failures=1000))
    for _ in range(5):
        with suppress(UnavailableError):
            await asker.request("GET", "/")
    assert len(peer.asked) == 5 + 3


async def test_calls_earn_retries() -> None:
    peer = Peer(AWAY, OK)
    budget = RetryBudget(ratio=0.5, reserve=1, per_second=0)
    budget.spend()
    asker = client(peer, budget=budget)
    with pytest.raises(UnavailableError):
        await asker.request("GET", "/")
    peer = Peer(OK, AWAY, OK)
    asker = client(peer, budget=budget)
    await asker.request("GET", "/")
    await asker.request("GET", "/")
    assert len(peer.asked) == 3


async def test_deadline_goes_out_as_what_the_attempt_has() -> None:
    peer = Peer(OK)
    with context.deadline_in(2):
        await client(peer, timeout_seconds=5).request("GET", "/")
        await client(peer, timeout_seconds=1).request("GET", "/")
    first, second = (int(each.headers["x-request-timeout-ms"]) for each in peer.asked)
    assert 1900 < first <= 2000
    assert 900 < second <= 1000


async def test_nothing_is_sent_after_the_deadline() -> None:
    peer = Peer(OK)
    with context.deadline_in(-1), pytest.raises(DeadlineExceededError):
        await client(peer).request("GET", "/")
    assert peer.asked == []


async def test_deadline_ends_a_hanging_call() -> None:
    peer = Peer(hang)
    with context.deadline_in(0.05), pytest.raises(DeadlineExceededError):
        await client(peer).request("GET", "/")
    assert len(peer.asked) == 1


async def test_timeout_ends_an_attempt_and_another_follows() -> None:
    peer = Peer(hang, OK)
    assert (await client(peer, timeout_seconds=0.05).request("GET", "/")).status_code == 200


async def test_timeout_of_a_post_leaves_its_outcome_open() -> None:
    peer = Peer(hang, OK)
    with pytest.raises(PeerUnavailableError) as error:
        await client(peer, timeout_seconds=0.05).request("POST", "/")
    assert error.value.maybe_done
    assert len(peer.asked) == 1


async def test_pause_that_would_outlast_the_deadline_is_not_begun() -> None:
    peer = Peer(httpx.Response(503, headers={"retry-after": "2"}), OK)
    started = time.monotonic()
    with context.deadline_in(1.5), pytest.raises(UnavailableError):
        await client(peer).request("GET", "/")
    assert time.monotonic() - started < 1


async def test_dead_peer_is_left_alone() -> None:
    peer = Peer(lost())
    asker = client(peer, retries=0)
    for _ in range(5):
        with pytest.raises(PeerUnavailableError):
            await asker.request("GET", "/")
    with pytest.raises(BreakerOpenError):
        await asker.request("GET", "/")
    assert len(peer.asked) == 5


@pytest.mark.parametrize("status", [400, 404, 409, 500])
async def test_peer_that_refuses_is_not_a_dead_one(status: int) -> None:
    peer = Peer(httpx.Response(status))
    asker = client(peer)
    for _ in range(30):
        await asker.request("GET", "/")
    assert len(peer.asked) == 30


async def test_hurried_callers_do_not_open_the_breaker() -> None:
    peer = Peer(hang)
    asker = client(peer, timeout_seconds=1)
    for _ in range(8):
        with context.deadline_in(0.01), pytest.raises(DeadlineExceededError):
            await asker.request("GET", "/")
    assert len(peer.asked) == 8


async def test_patient_callers_do() -> None:
    peer = Peer(hang)
    asker = client(peer, timeout_seconds=0.2, retries=0, breaker=Breaker("catalog", failures=2))
    for _ in range(2):
        with context.deadline_in(0.19), pytest.raises(DeadlineExceededError):
            await asker.request("GET", "/")
    with pytest.raises(BreakerOpenError):
        await asker.request("GET", "/")


async def test_504_for_patient_callers_opens_the_breaker() -> None:
    peer = Peer(httpx.Response(504))
    asker = client(peer, retries=0, timeout_seconds=30)
    for _ in range(5):
        with context.deadline_in(60), pytest.raises(PeerUnavailableError):
            await asker.request("GET", "/")
    with pytest.raises(BreakerOpenError):
        await asker.request("GET", "/")


async def test_504_for_hurried_callers_does_not_open_the_breaker() -> None:
    peer = Peer(httpx.Response(504))
    asker = client(peer, retries=0, timeout_seconds=30)
    for _ in range(8):
        with context.deadline_in(1), pytest.raises(UnavailableError):
            await asker.request("GET", "/")
    assert len(peer.asked) == 8


async def test_full_bulkhead_refuses_and_does_not_hurt_the_breaker() -> None:
    peer = Peer(hang)
    asker = client(peer, bulkhead=Bulkhead("catalog", limit=1, queue=0))
    busy = asyncio.create_task(asker.request("GET", "/"))
    await peer.reached.wait()
    for _ in range(8):
        with pytest.raises(BulkheadFullError):
            await asker.request("GET", "/")
    busy.cancel()
    with suppress(asyncio.CancelledError):
        await busy
    assert len(peer.asked) == 1


async def test_request_in_progress_is_asked_for_until_it_is_done() -> None:
    busy = problem(409, IN_PROGRESS, retry_after="0")
    peer = Peer(busy, busy, busy, busy, httpx.Response(201))
    response = await client(peer).request("POST", "/", idempotency_key="k-1")
    assert response.status_code == 201
    assert len(peer.asked) == 5


async def test_request_in_progress_at_the_deadline_is_unavailable() -> None:
    peer = Peer(problem(409, IN_PROGRESS, retry_after="1"))
    started = time.monotonic()
    with context.deadline_in(0.5), pytest.raises(PeerUnavailableError) as error:
        await client(peer).request("POST", "/", idempotency_key="k-1")
    assert error.value.retry_after_seconds == 1
    assert time.monotonic() - started < 0.5


async def test_other_conflicts_are_handed_on() -> None:
    peer = Peer(problem(409, {"code": "out-of-stock"}))
    assert (await client(peer).request("POST", "/", idempotency_key="k-1")).status_code == 409


class Tokens:
    def __init__(self) -> None:
        self.given = 0

    async def token(self, audience: str) -> str:
        return f"{audience}-{self.given}"

    def forget(self, audience: str, token: str) -> None:
        assert token == f"{audience}-{self.given}"
        self.given += 1


class NoTokens(Tokens):
    async def token(self, audience: str) -> str:
        raise UnavailableError("auth is away")


async def test_own_token_is_shown() -> None:
    peer = Peer(OK)
    await client(peer, tokens=Tokens()).request("GET", "/")
    assert peer.asked[0].headers["authorization"] == "Bearer catalog-0"


async def test_callers_token_goes_instead_of_the_own() -> None:
    peer = Peer(httpx.Response(401))
    await client(peer, tokens=Tokens()).request("GET", "/", headers={"Authorization": "Bearer theirs"})
    assert [each.headers["authorization"] for each in peer.asked] == ["Bearer theirs"]


async def test_refused_token_is_renewed_once() -> None:
    peer = Peer(httpx.Response(401))
    response = await client(peer, tokens=Tokens(), retries=5).request("POST", "/")
    assert response.status_code == 401
    assert [each.headers["authorization"] for each in peer.asked] == ["Bearer catalog-0", "Bearer catalog-1"]


async def test_refused_token_is_no_failure_of_the_peer() -> None:
    peer = Peer(httpx.Response(401), OK)
    asker = client(peer, tokens=Tokens(), breaker=Breaker("catalog", failures=1))
    assert (await asker.request("POST", "/")).status_code == 200


async def test_without_a_token_nothing_is_sent() -> None:
    peer = Peer(OK)
    with pytest.raises(UnavailableError, match="auth is away"):
        await client(peer, tokens=NoTokens()).request("GET", "/")
    assert peer.asked == []


async def test_call_in_a_unit_of_work_is_refused() -> None:
    peer = Peer(OK)
    token = open_unit.set(True)
    try:
        with pytest.raises(RuntimeError, match="GET catalog/v1/products while a unit of work is open"):
            await client(peer).request("GET", "/v1/products")
    finally:
        open_unit.reset(token)
    await client(peer).request("GET", "/v1/products")
    assert len(peer.asked) == 1


async def test_client_keeps_no_cookie() -> None:
    peer = Peer(httpx.Response(200, headers={"set-cookie": "session=ada; Path=/"}))
    asker = client(peer)
    await asker.request("GET", "/")
    await asker.request("GET", "/")
    assert "cookie" not in peer.asked[1].headers


def counted(outcome: str) -> float:
    labels = {"peer": "catalog", "outcome": outcome}
    return REGISTRY.get_sample_value("tradewind_client_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(OK, "2xx"), (httpx.Response(404), "4xx"), (AWAY, "5xx"), (lost(), "lost"), (hang, "timeout")],
)
async def test_every_attempt_is_counted_once(answer: Answer, outcome: str) -> None:
    before = counted(outcome)
    with suppress(ServiceError):
        await client(Peer(answer), retries=0, timeout_seconds=0.02).request("GET", "/")
    assert counted(outcome) == before + 1


def test_clients_need_no_database_library() -> None:
    program = "import sys; sys.modules['sqlalchemy'] = None; import chassis.clients, chassis.service_tokens"
    subprocess.run([sys.executable, "-c", program], check=True)
