"""What each token makes happen: after `tok_` for cards, after `pp_` for PayPal."""

from enum import StrEnum


class Behaviour(StrEnum):
    """How an operation with this token ends, and how one hears of it."""

    APPROVE = "approve"
    DECLINE = "decline"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    HANG = "hang"
    """It happens, and no answer comes in time."""
    ANSWER_TWICE = "answer_twice"
    """The webhook comes twice."""
    ANSWER_LATE = "answer_late"
    """It stays undecided for a while, and is answered then."""
    CAPTURE_REFUSED = "capture_refused"
    """The authorisation succeeds, and cannot be captured."""
    WEBHOOK_FIRST = "webhook_first"
    """The webhook comes before the answer."""
    AWAY = "away"
    """The provider cannot answer the first times it is asked, and nothing happens then."""
    UNKNOWN = "unknown"
    """A token that this provider never gave out; it is declined."""


PREFIXES = {"card": "tok_", "paypal": "pp_"}
REFUSED = {
    Behaviour.DECLINE: "declined",
    Behaviour.INSUFFICIENT_FUNDS: "insufficient-funds",
    Behaviour.UNKNOWN: "unknown-token",
}
"""Authorisations with these tokens are refused, for these reasons."""


def behaviour_of(method: str, token: str) -> Behaviour:
    """Return what a token of this method does. What follows a hyphen is ignored, as in `tok_approve-42`."""
    prefix = PREFIXES.get(method)
    if prefix is None or not token.startswith(prefix):
        return Behaviour.UNKNOWN
    try:
        return Behaviour(token.removeprefix(prefix).partition("-")[0])
    except ValueError:
        return Behaviour.UNKNOWN
