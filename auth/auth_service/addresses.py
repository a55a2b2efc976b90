"""The address of a client behind a proxy."""

import ipaddress
from collections.abc import Sequence

from chassis.lifecycle import Fatal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Sequence[str]) -> list[Network]:
    """CIDR texts as networks.

    Raises:
        Fatal: naming the one that is none.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise Fatal(f"TRUSTED_PROXIES: {text} is not a network") from None
    return networks


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Who calls.

    Arguments:
        peer: the other end of the connection.
        forwarded_for: the request's `X-Forwarded-For` headers.
        trusted: whose word is taken for it.

    Returns:
        what a trusted peer wrote last; everything before that may have been written by the client. Without a trusted
        peer or a proper address, the peer's own, and "" for a peer without one.
    """
    own = _parse(peer or "")
    if own is None:
        return ""
    if any(own in network for network in trusted) and forwarded_for:
        told = _parse(forwarded_for[-1].rpartition(",")[2].strip())
        return str(told or own)
    return str(own)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def bucket(address: str) -> str:
    """What an address is counted as: itself, or the /64 of an IPv6 one, of which every client has plenty."""
    parsed = _parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address) + "/64"
    return address
