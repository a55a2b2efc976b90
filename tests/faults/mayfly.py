"""Somebody who does not come back: with the end of his first connection he is gone for good."""

import asyncio

from parley_client import Account, Options
from parley_client.backoff import Then
from tests.faults.watch import Watch
from tests.faults.world import World


class Mayfly(Watch):
    """A client that ends when its connection does, as a phone whose battery dies with the pod.

    Arguments:
        world: where everything is written down.
        account: of the user.
        user: the user's name, and the client's.
    """

    def __init__(self, world: World, account: Account, user: str) -> None:
        super().__init__(world, user, user)
        self.session = account.connect(options=Options(open_seconds=4.0), observer=self)
        self._closing: asyncio.Task[None] | None = None

    def ended(self, connection_id: str | None, code: int | None, reason: str, then: Then, seconds: float) -> None:
        """See Observer: whoever was in is out, and does not try again."""
        super().ended(connection_id, code, reason, then, seconds)
        if connection_id is not None and self._closing is None:
            self._world.gone(self._client, self._user)
            self._closing = asyncio.get_running_loop().create_task(self.session.close())
