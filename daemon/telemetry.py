"""Traces and metrics for whoever collects them; nothing at all for whoever does not.

**OpenTelemetry**, with the extra ``telemetry`` and ``OTEL_EXPORTER_OTLP_ENDPOINT`` (and the other
variables of its own): a span per request, attempt, node and model call, and every metric of
``daemon.meters``. Names, times, sizes and outcomes only: no prompt, no answer, no input.

All attempts of a request share one trace, whichever daemon ran them and however long they were
apart: its id is made from the request's, so no daemon has to hand it on. The span ``request``,
from insert to end, is written by whoever ends it.

**LangSmith** is switched on by its own variable, ``LANGCHAIN_TRACING_V2``, which LangGraph obeys
by itself. It sends what goes into and comes out of every node: clients' data. So a start with it
on says so, and with ``LOG_PROMPTS=false`` inputs and outputs are hidden.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from daemon.log import get_logger
from daemon.meters import Meters

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LANGSMITH_SWITCHES = ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGSMITH_TRACING_V2")
LANGSMITH_HIDES = ("LANGSMITH_HIDE_INPUTS", "LANGSMITH_HIDE_OUTPUTS")
ENDS = frozenset({"completed", "failed", "refused", "cancelled"})
STOP_SECONDS = 5.0

Attributes = Mapping[str, str | int | float | bool]
Stop = Callable[[], None]

log = get_logger(__name__)

_tracer: Any = None
_ids: Any = None


def start(worker_id: str, meters: Meters, environ: Mapping[str, str] = os.environ) -> Stop:
    """Export spans and metrics if an endpoint is set; returns what ends that and flushes.

    An endpoint without the extra is said once, and nothing is exported.
    """
    if not any(environ.get(name) for name in ENDPOINTS):
        return lambda: None
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        log.warning(
            "telemetry_unavailable",
            reason="OTEL_EXPORTER_OTLP_ENDPOINT is set, the extra is not installed",
            hint="uv sync --extra telemetry",
        )
        return lambda: None
    return _start(worker_id, meters)


def _start(worker_id: str, meters: Meters) -> Stop:
    global _tracer, _ids  # noqa: PLW0603 - one exporter per process, reached from everywhere
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {"service.name": "ai-orchestrator", "service.instance.id": worker_id}
    )
    _ids = _Ids()
    traces = TracerProvider(resource=resource, id_generator=_ids.generator())
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    metrics = MeterProvider([reader], resource=resource)
    _bridge(metrics.get_meter("ai-orchestrator"), meters)
    _tracer = traces.get_tracer("ai-orchestrator")
    log.info("telemetry_exported")

    def stop() -> None:
        global _tracer  # noqa: PLW0603
        _tracer = None
        traces.force_flush(int(STOP_SECONDS * 1000))
        traces.shutdown()
        metrics.shutdown(STOP_SECONDS * 1000)

    return stop


@contextmanager
def attempt(
    request_id: int, created_at_iso: str, attributes: Attributes
) -> Iterator[dict[str, Any]]:
    """A span around one attempt. Put ``outcome`` into what it yields; at the request's end the
    span of the whole request is written too, from its insert on."""
    ends: dict[str, Any] = {}
    if _tracer is None:
        yield ends
        return
    from opentelemetry import trace

    root = _ids.root(request_id)
    parent = trace.set_span_in_context(trace.NonRecordingSpan(root))
    with _tracer.start_as_current_span(
        "attempt",
        parent,
        attributes={"ai.request_id": request_id, **attributes},
        record_exception=False,  # its text may hold a client's data
        set_status_on_exception=False,
    ) as opened:
        try:
            yield ends
        finally:
            opened.set_attributes(ends)
    if ends.get("outcome") in ENDS:
        ended(request_id, created_at_iso, {**attributes, **ends})


def ended(request_id: int, created_at_iso: str, attributes: Attributes) -> None:
    """The span of a whole request, from its insert to now.

    An attempt writes it itself where its outcome is the request's end; whether a retry was the
    last one is known only once it is committed.
    """
    if _tracer is None:
        return
    from opentelemetry import trace

    with _ids.forced(_ids.root(request_id)):
        whole = _tracer.start_span(
            "request",
            trace.set_span_in_context(trace.INVALID_SPAN),
            start_time=int(datetime.fromisoformat(created_at_iso).timestamp() * 1e9),
            attributes={"ai.request_id": request_id, **attributes},
        )
    whole.end()


@contextmanager
def span(name: str, attributes: Attributes) -> Iterator[dict[str, Any]]:
    """A span inside the current one; put further attributes into what it yields."""
    more: dict[str, Any] = {}
    if _tracer is None:
        yield more
        return
    with _tracer.start_as_current_span(
        name,
        attributes=dict(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield more
        finally:
            opened.set_attributes(more)


def past(name: str, started_ns: int, attributes: Attributes) -> None:
    """A span inside the current one that began at ``started_ns`` and ends now."""
    if _tracer is not None:
        _tracer.start_span(name, start_time=started_ns, attributes=dict(attributes)).end()


def now_ns() -> int:
    """The time that spans are in: nanoseconds since 1970."""
    return time.time_ns()


class _Ids:
    """Ids of traces and spans: a request's own are made from its id, all others are random."""

    def __init__(self) -> None:
        self._forced: Any = None

    def generator(self) -> Any:
        """What the library asks for ids; nobody is awaited between forcing and asking."""
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        ids = self

        class Generator(RandomIdGenerator):
            def generate_trace_id(self) -> int:
                forced = ids._forced
                return int(forced.trace_id) if forced else super().generate_trace_id()

            def generate_span_id(self) -> int:
                forced = ids._forced
                return int(forced.span_id) if forced else super().generate_span_id()

        return Generator()

    def root(self, request_id: int) -> Any:
        """The context of a request's own span."""
        from opentelemetry.trace import SpanContext, TraceFlags

        digest = hashlib.sha256(f"ai_requests:{request_id}".encode()).digest()
        return SpanContext(
            int.from_bytes(digest[:16]),
            int.from_bytes(digest[16:24]),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )

    @contextmanager
    def forced(self, context: Any) -> Iterator[None]:
        """The next span gets these ids."""
        self._forced = context
        try:
            yield
        finally:
            self._forced = None


