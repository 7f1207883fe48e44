from dataclasses import replace

import pytest
from httpx2 import ASGITransport, AsyncClient

from chassis.app import Service
from services.auth.tests.api.people import MakePerson, Person, problem

pytestmark = pytest.mark.anyio

NEW = "a much longer password"


class TestRegistration:
    async def test_new_account_can_sign_in_at_once(self, somebody: MakePerson, client: AsyncClient) -> None:
        person = somebody()
        answer = await person.register()
        assert (answer.status_code, answer.json()) == (202, {"email": person.email})
        me = (await client.get("/v1/accounts/me", headers=await person.headers())).json()
        assert (me["email"], me["roles"], me["status"]) == (person.email, ["customer"], "active")
        assert [mail.subject for mail in await person.mails()] == ["Welcome to Tradewind"]

    async def test_known_address_gets_the_same_answer_and_its_owner_a_mail(
        self, ada: Person, client: AsyncClient
    ) -> None:
        body = {"email": ada.email.upper(), "password": "mallory's own password", "name": "Mallory"}
        answer = await client.post("/v1/accounts", json=body, headers=ada.address)
        assert (answer.status_code, answer.json()) == (202, {"email": ada.email})
        assert (await ada.sign_in(password="mallory's own password")).status_code == 400
        assert (await ada.sign_in()).status_code == 200
        assert [mail.subject for mail in await ada.mails()][1:] == ["You have a Tradewind account already"]

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"email": "nobody"}, "/body/email"),
            ({"name": " "}, "/body/name"),
            ({"name": "a\x00b"}, "/body/name"),
            ({"name": "x" * 101}, "/body/name"),
            ({"password": ""}, "/body/password"),
            ({"password": "x" * 2000}, "/body/password"),
            ({"admin": True}, "/body/admin"),
        ],
    )
    async def test_ill_formed_request_is_told_where(
        self, client: AsyncClient, somebody: MakePerson, change: dict[str, object], pointer: str
    ) -> None:
        body = {"email": somebody().email, "password": NEW, "name": "Ada", **change}
        answer = await client.post("/v1/accounts", json=body)
        assert problem(answer) == (422, "invalid")
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]

    async def test_weak_password_is_refused_for_known_and_unknown_alike(
        self, client: AsyncClient, ada: Person, somebody: MakePerson
    ) -> None:
        for email in (ada.email, somebody().email):
            answer = await client.post("/v1/accounts", json={"email": email, "password": "short", "name": "A"})
            assert problem(answer) == (422, "weak-password")

    async def test_same_key_registers_once_and_says_so(self, somebody: MakePerson) -> None:
        person = somebody()
        first = await person.register(**{"idempotency-key": f"key-{person.number}"})
        again = await person.register(**{"idempotency-key": f"key-{person.number}"})
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert len(await person.mails()) == 1

    async def test_same_key_for_another_password_is_refused(self, somebody: MakePerson) -> None:
        person = somebody()
        key = {"idempotency-key": f"key-{person.number}"}
        await person.register(**key)
        person.password = NEW
        assert problem(await person.register(**key)) == (422, "idempotency-key-reused")


