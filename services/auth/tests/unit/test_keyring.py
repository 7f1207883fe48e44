from collections.abc import Sequence
from functools import partial

import pytest

from auth.crypto.access_tokens import SignedAccessTokens
from auth.crypto.keyring import Keyring, make_key
from auth.crypto.sealing import Sealer
from auth.domain.access_tokens import AccessGrant
from auth.domain.rotation import KeyService
from auth.domain.signing_keys import KeySchedule, NoSigningKeyError, SigningKey
from chassis.errors import UnavailableError
from chassis.security import InvalidTokenError, TokenVerifier
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits

pytestmark = pytest.mark.anyio

ISSUER = "https://issuer.example"
SEALER = Sealer([bytes(32)])


class Replica:
    """One process that signs and verifies."""

    def __init__(self, keys: KeyService, clock: FakeClock, sealer: Sealer = SEALER) -> None:
        self.keyring = Keyring(keys.list, sealer, clock)
        self.verifier = TokenVerifier(
            issuer=ISSUER, audiences=("tradewind", "orders"), keys=self.keyring, clock=clock, cache_size=0
        )
        self.tokens = SignedAccessTokens(issuer=ISSUER, keyring=self.keyring, verifier=self.verifier, clock=clock)

    def sign(self, audience: str = "tradewind") -> str:
        grant = AccessGrant("ada", "tradewind-cli", audience, frozenset({"b:own", "a:own"}), frozenset({"customer"}))
        return self.tokens.issue(grant).value

    @property
    def kids(self) -> list[str]:
        return [key["kid"] for key in self.keyring.jwks()["keys"]]


@pytest.fixture
def keys(units: FakeUnits, clock: FakeClock) -> KeyService:
    return KeyService(units, clock, KeySchedule(), partial(make_key, SEALER))


@pytest.fixture
async def replicas(keys: KeyService, clock: FakeClock) -> list[Replica]:
    await keys.tend()
    made = [Replica(keys, clock), Replica(keys, clock)]
    for each in made:
        await each.keyring.refresh()
    return made


async def test_token_says_what_rfc_9068_wants(replicas: list[Replica], clock: FakeClock) -> None:
    claims = await replicas[0].tokens.read(replicas[0].sign())
    now = int(clock.now().timestamp())
    assert claims is not None
    assert len(claims["jti"]) == 22
    assert {name: claims[name] for name in claims if name != "jti"} == {
        "iss": ISSUER,
        "sub": "ada",
        "aud": "tradewind",
        "client_id": "tradewind-cli",
        "scope": "a:own b:own",
        "roles": ["customer"],
        "iat": now,
        "exp": now + 600,
    }


async def test_token_ends_with_the_key_it_was_exchanged_for(replicas: list[Replica], clock: FakeClock) -> None:
    end = clock.now().replace(minute=1)
    grant = AccessGrant("ada", "gateway", "tradewind", frozenset(), not_after=end)
    assert replicas[0].tokens.issue(grant).expires_in_seconds == 60


async def test_jwks_holds_no_private_part(replicas: list[Replica]) -> None:
    (key,) = replicas[0].keyring.jwks()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


async def test_replicas_change_to_the_next_key_at_the_same_moment(
    replicas: list[Replica], keys: KeyService, clock: FakeClock
) -> None:
    first = replicas[0].keyring.signer().kid
    second = (await keys.rotate(at_once=False)).kid
    await replicas[0].keyring.refresh()
    clock.advance(minutes=9)
    await replicas[1].keyring.refresh()
    assert [each.keyring.signer().kid for each in replicas] == [first, first]
    clock.advance(minutes=1)
    assert [each.keyring.signer().kid for each in replicas] == [second, second]


async def test_no_token_is_refused_during_a_rotation(
    replicas: list[Replica], keys: KeyService, clock: FakeClock
) -> None:
    signer, verifier = replicas
    await keys.rotate(at_once=False)
    await signer.keyring.refresh()
    await verifier.keyring.refresh()
    last = None
    for _ in range(40):
        token = signer.sign()
        await verifier.verifier.verify(token)
        if last is not None:
            await verifier.verifier.verify(last)
        last = token
        clock.advance(minutes=1)
    assert len(signer.kids) == 1


async def test_key_that_is_new_to_a_replica_is_looked_up_once(replicas: list[Replica], keys: KeyService) -> None:
    signer, verifier = replicas
    await keys.rotate(at_once=True)
    await signer.keyring.refresh()
    await verifier.verifier.verify(signer.sign())


async def test_unknown_keys_cannot_cause_a_storm(keys: KeyService, clock: FakeClock) -> None:
    await keys.tend()
    looked = 0

    async def load() -> Sequence[SigningKey]:
        nonlocal looked
        looked += 1
        return await keys.list()

    keyring = Keyring(load, SEALER, clock)
    for number in range(50):
        assert await keyring.key(f"forged-{number}") is None
    assert looked == 1


async def test_replaced_key_verifies_nothing_any_more(
    replicas: list[Replica], keys: KeyService, clock: FakeClock
) -> None:
    token = replicas[0].sign()
    await replicas[0].verifier.verify(token)
    await keys.rotate(at_once=True)
    await replicas[0].keyring.refresh()
    with pytest.raises(InvalidTokenError):
        await replicas[0].verifier.verify(token)
    await replicas[0].verifier.verify(replicas[0].sign())


async def test_key_that_cannot_be_decrypted_signs_nothing_and_still_verifies(
    keys: KeyService, clock: FakeClock, replicas: list[Replica]
) -> None:
    broken = Replica(keys, clock, Sealer([bytes(range(32))]))
    await broken.keyring.refresh()
    with pytest.raises(NoSigningKeyError):
        broken.sign()
    with pytest.raises(NoSigningKeyError):
        await broken.keyring.check()
    await broken.verifier.verify(replicas[0].sign())
    await replicas[0].keyring.check()


async def test_keys_stay_while_the_database_is_away(keys: KeyService, clock: FakeClock) -> None:
    await keys.tend()
    away = False

    async def load() -> Sequence[SigningKey]:
        if away:
            raise UnavailableError
        return await keys.list()

    keyring = Keyring(load, SEALER, clock)
    async with keyring.lifespan():
        away = True
        await keyring._try_refresh()
        assert keyring.signer().kid == keyring.jwks()["keys"][0]["kid"]
        with pytest.raises(UnavailableError):
            await keyring.key("unknown")


async def test_nothing_is_ready_without_a_key(keys: KeyService, clock: FakeClock) -> None:
    keyring = Keyring(keys.list, SEALER, clock)
    with pytest.raises(NoSigningKeyError):
        await keyring.check()
    with pytest.raises(NoSigningKeyError):
        keyring.jwks()
    await keys.tend()
    await keyring.check()
    assert len(keyring.jwks()["keys"]) == 1
