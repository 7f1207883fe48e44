"""The whole sandbox in this process, with a receiver of webhooks that remembers them."""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from httpx2 import AsyncClient
from pydantic import SecretStr

from chassis.app import Service
from chassis.clients import ServiceClient
from chassis.clock import SystemClock
from chassis.settings import DatabaseSettings
from chassis.testing import running
from sandbox.clients.receiver import HttpReceiver
from sandbox.data.books import SqlUnits
from sandbox.main import Settings, WebhookSettings, build
from sandbox.workers.deliveries import Deliveries

SECRET = "a-webhook-secret-for-tests"


class Inbox(httpx.AsyncBaseTransport):
    """Stands in for payments: keeps what is sent, and answers what the test says."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answers: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.heard.append((request.headers["webhook-signature"], await request.aread()))
        return httpx.Response(self.answers.pop(0) if self.answers else 204, request=request)

    def references(self) -> list[str]:
        return [orjson.loads(body)["reference"] for _signature, body in self.heard]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def service(database_settings: DatabaseSettings, inbox: Inbox) -> Service:
    service = build(
        Settings(
            environment="development",
            database=database_settings,
            peers={"payments": "http://payments.test"},
            api_key=SecretStr("an-api-key-for-tests"),
            webhooks=WebhookSettings(secret=SecretStr(SECRET)),
            late_seconds=1.5,
            hang_seconds=1,
        )
    )
    client = ServiceClient("payments", "http://payments.test", session=inbox, retries=0)
    receiver = HttpReceiver(client, "/v1/provider-webhooks/sandbox", SECRET, SystemClock())
    deliveries = Deliveries(SqlUnits(service.app.state.database), receiver, SystemClock())
    service.app.state.reports = deliveries
    service.background._loops = {"deliveries": deliveries.run}
    return service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service, headers={"authorization": "Bearer an-api-key-for-tests"}) as client:
        yield client
