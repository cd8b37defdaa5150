"""Every service starts and stops in any order, any number of times, and never dies quietly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

import psycopg
import pytest

from daemon import lifecycle
from daemon.completer import Completer
from daemon.errors import ServiceError
from daemon.lifecycle import Group, Service
from daemon.schedule import Schedules
from daemon.testsignals import TestSignals
from daemon.upkeep import Upkeep, WorkerCard
from daemon.web.site import Site
from daemon.web.status import Vitals, build
from tests.kit.parts import Parts, parts
from tests.kit.signals import eventually
from tests.kit.worker import count

SERVICES: dict[str, Callable[[Parts], Service]] = {
    "listener": lambda p: p.listener(),
    "lease": lambda p: p.leases(),
    "completer": lambda p: Completer(p.store, p.worker_id),
    "schedule": lambda p: Schedules(p.store),
    "upkeep": lambda p: Upkeep(
        store=p.store,
        card=WorkerCard(p.worker_id, 1),
        meters=p.meters,
        lease_seconds=30,
        running=lambda: 0,
        types=list,
    ),
}


@pytest.mark.parametrize("name", SERVICES)
async def test_start_and_stop_under_stress(name: str, database: str) -> None:
    """Ten callers start and stop one service fifty times; in the end it still obeys."""
    async with parts(database) as p:
        service = SERVICES[name](p)
        await service.stop()

        async def caller(seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(5):
                if rng.random() < 0.6:
                    await service.start(p.group)
                else:
                    await service.stop()

        await asyncio.gather(*(caller(seed) for seed in range(10)))
        await service.start(p.group)
        assert service.running
        await service.stop()
        await service.stop()
        assert not service.running


async def test_stopped_services_leave_no_session(
    database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """What a service has opened in the database is closed when stop returns."""
    async with parts(database) as p:
        started = [make(p) for make in SERVICES.values()]
        for service in started:
            await service.start(p.group)
        for service in started:
            await service.stop()
    ours = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'ai-daemon/%%' AND state IS DISTINCT FROM NULL"
    )

    async def gone() -> bool:
        return await count(aconnection, ours) == 0

    await eventually(gone)


async def test_site_starts_and_stops_repeatedly() -> None:
    """The HTTP server's start and stop may be repeated, too."""
    from daemon.meters import Meters

    for _ in range(3):
        site = Site(build(Vitals("w"), Meters()), 0)
        await site.stop()
        await site.start()
        await site.start()
        await site.stop()
        await site.stop()


class Brittle(Service):
    """Ends by itself, in the way it is told."""

    name: ClassVar[str] = "brittle"

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    async def _run(self) -> None:
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, ValueError("broken")])
async def test_dead_service_takes_the_group_down(error: Exception | None) -> None:
    """A loop that fails, or just ends, is an error for the whole process."""
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            await Brittle(error).start(group)
            await asyncio.Event().wait()
    [leaf] = caught.value.exceptions
    assert leaf is error if error else isinstance(leaf, ServiceError)


class Deaf(Service):
    """Loses a cancellation, as the wait_for of Python 3.11 does that a connection pool uses."""

    name: ClassVar[str] = "deaf"

    async def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_nobody_outlives_a_dead_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that loses its cancellation does not keep the process from ending: it would live on
    without its listener, and nobody would start a fresh one."""
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_SECONDS", 0.01)
    broken = ValueError("broken")
    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup) as caught:
            async with Group() as group:
                await Deaf().start(group)
                await Brittle(broken).start(group)
                await asyncio.Event().wait()
    assert caught.value.exceptions == (broken,)


async def test_signals_are_awaited_by_name() -> None:
    """A signal asked for before it happens carries its value; a missing one is a TimeoutError."""
    signals = TestSignals()
    expected = signals.expect("done")
    signals.emit("other")
    signals.emit("done", 7)
    assert await expected == 7
    with pytest.raises(TimeoutError, match="never"):
        await signals.expect("never", 0.01)
