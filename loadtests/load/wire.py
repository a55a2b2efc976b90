"""A WebSocket connection for gevent: the protocol is that of the library websockets, the socket is gevent's.

Locust's users are greenlets, and a thousand of them must not need a thousand threads, as the library's own client for
threads would. So its part without I/O is used.
"""

import contextlib
import ssl
from collections.abc import Iterator, Mapping

import gevent.lock
import gevent.socket
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

READ_BYTES = 65536
MAX_BYTES = 4 * 1024 * 1024


class Refused(Exception):
    """The server does not let us in.

    Arguments:
        status: of its answer.
        retry_after: what it asks for, in seconds; None if nothing.
    """

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.retry_after = retry_after


class Gone(Exception):
    """The connection has ended.

    Arguments:
        code: of RFC 6455, 1006 if there was no close frame.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Wire:
    """A connection.

    Arguments:
        url: `ws://` or `wss://`.
        headers: sent with the handshake.
        open_seconds: for all of the handshake.
        silent_seconds: without a byte the server is dead.

    Raises:
        Refused, Gone, OSError: there is none.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], *, open_seconds: float = 10.0, silent_seconds: float = 60.0
    ) -> None:
        uri = parse_uri(url)
        self._protocol = ClientProtocol(uri, max_size=MAX_BYTES)
        self._lock = gevent.lock.RLock()
        self._socket = gevent.socket.create_connection((uri.host, uri.port), timeout=open_seconds)
        try:
            self._socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            if uri.secure:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=uri.host)
            request = self._protocol.connect()
            request.headers.update(headers)
            self._protocol.send_request(request)
            self._flush()
            while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
                self._read()
            self._check_handshake()
            self._socket.settimeout(silent_seconds)
        except BaseException:
            self._socket.close()
            raise

    def _check_handshake(self) -> None:
        error = self._protocol.handshake_exc
        if isinstance(error, InvalidStatus):
            asked = error.response.headers.get("Retry-After")
            raise Refused(error.response.status_code, float(asked) if asked else None)
        if error is not None:
            raise Gone(1006) from error

    def messages(self) -> Iterator[bytes]:
        """What the server sends, until it ends.

        Raises:
            Gone: it has ended, or is silent.
        """
        while True:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    yield bytes(event.data)
            if self._protocol.state is State.CLOSED:
                raise Gone(self._protocol.close_code or 1006)
            try:
                self._read()
            except OSError:  # cut, reset, or silent for too long
                raise Gone(1006) from None

    def send(self, text: bytes) -> None:
        """Send a text frame.

        Raises:
            Gone: the connection has ended.
        """
        with self._lock:
            if self._protocol.state is not State.OPEN:
                raise Gone(1006)
            self._protocol.send_text(text)
            try:
                self._flush()
            except OSError:
                raise Gone(1006) from None

    def cut(self) -> None:
        """Drop it without a word."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(gevent.socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye and go."""
        with contextlib.suppress(OSError, Gone), self._lock:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
        self.cut()
        self._socket.close()

    def _read(self) -> None:
        data = self._socket.recv(READ_BYTES)
        with self._lock:
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
