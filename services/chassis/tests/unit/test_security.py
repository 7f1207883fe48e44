"""Tokens are refused for every reason in the book, each beside a control that differs in one thing."""

import base64
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from chassis.errors import UnavailableError
from chassis.security import (
    InvalidTokenError,
    KeysUnavailableError,
    MissingTokenError,
    RemoteKeys,
    TokenVerifier,
    bearer_token,
)
from chassis.testing import FakeClock, TokenIssuer

pytestmark = pytest.mark.anyio


@pytest.fixture
def verifier(tokens: TokenIssuer) -> TokenVerifier:
    return TokenVerifier(issuer=tokens.issuer, audiences=("tradewind", "orders"), keys=tokens)


async def test_good_token_says_who_is_asking(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    subject = uuid.uuid4()
    principal = await verifier.verify(tokens.issue(subject, scopes=["a:read", "a:write"], roles=["staff"]))
    assert principal.subject == str(subject)
    assert principal.has("a:read", "a:write")
    assert not principal.has("a:read", "b:read")
    assert principal.roles == {"staff"}


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"exp": None}, id="without expiry"),
        pytest.param({"nbf": 2**40}, id="not valid yet"),
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"aud": "payments"}, id="another audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"aud": []}, id="empty audience"),
        pytest.param({"sub": None}, id="no subject"),
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"scope": 7}, id="scope of another type"),
        pytest.param({"exp": "soon"}, id="expiry of another type"),
    ],
)
async def test_wrong_claims_are_refused(verifier: TokenVerifier, tokens: TokenIssuer, claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError):
        await verifier.verify(tokens.issue("someone", **claims))
    assert (await verifier.verify(tokens.issue("someone"))).subject == "someone"


@pytest.mark.parametrize("audience", ["tradewind", "orders", ["payments", "orders"]])
async def test_any_of_our_audiences_is_enough(verifier: TokenVerifier, tokens: TokenIssuer, audience: Any) -> None:
    assert (await verifier.verify(tokens.issue("someone", aud=audience))).audience in ("tradewind", "orders")


def _claims(tokens: TokenIssuer) -> dict[str, Any]:
    payload = tokens.issue("someone").split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return decoded


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims)]
    return f"{parts[0]}.{parts[1]}."


async def test_unsigned_token_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    for algorithm in ("none", "None", "nOnE"):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": "test-key"}
        with pytest.raises(InvalidTokenError):
            await verifier.verify(_unsigned(header, _claims(tokens)))


async def test_public_key_used_as_hmac_secret_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    """The classic algorithm confusion: what everybody knows must never be a secret."""
    public = await tokens.key("test-key")
    assert isinstance(public, ECKey)
    signed = _unsigned({"alg": "HS256", "typ": "at+jwt", "kid": "test-key"}, _claims(tokens)).rstrip(".")
    mac = hmac.digest(public.as_pem(private=False), signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(InvalidTokenError):
        await verifier.verify(forged)


async def test_other_algorithm_with_a_known_kid_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "test-key"}
    with pytest.raises(InvalidTokenError):
        await verifier.verify(jwt.encode(header, _claims(tokens), RSAKey.generate_key(2048), algorithms=["RS256"]))


async def test_wrong_key_under_a_known_kid_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "test-key"}
    with pytest.raises(InvalidTokenError):
        await verifier.verify(jwt.encode(header, _claims(tokens), ECKey.generate_key("P-256")))


async def test_unknown_kid_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "other"}
    with pytest.raises(InvalidTokenError):
        await verifier.verify(jwt.encode(header, _claims(tokens), ECKey.generate_key("P-256")))


@pytest.mark.parametrize("kind", ["JWT", None, "logout+jwt"])
async def test_jwt_of_another_type_is_refused(verifier: TokenVerifier, tokens: TokenIssuer, kind: str | None) -> None:
    key = await tokens.key("test-key")
    assert key is not None
    for typ, good in ((kind, False), ("at+jwt", True)):
        header = {"alg": "ES256", "kid": "test-key", **({"typ": typ} if typ else {})}
        token = jwt.encode(header, _claims(tokens), key, default_type=None)
        if good:
            assert (await verifier.verify(token)).subject == "someone"
        else:
            with pytest.raises(InvalidTokenError):
                await verifier.verify(token)


@pytest.mark.parametrize(
    "text", ["", "x", "a.b.c", "é.é.é", "eyJhbGciOiJFUzI1NiJ9", ".".join(["e30"] * 3), "W10.W10.x"]
)
async def test_garbage_is_refused(verifier: TokenVerifier, text: str) -> None:
    with pytest.raises(InvalidTokenError):
        await verifier.verify(text)


