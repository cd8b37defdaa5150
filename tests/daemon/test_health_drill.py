"""The fault drill: every fault is named, nothing is cried over, all is silent after the repair."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agents.health.checks import SEVERITY, CheckResult
from daemon import statements
from daemon.health.checker import Checker, Wishes
from daemon.health.session import Session
from tests.daemon import (  # noqa: F401 - they register their faults
    health_faults_queue,
    health_faults_sessions,
    health_faults_tables,
)
from tests.daemon.health_fault import FAULTS, Fault, injected
from tests.daemon.health_world import (
    DEBIAN,
    PLANTED,
    Clock,
    World,
    living,
    server_of,
    unhurried,
)
from tests.kit.postgres import Server
from tests.kit.signals import eventually

MAJORS = (15, 16, 18)
STATEMENTS = statements.load()


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


@pytest.fixture(scope="module", params=MAJORS)
def drilled(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of one major, for this module alone: some faults shake the whole of it."""
    if request.param == 15 and not (DEBIAN / "15" / "bin" / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed (Debian 12: apt-get install postgresql-15)")
    with server_of(request.param) as server:
        yield server


@pytest.fixture(scope="module")
def drilled_database(drilled: Server) -> Iterator[str]:
    """One for all faults: each is repaired, and what is left over speaks in the next."""
    with drilled.database(migrated=True) as dsn:
        yield dsn


@pytest.fixture
def world(drilled_database: str) -> Iterator[World]:
    with living(drilled_database) as made:
        yield made


def checker(dsn: str, clock: Clock, wishes: Wishes) -> Checker:
    return Checker(Session(dsn, "w1"), STATEMENTS, monotonic=clock, wishes=lambda: wishes)


def speaking(results: list[CheckResult]) -> dict[str, str]:
    """What is in trouble, with what it says."""
    return {r.check: r.message for r in results if SEVERITY[r.status] or r.status == "unknown"}


async def test_no_false_alarm(world: World) -> None:
    """Where nothing is wrong nothing is said, at the first look and an hour later."""
    clock = Clock()
    check = checker(world.dsn, clock, Wishes())
    try:
        for _ in range(3):
            assert speaking(await check.run()) == {}
            clock.ahead_seconds += 1800
    finally:
        await check.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
async def test_fault(world: World, fault: Fault) -> None:
    """Found by its check while it lasts, by no other, and all is silent after the repair."""
    clock = Clock()
    check = checker(world.dsn, clock, fault.wishes)
    limits = {fault.check: fault.limits or {}, **fault.also_limits}
    if fault.oldest > world.value("SELECT current_setting('server_version_num')::int / 10000"):
        pytest.skip(f"needs PostgreSQL {fault.oldest}")
    try:
        await check.run({fault.check})
        with injected(fault, world):
            await check.run({fault.check})
            clock.ahead_seconds += fault.later_seconds

            async def found() -> bool:
                told = {r.check: r.status for r in await check.run({fault.check}, limits)}
                return told[fault.check] == fault.status

            await eventually(found, 10, what=f"{fault.check} says {fault.status}")
            results = await check.run(thresholds=limits)
            told = next(r for r in results if r.check == fault.check)
            assert told.status == fault.status
            assert fault.names in told.message
            assert told.remedy
            assert set(speaking(results)) <= {fault.check, *fault.also}
            assert PLANTED not in json.dumps([r.as_json() for r in results])
        clock.ahead_seconds += 600
        if fault.wishes.disk_bytes is None:  # that disk stays too small
            assert speaking(await check.run()) == {}
    finally:
        await check.close()
