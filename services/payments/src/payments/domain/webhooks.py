"""Webhooks of a provider: whether one is genuine, and what it says.

The header ``webhook-signature`` is ``t=<Unix seconds>,v1=<hex>``: the HMAC-SHA256, under a shared secret, of the time,
a full stop and the body, byte by byte. One is good for five minutes, and once.
"""

import hashlib
import hmac
import re

from chassis.clock import Clock
from chassis.errors import UnauthenticatedError

TOLERANCE_SECONDS = 300
_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class WebhookRefusedError(UnauthenticatedError):
    """The signature is missing, wrong or stale. Which of them is nobody's business."""

    code = "webhook-refused"
    title = "The webhook is not genuine"


class WebhookVerifier:
    """Tells genuine webhooks of one provider from others."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    def verify(self, header: str | None, body: bytes) -> bytes:
        """Return what to know the signature again by.

        Raises:
            WebhookRefusedError: It is not genuine, or older or newer than five minutes.
        """
        match = _HEADER.fullmatch(header or "")
        if match is None:
            raise WebhookRefusedError
        timestamp, shown = match[1], bytes.fromhex(match[2])
        expected = hmac.new(self._secret, timestamp.encode() + b"." + body, hashlib.sha256).digest()
        genuine = hmac.compare_digest(expected, shown)
        if not genuine or abs(self._clock.now().timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise WebhookRefusedError
        return shown
