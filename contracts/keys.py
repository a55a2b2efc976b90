"""Every Redis key and channel, in one place. Names begin with `parley:` so that a Redis can be shared."""

from uuid import UUID

REVOCATIONS_SENTINEL = "parley:revocations:complete"  # present while Redis knows every ended session
REVOCATIONS_CHANNEL = "parley:revocations"  # pub/sub: the id of a session that has just ended


def revoked_session(session_id: UUID) -> str:
    """Present while access tokens of an ended session may still be alive."""
    return f"parley:revoked:{session_id}"


def ws_ticket(digest: str) -> str:
    """A single-use ticket, by the SHA-256 (hex) of its secret; the value is the access token it stands for."""
    return f"parley:ticket:{digest}"


def rate_limit(rate_class: str, who: str) -> str:
    """The GCRA state of one caller in one class; `who` is `u:<user id>` or `a:<address>`."""
    return f"parley:rate:{rate_class}:{who}"


def login_failures(who: str) -> str:
    """How often logging in as an account (or from an address) has failed lately."""
    return f"parley:login-failures:{who}"


def room_channel(room_id: UUID) -> str:
    """Pub/sub: the bell of one room."""
    return f"parley:room:{room_id}"


def user_channel(user_id: UUID) -> str:
    """Pub/sub: what concerns one user on whatever pod he is connected to, such as being added to a room."""
    return f"parley:user:{user_id}"
