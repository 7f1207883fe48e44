"""Begins a step and dies by `kill -9` at a named line; `test_deaths` runs it as a process of its own."""

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from chassis.settings import BrokerSettings, DatabaseSettings, TokenSettings
from payments.main import ProviderSettings, Settings, build


async def main(order_id: UUID, step: str, where: str) -> None:
    """Ask for a step, and die before or after the provider is asked."""
    settings = Settings(
        environment="development",
        database=DatabaseSettings(url=SecretStr(os.environ["TEST_DATABASE"])),
        broker=BrokerSettings(url="nats://127.0.0.1:1"),
        tokens=TokenSettings(issuer="http://127.0.0.1:1", jwks_url="http://127.0.0.1:1"),
        provider=ProviderSettings.model_validate_json(os.environ["TEST_PROVIDER"]),
        peers={},
    )
    service = build(settings)
    parts = service.app.state.payments
    client: Any = parts.provider._client
    ask = client.request

    async def ask_and_die(*arguments: Any, **options: Any) -> Any:
        if where == "after":
            await ask(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    client.request = ask_and_die
    sessions = [each for each in service._resources if each.name == "provider connections"]
    async with sessions[0].open():
        await getattr(parts.payments, step)(order_id, *_arguments(step))


def _arguments(step: str) -> tuple[Any, ...]:
    from chassis.money import Money
    from payments.domain.methods import Method, MethodKind
    from payments.domain.payments import Request

    if step == "authorise":
        return (Request(Money(2000, "EUR"), Method(MethodKind.CARD, "tok_approve"), None),)
    return ()


if __name__ == "__main__":
    asyncio.run(main(UUID(sys.argv[1]), sys.argv[2], sys.argv[3]))
