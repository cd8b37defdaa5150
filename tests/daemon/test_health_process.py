"""What a process measures of itself and of the world around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from psycopg_pool import AsyncConnectionPool

from agents.health.judge import judge
from daemon import statements
from daemon.health import main_app, session
from daemon.health.checker import Checker, Memory
from daemon.health.late import LATE, late
from daemon.health.process import (
    CANARY,
    MEMORY,
    POOL_WAIT,
    Hearing,
    LoopLag,
    Measured,
    canary_probe,
    configured_probe,
    memory,
    pool_probe,
)
from daemon.health.session import Session
from tests.daemon.health_world import unhurried
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually

NOW = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)


def cgroup(folder: Path, *, used: int, limit: str, cache: int) -> Path:
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\n")
    return folder


def test_memory(tmp_path: Path) -> None:
    """The share of the container's limit counts, without file cache that can go."""
    measured = memory(cgroup(tmp_path, used=970, limit="1000", cache=100))
    assert measured.value == 87.0
    assert judge(MEMORY, measured.value).status == "warning"
    assert memory(cgroup(tmp_path, used=970, limit="max", cache=0)).value is None
    assert memory(tmp_path / "nowhere").value is None


def test_loop_lag() -> None:
    """The worst of the last minute counts, and is forgotten after it."""
    clock = [100.0]
    lag = LoopLag(lambda: clock[0])
    lag.late(0.5)
    lag.late(3.0)
    lag.late(0.1)
    assert lag.worst_seconds() == 3.0
    clock[0] += 61
    lag.late(0.2)
    assert lag.worst_seconds() == 0.2


async def test_loop_lag_is_seen() -> None:
    """A call that holds the event loop up is measured."""
    import time

    lag = LoopLag()
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251 - the very fault
    await eventually(lambda: lag.worst_seconds() > 0.2, what="the lag is seen")
    measuring.cancel()


async def test_what_a_start_held_up_is_forgotten() -> None:
    """Loading packages holds the loop up before there is work; that halves no daemon's slots."""
    import time

    lag = LoopLag()
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251 - as a start does
    lag.late(0.3)
    lag.forget()
    await asyncio.sleep(0.1)
    assert lag.worst_seconds() == 0
    time.sleep(0.8)  # noqa: ASYNC251 - and as work must not
    await eventually(lambda: lag.worst_seconds() > 0.2, what="later lag is seen")
    measuring.cancel()


def test_the_longest_seen_comes_first() -> None:
    """Of what is there for long each has its time; who left and came back begins anew."""
    now = [0.0]
    memory = Memory(lambda: now[0])
    for at, keys in ((0, "ab"), (60, "cb"), (120, "acb")):
        now[0] = at
        found = memory.seen("late", [{"key": key, "detail": {"table": key}} for key in keys])
    assert [(one.detail["table"], one.value) for one in found] == [("b", 120), ("c", 60), ("a", 0)]


async def test_canary() -> None:
    """A round trip counts by its time, silence by its length, and the message says what to do."""
    heard = await canary_probe(lambda: Hearing(0.002, 4.0), 23.0).measure()
    assert (heard.value, heard.detail) == (0.002, {"deaf": False})
    deaf = await canary_probe(lambda: Hearing(0.002, 50.0), 23.0).measure()
    assert judge(CANARY, deaf.value).status == "critical"
    assert "DATABASE_UNPOOLED_URL" in deaf.says
    never = await canary_probe(lambda: Hearing(None, 2.0), 23.0).measure()
    assert never.detail["deaf"]
    assert (await configured_probe(False).measure()).value == 1.0


async def test_pool_wait(database: str) -> None:
    """A pool whose connections are all taken is found by waiting for one."""
    async with AsyncConnectionPool(database, min_size=1, max_size=1, open=False) as pool:
        free = await pool_probe(pool).measure()
        assert judge(POOL_WAIT, free.value).status == "healthy"
        async with pool.connection():
            waiting = asyncio.create_task(pool_probe(pool).measure())
            await asyncio.sleep(0.7)
        taken = await waiting
    assert judge(POOL_WAIT, taken.value).status == "warning"


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def app(answer: Handler) -> AsyncIterator[str]:
    site = web.Application()
    site.router.add_get("/api/health", answer)
    async with TestServer(site) as server:
        yield str(server.make_url("/"))


