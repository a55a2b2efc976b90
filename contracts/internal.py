"""What services ask each other over HTTP, inside the cluster."""

from uuid import UUID

import msgspec

USERS_PATH = "/internal/users"  # ?id=…&id=… or ?username=…&username=…: {users: [UserRecord]}
SESSION_PATH = "/internal/sessions"  # /{session_id}: SessionRecord
JWKS_PATH = "/.well-known/jwks.json"
TOKEN_ISSUER = "parley"  # noqa: S105  a name, not a secret
TOKEN_AUDIENCE = "parley"  # noqa: S105
MAX_USERS_PER_LOOKUP = 100


class UserRecord(msgspec.Struct, frozen=True):
    """What every service may know of an account."""

    id: UUID
    username: str
    display_name: str
    created_at: str  # RFC 3339


class UserRecords(msgspec.Struct, frozen=True):
    """The accounts that exist among those asked for, in no order."""

    users: list[UserRecord]


class SessionRecord(msgspec.Struct, frozen=True):
    """Whether a session is alive."""

    alive: bool
