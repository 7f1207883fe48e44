"""People who use the service under test."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from httpx2 import AsyncClient, Response

from auth.domain.administration import AccountService
from auth.domain.mails import Mail
from auth.domain.operations import Operations
from chassis.app import Service

PASSWORD = "correct horse battery"

_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with an address, a password and a computer of their own."""

    client: AsyncClient
    operations: Operations
    number: int = field(default_factory=lambda: next(_numbers))
    password: str = PASSWORD

    @property
    def email(self) -> str:
        return f"person{self.number}@example.com"

    @property
    def address(self) -> dict[str, str]:
        return {"x-forwarded-for": f"10.{self.number // 65536}.{self.number // 256 % 256}.{self.number % 256}"}

    async def register(self, **headers: str) -> Response:
        body = {"email": self.email, "password": self.password, "name": f"Person {self.number}"}
        return await self.client.post("/v1/accounts", json=body, headers={**self.address, **headers})

    async def ask_token(self, **parameters: str) -> Response:
        return await self.client.post("/v1/oauth/token", data=parameters, headers=self.address)

    async def sign_in(self, **parameters: str) -> Response:
        chosen = {
            "grant_type": "password",
            "client_id": "tradewind-cli",
            "username": self.email,
            "password": self.password,
            **parameters,
        }
        return await self.ask_token(**chosen)

    async def refresh(self, token: str, **parameters: str) -> Response:
        return await self.ask_token(
            grant_type="refresh_token", client_id="tradewind-cli", refresh_token=token, **parameters
        )

    async def headers(self, **parameters: str) -> dict[str, str]:
        """Sign in; return the headers of a request with a token."""
        answer = await self.sign_in(**parameters)
        return {"authorization": f"Bearer {answer.json()['access_token']}", **self.address}

    async def id(self) -> str:
        answer = await self.client.get("/v1/accounts/me", headers=await self.headers())
        return str(answer.json()["id"])

    async def mails(self) -> list[Mail]:
        """What this person was written."""
        assert self.operations.mails is not None
        return [mail for mail in await self.operations.mails() if mail.to == self.email]

    async def reset_token(self) -> str:
        body = (await self.mails())[-1].body
        return next(line for line in body.splitlines() if line.startswith("twp_"))


MakePerson = Callable[[], Person]
"""Makes people without an account."""


async def appoint(service: Service, person: Person) -> None:
    """Make a person an admin."""
    operations: Operations = service.app.state.operations
    password_hash = await operations.hasher.hash(person.password)
    async with operations.units() as uow:
        await AccountService(uow, operations.clock).appoint_admin(person.email, "Root", password_hash)


def problem(answer: Response) -> tuple[int, Any]:
    """Return status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
