"""Puts the story on a platform. What is there already stays as it is: it may be run as often as one likes."""

from parley_client import Account, Parley
from parley_client.errors import ApiError

from .story import PASSWORD, PEOPLE, SCENES, Scene


async def build(parley: Parley) -> dict[str, Account]:
    """Everybody, logged in, with their rooms and what was said there.

    Raises:
        ApiError: somebody else has one of the names, with another password.
        NoAnswer: there is no platform at that address.
    """
    people = {name: await person(parley, name) for name in PEOPLE}
    for scene in SCENES:
        await play(scene, people)
    return people


async def person(parley: Parley, name: str) -> Account:
    """One of them."""
    shown, status = PEOPLE[name]
    try:
        return await parley.login(name, PASSWORD)
    except ApiError as error:
        if error.code != "invalid_credentials":
            raise
    account = await parley.register(name, PASSWORD, display_name=shown)
    await account.request("PATCH", "/profiles/me", {"statusMessage": status})
    return account


async def play(scene: Scene, people: dict[str, Account]) -> None:
    """One room. Each line has its own client_id, so that the platform stores it once, however often it is sent."""
    first = people[scene.people[0]]
    room = await room_of(scene, first)
    seqs: list[int] = []
    for number, line in enumerate(scene.lines, start=1):
        answered = None if line.answers is None else seqs[line.answers - 1]
        message = await people[line.who].send(
            room, line.text, reply_to=answered, client_id=f"demo-{scene.key}-{number}"
        )
        seqs.append(message.seq)
    for name in scene.read_by:
        await people[name].mark_read(room)


async def room_of(scene: Scene, first: Account) -> str:
    """Its room, made if there is none."""
    if not scene.name:
        return (await first.direct(scene.people[1])).id
    async for room in first.rooms():
        if room.type == "group" and room.name == scene.name:
            return room.id
    return (await first.group(scene.name, *scene.people[1:])).id
