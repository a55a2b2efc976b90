"""From a login and positions to a connection that has said `session.ready`."""

import asyncio
from typing import Protocol
from urllib.parse import urlencode

from .connection import Connection, Ended, dial
from .errors import NoAnswer
from .model import Position, Ready
from .options import Options
from .positions import Positions
from .tokens import Grant, Tokens

ROOMS_IN_FRAME = 750  # of at most 85 bytes each: a frame has at most 64 KiB


class Platform(Protocol):
    """Where to connect to."""

    def url(self) -> str:
        """The gateway's, for the next attempt."""


class Login(Protocol):
    """Who connects."""

    tokens: Tokens

    @property
    def parley(self) -> Platform:
        """Where."""

    async def ticket(self) -> str:
        """Stands for the token in a URL, once."""


class Dialler:
    """Connects, once at a time. `grant` is the token that was used last.

    Arguments:
        login: who.
        options: how long it may take, and where the positions go.
    """

    def __init__(self, login: Login, options: Options) -> None:
        self._login = login
        self._options = options
        self.grant: Grant = login.tokens.grant

    async def connect(self, positions: Positions) -> tuple[Connection, Ready]:
        """A connection that goes on from these positions.

        Raises:
            Refused: the server does not want us now.
            Ended: it has closed the socket before it was ready.
            NoAnswer: nothing came in time.
            SessionOver, ApiError: there is no token.
        """
        self.grant = await self._login.tokens.fresh()
        parameters = query(positions, self._options.rooms_in_url)
        token: str | None = self.grant.access_token
        if self._options.by_ticket:
            parameters["ticket"], token = await self._login.ticket(), None
        address = self._login.parley.url().replace("http", "ws", 1) + "/api/chat/ws/chat/"
        connection = await dial(f"{address}?{urlencode(parameters, safe=':,')}", token, self._options.open_seconds)
        try:
            async with asyncio.timeout(self._options.open_seconds):
                kind, data = await connection.read()
                if kind != "session.ready":
                    raise Ended(None, f"the first frame was {kind}")
                ready = Ready.of(data)
                if parameters.get("resume") == "frame":
                    for data in frames(positions, ready):
                        await connection.write("session.resume", data)
        except TimeoutError:
            connection.abort()
            raise NoAnswer("the server did not say session.ready") from None
        except BaseException:
            connection.abort()
            raise
        connection.id = ready.connection_id
        return connection, ready


def query(positions: Positions, most: int) -> dict[str, str]:
    """The parameters of the URL that say where to go on.

    Arguments:
        most: positions that are put into the URL; `resume=frame` announces more.
    """
    known = positions.snapshot()
    if not known:
        return {}
    if len(known) > most:
        return {"resume": "frame"}
    rooms = (f"{room}:{at.seq}" if at.rev is None else f"{room}:{at.seq}:{at.rev}" for room, at in known.items())
    return {"resume": ",".join(rooms)} | ({} if positions.epoch is None else {"epoch": positions.epoch})


def frames(positions: Positions, ready: Ready) -> list[dict[str, object]]:
    """The data of each `session.resume`: the rooms in which something is missing, in as many frames as they need.

    Those that are not named go on from where `session.ready` says that they are. If that is another life of the
    database, all are named: the server resets them.
    """
    known = positions.snapshot()
    if positions.epoch in (None, ready.epoch):
        known = {room: at for room, at in known.items() if not _is_there(at, ready.rooms.get(room))}
    rooms = {room: [at.seq] if at.rev is None else [at.seq, at.rev] for room, at in known.items()}
    epoch = {} if positions.epoch is None else {"epoch": positions.epoch}
    names = list(rooms)
    parts = [names[start : start + ROOMS_IN_FRAME] for start in range(0, len(names), ROOMS_IN_FRAME)] or [[]]
    found: list[dict[str, object]] = [{"rooms": {room: rooms[room] for room in part}, **epoch} for part in parts]
    for data in found[:-1]:
        data["more"] = True
    return found


def _is_there(at: Position, server: Position | None) -> bool:
    return server is not None and at.seq == server.seq and at.rev in (None, server.rev)
