"""Identifiers that sort by the time they were made. Standard library only."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Make a version 7 UUID: 48 bits of Unix milliseconds, then 74 random bits.

    New rows then land at the end of an index, and a list by id is a list by age.
    Source: RFC 9562, section 5.7. (PostgreSQL has ``uuidv7()`` from 18 only; we keep to what 15 knows.)
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
