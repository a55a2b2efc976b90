"""What the clients, the nemesis and the writer share: time, names, and who has what."""

import time

from tests.faults.history import Event, Writer


class World:
    """A run.

    Arguments:
        writer: of the history.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._began = time.monotonic()
        self.room_names: dict[str, str] = {}  # by id
        self.user_names: dict[str, str] = {}  # by id
        self.newest: dict[str, int] = {}  # acknowledged, by room name
        self.have: dict[tuple[str, str], int] = {}  # by client and room name, live
        self.acknowledged = 0
        self.unrecorded: set[tuple[str, int]] = set()  # acknowledged, and not come from Kafka yet: room name, seq
        self._recorded: set[tuple[str, int]] = set()

    def now(self) -> float:
        """Seconds since the beginning."""
        return round(time.monotonic() - self._began, 6)

    def add(self, event: Event) -> None:
        """Something has happened."""
        self._writer.add(event)

    def acked(self, room: str, seq: int) -> None:
        """A message of a room is acknowledged."""
        self.acknowledged += 1
        self.newest[room] = max(seq, self.newest.get(room, 0))
        if (room, seq) not in self._recorded:
            self.unrecorded.add((room, seq))

    def recorded(self, room: str, seq: int) -> None:
        """A message of a room has come from Kafka."""
        self._recorded.add((room, seq))
        self.unrecorded.discard((room, seq))

    def missing(self, wanted: dict[str, int]) -> int:
        """How many (client, room) have not got that far.

        Arguments:
            wanted: seq by room.
        """
        return sum(seq < wanted.get(room, 0) for (_, room), seq in self.have.items())
