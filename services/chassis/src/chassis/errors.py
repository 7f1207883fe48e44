"""The kinds of refusal a domain can raise; the web layer turns each kind into a status (see ``problems``).

Imports the standard library only, so that a domain can use it and know nothing of HTTP::

    ServiceError
    ├── MalformedError              400  the request cannot be understood
    ├── UnauthenticatedError        401  nobody, or nobody we can verify
    ├── ForbiddenError              403  known, and not allowed
    ├── NotFoundError               404  absent, or somebody else's
    ├── ConflictError               409  the state does not allow it
    ├── PreconditionFailedError     412  changed since the caller looked
    ├── InvalidError                422  understood, and not acceptable
    ├── PreconditionRequiredError   428  the caller has to say what it looked at
    ├── RateLimitedError            429  too often
    ├── InternalError               500  our fault, and known
    ├── UnavailableError            503  something we need is away; safe to ask again
    └── DeadlineExceededError       504  nobody waits for the answer any more
"""

from typing import ClassVar


class ServiceError(Exception):
    """An expected refusal.

    Subclasses fix ``code`` (stable, kebab-case, a page in ``docs/problems``) and ``title`` (the same for every
    occurrence). ``detail`` is the sentence for this occurrence; ``extensions`` become members of the problem.
    """

    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after_seconds: float | None = None,
        headers: dict[str, str] | None = None,
        **extensions: object,
    ) -> None:
        self.detail = detail or f"{self.title}."
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers or {}
        self.extensions = extensions
        super().__init__(self.detail)


class MalformedError(ServiceError):
    """The request cannot be understood."""

    code = "malformed-request"
    title = "The request cannot be understood"


class UnauthenticatedError(ServiceError):
    """The caller is unknown, or what it shows cannot be verified."""

    code = "unauthenticated"
    title = "Authentication is required"


class ForbiddenError(ServiceError):
    """The caller is known and may not do this."""

    code = "forbidden"
    title = "This is not allowed"


class NotFoundError(ServiceError):
    """It does not exist, or it belongs to somebody else."""

    code = "not-found"
    title = "Not found"


class ConflictError(ServiceError):
    """The state of things does not allow it."""

    code = "conflict"
    title = "The current state does not allow this"


class PreconditionFailedError(ServiceError):
    """The thing changed since the caller looked at it."""

    code = "precondition-failed"
    title = "It changed in the meantime"


class InvalidError(ServiceError):
    """Understood, and not acceptable."""

    code = "invalid"
    title = "The request is not acceptable"


class PreconditionRequiredError(ServiceError):
    """A concurrent edit has to say which version it edits."""

    code = "precondition-required"
    title = "The request has to be conditional"


class RateLimitedError(ServiceError):
    """Too many requests; ``retry_after_seconds`` says when the next one is welcome."""

    code = "rate-limited"
    title = "Too many requests"


class InternalError(ServiceError):
    """A fault of ours that has a name."""


class UnavailableError(ServiceError):
    """Something this needs is away for now; asking again later is safe."""

    code = "unavailable"
    title = "Temporarily unavailable"


class DeadlineExceededError(ServiceError):
    """The time the caller gave is over."""

    code = "deadline-exceeded"
    title = "The deadline has passed"
