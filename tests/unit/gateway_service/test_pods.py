"""Which pod is taken, which is left alone, and what happens when the list changes."""

import asyncio
import socket
from typing import Any

import pytest

from chassis.lifecycle import Fatal
from contracts.sockets import pod_mark
from gateway_service import pods as module
from gateway_service.pods import Pods, Resolver, place_of, requests, sockets, split_service
from gateway_service.pool import Pool

PLACES = [("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)]


class Clock:
    """Time that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("gateway_service.pods.time.monotonic", lambda: self.now)
        monkeypatch.setattr("gateway_service.pods.random.uniform", lambda low, high: (low + high) / 2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def make(count: int = 3) -> Pods:
    return Pods("chat", PLACES[:count], Pool)


def test_the_less_loaded_of_two_is_taken() -> None:
    pods = make(2)
    busy, idle = pods.pods
    busy.sockets, idle.sockets = 5, 1
    busy.in_flight, idle.in_flight = 0, 3
    assert {pods.choose(sockets) for _ in range(20)} == {idle}
    assert {pods.choose(requests) for _ in range(20)} == {busy}


def test_the_most_loaded_of_many_is_never_taken() -> None:
    pods = make(3)
    for load, pod in enumerate(pods.pods):
        pod.sockets = load
    taken = [pods.choose(sockets) for _ in range(300)]
    assert pods.pods[2] not in taken
    assert {pods.pods[0], pods.pods[1]} == set(taken)


def test_pods_that_were_tried_are_not_taken_again() -> None:
    pods = make(2)
    first = pods.choose(sockets)
    assert first is not None
    second = pods.choose(sockets, exclude=[first])
    assert second is not None
    assert second is not first
    assert pods.choose(sockets, exclude=[first, second]) is None


def test_a_session_belongs_to_one_pod_however_that_is(clock: Clock) -> None:
    pods = make(3)
    for pod in pods.pods:
        sid = pod_mark(pod.name) + "abc"
        pods.failed(pod)
        assert pods.choose(requests, sid=sid) is pod
        assert pods.choose(requests, sid=sid, exclude=[pod]) is None
    for sid in ("", "abc", pod_mark("10.0.0.4:1") + "abc", pods.pods[0].mark[:7]):
        assert pods.choose(requests, sid=sid) is None


def test_a_pod_that_failed_is_left_alone_for_a_while_longer_each_time(clock: Clock) -> None:
    pods = make(2)
    bad, good = pods.pods
    for seconds in (0.5, 1.0, 2.0):
        pods.failed(bad)
        pods.failed(bad)  # at the same time by another request: no second failure
        assert {pods.choose(sockets) for _ in range(20)} == {good}
        clock.now += seconds + 0.001
        assert bad in {pods.choose(sockets) for _ in range(50)}


def test_a_pod_that_is_full_rests_for_a_moment_that_does_not_grow(clock: Clock) -> None:
    pods = make(2)
    for _ in range(5):
        pods.rest(pods.pods[0])
        assert {pods.choose(sockets) for _ in range(20)} == {pods.pods[1]}
        clock.now += module.REST_SECONDS
    assert pods.pods[0].failures == 0
    assert pods.pods[0] in {pods.choose(sockets) for _ in range(50)}


def test_an_ejection_has_an_upper_bound(clock: Clock) -> None:
    pods = make(2)
    for _ in range(20):
        pods.failed(pods.pods[0])
        clock.now = pods.pods[0].ejected_until
    pods.failed(pods.pods[0])
    assert pods.pods[0].ejected_until - clock.now <= module.LONGEST_EJECTION_SECONDS


def test_a_pod_that_answers_is_forgiven(clock: Clock) -> None:
    pods = make(2)
    pods.failed(pods.pods[0])
    clock.now += 1
    pods.worked(pods.pods[0])
    pods.failed(pods.pods[0])
    assert pods.pods[0].ejected_until - clock.now == 0.5


def test_when_all_are_ejected_the_next_one_due_is_tried(clock: Clock) -> None:
    pods = make(2)
    pods.failed(pods.pods[1])
    clock.now += 0.1
    pods.failed(pods.pods[0])
    assert pods.choose(sockets) is pods.pods[1]


def test_a_change_of_the_list_keeps_what_is_known() -> None:
    pods = make(2)
    kept, gone = pods.pods
    kept.sockets, gone.sockets = 3, 4
    pods.replace([PLACES[0], PLACES[2]])
    assert pods.pods[0] is kept
    assert [pod.place for pod in pods.pods] == [PLACES[0], PLACES[2]]
    assert gone.gone
    assert gone.sockets == 4


async def test_the_last_good_list_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods("chat", [], Pool)
    answers: list[Any] = [
        [(0, 0, 0, "", ("10.0.0.1", 7)), (0, 0, 0, "", ("10.0.0.2", 7))],
        socket.gaierror("no such name"),
        [],
        [(0, 0, 0, "", ("10.0.0.2", 7))],
    ]

    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    resolver = Resolver(pods, "chat.local", 7, 1000)
    await resolver.refresh()
    both = [("10.0.0.1", 7), ("10.0.0.2", 7)]
    assert [pod.place for pod in pods.pods] == both
    await resolver.refresh()
    await resolver.refresh()
    assert [pod.place for pod in pods.pods] == both
    await resolver.refresh()
    assert [pod.place for pod in pods.pods] == [("10.0.0.2", 7)]


@pytest.mark.parametrize("url", ["https://a:1", "http://", "http://a:1/path", "http://a:99999", "a:1", "http://a:1?x"])
def test_a_url_that_is_no_service_ends_the_start(url: str) -> None:
    with pytest.raises(Fatal):
        place_of(url)


def test_places_are_read() -> None:
    assert place_of("http://auth:81/") == ("auth", 81)
    assert place_of("http://auth") == ("auth", 80)
    assert place_of("http://[::1]:81") == ("::1", 81)
    assert split_service("chat-headless:8000") == ("chat-headless", 8000)
    for text in ("chat", ":1", "chat:x", "chat:0", "chat:70000"):
        with pytest.raises(Fatal):
            split_service(text)
