"""A signing key is replaced while people use the system: nobody is refused, at the ingress or behind it.

A key is published for ten minutes before it signs, because Envoy keeps the keys that it has for five.
"""

import base64
import json
import time

import pytest
from httpx2 import Client

from tests.e2e.cluster.access import Cluster, poll
from tests.e2e.cluster.load import Load, steady_load
from tests.e2e.people import Person

pytestmark = pytest.mark.rotation

PUBLISHED_SECONDS = 600
_MORE_SECONDS = 120
_REFRESH_SECONDS = 5


def key_of(person: Person) -> str:
    """Return the name of the key that signed a person's token."""
    head = person.tokens["access_token"].split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def published(api: Client) -> set[str]:
    """Return the names of the keys that tokens are checked with, as auth publishes them."""
    return {key["kid"] for key in api.get("/.well-known/jwks.json").json()["keys"]}


def test_rotation_of_the_signing_key_refuses_nobody(cluster: Cluster, api: Client) -> None:
    left_over = Person.registered(api)
    [auth, *_] = cluster.ready_pods("auth")

    with steady_load(cluster.address) as load:
        [old] = {key_of(each) for each in load.people}
        before = published(api)
        cluster.execute(auth.metadata.name, "python", "-m", "chassis", "keys", "rotate")
        poll(lambda: len(published(api) - before) == 1, seconds=30, what="the next key is published")
        [new] = published(api) - before
        _refresh_until(load, new)
        load.goes_on(30)
    assert not load.lost, load.lost
    assert {key_of(each) for each in load.people} == {new} != {old}

    # What the old key signed has run out by now, and is refused; its control is one from this minute.
    def refused() -> bool:
        return api.get("/v1/customers/me", headers=left_over.authorization).status_code == 401

    poll(refused, seconds=_MORE_SECONDS, what="a token of the old key has run out")
    left_over.sign_in()
    assert api.get("/v1/customers/me", headers=left_over.authorization).status_code == 200


def _refresh_until(load: Load, new: str) -> None:
    """Have the visitors get tokens all the time, so that the first one that the new key signs is used at once."""
    deadline = time.monotonic() + PUBLISHED_SECONDS + _MORE_SECONDS
    while {key_of(each) for each in load.people} != {new}:
        assert time.monotonic() < deadline, "the new key does not sign"
        for person in load.people:
            answer = person.refresh(person.tokens["refresh_token"])
            assert answer.status_code == 200, answer.text
            person.tokens = answer.json()
        load.goes_on(_REFRESH_SECONDS)
