"""A service's clients for the peers that its manifest names."""

import json

import httpx
import pytest
from pydantic import SecretStr

from chassis.clients import PeerUnavailableError
from chassis.manifest import Manifest
from chassis.peers import Peers
from chassis.settings import ClientSettings

pytestmark = pytest.mark.anyio

MANIFEST = Manifest.model_validate(
    {
        "name": "orders",
        "summary": "Sells.",
        "asks": [
            {"service": "auth", "methods": ["GET"], "paths": ["/.well-known/jwks.json"]},
            {"service": "catalog", "methods": ["GET"], "paths": ["/v1/skus"]},
            {"service": "stock", "methods": ["PUT"], "paths": ["/v1/reservations/*"], "scopes": ["stock:hold"]},
            {"service": "stock", "methods": ["GET"], "paths": ["/v1/reservations"], "scopes": ["stock:read"]},
        ],
    }
)
ADDRESSES = {"catalog": "http://catalog", "stock": "http://stock"}


class Network(httpx.AsyncBaseTransport):
    """Auth, and peers that are away as often as they are told."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.away = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.host == "auth":
            return httpx.Response(200, content=json.dumps({"access_token": "own", "expires_in": 600}))
        if self.away:
            self.away -= 1
            return httpx.Response(503)
        return httpx.Response(200)


def peers(network: Network, *, retries: int = 2) -> Peers:
    settings = ClientSettings(
        token_url="http://auth/v1/oauth/token",
        secret=SecretStr("secret"),
        retries=retries,
    )
    return Peers(MANIFEST, settings, ADDRESSES, session=network)


async def test_peer_is_asked_with_a_token_for_all_that_is_asked_of_it() -> None:
    network = Network()
    answer = await peers(network)["stock"].request("GET", "/v1/reservations")
    assert answer.status_code == 200
    token, call = network.asked
    assert b"scope=stock%3Ahold+stock%3Aread" in token.content
    assert str(call.url) == "http://stock/v1/reservations"
    assert call.headers["authorization"] == "Bearer own"


async def test_calls_are_repeated_as_often_as_the_settings_say() -> None:
    patient, hasty = Network(), Network()
    patient.away = hasty.away = 1
    assert (await peers(patient)["catalog"].request("GET", "/v1/skus")).status_code == 200
    with pytest.raises(PeerUnavailableError, match="catalog"):
        await peers(hasty, retries=0)["catalog"].request("GET", "/v1/skus")


@pytest.mark.parametrize("peer", ["catalog", "stock"])
def test_peer_without_an_address_is_refused(peer: str) -> None:
    settings = ClientSettings(token_url="http://auth/v1/oauth/token", secret=SecretStr("secret"))
    others = {name: address for name, address in ADDRESSES.items() if name != peer}
    with pytest.raises(ValueError, match=f"PEERS__{peer.upper()}"):
        Peers(MANIFEST, settings, others, session=Network())


def test_peer_that_the_manifest_does_not_name_is_unknown() -> None:
    with pytest.raises(KeyError):
        peers(Network())["payments"]