async def test_main_app() -> None:
    """200 is fine; every other word, a hanging page and a closed door are critical."""
    seen = []

    async def well(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.json_response({"status": "healthy"})

    async def ill(_: web.Request) -> web.StreamResponse:
        seen.append("ill")
        return web.Response(status=500)

    async with app(well) as url:
        assert judge(main_app.HTTP, (await main_app.http(url)).value).status == "healthy"
        assert seen == ["/api/health"]
    async with app(ill) as url:
        measured = await main_app.http(url)
        assert judge(main_app.HTTP, measured.value).status == "critical"
        assert measured.detail["problem"] == "status 500"
        assert seen[1:] == ["ill"] * main_app.TRIES
    refused = await main_app.http(url)
    assert judge(main_app.HTTP, refused.value).status == "critical"


async def test_main_app_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that never answers is given up, and named for that."""
    monkeypatch.setattr(main_app, "ANSWER_SECONDS", 0.1)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with app(hang) as url:
        measured = await main_app.http(url)
    assert judge(main_app.HTTP, measured.value).status == "critical"
    assert "no answer" in measured.detail["problem"]


async def test_main_app_is_not_set() -> None:
    """Without an address there is one piece of advice and no alarm."""
    (probe,) = main_app.probes(None)
    result = judge(probe.check, (await probe.measure()).value)
    assert (result.status, result.alarming) == ("notice", False)
    assert {p.check.id for p in main_app.probes("https://app.example.com")} == {
        "main_api.http",
        "main_api.certificate",
    }


def row(trigger: str, last: timedelta, **more: object) -> dict[str, object]:
    return {
        "name": "nightly",
        "trigger": trigger,
        "time_zone": "UTC",
        "enabled": True,
        "problem": None,
        "last_slot": NOW - last,
        "updated_at": NOW - timedelta(days=400),
    } | more


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], "healthy"),
        ([row("every 5 minutes", timedelta(minutes=6))], "warning"),
        ([row("every 5 minutes", timedelta(minutes=5))], "healthy"),
        ([row("every 5 minutes", timedelta(minutes=9))], "warning"),
        ([row("every 5 minutes", timedelta(minutes=20))], "critical"),
        ([row("0 6 * * *", timedelta(hours=3, minutes=10))], "healthy"),
        ([row("0 6 * * *", timedelta(days=2))], "warning"),
        ([row("0 6 * * *", timedelta(days=4))], "critical"),
        ([row("every 5 minutes", timedelta(days=1), enabled=False)], "healthy"),
        ([row("nonsense", timedelta(days=1))], "healthy"),
        (
            [
                row("0 6 * * *", timedelta(days=1)),
                row("every minute", timedelta(hours=1), name="b"),
            ],
            "critical",
        ),
    ],
)
def test_late_schedules(rows: list[dict[str, object]], status: str) -> None:
    """A slot not taken is late by half its interval, never within a minute; the worst is named."""
    measured = next(iter(late(NOW, rows)), Measured(None))
    assert judge(LATE, measured.value, measured.detail, limits=measured.limits).status == status
    if len(rows) == 2:
        assert measured.detail["schedule"] == "b"


async def test_database_away(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that does not answer is one critical alarm; it is found again when it is back."""
    unhurried(monkeypatch)
    with Proxy.before(database) as proxy:
        checker = Checker(Session(proxy.through(database), "w1"), statements.load())
        assert (await checker.run({"database.connect"}))[0].status == "healthy"
        proxy.refuse()
        results = {r.check: r for r in await checker.run()}
        assert results["database.connect"].status == "critical"
        assert [r.check for r in results.values() if r.alarming] == ["database.connect"]
        assert results["queue.depth"].status == "unknown"
        assert results["queue.depth"].caused_by == "database.connect"
        proxy.forward()
        results = {r.check: r for r in await checker.run()}
        assert results["database.connect"].status == "healthy"
        assert results["queue.depth"].status == "healthy"
        await checker.close()


async def test_a_slow_check_is_unknown_then_a_warning(
    database: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that meets a locked table is unknown, and a warning when that goes on."""
    checker = Checker(Session(database, "w1"), statements.load())
    connection.execute("BEGIN")
    connection.execute("LOCK TABLE ai_control IN ACCESS EXCLUSIVE MODE")
    statuses = []
    for _ in range(3):
        (found,) = [r for r in await checker.run({"agents.paused"}) if r.check == "agents.paused"]
        statuses.append(found.status)
    assert statuses == ["unknown", "unknown", "warning"]
    connection.execute("ROLLBACK")
    results = {r.check: r.status for r in await checker.run({"agents.paused"})}
    assert results["agents.paused"] == "healthy"
    await checker.close()


@pytest.mark.parametrize(
    ("ahead_seconds", "status"), [(0, "healthy"), (10, "warning"), (-40, "critical")]
)
async def test_clock(database: str, ahead_seconds: float, status: str) -> None:
    """A host whose clock is off is found, whichever way."""
    import time

    checker = Checker(
        Session(database, "w1"), statements.load(), wall=lambda: time.time() + ahead_seconds
    )
    results = {r.check: r for r in await checker.run({"workers.clock"})}
    assert results["workers.clock"].status == status
    await checker.close()


async def test_no_session_without_its_limits(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An opening that was broken off leaves no session behind that may write or wait for ever."""
    health = Session(database, "w1")
    with monkeypatch.context() as patched, pytest.raises(psycopg.errors.DivisionByZero):
        patched.setattr(session, "LIMITS", "SELECT 1 / 0")
        await health.rows("SELECT 1")
    [row] = await health.rows("SHOW default_transaction_read_only")
    assert row["default_transaction_read_only"] == "on"
    await health.close()
