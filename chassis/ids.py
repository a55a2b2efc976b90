"""Identifiers: UUIDv7 (RFC 9562 section 5.7), so that primary keys arrive in index order."""

import os
import secrets
import time
from uuid import UUID

_last_ms = 0
_counter = 0


def uuid7() -> UUID:
    """A time-ordered UUID; within one process each is greater than the one before (RFC 9562 section 6.2, method 1)."""
    global _last_ms, _counter
    now = time.time_ns() // 1_000_000
    if now > _last_ms:
        _last_ms, _counter = now, secrets.randbits(11)
    else:
        _counter += 1
        if _counter > 0xFFF:  # 4,096 in one millisecond: borrow from the next one
            _last_ms, _counter = _last_ms + 1, 0
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(_last_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | _counter << 64 | 0b10 << 62 | random)


def parse_uuid(text: str) -> UUID | None:
    """The UUID in its usual spelling (36 characters, any case), or None."""
    if len(text) != 36:
        return None
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
