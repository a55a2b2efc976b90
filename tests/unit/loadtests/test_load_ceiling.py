"""The curve: what is too much, what is drawn, what processes used."""

import xml.etree.ElementTree as ElementTree

import pytest

from loadtests.bench.results import Machine
from loadtests.load.ceiling import Ceiling, Stage, drawn, groups, offered, too_much
from loadtests.load.profile import profile
from loadtests.load.usage import Sampler, Used, averaged

MACHINE = Machine(system="Linux", processor="x", cores=2, python="3.11", pinned="", load_average=1.0)


def stage(per_s: float, p99: float = 100.0, errors: float = 0.0) -> Stage:
    used = {"chat, 2 pods": Used(0.5, 80.0), "generator": Used(0.2, 60.0)}
    return Stage(
        pace=1.0,
        offered_per_s=per_s,
        messages_per_s=per_s,
        deliveries_per_s=4 * per_s,
        p50_ms=5.0,
        p95_ms=50.0,
        p99_ms=p99,
        error_ratio=errors,
        used=used,
    )


def ceiling(*stages: Stage) -> Ceiling:
    return Ceiling(started_at="", machine=MACHINE, users=200, seconds=20.0, late_ms=500.0, stages=stages, why="")


def test_late_or_failing_is_too_much() -> None:
    assert too_much(stage(10)) == ""
    assert "600 ms" in too_much(stage(10, p99=600))
    assert "0.20%" in too_much(stage(10, errors=0.002))


def test_the_best_is_the_last_that_was_good() -> None:
    best = ceiling(stage(10), stage(16), stage(25.6, p99=900)).best
    assert best is not None and best.offered_per_s == 16
    assert ceiling(stage(10, p99=900)).best is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_picture_has_labelled_axes_and_all_lines(count: int) -> None:
    svg = drawn(ceiling(*(stage(10 * 1.6**step, p99=100 * 2**step) for step in range(count))))
    root = ElementTree.fromstring(svg)
    words = " ".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text"))
    for label in ("p50", "p95", "p99", "limit of p99", "ms", "cores in use, of 2", "MiB", "chat, 2 pods", "generator"):
        assert label in words
    assert "nan" not in svg


def test_what_people_want_to_send_follows_from_the_profile() -> None:
    told = profile()
    each = (7 * told.websocket["say"] + 2 * told.http["say"] + told.socketio["say"]) / 10 / 60
    assert offered(100, 3.0, told) == pytest.approx(300 * each)


def test_use_is_that_of_the_middle_of_a_run() -> None:
    samples = [(float(second), {"chat": (0.5 * second if second > 3 else 0.0, 100.0)}) for second in range(11)]
    assert averaged(samples) == {"chat": Used(cores=0.5, mib=100.0)}
    assert averaged([]) == {}


def test_every_process_is_in_one_group() -> None:
    found = groups({"gateway": 1, "chat-1": 2, "chat-2": 3, "postgres": 4, "auth": 5}, 9)
    assert found["chat, 2 pods"] == [2, 3]
    assert found["all other services"] == [5]
    assert sorted(pid for pids in found.values() for pid in pids) == [1, 2, 3, 4, 5, 9]


def test_what_a_process_has_used_stays_counted_when_it_has_ended() -> None:
    sampler = Sampler(dict)
    for seconds in ({1: 5.0, 2: 3.0}, {1: 6.0}, {1: 7.0, 3: 0.5}):
        sampler._count("engines", seconds)
    assert sampler._totals == {"engines": 10.5}
