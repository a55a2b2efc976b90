"""Starting in order, draining, stopping in reverse, whatever the components do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import REGISTRY

from chassis.lifecycle import Closing, Fatal, Lifecycle, Phase


class Part:
    """A component that writes down what happens to it."""

    def __init__(
        self,
        events: list[str],
        name: str,
        starting: Callable[[], Awaitable[object]] | None = None,
        stopping: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._events = events
        self._name = name
        self._starting = starting
        self._stopping = stopping

    async def start(self) -> None:
        self._events.append(f"start {self._name}")
        if self._starting is not None:
            await self._starting()

    async def stop(self) -> None:
        self._events.append(f"stop {self._name}")
        if self._stopping is not None:
            await self._stopping()


async def fail() -> None:
    raise Fatal("it cannot be")


async def hang() -> None:
    await asyncio.Event().wait()


async def cancel_itself() -> None:
    """The usual mistake: awaiting a task that one has cancelled."""
    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    await task


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name)


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    events: list[str] = []
    lifecycle = Lifecycle()
    for name in "abc":
        lifecycle.add(name, Part(events, name))
    phases = [lifecycle.phase]
    await lifecycle.start()
    phases.append(lifecycle.phase)
    await lifecycle.stop()
    phases.append(lifecycle.phase)
    assert phases == [Phase.STARTING, Phase.RUNNING, Phase.STOPPED]
    assert events == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_after_a_failed_start_what_was_touched_is_stopped() -> None:
    events: list[str] = []
    lifecycle = Lifecycle()
    lifecycle.add("a", Part(events, "a"))
    lifecycle.add("b", Part(events, "b", starting=fail))
    lifecycle.add("c", Part(events, "c"))
    with pytest.raises(Fatal):
        await lifecycle.start()
    assert lifecycle.phase is Phase.STARTING
    await lifecycle.stop()
    await lifecycle.stop()
    assert events == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize("stopping", [hang, fail, cancel_itself])
async def test_a_part_that_does_not_stop_does_not_keep_the_others(
    stopping: Callable[[], Awaitable[object]], caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    lifecycle = Lifecycle(stop_seconds=0.05)
    lifecycle.add("a", Part(events, "a"))
    lifecycle.add("bad", Part(events, "bad", stopping=stopping))
    lifecycle.add("c", Part(events, "c"))
    await lifecycle.start()
    async with asyncio.timeout(1):
        await lifecycle.stop()
    assert events[-3:] == ["stop c", "stop bad", "stop a"]
    assert [record.__dict__["component"] for record in caplog.records if record.levelno == logging.ERROR] == ["bad"]


async def test_a_stop_that_is_cancelled_from_outside_ends() -> None:
    events: list[str] = []
    lifecycle = Lifecycle(stop_seconds=60)
    lifecycle.add("a", Part(events, "a"))
    lifecycle.add("b", Part(events, "b", stopping=hang))
    await lifecycle.start()
    stopping = asyncio.create_task(lifecycle.stop())
    while "stop b" not in events:
        await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait({stopping})
    assert stopping.cancelled()


async def test_readiness_names_its_reasons() -> None:
    lifecycle = Lifecycle()
    reason: list[str | None] = [None]
    lifecycle.add_check("redis", lambda: reason[0])
    assert lifecycle.not_ready() == {"phase": "starting"}
    await lifecycle.start()
    assert lifecycle.not_ready() == {}
    assert gauge("parley_ready") == 1
    reason[0] = "deaf"
    assert lifecycle.not_ready() == {"redis": "deaf"}
    assert gauge("parley_ready") == 0
    await lifecycle.stop()
    assert lifecycle.not_ready() == {"phase": "stopped"}


async def test_a_check_that_fails_is_a_reason() -> None:
    lifecycle = Lifecycle()
    lifecycle.add_check("broken", lambda: str(1 // 0))
    await lifecycle.start()
    assert lifecycle.not_ready() == {"broken": "the check failed"}


async def test_draining_says_so_waits_and_then_ends_work_at_once() -> None:
    lifecycle = Lifecycle()
    events: list[str] = []
    loop = asyncio.get_running_loop()

    def drain(name: str) -> Callable[[float], Awaitable[None]]:
        async def run(budget: float) -> None:
            events.append(f"{name} begins with {budget} s, {lifecycle.phase.value}")
            await asyncio.sleep(0)
            events.append(f"{name} ends")

        return run

    lifecycle.on_drain(drain("a"))
    lifecycle.on_drain(drain("b"))
    await lifecycle.start()
    began = loop.time()
    draining = asyncio.create_task(lifecycle.drain(0.1, 7))
    await asyncio.sleep(0)
    assert (lifecycle.not_ready(), events) == ({"phase": "draining"}, [])
    assert (gauge("parley_ready"), gauge("parley_draining")) == (0, 1)
    await draining
    assert loop.time() - began >= 0.1
    assert events == ["a begins with 7 s, draining", "b begins with 7 s, draining", "a ends", "b ends"]


async def test_a_drain_that_fails_or_hangs_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lifecycle = Lifecycle()
    done: list[str] = []

    async def failing(budget: float) -> None:
        raise ValueError

    async def hanging(budget: float) -> None:
        await hang()

    async def good(budget: float) -> None:
        done.append("good")

    for drain in (failing, hanging, good):
        lifecycle.on_drain(drain)
    async with asyncio.timeout(2):
        await lifecycle.drain(0, -4.95)  # five seconds more than the budget are given
    assert done == ["good"]
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 2


async def test_a_start_that_ends_during_the_drain_does_not_make_it_ready() -> None:
    lifecycle = Lifecycle()
    go_on = asyncio.Event()
    lifecycle.add("slow", Part([], "slow", starting=go_on.wait))
    starting = asyncio.create_task(lifecycle.start())
    await asyncio.sleep(0)
    await lifecycle.drain(0, 0)
    go_on.set()
    await starting
    assert lifecycle.not_ready() == {"phase": "draining"}


async def test_closing_closes_in_order() -> None:
    closed: list[int] = []

    def closer(number: int) -> Callable[[], Awaitable[None]]:
        async def close() -> None:
            closed.append(number)

        return close

    component = Closing(closer(1), closer(2))
    await component.start()
    assert closed == []
    await component.stop()
    assert closed == [1, 2]