class TestMine:
    async def test_only_with_a_token_that_covers_it(self, ada: Person, client: AsyncClient) -> None:
        missing = await client.get("/v1/accounts/me")
        assert problem(missing) == (401, "unauthenticated")
        assert missing.headers["www-authenticate"] == "Bearer"
        narrow = await client.get("/v1/accounts/me", headers=await ada.headers(scope="keys:own"))
        assert problem(narrow) == (403, "insufficient-scope")
        assert (await client.get("/v1/accounts/me", headers=await ada.headers())).status_code == 200

    async def test_service_has_no_account(self, client: AsyncClient, ada: Person) -> None:
        data = {"grant_type": "client_credentials", "resource": "urn:tradewind:auth"}
        basic = ("customers", "customers-secret-of-a-generator-of-256-bits")
        token = (await client.post("/v1/oauth/token", data=data, auth=basic)).json()["access_token"]
        answer = await client.get("/v1/accounts/me", headers={"authorization": f"Bearer {token}"})
        assert problem(answer) == (403, "insufficient-scope")

    async def test_password_change_needs_the_current_one(self, ada: Person, client: AsyncClient) -> None:
        headers, path = await ada.headers(), "/v1/accounts/me/password"
        wrong = {"current_password": "wrong horse battery", "new_password": NEW}
        assert problem(await client.put(path, json=wrong, headers=headers)) == (403, "wrong-password")
        right = {"current_password": ada.password, "new_password": NEW}
        assert (await client.put(path, json=right, headers=headers)).status_code == 204
        assert (await ada.sign_in()).status_code == 400
        ada.password = NEW
        assert (await ada.sign_in()).status_code == 200

    async def test_password_change_ends_refreshing(self, ada: Person, client: AsyncClient) -> None:
        elsewhere = (await ada.sign_in()).json()["refresh_token"]
        change = {"current_password": ada.password, "new_password": NEW}
        await client.put("/v1/accounts/me/password", json=change, headers=await ada.headers())
        assert (await ada.refresh(elsewhere)).status_code == 400

    async def test_guessing_the_current_password_is_slowed_down(self, ada: Person, client: AsyncClient) -> None:
        headers = await ada.headers()
        wrong = {"current_password": "wrong horse battery", "new_password": NEW}
        answers = [await client.put("/v1/accounts/me/password", json=wrong, headers=headers) for _ in range(12)]
        assert problem(answers[-1]) == (429, "too-many-guesses")
        assert int(answers[-1].headers["retry-after"]) >= 1

    async def test_closed_account_is_gone_with_everything(self, ada: Person, client: AsyncClient) -> None:
        signed_in = (await ada.sign_in()).json()
        headers = {"authorization": f"Bearer {signed_in['access_token']}"}
        assert (await client.delete("/v1/accounts/me", headers=headers)).status_code == 204
        assert problem(await client.get("/v1/accounts/me", headers=headers)) == (404, "account-not-found")
        assert problem(await client.delete("/v1/accounts/me", headers=headers)) == (404, "account-not-found")
        assert (await ada.refresh(signed_in["refresh_token"])).status_code == 400
        assert (await ada.sign_in()).status_code == 400
        await ada.register()
        assert (await ada.sign_in()).status_code == 200

    async def test_admin_cannot_close_the_own_account(self, root: Person, client: AsyncClient) -> None:
        answer = await client.delete("/v1/accounts/me", headers=await root.headers())
        assert problem(answer) == (409, "admin-closure")


