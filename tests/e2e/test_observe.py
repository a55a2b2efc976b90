"""A person sees how the platform does: on the page of the figures, and in a Prometheus with our alerts."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.background import Background
from devstack.figures.reading import FIGURES
from devstack.figures.server import Figures
from devstack.observe import RULES, command, write_targets
from devstack.ports import Ports
from tests.e2e.people import Person

PATIENCE_SECONDS = 30


async def until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as that is something."""
    async with asyncio.timeout(PATIENCE_SECONDS):  # a scrape begins after as long as its interval
        while not (found := await look()):
            await asyncio.sleep(0.1)
    return found


async def test_the_page_of_the_figures_moves_with_what_people_do(
    stack: Background, client: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    room = await alice.direct(bob)
    async with Figures(list(stack.metrics_urls.values()), every_seconds=0.1) as figures, bob.connected():

        async def shows_messages() -> bool:
            await alice.say(room, "hello")
            text = (await client.get(figures.url)).text
            assert text.count("<svg") == len(FIGURES)
            told = text.partition("messages stored</dt><dd><b>")[2].partition(" ")[0]
            return told not in ("", "0", "…")

        await until(shows_messages)
        assert (await client.get(figures.url, headers={"Host": "evil.example.org"})).status_code == 404
        assert (await client.get(f"{figures.url}/elsewhere")).status_code == 404


async def test_prometheus_reads_all_services_and_knows_our_alerts(
    stack: Background, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not here (Debian: prometheus)")
    write_targets(tmp_path, stack.metrics_urls)
    port = Ports().choose()
    process = await asyncio.create_subprocess_exec(
        *command(program, tmp_path, port), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    api = f"http://127.0.0.1:{port}/api/v1"

    wanted = {"auth", "chat-1", "chat-2", "gateway", "notifications", "profile"}

    async def ups() -> Any:
        try:
            answer = await client.get(f"{api}/query", params={"query": 'up{namespace="parley"} == 1'})
        except httpx.TransportError:
            return None
        if answer.status_code == 503:  # it reads what it has kept
            return None
        return wanted <= {one["metric"]["pod"] for one in answer.json()["data"]["result"]}

    try:
        await until(ups)
        groups = (await client.get(f"{api}/rules")).json()["data"]["groups"]
        assert sum(len(group["rules"]) for group in groups) == RULES.read_text().count("- alert: ")
    finally:
        process.terminate()
        await process.wait()
