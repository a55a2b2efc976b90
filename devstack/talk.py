"""One person at a terminal: prints each frame as it is on the wire, sends each line as a message.

    python -m devstack.talk URL ROOM TOKEN               lines of the standard input, until its end
    python -m devstack.talk URL ROOM TOKEN TEXT          sends TEXT and leaves
    python -m devstack.talk URL ROOM TOKEN --until N     leaves after N messages of others

`NAME <` is what the server sent, `NAME >` what we did. When the connection breaks it connects again, resumes where it
was and sends again what was not acknowledged; it leaves when everything has been.
"""

import argparse
import json
import sys
import threading
import time
import uuid
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from devstack.console import complain, say

FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 0.2, 5.0
OUR_FAULT = (1002, 1007, 1009, 4400, 4401)  # closes after which connecting again would change nothing
RETRIED = (429, 502, 503, 504)
RETRY_SECONDS = 1.0


class Talk:
    """One person in one room, over as many connections as it takes."""

    def __init__(self, url: str, room: str, token: str, until: int) -> None:
        """
        Arguments:
            url: of the platform.
            room: the id of the room to speak in.
            token: an access token.
            until: how many messages of others to wait for; 0 does not wait.
        """
        self._url = f"{url.rstrip('/').replace('http', 'ws', 1)}/ws"
        self._room = room
        self._headers = {"Authorization": f"Bearer {token}"}
        self._until = until
        self._name = ""
        self._position: int | None = None  # the last seq seen in the room
        self._unanswered: dict[str, str] = {}  # texts by client_id, in order
        self._refused = False
        self._complete = threading.Event()  # nothing more will be sent
        self._socket: ClientConnection | None = None
        self._lock = threading.Lock()  # of the two above: lines come from another thread

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._complete.is_set() and not self._unanswered and self._until <= 0

    def send(self, text: str) -> None:
        """Send a message, as soon as there is a connection."""
        with self._lock:
            client_id = str(uuid.uuid4())
            self._unanswered[client_id] = text
            self._write(client_id, text)

    def send_lines(self) -> None:
        """Send what is typed, to its end."""
        for line in sys.stdin:
            if line.strip():
                self.send(line.rstrip("\n"))
        self.leave()

    def leave(self) -> None:
        """Nothing more will be sent."""
        with self._lock:
            self._complete.set()
            if self.over and self._socket is not None:
                self._socket.close()

    def run(self) -> int:
        """Talk to the end; returns the exit code, 0 if nothing was refused."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                self._talk()
                if self.over:
                    return 1 if self._refused else 0
                wait = FIRST_WAIT_SECONDS
            except InvalidStatus as refusal:
                status, body = refusal.response.status_code, refusal.response.body.decode(errors="replace")
                if status not in RETRIED:
                    complain(f"Refused with {status}: {body}")
                    return 1
            except (OSError, InvalidHandshake) as error:
                if not self._name:
                    complain(f"Nothing answers at {self._url}: {error}")
                    return 1
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in OUR_FAULT:
                    complain(f"The connection is over: {closed}")
                    return 1
            say(f"{self._name} . not connected; again in {wait:.1f} s")
            time.sleep(wait)
            wait = min(2 * wait, LAST_WAIT_SECONDS)

    def _talk(self) -> None:
        """One connection."""
        query = "" if self._position is None else f"?resume={self._room}:{self._position}"
        # With frames queued up to a limit, a close would wait behind them: nobody reads any more.
        options: dict[str, Any] = {"compression": None, "proxy": None, "max_queue": None}
        with connect(self._url + query, additional_headers=self._headers, **options) as socket:
            try:
                for frame in socket:
                    document = json.loads(frame)
                    self._name = self._name or document["data"]["user"]["username"]  # the first is session.ready
                    say(f"{self._name} < {frame!s}")
                    self._hear(socket, document["type"], document["data"])
                    if self.over:
                        return
            finally:
                self._socket = None

    def _hear(self, socket: ClientConnection, kind: str, data: dict[str, Any]) -> None:
        if kind == "session.ready":
            if self._position is None:
                self._position = next((room["last_seq"] for room in data["rooms"] if room["id"] == self._room), 0)
            with self._lock:
                self._socket = socket
                for client_id, text in self._unanswered.items():
                    self._write(client_id, text)
        elif kind == "chat.ack":
            self._unanswered.pop(data["client_id"], None)
        elif kind == "chat.message" and data["room"] == self._room:
            self._position = data["seq"]
            self._until -= data["direction"] == "received"
        elif kind == "error" and data.get("client_id") in self._unanswered:
            if data["code"] in ("unavailable", "rate_limited"):
                time.sleep(data.get("retry_after", RETRY_SECONDS))
                with self._lock:
                    self._write(data["client_id"], self._unanswered[data["client_id"]])
            else:
                self._refused = True
                del self._unanswered[data["client_id"]]

    def _write(self, client_id: str, text: str) -> None:
        """Write a frame if there is a connection; what is lost with it is sent again over the next one."""
        if self._socket is None:
            return
        data = {"room": self._room, "content": text, "client_id": client_id}
        frame = json.dumps({"type": "chat.message", "data": data}, ensure_ascii=False, separators=(",", ":"))
        say(f"{self._name} > {frame}")
        try:
            self._socket.send(frame)
        except ConnectionClosed:
            self._socket = None


def main(arguments: list[str]) -> int:
    """Talk; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.talk", description="Talk in a room, frame by frame.")
    parser.add_argument("url", help="of the platform, http://127.0.0.1:8000")
    parser.add_argument("room", help="the id of a room")
    parser.add_argument("token", help="an access token")
    parser.add_argument("text", nargs="?", help="a message; without it, the lines of the standard input are sent")
    parser.add_argument("--until", type=int, default=0, metavar="N", help="send nothing, wait for N messages of others")
    given = parser.parse_args(arguments)
    talk = Talk(given.url, given.room, given.token, given.until)
    if given.text is not None:
        talk.send(given.text)
    if given.text is not None or given.until:
        talk.leave()
    else:
        threading.Thread(target=talk.send_lines, daemon=True).start()
    return talk.run()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
