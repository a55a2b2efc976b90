"""Coming into rooms and out of them."""

import asyncio
import contextlib
import random
from collections.abc import Mapping

from parley_client import Account, ApiError, NoAnswer
from tests.faults.clients import RETRY_SECONDS, VISIT_SECONDS, Client
from tests.faults.events import Member
from tests.faults.world import World


async def visit(world: World, hosts: Mapping[str, Account], guest: Client, stop: asyncio.Event) -> None:
    """Have a guest in one room after the other, each for a moment; in the end he is in none.

    Arguments:
        hosts: who adds and removes him, by room.
    """
    chance = random.Random(guest.name)
    while not stop.is_set():
        room = chance.choice(sorted(hosts))
        for added in (True, False):
            await _change(world, hosts[room], guest, room, added=added)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), chance.uniform(*VISIT_SECONDS))


async def _change(world: World, host: Account, guest: Client, room: str, *, added: bool) -> None:
    """Add or remove him, repeating it until it is known to be done."""
    name = world.room_names[room]
    world.belongs.pop((guest.user, name), None)  # nobody knows now
    world.add(Member(world.now(), "invoke", name, guest.user, added))
    while True:
        try:
            await (host.invite(room, guest.account.id) if added else host.remove(room, guest.account.id))
            break
        except (ApiError, NoAnswer) as error:
            if isinstance(error, ApiError) and error.status in (404, 409, 422):  # an attempt before has done it
                break
            world.add(Member(world.now(), "info", name, guest.user, added))
            world.unanswered.add((guest.user, name, added))
        await asyncio.sleep(RETRY_SECONDS)
    world.add(Member(world.now(), "ok", name, guest.user, added))
    if (guest.user, name, not added) not in world.unanswered:  # which may be carried out yet
        world.belongs[guest.user, name] = added


async def settle(world: World, hosts: Mapping[str, Account], lodger: Client, stop: asyncio.Event) -> None:
    """Have somebody come into one room after the other, to stay; `hosts` as for `visit`."""
    chance = random.Random(lodger.name)
    for room in chance.sample(sorted(hosts), len(hosts)):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), chance.uniform(*VISIT_SECONDS))
        if stop.is_set():
            return
        await _change(world, hosts[room], lodger, room, added=True)
