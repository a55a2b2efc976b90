"""The capacity page is the output of its arithmetic, and the arithmetic is right where one can see it."""

import re

import msgspec
import pytest

from deploy.capacity import __main__ as command
from deploy.capacity.constants import Costs, Engines, costs
from deploy.capacity.document import DOCUMENT, written_anew
from deploy.capacity.model import POD_MIB, Load, needs

# A thousandth of a second for everything, so that one can count.
PLAIN = Costs(1000, 1000, 1000, 1000, 1000, 1, 1, Engines(1000, 1000, 1000, 1000))


def test_the_page_is_what_the_arithmetic_says() -> None:
    assert written_anew(DOCUMENT.read_text()) == DOCUMENT.read_text(), "run `python -m deploy.capacity.document`"


def test_the_constants_on_the_page_are_those_that_were_used() -> None:
    shown = DOCUMENT.read_text().split("## The arithmetic")[1]
    known = costs()
    for value in [
        f"{known.message_us:.0f} µs",
        f"{known.delivery_us:.1f} µs",
        f"{known.frame_us:.1f} µs",
        f"{known.page_us / 1000:.1f} ms",
        f"{known.commit_us:.0f} µs",
        f"{known.socket_kib:.1f} and {known.client_kib:.1f} KiB",
        f"{known.engines.stored_bytes:,.0f} and {known.engines.wal_bytes:,.0f} bytes",
        f"{known.engines.publish_us:.1f} and {known.engines.heard_us:.1f} µs",
    ]:
        assert value in shown


def test_rates_cores_and_bytes_of_a_load_one_can_count() -> None:
    found = needs(Load(3600, messages_per_hour=1, listeners=1, pages_per_hour=0, sockets_per_pod=1800), PLAIN)
    assert (found.messages, found.deliveries) == (1, 2)
    assert found.chat_pods == 2
    assert found.chat_cores == pytest.approx(0.005)  # a message, two deliveries, two pods that hear it
    assert found.gateway_cores == pytest.approx(0.004)  # two deliveries, the send, the acknowledgement
    assert found.postgres_cores == pytest.approx(0.001)
    assert found.redis_cores == pytest.approx(0.003)
    assert found.wal_mb == pytest.approx(0.001)
    assert found.stored_gb == pytest.approx(86_400 / 3 * 1000 / 1e9)
    assert found.chat_mib == POD_MIB + 6  # 1800 sockets of 1 KiB, three times


def test_pods_follow_from_sockets_or_from_cores_whichever_is_more() -> None:
    idle = needs(Load(100_000, messages_per_hour=0, pages_per_hour=0), PLAIN)
    assert (idle.chat_pods, idle.gateway_pods) == (10, 10)
    busy = needs(Load(3_600, messages_per_hour=1000, listeners=1, pages_per_hour=0), PLAIN)
    assert busy.chat_cores == pytest.approx(5)
    assert busy.chat_pods == 10  # half a core each
    assert needs(Load(1), PLAIN).chat_pods == 2  # one may go


def test_ten_times_the_people_need_ten_times_as_much() -> None:
    small, large = needs(Load(1_000_000), costs()), needs(Load(10_000_000), costs())
    for name in ("messages", "chat_cores", "gateway_cores", "postgres_cores", "redis_cores", "stored_gb"):
        assert getattr(large, name) == pytest.approx(10 * getattr(small, name))


def test_the_command_shows_a_column_for_one_load(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--users", "50000", "--sockets-per-pod", "25000"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^\| people connected \| 50,000 \|$", out, re.MULTILINE)
    assert re.search(r"^\| chat: pods \| 2 \|$", out, re.MULTILINE)
    assert len(out.splitlines()) == len(command.ROWS) + 2


def test_the_measured_constants_can_be_read() -> None:
    assert msgspec.json.encode(costs().engines)
    assert all(value > 0 for value in msgspec.structs.astuple(costs().engines))
