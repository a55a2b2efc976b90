"""The services of the chart as containers beside engines from wheels."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from devstack.engines import Engines
from devstack.ports import Ports

from ..render import Object, render
from ..schema import SERVICES
from ..tools import tools
from .containers import CheckFailed, Limits, Storage, output

START_SECONDS = 60.0
DATABASE = "DATABASE_URL"


class Pod(msgspec.Struct, frozen=True):
    """A service as the chart would run it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    limits: Limits
    grace_seconds: int
    pre_stop: list[str]
    has_database: bool
    files: dict[str, str]  # where, by variable


def pods_of(objects: list[Object]) -> list[Pod]:
    """The services in a render."""
    data = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    found = []
    for one in objects:
        if one["kind"] == "Deployment":
            spec = one["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            plain = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
            security = spec["securityContext"]
            found.append(
                Pod(
                    container["name"],
                    container["command"],
                    data[one["metadata"]["name"]] | plain,
                    Limits(container["resources"]["limits"]["memory"], security["runAsUser"], security["runAsGroup"]),
                    spec["terminationGracePeriodSeconds"],
                    container["lifecycle"]["preStop"]["exec"]["command"],
                    DATABASE in [entry["name"] for entry in container["env"]],
                    {name: value for name, value in plain.items() if name.endswith("_FILE")},
                )
            )
    return found


class Platform:
    """The containers, started one after the other in the order in which they need each other.

    Arguments:
        storage: where the image is.
        engines: PostgreSQL, Valkey and the broker, on the loopback interface.
        folder: for the signing keys.
    """

    def __init__(self, storage: Storage, engines: Engines, folder: Path) -> None:
        self._storage = storage
        self._engines = engines
        self._folder = folder
        ports = Ports()
        values = {"notifications": {"enabled": True}, "kafka": {"url": "kafka://kafka:9092"}}
        self.pods = {pod.name: pod for pod in pods_of(render(tools(), values))}
        self._ports = {name: ports.choose() for name in self.pods}
        self._ops_ports = {name: ports.choose() for name in self.pods}

    @property
    def url(self) -> str:
        """The gateway's."""
        return f"http://127.0.0.1:{self._ports['gateway']}"

    def _environment(self, pod: Pod, database: str | None) -> dict[str, str]:
        """The chart's settings, with the addresses of this machine for those of a cluster."""
        address = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        changed = {
            "HOST": "127.0.0.1",
            "PORT": str(self._ports[pod.name]),
            "OPS_PORT": str(self._ops_ports[pod.name]),
            "POD_NAME": pod.name,
            "REDIS_URL": self._engines.redis_url,
            "KAFKA_URL": self._engines.kafka_url,
            "AUTH_URL": address["auth"],
            "PROFILE_URL": address["profile"],
            "CHAT_URL": address["chat"],
            "CHAT_URLS": address["chat"],
            "CHAT_SERVICE": f"127.0.0.1:{self._ports['chat']}",
            "FCM_URL": "http://127.0.0.1:1",
            "TRUSTED_PROXIES": "127.0.0.0/8",
        }
        leave_out = "CHAT_URLS" if pod.name == "gateway" else "CHAT_SERVICE"  # it takes one of them
        wanted = {name: value for name, value in changed.items() if name != leave_out}
        return pod.environment | wanted | ({DATABASE: database} if database else {})

    async def start(self, databases: Mapping[str, str]) -> dict[str, float]:
        """Migrate, make keys, start everything; how many seconds each took until it was ready.

        Arguments:
            databases: the owner's URL of each.
        """
        small = Limits("192Mi")
        migrate = ["python", "-m", "chassis.migrations"]
        for name, url in databases.items():
            environment = {DATABASE: url}
            await self._storage.run(*migrate, SERVICES[name], "--wait", "30", limits=small, environment=environment)
        await self._make_files(small)
        took = {}
        for pod in sorted(self.pods.values(), key=lambda one: (one.name != "auth", one.name == "gateway")):
            mounts = {self._folder / name: path for name, path in pod.files.items()}
            began = time.monotonic()
            environment = self._environment(pod, databases.get(pod.name))
            await self._storage.start(pod.name, pod.command, pod.limits, environment, mounts)
            await self._until_ready(pod.name)
            took[pod.name] = time.monotonic() - began
        return took

    async def _make_files(self, limits: Limits) -> None:
        """What Secrets hold as files, by the names of the variables that say where they are."""
        keys = self._folder / "SIGNING_KEYS_FILE"
        keys.write_text(await self._storage.run("python", "-m", "auth_service.keys", "print", limits=limits))
        account = self._folder / "FCM_CREDENTIALS_FILE"
        await output(sys.executable, "-m", "devstack.fcm", "create", str(account))
        for file in (keys, account):
            file.chmod(0o440)  # as a mounted Secret: of root, and of the pod's group
            os.chown(file, 0, limits.group)

    async def _until_ready(self, name: str) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            try:
                if (await self.ask(name, "/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
        raise CheckFailed(f"{name} did not become ready:\n{(await self._storage.logs(name))[-2000:]}")

    async def ask(self, name: str, path: str) -> httpx.Response:
        """GET at the ops port of a service."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            return await client.get(f"http://127.0.0.1:{self._ops_ports[name]}{path}")

    async def resident_mib(self, name: str) -> float:
        """Memory of a service."""
        text = (await self.ask(name, "/metrics")).text
        line = next(line for line in text.splitlines() if line.startswith("process_resident_memory_bytes "))
        return float(line.split()[1]) / 2**20

    async def probe(self, name: str) -> Any:
        """What a process says of its own confinement, asked from inside.

        Returns:
            uid, whether something can be written, effective capabilities, no_new_privs.
        """
        program = (
            "import json, os\n"
            "status = dict(line.split(':', 1) for line in open('/proc/1/status').read().splitlines())\n"
            "def writable(path):\n"
            "    try: open(path, 'w').close(); os.unlink(path); return True\n"
            "    except OSError: return False\n"
            "print(json.dumps({'uid': status['Uid'].split()[0], 'caps': status['CapEff'].strip(),"
            " 'no_new_privs': status['NoNewPrivs'].strip(),"
            " 'writable': [p for p in ('/x', '/tmp/x', '/opt/parley/x', '/etc/x') if writable(p)]}))"
        )
        return msgspec.json.decode(await self._storage.execute(name, "python", "-c", program))
