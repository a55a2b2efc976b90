"""profile.toml: what people do how often, and what a run must keep to."""

from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("profile.toml")


class Mix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the users are divided."""

    websocket: int
    http: int
    socketio: int


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run must keep to."""

    error_ratio: float
    ack_p95_ms: float
    ack_p99_ms: float
    delivery_p95_ms: float
    delivery_p99_ms: float


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; what users do is in times a minute, by the name of a method of theirs."""

    mix: Mix
    websocket: dict[str, float]
    socketio: dict[str, float]
    http: dict[str, float]
    thresholds: Thresholds


def profile(path: Path = FILE) -> Profile:
    """What the file says."""
    return msgspec.toml.decode(path.read_bytes(), type=Profile)
