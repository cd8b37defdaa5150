"""Puts a daemon's health checks together."""

from __future__ import annotations

from collections.abc import Callable

from agents.health.model import HealthConfig
from daemon.database import Database
from daemon.health import main_app
from daemon.health.checker import Checker, Wishes
from daemon.health.process import (
    Hearing,
    LoopLag,
    canary_probe,
    configured_probe,
    loop_probe,
    memory_probe,
    pool_probe,
)
from daemon.health.session import Session
from daemon.health.timer import HealthTimer
from daemon.listener import ANSWER_SECONDS, SELF_TEST_SECONDS, Listener
from daemon.meters import Meters
from daemon.registry import Registry
from daemon.settings import Settings
from daemon.statements import Statements
from daemon.store import Store

TASK_TYPE = "health_check"
EXPECTED_SECONDS = 2 * SELF_TEST_SECONDS + ANSWER_SECONDS
"""So long a silence is the pause between two self-tests, one of them lost."""


def health_timer(
    settings: Settings,
    *,
    database: Database,
    store: Store,
    statements: Statements,
    registry: Registry,
    listener: Listener,
    meters: Meters,
) -> HealthTimer:
    """The timer of one daemon, with all checks there are; nothing is asked before it starts."""
    lag = LoopLag()
    probes = [
        loop_probe(lag),
        memory_probe(),
        pool_probe(database.pool),
        canary_probe(lambda: Hearing(*listener.heard), EXPECTED_SECONDS),
        configured_probe(bool(settings.openai_api_key or settings.openai_base_url)),
        *main_app.probes(settings.main_app_url),
    ]
    checker = Checker(
        Session(database.direct_url, database.worker_id),
        statements,
        probes=probes,
        lease_seconds=settings.lease_seconds,
        daily_budget_usd=settings.daily_budget_usd,
        wishes=wishes_of(registry),
    )
    return HealthTimer(
        checker=checker, store=store, worker_id=database.worker_id, meters=meters, lag=lag
    )


def wishes_of(registry: Registry) -> Callable[[], Wishes]:
    """What the health agent's config says at the moment; the defaults without one."""

    def look() -> Wishes:
        state = registry.state(TASK_TYPE)
        config = state.config if state is not None else None
        return wishes(config) if isinstance(config, HealthConfig) else Wishes()

    return look


def wishes(config: HealthConfig) -> Wishes:
    """The part of the config that measuring goes by."""
    disk = config.disk_gigabytes
    return Wishes(
        thresholds=config.limits(),
        disk_bytes=None if disk is None else disk * 1e9,
        ignore_applications=config.ignore_applications,
    )
