"""Whose address counts, behind proxies and without."""

import pytest

from chassis.lifecycle import Fatal
from gateway_service.addresses import UNKNOWN, Addresses, bucket

PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", b"", "203.0.113.9"),
        ("203.0.113.9", b"198.51.100.1", "203.0.113.9"),  # nobody we trust says so
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"1.2.3.4, 198.51.100.1", "198.51.100.1"),  # the left one is the client's own claim
        ("10.0.0.1", b"198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("10.0.0.1", b"10.0.0.8,10.0.0.7", "10.0.0.8"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"junk", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1, junk", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", b"[2001:db8::5]:4711", "2001:db8::5"),
        ("10.0.0.1", b"2001:db8::5", "2001:db8::5"),
        ("::ffff:10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("fd00::1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"\xff\xfe", "10.0.0.1"),
        ("", b"198.51.100.1", UNKNOWN),
    ],
)
def test_the_client_is_the_first_address_that_no_trusted_proxy_has(peer: str, forwarded: bytes, client: str) -> None:
    assert Addresses(PROXIES).client(peer, forwarded) == client


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert Addresses(()).client("127.0.0.1", b"198.51.100.1") == "127.0.0.1"


def test_a_wrong_network_ends_the_start() -> None:
    with pytest.raises(Fatal, match="TRUSTED_PROXIES"):
        Addresses(["ten"])


def test_ipv6_clients_are_limited_by_network() -> None:
    assert bucket("2001:db8:1:2:3::4") == bucket("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert bucket("2001:db8:1:3::1") != bucket("2001:db8:1:2::1")
    assert bucket("198.51.100.1") == "198.51.100.1"
