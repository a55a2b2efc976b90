"""One person at a terminal: prints each frame as it is on the wire, sends each line as a message.

    python -m devstack.talk URL ROOM TOKEN               lines of the standard input, until its end
    python -m devstack.talk URL ROOM TOKEN TEXT          sends TEXT and leaves
    python -m devstack.talk URL ROOM TOKEN --until N     leaves after N messages of others

`NAME <` is what the server sent, `NAME >` what we did. It leaves when all that it sent has been acknowledged.
"""

import argparse
import json
import sys
import threading
import uuid
from typing import Any

from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from devstack.console import complain, say


class Talk:
    """One socket and what is still to be acknowledged."""

    def __init__(self, socket: ClientConnection, room: str, until: int) -> None:
        """
        Arguments:
            socket: connected; its first frame is read here, since it says who we are.
            room: the id of the room to speak in.
            until: how many messages of others to wait for; 0 does not wait.
        """
        self._socket = socket
        self._room = room
        self._until = until
        self._unanswered: set[str] = set()
        self._complete = threading.Event()  # nothing more will be sent
        ready = socket.recv()
        self._name = json.loads(ready)["data"]["user"]["username"]
        say(f"{self._name} < {ready!s}")

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._complete.is_set() and not self._unanswered and self._until <= 0

    def send(self, text: str) -> None:
        """Send a message."""
        client_id = str(uuid.uuid4())
        self._unanswered.add(client_id)
        data = {"room": self._room, "content": text, "client_id": client_id}
        frame = json.dumps({"type": "chat.message", "data": data}, ensure_ascii=False, separators=(",", ":"))
        say(f"{self._name} > {frame}")
        self._socket.send(frame)

    def send_lines(self) -> None:
        """Send what is typed, to its end."""
        for line in sys.stdin:
            if line.strip():
                self.send(line.rstrip("\n"))
        self.leave()

    def leave(self) -> None:
        """Nothing more will be sent."""
        self._complete.set()
        if self.over:
            self._socket.close()

    def listen(self) -> None:
        """Print what comes until there is nothing to wait for."""
        for frame in self._socket:
            say(f"{self._name} < {frame!s}")
            self._hear(json.loads(frame))
            if self.over:
                return

    def _hear(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] in ("chat.ack", "error"):
            self._unanswered.discard(data.get("client_id"))
        elif frame["type"] == "chat.message" and data["direction"] == "received" and data["room"] == self._room:
            self._until -= 1


def main(arguments: list[str]) -> int:
    """Talk; returns the exit code: 0 when everything was acknowledged and everything waited for has come."""
    parser = argparse.ArgumentParser(prog="python -m devstack.talk", description="Talk in a room, frame by frame.")
    parser.add_argument("url", help="of the platform, http://127.0.0.1:8000")
    parser.add_argument("room", help="the id of a room")
    parser.add_argument("token", help="an access token")
    parser.add_argument("text", nargs="?", help="a message; without it, the lines of the standard input are sent")
    parser.add_argument("--until", type=int, default=0, metavar="N", help="send nothing, wait for N messages of others")
    given = parser.parse_args(arguments)
    url = f"{given.url.rstrip('/').replace('http', 'ws', 1)}/ws"
    headers = {"Authorization": f"Bearer {given.token}"}
    try:
        with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
            talk = Talk(socket, given.room, given.until)
            if given.text is not None:
                talk.send(given.text)
            if given.text is not None or given.until:
                talk.leave()
            else:
                threading.Thread(target=talk.send_lines, daemon=True).start()
            talk.listen()
            return 0 if talk.over else 1
    except InvalidStatus as refusal:
        complain(f"Refused with {refusal.response.status_code}: {refusal.response.body.decode(errors='replace')}")
    except (OSError, InvalidHandshake, WebSocketException) as error:
        complain(f"The connection is over: {error}")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
