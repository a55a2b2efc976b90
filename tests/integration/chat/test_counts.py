"""Unread counts and receipts after any interleaving: a model of rooms beside the store, also with changes at once.

What happens at once must have the outcome, and leave the state, of some order of its parts.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from chassis.ids import uuid7
from chassis.postgres import SESSION_SETTINGS
from chat_service.model import room_of
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import marks as mark_store
from chat_service.store import members as member_store
from chat_service.store import messages as message_store
from chat_service.store import rooms as room_store
from chat_service.views import view_messages

USERS, ROOMS, AT_ONCE = 3, 2, 3
MOST_MEMBERS = 100

users, rooms = st.integers(0, USERS - 1), st.integers(0, ROOMS - 1)
operations = st.one_of(
    st.tuples(st.just("send"), rooms, users, st.integers(0, 9)),  # the client_id: some are repeated
    st.tuples(st.just("read"), rooms, users, st.none() | st.integers(0, 20)),
    st.tuples(st.just("received"), rooms, users, st.integers(0, 20)),
    st.tuples(st.just("add"), rooms, users, users),
    st.tuples(st.just("leave"), rooms, users, st.none()),
)
Operation = tuple[str, int, int, Any]


class Room:
    """What should be in the store of one room."""

    def __init__(self, members: list[int]) -> None:
        self.senders: list[int] = []
        self.sent: dict[tuple[int, int], int] = {}  # (sender, client_id): seq
        self.members = {user: {"joined": 0, "read": 0, "delivered": 0} for user in members}

    def apply(self, operation: Operation) -> Any:
        """Do it; what it should answer."""
        kind, _, user, what = operation
        member = self.members.get(user)
        if kind == "send":
            if (user, what) in self.sent:
                return "duplicate", self.sent[user, what]
            if member is None:
                return "not_a_member", None
            self.senders.append(user)
            self.sent[user, what] = member["read"] = member["delivered"] = len(self.senders)
            return "stored", len(self.senders)
        if kind == "add":
            if member is None:
                return "no_room"
            if what in self.members:
                return "already"
            last = len(self.senders)
            self.members[what] = {"joined": last, "read": last, "delivered": last}
            return "added"
        if kind == "leave":
            return "no_room" if self.members.pop(user, None) is None else "removed"
        if member is None:
            return None
        mark = "read" if kind == "read" else "delivered"
        wanted = min(len(self.senders) if what is None else what, len(self.senders))
        before, member[mark] = member[mark], max(member[mark], wanted)
        return member[mark], member[mark] > before

    def reached(self, mark: str, seq: int) -> bool:
        """Whether anybody but its sender has read the message, or got it."""
        return any(
            user != self.senders[seq - 1] and member["joined"] < seq <= max(member["read"], member[mark])
            for user, member in self.members.items()
        )

    def shown(self) -> Any:
        """What the room looks like, all of it."""
        messages = [
            (seq, sender, self.reached("read", seq), self.reached("delivered", seq))
            for seq, sender in enumerate(self.senders, 1)
        ]
        last = len(self.senders)
        members = {
            user: (last - member["read"], member["read"], last, member["joined"])
            for user, member in self.members.items()
        }
        return messages, members


class Store:
    """The same questions to the real store.

    Arguments:
        connections: for what happens at once.
    """

    def __init__(self, connections: list[Any]) -> None:
        self._connections = connections
        self._users = [uuid7() for _ in range(USERS)]
        self._rooms = [uuid7() for _ in range(ROOMS)]

    async def open(self) -> None:
        """Make the users and the rooms."""
        for user in self._users:
            query = "INSERT INTO users (id, username, display_name) VALUES ($1, $2, $2)"
            await self._connections[0].execute(query, user, f"p{user.hex}")
        for room in self._rooms:
            await member_store.make_room(self._connections[0], room, "group", "g", None, self._users[:2])

    async def online(self, user_ids: Any) -> set[UUID]:
        """See views.Online."""
        return set()

    async def at_once(self, operations: list[Operation]) -> list[Any]:
        """Do all of it at the same time; the answers."""
        work = zip(self._connections, operations, strict=False)
        return await asyncio.gather(*(self._do(connection, operation) for connection, operation in work))

    async def _do(self, connection: Any, operation: Operation) -> Any:
        kind, room_index, user_index, what = operation
        room, user = self._rooms[room_index], self._users[user_index]
        if kind == "send":
            client_id = str(what)
            [row] = await message_store.send_messages(connection, [uuid7()], [room], [user], [client_id], ["x"], [None])
            return row["outcome"], row["seq"]
        if kind == "read":
            return await mark_store.update_read_seq(connection, room, user, what, uuid7())
        if kind == "received":
            return await mark_store.update_delivered_seq(connection, room, user, what)
        if kind == "add":
            return (await member_store.add_member(connection, room, user, self._users[what], MOST_MEMBERS)).outcome
        return (await member_store.remove_member(connection, room, user, user)).outcome

    async def shown(self, room_index: int) -> Any:
        """What the room looks like to its members, which must be the same for all of them."""
        connection, room_id = self._connections[0], self._rooms[room_index]
        rows = await message_store.select_messages_after(connection, room_id, 0, 200)
        members: dict[int, Any] = {}
        views = set()
        for index, user in enumerate(self._users):
            row = await room_store.select_room(connection, user, room_id)
            if row is not None:
                room = room_of(row, friend_online=False)
                members[index] = (room.unread_count, room.read_seq, room.last_seq, room.joined_seq)
            messages = await view_messages(connection, self, user, room_id, rows)
            views.add(tuple((m.seq, self._users.index(m.user.id), m.is_read, m.is_delivered) for m in messages))
        [view] = views
        return list(view), members


def machine(run: Callable[[Any], Any], connections: list[Any]) -> type[RuleBasedStateMachine]:
    """The state machine, over connections that are open."""

    class Counts(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.store = Store(connections)
            run(self.store.open())
            self.model = [Room([0, 1]) for _ in range(ROOMS)]

        @rule(operation=operations)
        def one(self, operation: Operation) -> None:
            [answer] = run(self.store.at_once([operation]))
            assert answer == self.model[operation[1]].apply(operation)
            assert run(self.store.shown(operation[1])) == self.model[operation[1]].shown()

        @rule(together=st.lists(operations, min_size=2, max_size=AT_ONCE))
        def some_at_once(self, together: list[Operation]) -> None:
            answers = run(self.store.at_once(together))
            found = {room: run(self.store.shown(room)) for room in {operation[1] for operation in together}}
            for model, expected in orders(self.model, together):
                if expected == answers and {room: model[room].shown() for room in found} == found:
                    self.model = model
                    return
            raise AssertionError(f"{together} at once gave {answers} and {found}: no order of them does")

    return Counts


def orders(model: list[Room], together: list[Operation]) -> Iterator[tuple[list[Room], list[Any]]]:
    """(the rooms, the answers) after each order of these operations."""
    for order in itertools.permutations(range(len(together))):
        rooms, answers = deepcopy(model), [None] * len(together)
        for index in order:
            answers[index] = rooms[together[index][1]].apply(together[index])
        yield rooms, answers


@pytest.mark.timeout(120)
def test_counts_and_receipts_are_right_after_any_interleaving(database_url: str) -> None:
    with asyncio.Runner() as runner:

        async def connect() -> list[Any]:
            server_settings = {**SESSION_SETTINGS, **STORE_SETTINGS}
            return [await asyncpg.connect(database_url, server_settings=server_settings) for _ in range(AT_ONCE)]

        connections = runner.run(connect())
        chosen = settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # what depends on timing cannot be made smaller by trying again
            suppress_health_check=[HealthCheck.too_slow],
        )
        run_state_machine_as_test(machine(runner.run, connections), settings=chosen)
        for connection in connections:
            runner.run(connection.close())
