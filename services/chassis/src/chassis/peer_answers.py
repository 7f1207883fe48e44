"""Reading what a peer answered when it is not what one hoped for: its problem, its ``Retry-After``."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis import logs
from chassis.errors import InternalError

_log = logs.get("clients")


class PeerProblem(BaseModel):
    """A problem document (RFC 9457) as a peer sent it; what it lacks is empty, its extensions are attributes too."""

    model_config = ConfigDict(extra="allow", frozen=True)

    code: str = ""
    title: str = ""
    detail: str = ""


class UnexpectedAnswerError(InternalError):
    """A peer's answer that the caller has no meaning for: a fault of ours, on one side or the other."""


def unexpected(response: httpx.Response) -> UnexpectedAnswerError:
    """Log an answer that has no meaning here, and return the error for it.

    Use::

        raise unexpected(response)
    """
    problem = problem_of(response)
    request = response.request
    _log.error(
        "unexpected answer",
        method=request.method,
        url=str(request.url.copy_with(query=None)),
        status=response.status_code,
        code=problem.code if problem else None,
    )
    return UnexpectedAnswerError()


def problem_of(response: httpx.Response) -> PeerProblem | None:
    """Return the problem that a peer answered with; None where the answer is something else."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/problem+json":
        return None
    try:
        return PeerProblem.model_validate_json(response.content)
    except ValidationError:
        return None


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return for how long the peer wants to be left alone, never negative; None where it does not say.

    Source: RFC 9110, section 10.2.3 (whole seconds, or a date).
    """
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def is_in_progress(response: httpx.Response) -> bool:
    """Tell whether the peer is still busy with an earlier request under the same idempotency key."""
    if response.status_code != HTTPStatus.CONFLICT:
        return False
    problem = problem_of(response)
    return problem is not None and problem.code == "idempotency-in-progress"
