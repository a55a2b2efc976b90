"""From what the generator counted to what a process costs."""

import pytest

from loadtests.bench.generator import AtPort, Latency, Load, OfProcess
from loadtests.bench.rig import Server
from loadtests.bench.rows import lines_of

ONE, OTHER = Server("chat-1", 11, 7001), Server("chat-2", 12, 7002)


def load(*ports: AtPort) -> Load:
    processes = [OfProcess(11, 1.0, 50_000, 60_000, 64_500), OfProcess(12, 0.5, 50_000, 60_000, 60_900)]
    return Load(2.0, 1000, 4000, 300.0, Latency(1.0, 0.9, 3.0, 5.0), list(ports), processes)


def test_cpu_time_is_divided_by_the_work_of_the_process() -> None:
    two = load(AtPort(7001, 2, 0, 3000), AtPort(7002, 2, 0, 1000))
    first, second = lines_of(two, "row", "what", [ONE, OTHER], targets={})
    assert first.cpu_us_per_message == pytest.approx(1000)
    assert first.cpu_us_per_delivery == pytest.approx(1e6 / 3000, abs=0.001)
    assert second.cpu_us_per_message == pytest.approx(500)
    assert second.cpu_us_per_delivery == pytest.approx(500)
    assert (first.messages_per_s, first.deliveries_per_s, first.cpu_percent) == (500, 1500, 50)


def test_all_that_went_through_a_gateway_is_the_work_of_each() -> None:
    gateway = Server("gateway", 12, 7009)
    lines = lines_of(load(AtPort(7009, 4, 0, 4000)), "row", "what", [gateway, ONE], targets={}, through=gateway)
    assert [(line.process, line.cpu_us_per_delivery) for line in lines] == [("gateway", 125), ("chat-1", 250)]


def test_memory_is_per_socket_beyond_the_first_tenth() -> None:
    (line,) = lines_of(load(AtPort(7001, 1000, 100, 4000)), "row", "what", [ONE], targets={})
    assert line.idle_kib_per_socket == 5.0


def test_memory_of_few_sockets_is_not_told() -> None:
    (line,) = lines_of(load(AtPort(7001, 200, 20, 4000)), "row", "what", [ONE], targets={})
    assert line.idle_kib_per_socket is None


def test_targets_go_to_the_process_they_are_for() -> None:
    two = load(AtPort(7001, 2, 0, 3000), AtPort(7002, 2, 0, 1000))
    first, second = lines_of(two, "row", "what", [ONE, OTHER], targets={"chat-2": {"cpu_us_per_message": 1.0}})
    assert (first.targets, second.targets) == ({}, {"cpu_us_per_message": 1.0})
