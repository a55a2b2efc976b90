"""What a session tells whoever wants to watch: metrics, logs, tests. Nothing is done here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .backoff import Then
from .model import Position, Ready


@dataclass(slots=True)
class Counters:
    """How often what has happened in a session. `gaps` and `repeats` are 0 as long as the server keeps its word."""

    connects: int = 0
    failures: int = 0  # connections that ended unasked, or were not made
    messages: int = 0
    repeats: int = 0
    gaps: int = 0
    sends: int = 0
    resends: int = 0
    acks: int = 0
    duplicates: int = 0  # acks that say that an earlier attempt had been stored
    refusals: int = 0


class Observer:
    """Override what is of interest. Called at once and from the session's event loop; must neither block nor raise."""

    def connecting(self, positions: Mapping[str, Position]) -> None:
        """A connection is attempted, to go on from these positions."""

    def ready(self, ready: Ready, seconds: float) -> None:
        """The server has let us in, after so many seconds without a connection."""

    def frame(self, connection_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """A frame after `session.ready`, before anything is done with it."""

    def ended(self, connection_id: str | None, code: int | None, reason: str, then: Then, seconds: float) -> None:
        """A connection has ended, or was refused (then `connection_id` is None); the next attempt is in `seconds`."""

    def attempt(self, connection_id: str, client_id: str, number: int) -> None:
        """A message is written to the socket, for the `number`-th time."""

    def gap(self, room: str, have: int, got: int) -> None:
        """After message `have` of a room came `got`, which is not the next."""

    def repeat(self, room: str, have: int, got: int) -> None:
        """Message `got` of a room came, although `have` had been there."""
