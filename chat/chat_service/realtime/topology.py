"""Which Redis node a channel lives on: one node for classic pub/sub, the owner of its slot for sharded pub/sub."""

import asyncio
import binascii
from typing import Any
from urllib.parse import SplitResult

import hiredis

from .redis_link import Link, ask, open_link

SLOTS = 16384
Address = tuple[str, int]


class Words:
    """The commands of a kind of pub/sub, and what its pushes are called."""

    def __init__(self, prefix: bytes) -> None:
        self.publish = prefix.upper() + b"PUBLISH"
        self.subscribe = prefix.upper() + b"SUBSCRIBE"
        self.unsubscribe = prefix.upper() + b"UNSUBSCRIBE"
        self.message = prefix + b"message"
        self.subscribed = prefix + b"subscribe"
        self.unsubscribed = prefix + b"unsubscribe"


CLASSIC, SHARDED = Words(b""), Words(b"s")


class Topology:
    """Addresses of the nodes, and the index of the node of each channel."""

    def __init__(self, nodes: list[Address], slots: list[int] | None) -> None:
        self.nodes = nodes
        self._slots = slots

    def node_of(self, channel: bytes) -> int:
        """The node a channel lives on."""
        return 0 if self._slots is None else self._slots[slot_of(channel)]


def slot_of(key: bytes) -> int:
    """The cluster slot of a key: CRC16 (XMODEM) of it, or of its hash tag, modulo 16384."""
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return binascii.crc_hqx(key, 0) % SLOTS


def classic(url: SplitResult) -> Topology:
    """One node, which has everything."""
    return Topology([(url.hostname or "127.0.0.1", url.port or 6379)], None)


async def sharded(url: SplitResult, seeds: list[Address]) -> Topology:
    """Ask the cluster, by whichever of `seeds` answers.

    Raises:
        OSError: none of them answers, or slots are not covered.
    """
    for host, port in [(url.hostname or "127.0.0.1", url.port or 6379), *seeds]:
        replies: asyncio.Queue[Any] = asyncio.Queue()
        link: Link | None = None
        try:
            link = await open_link(url, host, port, replies.put_nowait)
            if url.password:
                async with asyncio.timeout(1):
                    await replies.get()  # of AUTH
            return parse_slots(await ask(link, replies, b"CLUSTER", b"SLOTS"), host)
        except (OSError, TimeoutError, hiredis.HiredisError):
            continue
        finally:
            if link is not None:
                link.close()
    raise OSError("no node of the cluster answers with all slots covered")


def parse_slots(reply: Any, asked: str) -> Topology:
    """The topology in a reply of CLUSTER SLOTS: [start, end, [host, port, …] of the master, …].

    Arguments:
        asked: the host that was asked, for nodes that do not know their own address.

    Raises:
        OSError: some slots have no master.
    """
    nodes: list[Address] = []
    slots = [-1] * SLOTS
    for start, end, master, *_ in reply:
        host, port = master[0].decode() if master[0] else asked, int(master[1])
        if (host, port) not in nodes:
            nodes.append((host, port))
        slots[start : end + 1] = [nodes.index((host, port))] * (end - start + 1)
    if -1 in slots:
        raise OSError("some slots of the cluster have no master")
    return Topology(nodes, slots)
