"""What customers do with their own profile, addresses and payment methods, and cannot do with others'."""

from typing import Any
from uuid import uuid4

from tests.e2e.people import Person

HOME = {
    "recipient": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}

WALLET = "/v1/customers/me/payment-methods"
CARD = {"kind": "card", "token": "tok_approve", "label": "Ada's card", "last4": "4242", "expires": "2031-04"}


def add_address(person: Person, **headers: str) -> dict[str, Any]:
    added = person.send("POST", "/v1/customers/me/addresses", json=HOME, **headers)
    assert added.status_code == 201, added.text
    address: dict[str, Any] = added.json()
    return address


def test_profile_changes_for_who_has_seen_the_current_version(ada: Person) -> None:
    seen = ada.send("GET", "/v1/customers/me").headers["etag"]
    changed = ada.send("PATCH", "/v1/customers/me", json={"locale": "en-GB"}, if_match=seen)
    assert changed.status_code == 200
    assert changed.json()["locale"] == "en-GB"
    assert changed.headers["etag"] != seen


def test_profile_does_not_change_for_who_has_seen_an_older_version(ada: Person) -> None:
    seen = ada.send("GET", "/v1/customers/me").headers["etag"]
    ada.send("PATCH", "/v1/customers/me", json={"locale": "en-GB"}, if_match=seen)
    refused = ada.send("PATCH", "/v1/customers/me", json={"locale": "fr"}, if_match=seen)
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition-failed")
    assert ada.me()["locale"] == "en-GB"


def test_profile_does_not_change_for_who_names_no_version(ada: Person) -> None:
    refused = ada.send("PATCH", "/v1/customers/me", json={"locale": "fr"})
    assert (refused.status_code, refused.json()["code"]) == (428, "precondition-required")


def test_unchanged_profile_is_not_sent_again(ada: Person) -> None:
    seen = ada.send("GET", "/v1/customers/me")
    again = ada.send("GET", "/v1/customers/me", if_none_match=seen.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_address_can_be_added_read_changed_and_deleted(ada: Person) -> None:
    address = add_address(ada)
    path = f"/v1/customers/me/addresses/{address['id']}"
    read = ada.send("GET", path)
    assert read.json() == address
    changed = ada.send("PUT", path, json={**HOME, "city": "Oxford"}, if_match=read.headers["etag"])
    assert (changed.status_code, changed.json()["city"]) == (200, "Oxford")
    assert ada.send("DELETE", path, if_match=changed.headers["etag"]).status_code == 204
    assert ada.send("GET", path).status_code == 404


def test_repeated_post_adds_one_address(ada: Person) -> None:
    key = str(uuid4())
    first = ada.send("POST", "/v1/customers/me/addresses", json=HOME, idempotency_key=key)
    again = ada.send("POST", "/v1/customers/me/addresses", json=HOME, idempotency_key=key)
    assert again.status_code == first.status_code == 201
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.json() == first.json()
    assert len(ada.send("GET", "/v1/customers/me/addresses").json()["items"]) == 1


def test_key_that_stood_for_another_request_is_refused(ada: Person) -> None:
    key = str(uuid4())
    add_address(ada, idempotency_key=key)
    refused = ada.send("POST", "/v1/customers/me/addresses", json={**HOME, "city": "Oxford"}, idempotency_key=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")


def test_one_persons_key_is_not_anothers(ada: Person, bob: Person) -> None:
    key = str(uuid4())
    first = add_address(ada, idempotency_key=key)
    second = add_address(bob, idempotency_key=key)
    assert first["id"] != second["id"]


def test_anothers_address_does_not_exist(ada: Person, bob: Person) -> None:
    path = f"/v1/customers/me/addresses/{add_address(ada)['id']}"
    assert bob.send("GET", path).status_code == 404
    assert bob.send("DELETE", path, if_match="*").status_code == 404
    assert ada.send("GET", path).status_code == 200


def test_payment_method_can_be_saved_chosen_and_forgotten_and_never_shows_its_token(ada: Person) -> None:
    saved = ada.send("POST", WALLET, json=CARD, idempotency_key=str(uuid4()))
    assert saved.status_code == 201, saved.text
    path = saved.headers["location"]
    chosen = ada.send("PUT", path, json={"is_default": True}, if_match=saved.headers["etag"])
    assert (chosen.status_code, chosen.json()) == (200, {**saved.json(), "is_default": True})
    listed = ada.send("GET", WALLET)
    assert listed.json()["items"] == [chosen.json()]
    assert CARD["token"] not in saved.text + chosen.text + listed.text
    assert ada.send("DELETE", path).status_code == 204
    assert ada.send("GET", path).status_code == 404


def test_card_number_is_not_taken(ada: Person) -> None:
    refused = ada.send("POST", WALLET, json={**CARD, "token": "4111 1111 1111 1111"})
    assert (refused.status_code, refused.json()["code"]) == (422, "card-number-refused")
    assert "1111" not in refused.json()["detail"]
    assert ada.send("GET", WALLET).json()["items"] == []
    assert ada.send("POST", WALLET, json=CARD).status_code == 201


def test_anothers_payment_method_does_not_exist(ada: Person, bob: Person) -> None:
    path = ada.send("POST", WALLET, json=CARD).headers["location"]
    assert bob.send("GET", path).status_code == 404
    assert bob.send("DELETE", path).status_code == 404
    assert ada.send("GET", path).status_code == 200


def test_checkout_of_a_customer_is_for_no_person(ada: Person) -> None:
    own = ada.me()["id"]
    assert ada.send("GET", f"/v1/customers/{own}/checkout").status_code == 403


def test_what_is_for_staff_is_forbidden_to_customers(ada: Person, bob: Person) -> None:
    refused = ada.send("GET", "/v1/customers")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert ada.send("GET", f"/v1/customers/{bob.me()['id']}").status_code == 403
