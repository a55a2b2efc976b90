"""Only sockets that were taken over are asked whether anybody is there: Quart has no pings to send."""

from collections.abc import Callable
from typing import Any

from tests.support.auth import User
from tests.support.chat import raw_socket, until

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


async def test_who_has_gone_silently_is_dropped(start_pod: StartPod, people: People) -> None:
    pod = await start_pod("chat-1", heartbeat_seconds=1, dead_after_seconds=2)
    [alice] = people(1)
    dead = raw_socket(pod, alice)
    async with pod.connect(alice) as living:
        await until(lambda: len(pod.sessions()) == 2, "both sessions")
        await until(lambda: len(pod.sessions()) == 1, "the silent one to be dropped")
        assert await living.quiet() == []
    dead.close()
