"""`python -m devstack`: start the platform, say so, stop it on a signal."""

import asyncio
import os
import signal
from collections.abc import Mapping

import msgspec

from devstack.console import complain, say
from devstack.errors import DevstackError, ProcessError
from devstack.figures.server import Figures
from devstack.services import PARLEY, Platform
from devstack.settings import Settings, load
from devstack.stack import Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(environment: Mapping[str, str] = os.environ, platform: Platform = PARLEY, *, durable: bool = True) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; a second one hurries.

    Arguments:
        environment: what the person set.
        platform: what is started beside the engines.
        durable: False for tests: a power cut may take everything, and no disk is waited for.

    Returns:
        the exit code: 0 after a stop that was asked for, 1 if the platform did not start.
    """
    try:
        settings = msgspec.structs.replace(load(environment), durable=durable)
        return asyncio.run(_run(settings, platform, environment))
    except DevstackError as error:
        if isinstance(error, ProcessError) and error.tail:
            complain("\n".join(f"    {line}" for line in error.tail.splitlines()))
        complain(str(error))
        return 1
    except OSError as error:  # a full disk, too many open files
        complain(f"The platform cannot run: {error}.")
        return 1


async def _run(settings: Settings, platform: Platform, environment: Mapping[str, str]) -> int:
    stack = Stack(settings, platform, say=say, environment=environment)
    asked = asyncio.Event()

    def hear() -> None:
        if asked.is_set():
            stack.hurry()
        else:
            asked.set()
            say("Stopping (once more to hurry).")

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, hear)
    say(f"Starting in {settings.data_dir} (logs in {settings.data_dir / 'logs'}, Ctrl-C stops everything).")
    opening = asyncio.create_task(stack.open())
    asking = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({opening, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            await asyncio.wait({opening})
        elif not asked.is_set():
            opening.result()
            async with Figures(list(stack.metrics_urls.values())) as figures:
                say(f"{'figures':<16} {figures.url}")
                say(f"ready: {stack.gateway_url}")
                await asking
        if not opening.cancelled():
            opening.exception()
    finally:
        asking.cancel()
        await stack.close()
        # All is stopped: one more Ctrl-C, while the loop gives its handlers back, must not change the exit code.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    say("Stopped.")
    return 0
