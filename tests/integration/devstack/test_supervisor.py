"""Processes: started, watched, ended in order. The processes are shells, so no engine is needed."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from devstack.environment import for_engines
from devstack.errors import DevstackError, ProcessError
from devstack.pids import born, command
from devstack.ports import LOOPBACK, Ports, is_free
from devstack.process import Process, Spec
from devstack.supervisor import Supervisor
from devstack.units import Unit


def shell(folder: Path, name: str, script: str, *, stage: int = 0, stop_seconds: float = 5, seconds: float = 5) -> Unit:
    """A unit that is a shell script, ready when it has made the file NAME.ready."""
    mark = folder / f"{name}.ready"

    async def ready() -> bool:
        return mark.exists()

    spec = Spec(
        name=name,
        command=("/bin/sh", "-c", script),
        log=folder / f"{name}.log",
        environment=for_engines(),
        folder=folder,
        stop_seconds=stop_seconds,
    )
    return Unit(spec=spec, url=f"test://{name}", ready=ready, stage=stage, start_seconds=seconds)


def noted(name: str) -> str:
    """A script that notes when it is told to end."""
    return f"trap 'echo {name} >> ended; exit 0' TERM; touch {name}.ready; while :; do sleep 0.02; done"


async def test_stages_end_from_the_highest_to_the_lowest(tmp_path: Path) -> None:
    supervisor = Supervisor()
    for name, stage in (("middle", 1), ("last", 0), ("first", 2)):
        await supervisor.start(shell(tmp_path, name, noted(name), stage=stage))
    await supervisor.stop()
    assert (tmp_path / "ended").read_text().split() == ["first", "middle", "last"]
    assert supervisor.pids == {}


async def test_what_never_gets_ready_is_said_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor()
    unit = shell(tmp_path, "slow", "echo waiting for something; while :; do sleep 0.02; done", seconds=0.3)
    with pytest.raises(ProcessError, match=r"slow was not ready after 0 seconds\.") as caught:
        await supervisor.start(unit)
    assert caught.value.tail == "waiting for something"
    await supervisor.stop()
    assert supervisor.pids == {}


async def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    supervisor = Supervisor()
    unit = Unit(
        spec=Spec(name="none", command=("/there/is/none",), log=tmp_path / "log", environment={}),
        url="test://none",
        ready=lambda: asyncio.sleep(0, result=False),
    )
    with pytest.raises(ProcessError, match="none did not start: it ended with exit code 127") as caught:
        await supervisor.start(unit)
    assert caught.value.tail == "/there/is/none could not be started (same): No such file or directory"


async def test_what_dies_again_and_again_is_tried_less_and_less_often(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, restarts=True)
    await supervisor.start(shell(tmp_path, "frail", "test -e dies && exit 7; touch frail.ready; sleep 60"))
    (tmp_path / "dies").touch()
    (tmp_path / "frail.ready").unlink()
    supervisor.kill("frail", signal.SIGTERM)
    while len(said) < 4:
        await asyncio.sleep(0.01)
    (tmp_path / "dies").unlink()
    pid = await supervisor.until_ready("frail")
    assert born(pid)
    await supervisor.stop()
    assert said[1].startswith("frail was ended by SIGTERM; it is started again in 0.2 s (log: ")
    assert "in 0.4 s" in said[2]
    assert "in 0.8 s" in said[3]
    assert all("exit code 7" in line for line in said[2:4])


async def test_a_restart_on_purpose_is_not_taken_for_a_death(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, restarts=True)
    await supervisor.start(shell(tmp_path, "well", noted("well")))
    before = supervisor.pids["well"]
    await supervisor.restart("well")
    assert supervisor.pids["well"] != before
    supervisor.kill("well")
    await supervisor.until_ready("well", other_than=supervisor.pids["well"])
    await supervisor.stop()
    assert [line for line in said if "started again" in line] == [
        f"well was ended by SIGKILL; it is started again in 0.2 s (log: {tmp_path / 'well.log'})"
    ]


async def test_who_is_never_ready_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.start(shell(tmp_path, "well", noted("well"), seconds=0.3))
    with pytest.raises(DevstackError, match="well was not ready"):
        await supervisor.until_ready("well", other_than=supervisor.pids["well"])
    await supervisor.stop()


async def test_who_ignores_the_request_is_killed_with_all_in_his_session(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    script = "trap '' TERM; sleep 60 & echo $! > child; touch deaf.ready; while :; do sleep 0.02; done"
    await supervisor.start(shell(tmp_path, "deaf", script, stop_seconds=0.2))
    child = int((tmp_path / "child").read_text())
    await supervisor.stop()
    while born(child):
        await asyncio.sleep(0.01)
    assert supervisor.pids == {}
    assert said[-1] == "deaf did not end within 0 s and was made to."


async def test_a_stopped_process_ends_politely_all_the_same(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.start(shell(tmp_path, "well", noted("well")))
    supervisor.kill("well", signal.SIGSTOP)
    await supervisor.stop()
    assert (tmp_path / "ended").read_text() == "well\n"


async def test_a_child_has_its_own_session_and_the_usual_signals(tmp_path: Path) -> None:
    process = Process(
        Spec(
            name="look",
            command=(sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"),
            log=tmp_path / "log",
            environment={},
        )
    )
    assert await process.wait(10) == 0
    assert (tmp_path / "log").read_text() == "True\n"
    pipe = Process(
        Spec(name="pipe", command=("/bin/sh", "-c", "kill -PIPE $$; echo alive"), log=tmp_path / "2", environment={})
    )
    assert await pipe.wait(10) == -signal.SIGPIPE  # Python's own ignorance of it is not handed on


def test_a_port_is_not_free_while_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_ports_are_free_and_different() -> None:
    ports = Ports()
    chosen = [ports.choose() for _ in range(50)]
    assert len(set(chosen)) == 50
    assert all(is_free(port) and 20_000 <= port <= 32_000 for port in chosen)


def test_the_command_line_of_a_process_is_known() -> None:
    assert "python" in command(os.getpid()) or "pytest" in command(os.getpid())
    assert command(9_999_999) == ""
    assert born(9_999_999) == ""
