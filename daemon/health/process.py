"""What this process measures of itself: its event loop, its memory, its connections, its ears.

Each is a check of its own with the specification beside it. Whoever runs checks outside a daemon
has no such facts, and those checks are then left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg_pool import AsyncConnectionPool, PoolTimeout

from agents.health.checks import Check, Json
from agents.health.judge import Limits
from daemon import clock
from daemon.listener import DEAF

CGROUP = Path("/sys/fs/cgroup")
POOL_SECONDS = 5.0
LAG_STEP_SECONDS = 0.5
LAG_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement. value: None where there is nothing to judge. limits: where they depend on
    what was measured. says: a message that fits better than the check's own."""

    value: float | None
    detail: Mapping[str, Json] = field(default_factory=dict)
    limits: Limits | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A check in code, and what measures it. Raises nothing that is not a bug."""

    check: Check
    measure: Callable[[], Coroutine[Any, Any, Measured]]


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the listener knows. roundtrip_seconds: of the last notification to ourselves, None
    before the first. silent_seconds: since one came back, or since the start."""

    roundtrip_seconds: float | None
    silent_seconds: float


LOOP_LAG = Check(
    id="workers.loop_lag",
    unit="seconds",
    warning=0.25,
    critical=2.0,
    every_seconds=60,
    says="the event loop was held up for {value} in the last minute",
    remedy="an agent computes or reads in the loop: SIGUSR1 logs where every task stands; see that"
    " it uses ctx.compute; lower WORKER_CONCURRENCY",
)
MEMORY = Check(
    id="workers.memory",
    unit="percent",
    warning=80,
    critical=95,
    every_seconds=60,
    says="the container uses {value} of its memory",
    remedy="lower WORKER_CONCURRENCY, or give the service more memory; what grows for days is a"
    " leak",
)
POOL_WAIT = Check(
    id="workers.pool_wait",
    unit="seconds",
    warning=0.5,
    critical=5.0,
    every_seconds=60,
    says="a connection of the pool is to be had after {value} ({waiting} wait)",
    remedy="the database is slow or its connections are used up (database.connections); lower"
    " WORKER_CONCURRENCY",
)
CANARY = Check(
    id="listener.canary",
    unit="seconds",
    warning=1.0,
    critical=45.0,
    every_seconds=60,
    says="a notification to ourselves came back after {value}",
    remedy="set DATABASE_UNPOOLED_URL to a direct connection if a pooler stands between; else see"
    " the log for listener_unavailable. Requests are found by polling until then",
)
CONFIGURED = Check(
    id="model.configured",
    unit="flag",
    warning=1,
    critical=None,
    every_seconds=60,
    notice=True,
    says="no model is configured: every answer is worded by templates",
    remedy="set OPENAI_API_KEY (and OPENAI_BASE_URL for another provider), if words are wanted",
)


class LoopLag:
    """How late the event loop ran, measured by a task that wants to run twice a second."""

    def __init__(self, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: list[tuple[float, float]] = []
        self._counts_from = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            before = self._monotonic()
            await asyncio.sleep(LAG_STEP_SECONDS)
            if before >= self._counts_from:
                self.late(self._monotonic() - before - LAG_STEP_SECONDS)

    def late(self, seconds: float) -> None:
        """The loop was that late just now."""
        now = self._monotonic()
        self._seen = [s for s in self._seen if now - s[0] <= LAG_WINDOW_SECONDS and s[1] > seconds]
        self._seen.append((now, seconds))

    def forget(self) -> None:
        """Count from now on only, also without the step that is under way."""
        self._counts_from = self._monotonic()
        self._seen.clear()

    def worst_seconds(self) -> float:
        """The worst of the last minute."""
        now = self._monotonic()
        return max((late for at, late in self._seen if now - at <= LAG_WINDOW_SECONDS), default=0)


def loop_probe(lag: LoopLag) -> Probe:
    async def measure() -> Measured:
        return Measured(max(0.0, lag.worst_seconds()))

    return Probe(LOOP_LAG, measure)


def memory_probe(cgroup: Path = CGROUP) -> Probe:
    async def measure() -> Measured:
        return memory(cgroup)

    return Probe(MEMORY, measure)


def memory(cgroup: Path = CGROUP) -> Measured:
    """Share of the control group's limit that is in use, file cache that can go left out.

    Without a limit there is nothing to judge.
    """
    for current, limit, key in (
        ("memory.current", "memory.max", "inactive_file"),
        (
            "memory/memory.usage_in_bytes",
            "memory/memory.limit_in_bytes",
            "total_inactive_file",
        ),
    ):
        used, most = _number(cgroup / current), _number(cgroup / limit)
        if used is None or most is None or most >= 2**60:
            continue
        used -= _stat((cgroup / current).parent / "memory.stat", key)
        return Measured(
            round(100.0 * max(0, used) / most, 1), {"used_bytes": used, "limit_bytes": most}
        )
    return Measured(None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _stat(path: Path, key: str) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    return next((int(n) for name, _, n in (li.partition(" ") for li in lines) if name == key), 0)


def pool_probe(pool: AsyncConnectionPool) -> Probe:
    async def measure() -> Measured:
        began = clock.monotonic()
        waiting = int(pool.get_stats().get("requests_waiting", 0))
        try:
            async with pool.connection(timeout=POOL_SECONDS):
                pass
        except PoolTimeout:
            return Measured(max(POOL_SECONDS, clock.monotonic() - began), {"waiting": waiting})
        return Measured(clock.monotonic() - began, {"waiting": waiting})

    return Probe(POOL_WAIT, measure)


def canary_probe(hearing: Callable[[], Hearing], expected_seconds: float) -> Probe:
    """expected_seconds: so long a silence is no silence yet, only the pause between two tests."""

    async def measure() -> Measured:
        heard = hearing()
        if heard.roundtrip_seconds is None or heard.silent_seconds > expected_seconds:
            says = DEAF + " Nothing was heard for {value}"
            return Measured(heard.silent_seconds, {"deaf": True}, says=says)
        return Measured(heard.roundtrip_seconds, {"deaf": False})

    return Probe(CANARY, measure)


def configured_probe(configured: bool) -> Probe:
    async def measure() -> Measured:
        return Measured(None if configured else 1.0)

    return Probe(CONFIGURED, measure)
