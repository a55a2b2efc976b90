"""Traces, by OpenTelemetry over OTLP. Off unless OTEL_TRACES_EXPORTER says so; then nothing of it is imported.

A trace of ours has a UUIDv7 as its id, and a message that is sent takes the id of its trace: whoever meets the message
later, another pod that hears its bell or the worker that pushes it, knows the trace by it, and whether it is sampled,
which depends on the id and the settings only. So nothing has to be carried in bells, rows and events, and nothing is
paid for by what is not traced.
"""

import contextvars
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from . import logs
from .ids import uuid7
from .settings import ServiceSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Span, SpanContext

logger = logging.getLogger(__name__)

HEADER = b"traceparent"  # https://www.w3.org/TR/trace-context/
_HALF = (1 << 64) - 1
_RANDOM = (1 << 62) - 1  # the last bits of a UUID, behind those that tell its kind
_MOST_SENDS = 10_000  # of requests whose message is not stored yet

current: "Tracing | None" = None  # of this process; None while tracing is off
_request: contextvars.ContextVar["Request | None"] = contextvars.ContextVar("traced_request", default=None)


class Request:
    """The request that is being answered."""

    __slots__ = ("sent", "span")

    def __init__(self, span: "Span") -> None:
        self.span = span
        self.sent = False  # it has given its id to a message


