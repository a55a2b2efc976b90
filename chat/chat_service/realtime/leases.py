"""Who is online, in Redis: a lease per socket, who is shown online, and whose partners have to be told.

Each change is one script, so that pods agree whatever happens between them; the clock is Redis's. Whoever is in
`PRESENCE_SHOWN` is shown online: he comes into it with his first socket and leaves it when he is declared offline, a
grace after the last one went or its lease ran out. Who has changed is in `PRESENCE_NEWS` until his partners have been
told, so that nothing is lost with the pod that was about to tell them.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from chassis.redis import guarded
from contracts import keys

MICROSECONDS = 1_000_000
RETRY_SECONDS = 5.0  # after which news that a pod has claimed and not told are another's to tell
RECENT_SECONDS = 60.0  # for which changes are kept, for pods that missed their bells
STALE_SECONDS = 3.0  # without a pod that looks for overdue users, nobody is overdue


class What(Enum):
    """What a pod has to say of a socket."""

    CAME = "came"
    HERE = "here"
    GONE = "gone"


class Lease(msgspec.Struct, frozen=True):
    """A socket as it is reported; `life` is that of the last report which had this socket, empty before the first."""

    what: What
    life: str
    user_id: UUID
    connection_id: UUID


class News(msgspec.Struct, frozen=True):
    """A user whose partners have to be told.

    Arguments:
        online: what he is.
        version: when this was so (microseconds of Redis's clock): what is older counts no longer.
        until: until when telling is this pod's (likewise); 0 if it is another's, and this pod tells its own sockets.
        left_at: when he was last there (likewise); None if that is not known, or he is online.
    """

    user_id: UUID
    online: bool
    version: int
    until: int
    left_at: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """What Redis says to a report.

    Arguments:
        life: of the keys; another one than before means that Redis was emptied.
        news: what this pod has to tell now.
    """

    life: str
    news: list[News]


class Leases:
    """The keys of presence.

    Arguments:
        redis: the client.
        pod: this pod's name, for people who look into Redis.
        lease_seconds: how long a socket counts without being reported again.
        grace_seconds: how long a user without a socket is shown online.

    All methods raise `RedisAway`.
    """

    def __init__(self, redis: "Redis", pod: str, *, lease_seconds: float, grace_seconds: float) -> None:
        self._redis = redis
        self._pod = pod
        self._lease = round(lease_seconds * MICROSECONDS)
        self._grace = round(grace_seconds * MICROSECONDS)
        self._retry = round(RETRY_SECONDS * MICROSECONDS)
        self._report = _script(redis, "report")
        self._claim = _script(redis, "claim")
        self._told = _script(redis, "told")
        self._life = ""
        self._settled_at = 0.0
        self.now = 0  # of Redis's clock when it was last heard, in microseconds
        self.lease_seconds = lease_seconds
        self.grace_seconds = grace_seconds
        self.on_emptied: Callable[[], None] = lambda: None

    def settled(self) -> bool:
        """Whether every pod has had time to report its sockets since Redis was last empty."""
        return bool(self._life) and time.monotonic() >= self._settled_at

    async def report(self, leases: Sequence[Lease]) -> Reply:
        """Write what has become of these sockets; the news are of users who had none."""
        names = [keys.PRESENCE_SHOWN, keys.PRESENCE_NEWS, keys.PRESENCE_LIFE, keys.PRESENCE_RECENT]
        arguments: list[Any] = [self._lease, self._grace, self._retry, secrets.token_hex(4)]
        for lease in leases:
            names.append(keys.presence_leases(lease.user_id))
            arguments += [lease.what.value, lease.life, str(lease.user_id), f"{self._pod}/{lease.connection_id}"]
        async with guarded():
            life, now, *users = await self._report(keys=names, args=arguments)
        at = int(now)
        news = [News(UUID(user.decode()), True, at, at + self._retry) for user in users]
        self._note(life.decode(), at)
        return Reply(life.decode(), news)

    async def claim(self, most: int) -> list[News]:
        """Declare offline who is overdue, and take over what others did not tell; about `most` of each at most."""
        names = [keys.PRESENCE_SHOWN, keys.PRESENCE_NEWS, keys.PRESENCE_BEAT, keys.PRESENCE_HOLD]
        names += [keys.PRESENCE_LIFE, keys.PRESENCE_RECENT]
        stale, kept = round(STALE_SECONDS * MICROSECONDS), round(RECENT_SECONDS * MICROSECONDS)
        arguments = [self._grace, self._retry, stale, self._lease, kept, most]
        async with guarded():
            life, now, *fields = await self._claim(keys=names, args=arguments)
        at = int(now)
        self._note(life.decode(), at)
        return [
            News(UUID(user.decode()), online == b"1", at, at + self._retry, int(left) if left else None)
            for user, online, left in zip(*[iter(fields)] * 3, strict=True)
        ]

    async def told(self, news: Sequence[News]) -> None:
        """These have been told."""
        arguments = [argument for item in news for argument in (str(item.user_id), item.until)]
        async with guarded():
            await self._told(keys=[keys.PRESENCE_NEWS], args=arguments)

    async def recent(self, since: int, most: int) -> list[News]:
        """Who has come or gone since then (microseconds), the latest `most` of them, for this pod's own sockets."""
        async with guarded():
            rows: Any = await self._redis.zrevrangebyscore(
                keys.PRESENCE_RECENT, "+inf", since, start=0, num=most, withscores=True
            )
        changed = {UUID(user.decode()): int(at) for user, at in rows}
        _, shown = await self.shown(list(changed))
        return [News(user_id, user_id in shown, at, 0) for user_id, at in changed.items()]

    async def shown(self, user_ids: Sequence[UUID]) -> tuple[int, set[UUID]]:
        """(since when this is so at least (microseconds), those of `user_ids` who are shown online), see `settled`."""
        if not user_ids:
            return self.now, set()
        async with guarded(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.get(keys.PRESENCE_LIFE)
            pipe.zmscore(keys.PRESENCE_SHOWN, [str(user_id) for user_id in user_ids])
            (seconds, micros), life, scores = await pipe.execute()
        self._note((life or b"").decode(), seconds * MICROSECONDS + micros)
        return self.now, {user_id for user_id, score in zip(user_ids, scores, strict=True) if score is not None}

    def _note(self, life: str, now: int) -> None:
        """The keys are of that life, `<born>-<random>`, and it is `now` there."""
        self.now = now
        if life == self._life:
            return
        before, self._life = self._life, life
        age = (now - int(life.partition("-")[0])) / MICROSECONDS if life else 0.0
        self._settled_at = time.monotonic() + self.lease_seconds - age
        if before:
            self.on_emptied()


def _script(redis: "Redis", name: str) -> Any:
    return redis.register_script(Path(__file__).with_name(f"leases_{name}.lua").read_text())
