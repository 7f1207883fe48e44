"""From nothing to one's own information, and who is kept from it."""

from uuid import UUID

from httpx2 import Client

from tests.e2e.people import Person, eventually


def test_who_registers_can_sign_in_and_read_their_own_information(api: Client) -> None:
    ada = Person(api, name="Ada Lovelace")
    registered = ada.register()
    assert registered.status_code == 202

    ada.sign_in()
    assert ada.tokens["token_type"].lower() == "bearer"
    assert 0 < ada.tokens["expires_in"] <= 600

    profile = ada.me()
    assert UUID(profile["id"]).version == 7
    assert profile["tier"] == "standard"


def test_profile_learns_of_the_account_by_its_event(ada: Person) -> None:
    profile = eventually(lambda: profile if (profile := ada.me())["email"] else None)
    assert profile["email"] == ada.email
    assert profile["name"] == ada.name
    assert profile["registered_at"].endswith("Z")


def test_account_and_customer_are_one(ada: Person) -> None:
    account = ada.send("GET", "/v1/accounts/me").json()
    assert account["id"] == ada.me()["id"]
    assert account["email"] == ada.email


def test_known_address_is_answered_like_an_unknown_one(api: Client, ada: Person) -> None:
    known = Person(api, email=ada.email).register()
    unknown = Person(api).register()
    assert (known.status_code, known.json()) == (202, {"email": ada.email})
    assert unknown.status_code == 202
    assert unknown.json().keys() == known.json().keys()
    assert unknown.headers.keys() == known.headers.keys()


def test_second_registration_leaves_the_first_password_alone(api: Client, ada: Person) -> None:
    thief = Person(api, email=ada.email)
    thief.register()
    assert thief.token(grant_type="password", username=thief.email, password=thief.password).status_code == 400
    ada.sign_in()


def test_request_without_a_token_is_refused(api: Client, ada: Person) -> None:
    refused = api.get("/v1/customers/me")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert ada.send("GET", "/v1/customers/me").status_code == 200


def test_closed_account_cannot_sign_in_again(ada: Person) -> None:
    closed = ada.send("DELETE", "/v1/accounts/me", json={"password": ada.password})
    assert closed.status_code == 204, closed.text
    refused = ada.token(grant_type="password", username=ada.email, password=ada.password)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
