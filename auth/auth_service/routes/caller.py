"""Who sends a request, for the audit log and the list of sessions."""

from collections.abc import Callable, Sequence

from quart import request

from ..addresses import Network, client_address
from ..model import MAX_USER_AGENT, Client

Caller = Callable[[], Client]


def caller(trusted: Sequence[Network]) -> Caller:
    """A function that describes the client of the current request.

    Arguments:
        trusted: the proxies whose `X-Forwarded-For` is believed.
    """

    def describe() -> Client:
        address = client_address(request.remote_addr, request.headers.getlist("X-Forwarded-For"), trusted)
        return Client(address, request.headers.get("User-Agent", "").replace("\x00", "")[:MAX_USER_AGENT])

    return describe
