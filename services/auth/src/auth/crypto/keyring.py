"""The signing keys as one process knows them: read again every few seconds, so that all replicas sign alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from joserfc.jwk import ECKey, Key

from auth.crypto.sealing import Sealer, UnsealError
from auth.domain.signing_keys import KeyMaterial, KeySchedule, KeyState, NoSigningKeyError, SigningKey, SigningKeys
from chassis import logs
from chassis.clock import Clock
from chassis.tasks import end

ALGORITHM = "ES256"
REFRESH_SECONDS = 5.0
"""How stale a process' view can be: how long a compromised key may still sign after ``keys rotate --now``."""

_COOLDOWN_SECONDS = 1.0
_PURPOSE = "signing key"


def make_key(sealer: Sealer) -> KeyMaterial:
    """Make a new P-256 key pair, its private half sealed."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    public = {**key.as_dict(private=False), "alg": ALGORITHM, "use": "sig"}
    private = orjson.dumps(key.as_dict(private=True))
    return KeyMaterial(str(key.kid), public, sealer.seal(private, purpose=_PURPOSE))


class Keyring:
    """Signs with what the schedule says, publishes the JWKS, and verifies for this service itself (``KeySource``).

    Args:
        load: Reads every key from where they are stored.
    """

    def __init__(self, load: Callable[[], Awaitable[Sequence[SigningKey]]], sealer: Sealer, clock: Clock) -> None:
        self._load = load
        self._sealer = sealer
        self._clock = clock
        self._keys = SigningKeys((), KeySchedule())
        self._private: dict[str, ECKey] = {}
        self._public: dict[str, ECKey] = {}
        self._looked_at = float("-inf")
        self._lock = asyncio.Lock()
        self._log = logs.get("keyring")

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Read the keys, and go on reading them for the length of the block.

        A task of its own and no background loop: every process has to see them, not only the one that runs jobs.
        """
        await self._try_refresh()
        task = asyncio.create_task(self._keep_fresh(), name="keyring")
        try:
            yield
        finally:
            await end(task)

    async def check(self) -> None:
        """Tell readiness whether a token could be signed.

        Raises:
            NoSigningKeyError: There is no key, or its private half cannot be decrypted.
        """
        try:
            self.signer()
        except NoSigningKeyError:
            await self._try_refresh()
            self.signer()

    async def refresh(self) -> None:
        """Read the keys now."""
        keys = await self._load()
        now = self._clock.now()
        live = {key.kid: key for key in keys if key.state(now) is not KeyState.RETIRED}
        self._public = {kid: self._public.get(kid) or ECKey.import_key(key.public) for kid, key in live.items()}
        self._private = {kid: found for kid, key in live.items() if (found := self._opened(key)) is not None}
        self._keys = SigningKeys(list(live.values()), KeySchedule())

    def signer(self) -> ECKey:
        """Return the private key that signs now.

        Raises:
            NoSigningKeyError: There is none.
        """
        kid = self._keys.signer(self._clock.now()).kid
        if kid not in self._private:
            raise NoSigningKeyError("The signing key cannot be decrypted: is KEYS__ENCRYPTION_KEY another one now?")
        return self._private[kid]

    def jwks(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517, section 5), the signing one first.

        Raises:
            NoSigningKeyError: None is known (yet): verifiers would keep an empty answer for minutes.
        """
        published = self._keys.published(self._clock.now())
        if not published:
            raise NoSigningKeyError("The keys could not be read yet.", retry_after_seconds=1)
        return {"keys": [key.public for key in published]}

    async def key(self, kid: str) -> Key | None:
        """Return a public key that is not retired; see ``chassis.security.KeySource``."""
        found = self._living(kid)
        if found is None and time.monotonic() - self._looked_at > _COOLDOWN_SECONDS:
            async with self._lock:
                if self._living(kid) is None:
                    self._looked_at = time.monotonic()
                    await self.refresh()
            found = self._living(kid)
        return found

    def _living(self, kid: str) -> ECKey | None:
        now = self._clock.now()
        return self._public[kid] if any(key.kid == kid for key in self._keys.published(now)) else None

    def _opened(self, key: SigningKey) -> ECKey | None:
        if key.kid in self._private or key.sealed_private is None:
            return self._private.get(key.kid)
        try:
            private = self._sealer.open(key.sealed_private, purpose=_PURPOSE)
        except UnsealError as error:
            self._log.error("signing key cannot be decrypted", kid=key.kid, reason=str(error))
            return None
        return ECKey.import_key({**orjson.loads(private), "kid": key.kid})

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except Exception as error:  # noqa: BLE001 - whatever it was, the keys that are known go on
            self._log.warning("keys not read", error=repr(error))
