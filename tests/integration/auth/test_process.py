"""The service as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from .conftest import PASSWORD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        started = subprocess.Popen(
            [sys.executable, "-m", "auth_service"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            stderr=stream,
        )
        try:
            yield started
        finally:
            started.kill()
            started.wait()


def test_it_serves_and_ends_with_0(tmp_path: Path, database_url: str, redis_url: str, keys_file: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SIGNING_KEYS_FILE": str(keys_file),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DRAIN_PAUSE_SECONDS": "0.1",
    }
    with process(log, **environment) as running, httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
        deadline = time.monotonic() + 20
        while True:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                if api.get("/readyz").status_code == 200:
                    break
            except httpx.ConnectError:
                time.sleep(0.02)
        body = {"username": "As-a-process", "password": PASSWORD, "fcm_token": "a-device-token"}
        reply = api.post("/register", json=body)
        assert reply.status_code == 201
        token, refresh = reply.json()["access_token"], reply.json()["refresh_token"]
        me = api.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["username"] == "As-a-process"
        assert api.post("/auth/refresh", json={"refresh_token": refresh}).status_code == 200
        assert 'parley_auth_events_total{event="registered"} 1.0' in api.get("/metrics").text
        assert "parley_auth_hash_seconds_count 2.0" in api.get("/metrics").text  # nobody's, and this one
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["message"] == "stopped"
    assert {"registered"} <= {line.get("event") for line in lines}
    for secret in (PASSWORD, token, refresh):
        assert secret not in log.read_text()


def test_it_does_not_start_without_its_settings(tmp_path: Path) -> None:
    with process(tmp_path / "log") as running:
        assert running.wait(20) == 2
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["DATABASE_URL", "REDIS_URL", "SIGNING_KEYS_FILE"]


def test_it_does_not_start_without_its_keys(tmp_path: Path, database_url: str, redis_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SIGNING_KEYS_FILE": str(tmp_path / "absent")}
    with process(tmp_path / "log", HOST="127.0.0.1", PORT=str(free_port()), **environment) as running:
        assert running.wait(20) == 1
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert last["message"] == "cannot run"
    assert "cannot be read" in last["reason"]
