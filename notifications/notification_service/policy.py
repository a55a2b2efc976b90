"""Who is told, in which words, and when it is tried again. Pure."""

import random
from typing import Any
from uuid import UUID

from contracts.internal import Standing

from .model import Message, Notice, Room

MAX_PREVIEW = 200  # characters
MAX_TITLE = 100
FIRST_BACKOFF_SECONDS = 1.0
LAST_BACKOFF_SECONDS = 600.0
UNKNOWN_SENDER = "Somebody"
WITHOUT_PREVIEW = "New message"


def is_due(message: Message, standing: Standing | None, unsettled_seq: int = 0) -> bool | None:
    """Whether somebody is told of a message: who is away, that is, has no connection or has not confirmed it in time.

    Arguments:
        message: at its first look (`looks` is 0), or at its second, when a receipt should have come.
        standing: how he stands in the room, None when he is not in it.
        unsettled_seq: of the last earlier message of the room about which its second look decides, for him; 0 for none.
            What was said after it, and before he went away, must not be shown before it.

    Returns:
        None when it is to be seen at the second look.
    """
    if standing is None or standing.muted or max(standing.read_seq, standing.delivered_seq) >= message.seq:
        return False
    unconfirmed = unsettled_seq > max(standing.read_seq, standing.delivered_seq)
    if message.looks == 0 and (standing.online or unconfirmed):
        return None
    return True


def shows_previews(preferences: dict[str, Any]) -> bool:
    """Whether a user wants to see what was written. `{"previews": false}` says no."""
    return preferences.get("previews", True) is not False


def notice_of(message: Message, user_id: UUID, room: Room | None, sender: str | None, *, previews: bool) -> Notice:
    """What a user is told of a message: who wrote it, in a group also where, and the beginning of it."""
    name = sender or UNKNOWN_SENDER
    in_group = room is not None and room.kind == "group"
    title = (room.name if in_group and room is not None else None) or name
    return Notice(
        subject_id=message.id,
        user_id=user_id,
        title=shortened(title, MAX_TITLE),
        lead=f"{shortened(name, MAX_TITLE)}: " if in_group else "",
        content=shortened(message.content, MAX_PREVIEW) if previews else None,
        created_at=message.created_at,
        room_id=message.room_id,
        seq=message.seq,
        sender_id=message.sender_id,
    )


def text_of(notice: Notice) -> str:
    """The text below the title."""
    return notice.lead + (WITHOUT_PREVIEW if notice.content is None else notice.content)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last of them an ellipsis if some had to go."""
    stripped = text.strip()
    return stripped if len(stripped) <= most else stripped[: most - 1].rstrip() + "…"


def backoff_seconds(failures: int, retry_after: float) -> float:
    """How long a device is left alone after so many failures in a row: twice as long each time, never less than the
    push service asks for, and not the same for all."""
    longest = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 30), LAST_BACKOFF_SECONDS)
    return max(random.uniform(longest / 2, longest), retry_after * random.uniform(1.0, 1.1))  # noqa: S311
