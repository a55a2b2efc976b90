"""The whole platform, as `make run` starts it, to be measured."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from devstack.background import Background
from devstack.settings import Settings

from .machine import Cores, check, describe
from .results import Skipped


def measure_platform(name: str, measure: Callable[[Background], Awaitable[None]], **settings: str) -> int:
    """Run it without rate limits in a folder that goes, and measure. Returns the exit code.

    Arguments:
        name: of the folder.
        measure: measures and prints.
        settings: what services are told beyond that, by the names of environment variables.
    """
    try:
        check()
    except Skipped as reason:
        print(f"nothing is measured: {reason}")
        return 0
    print(describe(Cores()))

    async def measured(stack: Background) -> None:
        await measure(stack)

    with tempfile.TemporaryDirectory(prefix=f"parley-{name}-") as folder:
        environment = {**os.environ, "RATE_LIMITS": "off", **settings}
        with Background(Settings(port=0, data_dir=Path(folder)), environment=environment) as stack:
            asyncio.run(measured(stack))
    return 0
