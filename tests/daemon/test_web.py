"""The open core over real HTTP: JSON always, no surprise for clumsy callers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from daemon.meters import Meters
from daemon.web import answers, site
from daemon.web.api.models import FeedbackBody
from daemon.web.site import Site
from daemon.web.status import Vitals, build


@pytest.fixture
async def vitals() -> Vitals:
    return Vitals("worker", "ready", lambda: True, lambda: True)


@pytest.fixture
async def meters() -> Meters:
    return Meters()


@pytest.fixture
async def client(vitals: Vitals, meters: Meters) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running site."""
    app = build(vitals, meters)

    async def broken(_: aiohttp.web.Request) -> aiohttp.web.Response:
        raise RuntimeError("secret")

    async def takes(request: aiohttp.web.Request) -> aiohttp.web.Response:
        await answers.body_of(request, FeedbackBody)
        return aiohttp.web.Response()

    app.router.add_get("/api/broken", broken)
    app.router.add_post("/api/takes", takes)
    server = Site(app, 0)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session
    await server.stop()


async def test_healthy(client: aiohttp.ClientSession) -> None:
    """A working daemon says healthy under every name of the route."""
    for path in ("/health", "/api/health", "/healthz"):
        async with client.get(path) as answer:
            assert answer.status == 200
            body = await answer.json()
            assert body["status"] == "healthy"
            assert {"service", "version"} <= set(body)


async def test_deaf_listener_is_degraded_not_down(
    client: aiohttp.ClientSession, vitals: Vitals
) -> None:
    """Polling around a deaf listener is 200 and degraded, and it still takes work."""
    vitals.listening = lambda: False
    async with client.get("/health") as answer:
        body = await answer.json()
        assert (answer.status, body["status"], body["listener"]) == (200, "degraded", "polling")
    async with client.get("/ready") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("state", ["starting", "draining"])
async def test_not_ready(client: aiohttp.ClientSession, vitals: Vitals, state: str) -> None:
    """Starting and draining are not ready, and healthy."""
    vitals.state = state  # type: ignore[assignment]
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"] == [state]
    async with client.get("/health") as answer:
        assert answer.status == 200


async def test_double_slash_is_tolerated(client: aiohttp.ClientSession) -> None:
    """//api/health is /api/health, without a redirect."""
    base = str(client._base_url).rstrip("/")
    for path, status in (("//api/health", 200), ("//api/nothing", 404)):
        async with aiohttp.request("GET", base + path, allow_redirects=False) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/nowhere", 404, "not_found"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("GET", "/api/broken", 500, "internal_error"),
    ],
)
async def test_errors_are_json(
    client: aiohttp.ClientSession, method: str, path: str, status: int, code: str
) -> None:
    """An error has a code and a hint, and shows nothing of our insides."""
    async with client.request(method, path) as answer:
        body = await answer.json()
        assert (answer.status, body["code"]) == (status, code)
        assert set(body) == {"error", "code", "hint"}
        assert "secret" not in str(body)


async def test_metrics_are_prometheus_text(client: aiohttp.ClientSession, meters: Meters) -> None:
    """Unregistered task types share one label: no client can make up new ones."""
    meters.know(["known"])
    meters.queue([("known", 2), ("x'; DROP", 3), ("y", 4)], 1.5)
    async with client.get("/metrics") as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'ai_requests_pending{task_type="known"} 2.0' in text
    assert 'ai_requests_pending{task_type="unknown"} 7.0' in text
    assert "ai_oldest_pending_seconds 1.5" in text
    assert "DROP" not in text
    assert "ai_build_info{" in text


async def test_every_documented_metric_is_there(client: aiohttp.ClientSession) -> None:
    """Dashboards are written against these names."""
    names = """ai_requests_total ai_request_seconds ai_queue_wait_seconds ai_requests_pending
        ai_oldest_pending_seconds ai_llm_calls_total ai_llm_tokens_total ai_llm_cost_usd_total
        ai_listener_connected ai_listener_reconnects_total ai_leases_lost_total
        ai_superseded_cost_usd_total ai_healing_actions_total ai_build_info"""
    async with client.get("/metrics") as answer:
        text = await answer.text()
    for name in names.split():
        family = name.removesuffix("_total") if f"# TYPE {name} " not in text else name
        assert f"# TYPE {family} " in text, name


async def test_who_never_asks_is_hung_up_on(
    vitals: Vitals, meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections without a request do not pile up; one whose call takes long is left alone."""
    monkeypatch.setattr(site, "HEAD_SECONDS", 0.1)
    app = build(vitals, meters)
    finish = asyncio.Event()

    async def slow(_: aiohttp.web.Request) -> aiohttp.web.Response:
        await finish.wait()
        return aiohttp.web.Response(text="done")

    app.router.add_get("/slow", slow)
    server = Site(app, 0)
    await server.start()
    try:
        asking, asks = await asyncio.open_connection("127.0.0.1", server.port)
        asks.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        for begun in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-More: "):
            silent, holds = await asyncio.open_connection("127.0.0.1", server.port)
            holds.write(begun)
            async with asyncio.timeout(30):
                assert await silent.read() == b""
            holds.close()
        finish.set()
        async with asyncio.timeout(30):
            assert b"200 OK" in await asking.readline()
        asks.close()
    finally:
        await server.stop()


async def test_a_body_that_does_not_come_is_not_waited_for(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a body holds nothing up for ever."""
    monkeypatch.setattr(answers, "BODY_SECONDS", 0.1)
    never = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with asyncio.timeout(30), client.post("/api/takes", data=half()) as answer:
        assert (answer.status, (await answer.json())["code"]) == (408, "too_slow")


async def test_what_strangers_send_is_no_error_of_ours(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that is not encoded as it says, and what is no HTTP, are refused without a stack."""
    caplog.set_level(logging.WARNING)
    async with client.post(
        "/api/takes", data=b"hello", headers={"Content-Encoding": "gzip"}
    ) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_body")
        reading, writing = await asyncio.open_connection(answer.url.host, answer.url.port)
    writing.write(b"GET /health HTTP/1.1\r\nHost: x\r\nNo header\r\n\r\n")
    async with asyncio.timeout(30):
        assert b" 400 " in await reading.readline()
    writing.close()
    assert [record.getMessage() for record in caplog.records] == []
