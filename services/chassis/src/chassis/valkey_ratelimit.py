"""Rate limits that all replicas share, counted in Valkey (or Redis, from version 5 on)."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from prometheus_client import Counter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import RedisError

from chassis import logs
from chassis.breaker import Breaker
from chassis.errors import UnavailableError
from chassis.ratelimit import Decision, Limit, checked, decide

# One key, one round trip; see `MemoryLimiter.take` for the same in Python. ARGV[4] is for tests: the server's own time
# cannot be stood still, and it is the only one that all replicas agree on.
_SCRIPT = """
local interval, tolerance, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
arrival = math.min(math.max(arrival, now), now + tolerance)
local taken = arrival + cost * interval
local wait = taken - tolerance - now
if wait <= 0 then
  arrival = taken
  if cost > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
  end
end
return {arrival - now, wait}
"""

_uncounted = Counter("tradewind_ratelimit_uncounted_total", "Requests that could not be counted: Valkey was away.")
_log = logs.get("ratelimit")
_SECONDS_BETWEEN_LINES = 60


class LimitsUnavailableError(UnavailableError):
    """Requests cannot be counted now, and what is not counted is not let in."""


class ValkeyLimiter:
    """Counts in Valkey, by Valkey's clock. While that is away, everything or nothing passes, as ``fail_open`` says.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, password included.
        fail_open: Whether requests that cannot be counted pass, or are refused with ``LimitsUnavailableError``.
        timeout_seconds: For connecting, and for each answer; a limit that costs more than the request helps nobody.
        prefix: Begins every key.
        clock: Microseconds since some instant; None is Valkey's own clock, which is what replicas agree on.
    """

    def __init__(
        self,
        url: str,
        *,
        fail_open: bool,
        timeout_seconds: float = 0.25,
        prefix: str = "ratelimit:",
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._fail_open = fail_open
        self._prefix = prefix
        self._clock = clock
        self._pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=32,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # Once more at once, for a connection that died idle; never after a timeout.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLostError,)),
        )
        self._valkey = Redis(connection_pool=self._pool)
        self._take = self._valkey.register_script(_SCRIPT)
        self._breaker = Breaker("valkey", open_seconds=1)
        self._silent_until = float("-inf")

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Self]:
        """Close the connections at the end; the first request opens the first one."""
        try:
            yield self
        finally:
            await self._pool.aclose()

    async def check(self) -> None:
        """Raise ``UnavailableError`` if Valkey does not answer."""
        try:
            await self._valkey.ping()
        except (RedisError, OSError) as error:
            raise UnavailableError("Valkey does not answer.") from error

    async def take(self, key: str, limit: Limit, cost: int = 1) -> Decision:
        """Take ``cost`` units; see ``RateLimiter``."""
        now = "" if self._clock is None else self._clock()
        arguments = (limit.interval, limit.tolerance, checked(cost, limit), now)
        try:
            with self._breaker.call():
                ahead, wait = await self._take(keys=[self._prefix + key], args=arguments)
        except (RedisError, OSError, UnavailableError) as error:
            return self._uncounted(limit, error)
        return decide(limit, ahead=ahead, wait=wait)

    def _uncounted(self, limit: Limit, error: Exception) -> Decision:
        _uncounted.inc()
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + _SECONDS_BETWEEN_LINES
            _log.warning("rate limits are not counted", let_in=self._fail_open, error=str(error))
        if not self._fail_open:
            raise LimitsUnavailableError("Requests cannot be counted now.", retry_after_seconds=1) from error
        return decide(limit, ahead=0, wait=0)
