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
from tests.faults.clients import Client, read_page, visit
from tests.faults.history import Arrival, Room
from tests.faults.world import World

Result = TypeVar("Result")
PASSWORD = "correct horse battery staple"
RETRY_SECONDS = 0.2


class Size(msgspec.Struct, frozen=True):
    """How many there are, and how much they say."""

    talkers: int = 10
    rooms: int = 6
    members: int = 5  # of each room, beside the guest
    seconds: int = 2  # talkers with a second device, that only listens
    readers: int = 3
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
        for user in [*talkers, *readers, "guest", "eve"]:
            account = await parley.register(f"{user}-{secrets.token_hex(4)}", PASSWORD)
            self._accounts[user] = account
            self._world.user_names[account.id] = user
        for number in range(size.rooms):
            await self._make_room(f"room{number}", talkers, readers)
        for index, user in enumerate(talkers):
            self._add(user, user, patient=index % 3 == 2)
        for user in talkers[: size.seconds]:
            self._add(user, f"{user}-second")
        for user in (*readers, "guest", "eve"):
            self._add(user, user)
        for client in self.clients:
            await self._stack.enter_async_context(client.session)

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

    def _acts_of(self, client: Client) -> list[Coroutine[Any, Any, None]]:
        own = sorted(room for room, users in self._members.items() if client.user in users)
        if client.name == "guest":
            hosts = {room: self._accounts[users[0]] for room, users in self._members.items()}
            return [visit(self._world, hosts, client, self._stop)]
        if client.name == "eve":
            return [client.intrude(sorted(self._members), self._stop)]
        if client.name != client.user or not own:
            return []  # a second device only listens
        if client.name.startswith("reader"):
            return [client.read(own, self._stop)]
        return [client.talk(own, self._size.rate / self._size.talkers, self._stop)]

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
        for client in self.clients:
            client.session.reconnect()

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

    async def read_everything(self) -> None:
        """The whole history of each room, as two of its members and through any gateway."""
        for room, users in self._members.items():
            for user in self._chance.sample(users, 2):
                read = lambda user=user, room=room: read_page(  # noqa: E731
                    self._world, self._accounts[user], f"{user}-final", user, room, final=True
                )
                await self._until_done(read)

    async def _until_done(self, call: Callable[[], Awaitable[Result]]) -> Result:
        while True:
            try:
                return await call()
            except (ApiError, NoAnswer):
                await asyncio.sleep(RETRY_SECONDS)

    async def _make_room(self, name: str, talkers: list[str], readers: list[str]) -> None:
        """A group of some talkers and a reader; the first makes it."""
        users = [*self._chance.sample(talkers, min(self._size.members, len(talkers)))]
        users += [readers[len(self._members) % len(readers)]] if readers else []
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
