"""`python -m devstack.fcm create FILE` makes a service account; with `serve FILE` it is served on PORT."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from devstack.fcm.accounts import Accounts, ServiceAccount, create
from devstack.fcm.listener import Listener
from devstack.fcm.server import Standin
from devstack.ports import LOOPBACK


async def serve(file: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT, on the loopback interface only."""
    standin = Standin(Accounts(msgspec.json.decode(file.read_bytes(), type=ServiceAccount)))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    listener = Listener(standin.handle)
    await listener.open(LOOPBACK, port)
    await ended.wait()
    await listener.close()


def main(arguments: list[str]) -> int:
    """Do what is asked for."""
    if len(arguments) != 2 or arguments[0] not in ("create", "serve"):
        print("usage: python -m devstack.fcm create|serve FILE", file=sys.stderr)
        return 2
    file = Path(arguments[1])
    if arguments[0] == "create":
        create(file)
    else:
        asyncio.run(serve(file, int(os.environ["PORT"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
