"""What the provider reports by itself."""

from chassis.errors import ConflictError, NotFoundError
from chassis.problems import responses
from chassis.routing import Router
from payments.api.deps import Genuine, PartsDep
from payments.api.schemas import WebhookIn
from payments.domain.webhooks import WebhookRefusedError

router = Router(prefix="/v1/provider-webhooks", tags=["webhooks"])


class WebhookReplayedError(ConflictError):
    """This very message came before. A provider that tries again signs anew."""

    code = "webhook-replayed"
    title = "The webhook came before"


@router.post(
    "/{provider}",
    status_code=204,
    responses=responses(WebhookRefusedError, WebhookReplayedError, NotFoundError),
)
async def hear(provider: str, body: WebhookIn, signature: Genuine, parts: PartsDep) -> None:  # noqa: ARG001 - in path
    """Take an outcome from the provider. What is known already, or nobody asked for, changes nothing."""
    if not await parts.payments.hear(body.reference, body.outcome(), body.amount.to_money(), signature):
        raise WebhookReplayedError
