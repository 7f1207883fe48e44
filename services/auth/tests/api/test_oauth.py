import base64
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from chassis.testing import FakeClock
from services.auth.tests.api.conftest import CUSTOMERS_SECRET, GATEWAY_SECRET, ISSUER
from services.auth.tests.api.people import MakePerson, Person

pytestmark = pytest.mark.anyio

TOKEN, REVOKE, INTROSPECT = "/v1/oauth/token", "/v1/oauth/revoke", "/v1/oauth/introspect"
CUSTOMERS = ("customers", CUSTOMERS_SECRET)
CREDENTIALS = {"grant_type": "client_credentials", "resource": "urn:tradewind:auth"}


def refusal(answer: Response) -> tuple[int, str]:
    """Return status and error of an OAuth refusal, which nobody may store."""
    assert answer.headers["content-type"] == "application/json", answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description"}
    return answer.status_code, answer.json()["error"]


async def post(client: AsyncClient, content: str, **headers: str) -> Response:
    form = {"content-type": "application/x-www-form-urlencoded", **headers}
    return await client.post(TOKEN, content=content, headers=form)


class TestTokenEndpoint:
    async def test_login_gives_a_pair_that_nobody_may_store(self, ada: Person) -> None:
        answer = await ada.sign_in()
        body = answer.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
        assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        assert body["scope"].split() == ["accounts:own", "customers:own", "keys:own", "orders:own"]
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")

    async def test_wrong_password_and_unknown_address_are_told_alike(self, ada: Person, somebody: MakePerson) -> None:
        wrong, unknown = await ada.sign_in(password="wrong horse battery"), await somebody().sign_in()
        assert refusal(wrong) == refusal(unknown) == (400, "invalid_grant")
        assert wrong.json() == unknown.json()

    async def test_guessing_is_slowed_down_and_the_owner_gets_in(
        self, ada: Person, bob: Person, service_clock: FakeClock
    ) -> None:
        assert (await ada.sign_in()).status_code == 200
        thief = Person(bob.client, bob.operations)
        answers = [await thief.sign_in(username=ada.email, password="wrong horse battery") for _ in range(12)]
        assert refusal(answers[-1]) == (429, "slow_down")
        assert int(answers[-1].headers["retry-after"]) == 1
        assert refusal(await thief.sign_in(username=ada.email)) == (429, "slow_down")
        assert (await ada.sign_in()).status_code == 200
        service_clock.advance(seconds=1)
        assert (await thief.sign_in(username=ada.email)).status_code == 200

    async def test_guessing_at_many_accounts_slows_the_address(self, somebody: MakePerson) -> None:
        thief = somebody()
        answers = [await thief.sign_in(username=f"{number}@example.org") for number in range(27)]
        assert [each.status_code for each in answers] == [400] * 26 + [429]

    async def test_refresh_rotates_and_reuse_ends_the_family(self, ada: Person, service_clock: FakeClock) -> None:
        first = (await ada.sign_in()).json()["refresh_token"]
        second = (await ada.refresh(first)).json()["refresh_token"]
        assert second != first
        assert (await ada.refresh(first)).json()["refresh_token"] == second
        service_clock.advance(seconds=11)
        assert refusal(await ada.refresh(first)) == (400, "invalid_grant")
        assert refusal(await ada.refresh(second)) == (400, "invalid_grant")
        assert (await ada.sign_in()).status_code == 200

    @pytest.mark.parametrize("way", ["basic", "post"])
    async def test_service_authenticates_in_either_way(self, client: AsyncClient, way: str) -> None:
        if way == "basic":
            answer = await client.post(TOKEN, data=CREDENTIALS, auth=CUSTOMERS)
        else:
            form = {**CREDENTIALS, "client_id": "customers", "client_secret": CUSTOMERS_SECRET}
            answer = await client.post(TOKEN, data=form)
        assert answer.status_code == 200
        assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}

    async def test_unknown_client_is_challenged(self, client: AsyncClient) -> None:
        for auth in (("customers", "x" * 43), ("nobody", CUSTOMERS_SECRET)):
            answer = await client.post(TOKEN, data=CREDENTIALS, auth=auth)
            assert refusal(answer) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert refusal(await client.post(TOKEN, data=CREDENTIALS)) == (401, "invalid_client")
        bearer = await client.post(TOKEN, data=CREDENTIALS, headers={"authorization": "Bearer x"})
        assert refusal(bearer) == (401, "invalid_client")

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ("", "invalid_request"),
            ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
            ("grant_type=client_credentials&scope=a&scope=b&resource=urn:tradewind:auth", "invalid_request"),
            ("grant_type=client_credentials&x=%00", "invalid_request"),
            ("grant_type=authorization_code&code=x", "unsupported_grant_type"),
            ("grant_type=password&username=a&password=b", "unauthorized_client"),
            ("grant_type=client_credentials", "invalid_target"),
            ("grant_type=client_credentials&resource=urn:tradewind:gateway", "invalid_target"),
            ("grant_type=client_credentials&resource=https://x.example", "invalid_target"),
            ("grant_type=client_credentials&resource=urn:tradewind:auth&resource=urn:tradewind:x", "invalid_target"),
            ("grant_type=client_credentials&resource=urn:tradewind:auth&scope=accounts:manage", "invalid_scope"),
        ],
    )
    async def test_refusals_have_the_names_of_the_rfcs(self, client: AsyncClient, form: str, error: str) -> None:
        basic = "Basic " + base64.b64encode(":".join(CUSTOMERS).encode()).decode()
        assert refusal(await post(client, form, authorization=basic)) == (400, error)
        control = await post(client, "grant_type=client_credentials&resource=urn:tradewind:auth", authorization=basic)
        assert control.status_code == 200

    async def test_json_body_is_no_form(self, client: AsyncClient) -> None:
        assert refusal(await client.post(TOKEN, json=CREDENTIALS, auth=CUSTOMERS)) == (400, "invalid_request")

    async def test_unknown_parameters_and_idempotency_keys_are_ignored(self, client: AsyncClient) -> None:
        form = {**CREDENTIALS, "colour": "blue"}
        answer = await client.post(TOKEN, data=form, auth=CUSTOMERS, headers={"idempotency-key": "x"})
        assert answer.status_code == 200

    async def test_missing_parameter_is_named(self, ada: Person) -> None:
        answer = await ada.ask_token(grant_type="password", client_id="tradewind-cli", username=ada.email)
        assert refusal(answer) == (400, "invalid_request")
        assert "password" in answer.json()["error_description"]

    async def test_public_client_needs_no_secret_and_shows_none(self, ada: Person) -> None:
        assert (await ada.sign_in()).status_code == 200
        assert refusal(await ada.sign_in(client_secret="x")) == (401, "invalid_client")


