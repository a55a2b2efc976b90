"""UUIDv7: ordered, unique, well-formed; and which text is an id."""

import threading
import time
import uuid
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import ids
from chassis.ids import parse_uuid, uuid7


class Clock:
    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def time_ns(self) -> int:
        return self.milliseconds * 1_000_000 + 999_999


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that is ahead of all ids made so far."""
    clock = Clock(ids._last_ms + 1_000_000)
    monkeypatch.setattr(ids, "time", clock)
    monkeypatch.setattr(ids, "_last_ms", ids._last_ms)
    monkeypatch.setattr(ids, "_counter", ids._counter)
    return clock


def milliseconds(value: UUID) -> int:
    return value.int >> 80


def test_an_id_is_a_version_7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= milliseconds(made) <= time.time_ns() // 1_000_000 + 10


def test_a_burst_is_unique_and_ascending() -> None:
    burst = [uuid7() for _ in range(10_000)]
    assert burst == sorted(set(burst))
    assert {made.version for made in burst} == {7}
    assert [str(made) for made in burst] == sorted(str(made) for made in burst)


def test_a_millisecond_has_room_for_two_thousand(clock: Clock) -> None:
    burst = [uuid7() for _ in range(2_048)]
    assert {milliseconds(made) for made in burst} == {clock.milliseconds}


def test_a_full_millisecond_borrows_from_the_next(clock: Clock) -> None:
    burst = [uuid7() for _ in range(10_000)]
    assert burst == sorted(set(burst))
    assert {milliseconds(made) for made in burst} <= {clock.milliseconds + ahead for ahead in range(4)}
    clock.milliseconds += 1
    assert uuid7() > burst[-1]


def test_a_clock_that_goes_back_does_not_turn_the_order_round(clock: Clock) -> None:
    first = uuid7()
    clock.milliseconds -= 5_000
    second = uuid7()
    clock.milliseconds += 5_001
    third = uuid7()
    assert first < second < third


def test_a_new_millisecond_begins_anywhere_in_its_lower_half(clock: Clock) -> None:
    starts = []
    for _ in range(64):
        clock.milliseconds += 1
        starts.append(uuid7().int >> 64 & 0xFFF)
    assert max(starts) < 0x800
    assert len(set(starts)) > 32


def test_two_ids_share_no_random_bits() -> None:
    mask = (1 << 62) - 1
    assert len({uuid7().int & mask for _ in range(1_000)}) == 1_000


def test_threads_do_not_get_the_same() -> None:
    made: list[UUID] = []

    def make() -> None:
        made.extend([uuid7() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000


@given(st.uuids())
def test_the_usual_spelling_is_read(value: UUID) -> None:
    assert parse_uuid(str(value)) == value
    assert parse_uuid(str(value).upper()) == value


GOOD = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.replace("-", ""),
        "{" + GOOD[1:-1] + "}",
        f"urn:uuid:{GOOD}",
        GOOD[:-1],
        GOOD + "0",
        GOOD[:-1] + "g",
        GOOD[:-1] + "\n",
        " " + GOOD[1:],
        GOOD.replace("-", "_"),
        "01890a5da-c96-774b-bcce-b302099a8057",
        GOOD.replace("0", "\uff10"),
        GOOD.replace("0", "\u0660"),
        "0x" + GOOD[2:],
        "\x00" * 36,
        "-" * 36,
    ],
)
def test_no_other_spelling_is(text: str) -> None:
    assert parse_uuid(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF-{}urnid:_ ", min_size=36, max_size=36))
def test_no_text_is_an_error(text: str) -> None:
    value = parse_uuid(text)
    assert value is None or str(value) == text.lower()
