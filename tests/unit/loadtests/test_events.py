"""The events benchmark judges what devices were told."""

import pytest

from loadtests.bench.events import Push, WrongPushes, _push, check_pushes, lags

TOKENS = ["one", "other"]
RIGHT = [Push("one", 1, 10.5), Push("other", 1, 10.7), Push("one", 2, 12.0), Push("other", 2, 11.1)]


def test_each_device_once_and_in_order_is_right() -> None:
    check_pushes(RIGHT, TOKENS, [2, 1])


@pytest.mark.parametrize(
    "pushes",
    [RIGHT[:-1], [*RIGHT, Push("one", 1, 13.0)], [RIGHT[2], RIGHT[1], RIGHT[0], RIGHT[3]], RIGHT[::2]],
    ids=["lost", "repeated", "out of order", "a device without any"],
)
def test_anything_else_ends_the_run(pushes: list[Push]) -> None:
    with pytest.raises(WrongPushes):
        check_pushes(pushes, TOKENS, [1, 2])


def test_lag_is_from_the_send_of_the_message_to_each_push() -> None:
    assert lags(RIGHT, {1: 10.0, 2: 11.0}) == pytest.approx([0.1, 0.5, 0.7, 1.0])


def test_welcomes_are_no_messages() -> None:
    assert _push({"token": "one", "received_at": 1.0, "message": {"data": None}}) is None
    assert _push({"token": "one", "received_at": 1.0, "message": {"data": {"seq": "3"}}}) == Push("one", 3, 1.0)
