"""What is measured. A row is a function that sets a scene, makes a load and returns lines; ROWS names them all."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from .generator import Load
from .results import Line
from .rig import Rig, Server, socket_of

MEMBERS = 200
PAIRS = 500
FEW_SOCKETS = 500  # for fewer, a memory growth per socket says more about the allocator than about sockets

Row = Callable[[Rig, str, float], Awaitable[list[Line]]]
"""(rig, the row's name, seconds) → lines; raises Skipped, GeneratorError, DevstackError."""

DELIVERY_US = 2.0  # at 200 members and 16 in flight
MESSAGE_US = 140.0  # in rooms of two
IDLE_KIB = 8.0
SPLICE_US = 2.5
SPLICE_KIB = 6.0


async def room(rig: Rig, row: str, seconds: float, *, members: int, window: int, pods: int) -> list[Line]:
    """One room whose members are spread over the pods, one sender, `window` messages in flight."""
    targets = {"cpu_us_per_delivery": DELIVERY_US} if (members, window, pods) == (MEMBERS, 16, 1) else {}
    what = f"room of {members}, {window} in flight, {_pods(pods)}"
    async with rig.pods(pods) as servers:
        people = rig.accounts.register(members)
        room_id = await rig.group(servers[0], people)
        sockets = [socket_of(person, room_id, servers[n % pods]) for n, person in enumerate(people)]
        load = await rig.generator.run(
            sockets, [server.pid for server in servers], room_size=members, window=window, seconds=seconds
        )
        return lines_of(load, row, what, servers, targets={server.name: targets for server in servers})


async def pairs(rig: Rig, row: str, seconds: float, *, rooms: int) -> list[Line]:
    """Rooms of two on one pod, each with one message in flight: with many of them a busy pod, not a hot room."""
    async with rig.pods() as servers:
        people = rig.accounts.register(rooms * 2)
        couples = list(zip(people[::2], people[1::2], strict=True))
        ids = await rig.direct_rooms(servers[0], couples)
        sockets = [
            socket_of(person, room_id, servers[0])
            for room_id, couple in zip(ids, couples, strict=True)
            for person in couple
        ]
        load = await rig.generator.run(sockets, [servers[0].pid], room_size=2, window=1, seconds=seconds)
        targets = {"cpu_us_per_message": MESSAGE_US, "idle_kib_per_socket": IDLE_KIB} if rooms >= PAIRS else {}
        what = f"{rooms} rooms of 2, 1 in flight each" if rooms > 1 else "1 room of 2, 1 in flight: an idle pod"
        return lines_of(load, row, what, servers, targets={"chat-1": targets})


async def splice(rig: Rig, row: str, seconds: float, *, members: int, window: int) -> list[Line]:
    """One room through the gateway."""
    async with rig.pods() as pods, rig.gateway(pods) as gateway:
        people = rig.accounts.register(members)
        room_id = await rig.group(pods[0], people)
        sockets = [socket_of(person, room_id, gateway) for person in people]
        servers = [gateway, *pods]
        load = await rig.generator.run(
            sockets, [server.pid for server in servers], room_size=members, window=window, seconds=seconds
        )
        what = f"room of {members}, {window} in flight, through the gateway"
        return lines_of(
            load, row, what, servers, through=gateway, targets={"gateway": {"cpu_us_per_delivery": SPLICE_US}}
        )


async def splice_pairs(rig: Rig, row: str, seconds: float, *, rooms: int) -> list[Line]:
    """Rooms of two through the gateway: what an idle client costs there shows with many of them."""
    async with rig.pods() as pods, rig.gateway(pods) as gateway:
        people = rig.accounts.register(rooms * 2)
        couples = list(zip(people[::2], people[1::2], strict=True))
        ids = await rig.direct_rooms(pods[0], couples)
        sockets = [
            socket_of(person, room_id, gateway)
            for room_id, couple in zip(ids, couples, strict=True)
            for person in couple
        ]
        servers = [gateway, *pods]
        load = await rig.generator.run(
            sockets, [server.pid for server in servers], room_size=2, window=1, seconds=seconds
        )
        targets = {"gateway": {"idle_kib_per_socket": SPLICE_KIB}}
        what = f"{rooms} rooms of 2, 1 in flight each, through the gateway"
        return lines_of(load, row, what, servers, through=gateway, targets=targets)


def lines_of(
    load: Load,
    row: str,
    what: str,
    servers: Sequence[Server],
    *,
    targets: Mapping[str, Mapping[str, float]],
    through: Server | None = None,
) -> list[Line]:
    """A line per process that was measured.

    Arguments:
        servers: in the order in which the generator was given their processes.
        targets: by the name of the server.
        through: where all sockets were opened, if not on the servers themselves; each server then had all of them.
    """
    at_ports = {at.port: at for at in load.ports}
    used = {process.pid: process for process in load.processes}
    lines = []
    for server in servers:
        at, process = at_ports[through.port if through is not None else server.port], used[server.pid]
        idle = None
        if at.sockets >= FEW_SOCKETS:
            idle = round((process.kib_idle - process.kib_tenth) / (at.sockets - at.first), 2)
        lines.append(
            Line(
                row=row,
                what=what,
                process=server.name,
                seconds=load.seconds,
                sockets=at.sockets,
                messages_per_s=round(load.messages / load.seconds, 1),
                deliveries_per_s=round(at.deliveries / load.seconds, 1),
                cpu_percent=round(process.cpu_seconds / load.seconds * 100, 1),
                cpu_us_per_delivery=round(process.cpu_seconds / max(at.deliveries, 1) * 1e6, 3),
                cpu_us_per_message=round(process.cpu_seconds / load.messages * 1e6, 2),
                latency_mean_ms=load.latency_ms.mean,
                latency_p50_ms=load.latency_ms.p50,
                latency_p99_ms=load.latency_ms.p99,
                latency_max_ms=load.latency_ms.max,
                idle_kib_per_socket=idle,
                targets=dict(targets.get(server.name, {})),
            )
        )
    return lines


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


ROWS: Mapping[str, Row] = {
    "room-w1": partial(room, members=MEMBERS, window=1, pods=1),
    "room-w16": partial(room, members=MEMBERS, window=16, pods=1),
    "half-w16": partial(room, members=MEMBERS // 2, window=16, pods=1),  # what a pod of the next row is compared with
    "two-pods-w16": partial(room, members=MEMBERS, window=16, pods=2),
    "pairs": partial(pairs, rooms=PAIRS),
    "pair": partial(pairs, rooms=1),
    "gateway-w16": partial(splice, members=MEMBERS, window=16),
    "gateway-pairs": partial(splice_pairs, rooms=PAIRS),
}
