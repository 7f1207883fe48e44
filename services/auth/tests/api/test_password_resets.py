import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from chassis import tables
from chassis.app import Service
from services.auth.tests.api.people import MakePerson, Person, problem

pytestmark = pytest.mark.anyio

NEW = "a much longer password"
RESETS = "/v1/password-resets"
CONFIRMATIONS = "/v1/password-resets/confirmations"


async def test_forgotten_password_is_replaced_with_the_token_of_the_mail(ada: Person, client: AsyncClient) -> None:
    signed_in = (await ada.sign_in()).json()
    answer = await client.post(RESETS, json={"email": ada.email.upper()})
    assert (answer.status_code, answer.json()) == (202, {"email": ada.email})
    confirmation = {"token": await ada.reset_token(), "new_password": NEW}
    assert (await client.post(CONFIRMATIONS, json=confirmation)).status_code == 204
    assert (await ada.sign_in()).status_code == 400
    assert (await ada.refresh(signed_in["refresh_token"])).status_code == 400
    ada.password = NEW
    assert (await ada.sign_in()).status_code == 200
    assert problem(await client.post(CONFIRMATIONS, json=confirmation)) == (422, "reset-token-invalid")


async def test_unknown_address_gets_the_same_answer_and_no_mail(somebody: MakePerson, client: AsyncClient) -> None:
    nobody = somebody()
    answer = await client.post(RESETS, json={"email": nobody.email})
    assert (answer.status_code, answer.json()) == (202, {"email": nobody.email})
    assert await nobody.mails() == []


async def test_event_names_the_reset_and_carries_no_secret(ada: Person, client: AsyncClient, service: Service) -> None:
    await client.post(RESETS, json={"email": ada.email})
    async with service.app.state.database.read() as connection:
        rows = await connection.execute(
            select(tables.outbox.c.data).where(
                tables.outbox.c.type == "tradewind.auth.password-reset-requested.v1",
                tables.outbox.c.subject == await ada.id(),
            )
        )
    (data,) = rows.scalars()
    assert set(data) == {"account_id", "reset_id", "requested_at", "expires_at"}
    assert (await ada.reset_token()) not in str(data)


async def test_weak_password_leaves_the_token_usable(ada: Person, client: AsyncClient) -> None:
    await client.post(RESETS, json={"email": ada.email})
    token = await ada.reset_token()
    weak = await client.post(CONFIRMATIONS, json={"token": token, "new_password": ada.email})
    assert problem(weak) == (422, "weak-password")
    assert (await client.post(CONFIRMATIONS, json={"token": token, "new_password": NEW})).status_code == 204


@pytest.mark.parametrize("token", ["x", "twp_" + "A" * 70, "twr_" + "A" * 70])
async def test_made_up_token_is_refused(client: AsyncClient, token: str) -> None:
    answer = await client.post(CONFIRMATIONS, json={"token": token, "new_password": NEW})
    assert problem(answer) == (422, "reset-token-invalid")


async def test_idempotency_keys_are_refused_where_they_would_mean_nothing(client: AsyncClient) -> None:
    for path, body in ((RESETS, {"email": "a@example.com"}), (CONFIRMATIONS, {"token": "x", "new_password": NEW})):
        answer = await client.post(path, json=body, headers={"idempotency-key": "key"})
        assert problem(answer) == (400, "idempotency-key-refused")
