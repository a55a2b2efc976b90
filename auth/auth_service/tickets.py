"""Tickets: a single-use stand-in for an access token, for URLs, which end up in logs and histories."""

import time

from redis.asyncio import Redis

from chassis.problems import Unavailable
from chassis.redis import RedisAway, guarded
from chassis.tokens import Claims
from contracts import keys

from .tokens import digest, new_secret


class Tickets:
    """Stores tickets where whoever opens sockets takes them out.

    Arguments:
        redis: the client.
        lifetime_seconds: of a ticket; it never outlives its token.
    """

    def __init__(self, redis: "Redis", *, lifetime_seconds: int) -> None:
        self._redis = redis
        self._lifetime_seconds = lifetime_seconds

    async def issue(self, claims: Claims, access_token: str) -> tuple[str, int]:
        """A new ticket for a verified access token, and how many seconds it is good.

        Raises:
            Unavailable: Redis is away; nothing else remembers tickets.
        """
        ticket = new_secret()
        seconds = min(float(self._lifetime_seconds), claims.expires_at - time.time())
        try:
            async with guarded():
                await self._redis.set(
                    keys.ws_ticket(digest(ticket).hex()), access_token, px=max(1, int(seconds * 1000))
                )
        except RedisAway:
            raise Unavailable("Tickets cannot be issued right now.") from None
        return ticket, max(1, int(seconds))
