"""Reports outcomes to payments, signed as a real provider would."""

import hashlib
import hmac

import orjson

from chassis.clients import ServiceClient
from chassis.clock import Clock
from chassis.errors import ServiceError
from sandbox.domain.ports import Delivery

SIGNATURE = "webhook-signature"


class HttpReceiver:
    """The ``Receiver`` behind an address. Every try is signed anew: a signature is good for five minutes.

    Args:
        client: Knows where the receiver is.
        path: Where it wants webhooks.
        secret: What the two share.
    """

    def __init__(self, client: ServiceClient, path: str, secret: str, clock: Clock) -> None:
        self._client = client
        self._path = path
        self._secret = secret.encode()
        self._clock = clock

    async def report(self, delivery: Delivery) -> bool:
        """Tell an outcome; see the port. One that was heard before counts as heard."""
        operation = delivery.operation
        asked = operation.instruction
        body = {
            "id": str(delivery.id),
            "reference": asked.reference,
            "kind": asked.kind,
            "state": operation.outcome,
            "code": operation.code,
            "provider_reference": str(operation.provider_reference),
            "amount": {"amount": asked.amount_minor, "currency": asked.currency},
            "occurred_at": operation.settled_at,
        }
        headers = {SIGNATURE: sign(self._secret, int(self._clock.now().timestamp()), orjson.dumps(body))}
        try:
            answer = await self._client.request("POST", self._path, json=body, headers=headers)
        except ServiceError:
            return False
        return answer.is_success


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """Return the header's value: the time, and the HMAC-SHA256 of time and body under the secret."""
    digest = hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