class TestRevocation:
    async def test_revoked_token_refreshes_no_more(self, ada: Person, client: AsyncClient) -> None:
        token = (await ada.sign_in()).json()["refresh_token"]
        answer = await client.post(REVOKE, data={"token": token, "client_id": "tradewind-cli"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert refusal(await ada.refresh(token)) == (400, "invalid_grant")

    async def test_unknown_token_is_as_good_as_revoked(self, client: AsyncClient) -> None:
        answer = await client.post(REVOKE, data={"token": "nonsense", "client_id": "tradewind-cli"})
        assert answer.status_code == 200

    async def test_access_token_cannot_be_revoked_and_says_so(self, ada: Person, client: AsyncClient) -> None:
        token = (await ada.sign_in()).json()["access_token"]
        answer = await client.post(REVOKE, data={"token": token, "client_id": "tradewind-cli"})
        assert refusal(answer) == (400, "unsupported_token_type")

    async def test_client_is_named_and_token_given(self, client: AsyncClient) -> None:
        assert refusal(await client.post(REVOKE, data={"token": "x"})) == (401, "invalid_client")
        assert refusal(await client.post(REVOKE, data={"client_id": "tradewind-cli"})) == (400, "invalid_request")


class TestIntrospection:
    async def ask(self, client: AsyncClient, token: str, auth: Any = CUSTOMERS) -> Response:
        return await client.post(INTROSPECT, data={"token": token}, auth=auth)

    async def test_service_learns_what_a_token_says(self, ada: Person, client: AsyncClient) -> None:
        answer = await self.ask(client, (await ada.sign_in(scope="accounts:own")).json()["access_token"])
        body = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert (body["active"], body["token_type"], body["scope"]) == (True, "Bearer", "accounts:own")
        assert (body["iss"], body["aud"], body["client_id"]) == (ISSUER, "tradewind", "tradewind-cli")
        assert body["roles"] == ["customer"]

    async def test_token_for_another_service_is_inactive(self, client: AsyncClient) -> None:
        token = (await client.post(TOKEN, data=CREDENTIALS, auth=CUSTOMERS)).json()["access_token"]
        assert (await self.ask(client, token)).json() == {"active": False}

    async def test_token_of_a_closed_account_is_inactive_at_once(self, ada: Person, client: AsyncClient) -> None:
        headers = await ada.headers()
        token = headers["authorization"].removeprefix("Bearer ")
        assert (await self.ask(client, token)).json()["active"]
        await client.delete("/v1/accounts/me", headers=headers)
        assert (await self.ask(client, token)).json() == {"active": False}

    async def test_expired_token_is_inactive(self, ada: Person, client: AsyncClient, service_clock: FakeClock) -> None:
        token = (await ada.sign_in()).json()["access_token"]
        assert (await self.ask(client, token)).json()["active"]
        service_clock.advance(minutes=11)
        assert (await self.ask(client, token)).json() == {"active": False}

    async def test_refresh_tokens_and_nonsense_are_inactive(self, ada: Person, client: AsyncClient) -> None:
        for token in ((await ada.sign_in()).json()["refresh_token"], "nonsense"):
            assert (await self.ask(client, token)).json() == {"active": False}

    async def test_only_services_may_ask(self, ada: Person, client: AsyncClient) -> None:
        token = (await ada.sign_in()).json()["access_token"]
        public = await client.post(INTROSPECT, data={"token": token, "client_id": "tradewind-cli"})
        assert refusal(public) == (400, "unauthorized_client")
        assert refusal(await self.ask(client, token, ("customers", "x" * 43))) == (401, "invalid_client")


class TestPublished:
    async def test_metadata_says_what_works_and_nothing_more(self, client: AsyncClient) -> None:
        answer = await client.get("/.well-known/oauth-authorization-server")
        body = answer.json()
        assert body["issuer"] == ISSUER
        for endpoint in ("token", "revocation", "introspection"):
            path = body[f"{endpoint}_endpoint"].removeprefix(ISSUER)
            assert refusal(await client.post(path, data={}))[0] in {400, 401}
        assert (await client.get(body["jwks_uri"].removeprefix(ISSUER))).status_code == 200
        assert body["response_types_supported"] == []
        assert "authorization_endpoint" not in body
        assert body["grant_types_supported"] == [
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ]
        assert {"accounts:own", "accounts:manage"} <= set(body["scopes_supported"])
        assert answer.headers["cache-control"] == "public, max-age=300"

    async def test_every_grant_that_is_named_is_known(self, client: AsyncClient) -> None:
        for grant in (await client.get("/.well-known/oauth-authorization-server")).json()["grant_types_supported"]:
            for auth in (CUSTOMERS, ("gateway", GATEWAY_SECRET)):
                answer = await client.post(TOKEN, data={"grant_type": grant}, auth=auth)
                assert refusal(answer)[1] != "unsupported_grant_type"

    async def test_jwks_may_be_kept_for_less_than_a_key_is_published_ahead(self, client: AsyncClient) -> None:
        answer = await client.get("/.well-known/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=300"
        (key,) = answer.json()["keys"]
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert "d" not in key
