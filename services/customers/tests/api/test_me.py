"""Profile and preferences, as their owner meets them."""

from uuid import UUID

import pytest
from httpx2 import AsyncClient

from chassis.testing import TokenIssuer

pytestmark = pytest.mark.anyio

ME = "/v1/customers/me"
PREFERENCES = "/v1/customers/me/preferences"


async def test_profile_is_there_before_anybody_told_of_the_account(
    client: AsyncClient, ada: UUID, as_ada: dict[str, str]
) -> None:
    answer = await client.get(ME, headers=as_ada)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(ada),
        "email": None,
        "name": None,
        "phone": None,
        "locale": None,
        "tier": "standard",
        "registered_at": None,
    }


async def test_everybody_sees_their_own(
    client: AsyncClient, ada: UUID, as_ada: dict[str, str], as_bob: dict[str, str]
) -> None:
    await client.get(ME, headers=as_ada)
    theirs = await client.get(ME, headers=as_bob)
    assert theirs.status_code == 200
    assert theirs.json()["id"] != str(ada)


@pytest.mark.parametrize("path", [ME, PREFERENCES, f"{ME}/addresses", f"{ME}/payment-methods"])
async def test_nothing_is_shown_without_a_token(client: AsyncClient, as_ada: dict[str, str], path: str) -> None:
    refused = await client.get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await client.get(path, headers=as_ada)).status_code == 200


@pytest.mark.parametrize("path", [ME, PREFERENCES, f"{ME}/addresses", f"{ME}/payment-methods"])
async def test_token_needs_the_scope(client: AsyncClient, tokens: TokenIssuer, ada: UUID, path: str) -> None:
    refused = await client.get(path, headers=tokens.headers(ada, "orders:own"))
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert (await client.get(path, headers=tokens.headers(ada, "customers:own"))).status_code == 200


async def test_service_is_no_customer(client: AsyncClient, tokens: TokenIssuer) -> None:
    headers = tokens.headers("orders", "customers:own", audience="customers")
    assert (await client.get(ME, headers=headers)).status_code == 403


async def test_known_version_is_not_sent_again(client: AsyncClient, as_ada: dict[str, str]) -> None:
    tag = (await client.get(ME, headers=as_ada)).headers["etag"]
    again = await client.get(ME, headers={**as_ada, "if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await client.patch(ME, json={"name": "Ada"}, headers={**as_ada, "if-match": tag})
    assert (await client.get(ME, headers={**as_ada, "if-none-match": tag})).status_code == 200


async def test_patch_merges(client: AsyncClient, as_ada: dict[str, str]) -> None:
    edit = {**as_ada, "if-match": "*"}
    await client.patch(ME, json={"name": "  Ada  ", "phone": "+442079460000", "locale": "en-GB"}, headers=edit)
    answer = await client.patch(ME, json={"phone": None}, headers=edit)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("name", "phone", "locale")} == {
        "name": "Ada",
        "phone": None,
        "locale": "en-GB",
    }
    assert (await client.get(ME, headers=as_ada)).json() == answer.json()


async def test_patch_may_say_that_it_is_a_merge_patch(client: AsyncClient, as_ada: dict[str, str]) -> None:
    headers = {**as_ada, "if-match": "*", "content-type": "application/merge-patch+json"}
    answer = await client.patch(ME, content='{"name": "Ada"}', headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Ada")


@pytest.mark.parametrize("path", [ME, PREFERENCES])
async def test_edit_has_to_name_the_current_version(client: AsyncClient, as_ada: dict[str, str], path: str) -> None:
    tag = (await client.get(path, headers=as_ada)).headers["etag"]
    assert (await client.patch(path, json={}, headers=as_ada)).status_code == 428
    assert (await client.patch(path, json={}, headers={**as_ada, "if-match": '"99"'})).status_code == 412
    assert (await client.patch(path, json={}, headers={**as_ada, "if-match": tag})).status_code == 200


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"email": "ada@example.com"}, "/body/email"),
        ({"tier": "premium"}, "/body/tier"),
        ({"name": ""}, "/body/name"),
        ({"name": "   "}, "/body/name"),
        ({"name": "A\u0000da"}, "/body/name"),
        ({"name": "A" * 101}, "/body/name"),
        ({"name": 7}, "/body/name"),
        ({"phone": "020 7946 0000"}, "/body/phone"),
        ({"phone": "+0442079460000"}, "/body/phone"),
        ({"phone": "+٤٤٢٠٧٩٤٦٠٠٠٠"}, "/body/phone"),
        ({"locale": "english"}, "/body/locale"),
    ],
)
async def test_what_is_not_acceptable_is_named(
    client: AsyncClient, as_ada: dict[str, str], patch: dict[str, object], pointer: str
) -> None:
    refused = await client.patch(ME, json=patch, headers={**as_ada, "if-match": "*"})
    assert (refused.status_code, [each["pointer"] for each in refused.json()["errors"]]) == (422, [pointer])


async def test_preferences_begin_with_nothing_asked_for(client: AsyncClient, as_ada: dict[str, str]) -> None:
    answer = await client.get(PREFERENCES, headers=as_ada)
    assert answer.json() == {"marketing": False, "newsletter": False, "currency": None, "language": None}


async def test_preferences_merge_and_null_goes_back(client: AsyncClient, as_ada: dict[str, str]) -> None:
    edit = {**as_ada, "if-match": "*"}
    await client.patch(PREFERENCES, json={"marketing": True, "newsletter": True, "currency": "EUR"}, headers=edit)
    answer = await client.patch(PREFERENCES, json={"marketing": None}, headers=edit)
    assert answer.json() == {"marketing": False, "newsletter": True, "currency": "EUR", "language": None}
    assert (await client.get(PREFERENCES, headers=as_ada)).json() == answer.json()


async def test_patch_takes_no_idempotency_key(client: AsyncClient, as_ada: dict[str, str]) -> None:
    headers = {**as_ada, "if-match": "*", "idempotency-key": "k1"}
    refused = await client.patch(ME, json={}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency-key-refused")
