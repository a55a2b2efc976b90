"""The peers' rows: the same loads as ours, on other servers, with the same generator, core, Valkey and Postgres."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from devstack.errors import DevstackError
from loadtests.peers.installing import node_program, python_program

from .generator import GeneratorError, Socket, Wire
from .results import Line, Skipped
from .rig import Rig
from .rows import MEMBERS, PAIRS, Row, lines_of

WARMUP_SECONDS = 3.0  # twice ours: V8 compiles what is hot, and pools fill
TEXT = '"content":"#%d# The quick brown fox jumps over the lazy dog.","client_id":"%d"'
SOCKET_IO = Wire(
    message='42["chat.message",{' + TEXT + "}]",
    prefix='42["chat.message"',
    ack=None,
    hello="40",
    ping="2",
    pong="3",
)
SOCKET_IO_ACKED = msgspec.structs.replace(SOCKET_IO, message=SOCKET_IO.message.replace("42", "421", 1), ack="431[")
SOCKET_IO_ANY_ORDER = msgspec.structs.replace(SOCKET_IO_ACKED, order="any")
CHANNELS = Wire(message='{"type":"chat.message","data":{' + TEXT + "}}", prefix='{"type":"chat.message"', ack=None)


class Peer(msgspec.Struct, frozen=True):
    """Another server.

    Arguments:
        title: what it consists of.
        path: of a socket; `{room}` is the room.
        wire: how it is spoken to.
        command: installs it, at the first call, and tells how to run it; raises Skipped.
        environment: what it is told, besides where everything is.
        loads: which of LOADS say something about it.
    """

    name: str
    title: str
    path: str
    wire: Wire
    command: Callable[[], tuple[str, ...]]
    environment: Mapping[str, str] = {}
    loads: tuple[str, ...] = ("room-w1", "room-w16", "pairs")


class Load(msgspec.Struct, frozen=True):
    """A load on a peer: `rooms` rooms of `members`, with `window` messages in flight in each."""

    rooms: int
    members: int
    window: int

    def __str__(self) -> str:
        if self.rooms == 1:
            return f"room of {self.members}, {self.window} in flight"
        return f"{self.rooms} rooms of {self.members}, {self.window} in flight each"


SOCKET_IO_PATH = "/socket.io/?EIO=4&transport=websocket&room={room}"
PEERS = (
    Peer("socketio", "Socket.IO (Node) + Redis adapter + Postgres", SOCKET_IO_PATH, SOCKET_IO_ACKED, node_program),
    Peer(
        "socketio-any-order",
        "the same without the room's order",
        SOCKET_IO_PATH,
        SOCKET_IO_ANY_ORDER,
        node_program,
        environment={"ORDER": "any"},
        loads=("room-w16",),  # with one message in flight there is nothing to overtake
    ),
    Peer(
        "python-socketio",
        "python-socketio + Redis manager, nothing stored",
        SOCKET_IO_PATH,
        SOCKET_IO,
        partial(python_program, "pysocketio_server:application"),
    ),
    Peer(
        "channels",
        "Django Channels + Redis pub/sub layer, nothing stored",
        "/ws/{room}/",
        CHANNELS,
        partial(python_program, "channels_server:application"),
    ),
)
LOADS: Mapping[str, Load] = {
    "room-w1": Load(1, MEMBERS, 1),
    "room-w16": Load(1, MEMBERS, 16),
    "pairs": Load(PAIRS, 2, 1),
}
"""By the name of our row with the same load."""


async def beside(rig: Rig, row: str, seconds: float, *, peer: Peer, load: Load) -> list[Line]:
    """A load on a fresh process of a peer.

    Raises:
        Skipped: it cannot be installed, does not start, or broke the order or lost a message.
    """
    try:
        async with rig.peer(peer.name, peer.command(), peer.environment) as server:
            rooms = [f"room{n}" for n in range(load.rooms)]
            sockets = [
                Socket(server.port, room, peer.path.format(room=room)) for room in rooms for _ in range(load.members)
            ]
            done = await rig.generator.run(
                sockets,
                [server.pid],
                room_size=load.members,
                window=load.window,
                seconds=seconds,
                warmup=WARMUP_SECONDS,
                wire=peer.wire,
            )
    except (DevstackError, GeneratorError) as error:
        raise Skipped(f"{peer.title} failed: {error} {getattr(error, 'tail', '')}".strip()) from error
    return lines_of(done, row, f"{load}, {peer.title}", [server], targets={})


def row_of(peer: Peer, load: str) -> tuple[str, Callable[[Rig, str, float], Awaitable[list[Line]]]]:
    """The row of a peer under a load, and its name."""
    return f"{peer.name}-{load}", partial(beside, peer=peer, load=LOADS[load])


PEER_ROWS: Mapping[str, Row] = dict(row_of(peer, load) for load in LOADS for peer in PEERS if load in peer.loads)


def side_by_side(ours: Mapping[str, Row]) -> dict[str, Row]:
    """All rows, each peer's right after ours with the same load: machines change within minutes."""
    rows: dict[str, Row] = {}
    for name, row in ours.items():
        rows[name] = row
        rows |= dict(row_of(peer, name) for peer in PEERS if name in peer.loads)
    return rows
