"""argon2id in a few threads, so that a flood of logins takes neither the event loop nor the memory.

Source of the parameters: OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane).
"""

import asyncio
import base64
import ctypes
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import Gauge, Histogram
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from auth.domain.passwords import Verdict
from chassis import context
from chassis.errors import DeadlineExceededError, UnavailableError

_LANES = 1

_M_MMAP_THRESHOLD = -3
_BIG_BLOCK_BYTES = 1 << 20

_waiting = Gauge(
    "tradewind_password_hashes_waiting", "Passwords that wait for a hashing thread.", multiprocess_mode="livesum"
)
_seconds = Histogram("tradewind_password_hash_seconds", "Time one password hash took, without waiting.")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Effort:
    """What one hash costs."""

    memory_kibibytes: int
    passes: int


OWASP = Effort(memory_kibibytes=19_456, passes=2)
LEAST = Effort(memory_kibibytes=8, passes=1)
"""Protects nothing: for tests that register thousands."""


class HashingOverloadedError(UnavailableError):
    """More passwords are waiting to be hashed than can be in reasonable time."""

    code = "hashing-overloaded"
    title = "Too many sign-ins at once"


class Argon2Passwords:
    """The ``PasswordHasher``.

    Args:
        threads: Hashes at once; each takes 19 MiB and one core for about 20 ms.
        most_waiting: Beyond this, requests are refused instead of queued.
        effort: What one hash costs.
    """

    def __init__(self, *, threads: int, most_waiting: int, effort: Effort = OWASP) -> None:
        _give_big_blocks_back()
        argon2 = Argon2Hasher(time_cost=effort.passes, memory_cost=effort.memory_kibibytes, parallelism=_LANES)
        self._hasher = PasswordHash((argon2,))
        self._threads = threads
        self._most_waiting = most_waiting
        self._nobodys = _nobodys_hash(effort)
        self._pool: ThreadPoolExecutor | None = None
        self._free = asyncio.Semaphore(threads)
        self._queue = 0

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Keep the threads for the length of the block."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="argon2") as pool:
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None

    async def hash(self, password: str) -> str:
        """Hash; see the port."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Compare; see the port. Without a hash, one that is nobody's costs the same."""
        right, new_hash = await self._run(
            lambda: self._hasher.verify_and_update(password, password_hash or self._nobodys)
        )
        if not right or password_hash is None:
            return Verdict(right=False)
        return Verdict(right=True, new_hash=new_hash)

    async def _run(self, job: Callable[[], Result]) -> Result:
        if self._queue >= self._most_waiting:
            raise HashingOverloadedError(retry_after_seconds=1)
        self._queue += 1
        _waiting.inc()
        try:
            await self._free.acquire()
        finally:
            self._queue -= 1
            _waiting.dec()
        try:
            remaining = context.current().remaining_seconds()
            if remaining is not None and remaining <= 0:
                raise DeadlineExceededError("The password was not looked at in time.")
            with _seconds.time():
                return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        finally:
            self._free.release()


def _nobodys_hash(effort: Effort) -> str:
    """Make up a hash with today's parameters: comparing with it costs what any comparison does, and nothing fits it."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={effort.memory_kibibytes},t={effort.passes},p={_LANES}${salt}${digest}"


def _give_big_blocks_back() -> None:
    """Keep malloc from holding on to a hash's 19 MiB per thread for ever: 40 MB less for the same work.

    glibc raises the size from which blocks are mapped (and so given back) to that of the first big block it frees; a
    fixed size stays. Other C libraries have no such knob, and need none. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _BIG_BLOCK_BYTES)
