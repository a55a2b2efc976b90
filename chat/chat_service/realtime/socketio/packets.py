"""Socket.IO packets, read strictly: what a client sends is an event or a mistake, never an exception. No I/O.

What the library's own packet does not stand: text that is no packet, JSON of any depth, binary attachments without end,
and events that are called like its own handlers (`connect`, `disconnect`), which would then be called.
"""

import re
from typing import Any

import msgspec
from socketio import packet

NAMESPACE = "/chat"
EVENT = "event"  # what every event is called inside: a client cannot choose whom it calls
MAX_PACKETS = 1000  # in one body of long-polling; the library's 16 are fewer than clients send

# Engine.IO: text that may be passed on. 4 is a message, which begins with the type of a Socket.IO packet; 1 closes, 3
# is a pong, 2probe and 5 upgrade.
_ENGINE = re.compile(r"4[0-6]|(?:[135]|2probe)\Z")
_PACKET = re.compile(
    r"(?P<kind>[0-6])(?:[0-9]{1,9}-)?(?:(?P<namespace>/[^,?]*)(?:\?[^,]*)?(?:,|\Z))?(?P<id>[0-9]{1,15})?(?P<data>.*)",
    re.DOTALL,
)


class Event(msgspec.Struct, frozen=True):
    """An event of a client. `mistake` says why it is none."""

    name: str
    argument: Any
    wants_ack: bool
    mistake: str = ""


class Json:
    """What packets are written with."""

    @staticmethod
    def dumps(data: object, **_: object) -> str:
        """As `json.dumps`."""
        return msgspec.json.encode(data).decode()


class Packet(packet.Packet):  # type: ignore[misc]  # the library has no types
    """A packet whose events are all called EVENT, with an `Event` as their argument."""

    json = Json
    data: Any

    def __init__(
        self,
        packet_type: int = packet.EVENT,
        data: Any = None,
        namespace: str | None = None,
        id: int | None = None,  # noqa: A002  as the library calls it
        binary: bool | None = None,
        encoded_packet: str | bytes | None = None,
    ) -> None:
        del binary  # none is sent, and none is read
        super().__init__(packet_type, data, namespace, id, binary=False)
        if encoded_packet is not None:
            self._read(encoded_packet)

    def _read(self, text: str | bytes) -> None:
        found = _PACKET.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            self._mistake("this is no packet")
            return
        self.packet_type = int(found["kind"])
        self.namespace = found["namespace"]
        self.id = None if found["id"] is None else int(found["id"])
        data: Any = None
        mistake = ""
        try:
            data = msgspec.json.decode(found["data"]) if found["data"] else None
        except (msgspec.DecodeError, RecursionError):
            mistake = "this is no JSON"
        if self.packet_type == packet.CONNECT:
            self.data = data if isinstance(data, dict) else None
        elif self.packet_type in (packet.ACK, packet.BINARY_ACK):  # nobody asks for one
            self.packet_type, self.data = packet.ACK, []
        elif self.packet_type == packet.EVENT and not mistake:
            self._event(data)
        elif self.packet_type != packet.DISCONNECT:
            self._mistake(mistake or "only events without binary data are understood")

    def _event(self, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            self._mistake("an event is a list that begins with its name")
        elif len(data) > 2:
            self._mistake("an event has one argument")
        else:
            argument = data[1] if len(data) > 1 else None
            self.data = [EVENT, Event(data[0], argument, self.id is not None)]

    def _mistake(self, mistake: str) -> None:
        self.packet_type = packet.EVENT
        self.namespace = self.namespace or NAMESPACE
        self.data = [EVENT, Event("", None, self.id is not None, mistake)]


def is_packet(text: str) -> bool:
    """Whether the library may see this Engine.IO packet: others would raise where it does not expect it."""
    return _ENGINE.match(text) is not None


def is_binary(text: str) -> bool:
    """Whether this part of a body is binary data, of an event that is answered without it."""
    return text.startswith("b")
