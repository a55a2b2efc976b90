"""All that chat stores of one person, for himself, in parts of a bounded size."""

import base64
import binascii
from typing import Any
from uuid import UUID

import msgspec

from chassis.postgres import Postgres
from chassis.problems import Invalid
from chassis.times import rfc3339
from contracts.internal import ChatExport, ExportedMessage, ExportedRoom

from .store import exports as store

MESSAGES = 500  # in one part
ROOMS = 200  # looked through for one part
NOWHERE = UUID(int=0)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a part begins: after this message of this room."""

    room: UUID
    client_id: str


class Exports:
    """Reads all of somebody."""

    def __init__(self, database: Postgres) -> None:
        self._database = database

    async def part(self, user_id: UUID, after: str) -> ChatExport:
        """A part; with "" the first one, which has his person and his rooms too.

        Raises:
            Invalid: `after` is not what a part has given.
        """
        place = _read(after) if after else Place(NOWHERE, "")
        async with self._database.connection() as connection:
            person = None if after else await store.select_person(connection, user_id)
            rooms = await store.select_rooms_ever(connection, user_id)
            left = [row["id"] for row in rooms if row["id"] >= place.room]
            here = left[:ROOMS]
            sent = await store.select_sent(connection, user_id, here, (place.room, place.client_id), MESSAGES)
        following: Place | None = None
        if len(sent) == MESSAGES:
            following = Place(sent[-1]["room_id"], sent[-1]["client_id"])
        elif len(left) > ROOMS:
            following = Place(left[ROOMS], "")
        return ChatExport(
            person,
            [] if after else [_room(row) for row in rooms],
            [_message(row) for row in sent],
            None if following is None else _write(following),
        )


def _write(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def _read(text: str) -> Place:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Place)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid(("after", "is not what a part has given")) from None


def _room(row: Any) -> ExportedRoom:
    return ExportedRoom(
        row["id"],
        row["kind"],
        row["name"],
        row["role"],
        rfc3339(row["joined_at"]),
        rfc3339(row["left_at"]),
        row["read_seq"],
        row["muted"],
    )


def _message(row: Any) -> ExportedMessage:
    return ExportedMessage(
        row["room_id"],
        row["seq"],
        row["id"],
        row["client_id"],
        row["content"],
        row["reply_to"],
        rfc3339(row["created_at"]) or "",
        rfc3339(row["edited_at"]),
        rfc3339(row["deleted_at"]),
    )
