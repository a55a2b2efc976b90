"""What gateways and chat pods tell each other of sockets, in headers and in the ids of Socket.IO sessions."""

import hashlib

CONNECTION_HEADER = "X-Parley-Connection"  # with a WebSocket's handshake: how the gateway calls it, to have it closed
POD_HEADER = "X-Parley-Pod"  # with a request for Socket.IO: how the gateway calls the pod
SOCKET_IO_PATH = "/socket.io"
MARK_CHARACTERS = 8


def pod_mark(name: str) -> str:
    """What the id of a Socket.IO session begins with, so that its later requests find the pod that has it.

    Arguments:
        name: of the pod, as gateways call it: `host:port`.
    """
    return hashlib.sha256(name.encode()).hexdigest()[:MARK_CHARACTERS]
