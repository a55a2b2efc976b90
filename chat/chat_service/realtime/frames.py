"""From rows and outcomes to the frames of messages: one shape, whichever way a message came."""

from chassis.times import rfc3339

from ..model import MessageRow, user_of
from ..receipts import Receipts
from . import events
from .ledger import Entry, Outcome
from .live import LiveChange, LiveMessage, encode_user, given_client_id, message_body
from .protocol import encode_json


def live_message(entry: Entry, outcome: Outcome) -> LiveMessage:
    """The frame of a message that has just been stored."""
    body = message_body(
        b"chat.message",
        entry.id_text.encode(),
        entry.room_text,
        outcome.seq,
        0,
        entry.author,
        entry.content,
        outcome.created_at,
        entry.reply_to,
    )
    client_id = b"" if entry.client_id == entry.id_text else encode_json(entry.client_id)
    return LiveMessage(outcome.seq, outcome.rev, entry.sender_id, client_id, body)


def live_message_of_row(row: MessageRow, receipts: Receipts) -> LiveMessage:
    """The frame of a message read from Postgres."""
    return LiveMessage(row.seq, 0, row.sender.id, _client_id(row), _body(b"chat.message", row, receipts))


def live_change_of_row(row: MessageRow, receipts: Receipts, *, online: bool = False) -> LiveChange:
    """The frame of the last change of a message: `chat.edited` or `chat.deleted`; `online`: whether its author is."""
    if row.deleted_at is None:
        body = _body(b"chat.edited", row, receipts, online=online)
        return LiveChange(row.seq, row.rev, row.sender.id, _client_id(row), body)
    deletion = events.Deletion(row.room_id, row.seq, row.id, row.rev, rfc3339(row.deleted_at) or "")
    return LiveChange(row.seq, row.rev, row.sender.id, b"", encode_json(events.ChatDeleted(deletion)), deleted=True)


def _body(kind: bytes, row: MessageRow, receipts: Receipts, *, online: bool = False) -> bytes:
    author = encode_user(user_of(row.sender, online=online))
    ids = str(row.id).encode(), str(row.room_id).encode()
    created_at = rfc3339(row.created_at) or ""
    more = b""
    if row.edited_at is not None:
        more += b'"edited_at":%b,' % encode_json(rfc3339(row.edited_at))
    if row.deleted_at is not None:
        more += b'"deleted":true,'
    return message_body(
        kind,
        *ids,
        row.seq,
        row.rev,
        author,
        row.content,
        created_at,
        row.reply_to,
        more,
        is_delivered=receipts.is_delivered(row),
        is_read=receipts.is_read(row),
    )


def _client_id(row: MessageRow) -> bytes:
    given = given_client_id(row)
    return b"" if given is None else encode_json(given)
