"""Request targets: which ones are looked at, and what they are called.

The proxy passes the target on as it came, and decides by what it means. Both must be the same thing, so a target that
another program could read in another way is refused instead of repaired: dot segments, empty segments, encoded slashes,
backslashes, control characters, bytes that are no UTF-8 (RFC 3986 section 6, RFC 9110 section 17).
"""

import re
from urllib.parse import unquote_to_bytes

from chassis.problems import Problem

_SUSPECT_TARGET = re.compile(rb"%(?:2f|5c)|#", re.IGNORECASE)
_SUSPECT_PATH = re.compile(rb"//|/\.\.?(?:/|\Z)|[\x00-\x1f\x7f\\]")


def clear_path(raw_path: bytes) -> str:
    """The decoded path of a request target, without a trailing slash (but `/` itself).

    Arguments:
        raw_path: the target up to the question mark, as it came.

    Raises:
        Problem: 400, it can be read in more than one way, or it is not a path (`*`, `host:port`, an absolute URI).
    """
    if not raw_path.startswith(b"/") or _SUSPECT_TARGET.search(raw_path):
        raise _ambiguous()
    decoded = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    if _SUSPECT_PATH.search(decoded):
        raise _ambiguous()
    try:
        path = decoded.decode()
    except UnicodeDecodeError:
        raise _ambiguous() from None
    return path.rstrip("/") or "/"


def _ambiguous() -> Problem:
    return Problem(400, "The request target is not a plain path.", code="bad_path")
