"""What has to be done once per deployment, and every so often, by one replica."""

from collections.abc import Mapping, Sequence

from auth.domain.client_registration import Applied, ClientRegistration
from auth.domain.clients import ClientEntry
from auth.domain.retention import Retention
from auth.domain.rotation import KeyService
from auth.domain.units import Units
from chassis import logs
from chassis.clock import Clock

ROTATION_SECONDS = 60
RETENTION_SECONDS = 3600


class Upkeep:
    """The jobs of this service.

    Args:
        clients: What the registry says of them.
        secrets: What the settings say, by client name; the current one first.
    """

    def __init__(
        self,
        units: Units,
        keys: KeyService,
        clock: Clock,
        clients: Sequence[ClientEntry],
        secrets: Mapping[str, Sequence[str]],
    ) -> None:
        self._units = units
        self._keys = keys
        self._clock = clock
        self._clients = clients
        self._secrets = secrets
        self._log = logs.get("upkeep")

    async def rotate_keys(self) -> bool:
        """Publish the signing key that is due, and destroy those that retired; return whether one was published."""
        made = await self._keys.tend()
        if made is not None:
            self._log.info("signing key published", kid=made.kid, signs_from=made.signs_from.isoformat())
        return made is not None

    async def apply_clients(self) -> Applied:
        """Make the OAuth clients what the registry and the settings say; doing it again changes nothing."""
        async with self._units() as uow:
            done = await ClientRegistration(uow, self._clock).apply(self._clients, self._secrets)
        if done.without_secret:
            self._log.warning("clients without a secret cannot get tokens", clients=done.without_secret)
        return done

    async def keep_retention(self) -> None:
        """Remove the rows that are too old."""
        async with self._units() as uow:
            removed = await Retention(uow, self._clock).keep()
        self._log.info("old rows removed", **removed)
