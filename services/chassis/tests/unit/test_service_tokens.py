import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import parse_qs

import httpx
import pytest
import structlog
from pydantic import SecretStr

from chassis import context
from chassis.clients import UnexpectedAnswerError
from chassis.errors import DeadlineExceededError, UnavailableError
from chassis.service_tokens import ServiceTokens
from chassis.settings import ClientSettings

pytestmark = pytest.mark.anyio

SETTINGS = ClientSettings(token_url="http://auth:8001/v1/oauth/token", secret=SecretStr("s3cret:ä/"))
AWAY = httpx.Response(503, headers={"retry-after": "30"})


class Auth(httpx.AsyncBaseTransport):
    """A token endpoint that numbers its tokens; ``answer`` is what it says instead, ``open`` lets it answer.

    ``lost`` connections break off first.
    """

    def __init__(self) -> None:
        self.lifetime = 600
        self.answer: httpx.Response | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.lost = 0
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await self.open.wait()
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("connection lost")
        if self.answer is not None:
            return httpx.Response(self.answer.status_code, headers=self.answer.headers, content=self.answer.content)
        body = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", "expires_in": self.lifetime}
        return httpx.Response(200, json=body)

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.asked[-1].content.decode())


class Seconds:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def tokens(auth: Auth, seconds: Seconds) -> AsyncIterator[ServiceTokens]:
    made = ServiceTokens(
        SETTINGS, "orders", session=auth, scopes={"payments": ["payments:take", "payments:give"]}, monotonic=seconds
    )
    async with made.lifespan():
        yield made


