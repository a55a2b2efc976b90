"""Free ports, and whether a given one is free."""

import errno
import random
import socket
import sys

from devstack.errors import DevstackError

LOOPBACK = "127.0.0.1"

# Below the range from which Linux (32768-60999) and macOS (49152-65535) take the local ports of outgoing connections:
# a port from that range could be taken by any connection while the process that owns it is being restarted.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now.

    Arguments:
        port: 1 to 65535.
        host: the address to listen on.

    Raises:
        DevstackError: for a reason other than that the port is taken (no right to, no such address).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do: the port of one that has just ended (TIME_WAIT) is free, that of a living one is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise DevstackError(f"Nothing can listen on {host}:{port}: {error.strerror}.") from error
    if sys.platform == "darwin":  # there, an address of its own may be taken beside somebody who listens on all of them
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            return client.connect_ex((LOOPBACK, port)) != 0
    return True


class Ports:
    """Hands out free ports, none of them twice."""

    def __init__(self, chooser: random.Random | None = None) -> None:
        """
        Arguments:
            chooser: where chance comes from; tests give their own.
        """
        self._chooser = chooser or random.Random()  # noqa: S311  ports are no secret
        self._taken: set[int] = set()

    def reserve(self, port: int) -> int:
        """Keep a port that is used for something else out of the lot."""
        self._taken.add(port)
        return port

    def choose(self) -> int:
        """A free port of the loopback interface.

        Raises:
            DevstackError: if none is found.
        """
        for _ in range(ATTEMPTS):
            port = self._chooser.randint(FIRST, LAST)
            if port not in self._taken and is_free(port):
                return self.reserve(port)
        raise DevstackError(f"No free port was found between {FIRST} and {LAST}.")
