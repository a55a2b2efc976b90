"""Which messages of a room have been read by others than their sender, and at which others they have arrived."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from uuid import UUID

from chassis.postgres import Connection

from .model import MessageRow
from .store import messages as store


class _Reached:
    """Which messages are within the marks of others.

    A member's mark speaks of what was sent since he joined: what was sent before is not unread for him, but he has not
    read it either.

    Arguments:
        marks: (member, the last message before he joined, his mark).
        seqs: of the messages that will be asked for, ascending; any other is within no mark.
    """

    def __init__(self, marks: Sequence[tuple[UUID, int, int]], seqs: Sequence[int]) -> None:
        steps = [0] * (len(seqs) + 1)
        for _, joined_seq, mark in marks:
            start, end = bisect_right(seqs, joined_seq), bisect_right(seqs, mark)
            if start < end:
                steps[start] += 1
                steps[end] -= 1
        self._members = dict(zip(seqs, accumulate(steps), strict=False))  # by message, how many marks it is within
        self._own = {user_id: (joined_seq, mark) for user_id, joined_seq, mark in marks}

    def by_others(self, user_id: UUID, seq: int) -> bool:
        """Whether the message is within the mark of anybody but this user."""
        joined_seq, mark = self._own.get(user_id, (0, 0))
        return self._members.get(seq, 0) > (joined_seq < seq <= mark)


class Receipts:
    """What the marks of members say of some messages.

    Arguments:
        marks: of all members of the room; of none, nothing has been read.
        rows: the messages that will be asked for.
    """

    def __init__(self, marks: Sequence[store.Mark], rows: Sequence[MessageRow]) -> None:
        seqs = sorted({row.seq for row in rows})
        self._read = _Reached([(mark.user_id, mark.joined_seq, mark.read_seq) for mark in marks], seqs)
        arrived = [(mark.user_id, mark.joined_seq, max(mark.read_seq, mark.delivered_seq)) for mark in marks]
        self._arrived = _Reached(arrived, seqs)

    def is_read(self, row: MessageRow) -> bool:
        """Whether anybody but its sender has read it."""
        return self._read.by_others(row.sender.id, row.seq)

    def is_delivered(self, row: MessageRow) -> bool:
        """Whether it has arrived at anybody but its sender."""
        return self._arrived.by_others(row.sender.id, row.seq)


NOTHING = Receipts((), ())  # of what has just been said, or is not worth asking for


async def select_receipts(connection: Connection, room_id: UUID, rows: Sequence[MessageRow]) -> Receipts:
    """How things stand with these messages of a room; nothing is asked for none."""
    return Receipts(await store.select_marks(connection, room_id), rows) if rows else NOTHING
