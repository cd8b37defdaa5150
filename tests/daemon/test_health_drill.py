"""The fault drill: every fault is named, nothing is cried over, all is silent after the repair."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agents.health.checks import SEVERITY, CheckResult
from daemon import programs, statements
from daemon.health.checker import Checker, Wishes
from daemon.health.session import Session
from tests.daemon import (  # noqa: F401 - they register their faults
    health_faults_queue,
    health_faults_sessions,
    health_faults_tables,
)
from tests.daemon.health_fault import FAULTS, Fault, injected
from tests.daemon.health_world import (
    PLANTED,
    Clock,
    World,
    installed,
    living,
    server_of,
    unhurried,
)
from tests.kit.signals import eventually

# The matrix asks for one at a time.
GIVEN = os.environ.get("POSTGRES_FOLDER")
MAJORS = (programs.major_of(Path(GIVEN) / "bin" / "postgres"),) if GIVEN else (15, 16, 18)
STATEMENTS = statements.load()


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


def checker(dsn: str, clock: Clock, wishes: Wishes) -> Checker:
    return Checker(Session(dsn, "w1"), STATEMENTS, monotonic=clock, wishes=lambda: wishes)


def speaking(results: list[CheckResult]) -> dict[str, str]:
    """What is in trouble, with what it says."""
    return {r.check: r.message for r in results if SEVERITY[r.status] or r.status == "unknown"}


async def healthy_hours(world: World) -> None:
    """Where nothing is wrong nothing is said, at the first look and an hour later."""
    clock = Clock()
    check = checker(world.dsn, clock, Wishes())
    try:
        for _ in range(3):
            assert speaking(await check.run()) == {}
            clock.ahead_seconds += 1800
    finally:
        await check.close()


async def drill(world: World, fault: Fault) -> None:
    """Inject, ask, judge, repair, ask again."""
    clock = Clock()
    check = checker(world.dsn, clock, fault.wishes)
    limits = {fault.check: fault.limits or {}, **fault.also_limits}
    try:
        await check.run({fault.check})
        with injected(fault, world):
            await check.run({fault.check})
            clock.ahead_seconds += fault.later_seconds

            async def found() -> bool:
                told = {r.check: r.status for r in await check.run({fault.check}, limits)}
                return told[fault.check] == fault.status

            await eventually(found, what=f"{fault.check} says {fault.status}")
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


@pytest.mark.database
@pytest.mark.timeout(400)
@pytest.mark.parametrize("major", MAJORS)
async def test_drill(major: int) -> None:
    """Each fault is found by its check, by no other, and all is silent after its repair.

    One server and one database for all faults: what is left over would speak in the next one.
    """
    if major == 15 and not installed(major):
        pytest.skip("PostgreSQL 15 is not installed (Debian 12: apt-get install postgresql-15)")
    failed: dict[str, str] = {}
    with server_of(major) as server, server.database(migrated=True) as dsn:
        with living(dsn) as world:
            await healthy_hours(world)
        for fault in FAULTS:
            with living(dsn) as world:
                try:
                    await drill(world, fault)
                except (AssertionError, TimeoutError) as error:
                    failed[fault.name] = str(error)
    assert failed == {}


def test_enough_is_broken() -> None:
    """The drill has a fault for nearly every check, and more than two dozen."""
    checks = {fault.check for fault in FAULTS}
    assert len(FAULTS) >= 40
    assert len(checks) >= 36
