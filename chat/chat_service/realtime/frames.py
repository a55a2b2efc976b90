"""From rows and outcomes to the frames of messages: one shape, whichever way a message came."""

from chassis.times import rfc3339

from ..model import MessageRow, user_of
from .ledger import Entry, Outcome
from .protocol import LiveMessage, encode_json, encode_user, given_client_id, message_body


def live_message(entry: Entry, outcome: Outcome) -> LiveMessage:
    """The frame of a message that has just been stored."""
    body = message_body(
        entry.id_text.encode(), entry.room_text, outcome.seq, 0, entry.author, entry.content, outcome.created_at
    )
    client_id = b"" if entry.client_id == entry.id_text else encode_json(entry.client_id)
    return LiveMessage(outcome.seq, outcome.rev, entry.sender_id, client_id, body)


def live_message_of_row(row: MessageRow) -> LiveMessage:
    """The frame of a message read from Postgres."""
    author = encode_user(user_of(row.sender, online=False))
    created_at = rfc3339(row.created_at) or ""
    ids = str(row.id).encode(), str(row.room_id).encode()
    body = message_body(*ids, row.seq, row.rev, author, row.content, created_at)
    given = given_client_id(row)
    return LiveMessage(row.seq, 0, row.sender.id, b"" if given is None else encode_json(given), body)
