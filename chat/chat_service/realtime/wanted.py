"""What is known when a client comes in: where its rooms are, and where it wants to go on in them."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from ..model import User
from ..store.members import Membership
from .hub import LiveRoom


class Opening(msgspec.Struct):
    """What was found out before the socket was accepted; the rooms are held until `begin` or `abandon`.

    Arguments:
        told: `last_seq` and `rev` of each room in `session.ready`, where a client without a position of its own goes
            on; kept while its `session.resume` is waited for.
    """

    user: User
    rooms: list[LiveRoom]
    memberships: dict[UUID, Membership]
    rooms_rev: int
    told: dict[UUID, tuple[int, int]] = {}


class Wanted(msgspec.Struct, frozen=True):
    """Where a client wants to go on.

    Arguments:
        positions: the last seq it has, by room.
        revs: up to which it knows the changes of these messages, by room; of others it wants those from now on.
        history_of: the room whose last messages it wants.
        epoch: the life of the database that the positions are from; None if it does not say.
        by_frame: the positions come in its first frames.
    """

    positions: Mapping[UUID, int] = {}
    revs: Mapping[UUID, int] = {}
    history_of: UUID | None = None
    epoch: str | None = None
    by_frame: bool = False

    def with_more(self, more: "Wanted") -> "Wanted":
        """With the positions, and the epoch, that another frame names."""
        positions, revs = {**self.positions, **more.positions}, {**self.revs, **more.revs}
        return Wanted(positions, revs, self.history_of, self.epoch if more.epoch is None else more.epoch)
