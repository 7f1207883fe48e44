"""What every answer tells a browser not to do. Sources: OWASP Secure Headers; RFC 6797 (HSTS)."""

from gateway.domain.forwarding import Fields

_ALWAYS: Fields = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""For answers that are data: nothing in them is to be loaded, run or framed."""

_PLAIN: Fields = list(_ALWAYS)
_SECURE: Fields = [*_ALWAYS, _HSTS]


def fields(scheme: str) -> Fields:
    """Return the fields for an answer over ``scheme``; HSTS only where the client came by TLS, as its RFC wants."""
    return _SECURE if scheme in ("https", "wss") else _PLAIN


def with_policy(answer: Fields) -> Fields:
    """Add the content policy for data, unless the answer has one of its own."""
    if any(name == b"content-security-policy" for name, _ in answer):
        return answer
    return [*answer, NO_CONTENT]
