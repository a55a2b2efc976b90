"""The arithmetic. Everything at the busiest time; cores are kept half busy, so that one of two may go."""

import math

import msgspec

from .constants import Costs

BUSY = 0.5  # of a core, on average at the busiest time
POD_MIB = 70  # of a chat or gateway pod without sockets: `make image-check`
MARGIN = 3  # of the memory of an idle socket, for what waits to be written
CONNECTIONS = 11  # of a chat pod: DATABASE_CONNECTIONS and the relay's
QUIET = 3  # the busiest hour has so many times the messages of an average one


class Load(msgspec.Struct, frozen=True):
    """Who is there at the busiest time, and what they do."""

    users: int  # connected, one socket each
    messages_per_hour: float = 10.0  # that each sends
    listeners: float = 4.0  # others online in the room of a message
    pages_per_hour: float = 6.0  # of history that each reads
    sockets_per_pod: int = 10_000  # where the chart's autoscaler adds a pod


class Needs(msgspec.Struct, frozen=True):
    """What that takes. Rates are per second, cores are those really used."""

    messages: float
    deliveries: float
    chat_pods: int
    chat_mib: int  # each
    chat_cores: float
    gateway_pods: int
    gateway_mib: int
    gateway_cores: float
    postgres_cores: float
    postgres_connections: int
    wal_mb: float  # per second
    stored_gb: float  # per day
    redis_cores: float


def needs(load: Load, costs: Costs) -> Needs:
    """What a load takes."""
    messages = load.users * load.messages_per_hour / 3600
    recipients = load.listeners + 1  # the sender's own socket gets it too
    pages = load.users * load.pages_per_hour / 3600
    gateway_cores = messages * (recipients + 2) * costs.frame_us / 1e6  # and the send, and its acknowledgement
    gateway_pods = _pods(load, gateway_cores)

    def chat(pods: int) -> float:
        hearing = min(recipients, pods) * costs.delivery_us  # each pod with a recipient hears the bell
        per_message = costs.message_us + recipients * costs.delivery_us + hearing
        return (messages * per_message + pages * costs.page_us) / 1e6

    pods = _pods(load, chat(1))
    pods = _pods(load, chat(pods))
    redis_us = costs.engines.publish_us + min(recipients, pods) * costs.engines.heard_us
    return Needs(
        messages=messages,
        deliveries=messages * recipients,
        chat_pods=pods,
        chat_mib=_mib(load.users / pods * costs.socket_kib),
        chat_cores=chat(pods),
        gateway_pods=gateway_pods,
        gateway_mib=_mib(load.users / gateway_pods * costs.client_kib),
        gateway_cores=gateway_cores,
        postgres_cores=messages * costs.commit_us / 1e6,
        postgres_connections=pods * CONNECTIONS,
        wal_mb=messages * costs.engines.wal_bytes / 1e6,
        stored_gb=messages / QUIET * 86_400 * costs.engines.stored_bytes / 1e9,
        redis_cores=messages * redis_us / 1e6,
    )


def _pods(load: Load, cores: float) -> int:
    return max(2, math.ceil(load.users / load.sockets_per_pod), math.ceil(cores / BUSY))


def _mib(kib: float) -> int:
    return POD_MIB + math.ceil(MARGIN * kib / 1024)
