"""OpenTelemetry as the tracer. Imported only where it is configured: an extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workers.traces.tracing import Kind, Span, Value

# In seconds. A collector that is away costs the end of a job no more.
_PATIENCE: Final = 2
_W3C: Final = TraceContextTextMapPropagator()
_HEADER: Final = "traceparent"


class _Span:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def note(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def called(self, name: str) -> None:
        self._span.update_name(name)


class OpenTelemetry:
    """Spans of one part of Unglue. `processor` is given by tests."""

    def __init__(self, part: str, processor: SpanProcessor) -> None:
        about = {"service.name": f"unglue-{part}", "service.version": version("unglue")}
        self._provider = TracerProvider(resource=Resource.create(about))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("unglue")

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str) -> Iterator[Span]:
        """As `tracing.Tracer`. Of an error it keeps the kind alone: its words may be others'."""
        context = _W3C.extract({_HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name,
            context,
            SpanKind[kind.upper()],
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield _Span(span)
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def carried(self) -> str:
        """As `tracing.Tracer`."""
        carrier: dict[str, str] = {}
        if get_current_span().is_recording():
            _W3C.inject(carrier)
        return carrier.get(_HEADER, "")

    def flush(self) -> None:
        """As `tracing.Tracer`."""
        self._provider.force_flush(_PATIENCE * 1000)


def to(endpoint: str, part: str) -> OpenTelemetry:
    """A tracer that sends to a collector by OTLP over HTTP."""
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_PATIENCE)
    return OpenTelemetry(part, BatchSpanProcessor(exporter))