async def test_tampered_payload_is_refused(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    head, _payload, signature = tokens.issue("someone").split(".")
    other = tokens.issue("somebody-else").split(".")[1]
    with pytest.raises(InvalidTokenError):
        await verifier.verify(f"{head}.{other}.{signature}")


async def test_remembered_token_still_expires(tokens: TokenIssuer) -> None:
    clock = FakeClock()
    now = int(clock.now().timestamp())
    verifier = TokenVerifier(issuer=tokens.issuer, audiences=("tradewind",), keys=tokens, clock=clock)
    token = tokens.issue("someone", iat=now, nbf=now, exp=now + 600)
    await verifier.verify(token)
    assert verifier.verify_cached(token)
    clock.advance(seconds=601)
    assert verifier.verify_cached(token) is None
    clock.advance(seconds=60)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


async def test_remembered_token_ends_with_the_key_that_its_issuer_takes_back(tokens: TokenIssuer) -> None:
    class Keys:
        taken_back = False

        async def key(self, kid: str) -> Key | None:
            return None if self.taken_back else await tokens.key(kid)

    keys, clock = Keys(), FakeClock()
    now = int(clock.now().timestamp())
    verifier = TokenVerifier(issuer=tokens.issuer, audiences=("tradewind",), keys=keys, clock=clock)
    token = tokens.issue("someone", iat=now, nbf=now, exp=now + 600)
    await verifier.verify(token)
    clock.advance(seconds=61)
    assert (await verifier.verify(token)).subject == "someone"
    keys.taken_back = True
    clock.advance(seconds=61)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


async def test_forgetting_a_subject_drops_its_tokens_only(verifier: TokenVerifier, tokens: TokenIssuer) -> None:
    mine, yours = tokens.issue("me"), tokens.issue("you")
    await verifier.verify(mine)
    await verifier.verify(yours)
    verifier.forget("me")
    assert verifier.verify_cached(mine) is None
    assert verifier.verify_cached(yours) is not None


async def test_cache_is_bounded(tokens: TokenIssuer) -> None:
    verifier = TokenVerifier(issuer=tokens.issuer, audiences=("tradewind",), keys=tokens, cache_size=2)
    three = [tokens.issue(str(number)) for number in range(3)]
    for token in three:
        await verifier.verify(token)
    assert [verifier.verify_cached(token) is not None for token in three] == [False, True, True]


async def test_nothing_is_remembered_without_a_cache(tokens: TokenIssuer) -> None:
    verifier = TokenVerifier(issuer=tokens.issuer, audiences=("tradewind",), keys=tokens, cache_size=0)
    token = tokens.issue("ada")
    assert (await verifier.verify(token)).subject == "ada"
    assert verifier.verify_cached(token) is None


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc"])
async def test_request_without_bearer_token_is_told_so(header: str | None) -> None:
    with pytest.raises(MissingTokenError):
        bearer_token(header)


async def test_scheme_of_the_header_is_case_insensitive() -> None:
    assert bearer_token("bEARER abc") == "abc"


class Issuer:
    """A JWKS address that can be away, and counts who asks."""

    def __init__(self, tokens: TokenIssuer) -> None:
        self.asked = 0
        self.away = False
        self._tokens = tokens

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise UnavailableError
        return self._tokens.jwks()


async def test_keys_are_fetched_once_for_many(tokens: TokenIssuer) -> None:
    issuer = Issuer(tokens)
    keys = RemoteKeys(issuer.fetch)
    for _ in range(5):
        assert await keys.key("test-key")
    assert issuer.asked == 1


async def test_unknown_kid_asks_again_but_never_in_a_storm(tokens: TokenIssuer) -> None:
    issuer = Issuer(tokens)
    keys = RemoteKeys(issuer.fetch, cooldown_seconds=60)
    for number in range(100):
        assert await keys.key(f"forged-{number}") is None
    assert issuer.asked == 1
    assert await keys.key("test-key")


async def test_known_keys_go_on_while_the_issuer_is_away(tokens: TokenIssuer) -> None:
    issuer = Issuer(tokens)
    keys = RemoteKeys(issuer.fetch, refresh_seconds=0, cooldown_seconds=0)
    assert await keys.key("test-key")
    issuer.away = True
    assert await keys.key("test-key")
    assert issuer.asked == 2


async def test_unknown_key_is_unavailable_not_refused_while_the_issuer_is_away(tokens: TokenIssuer) -> None:
    issuer = Issuer(tokens)
    issuer.away = True
    keys = RemoteKeys(issuer.fetch, cooldown_seconds=60)
    for _ in range(10):
        with pytest.raises(KeysUnavailableError):
            await keys.key("test-key")
    assert issuer.asked == 1