async def settle() -> None:
    """Let background tasks come as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_token_is_asked_for_as_the_client_for_one_audience(tokens: ServiceTokens, auth: Auth) -> None:
    assert await tokens.token("payments") == "token-1"

    (request,) = auth.asked
    assert str(request.url) == SETTINGS.token_url
    # RFC 6749, section 2.3.1: each part is form-encoded before Basic puts a colon between them.
    assert request.headers["authorization"] == "Basic " + b64encode(b"orders:s3cret%3A%C3%A4%2F").decode()
    assert auth.form() == {
        "grant_type": ["client_credentials"],
        "resource": ["urn:tradewind:payments"],
        "scope": ["payments:take payments:give"],
    }


async def test_audience_without_scopes_asks_for_none(tokens: ServiceTokens, auth: Auth) -> None:
    await tokens.token("catalog")
    assert "scope" not in auth.form()


async def test_each_audience_has_its_own_token(tokens: ServiceTokens) -> None:
    assert await tokens.token("catalog") != await tokens.token("payments")


async def test_token_is_kept(tokens: ServiceTokens, auth: Auth, seconds: Seconds) -> None:
    await tokens.token("catalog")
    seconds.now += 539
    assert await tokens.token("catalog") == "token-1"
    await settle()
    assert len(auth.asked) == 1


async def test_token_is_renewed_in_the_background_in_its_last_minute(
    tokens: ServiceTokens, auth: Auth, seconds: Seconds
) -> None:
    await tokens.token("catalog")
    seconds.now += 540
    auth.open.clear()
    assert await tokens.token("catalog") == "token-1"
    assert await tokens.token("catalog") == "token-1"
    await settle()
    assert len(auth.asked) == 2

    auth.open.set()
    await settle()

    assert await tokens.token("catalog") == "token-2"


async def test_old_token_is_not_shown_in_its_last_half_minute(
    tokens: ServiceTokens, auth: Auth, seconds: Seconds
) -> None:
    await tokens.token("catalog")
    seconds.now += 570
    assert await tokens.token("catalog") == "token-2"


async def test_many_who_wait_cause_one_request(tokens: ServiceTokens, auth: Auth) -> None:
    assert set(await asyncio.gather(*(tokens.token("catalog") for _ in range(50)))) == {"token-1"}
    assert len(auth.asked) == 1


async def test_one_who_gives_up_takes_nothing_from_the_others(tokens: ServiceTokens, auth: Auth) -> None:
    auth.open.clear()
    first = asyncio.create_task(tokens.token("catalog"))
    await settle()
    second = asyncio.create_task(tokens.token("catalog"))
    await settle()
    first.cancel()
    await settle()
    auth.open.set()

    assert await second == "token-1"
    assert len(auth.asked) == 1


async def test_deadline_bounds_the_wait_and_not_the_fetch(tokens: ServiceTokens, auth: Auth) -> None:
    auth.open.clear()
    with context.deadline_in(0.02), pytest.raises(DeadlineExceededError):
        await tokens.token("catalog")
    auth.open.set()

    assert await tokens.token("catalog") == "token-1"
    assert len(auth.asked) == 1
    assert int(auth.asked[0].headers["x-request-timeout-ms"]) > 1000


async def test_fetch_belongs_to_the_trace_that_needed_it(tokens: ServiceTokens, auth: Auth) -> None:
    with context.working(context.WorkContext(trace_id="ab" * 16)):
        await tokens.token("catalog")
    assert "ab" * 16 in auth.asked[0].headers["traceparent"]


async def test_lost_connection_is_no_reason_to_have_no_token(tokens: ServiceTokens, auth: Auth) -> None:
    auth.lost = 1
    assert await tokens.token("catalog") == "token-2"


async def test_without_auth_there_is_no_first_token(tokens: ServiceTokens, auth: Auth) -> None:
    auth.answer = AWAY
    with pytest.raises(UnavailableError):
        await tokens.token("catalog")

    auth.answer = None
    assert await tokens.token("catalog") == "token-2"


@pytest.mark.parametrize("answer", [AWAY, httpx.Response(500)], ids=["away", "broken"])
async def test_without_auth_the_old_token_goes_on_until_it_ends(
    tokens: ServiceTokens, auth: Auth, seconds: Seconds, answer: httpx.Response
) -> None:
    await tokens.token("catalog")
    auth.answer = answer
    seconds.now += 594
    assert await tokens.token("catalog") == "token-1"

    seconds.now += 1
    with pytest.raises((UnavailableError, UnexpectedAnswerError)):
        await tokens.token("catalog")


async def test_absence_of_auth_is_logged_once(tokens: ServiceTokens, auth: Auth) -> None:
    auth.answer = AWAY
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with suppress(UnavailableError):
                await tokens.token("catalog")
        auth.answer = None
        await tokens.token("payments")
        with suppress(UnavailableError):
            await tokens.token("catalog")
    assert [line["event"] for line in lines] == ["no token"]


async def test_failed_renewal_is_tried_again_after_a_pause(tokens: ServiceTokens, auth: Auth, seconds: Seconds) -> None:
    await tokens.token("catalog")
    auth.answer = AWAY
    seconds.now += 540
    for _ in range(3):
        assert await tokens.token("catalog") == "token-1"
        await settle()
    assert len(auth.asked) == 2

    auth.answer = None
    seconds.now += 5
    await tokens.token("catalog")
    await settle()
    assert await tokens.token("catalog") == "token-3"


async def test_short_lived_token_is_kept_for_most_of_its_life(
    tokens: ServiceTokens, auth: Auth, seconds: Seconds
) -> None:
    auth.lifetime = 20
    await tokens.token("catalog")
    seconds.now += 9
    assert await tokens.token("catalog") == "token-1"
    await settle()
    assert len(auth.asked) == 1
    seconds.now += 6
    assert await tokens.token("catalog") == "token-2"


async def test_forgotten_token_is_replaced(tokens: ServiceTokens) -> None:
    await tokens.token("catalog")
    tokens.forget("catalog", "token-1")
    assert await tokens.token("catalog") == "token-2"


async def test_newer_token_is_not_forgotten_for_an_older_ones_sake(tokens: ServiceTokens) -> None:
    await tokens.token("catalog")
    tokens.forget("catalog", "token-0")
    tokens.forget("payments", "token-1")
    assert await tokens.token("catalog") == "token-1"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": "invalid_client"}),
        httpx.Response(200, json={"access_token": "x"}),
        httpx.Response(200, json={"access_token": "x", "expires_in": "soon"}),
        httpx.Response(200, content=b"<html>"),
    ],
    ids=["refused", "endless", "ill-formed", "no JSON"],
)
async def test_other_answers_are_faults_of_ours(tokens: ServiceTokens, auth: Auth, answer: httpx.Response) -> None:
    auth.answer = answer
    with pytest.raises(UnexpectedAnswerError):
        await tokens.token("catalog")


async def test_end_of_the_service_ends_a_fetch(auth: Auth) -> None:
    auth.open.clear()
    made = ServiceTokens(SETTINGS, "orders", session=auth)
    async with made.lifespan():
        waiting = asyncio.create_task(made.token("catalog"))
        await settle()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_tokens_are_not_shown_by_repr(tokens: ServiceTokens) -> None:
    await tokens.token("catalog")
    assert "token-1" not in repr(vars(tokens)["_tokens"])
    assert "s3cret" not in repr(tokens)
