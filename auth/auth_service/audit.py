"""The audit log: one structured line per security event. Never a password, a token or what somebody typed."""

import logging
from uuid import UUID

from prometheus_client import Counter

logger = logging.getLogger("audit")

EVENTS = {
    "registered": "an account was made; `detail` is the provider, if by one",
    "logged_in": "a session began; `detail` is the provider, if by one",
    "login_failed": "a wrong password, or no such user (then without `user_id`)",
    "login_throttled": "a login refused for the failures before it",
    "refresh_reused": "a refresh token came twice: its session has ended",
    "logout": "a session was ended by itself",
    "logout_all": "all sessions of a user were ended by one of them",
    "session_ended": "a session was ended by another one",
    "password_changed": "by who knew the old one; the other sessions ended",
    "password_change_failed": "with a wrong one",
    "proof_throttled": "somebody who is logged in has given too many wrong passwords",
    "password_reset_requested": "for an address that is not named",
    "password_reset": "by a link; all sessions ended",
    "email_verification_requested": "a link was asked for",
    "email_change_requested": "to an address that is not named",
    "email_change_failed": "with a wrong password",
    "email_verified": "by a link; the address is the account's",
    "oauth_failed": "a login elsewhere; `detail` is the provider and why",
    "identity_linked": "an account elsewhere, of the provider `detail`",
    "identity_unlinked": "an account elsewhere, of the provider `detail`",
    "device_registered": "for notifications",
    "device_removed": "by its owner",
    "device_lost": "its push service does not know it any more",
    "data_exported": "everything stored of the user",
    "account_deleted": "and what belongs to it",
    "account_deletion_failed": "with a wrong password, or by a login that is not fresh",
    "keys_rotated": "another key signs; `detail` is its id",
}
security_events = Counter("parley_auth_events_total", "Security events, as in the audit log", ["event"])


def record(
    event: str, *, user_id: UUID | None = None, session_id: UUID | None = None, address: str = "", detail: str = ""
) -> None:
    """Write one line.

    Arguments:
        event: a stable word, one of `EVENTS`.
        user_id: whose account, when that is known.
        session_id: which session.
        address: where the request came from.
        detail: what the event does not say, in our own words.

    Raises:
        ValueError: there is no such event.
    """
    if event not in EVENTS:
        raise ValueError(f"no such event: {event}")
    security_events.labels(event).inc()
    extra = {"event": event, "user_id": user_id, "session_id": session_id, "address": address, "detail": detail}
    logger.info(event, extra={name: value for name, value in extra.items() if value})
