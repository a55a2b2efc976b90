"""A service as a process: its exit code, its signals, and what the operator reads."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import dial, free_ports, get, until

PROGRAM = Path(__file__).with_name("fake_service.py")
ROOT = PROGRAM.parents[3]


class Process:
    """A running fake service."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.process = process

    async def said(self, line: str) -> None:
        """Wait for a line on stdout."""
        assert self.process.stdout is not None
        async with asyncio.timeout(10):
            while (got := (await self.process.stdout.readline()).decode().strip()) != line:
                assert got, f"ended without {line!r}"

    async def ready(self) -> None:
        """Wait until `/readyz` is 200."""

        async def answers() -> bool:
            try:
                return (await self.ask("/readyz"))[0] == 200
            except OSError:
                return False

        await until(answers, "readiness")

    async def ask(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """GET."""
        async with dial(self.port) as client:
            client.send(get(path))
            return await client.response()

    async def end(self) -> tuple[int | None, str, list[dict[str, Any]]]:
        """Wait for its end: exit code, the rest of stdout, and its log, of which every line must be JSON."""
        async with asyncio.timeout(15):
            out, errors = await self.process.communicate()
        return self.process.returncode, out.decode(), [json.loads(line) for line in errors.decode().splitlines()]


Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(BEHAVE="well", ...)`."""
    processes: list[asyncio.subprocess.Process] = []

    async def run(**environment: str) -> Process:
        (port,) = free_ports(1)
        inherited = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        ours = {"HOST": "127.0.0.1", "PORT": str(port), "PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            env={**inherited, **ours, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        return Process(port, process)

    yield run
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_bad_settings_are_one_line_each(start: Start) -> None:
    service = await start(DATABASE_URL="secret", PORT="http", LOG_LEVEL="loud", DRAIN_SECONDS="-1")
    async with asyncio.timeout(10):
        out, errors = await service.process.communicate()
    lines = errors.decode().splitlines()
    assert (service.process.returncode, out) == (2, b"")
    assert sorted(line.split(":")[1].strip() for line in lines) == [
        "DATABASE_URL",
        "DRAIN_SECONDS",
        "LOG_LEVEL",
        "PORT",
    ]
    assert all(line.startswith("settings: ") for line in lines)
    assert b"secret" not in errors


async def test_a_taken_port_is_one_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = await start(PORT=str(port))
        code, _, log = await service.end()
    assert code == 1
    (entry,) = [entry for entry in log if entry["level"] == "critical"]
    assert (entry["message"], entry["reason"]) == (
        "cannot run",
        f"cannot listen on 127.0.0.1:{port}: Address already in use",
    )
    assert "exception" not in entry


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        ("fatal", "the database is at schema 1, not 2: migrate first"),
        ("fatal at once", "two settings contradict each other"),
    ],
)
async def test_what_makes_a_start_impossible_is_one_sentence(start: Start, behave: str, reason: str) -> None:
    code, out, log = await (await start(BEHAVE=behave)).end()
    assert code == 1
    assert [entry["reason"] for entry in log if entry["level"] == "critical"] == [reason]
    assert not [entry for entry in log if "exception" in entry]
    assert ("stopped" in out) == (behave == "fatal")  # what was touched is stopped


async def test_a_bug_at_the_start_is_one_line_with_its_traceback(start: Start) -> None:
    code, _, log = await (await start(BEHAVE="bug")).end()
    (entry,) = [entry for entry in log if entry["level"] == "critical"]
    assert code == 1
    assert entry["exception"].endswith("RuntimeError: something that\nnobody thought of")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends_well(start: Start, number: int) -> None:
    service = await start(DRAIN_SECONDS="7")
    await service.ready()
    assert (await service.ask("/"))[2] == b'{"hello":"world"}'
    service.process.send_signal(number)
    code, out, log = await service.end()
    assert code == 0, log
    assert out.splitlines() == ["started", "draining within 7 s", "drained", "stopped"]
    messages = [entry["message"] for entry in log]
    assert [message for message in messages if message in ("ready", "draining", "stopped")] == [
        "ready",
        "draining",
        "stopped",
    ]
    assert not [entry for entry in log if entry["level"] not in ("info", "debug")]


async def test_while_it_drains_it_is_not_ready_and_still_answers(start: Start) -> None:
    service = await start(BEHAVE="drain slowly", DRAIN_SECONDS="30")
    await service.ready()
    service.process.send_signal(signal.SIGTERM)
    await service.said("draining within 30 s")
    status, _, body = await service.ask("/readyz")
    assert (status, json.loads(body)["reasons"]) == (503, {"phase": "draining"})
    assert (await service.ask("/livez"))[0] == 200
    assert (await service.ask("/"))[0] == 200
    service.process.send_signal(signal.SIGTERM)


async def test_while_it_drains_every_answer_closes_its_connection(start: Start) -> None:
    service = await start(BEHAVE="drain slowly", DRAIN_SECONDS="30")
    await service.ready()
    async with dial(service.port) as kept:
        kept.send(get("/"))
        status, headers, _ = await kept.response()
        assert (status, headers.get("connection"), headers.get("x-parley-state")) == (200, None, None)
        service.process.send_signal(signal.SIGTERM)
        await service.said("draining within 30 s")
        kept.send(get("/"))
        status, headers, body = await kept.response()
        assert (status, headers["connection"], body) == (200, "close", b'{"hello":"world"}')
        assert headers["x-parley-state"] == "leaving"
        assert await kept.rest() == b""
    service.process.send_signal(signal.SIGTERM)


async def test_a_second_signal_hurries(start: Start) -> None:
    service = await start(BEHAVE="drain slowly", DRAIN_SECONDS="30")
    await service.ready()
    service.process.send_signal(signal.SIGTERM)
    await service.said("draining within 30 s")
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    code, out, _ = await service.end()
    assert (code, time.monotonic() - began < 5) == (0, True)
    assert out.splitlines() == ["stopped"]


async def test_a_signal_while_it_starts_ends_at_once(start: Start) -> None:
    service = await start(BEHAVE="start slowly", DRAIN_PAUSE_SECONDS="30", DRAIN_SECONDS="30")
    await service.said("starting")
    status, headers, _ = await service.ask("/")
    assert (status, headers["retry-after"]) == (503, "2")
    assert (await service.ask("/readyz"))[0] == 503
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    code, out, _ = await service.end()
    assert (code, time.monotonic() - began < 5) == (0, True)
    assert out.splitlines() == ["stopped"]


async def test_a_part_that_does_not_stop_is_left_behind(start: Start) -> None:
    service = await start(BEHAVE="stop badly", STOP_SECONDS="0.2")
    await service.ready()
    service.process.send_signal(signal.SIGTERM)
    code, _, log = await service.end()
    assert code == 0
    assert [entry["component"] for entry in log if entry["message"] == "did not stop in time"] == ["part"]


async def test_connections_do_not_hold_it(start: Start) -> None:
    service = await start()
    await service.ready()
    async with dial(service.port) as idle, dial(service.port) as half:
        idle.send(get("/"))
        await idle.response()
        half.send(b"GET / HTTP/1.1\r\n")
        service.process.send_signal(signal.SIGTERM)
        assert (await service.end())[0] == 0


async def test_the_text_form_is_for_people(start: Start) -> None:
    service = await start(LOG_FORMAT="text")
    await service.ready()
    service.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        _, errors = await service.process.communicate()
    assert " INFO    chassis.service ready port=" in errors.decode()
    assert not errors.startswith(b"{")
