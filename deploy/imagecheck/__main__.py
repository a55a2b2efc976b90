"""`python -m deploy.imagecheck`: build twice, run every service as the chart says, send a message, drain each.

Exit code 0 when all is well, or when a program is missing that Debian has (it says which); 1 with the reason otherwise.
"""

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import httpx
import websockets

from devstack import web
from devstack.engines import Engines
from devstack.installers import NotInstalled
from parley_client import Parley

from .containers import CheckFailed, Limits, NotHere, Storage, missing
from .platform import Platform

GOING_AWAY = 1012
CONFINED = {"uid": "10001", "caps": "0000000000000000", "no_new_privs": "1", "writable": []}


def say(text: str) -> None:
    """A line for the person."""
    print(text, flush=True)  # noqa: T201


def expect(condition: object, what: str) -> None:
    """Raises CheckFailed when it is not so."""
    if not condition:
        raise CheckFailed(what)


async def build(storage: Storage) -> None:
    """Build twice, and compare; with the web client where it can be had."""
    try:
        say(web.build())
    except NotInstalled as error:
        say(f"the image is without the web client: {error}")
    say("making a base of Debian's packages ...")
    await storage.make_base()
    say("building twice ...")
    first = await storage.build()
    again = await storage.build()
    expect(first == again, f"the same sources made two images: {first}, {again}")
    size, added = await storage.size()
    say(
        f"image            {first[:19]}, built twice alike; {size / 1e6:.0f} MB, of which {added / 1e6:.0f} MB are ours"
    )
    for name, value in {
        "version": storage.source.version,
        "revision": storage.source.revision,
        "title": "Parley",
    }.items():
        expect(await storage.label(name) == value, f"the label {name} is not {value}")


async def drain(platform: Platform, storage: Storage, name: str) -> None:
    """PreStop, then SIGTERM: exit code 0 within the grace period that the chart gives."""
    pod = platform.pods[name]
    await storage.execute(name, *pod.pre_stop)
    code, seconds = await storage.terminate(name, pod.grace_seconds)
    said = await storage.logs(name)
    expect(code == 0, f"{name} ended with {code}:\n{said[-2000:]}")
    expect('"message":"stopped"' in said.replace(": ", ":"), f"{name} did not say that it stopped:\n{said[-1000:]}")
    expect("Traceback" not in said, f"{name} has had an error:\n{said[-3000:]}")
    say(f"{name:<16} SIGTERM: exit code 0 after {seconds:.1f} s of {pod.grace_seconds}")


async def run(platform: Platform, storage: Storage, databases: dict[str, str]) -> None:
    """Start everything, send a message, and drain everything with a socket open."""
    took = await platform.start(databases)
    for name, seconds in took.items():
        inside = await platform.probe(name)
        expect(inside == CONFINED, f"{name} is not confined: {inside}")
        for path in ("/livez", "/metrics"):
            expect((await platform.ask(name, path)).status_code == 200, f"{name} does not answer {path}")
        memory = await platform.resident_mib(name)
        limit = platform.pods[name].limits.memory
        say(f"{name:<16} ready after {seconds:.1f} s, {memory:.0f} MiB of {limit}; read-only, uid 10001, no rights")
    said = await storage.run(
        "python", "-m", "parley_client.check", platform.url, "30", limits=Limits("128Mi"), seconds=60
    )
    say(f"message          {said.strip()}")
    if web.built() is not None:
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(f"{platform.url}/")
        expect(page.status_code == 200 and "<script" in page.text, f"the web client is not served: {page.status_code}")
        say("web client       served by the gateway")
    async with Parley(platform.url) as parley:
        alice = await parley.register("alice", "correct horse battery")
        address = f"{platform.url.replace('http', 'ws', 1)}/ws?ticket={await alice.ticket()}"
        async with websockets.connect(address) as socket:
            await socket.recv()
            closing = asyncio.create_task(_until_closed(socket))
            await drain(platform, storage, "chat")
            code = await asyncio.wait_for(closing, 5)
        expect(code == GOING_AWAY, f"the socket was closed with {code}, not {GOING_AWAY}")
        say(f"socket           told to go elsewhere, closed with {code}")
    await asyncio.gather(*(drain(platform, storage, name) for name in platform.pods if name != "chat"))


async def _until_closed(socket: websockets.ClientConnection) -> int | None:
    with contextlib.suppress(websockets.ConnectionClosed):
        async for _ in socket:
            pass
    return socket.close_code


async def check(folder: Path) -> None:
    """All of it, with files in `folder`.

    Raises:
        CheckFailed: something is not as it should be.
    """
    storage = Storage(folder)
    try:
        await build(storage)
        async with Engines.start(folder / "engines", kafka=True, durable=False) as engines:
            platform = Platform(storage, engines, folder)
            names = [name for name, pod in platform.pods.items() if pod.has_database]
            databases = {name: await engines.create_database(name) for name in names}
            try:
                await run(platform, storage, databases)
            finally:
                await storage.close()
    except BaseException:
        await storage.close()
        raise


def main(words: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.imagecheck", description="Build the image and run it.")
    parser.parse_args(words)
    if absent := missing():
        say(f"The image is not checked: {', '.join(absent)} not here (Debian's packages of the same names).")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="parley-image-"))
    folder.chmod(0o755)
    try:
        asyncio.run(check(folder))
    except NotHere as error:
        say(f"The image is not checked: {error}")
    except CheckFailed as error:
        print(f"image check: {error}", file=sys.stderr)  # noqa: T201
        return 1
    else:
        say("image check: all is well")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
