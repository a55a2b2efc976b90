"""A real Redis Cluster of three masters, from the same binary as `make run`."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from devstack.binaries import valkey_server
from devstack.environment import for_engines
from devstack.ports import LOOPBACK, Ports
from devstack.process import Process, Spec
from tests.support.chat import until

SLOTS = 16384


class Cluster:
    """The running cluster."""

    def __init__(self, ports: list[int], processes: list[Process]) -> None:
        self.ports = ports
        self.processes = processes
        self.url = f"redis://{LOOPBACK}:{ports[0]}/0"

    def client(self, index: int) -> Any:
        """A client of one node."""
        return Redis(host=LOOPBACK, port=self.ports[index])

    async def move_slot(self, slot: int, to: int) -> None:
        """Give a slot that holds no keys to another node."""
        async with self.client(to) as target:
            node_id = (await target.execute_command("CLUSTER", "MYID")).decode()
        for index in (to, *(i for i in range(len(self.ports)) if i != to)):
            async with self.client(index) as node:
                await node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", node_id)


@asynccontextmanager
async def running_cluster() -> AsyncIterator[Cluster]:
    """Three masters on free ports, in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="parley-cluster-"))
    chooser = Ports()
    ports = [chooser.choose() for _ in range(3)]
    processes = []
    try:
        for port in ports:
            home = folder / str(port)
            home.mkdir()
            options = {"port": port, "bind": LOOPBACK, "dir": home, "cluster-enabled": "yes", "save": "''"}
            options |= {"cluster-port": chooser.choose(), "appendonly": "no", "cluster-node-timeout": "2000"}
            command = (
                str(valkey_server()),
                *(word for name, value in options.items() for word in (f"--{name}", str(value))),
            )
            log = folder / f"{port}.log"
            processes.append(
                Process(Spec(name=f"valkey-{port}", command=command, log=log, environment=for_engines(), folder=home))
            )
        cluster = Cluster(ports, processes)
        await until(lambda: _all_answer(cluster), "the nodes")
        async with cluster.client(0) as first:
            for index, (port, process) in enumerate(zip(ports, processes, strict=True)):
                async with cluster.client(index) as node:
                    share = SLOTS // 3
                    last = SLOTS - 1 if index == 2 else (index + 1) * share - 1
                    await node.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
                if index:
                    bus = int(_option(process, "--cluster-port"))
                    await first.execute_command("CLUSTER", "MEET", LOOPBACK, port, bus)
        await until(lambda: _is_formed(cluster), "the cluster")
        yield cluster
    finally:
        await asyncio.gather(*(process.stop() for process in processes))
        shutil.rmtree(folder)


def _option(process: Process, name: str) -> str:
    command = process.spec.command
    return command[command.index(name) + 1]


async def _all_answer(cluster: Cluster) -> bool:
    for index in range(len(cluster.ports)):
        try:
            async with cluster.client(index) as node:
                await node.execute_command("PING")
        except (OSError, RedisError):
            return False
    return True


async def _is_formed(cluster: Cluster) -> bool:
    """Whether every node knows who serves every slot."""
    for index in range(len(cluster.ports)):
        async with cluster.client(index) as node:
            served = sum(end - start + 1 for start, end, *_ in await node.execute_command("CLUSTER", "SLOTS"))
            info = str(await node.execute_command("CLUSTER", "INFO"))
            if served != SLOTS or "fail" in info.split("cluster_state")[1][:12]:
                return False
    return True
