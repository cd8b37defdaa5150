"""Puts a daemon's self-healing together."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg

from agents.health.model import HealthConfig
from daemon.claimer import Claimer
from daemon.database import Database, connection_errors
from daemon.healing.agents import PauseAgent, ShedCost
from daemon.healing.engine import Healing
from daemon.healing.reflexes import Reflexes
from daemon.healing.remedy import Remedy
from daemon.healing.rules import Setting
from daemon.healing.sessions import EndForeignSession, EndOwnIdleTransaction, YieldToMainApp
from daemon.healing.store import HealingStore
from daemon.healing.tables import ReindexInvalidOwn, TuneOwnAutovacuum, VacuumOwn
from daemon.healing.worker import BackOff, Hands, RecyclePool, RestartMainApp, RestartSelf
from daemon.health.assembly import TASK_TYPE
from daemon.meters import Meters
from daemon.registry import Registry


def healing(
    store: HealingStore,
    *,
    database: Database,
    registry: Registry,
    meters: Meters,
    hands: Hands,
    reflexes: Reflexes,
    enabled: bool,
) -> Healing:
    """The healing of one daemon, with every rule there is."""
    return Healing(
        store=store,
        remedies=remedies(database, hands),
        meters=meters,
        worker_id=hands.worker_id,
        reflexes=reflexes,
        enabled=enabled,
        settings=settings_of(registry),
    )


def hands(
    database: Database,
    *,
    concurrency: int,
    claimer: Callable[[], Claimer | None],
    restart: Callable[[str], None],
) -> Hands:
    """What healing may do to this process. claimer: None until the agents are loaded."""
    pool = database.pool

    def limit() -> int:
        made = claimer()
        return made.slots.limit if made is not None else concurrency

    def set_limit(attempts: int) -> None:
        made = claimer()
        if made is not None:
            made.slots.limit = attempts

    async def probe() -> bool:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
        return True

    return Hands(
        worker_id=database.worker_id,
        host=socket.gethostname(),
        connection_errors=lambda: connection_errors(pool),
        drain_pool=pool.drain,
        probe=probe,
        concurrency=concurrency,
        limit=limit,
        set_limit=set_limit,
        restart=restart,
    )


def remedies(database: Database, hands: Hands) -> list[Remedy]:
    """One of each rule that acts."""

    def connect() -> Awaitable[psycopg.AsyncConnection[Any]]:
        return database.patient("healing")

    return [
        RestartSelf(hands),
        RecyclePool(hands),
        BackOff(hands),
        YieldToMainApp(),
        EndOwnIdleTransaction(),
        PauseAgent(),
        ShedCost(),
        VacuumOwn(connect),
        ReindexInvalidOwn(connect),
        TuneOwnAutovacuum(connect),
        RestartMainApp(),
        EndForeignSession(),
    ]


def settings_of(registry: Registry) -> Callable[[], Mapping[str, Setting]]:
    """The modes in the health agent's config at the moment; none without one."""

    def look() -> Mapping[str, Setting]:
        state = registry.state(TASK_TYPE)
        config = state.config if state is not None else None
        return config.healing if isinstance(config, HealthConfig) else {}

    return look
