"""``RateLimit`` and ``RateLimit-Policy``: telling a caller its limits before it meets them.

Source: draft-ietf-httpapi-ratelimit-headers-10, structured fields (RFC 9651). Of the parameters, ``q`` is the quota and
``w`` the seconds in which it is earned; ``r`` is what is left and ``t`` the seconds until there is more.
"""

from math import ceil

from chassis.ratelimit import Decision, Limit

_MICROSECONDS = 1_000_000


def rate_limit_headers(*applied: tuple[str, Limit, Decision]) -> dict[str, str]:
    """Return both header fields, names in lower case, for the limits that a request was counted against.

    Args:
        applied: For each, its policy's name (printable ASCII), the limit and what was decided.
    """
    return {
        "ratelimit-policy": ", ".join(policy(name, limit) for name, limit, _decision in applied),
        "ratelimit": ", ".join(standing(name, limit, decision) for name, limit, decision in applied),
    }


def policy(name: str, limit: Limit) -> str:
    """Return the policy's item of ``RateLimit-Policy``; the same for every request."""
    return f"{_quoted(name)};q={limit.burst};w={_whole_seconds(limit.tolerance)}"


def standing(name: str, limit: Limit, decision: Decision) -> str:
    """Return the policy's item of ``RateLimit``, after a decision."""
    left = f"{_quoted(name)};r={decision.remaining}"
    if decision.remaining == limit.burst:
        return left
    # The next unit is there when the arrival time is one interval nearer than `remaining` alone would allow.
    ahead = round(decision.reset_seconds * _MICROSECONDS)
    return f"{left};t={_whole_seconds(ahead - limit.tolerance + (decision.remaining + 1) * limit.interval)}"


def _whole_seconds(microseconds: int) -> int:
    """Round up: whoever waits for less would come too early."""
    return ceil(microseconds / _MICROSECONDS)


def _quoted(name: str) -> str:
    if not (name.isascii() and name.isprintable()):
        raise ValueError(f"A policy's name is printable ASCII, unlike {name!r}.")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
