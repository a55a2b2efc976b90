"""A bot in sixty lines: answers whoever writes to it, and in groups whoever says its name."""

import secrets
from datetime import UTC, datetime

from parley_client import Account, ChatSession, Message, Position

HELP = "I know: help, time, dice. Anything else I say back to you. In a group, say @{name} first."


async def run(account: Account) -> None:
    """Answer for as long as the login lasts. What was said while the bot was away is unread, and answered first.

    Raises:
        SessionOver: the login has ended.
    """
    groups, positions = set[str](), {}
    async for room in account.rooms():
        positions[room.id] = Position(room.read_seq)
        if room.type == "group":
            groups.add(room.id)
    async with account.connect(positions=positions) as chat:
        async for message in chat.messages():
            if message.user.id != account.id:
                await hear(chat, account, message, in_group=await is_group(account, groups, message.room))


async def is_group(account: Account, groups: set[str], room: str) -> bool:
    """Whether several people are there; asked once for a room that is new."""
    if room not in groups and (await account.room(room)).type == "group":
        groups.add(room)
    return room in groups


async def hear(chat: ChatSession, account: Account, message: Message, *, in_group: bool) -> None:
    """Read a message, and answer it if it is for us: once, since the answer's client_id is made of its id."""
    called = f"@{account.username}"
    if not in_group or called in message.content:
        text = answer(message.content.replace(called, "").strip(), account.username)
        reply_to = message.seq if in_group else None
        await chat.send(message.room, text, reply_to=reply_to, client_id=f"answer-{message.id}")
    await chat.notify("chat.read", room=message.room, seq=message.seq)


def answer(said: str, name: str) -> str:
    """What to say to that."""
    match said.lower().rstrip("?!. "):
        case "" | "help" | "hello" | "hi":
            return HELP.format(name=name)
        case "time":
            return f"It is {datetime.now(UTC):%H:%M} UTC."
        case "dice":
            return f"You rolled a {secrets.randbelow(6) + 1}."
        case _:
            return f"You said: {said[:3900]}"
