"""What leaves the service for traces: names, times, outcomes, and only where that is asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from daemon import telemetry
from daemon.meters import Meters
from tests.kit.postgres import ROOT
from tests.kit.process import clean_environment

CREATED = "2023-11-14T22:13:20+00:00"
CREATED_NS = 1_700_000_000_000_000_000


class Collector:
    """An OTLP collector: what came, by path."""

    def __init__(self) -> None:
        self.came: dict[str, list[bytes]] = {}
        self.url = ""

    def spans(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for body in self.came.get("/v1/traces", []):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        found.setdefault(span.name, []).append(span)
        return found

    def metrics(self) -> set[str]:
        return {
            metric.name
            for body in self.came.get("/v1/metrics", [])
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def running(collector: Collector) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.came.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    with running(made):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


def test_one_trace_per_request(collector: Collector) -> None:
    """All attempts of a request, with their nodes and model calls, hang on one span of the whole,
    which is there once the request has ended."""
    stop = telemetry.start("w1", Meters())
    for outcome in ("retry", "completed"):
        with telemetry.attempt(7, CREATED, {"ai.task_type": "work"}) as ends:
            with telemetry.span("model_call", {"gen_ai.request.model": "m"}) as more:
                more["ai.seconds"] = 0.5
            telemetry.past("node", telemetry.now_ns(), {"ai.node": "read"})
            ends["outcome"] = outcome
    stop()
    spans = collector.spans()
    assert {name: len(found) for name, found in spans.items()} == {
        "request": 1,
        "attempt": 2,
        "model_call": 2,
        "node": 2,
    }
    (request,) = spans["request"]
    assert request.start_time_unix_nano == CREATED_NS
    assert {span.trace_id for found in spans.values() for span in found} == {request.trace_id}
    assert {span.parent_span_id for span in spans["attempt"]} == {request.span_id}
    attempts = {span.span_id for span in spans["attempt"]}
    assert {span.parent_span_id for span in spans["model_call"] + spans["node"]} == attempts


def test_every_metric_is_exported(collector: Collector) -> None:
    """Each metric that Prometheus would find is exported too."""
    meters = Meters()
    meters.know(["work"])
    meters.queue([("work", 3)], 1.0)
    meters.wakeups.labels("hint").inc()
    telemetry.start("w1", meters)()
    assert {"ai_requests_pending", "ai_wakeups_total", "ai_build_info"} <= collector.metrics()


def test_an_error_s_text_stays(collector: Collector) -> None:
    """What an exception says is no part of a span: it may hold a client's data."""
    stop = telemetry.start("w1", Meters())
    with (
        pytest.raises(ValueError, match="planted"),
        telemetry.attempt(7, CREATED, {}),
        telemetry.span("model_call", {}),
    ):
        raise ValueError("planted knee pain")
    stop()
    bodies = b"".join(collector.came["/v1/traces"])
    assert b"model_call" in bodies
    assert b"planted" not in bodies


def test_nothing_without_an_endpoint() -> None:
    """Without an endpoint nothing is loaded and nothing is made."""
    program = """
import sys
from daemon import telemetry
from daemon.meters import Meters
telemetry.start("w1", Meters(), {})()
with telemetry.attempt(7, '', {}) as ends, telemetry.span("x", {}) as more:
    ends["outcome"] = "completed"
    more["a"] = 1
telemetry.past("node", 0, {})
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_missing_extra_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endpoint without the extra is told with the cure, and the service works on."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    telemetry.start("w1", Meters(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"})()
    assert "uv sync --extra telemetry" in capsys.readouterr().out


@pytest.mark.parametrize("log_prompts", [True, False])
def test_langsmith_is_announced(log_prompts: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A start with LangSmith on says what it sends; without LOG_PROMPTS no data is sent."""
    environ = {"LANGCHAIN_TRACING_V2": "true"}
    assert telemetry.announce_langsmith(log_prompts=log_prompts, environ=environ)
    hidden = {"LANGSMITH_HIDE_INPUTS": "true", "LANGSMITH_HIDE_OUTPUTS": "true"}
    assert environ.items() - {("LANGCHAIN_TRACING_V2", "true")} == (
        set() if log_prompts else hidden.items()
    )
    assert ("clients' data" in capsys.readouterr().out) is log_prompts


GRAPH = """
import asyncio, sys
from daemon import telemetry
telemetry.announce_langsmith(log_prompts=sys.argv[1] == "True")
from langchain_core.tracers.langchain import wait_for_all_tracers
from langgraph.graph import StateGraph, START, END
graph = StateGraph(dict)
graph.add_node("read", lambda state: {"knee": state["knee"]})
graph.add_edge(START, "read")
graph.add_edge("read", END)
asyncio.run(graph.compile(name="journey").ainvoke({"knee": "planted"}))
wait_for_all_tracers()
"""


@pytest.mark.parametrize("log_prompts", [True, False])
def test_langsmith_gets_no_more_than_was_said(collector: Collector, log_prompts: bool) -> None:
    """What LangGraph really sends to LangSmith holds clients' data only if LOG_PROMPTS allows."""
    environ = clean_environment() | {
        "LANGCHAIN_TRACING_V2": "true",
        "LANGCHAIN_API_KEY": "made-up",
        "LANGSMITH_ENDPOINT": collector.url,
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
    }
    subprocess.run(
        [sys.executable, "-c", GRAPH, str(log_prompts)],
        cwd=ROOT,
        env=environ,
        check=True,
        timeout=60,
        capture_output=True,
    )
    sent = b"".join(body for bodies in collector.came.values() for body in bodies)
    assert b"journey" in sent
    assert (b"planted" in sent) is log_prompts


def test_langsmith_is_off_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its variable nothing is said of LangSmith, and nothing set."""
    environ: dict[str, str] = {}
    assert not telemetry.announce_langsmith(log_prompts=False, environ=environ)
    assert environ == {}
    assert capsys.readouterr().out == ""
