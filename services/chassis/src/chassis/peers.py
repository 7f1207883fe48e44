"""The services that this one asks, by name: each a ``ServiceClient`` that shows this service's own token.

::

    peers = service.use_peers(settings.client, settings.peers)
    catalog = CatalogClient(peers["catalog"])
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import httpx

from chassis.breaker import Breaker
from chassis.clients import ServiceClient
from chassis.manifest import Manifest, address_setting
from chassis.service_tokens import ServiceTokens
from chassis.settings import ClientSettings

_AUTH = "auth"


class Peers:
    """A client for each peer that ``service.yaml`` names under ``asks``.

    Auth is one only where it has an address: who asks it for nothing but keys and tokens knows it by other settings.

    Args:
        manifest: Says whom this service asks, and what its token for each of them shall allow.
        settings: Where its tokens come from, and how often a call is repeated.
        addresses: Scheme, host and port of each peer, by its name.
        session: The process's ``HttpSession``; in tests any httpx transport.
        breakers: Those that exist already, by the peer's name.

    Raises:
        ValueError: A peer other than auth has no address.
    """

    def __init__(
        self,
        manifest: Manifest,
        settings: ClientSettings,
        addresses: Mapping[str, str],
        *,
        session: httpx.AsyncBaseTransport,
        breakers: Mapping[str, Breaker] | None = None,
    ) -> None:
        known = dict(breakers or {})
        scopes: dict[str, list[str]] = {}
        for ask in manifest.asks:
            scopes.setdefault(ask.service, []).extend(ask.scopes)
        if homeless := sorted(scopes.keys() - addresses.keys() - {_AUTH}):
            raise ValueError(f"{homeless[0]} is asked and has no address: set {address_setting(homeless[0])}.")
        narrow = {name: sorted(set(wanted)) for name, wanted in scopes.items() if name in addresses}
        self._tokens = ServiceTokens(settings, manifest.name, session=session, scopes=narrow, breaker=known.get(_AUTH))
        self._clients = {
            name: ServiceClient(
                name,
                addresses[name],
                session=session,
                retries=settings.retries,
                tokens=self._tokens,
                breaker=known.get(name),
            )
            for name in narrow
        }

    def __getitem__(self, name: str) -> ServiceClient:
        """Return the client of a peer.

        Raises:
            KeyError: ``service.yaml`` does not say that this service asks it.
        """
        return self._clients[name]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Self]:
        """End fetching tokens when the service stops; use it inside the session's."""
        async with self._tokens.lifespan():
            yield self
