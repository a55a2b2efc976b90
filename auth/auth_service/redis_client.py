"""The Redis client's life."""

from redis.asyncio import Redis


class RedisClient:
    """Closes the client when the process ends, as a component; it opens by itself when it is used."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def start(self) -> None:
        """Nothing: the service starts, and works, without Redis."""

    async def stop(self) -> None:
        """Close its connections."""
        await self._redis.aclose()
