"""Is it alive, may it take work, what has it counted: for Railway, Prometheus, people.

``/health`` (``/api/health``, ``/healthz``): the process and its event loop live. A listener that
is deaf and polled around is ``degraded``, still 200: a restart would not mend it.
``/ready`` (``/readyz``): 200 when it takes work; 503 while starting, draining, or without the
database, so that no deploy counts as done before it works.
``/metrics``: Prometheus text. Values come from memory; the gauges are upkeep's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from daemon import __version__, clock
from daemon.meters import Meters
from daemon.web.site import application

State = Literal["starting", "ready", "draining"]


@dataclass
class Vitals:
    """What the process knows of itself. The callables look at memory only."""

    worker_id: str
    state: State = "starting"
    listening: Callable[[], bool] = lambda: False
    database: Callable[[], bool] = lambda: False
    running: Callable[[], int] = lambda: 0
    started_monotonic: float = field(default_factory=clock.monotonic)

    def reasons(self) -> list[str]:
        """Why it is not ready; empty when it is."""
        reasons: list[str] = [] if self.state == "ready" else [self.state]
        if self.state != "starting" and not self.database():
            reasons.append("the database does not answer, or takes no writes")
        return reasons


def build(vitals: Vitals, meters: Meters, cors_origins: Sequence[str] = ()) -> web.Application:
    """The open core as an application. cors_origins: see :func:`daemon.web.site.application`."""

    async def health(_: web.Request) -> web.Response:
        return web.json_response(_health(vitals))

    async def ready(_: web.Request) -> web.Response:
        reasons = vitals.reasons()
        body = {"ready": not reasons, "reasons": reasons, "worker_id": vitals.worker_id}
        return web.json_response(body, status=503 if reasons else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=meters.expose(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = application(cors_origins)
    for path in ("/health", "/api/health", "/healthz"):
        app.router.add_get(path, health)
    for path in ("/ready", "/readyz"):
        app.router.add_get(path, ready)
    app.router.add_get("/metrics", metrics)
    return app


def _health(vitals: Vitals) -> dict[str, Any]:
    deaf = vitals.state == "ready" and not vitals.listening()
    away = vitals.state == "ready" and not vitals.database()
    return {
        "status": "degraded" if deaf or away else "healthy",
        "service": "fitnesscrm-ai-orchestrator",
        "state": vitals.state,
        "listener": "listening" if vitals.listening() else "polling",
        "database": "answering" if vitals.database() else "away",
        "running": vitals.running(),
        "version": __version__,
        "worker_id": vitals.worker_id,
        "uptime_seconds": round(clock.monotonic() - vitals.started_monotonic, 1),
    }
