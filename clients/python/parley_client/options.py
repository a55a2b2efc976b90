"""Times and sizes of a session."""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be chosen; the defaults suit a device of a person.

    Arguments:
        heartbeat_seconds: between two pings; None asks as often as the server does.
        dead_after_seconds: without a byte from the server the connection is given up.
        answer_seconds: a message that was written and is not answered for so long is sent again over a new connection;
            the server answers within 5.
        open_seconds: for a handshake, and for the first frame after it.
        first_wait_seconds: the bound of the first jittered wait after a failure; it doubles with each.
        longest_wait_seconds: the bound of any wait.
        steady_seconds: a connection that has lasted so long makes the failures before it forgotten.
        window: messages that may be on their way, written and unanswered, at a time.
        buffer: events that wait for the iteration; beyond it no more is read, unless a send needs its answer.
        rooms_in_url: so many positions are put into the URL; more go into the first frame.
        by_ticket: connect with a single-use ticket in the URL instead of a header, as browsers must.
        chance: where jitter comes from.
    """

    heartbeat_seconds: float | None = None
    dead_after_seconds: float = 60.0
    answer_seconds: float = 15.0
    open_seconds: float = 10.0
    first_wait_seconds: float = 0.25
    longest_wait_seconds: float = 10.0
    steady_seconds: float = 5.0
    window: int = 64
    buffer: int = 10_000
    rooms_in_url: int = 50
    by_ticket: bool = False
    chance: random.Random = field(default_factory=random.Random)