def _bridge(meter: Any, meters: Meters) -> None:
    """Every metric of ours, read when it is exported; histograms as their count and sum."""
    from opentelemetry.metrics import CallbackOptions, Observation

    def reading(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            for family in meters.registry.collect():
                for sample in family.samples:
                    if sample.name == name:
                        yield Observation(sample.value, dict(sample.labels))

        return read

    for family in meters.registry.collect():
        if family.type == "gauge":
            meter.create_observable_gauge(family.name, [reading(family.name)])
        elif family.type == "counter":
            name = f"{family.name}_total"
            meter.create_observable_counter(name, [reading(name)])
        elif family.type == "histogram":
            for part in ("count", "sum"):
                name = f"{family.name}_{part}"
                meter.create_observable_counter(name, [reading(name)])


def announce_langsmith(
    *, log_prompts: bool, environ: MutableMapping[str, str] = os.environ
) -> bool:
    """Say what LangSmith would be sent, if it is switched on; returns whether it is.

    To be called before LangGraph is loaded: its client reads the variables once.
    """
    on = any(environ.get(name, "").lower() == "true" for name in LANGSMITH_SWITCHES)
    if not on:
        return False
    if not log_prompts:
        for name in LANGSMITH_HIDES:
            environ[name] = "true"
    hidden = all(environ.get(name) == "true" for name in LANGSMITH_HIDES)
    log.warning(
        "langsmith_on",
        sends="names, times and errors of every node and model call"
        if hidden
        else "input and output of every node and model call: clients' data, prompts, answers",
        hint="LANGCHAIN_TRACING_V2=false sends nothing; LOG_PROMPTS=false hides the data",
    )
    return True
