"""What rows return."""

import msgspec


class Skipped(Exception):
    """A row, or all of them, cannot be measured here; `str()` is the reason."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one process did under one load. Times of latency in milliseconds, memory in KiB.

    Arguments:
        row: the name of the row it belongs to.
        what: the load, in words.
        process: whose CPU time and memory these are.
        seconds: over how long everything but the memory was measured.
        sockets: open on this process.
        deliveries_per_s: frames of messages that this process handed to its sockets.
        idle_kib_per_socket: growth of the resident memory per socket, before the load; None where it was not measured.
        targets: what is to be reached, by the name of the field: at most this.
    """

    row: str
    what: str
    process: str
    seconds: float
    sockets: int
    messages_per_s: float
    deliveries_per_s: float
    cpu_percent: float
    cpu_us_per_delivery: float
    cpu_us_per_message: float
    latency_mean_ms: float
    latency_p50_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    idle_kib_per_socket: float | None = None
    targets: dict[str, float] = {}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A server beside ours under the same load; a ratio is its value divided by ours, None where one was not measured.

    Arguments:
        load: the name of our row.
        server: "parley" or the name of a peer.
    """

    load: str
    server: str
    what: str
    cpu_us_per_delivery: float
    cpu_us_per_message: float
    idle_kib_per_socket: float | None
    messages_per_s: float
    latency_p50_ms: float
    cpu_ratio: float | None
    idle_ratio: float | None


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    system: str
    processor: str
    cores: int
    python: str
    pinned: str  # which cores served and which one made the load
    load_average: float  # of the last minute, before the start: others' work


class Report(msgspec.Struct, frozen=True):
    """A whole run, as `--json` writes it."""

    started_at: str  # RFC 3339
    machine: Machine
    lines: list[Line]
    skipped: dict[str, str]  # the reason, by row
    comparison: list[Compared]


class OfSize(msgspec.Struct, frozen=True, kw_only=True):
    """A server with one room of `members`."""

    server: str
    members: int
    cpu_us_per_delivery: float
    cpu_us_per_message: float
    messages_per_s: float
    latency_p50_ms: float


class OfStored(msgspec.Struct, frozen=True, kw_only=True):
    """Costs with that many messages in a room: CPU in µs, of the pod and of the Postgres backends that serve it.

    Arguments:
        pod_us_per_page: for a page of 50 over HTTP.
        buffers_newest, buffers_middle, buffers_oldest: of 8 KiB, touched by the query of such a page.
    """

    messages: int
    pod_us_per_message: float
    postgres_us_per_message: float
    pod_us_per_page: float
    buffers_newest: int
    buffers_middle: int
    buffers_oldest: int
    messages_per_s: float


class Growth(msgspec.Struct, frozen=True):
    """How costs grow."""

    started_at: str  # RFC 3339
    machine: Machine
    sizes: list[OfSize]
    stored: list[OfStored]
    missing: dict[str, str]  # the reason, by what is missing