class Ids:
    """Makes ids, of ours or as it was told to for the next span."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        """A trace id."""
        told, self.trace = self.trace, 0
        return told or uuid7().int

    def generate_span_id(self) -> int:
        """A span id."""
        told, self.span = self.span, 0
        return told or uuid7().int & _HALF

    def is_trace_id_random(self) -> bool:
        """Its last bits are."""
        return True


class Tracing:
    """The spans of this process.

    Arguments:
        settings: which service, where spans go, how many are kept.
        exporter: another one than OTLP, which gets each span at once.
    """

    def __init__(self, settings: ServiceSettings, exporter: "SpanExporter | None" = None) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider, sampling
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        kinds = {
            "always_on": sampling.ALWAYS_ON,
            "always_off": sampling.ALWAYS_OFF,
            "traceidratio": _ratio(settings.otel_traces_sampler_arg),
        }
        self._root = kinds[settings.otel_traces_sampler.removeprefix("parentbased_")]
        is_by_parent = settings.otel_traces_sampler.startswith("parentbased_")
        self._ids = Ids()
        about = {"service.name": settings.service_name, "service.instance.id": settings.pod_name}
        self._provider = TracerProvider(
            sampler=sampling.ParentBased(self._root) if is_by_parent else self._root,
            resource=Resource.create({**about, **dict(_pairs(settings.otel_resource_attributes))}),
            id_generator=self._ids,  # type: ignore[arg-type]
            shutdown_on_exit=False,
        )
        if exporter is None:
            self._provider.add_span_processor(BatchSpanProcessor(_otlp(settings)))
        else:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("parley")
        self._sends: OrderedDict[UUID, SpanContext] = OrderedDict()

    def close(self, seconds: float = 5.0) -> None:
        """Send what is left, for so long at most."""
        self._provider.force_flush(int(seconds * 1000))
        self._provider.shutdown()

    # --- requests -----------------------------------------------------------------------------------------------------

    def begin(self, scope: Mapping[str, Any]) -> "Span":
        """A request has come; the span goes on with what the gateway has begun."""
        from opentelemetry.trace import SpanKind, format_trace_id

        parent = next((value for name, value in scope["headers"] if name == HEADER), b"")
        before = _context_of(parent.decode("latin-1"))
        span = self._tracer.start_span(scope.get("method", "WEBSOCKET"), before, SpanKind.SERVER)
        _request.set(Request(span))
        context = span.get_span_context()
        logs.trace_id.set(format_trace_id(context.trace_id) if context.trace_flags.sampled else "")
        return span

    @staticmethod
    def finish(span: "Span", method: str, route: str, status: int) -> None:
        """It has been answered."""
        from opentelemetry.trace import StatusCode

        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()

    # --- messages -----------------------------------------------------------------------------------------------------

    def message_id(self) -> UUID:
        """For a message that the request sends: the id of its trace, once."""
        request = _request.get()
        if request is None or request.sent:
            return uuid7()
        context = request.span.get_span_context()
        identifier = UUID(int=context.trace_id)
        if identifier.version != 7:  # a trace of somebody else's
            return uuid7()
        request.sent = True
        self._sends[identifier] = context
        if len(self._sends) > _MOST_SENDS:
            self._sends.popitem(last=False)
        return identifier

    def sampled(self, message_id: UUID) -> bool:
        """Whether the trace of a message is kept; every process with the same settings says the same."""
        from opentelemetry.sdk.trace.sampling import Decision

        context = self._sends.get(message_id)
        if context is not None:
            return bool(context.trace_flags.sampled)
        return self._root.should_sample(None, message_id.int, "").decision is Decision.RECORD_AND_SAMPLE

    def sent(self, message_id: UUID, seconds: float, attributes: Mapping[str, Any]) -> None:
        """A message is stored, so long after it was accepted: the span that what follows from it belongs to."""
        from opentelemetry import trace
        from opentelemetry.context import Context

        self._ids.trace, self._ids.span = message_id.int, message_id.int & _HALF
        parent = self._sends.pop(message_id, None)
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else Context()
        now = time.time_ns()
        span = self._tracer.start_span("send message", context, start_time=now - int(seconds * 1e9))
        self._ids.trace = self._ids.span = 0
        span.set_attributes(dict(attributes))
        span.end(now)

    def followed(self, message_id: UUID, name: str, seconds: float, attributes: Mapping[str, Any]) -> None:
        """Something was done with a message, here or on another pod; it took so long and is over."""
        from opentelemetry import trace

        sender = trace.SpanContext(
            message_id.int,
            message_id.int & _HALF,
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
        now = time.time_ns()
        context = trace.set_span_in_context(trace.NonRecordingSpan(sender))
        span = self._tracer.start_span(name, context, start_time=now - int(seconds * 1e9), attributes=dict(attributes))
        span.end(now)


def configure(settings: ServiceSettings) -> None:
    """Turn tracing on, if the settings say so."""
    global current
    if settings.otel_traces_exporter == "otlp" and settings.otel_sdk_disabled != "true":
        current = Tracing(settings)
        logger.info("traces are sent", extra={"endpoint": settings.otel_exporter_otlp_endpoint})


def message_id() -> UUID:
    """An id for a message that the request sends."""
    return uuid7() if current is None else current.message_id()


def traceparent() -> bytes:
    """For a request that is made because of the one that is being answered; empty while tracing is off."""
    request = None if current is None else _request.get()
    if request is None:
        return b""
    context = request.span.get_span_context()
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)


def _ratio(share: float) -> "Sampler":
    """The SDK's sampler by ratio looks at the first of the last 64 bits, which are always the same in a UUID."""
    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

    bound = round(share * (_RANDOM + 1))

    class Ratio(Sampler):
        def should_sample(self, parent_context: Any, trace_id: int, *_: Any, **__: Any) -> SamplingResult:
            kept = trace_id & _RANDOM < bound
            return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP)

        def get_description(self) -> str:
            return f"Ratio{{{share}}}"

    return Ratio()


def _context_of(parent: str) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent}, Context())


def _otlp(settings: ServiceSettings) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    logging.getLogger("opentelemetry").setLevel("ERROR")
    base = settings.otel_exporter_otlp_endpoint.rstrip("/")
    return OTLPSpanExporter(f"{base}/v1/traces", headers=dict(_pairs(settings.otel_exporter_otlp_headers)))


def _pairs(items: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name.strip(), value.strip()) for name, _, value in (item.partition("=") for item in items)]
