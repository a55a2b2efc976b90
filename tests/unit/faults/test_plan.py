"""Schedules."""

from tests.faults.plan import ALL, SECONDS, SHORT, Planned, make_plan


def faults(seed: int, seconds: float) -> list[Planned]:
    return [fault for one in make_plan(seed, seconds) for fault in one.faults]


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert make_plan(1, 600) == make_plan(1, 600)
    assert make_plan(1, 600) != make_plan(2, 600)


def test_ten_minutes_break_sixty_things_and_everything_at_least_once() -> None:
    for seed in range(20):
        plan = faults(seed, 600)
        assert len(plan) >= 60
        assert {(fault.kind, fault.target) for fault in plan} == set(ALL)
        assert [fault.number for fault in plan] == list(range(1, len(plan) + 1))


def test_faults_overlap_and_none_touches_what_another_has_broken() -> None:
    for one in make_plan(1, 3600):
        touched = [name for fault in one.faults for name in fault.touches]
        assert len(touched) == len(set(touched))
    assert any(len(one.faults) >= 4 for one in make_plan(1, 3600))


def test_every_fault_lasts_as_long_as_its_kind_may() -> None:
    for fault in faults(3, 3600):
        least, most = SECONDS[fault.kind]
        assert least <= fault.seconds <= most
    assert max(fault.seconds for fault in faults(3, 3600) if fault.kind == "stop") > 20


def test_the_short_plan_breaks_enough_things_that_are_there() -> None:
    plan = [fault for one in SHORT for fault in one.faults]
    assert len(plan) >= 6
    assert {(fault.kind, fault.target) for fault in plan} <= set(ALL)


def test_the_last_round_is_a_rolling_restart_alone() -> None:
    [last] = make_plan(5, 600)[-1].faults
    assert (last.kind, last.target) == ("rolling", "chat")


def test_a_plan_may_be_of_some_kinds_only() -> None:
    plan = [fault for one in make_plan(1, 100, ["rolling", "storm"]) for fault in one.faults]
    assert {fault.kind for fault in plan} == {"rolling", "storm"}
