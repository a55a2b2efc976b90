"""Every Redis key and channel, in one place. Names begin with `parley:` so that a Redis can be shared."""

from uuid import UUID

REVOCATIONS_SENTINEL = "parley:revocations:complete"  # present while Redis knows every ended session
REVOCATIONS_CHANNEL = "parley:revocations"  # pub/sub: the id of a session that has just ended


PEOPLE_CHANNEL = "parley:people"  # pub/sub: the id of a user whose names or picture have changed, or who is gone
ROOM_PREFIX = "parley:room:"
USER_PREFIX = "parley:user:"
HEADS_CHANNEL = "parley:heads"  # pub/sub: where rooms are, rung once more when their events went to Kafka
CANARY_PREFIX = "parley:canary:"  # pub/sub: what a pod says to itself, to know that it hears


def revoked_session(session_id: UUID) -> str:
    """Present while access tokens of an ended session may still be alive."""
    return f"parley:revoked:{session_id}"


def revocations_reload(nonce: str) -> str:
    """Present while an auth process writes all ended sessions again; gone if Redis is flushed meanwhile."""
    return f"parley:revocations:reload:{nonce}"


def ws_ticket(digest: str) -> str:
    """A single-use ticket, by the SHA-256 (hex) of its secret; the value is the access token it stands for."""
    return f"parley:ticket:{digest}"


def rate_limit(rate_class: str, who: str) -> str:
    """The GCRA state of one caller in one class; `who` is `u:<user id>` or `a:<address>`."""
    return f"parley:rate:{rate_class}:{who}"


def login_failures(who: str) -> str:
    """How often logging in as an account (or from an address) has failed lately."""
    return f"parley:login-failures:{who}"


def login_lockouts(who: str) -> str:
    """How often that has led to a refusal lately: each one lasts longer than the one before."""
    return f"parley:login-lockouts:{who}"


def mail_quota(who: str) -> str:
    """How many mails somebody has had sent lately; `who` is hashed where it was typed."""
    return f"parley:mails:{who}"


def export_quota(who: str) -> str:
    """How often somebody has had his data exported lately."""
    return f"parley:exports:{who}"


def oauth_state(digest: str) -> str:
    """A login at a provider that is under way, by the SHA-256 (hex) of its state."""
    return f"parley:oauth:state:{digest}"


def oauth_code(digest: str) -> str:
    """A proven login whose session has not been collected, by the SHA-256 (hex) of its code."""
    return f"parley:oauth:code:{digest}"


def room_channel(room_id: UUID) -> str:
    """Pub/sub: the bell of one room."""
    return f"{ROOM_PREFIX}{room_id}"


def user_channel(user_id: UUID) -> str:
    """Pub/sub: what concerns one user on whatever pod he is connected to, such as being added to a room."""
    return f"{USER_PREFIX}{user_id}"


# Presence. Scores and times are microseconds of Redis's own clock; what is read and written together is on one node.
PRESENCE_SHOWN = "parley:presence:shown"  # zset: who is shown online, by when he will be offline if nothing is renewed
PRESENCE_NEWS = "parley:presence:news"  # zset: whose partners have to be told, by when somebody else should do it
PRESENCE_RECENT = "parley:presence:recent"  # zset: who has come or gone in the last minute, by when
PRESENCE_LIFE = "parley:presence:life"  # `<born>-<random>`: of these keys, so that pods notice that Redis was emptied
PRESENCE_BEAT = "parley:presence:beat"  # when a pod last looked for who is overdue
PRESENCE_HOLD = "parley:presence:hold"  # until when nobody is declared offline


def presence_leases(user_id: UUID) -> str:
    """zset: the user's sockets as `pod/connection`, each by when it counts no longer unless its pod renews it."""
    return f"parley:presence:leases:{user_id}"
