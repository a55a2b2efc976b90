"""What this pod last heard of people: for bells that overtake each other, and for the time when Redis cannot tell."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

REMEMBERED = 100_000  # users, and pairs of who was told of whom
TRUSTED_SECONDS = 300.0  # an answer as old as this is no answer


class Sightings:
    """The last thing that was heard of each user, and told to each of his partners; the oldest are forgotten."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[UUID, UUID], int] = OrderedDict()  # by (recipient, user): version
        self._last: OrderedDict[UUID, tuple[bool, float]] = OrderedDict()  # by user: online, when (monotonic)

    def change(self, recipient: UUID, user_id: UUID, version: int, *, online: bool) -> bool:
        """A change was heard of; False when the recipient has been told this or something later."""
        pair = recipient, user_id
        if version <= self._told.get(pair, 0):
            return False
        self._told[pair] = version
        self._told.move_to_end(pair)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._note(user_id, online)
        return True

    def answer(self, asked: Iterable[UUID], online: set[UUID]) -> None:
        """Redis was asked."""
        for user_id in asked:
            self._note(user_id, user_id in online)

    def online(self, user_ids: Iterable[UUID]) -> set[UUID]:
        """Those who were online when last heard of, not too long ago."""
        since = time.monotonic() - TRUSTED_SECONDS
        last = ((user_id, self._last.get(user_id)) for user_id in user_ids)
        return {user_id for user_id, seen in last if seen is not None and seen[0] and seen[1] > since}

    def believed_online(self) -> list[UUID]:
        """Those who were online when last heard of, however long ago that is."""
        return [user_id for user_id, (online, _) in self._last.items() if online]

    def _note(self, user_id: UUID, online: bool) -> None:
        self._last[user_id] = online, time.monotonic()
        self._last.move_to_end(user_id)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
