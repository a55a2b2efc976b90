"""When to come back, and whether: close codes, refusals, and full jitter.

Full jitter: a random time between nothing and a bound that doubles with each failure. Of the ways to spread clients
that lost the same server it asks for the least work altogether
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

import random
from enum import Enum

SOON_SECONDS = 1.0
BUSY_SECONDS = 1.0


class Then(Enum):
    """What to do after a connection has ended or was refused."""

    SOON = "soon"  # the server goes away in good order: others take us at once
    RETRY = "retry"  # something broke
    WAIT = "wait"  # we are too many, too slow or too fast
    RENEW = "renew"  # the token is not accepted: with a new one
    STOP = "stop"  # what we ask for is not granted, and asking again changes nothing


_BY_CLOSE_CODE = {1001: Then.SOON, 1012: Then.SOON, 1013: Then.WAIT, 4401: Then.RENEW, 4408: Then.WAIT, 4429: Then.WAIT}
_BY_STATUS = {401: Then.RENEW, 408: Then.RETRY, 425: Then.WAIT, 429: Then.WAIT, 503: Then.WAIT}


def after_close(code: int | None) -> Then:
    """What a close code asks for; None is a connection that ended without one."""
    return Then.RETRY if code is None else _BY_CLOSE_CODE.get(code, Then.RETRY)


def after_refusal(status: int, code: str = "") -> Then:
    """What the HTTP status of a refused handshake, and the code in its body, ask for."""
    if code == "ticket_invalid":  # it lived too long, or an attempt that came to nothing has used it: take another
        return Then.RETRY
    return _BY_STATUS.get(status, Then.STOP if 400 <= status < 500 else Then.RETRY)


class Backoff:
    """The waits between attempts.

    Arguments:
        first: the bound of the first wait, in seconds.
        longest: of any, in seconds.
        chance: where chance comes from; tests give their own.
    """

    def __init__(self, first: float, longest: float, chance: random.Random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self.failures = 0

    def worked(self) -> None:
        """A connection has lasted: begin anew."""
        self.failures = 0

    def seconds(self, then: Then, at_least: float | None = None) -> float:
        """How long to wait now.

        Arguments:
            then: why.
            at_least: what the server asked for, in seconds; it has jittered a goodbye, and we jitter a `Retry-After`.
        """
        if then is Then.SOON:
            return at_least if at_least is not None else self._chance.uniform(0, SOON_SECONDS)
        first = max(self._first, BUSY_SECONDS) if then is Then.WAIT else self._first
        bound = min(self._longest, first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return (at_least or 0.0) + self._chance.uniform(0, bound)
