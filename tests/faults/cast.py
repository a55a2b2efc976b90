"""Who is there: users, rooms, devices, and what each of them does."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from parley_client import Account, ApiError, NoAnswer, Parley
from tests.faults.clients import Client
from tests.faults.events import Arrival, Friends, Room
from tests.faults.mayfly import Mayfly
from tests.faults.pages import mark_all, read_list, read_page
from tests.faults.socketio_user import SocketIOUser
from tests.faults.visits import settle, visit
from tests.faults.world import World

Result = TypeVar("Result")
PASSWORD = "correct horse battery staple"
RETRY_SECONDS = 0.2
SOCKETIO_RATE = 5.0  # messages a second, of each who talks over Socket.IO


class Size(msgspec.Struct, frozen=True):
    """How many there are, and how much they say."""

    talkers: int = 10
    rooms: int = 6
    members: int = 5  # of each room, beside the guest
    seconds: int = 2  # talkers with a second device, that only listens
    readers: int = 3
    socketio: int = 2  # who talk over Socket.IO, in a room each
    mayflies: int = 3  # who do not come back when their connection ends
    rate: float = 250.0  # messages a second, of all together


class Cast:
    """Everybody.

    Arguments:
        world: where everything is written down.
        urls: of the gateways.
        size: how many.
        chance: who is in which room, and what they do.
    """

    def __init__(self, world: World, urls: list[str], size: Size, chance: random.Random) -> None:
        self._world = world
        self._urls = urls
        self._size = size
        self._chance = chance
        self._stack = AsyncExitStack()
        self._listening: list[asyncio.Task[None]] = []
        self._acting: list[asyncio.Task[None]] = []  # these end when they are told to stop
        self._stop = asyncio.Event()
        self._accounts: dict[str, Account] = {}  # by user
        self._members: dict[str, list[str]] = {}  # users by room id
        self.clients: list[Client] = []
        self._socketio: list[SocketIOUser] = []
        self._mayflies: list[Mayfly] = []
        self.newcomers: set[asyncio.Task[None]] = set()  # whose profiles have not been found yet

    async def __aenter__(self) -> Self:
        """Register, make rooms, connect."""
        try:
            await self._enter()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _enter(self) -> None:
        parley = self._parley = await self._stack.enter_async_context(Parley(*self._urls, seconds=5.0))
        size = self._size
        talkers = [f"u{number}" for number in range(size.talkers)]
        readers = [f"reader{number}" for number in range(size.readers)]
        others = [f"sio{number}" for number in range(size.socketio)]
        mayflies = [f"mayfly{number}" for number in range(size.mayflies)]
        users = [*talkers, *readers, *others, *mayflies, "guest", "lodger", "eve"]
        for user in users:
            account = await parley.register(f"{user}-{secrets.token_hex(4)}", PASSWORD)
            self._accounts[user] = account
            self._world.user_names[account.id] = user
        for number in range(size.rooms):
            await self._make_room(f"room{number}", talkers, readers, others)
        friends = list(zip(talkers[::2], talkers[1::2], strict=False))
        friends += [(user, talkers[index % len(talkers)]) for index, user in enumerate((*mayflies, *others))]
        for user, friend in friends:
            await self._befriend(user, friend)
        for index, user in enumerate(talkers):
            self._add(user, user, patient=index % 3 == 2)
        for user in talkers[: size.seconds]:
            self._add(user, f"{user}-second")
        for user in (*readers, "guest", "lodger", "eve"):
            self._add(user, user)
        for client in self.clients:
            await self._stack.enter_async_context(client.session)
        for user in mayflies:
            mayfly = Mayfly(self._world, self._accounts[user], user)
            self._mayflies.append(mayfly)
            await self._stack.enter_async_context(mayfly.session)
        for index, user in enumerate(others):
            chance = random.Random(self._chance.random())
            transports = None if index % 2 == 0 else ["websocket"]
            other = SocketIOUser(self._world, self._accounts[user], user, chance, transports)
            self._socketio.append(other)
            self._stack.push_async_callback(other.stop)
            await other.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = (*self._listening, *self._acting, *self.newcomers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    def start(self) -> None:
        """Begin to talk."""
        for client in self.clients:
            self._listening.append(asyncio.create_task(client.listen()))
            self._acting += [asyncio.create_task(act) for act in self._acts_of(client)]
        for other in self._socketio:
            talk = other.talk(self._rooms_of(other.user), SOCKETIO_RATE, self._stop)
            self._acting.append(asyncio.create_task(talk))

    def _acts_of(self, client: Client) -> list[Coroutine[Any, Any, None]]:
        own = self._rooms_of(client.user)
        hosts = {room: self._accounts[users[0]] for room, users in self._members.items()}
        if client.name == "guest":
            return [visit(self._world, hosts, client, self._stop)]
        if client.name == "lodger":
            return [settle(self._world, hosts, client, self._stop)]
        if client.name == "eve":
            return [client.intrude(sorted(self._members), self._stop)]
        if client.name != client.user or not own:
            return []  # a second device only listens
        if client.name.startswith("reader"):
            return [client.read(own, self._stop)]
        return [client.talk(own, self._size.rate / self._size.talkers, self._stop)]

    def _rooms_of(self, user: str) -> list[str]:
        return sorted(room for room, users in self._members.items() if user in users)

    async def fall_silent(self, seconds: float) -> None:
        """Say nothing new, and wait so long for the answers to what was said.

        Raises:
            Exception: what an act has failed with; that is a mistake of these tests.
        """
        self._stop.set()
        done, late = await asyncio.wait(self._acting, timeout=seconds)
        for task in late:
            task.cancel()
        for task in done:
            task.result()
        await asyncio.gather(*(client.settled(seconds) for client in self.clients))

    def storm(self) -> None:
        """All sockets are dropped at once."""
        for session in [*(client.session for client in self.clients), *(mayfly.session for mayfly in self._mayflies)]:
            session.reconnect()
        for other in self._socketio:
            other.drop()

    async def renew(self) -> None:
        """All accounts take new tokens, as far as they get any now, and all sockets are opened anew with them."""
        renewals = (account.tokens.renew(account.tokens.grant) for account in self._accounts.values())
        await asyncio.gather(*(_unless_away(renewal) for renewal in renewals))
        self.storm()

    def welcome(self, name: str) -> None:
        """Somebody new registers, and his profile must be found by others."""
        task = asyncio.create_task(self._arrive(f"{name}-{secrets.token_hex(4)}"))
        self.newcomers.add(task)
        task.add_done_callback(self.newcomers.discard)

    async def _arrive(self, username: str) -> None:
        async def register() -> None:
            try:
                await self._parley.register(username, PASSWORD)
            except ApiError as error:
                if error.status != 409:  # an attempt before has done it
                    raise

        async def look() -> bool:
            _, page = await self._accounts["guest"].request("GET", "/profiles", search=username)
            return bool(page["results"])

        await self._until_done(register)
        self._world.add(Arrival(self._world.now(), "invoke", username))
        while not await self._until_done(look):
            await asyncio.sleep(RETRY_SECONDS)
        self._world.add(Arrival(self._world.now(), "ok", username))

    async def mark_some(self) -> None:
        """Every other member of each room says that he has read all of it, until that is known to be done."""
        places = [(user, room) for room, users in self._members.items() for user in users[::2]]
        await asyncio.gather(*(self._until_done(self._marking(user, room)) for user, room in places))

    def _marking(self, user: str, room: str) -> Callable[[], Awaitable[None]]:
        return lambda: mark_all(self._world, self._accounts[user], f"{user}-final", user, room)

    async def read_everything(self) -> None:
        """The whole history of each room, as two of its members and through any gateway; and everybody's rooms."""
        for room, users in self._members.items():
            readers = self._chance.sample(users, 2)
            await asyncio.gather(*(self._until_done(self._reading(user, room)) for user in readers))
        await asyncio.gather(*(self._until_done(self._listing(user)) for user in self._accounts))

    def _reading(self, user: str, room: str) -> Callable[[], Awaitable[None]]:
        return lambda: read_page(self._world, self._accounts[user], f"{user}-final", user, room, final=True)

    def _listing(self, user: str) -> Callable[[], Awaitable[None]]:
        return lambda: read_list(self._world, self._accounts[user], user)

    async def _until_done(self, call: Callable[[], Awaitable[Result]]) -> Result:
        while True:
            try:
                return await call()
            except (ApiError, NoAnswer):
                await asyncio.sleep(RETRY_SECONDS)

    async def _befriend(self, user: str, friend: str) -> None:
        """A direct room of the two, in which nothing is said: they are shown when the other one comes and goes."""
        await self._accounts[user].direct(self._accounts[friend].id)
        self._world.add(Friends(self._world.now(), [user, friend]))
        self._world.friends |= {(user, friend), (friend, user)}

    async def _make_room(self, name: str, talkers: list[str], readers: list[str], others: list[str]) -> None:
        """A group of some talkers, a reader, and one who speaks Socket.IO; the first makes it."""
        users = [*self._chance.sample(talkers, min(self._size.members, len(talkers)))]
        number = len(self._members)
        users += [readers[number % len(readers)]] if readers else []
        users += others[number : number + 1]
        owner, *others = users
        room = await self._accounts[owner].group(name, *(self._accounts[user].id for user in others))
        self._world.room_names[room.id] = name
        self._members[room.id] = users
        self._world.add(Room(self._world.now(), name, users))

    def _add(self, user: str, name: str, *, patient: bool = False) -> None:
        chance = random.Random(self._chance.random())
        self.clients.append(Client(self._world, self._accounts[user], name, user, chance, patient=patient))


async def _unless_away(renewal: Awaitable[object]) -> None:
    with contextlib.suppress(ApiError, NoAnswer):
        await renewal
