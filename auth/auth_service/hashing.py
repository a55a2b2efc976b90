"""argon2id in a bounded pool of threads: hashing never blocks the loop, and a flood of logins is shed at once.

The parameters are the OWASP minimum (19 MiB, two passes, one lane) unless set otherwise; the library's own default
takes 64 MiB and four lanes a hash.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import Counter, Gauge, Histogram

from chassis.problems import Unavailable

from .policy import password_bytes

P = ParamSpec("P")
R = TypeVar("R")

hash_seconds = Histogram(
    "parley_auth_hash_seconds",
    "Time in a thread for one password hash",
    buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1),
)
hashes_pending = Gauge("parley_auth_hashes_pending", "Password hashes running or waiting for a thread")
hashes_shed = Counter("parley_auth_hashes_shed_total", "Requests refused because too many hashes were waiting")


class Hasher:
    """Hashes and verifies passwords, as a component.

    Arguments:
        memory_kib: of one hash.
        time_cost: passes over that memory.
        parallelism: lanes.
        threads: how many hashes run at a time.
        queue: how many more may wait.
    """

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int, queue: int) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=argon2.Type.ID
        )
        self._threads = threads
        self._limit = threads + queue
        self._pending = 0
        self._executor: ThreadPoolExecutor | None = None
        self._dummy = ""

    async def start(self) -> None:
        """Open the threads and make the hash that unknown users are verified against."""
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2")
        self._dummy = await self._run(self._argon2.hash, b"nobody has this password")

    async def stop(self) -> None:
        """Drop what waits; what runs ends by itself within the time of one hash."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def refuse_if_full(self) -> None:
        """Raise Unavailable when a hash could not even wait; for callers with something to do before it."""
        if self._pending >= self._limit:
            hashes_shed.inc()
            raise Unavailable("Too many logins at once; try again.", code="busy", retry_after=1)

    async def hash(self, password: str) -> str:
        """The hash to store, in PHC form.

        Raises:
            Unavailable: too many hashes are waiting.
            ValueError: the password is too long.
        """
        return await self._run(self._argon2.hash, password_bytes(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that was hashed. With None (nobody, or an account without a password) the same
        work is done and the answer is False.

        Raises:
            Unavailable: too many hashes are waiting.
            ValueError: the password is too long.
        """
        matches = await self._run(self._verify, stored or self._dummy, password_bytes(password))
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(stored)

    def _verify(self, stored: str, password: bytes) -> bool:
        with contextlib.suppress(VerificationError, InvalidHashError):
            return self._argon2.verify(stored, password)
        return False

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self.refuse_if_full()
        if self._executor is None:
            raise Unavailable("The service is starting.")
        loop = asyncio.get_running_loop()
        future = self._executor.submit(_timed, functools.partial(work, *args, **kwargs))
        self._pending += 1
        hashes_pending.inc()

        def done(_: Future[R]) -> None:  # when the thread is free again, which is not when a caller gives up
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(self._one_less)

        future.add_done_callback(done)
        return await asyncio.wrap_future(future)

    def _one_less(self) -> None:
        self._pending -= 1
        hashes_pending.dec()


def _timed(work: Callable[[], R]) -> R:
    started = time.perf_counter()
    try:
        return work()
    finally:
        hash_seconds.observe(time.perf_counter() - started)
