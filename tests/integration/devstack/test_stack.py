"""The whole platform as other tests use it."""

import asyncio
import runpy
import signal
from pathlib import Path

import asyncpg
import msgspec
import pytest

from devstack.background import Background
from devstack.errors import DevstackError
from devstack.pids import born
from devstack.settings import Settings
from devstack.stack import Stack
from devstack.units import answers_ready

FAKE = runpy.run_path(str(Path(__file__).with_name("fake_platform.py")))["platform"]("well")


def settings(folder: Path) -> Settings:
    """A platform on a free port that keeps nothing through a power cut."""
    return Settings(port=0, data_dir=folder / "data", durable=False)


def port_of(url: str) -> int:
    """The port in a URL."""
    return int(url.rpartition(":")[2])


async def test_a_killed_service_comes_back_on_its_port(tmp_path: Path) -> None:
    async with Stack(settings(tmp_path), FAKE) as stack:
        assert set(stack.pids) == {"postgres", "valkey", "kafka", "inner", "gateway"}
        pid = stack.kill("inner")
        assert await stack.until_ready("inner", other_than=pid) == stack.pids["inner"]
        assert await answers_ready("127.0.0.1", port_of(stack.urls["inner"]))
        pids = stack.pids
    assert not any(born(pid) for pid in pids.values())


async def test_a_failed_start_ends_what_was_started_and_frees_the_folder(tmp_path: Path) -> None:
    broken = msgspec.structs.replace(FAKE, jobs=(), kafka=False)
    for _ in range(2):
        with pytest.raises(DevstackError, match="did not start: it ended with exit code"):
            async with Stack(settings(tmp_path), broken, environment={"PYTHONHOME": "/nowhere"}):
                pass
    async with Stack(settings(tmp_path), FAKE) as stack:
        assert len(stack.pids) == 5


def test_in_the_background_it_watches_while_no_loop_runs(tmp_path: Path) -> None:
    with Background(settings(tmp_path), FAKE) as stack:
        pid = stack.kill("inner", signal.SIGTERM)
        assert stack.until_ready("inner", other_than=pid) != pid
        stack.restart("valkey")

        async def ask() -> object:
            connection = await asyncpg.connect(stack.database_url("chat"))
            try:
                return await connection.fetchval("SELECT current_database()")
            finally:
                await connection.close()

        assert asyncio.run(ask()) == "chat"
        pids = stack.pids
        assert len(pids) == 5
    assert not any(born(pid) for pid in pids.values())
