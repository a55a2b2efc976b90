"""Writes down what a client's session sees, before the client does anything with it."""

from collections.abc import Mapping
from typing import Any

from parley_client import Observer, Position, Ready
from parley_client.backoff import Then
from tests.faults.events import DELETED, Changed, Close, Connect, Presence, Receipt, Receive, Send, Sight
from tests.faults.messages import version_of
from tests.faults.world import World

UNKNOWN = "unknown"


class Watch(Observer):
    """Watches one client.

    Arguments:
        world: where it is written down.
        client: its name.
        user: whose it is.
        revs: whether it can tell which changes of messages it has.
    """

    def __init__(self, world: World, client: str, user: str, *, revs: bool = True) -> None:
        self._world = world
        self._client = client
        self._user = user
        self._revs = revs
        self._asked: dict[str, int] = {}
        self._asked_revs: dict[str, int] = {}
        self._rooms: dict[str, str] = {}  # by key, of what it sends
        self.connected = False

    def sending(self, key: str, room: str) -> None:
        """The client has something to send."""
        self._rooms[key] = room

    def sent(self, key: str) -> None:
        """It is answered."""
        self._rooms.pop(key, None)

    def _room(self, room: str) -> str:
        return self._world.room_names.get(room, room)

    def connecting(self, positions: Mapping[str, Position]) -> None:
        """See Observer."""
        self._asked = {self._room(room): position.seq for room, position in positions.items()}
        revs = {self._room(room): position.rev for room, position in positions.items()}
        self._asked_revs = {room: rev for room, rev in revs.items() if rev is not None}
        event = Connect(self._world.now(), "invoke", self._client, self._user, positions=self._asked)
        self._world.add(event)

    def ready(self, ready: Ready, seconds: float) -> None:
        """See Observer."""
        self.connected = True
        rooms = {self._room(room): position.seq for room, position in ready.rooms.items()}
        revs = {self._room(room): position.rev or 0 for room, position in ready.rooms.items()}
        for places in (self._world.have, self._world.have_rev):
            for place in [place for place in places if place[0] == self._client and place[1] not in rooms]:
                del places[place]
        for room, seq in rooms.items():
            self._world.have[self._client, room] = self._asked.get(room, seq)
            if self._revs:
                self._world.have_rev[self._client, room] = self._asked_revs.get(room, revs[room])
        self._world.came(self._client, self._user)
        self._world.add(
            Connect(
                self._world.now(),
                "ok",
                self._client,
                self._user,
                ready.connection_id,
                positions=self._asked,
                rooms=rooms,
                seconds=round(seconds, 6),
            )
        )

    def ended(self, connection_id: str | None, code: int | None, reason: str, then: Then, seconds: float) -> None:
        """See Observer."""
        self.connected = False
        self._world.went(self._client, self._user)
        now = self._world.now()
        if connection_id is None:
            self._world.add(Connect(now, "fail", self._client, self._user, code=code, reason=reason))
        else:
            self._world.add(Close(now, self._client, connection_id, code, reason))

    def attempt(self, connection_id: str, client_id: str, number: int) -> None:
        """See Observer."""
        if number > 1:
            self._unknown(client_id, "again", connection_id)

    def frame(self, connection_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """See Observer."""
        if kind == "chat.message":
            self._received(connection_id, data)
        elif kind == "chat.history":
            for message in data["messages"]:
                self._received(connection_id, message, history=True)
        elif kind in ("chat.edited", "chat.deleted"):
            self._changed(connection_id, data, deleted=kind == "chat.deleted")
        elif kind == "chat.read":
            reader = self._world.user_names.get(data["user"], UNKNOWN)
            self._world.add(Receipt(self._world.now(), self._client, self._room(data["room"]), reader, data["seq"]))
        elif kind in ("friend.online", "friend.offline"):
            self._sighted(data["friend"]["id"], online=kind == "friend.online")
        elif kind == "error" and data.get("client_id") in self._rooms:
            self._unknown(data["client_id"], data["code"], connection_id)
        elif kind == "room.created":
            self._presence(connection_id, data["id"], "created", data["joined_seq"])
            place = (self._client, self._room(data["id"]))
            self._world.have.setdefault(place, data["joined_seq"])
            if self._revs:
                self._world.have_rev.setdefault(place, data["rev"])
        elif kind == "room.removed":
            self._presence(connection_id, data["room"], "removed")
            self._world.have.pop((self._client, self._room(data["room"])), None)
            self._world.have_rev.pop((self._client, self._room(data["room"])), None)
        elif kind == "room.reset":
            self._presence(connection_id, data["room"], "reset", data["last_seq"])

    def _received(self, connection_id: str, data: Mapping[str, Any], *, history: bool = False) -> None:
        room, seq, rev = self._room(data["room"]), data["seq"], data["rev"]
        key, version = self._world.said(data)
        self._world.add(
            Receive(
                self._world.now(),
                self._client,
                self._user,
                connection_id,
                room,
                seq,
                data["id"],
                key,
                self._world.user_names.get(data["user"]["id"], UNKNOWN),
                history,
                version,
                rev,
            )
        )
        if not history:
            self._world.have[self._client, room] = seq
            self._moved(room, rev)

    def _changed(self, connection_id: str, data: Mapping[str, Any], *, deleted: bool) -> None:
        room, rev = self._room(data["room"]), data["rev"]
        version = DELETED if deleted else version_of(data["content"])
        self._world.add(
            Changed(self._world.now(), self._client, self._user, connection_id, room, data["seq"], version, rev)
        )
        self._moved(room, rev)

    def _moved(self, room: str, rev: int) -> None:
        place = (self._client, room)
        if self._revs:
            self._world.have_rev[place] = max(rev, self._world.have_rev.get(place, 0))

    def _sighted(self, friend_id: str, *, online: bool) -> None:
        friend = self._world.user_names.get(friend_id, UNKNOWN)
        self._world.add(Sight(self._world.now(), self._client, self._user, friend, online))
        self._world.shown[self._client, friend] = online

    def _presence(self, connection_id: str, room: str, what: str, seq: int = 0) -> None:
        event = Presence(self._world.now(), self._client, connection_id, self._room(room), what, seq)  # type: ignore[arg-type]
        self._world.add(event)

    def _unknown(self, key: str, code: str, connection_id: str) -> None:
        room = self._rooms.get(key)
        if room is not None:
            self._world.add(
                Send(
                    self._world.now(), "info", self._client, self._user, room, key, code=code, connection=connection_id
                )
            )
