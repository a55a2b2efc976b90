"""What one client makes of a room's frames, and what it must never be told."""

from typing import Any
from uuid import UUID


class View:
    """The messages of a room as a client sees them.

    Arguments:
        room: which; frames of other rooms are passed over.
    """

    def __init__(self, room: UUID, seq: int = 0, rev: int = 0) -> None:
        self.room = str(room)
        self.seq = seq
        self.rev = rev
        self.messages: dict[int, tuple[int, str, bool]] = {}  # rev, content, deleted
        self.changes = 0

    @property
    def position(self) -> str:
        """For a URL."""
        return f"{self.room}:{self.seq}:{self.rev}"

    def take(self, frame: dict[str, Any]) -> None:
        """Apply a frame.

        Raises:
            AssertionError: a message is not the next, a change is not later than all before, or of something unknown.
        """
        kind, data = frame["type"], frame["data"]
        if data.get("room") != self.room:
            return
        if kind == "chat.message":
            assert data["seq"] == self.seq + 1, f"{data['seq']} came after {self.seq}"
            self.seq = data["seq"]
            self._put(data)
        elif kind in ("chat.edited", "chat.deleted"):
            assert data["rev"] > self.rev, f"change {data['rev']} came after {self.rev}"
            assert data["seq"] <= self.seq, f"a change of {data['seq']}, of which {self.seq} are known"
            assert data["rev"] >= self.messages.get(data["seq"], (0,))[0], "it was in a later state before"
            self.rev = data["rev"]
            self.changes += 1
            self._put({"content": "", "deleted": True, **data} if kind == "chat.deleted" else data)

    def take_all(self, frames: list[dict[str, Any]]) -> "View":
        """Apply frames."""
        for frame in frames:
            self.take(frame)
        return self

    def _put(self, data: dict[str, Any]) -> None:
        self.messages[data["seq"]] = (data["rev"], data["content"], data.get("deleted", False))
