"""Every way to forge a token is refused; beside each stands the same token as it should be, which is not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from httpx2 import AsyncClient
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.crypto.keyring import Keyring
from chassis.app import Service
from chassis.testing import FakeClock
from services.auth.tests.api.people import Person, problem

pytestmark = pytest.mark.anyio

Parts = tuple[dict[str, Any], dict[str, Any]]


class Forge:
    """Makes tokens that look like one of ours, with the real key and with others."""

    def __init__(self, genuine: str, keyring: Keyring, jwks: dict[str, Any]) -> None:
        self.genuine = genuine
        self.key = keyring.signer()
        self.public = ECKey.import_key(jwks["keys"][0])

    @property
    def parts(self) -> Parts:
        header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in self.genuine.split("."))
        return json.loads(header), json.loads(claims)

    def sign(self, change: dict[str, Any], *, header: dict[str, Any] | None = None, key: Any = None) -> str:
        old_header, claims = self.parts
        merged = {name: value for name, value in {**claims, **change}.items() if value is not None}
        return jwt.encode({**old_header, **(header or {})}, merged, key or self.key)

    def raw(self, header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
        text = b".".join(_encoded(json.dumps(part).encode()) for part in (header, self.parts[1]))
        return b".".join([text, _encoded(sign(text))]).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _hmac(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, text, hashlib.sha256)


@pytest.fixture
async def forge(ada: Person, client: AsyncClient, service: Service) -> Forge:
    genuine = (await ada.headers())["authorization"].removeprefix("Bearer ")
    keyring: Keyring = service.app.state.auth.jwks.__self__
    return Forge(genuine, keyring, (await client.get("/.well-known/jwks.json")).json())


async def accepted(client: AsyncClient, token: str) -> bool:
    answer = await client.get("/v1/accounts/me", headers={"authorization": f"Bearer {token}"})
    if answer.status_code == 200:
        return True
    assert problem(answer) == (401, "invalid-token")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    return False


async def test_control_is_accepted(client: AsyncClient, forge: Forge) -> None:
    assert await accepted(client, forge.genuine)
    assert await accepted(client, forge.sign({}))


async def test_unsigned_token_is_refused(client: AsyncClient, forge: Forge) -> None:
    header = forge.parts[0]
    for alg in ("none", "None", "NONE"):
        assert not await accepted(client, forge.raw({**header, "alg": alg}, lambda _: b""))


async def test_other_key_under_a_known_name_is_refused(client: AsyncClient, forge: Forge) -> None:
    other = ECKey.generate_key("P-256", {"kid": str(forge.key.kid)})
    assert not await accepted(client, forge.sign({}, key=other))
    assert await accepted(client, forge.sign({}))


async def test_unknown_key_is_refused(client: AsyncClient, forge: Forge) -> None:
    other = ECKey.generate_key("P-256", {"kid": "of-somebody-else"})
    assert not await accepted(client, forge.sign({}, header={"kid": "of-somebody-else"}, key=other))
    assert not await accepted(client, forge.sign({}, header={"kid": "of-somebody-else"}))


async def test_public_key_as_hmac_secret_is_refused(client: AsyncClient, forge: Forge) -> None:
    header = {**forge.parts[0], "alg": "HS256"}
    for secret in (forge.public.as_pem(private=False), json.dumps(forge.public.as_dict(private=False)).encode()):
        assert not await accepted(client, forge.raw(header, partial(_hmac, secret)))


@pytest.mark.parametrize(
    ("claims", "right"),
    [
        ({"aud": "customers"}, {"aud": "auth"}),
        ({"aud": ["customers", "gateway"]}, {"aud": ["customers", "tradewind"]}),
        ({"aud": None}, {}),
        ({"iss": "https://somebody.example"}, {}),
        ({"iss": None}, {}),
        ({"exp": None}, {}),
        ({"sub": None}, {}),
    ],
    ids=["other audience", "other audiences", "no audience", "other issuer", "no issuer", "no expiry", "no subject"],
)
async def test_wrong_claims_are_refused(
    client: AsyncClient, forge: Forge, claims: dict[str, Any], right: dict[str, Any]
) -> None:
    assert not await accepted(client, forge.sign(claims))
    assert await accepted(client, forge.sign(right))


async def test_expired_and_early_tokens_are_refused(
    client: AsyncClient, forge: Forge, service_clock: FakeClock
) -> None:
    now = int(service_clock.now().timestamp())
    assert not await accepted(client, forge.sign({"exp": now - 60}))
    assert not await accepted(client, forge.sign({"nbf": now + 60}))
    assert await accepted(client, forge.sign({"exp": now + 60, "nbf": now - 60}))
    service_clock.advance(minutes=11)
    assert not await accepted(client, forge.genuine)


async def test_token_of_another_kind_is_refused(client: AsyncClient, forge: Forge) -> None:
    for kind in ("JWT", "logout+jwt", ""):
        assert not await accepted(client, forge.sign({}, header={"typ": kind}))
    assert await accepted(client, forge.sign({}, header={"typ": "application/at+jwt"}))


async def test_changed_token_is_refused(client: AsyncClient, forge: Forge) -> None:
    header, claims, signature = forge.genuine.split(".")
    richer = {**forge.parts[1], "scope": "accounts:own accounts:manage"}
    changed = _encoded(json.dumps(richer).encode()).decode()
    assert not await accepted(client, f"{header}.{changed}.{signature}")
    assert await accepted(client, f"{header}.{claims}.{signature}")


async def test_refresh_token_is_no_access_token(client: AsyncClient, ada: Person) -> None:
    assert not await accepted(client, (await ada.sign_in()).json()["refresh_token"])
