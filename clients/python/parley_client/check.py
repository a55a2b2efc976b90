"""Does a message go through? Two people register, one sends, the other receives it; their accounts are removed again.

    python -m parley_client.check URL [SECONDS]

Exit code 0 and a line that says how long it took, or 1 and a line that says what did not work.
"""

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from uuid import uuid4

from .api import Account, Parley
from .errors import ApiError, NoAnswer, ParleyError
from .patience import Patience

SECONDS = 60.0
_USAGE = "usage: python -m parley_client.check URL [SECONDS]"


class CheckFailed(Exception):
    """It answered, but not as it should; `str()` says what."""


@contextlib.asynccontextmanager
async def newcomer(parley: Parley, seconds: float) -> AsyncIterator[Account]:
    """An account for as long as the block, where the platform lets accounts be removed.

    Arguments:
        seconds: to go on trying while the platform does not answer.

    Raises:
        ApiError, NoAnswer: it cannot be made.
    """
    name, password = f"check-{uuid4().hex[:12]}", secrets.token_urlsafe(24)
    trying = Patience(seconds)
    while True:
        try:
            account = await parley.register(name, password)
            break
        except (ApiError, NoAnswer) as error:
            await trying.after(error)
    try:
        yield account
    finally:
        with contextlib.suppress(ParleyError):
            await account.request("DELETE", "/auth/me", {"password": password})


async def check(url: str, seconds: float = SECONDS) -> float:
    """Send one message through the platform at `url`; how many seconds it took from the send to the receipt.

    Raises:
        CheckFailed: a message was stored or received that is not the one sent.
        ParleyError: something was refused, or nobody answered.
        TimeoutError: it took longer than `seconds` altogether.
    """
    async with (
        asyncio.timeout(seconds),
        Parley(url) as parley,
        newcomer(parley, seconds) as alice,
        newcomer(parley, seconds) as bob,
    ):
        room = await alice.direct(bob.username)
        text = f"Does it go through? {uuid4()}"
        async with bob.connect() as listening, alice.connect() as speaking:
            began = time.monotonic()
            ack = await speaking.send(room.id, text)
            message = await anext(listening.messages())
            took = time.monotonic() - began
        if (message.id, message.seq, message.content) != (ack.id, ack.seq, text):
            raise CheckFailed(f"received another message than the one sent: {message}")
        stored = [message async for message in alice.all_history(room.id)]
        if [message.id for message in stored] != [ack.id]:
            raise CheckFailed(f"the history has {len(stored)} messages, not the one sent")
    return took


def main(arguments: list[str]) -> int:
    """The command; returns the exit code."""
    try:
        url, seconds = arguments[0], float(arguments[1]) if len(arguments) > 1 else SECONDS
    except (IndexError, ValueError):
        print(_USAGE, file=sys.stderr)  # noqa: T201
        return 2
    signal.signal(signal.SIGTERM, _terminated)  # the first process of a container would ignore it
    try:
        took = asyncio.run(check(url, seconds))
    except (CheckFailed, ParleyError, TimeoutError) as error:
        print(f"no message goes through {url}: {error or f'not within {seconds:g} s'}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"a message goes through {url}: sent, stored and received in {took * 1000:.0f} ms")  # noqa: T201
    return 0


def _terminated(*_: object) -> None:
    """End as with any error: the accounts are removed again."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
