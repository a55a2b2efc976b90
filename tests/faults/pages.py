"""Reading over HTTP: pages of history, and the list of rooms."""

from typing import Any

from parley_client import Account, ApiError, NoAnswer
from tests.faults.events import Entry, Listing, Marking, Read
from tests.faults.watch import UNKNOWN
from tests.faults.world import World

PAGE = 20


async def read_page(
    world: World, account: Account, client: str, user: str, room: str, *, final: bool = False, allowed: bool = True
) -> None:
    """Read the newest messages of a room, or with `final` all, and write down what was there.

    Arguments:
        allowed: it is his room; if not, a 404 is as it should be.

    Raises:
        ApiError, NoAnswer: there was nothing; that is written down too.
    """
    name = world.room_names[room]
    world.add(Read(world.now(), "invoke", client, user, name, final=final))
    try:
        count, entries = await (_all(world, account, room) if final else _newest(world, account, room))
    except (ApiError, NoAnswer) as error:
        code = code_of(error)
        if allowed or code != "404":
            world.add(Read(world.now(), "info", client, user, name, final=final, code=code))
        raise
    world.add(Read(world.now(), "ok", client, user, name, count, entries, final=final))


async def _newest(world: World, account: Account, room: str) -> tuple[int, list[Entry]]:
    _, page = await account.request("GET", f"/api/chat/{room}/messages/", page_size=PAGE)
    return page["count"], [_entry(world, message) for message in reversed(page["results"])]


async def _all(world: World, account: Account, room: str) -> tuple[int, list[Entry]]:
    entries: list[Entry] = []
    while True:
        after = entries[-1].seq if entries else 0
        _, page = await account.request("GET", f"/api/chat/{room}/messages/", after=after, limit=200)
        if not page["results"]:
            return page["count"], entries
        entries += [_entry(world, message) for message in page["results"]]


def _entry(world: World, message: dict[str, Any]) -> Entry:
    sender = world.user_names.get(message["user"]["id"], UNKNOWN)
    key, version = world.said(message)
    return Entry(message["seq"], message["id"], key, sender, version)


async def mark_all(world: World, account: Account, client: str, user: str, room: str) -> None:
    """Say over HTTP that all of a room is read.

    Raises:
        ApiError, NoAnswer: it is not known whether that was done.
    """
    name = world.room_names[room]
    world.add(Marking(world.now(), "invoke", client, user, name))
    seq = await account.mark_read(room)
    world.add(Marking(world.now(), "ok", client, user, name, seq))


async def read_list(world: World, account: Account, user: str) -> None:
    """Read the list of somebody's rooms, and write down how many messages he has not read, and which friends are there.

    Raises:
        ApiError, NoAnswer: there was nothing.
    """
    rooms = [room async for room in account.rooms()]
    for room in rooms:
        friend = "" if room.friend is None else world.user_names.get(room.friend.id, UNKNOWN)
        online = room.friend is not None and room.friend.is_online
        seqs = room.unread_count, room.last_seq, room.read_seq
        world.add(Listing(world.now(), user, world.room_names.get(room.id, room.id), *seqs, friend, online))


def code_of(error: ApiError | NoAnswer) -> str:
    """The status of an error, or that there was none."""
    return str(error.status) if isinstance(error, ApiError) else "no_answer"
