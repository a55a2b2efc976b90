"""Whether a session lives: from Redis, or else from the service that owns it, which may be away as well."""

from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chassis.ids import uuid7
from chassis.problems import Unavailable
from chassis.revocations import Revocations
from tests.support.links import Link
from tests.support.timing import within

SENTINEL = "test:complete"


def key(session_id: UUID) -> str:
    return f"test:revoked:{session_id}"


class Asked:
    """The owner, who may not know."""

    def __init__(self) -> None:
        self.questions: list[UUID] = []
        self.answer: bool | None = True

    async def __call__(self, session_id: UUID) -> bool:
        self.questions.append(session_id)
        if self.answer is None:
            raise Unavailable
        return self.answer


@pytest.fixture
def owner() -> Asked:
    return Asked()


@pytest.fixture
def revocations(redis: "Redis", owner: Asked) -> Revocations:
    return Revocations(redis, key=key, sentinel=SENTINEL, ask=owner, cache_seconds=30)


async def prepare(redis: "Redis", redis_link: Link, state: str, session: UUID) -> None:
    """Bring Redis into one of the states of the table."""
    if "sentinel" in state:
        await redis.set(SENTINEL, b"1")
    if "revoked" in state:
        await redis.set(key(session), b"1")
    if state == "frozen":
        redis_link.freeze()
    if state == "cut":
        await redis_link.cut()


# what Redis is like, what the owner says (None: he cannot be asked), the answer (None: Unavailable), is he asked
TABLE: list[tuple[str, bool | None, bool | None, bool]] = [
    ("sentinel", True, True, False),
    ("sentinel", False, True, False),  # Redis is complete: the owner is not asked
    ("sentinel", None, True, False),
    ("sentinel, revoked", True, False, False),
    ("sentinel, revoked", None, False, False),
    ("revoked", True, False, False),  # a key is true even when others are missing
    ("revoked", None, False, False),
    ("flushed", True, True, True),
    ("flushed", False, False, True),
    ("flushed", None, None, True),
    ("frozen", True, True, True),
    ("frozen", False, False, True),
    ("frozen", None, None, True),
    ("cut", True, True, True),
    ("cut", False, False, True),
    ("cut", None, None, True),
]


@pytest.mark.parametrize(("state", "word", "expected", "asked"), TABLE)
async def test_the_truth_table(
    redis: "Redis",
    redis_link: Link,
    revocations: Revocations,
    owner: Asked,
    state: str,
    word: bool | None,
    expected: bool | None,
    asked: bool,
) -> None:
    session = uuid7()
    await prepare(redis, redis_link, state, session)
    owner.answer = word
    async with within(0.3):
        if expected is None:
            with pytest.raises(Unavailable):
                await revocations.is_alive(session)
        else:
            assert await revocations.is_alive(session) is expected
    assert owner.questions == ([session] if asked else [])


async def test_the_owners_answers_are_remembered_for_a_while(revocations: Revocations, owner: Asked) -> None:
    one, other = uuid7(), uuid7()
    for _ in range(5):
        assert await revocations.is_alive(one)
    owner.answer = False
    assert await revocations.is_alive(one)
    assert not await revocations.is_alive(other)
    assert owner.questions == [one, other]


async def test_remembered_answers_become_old(redis: "Redis", owner: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("chassis.revocations.time", clock)
    revocations = Revocations(redis, key=key, sentinel=SENTINEL, ask=owner, cache_seconds=2)
    session = uuid7()
    assert await revocations.is_alive(session)
    owner.answer = False
    clock.now += 1.9
    assert await revocations.is_alive(session)
    clock.now += 0.2
    assert not await revocations.is_alive(session)


async def test_that_the_owner_could_not_be_asked_is_not_remembered(revocations: Revocations, owner: Asked) -> None:
    session = uuid7()
    owner.answer = None
    with pytest.raises(Unavailable):
        await revocations.is_alive(session)
    owner.answer = True
    assert await revocations.is_alive(session)


async def test_a_revocation_beats_what_is_remembered(redis: "Redis", revocations: Revocations) -> None:
    session = uuid7()
    assert await revocations.is_alive(session)
    await redis.set(key(session), b"1")
    assert not await revocations.is_alive(session)


async def test_no_time_is_remembered_when_there_is_none(redis: "Redis", owner: Asked) -> None:
    revocations = Revocations(redis, key=key, sentinel=SENTINEL, ask=owner, cache_seconds=0)
    session = uuid7()
    assert await revocations.is_alive(session)
    owner.answer = False
    assert not await revocations.is_alive(session)


async def test_memory_is_bounded(revocations: Revocations) -> None:
    for _ in range(10_050):
        await revocations.ask_owner(uuid7())
    assert len(revocations._cache) == 10_000


def counted(mode: str) -> float:
    return REGISTRY.get_sample_value("parley_degraded_total", {"mode": mode}) or 0


async def test_a_service_without_redis_is_counted(revocations: Revocations, redis_link: Link) -> None:
    before = counted("revocation_without_redis"), counted("revocation_after_flush")
    await revocations.is_alive(uuid7())
    await redis_link.cut()
    await revocations.is_alive(uuid7())
    after = counted("revocation_without_redis"), counted("revocation_after_flush")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
