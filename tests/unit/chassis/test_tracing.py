"""Traces: what belongs together, and that nothing is done while they are off."""

import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import logs, tracing
from chassis.ids import uuid7
from chassis.settings import ServiceSettings, SettingsError, load
from chassis.tracing import Tracing


def made(exporter: InMemorySpanExporter, **settings: str) -> Tracing:
    return Tracing(load(ServiceSettings, {f"OTEL_{name.upper()}": value for name, value in settings.items()}), exporter)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def on(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracing]:
    traces = made(exporter)
    monkeypatch.setattr(tracing, "current", traces)
    yield traces
    traces.close()


def scope(parent: bytes = b"") -> dict[str, object]:
    return {"method": "POST", "headers": [(b"traceparent", parent)] if parent else []}


def test_a_message_has_the_id_of_the_trace_of_its_request_once(on: Tracing) -> None:
    span = on.begin(scope())
    first, second = tracing.message_id(), tracing.message_id()
    assert first.int == span.get_span_context().trace_id
    assert second != first
    assert {first.version, second.version} == {7}


def test_what_follows_a_message_anywhere_is_below_its_sending(
    on: Tracing, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = on.begin(scope())
    message_id = tracing.message_id()
    on.sent(message_id, 0.01, {})
    on.finish(request, "POST", "/messages", 201)
    elsewhere = InMemorySpanExporter()
    made(elsewhere).followed(message_id, "deliver message", 0.001, {"parley.sessions": 3})
    sent, answered = exporter.get_finished_spans()
    (delivered,) = elsewhere.get_finished_spans()
    assert [span.name for span in (answered, sent, delivered)] == ["POST /messages", "send message", "deliver message"]
    assert {span.context.trace_id for span in (answered, sent, delivered) if span.context} == {message_id.int}
    assert sent.parent is not None and answered.context is not None and sent.parent.span_id == answered.context.span_id
    assert delivered.parent is not None and sent.context is not None
    assert delivered.parent.span_id == sent.context.span_id


def test_the_request_of_a_gateway_goes_on_in_the_service(on: Tracing) -> None:
    on.begin(scope())
    header = tracing.traceparent()
    inner = on.begin(scope(header)).get_span_context()
    assert header.decode().split("-")[1] == f"{inner.trace_id:032x}"
    assert tracing.message_id().int == inner.trace_id
    assert logs.trace_id.get() == f"{inner.trace_id:032x}"


@pytest.mark.parametrize("parent", [b"nonsense", b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01"])
def test_a_header_of_no_use_begins_a_trace_of_its_own(parent: bytes, on: Tracing) -> None:
    assert UUID(int=on.begin(scope(parent)).get_span_context().trace_id).version == 7


def test_a_trace_of_somebody_else_gives_no_message_its_id(on: Tracing) -> None:
    on.begin(scope(b"00-" + b"a" * 32 + b"-" + b"1" * 16 + b"-01"))
    assert tracing.message_id().hex != "a" * 32


def test_all_processes_agree_on_which_messages_are_kept() -> None:
    one, other = (
        made(InMemorySpanExporter(), traces_sampler="parentbased_traceidratio", traces_sampler_arg="0.5")
        for _ in range(2)
    )
    ids = [uuid7() for _ in range(400)]
    kept = [one.sampled(message_id) for message_id in ids]
    assert kept == [other.sampled(message_id) for message_id in ids]
    assert 100 < sum(kept) < 300


def test_what_is_not_kept_is_not_told(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = made(exporter, traces_sampler="always_off")
    traces.finish(traces.begin(scope()), "GET", "/", 200)
    assert not traces.sampled(uuid7())
    assert exporter.get_finished_spans() == ()
    assert logs.trace_id.get() == ""


def test_tracing_is_off_unless_it_is_asked_for() -> None:
    tracing.configure(ServiceSettings())
    assert tracing.current is None
    assert tracing.traceparent() == b""
    assert tracing.message_id().version == 7


def test_a_process_without_traces_does_not_even_import_what_makes_them() -> None:
    code = "import sys, chat_service.app; sys.exit('opentelemetry.sdk.trace' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_sampler_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match="OTEL_TRACES_SAMPLER"):
        load(ServiceSettings, {"OTEL_TRACES_SAMPLER": "sometimes"})
