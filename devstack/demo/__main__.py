"""`python -m devstack.demo [URL] [--without-bot]`: people, rooms and a bot, on a platform that runs already."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys

from devstack.console import complain, say
from devstack.demo import bot, scenery
from devstack.demo.story import BOT, PASSWORD, PEOPLE
from parley_client import Parley
from parley_client.errors import ApiError, NoAnswer, ParleyError

NEXT = """\
Open {url} and sign in as

    ada, grace or alan        password: {password}

One of them here, another one in a private window or another browser, and they can talk."""
BOT_RUNS = "{bot} answers whoever writes to it, until Ctrl-C; the people and rooms stay."


async def run(url: str, *, with_bot: bool) -> None:
    """Build everything, say what to do next, and be the bot until SIGINT or SIGTERM."""
    async with Parley(url) as parley:
        people = await scenery.build(parley)
        say(NEXT.format(url=url, password=PASSWORD))
        if not with_bot:
            return
        say(BOT_RUNS.format(bot=PEOPLE[BOT][0]))
        task = asyncio.create_task(bot.run(people[BOT]))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task


def main() -> int:
    """Returns the exit code: 1 if there is no platform, or one of the people cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m devstack.demo", description=__doc__)
    parser.add_argument("url", nargs="?", default=f"http://127.0.0.1:{os.environ.get('PORT') or 8000}")
    parser.add_argument("--without-bot", action="store_true", help="leave when people and rooms are there")
    asked = parser.parse_args()
    url = asked.url.rstrip("/")
    try:
        asyncio.run(run(url, with_bot=not asked.without_bot))
    except NoAnswer:
        complain(f"Nothing answers at {url}. Start the platform first: make run, in another terminal.")
    except ApiError as error:
        complain(f"The platform refused: {error.detail}")
    except ParleyError as error:
        complain(str(error))
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
