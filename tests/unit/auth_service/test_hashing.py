"""The bounded pool of hashes."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from unittest.mock import patch

import argon2
import pytest

from auth_service.hashing import Hasher
from auth_service.settings import Settings
from chassis.problems import Unavailable


@pytest.fixture
async def hasher() -> AsyncIterator[Hasher]:
    """Two threads, and room for three more hashes."""
    hasher = Hasher(memory_kib=64, time_cost=1, parallelism=1, threads=2, queue=3)
    await hasher.start()
    yield hasher
    await hasher.stop()


async def test_a_password_matches_its_own_hash_only(hasher: Hasher) -> None:
    stored = await hasher.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hasher.verify(stored, "correct horse")
    assert not await hasher.verify(stored, "Correct horse")
    assert await hasher.hash("correct horse") != stored


async def test_nobody_has_the_password_of_nobody(hasher: Hasher) -> None:
    assert not await hasher.verify(None, "nobody has this password")


async def test_a_damaged_hash_matches_nothing(hasher: Hasher) -> None:
    for stored in ("", "x", "$argon2id$v=19$m=64,t=1,p=1$", "$2b$12$abcdefghijklmnopqrstuv"):
        assert not await hasher.verify(stored, "correct horse")


async def test_the_defaults_are_the_minimum_that_owasp_asks_for() -> None:
    settings = Settings(database_url="postgresql://x", redis_url="redis://x", signing_keys_file="x")
    chosen = (settings.argon2_memory_kib, settings.argon2_time_cost, settings.argon2_parallelism)
    assert chosen == (19 * 1024, 2, 1)


async def test_other_parameters_make_a_hash_outdated(hasher: Hasher) -> None:
    assert not hasher.is_outdated(await hasher.hash("correct horse"))
    assert hasher.is_outdated(argon2.PasswordHasher(memory_cost=128, time_cost=1, parallelism=1).hash("correct horse"))


async def test_what_is_too_long_is_never_hashed(hasher: Hasher) -> None:
    with patch.object(argon2.PasswordHasher, "hash", side_effect=AssertionError), pytest.raises(ValueError):
        await hasher.hash("x" * 129)
    with patch.object(argon2.PasswordHasher, "verify", side_effect=AssertionError), pytest.raises(ValueError):
        await hasher.verify(None, "x" * 129)


async def test_beyond_the_queue_it_refuses_at_once_and_recovers(hasher: Hasher) -> None:
    release = threading.Event()
    running = threading.Semaphore(0)

    def slow(*_: object) -> bool:
        running.release()
        assert release.wait(10)
        return True

    with patch.object(argon2.PasswordHasher, "verify", slow):
        accepted = [asyncio.ensure_future(hasher.verify("stored", "a password")) for _ in range(5)]
        await asyncio.to_thread(lambda: [running.acquire() for _ in range(2)])
        started = time.perf_counter()
        for _ in range(100):
            with pytest.raises(Unavailable) as caught:
                await hasher.verify("stored", "a password")
            assert caught.value.headers == {"Retry-After": "1"}
            with pytest.raises(Unavailable):
                hasher.refuse_if_full()
        assert time.perf_counter() - started < 0.05 * 100
        assert not running.acquire(blocking=False)  # two run, three wait, none of the refused was begun
        release.set()
        assert await asyncio.gather(*accepted) == [True] * 5
        while not await settled(hasher):
            pass


async def settled(hasher: Hasher) -> bool:
    await asyncio.sleep(0)
    try:
        hasher.refuse_if_full()
    except Unavailable:
        return False
    return True


async def test_a_caller_who_gives_up_frees_his_place_when_the_thread_is_free(hasher: Hasher) -> None:
    release = threading.Event()
    running = threading.Semaphore(0)

    def slow(*_: object) -> bool:
        running.release()
        assert release.wait(10)
        return True

    with patch.object(argon2.PasswordHasher, "verify", slow):
        waiting = [asyncio.ensure_future(hasher.verify("stored", "a password")) for _ in range(5)]
        await asyncio.to_thread(lambda: [running.acquire() for _ in range(2)])
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)
        again = [asyncio.ensure_future(hasher.verify("stored", "a password")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):  # two threads are still at work for those who have gone
            hasher.refuse_if_full()
        release.set()
        assert await asyncio.gather(*again) == [True] * 3


async def test_before_its_start_it_refuses() -> None:
    hasher = Hasher(memory_kib=64, time_cost=1, parallelism=1, threads=1, queue=0)
    with pytest.raises(Unavailable):
        await hasher.hash("correct horse")
    await hasher.stop()
