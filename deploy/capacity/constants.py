"""What things cost, as measured: docs/performance holds the services' numbers, `measured.json` those of the engines."""

import json
from pathlib import Path
from typing import Any

import msgspec

from ..tools import ROOT

MEASURED = Path(__file__).with_name("measured.json")
PERFORMANCE = ROOT / "docs" / "performance"


class Engines(msgspec.Struct, frozen=True):
    """What `python -m deploy.capacity.measure` finds."""

    stored_bytes: float  # per message of 100 characters, its indexes included
    wal_bytes: float  # per message, the outbox included
    publish_us: float  # CPU of Redis per PUBLISH
    heard_us: float  # and per pod that hears it


class Costs(msgspec.Struct, frozen=True):
    """Microseconds of one core, and KiB."""

    message_us: float  # in the pod where its sender is: commit, acknowledgement, bell
    delivery_us: float  # per recipient, in his pod, when nothing else is sent to him at the moment
    frame_us: float  # per delivered frame in the gateway
    commit_us: float  # in the backends of PostgreSQL, per message
    page_us: float  # in the pod, per page of history over HTTP
    socket_kib: float  # in the pod
    client_kib: float  # in the gateway
    engines: Engines


def costs() -> Costs:
    """The constants; those of the pages in docs/performance from the runs that the pages show."""
    bench: dict[str, Any] = json.loads((PERFORMANCE / "bench.json").read_text())
    growth: dict[str, Any] = json.loads((PERFORMANCE / "growth.json").read_text())
    lines = {(line["row"], line["process"]): line for line in bench["lines"]}
    largest = max(growth["stored"], key=lambda point: int(point["messages"]))
    return Costs(
        message_us=largest["pod_us_per_message"],
        delivery_us=lines["room-w1", "chat-1"]["cpu_us_per_delivery"],
        frame_us=lines["gateway-pairs", "gateway"]["cpu_us_per_delivery"],
        commit_us=largest["postgres_us_per_message"],
        page_us=largest["pod_us_per_page"],
        socket_kib=lines["pairs", "chat-1"]["idle_kib_per_socket"],
        client_kib=lines["gateway-pairs", "gateway"]["idle_kib_per_socket"],
        engines=msgspec.json.decode(MEASURED.read_bytes(), type=Engines),
    )
