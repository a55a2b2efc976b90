"""Connections to one pod, used again and again."""

import asyncio
import contextvars
import socket

from .connection import Connection, Failure, UpstreamError

_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 50_000}  # s, s, times, ms


class Pool:
    """Idle connections, the youngest used first, and a bound for all.

    Arguments:
        host, port: where the pod listens.
        connect_seconds: how long it may take to accept.
        idle_seconds: an idle connection older than this is not used again.
        max_idle: how many idle ones are kept.
        max_open: how many may be open at the same time.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connect_seconds: float = 1.0,
        idle_seconds: float = 30.0,
        max_idle: int = 64,
        max_open: int = 512,
    ) -> None:
        self.host = host
        self.port = port
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._max_idle = max_idle
        self._max_open = max_open
        self._idle: list[Connection] = []
        self._open = 0
        self._closed = False

    def take(self) -> Connection | None:
        """An idle connection that is still good, if there is one."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and now - connection.idle_since < self._idle_seconds:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """A new connection that counts.

        Raises:
            UpstreamError: CONNECT, or FULL.
        """
        if self._open >= self._max_open:
            raise UpstreamError(Failure.FULL, f"{self._open} connections are open")
        self._open += 1
        try:
            connection = Connection(self._lost)
            await dial(connection, self.host, self.port, self._connect_seconds)
        except BaseException:
            self._open -= 1
            raise
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back; it is closed if it cannot be used again."""
        if connection.reusable and not self._closed and len(self._idle) < self._max_idle:
            connection.finish()
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        """End the idle connections, and the others when they are released."""
        self._closed = True
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _lost(self, connection: Connection) -> None:
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)


async def dial(connection: Connection, host: str, port: int, seconds: float) -> None:
    """Connect in an empty context: a reader registered inside a request would keep all of that request alive.

    Raises:
        UpstreamError: CONNECT.
    """
    loop = asyncio.get_running_loop()
    attempt = loop.create_task(
        loop.create_connection(lambda: connection, host, port),
        context=contextvars.Context(),
    )
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await attempt
        notice_dead_peers(transport)
    except TimeoutError:
        _abandon(attempt)
        raise UpstreamError(Failure.CONNECT, "no answer") from None
    except OSError as error:
        raise UpstreamError(Failure.CONNECT, error.strerror or repr(error)) from None
    except asyncio.CancelledError:
        _abandon(attempt)
        raise


def notice_dead_peers(transport: asyncio.Transport) -> None:
    """Let the kernel end the connection when the other host has vanished without a word, in less than a minute."""
    connected: socket.socket = transport.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # they differ between systems
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _abandon(attempt: "asyncio.Task[tuple[asyncio.Transport, asyncio.BaseProtocol]]") -> None:
    """Close what was connected in the very moment when nobody wanted it any more."""

    def close(task: "asyncio.Task[tuple[asyncio.Transport, asyncio.BaseProtocol]]") -> None:
        if not task.cancelled() and task.exception() is None:
            task.result()[0].abort()

    attempt.cancel()
    attempt.add_done_callback(close)
