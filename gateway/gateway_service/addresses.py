"""Who is calling: the client's address, from `X-Forwarded-For` only as far as trusted proxies vouch for it."""

import functools
import ipaddress
from collections.abc import Iterable

from chassis.lifecycle import Fatal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
UNKNOWN = "unknown"


class Addresses:
    """Knows the trusted proxies.

    Arguments:
        trusted: addresses and networks (`10.0.0.0/8`).

    Raises:
        Fatal: one of them is neither.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        try:
            self._trusted = [ipaddress.ip_network(text, strict=False) for text in trusted]
        except ValueError as error:
            raise Fatal(f"TRUSTED_PROXIES: {error}") from None
        self.client = functools.lru_cache(maxsize=4096)(self._client)
        self.is_trusted = functools.lru_cache(maxsize=4096)(self._is_trusted)

    def _is_trusted(self, peer: str) -> bool:
        """Whether `peer`, an address, is a proxy of ours."""
        address = parse_address(peer)
        return address is not None and self._trusts(address)

    def _client(self, peer: str, forwarded: bytes) -> str:
        """The client's address.

        Arguments:
            peer: who has connected.
            forwarded: `X-Forwarded-For`, several of them joined by commas. It is read from the right, where the nearest
                proxy wrote; the first address that is not a trusted proxy is the client. What stands further left is
                the client's own claim.
        """
        address = parse_address(peer)
        if address is None:
            return UNKNOWN
        for item in reversed(forwarded.decode("latin-1").split(",")) if forwarded else ():
            if not self._trusts(address):
                break
            named = parse_address(item.strip())
            if named is None:
                break
            address = named
        return str(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parse_address(text: str) -> Address | None:
    """An address with or without a port, in brackets or not; IPv4 inside IPv6 as IPv4. None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=4096)
def bucket(address: str) -> str:
    """What an address is limited as: itself, or the /64 of an IPv6 one, of which every client has plenty."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address) + "/64"
    return address
