"""Who may do what, and what may be said. Pure."""

from uuid import UUID

MAX_CONTENT_CHARACTERS = 4000
MAX_CLIENT_ID_CHARACTERS = 64
MAX_ROOM_NAME_CHARACTERS = 100
MAX_GROUP_MEMBERS = 1000
MAX_ROOMS_FILTERED = 1000  # of the latest rooms, those with an online friend are shown


def content_mistake(content: str) -> str | None:
    """Why `content` cannot be a message: `empty`, `too_long`, `nul` or None."""
    if len(content) > MAX_CONTENT_CHARACTERS:
        return "too_long"
    if not content or content.isspace():
        return "empty"
    if "\x00" in content:
        return "nul"
    return None


def is_client_id(text: str) -> bool:
    """1 to 64 characters, without U+0000."""
    return 0 < len(text) <= MAX_CLIENT_ID_CHARACTERS and "\x00" not in text


def direct_key(one: UUID, other: UUID) -> str:
    """The same for both orders: there is one direct room per pair."""
    first, second = sorted((str(one), str(other)))
    return f"{first}:{second}"
