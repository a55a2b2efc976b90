"""Whose word is taken for the address of a client."""

import pytest

from auth_service.addresses import client_address, parse_networks
from auth_service.settings import PRIVATE_NETWORKS
from chassis.lifecycle import Fatal


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("::1", ["2001:DB8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["<script>"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, ["198.51.100.1"], ""),
        ("/run/socket", ["198.51.100.1"], ""),
    ],
)
def test_only_the_last_word_of_a_trusted_peer_counts(peer: str | None, forwarded: list[str], address: str) -> None:
    assert client_address(peer, forwarded, parse_networks(PRIVATE_NETWORKS)) == address


def test_trusting_nobody_is_possible() -> None:
    assert client_address("127.0.0.1", ["198.51.100.1"], []) == "127.0.0.1"


def test_a_strange_network_is_named() -> None:
    with pytest.raises(Fatal, match=r"TRUSTED_PROXIES: 10\.0\.0\.0/33"):
        parse_networks(["10.0.0.0/8", "10.0.0.0/33"])
