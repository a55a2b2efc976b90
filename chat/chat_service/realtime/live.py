"""What a room has to say to its sockets: encoded once, in the two forms that exist of it. No I/O."""

from uuid import UUID

from ..model import MessageRow, User
from .protocol import encode_json
from .wire import text_frame


class LiveMessage:
    """A message on its way to sockets: encoded once, in the two forms that exist of it.

    Arguments:
        seq: its place in the room.
        rev: the room's rev when it was stored, so that a pod notices changes it has not heard of.
        sender_id: whose own sockets get the other form.
        client_id: as JSON; empty when the sender gave none.
        body: the frame's JSON up to and including `"direction":`.
    """

    __slots__ = ("_received", "_sent", "body", "client_id", "rev", "sender_id", "seq")

    def __init__(self, seq: int, rev: int, sender_id: UUID, client_id: bytes, body: bytes) -> None:
        self.seq = seq
        self.rev = rev
        self.sender_id = sender_id
        self.client_id = client_id
        self.body = body
        self._received = b""
        self._sent = b""

    def received(self) -> bytes:
        """The frame for everybody but the sender."""
        if not self._received:
            self._received = text_frame(self.body + b'"received"}}')
        return self._received

    def sent(self) -> bytes:
        """The frame for the sender's own sockets, with his client_id."""
        if not self._sent:
            tail = b'"sent","client_id":%b}}' % self.client_id if self.client_id else b'"sent"}}'
            self._sent = text_frame(self.body + tail)
        return self._sent

    def bell(self) -> bytes:
        """What is published: `seq rev sender client_id LF body`."""
        return b"%d %d %b %b\n%b" % (self.seq, self.rev, str(self.sender_id).encode(), self.client_id, self.body)


class LiveChange(LiveMessage):
    """A message on its way that has been edited or deleted.

    Arguments:
        rev: the room's by this change.
        body: of an edit, as of a message; of a deletion the whole frame's JSON, which is the same for everybody.
        deleted: which of them it is.
    """

    __slots__ = ("deleted",)

    def __init__(
        self, seq: int, rev: int, sender_id: UUID, client_id: bytes, body: bytes, *, deleted: bool = False
    ) -> None:
        super().__init__(seq, rev, sender_id, client_id, body)
        self.deleted = deleted
        if deleted:
            self._received = self._sent = text_frame(body)

    def bell(self) -> bytes:
        """What is published: as of a message, with a mark before it."""
        return (DELETED if self.deleted else EDITED) + super().bell()


EDITED, DELETED = b"*", b"-"  # the first byte of a bell that is not of a new message


def parse_bell(payload: bytes) -> LiveMessage:
    """The message in a bell.

    Raises:
        ValueError: this is no bell of ours.
    """
    return LiveMessage(*_parse(payload))


def parse_change(payload: bytes) -> LiveChange:
    """The change in a bell; raises as `parse_bell`."""
    return LiveChange(*_parse(payload[1:]), deleted=payload[:1] == DELETED)


def _parse(payload: bytes) -> tuple[int, int, UUID, bytes, bytes]:
    head, _, body = payload.partition(b"\n")
    seq, rev, sender, client_id = head.split(b" ", 3)
    return int(seq), int(rev), UUID(sender.decode()), client_id, body


def message_body(
    kind: bytes,
    message_id: bytes,
    room: bytes,
    seq: int,
    rev: int,
    user: bytes,
    content: str,
    created_at: str,
    reply_to: int | None,
    more: bytes = b"",
    *,
    is_delivered: bool = False,
    is_read: bool = False,
) -> bytes:
    """The JSON of a frame `kind` of a Message up to and including `"direction":`.

    Arguments:
        message_id, room: as text.
        user: as JSON.
        is_delivered, is_read: as they stand; nobody has got what has just been said.
        more: members of the object between `reply_to` and `direction`, each with a comma behind it.
    """
    return (
        b'{"type":"%b","data":{"id":"%b","room":"%b","seq":%d,"rev":%d,"user":%b,"content":%b,'
        b'"created_at":"%b","is_delivered":%b,"is_read":%b,%b%b"direction":'
        % (
            kind,
            message_id,
            room,
            seq,
            rev,
            user,
            encode_json(content),
            created_at.encode(),
            b"true" if is_delivered else b"false",
            b"true" if is_read else b"false",
            b"" if reply_to is None else b'"reply_to":%d,' % reply_to,
            more,
        )
    )


def encode_user(user: User) -> bytes:
    """A User as JSON, for `message_body`."""
    return encode_json(user)


def given_client_id(row: MessageRow) -> str | None:
    """The client_id the sender gave, None if we made one up (then it is the message's id)."""
    return None if row.client_id == str(row.id) else row.client_id
