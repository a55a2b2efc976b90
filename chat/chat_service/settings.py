"""What a chat pod is told."""

from typing import Annotated, Literal

import msgspec

from chassis.kafka import KafkaSettings
from chassis.settings import OnOff, Positive, Seconds, Url


class Settings(KafkaSettings, frozen=True, kw_only=True):
    """The chat pod's settings; see chassis.settings for the common ones."""

    database_url: Url
    redis_url: Url
    broker_url: Url | None = None  # where bells are rung, if not at redis_url
    broker_mode: Literal["classic", "sharded"] = "classic"  # sharded: pub/sub by slot, broker_url being a Redis Cluster
    auth_url: Url
    database_connections: Positive = 10
    rate_limits: OnOff = "on"
    frames_per_second: Positive = 20  # a socket's token bucket …
    frame_burst: Positive = 100  # … and its size
    heartbeat_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 25
    dead_after_seconds: Annotated[int, msgspec.Meta(ge=2, le=600)] = 55
    ledger_queue: Positive = 10_000  # sends that may wait for a transaction
    ledger_batch: Positive = 200
    sockets_per_pod: Positive = 50_000
    new_sockets_per_second: Positive = 500  # this pod admits; a storm beyond it is told to come back
    handover: OnOff = "on"  # take sockets over from the HTTP server; off where that cannot be
    repair_hold_seconds: Seconds = 0.04  # how long a bell may overtake another before the gap is read
    typing_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10  # of silence, until who typed has stopped
    presence_lease_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30  # a socket counts, unless it is renewed
    presence_grace_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 20  # until who has no socket is offline
