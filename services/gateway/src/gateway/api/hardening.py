"""What every answer tells a browser not to do. Sources: OWASP Secure Headers; RFC 6797 (HSTS)."""

from gateway.domain.forwarding import Fields

_PLAIN: Fields = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_SECURE: Fields = [*_PLAIN, (b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


def fields(scheme: str) -> Fields:
    """Return the fields for an answer over ``scheme``; HSTS only where the client came by TLS, as its RFC wants."""
    return _SECURE if scheme in ("https", "wss") else _PLAIN
