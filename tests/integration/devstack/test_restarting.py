"""What dies is started again, on the same port, and said in one line."""

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .conftest import Running

Start: TypeAlias = "Callable[..., Running]"


def test_whatever_is_killed_is_started_again_on_its_port_and_said_in_one_line(start: Start) -> None:
    running = start().ready()
    urls = {line.split()[0]: line.split()[1] for line in running.lines if "://" in line and "ready" not in line}
    records = {record.name: record for record in running.records()}
    for name in ("postgres", "valkey", "kafka", "inner", "gateway"):
        os.kill(records[name].pid, signal.SIGKILL)
        said = running.line(f"{name} was ended by SIGKILL")
        log = running.folder / "logs" / f"{name}.log"
        assert said == f"{name} was ended by SIGKILL; it is started again in 0.2 s (log: {log})"
        assert running.line(urls[name]).split()[0] == name
    again = {record.name: record for record in running.records()}
    assert again.keys() == records.keys()
    assert all(again[name].pid != records[name].pid for name in records)
    assert running.get()["environment"]["PORT"] == str(running.port)
    running.signal(signal.SIGTERM)
    assert running.end() == 0
    assert not running.left([*records.values(), *again.values()])


def test_services_are_not_restarted_with_the_engine_they_use(start: Start) -> None:
    running = start().ready()
    before = running.inner()["pid"]
    (record,) = (record for record in running.records() if record.name == "postgres")
    os.kill(record.pid, signal.SIGKILL)
    running.line("postgres was ended by SIGKILL")
    running.line("postgresql://")
    assert running.inner()["pid"] == before
