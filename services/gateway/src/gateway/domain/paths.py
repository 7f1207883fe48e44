"""One spelling per path, so that no rule about paths can be walked around by spelling one differently.

The normal form has percent-escapes of ordinary characters (``%2F`` among them) decoded once, slashes merged and dot
segments resolved. A request is matched and forwarded in this form; what a service decodes again is what was matched.
Source: RFC 3986, section 6.2; Envoy's ``DECODE_AND_MERGE_SLASHES``, which a mesh applies to the same paths.
"""

import re
from urllib.parse import quote, unquote_to_bytes

from chassis.errors import MalformedError

_SAFE = "!$&'()*+,;=:@-._~"
_ORDINARY = f"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/{_SAFE}".encode()
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED_SLASH = re.compile(rb"%2[Ff]")
_REFUSED = re.compile(rb"[\x00-\x1f\x7f\\]")
_DOTS = (b".", b"..")


class AmbiguousPathError(MalformedError):
    """The path can be read in more than one way, so it is not read at all."""

    code = "ambiguous-path"
    title = "The path is ambiguous"


def is_normal(raw: bytes) -> bool:
    """Tell quickly whether a path has nothing that could be spelt in another way; False is no verdict."""
    return raw.startswith(b"/") and b"//" not in raw and b"/." not in raw and not raw.translate(None, _ORDINARY)


def normal_form(raw: bytes) -> str:
    """Return the path in its one spelling; ASCII, beginning with a slash.

    Args:
        raw: The path as it stood in the request line, without the query.

    Raises:
        AmbiguousPathError: It has a broken escape, an escaped dot segment, a backslash, a control character, bytes that
            are no UTF-8, or climbs above the root.
    """
    if not raw.startswith(b"/") or _BAD_ESCAPE.search(raw):
        raise AmbiguousPathError("The path is not well-formed.")
    kept: list[str] = []
    segments = _ESCAPED_SLASH.sub(b"/", raw).split(b"/")
    for segment in segments[1:]:
        decoded = _decoded(segment)
        if decoded == "..":
            if not kept:
                raise AmbiguousPathError("The path leads above the root.")
            kept.pop()
        elif decoded not in ("", "."):
            kept.append(quote(decoded, safe=_SAFE))
    ends_open = bool(kept) and segments[-1] in (b"", *_DOTS)
    return f"/{'/'.join(kept)}{'/' if ends_open else ''}"


def _decoded(segment: bytes) -> str:
    """Return one segment, its escapes decoded once."""
    decoded = unquote_to_bytes(segment)
    if decoded in _DOTS and decoded != segment:
        raise AmbiguousPathError("The path has escaped dot segments.")
    if _REFUSED.search(decoded):
        raise AmbiguousPathError("The path has a backslash or a control character.")
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise AmbiguousPathError("The path is not UTF-8.") from None