class TestStaff:
    async def test_customers_see_nobody_elses(self, ada: Person, bob: Person, client: AsyncClient) -> None:
        headers = await ada.headers()
        for path in ("/v1/accounts", f"/v1/accounts/{await bob.id()}", "/v1/audit-entries"):
            assert problem(await client.get(path, headers=headers)) == (403, "insufficient-scope")

    async def test_staff_find_an_account(self, staff: Person, ada: Person, client: AsyncClient) -> None:
        headers = await staff.headers()
        page = (await client.get("/v1/accounts", params={"email": ada.email.upper()}, headers=headers)).json()
        (found,) = page["items"]
        assert (found["email"], page["next_cursor"]) == (ada.email, None)
        one = await client.get(f"/v1/accounts/{found['id']}", headers=headers)
        assert one.json() == found
        assert one.headers["etag"] == '"1"'

    async def test_staff_page_through_accounts(
        self, staff: Person, ada: Person, bob: Person, client: AsyncClient
    ) -> None:
        headers, seen = await staff.headers(), []
        answer = await client.get("/v1/accounts", params={"limit": 2}, headers=headers)
        seen += [each["email"] for each in answer.json()["items"]]
        assert answer.links["next"]["url"].startswith("/v1/accounts?limit=2&cursor=")
        rest = await client.get(answer.links["next"]["url"], headers=headers)
        seen += [each["email"] for each in rest.json()["items"]]
        assert len(set(seen)) == 4

    async def test_unknown_filter_values_and_cursors_are_refused(self, staff: Person, client: AsyncClient) -> None:
        headers = await staff.headers()
        for params in ({"status": "odd"}, {"role": "king"}, {"email": "a\x00b"}, {"limit": "0"}):
            answer = await client.get("/v1/accounts", params=params, headers=headers)
            assert problem(answer) == (422, "invalid")
        answer = await client.get("/v1/accounts", params={"cursor": "nonsense"}, headers=headers)
        assert problem(answer) == (400, "malformed-cursor")

    async def test_suspension_and_its_end(self, staff: Person, ada: Person, client: AsyncClient) -> None:
        signed_in, headers = (await ada.sign_in()).json(), await staff.headers()
        path = f"/v1/accounts/{await ada.id()}/suspension"
        suspended = await client.post(path, json={"reason": "fraud"}, headers=headers)
        assert (suspended.json()["status"], suspended.json()["suspension_reason"]) == ("suspended", "fraud")
        assert (await ada.refresh(signed_in["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await ada.sign_in()).json()["error"] == "invalid_grant"
        assert (await client.delete(path, headers=headers)).json()["status"] == "active"
        assert (await ada.sign_in()).status_code == 200
        assert problem(await client.delete(path, headers=headers)) == (409, "account-not-suspended")

    async def test_staff_cannot_touch_staff_and_admins_can(
        self, staff: Person, root: Person, client: AsyncClient
    ) -> None:
        path = f"/v1/accounts/{await staff.id()}/suspension"
        answer = await client.post(path, json={"reason": "?"}, headers=await staff.headers())
        assert problem(answer) == (403, "account-out-of-reach")
        assert (await client.post(path, json={"reason": "?"}, headers=await root.headers())).status_code == 200

    async def test_roles_are_given_by_admins_in_the_version_they_saw(
        self, root: Person, staff: Person, ada: Person, client: AsyncClient
    ) -> None:
        path, body = f"/v1/accounts/{await ada.id()}/roles", {"roles": ["customer", "staff"]}
        refused = await client.put(path, json=body, headers={**await staff.headers(), "if-match": '"1"'})
        assert problem(refused) == (403, "insufficient-scope")
        headers = await root.headers()
        assert problem(await client.put(path, json=body, headers=headers)) == (428, "precondition-required")
        stale = await client.put(path, json=body, headers={**headers, "if-match": '"7"'})
        assert problem(stale) == (412, "precondition-failed")
        done = await client.put(path, json=body, headers={**headers, "if-match": '"1"'})
        assert (done.json()["roles"], done.headers["etag"]) == (["customer", "staff"], '"2"')
        assert "accounts:manage" in (await ada.sign_in()).json()["scope"]

    async def test_unknown_account_is_not_found(self, staff: Person, client: AsyncClient) -> None:
        headers, path = await staff.headers(), "/v1/accounts/018f0000-0000-7000-8000-000000000000"
        assert problem(await client.get(path, headers=headers)) == (404, "account-not-found")
        answer = await client.post(f"{path}/suspension", json={"reason": "?"}, headers=headers)
        assert problem(answer) == (404, "account-not-found")

    async def test_closed_account_is_an_empty_shell(self, staff: Person, ada: Person, client: AsyncClient) -> None:
        account_id = await ada.id()
        await client.delete("/v1/accounts/me", headers=await ada.headers())
        shell = (await client.get(f"/v1/accounts/{account_id}", headers=await staff.headers())).json()
        assert (shell["status"], shell["email"], shell["name"]) == ("closed", None, "")

    async def test_forwarded_address_counts_only_from_a_trusted_proxy(
        self, service: Service, staff: Person, ada: Person, client: AsyncClient
    ) -> None:
        params = {"account_id": await ada.id(), "action": "password-accepted"}
        transport = ASGITransport(app=service.asgi, client=("203.0.113.7", 1))
        async with AsyncClient(transport=transport, base_url="http://service.test") as stranger:
            await replace(ada, client=stranger).sign_in()
        headers = await staff.headers()
        trail = (await client.get("/v1/audit-entries", params=params, headers=headers)).json()["items"]
        assert {entry["address"] for entry in trail} == {"203.0.113.7", ada.address["x-forwarded-for"]}

    async def test_trail_says_who_did_what_from_where(self, staff: Person, ada: Person, client: AsyncClient) -> None:
        headers, account_id = await staff.headers(), await ada.id()
        await client.post(f"/v1/accounts/{account_id}/suspension", json={"reason": "fraud"}, headers=headers)
        params = {"account_id": account_id, "action": "account-suspended"}
        (entry,) = (await client.get("/v1/audit-entries", params=params, headers=headers)).json()["items"]
        assert (entry["actor"], entry["address"]) == (await staff.id(), staff.address["x-forwarded-for"])
        assert len(entry["trace_id"]) == 32
        everything = await client.get("/v1/audit-entries", params={"account_id": account_id}, headers=headers)
        actions = [each["action"] for each in everything.json()["items"]]
        assert {"account-registered", "password-accepted", "account-suspended"} <= set(actions)
