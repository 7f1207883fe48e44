"""How often somebody may ask: per account or API key, and per address, by the class that the route names.

Counted with GCRA (``chassis.ratelimit``), in memory or in Valkey.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter

from chassis.addresses import neighbourhood
from chassis.errors import RateLimitedError
from chassis.ratelimit import Limit, RateLimiter
from chassis.ratelimit_headers import standing
from gateway.api.exchanges import Exchange
from gateway.api.policies import Policy
from gateway.domain.forwarding import Fields

_refused = Counter(
    "tradewind_gateway_limited", "Requests refused because somebody asked too often.", ("limit", "counted_by")
)


@dataclass(frozen=True, slots=True)
class Class:
    """What one class of routes allows an account (or an API key), and an address."""

    account: Limit
    address: Limit


class Limits:
    """Takes a request's share of the allowances that it falls under, or refuses it.

    Args:
        classes: By the names that routes use in ``limit``.
    """

    def __init__(self, limiter: RateLimiter, classes: Mapping[str, Class]) -> None:
        self._limiter = limiter
        self._accounts = {name: Policy.of(name, "account", each.account) for name, each in classes.items()}
        self._addresses = {name: Policy.of(name, "address", each.address) for name, each in classes.items()}

    async def by_address(self, exchange: Exchange, limit: str) -> None:
        """Count the request for the address it came from.

        Raises:
            RateLimitedError: Too many from there.
        """
        await self._take(exchange, self._addresses[limit], neighbourhood(exchange.address))

    async def by_account(self, exchange: Exchange, limit: str, subject: str) -> None:
        """Count the request for the account, or API key, that it is made with.

        Raises:
            RateLimitedError: Too many of its requests.
        """
        await self._take(exchange, self._accounts[limit], subject)

    async def _take(self, exchange: Exchange, policy: Policy, subject: str) -> None:
        decision = await self._limiter.take(policy.prefix + subject, policy.limit)
        exchange.counted = (policy, decision)
        if not decision.allowed:
            _refused.labels(policy.name, policy.counted_by).inc()
            raise RateLimitedError(
                f"Too many requests of the class {policy.name} for one {policy.counted_by}.",
                retry_after_seconds=decision.retry_after_seconds,
            )


def fields(exchange: Exchange) -> Fields:
    """Return what the answer says about the limit that the request was last counted against; nothing if none."""
    if exchange.counted is None:
        return []
    policy, decision = exchange.counted
    return [policy.field, (b"ratelimit", standing(policy.name, policy.limit, decision).encode())]
