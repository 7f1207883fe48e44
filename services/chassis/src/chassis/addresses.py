"""Whose address a request comes from, when part of the way it came is not to be believed."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

UNKNOWN = "0.0.0.0"
"""Stands for a peer without an address: a unix socket's."""


class TrustedProxies:
    """The networks whose ``X-Forwarded-*`` headers count; none by default.

    Args:
        networks: CIDRs, or single addresses.

    Raises:
        ValueError: One of them is neither.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = tuple(ip_network(each) for each in networks)
        self._knows = lru_cache(maxsize=4096)(self._look)

    def knows(self, address: str) -> bool:
        """Tell whether ``address`` is one of the trusted proxies."""
        return bool(self._networks) and self._knows(address)

    def _look(self, address: str) -> bool:
        found = parsed(address)
        return found is not None and any(found in network for network in self._networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """Return the address of whoever asked.

        Args:
            peer: The other end of the socket.
            forwarded_for: ``X-Forwarded-For``, all of its lines joined by commas.

        Returns:
            The peer, unless it is trusted: then the last address in the list that is not. An entry that is no address
            ends the search, because what stands before it is hearsay.
        """
        if not self.knows(peer):
            return peer
        address = peer
        for entry in reversed(forwarded_for.split(",")):
            found = parsed(entry.strip())
            if found is None:
                break
            address = str(found)
            if not self.knows(address):
                break
        return address


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that ``text`` is, IPv4 where it is IPv4 in IPv6's clothes, or None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def neighbourhood(address: str) -> str:
    """Return what is counted together: an IPv4 address, or the /64 that one IPv6 customer has for himself."""
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False))
    return str(found or UNKNOWN)
