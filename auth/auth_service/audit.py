"""The audit log: one structured line per security event. Never a password, a token or what somebody typed."""

import logging
from uuid import UUID

from prometheus_client import Counter

logger = logging.getLogger("audit")
security_events = Counter("parley_auth_events_total", "Security events, as in the audit log", ["event"])


def record(
    event: str, *, user_id: UUID | None = None, session_id: UUID | None = None, address: str = "", detail: str = ""
) -> None:
    """Write one line.

    Arguments:
        event: a stable word, such as `login_failed`.
        user_id: whose account, when that is known.
        session_id: which session.
        address: where the request came from.
        detail: what the event does not say, in our own words.
    """
    security_events.labels(event).inc()
    extra = {"event": event, "user_id": user_id, "session_id": session_id, "address": address, "detail": detail}
    logger.info(event, extra={name: value for name, value in extra.items() if value})
