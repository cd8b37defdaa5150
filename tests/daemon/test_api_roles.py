"""Every route for every role: who may do what, written down once more beside the code."""

from __future__ import annotations

import psycopg

from daemon.web.api.routes import ROUTES
from tests.kit import worker
from tests.kit.http import SERVICE_KEY, add_key, calling

EVERYBODY = {"viewer", "operator", "admin", "service"}
MAY = {
    "POST /api/execute": {"operator", "admin", "service"},
    "GET /api/executions": EVERYBODY,
    "GET /api/executions/{id}": EVERYBODY,
    "POST /api/executions/{id}/cancel": {"operator", "admin", "service"},
    "POST /api/executions/{id}/retry": {"operator", "admin"},
    "GET /api/executions/{id}/events": EVERYBODY,
    "GET /api/agents": EVERYBODY,
    "POST /api/agents": {"admin"},
    "GET /api/agents/{id}": EVERYBODY,
    "PUT /api/agents/{id}": {"admin"},
    "DELETE /api/agents/{id}": {"admin"},
    "GET /api/health-status": EVERYBODY,
    "GET /api/metrics": EVERYBODY,
    "GET /api/suggestions": EVERYBODY,
    "PUT /api/suggestions/{id}": {"operator", "admin"},
    "POST /api/feedback": {"operator", "admin", "service"},
    "GET /api/approvals": EVERYBODY,
    "POST /api/approvals/{id}": {"operator", "admin"},
    "GET /api/openapi.json": EVERYBODY,
}


async def test_role_matrix(database: str, aconnection: psycopg.AsyncConnection) -> None:
    """Each role reaches exactly its routes; without a right key nobody reaches any."""
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(MAY)
    async with worker.running(database, main_app_api_key=SERVICE_KEY) as daemon:
        keys: dict[str, str | None] = {
            role: await add_key(aconnection, role) for role in ("viewer", "operator", "admin")
        }
        keys |= {"service": SERVICE_KEY, "nobody": None, "stranger": "wrong"}
        wrong: list[tuple[str, str, int]] = []
        for role, key in keys.items():
            async with calling(daemon, key) as caller:
                for name, may in MAY.items():
                    method, path = name.split(" ")
                    path = path.replace("{id}", "999999")
                    # A stranger's guesses are counted: an address of its own for each.
                    headers = {"X-Forwarded-For": f"198.18.0.{len(wrong) + hash(name) % 200}"}
                    body: dict[str, str] | None = {} if method in {"POST", "PUT"} else None
                    answer = await caller.send(method, path, json=body, headers=headers)
                    expected = {"nobody": 401, "stranger": 401}.get(role)
                    if expected is None and role not in may:
                        expected = 403
                    refused = answer.status in {401, 403}
                    if (answer.status != expected) if expected else refused:
                        wrong.append((role, name, answer.status))
                    if refused:
                        assert set(answer.body) == {"error", "code", "hint"}
        assert wrong == []
        cursor = await aconnection.execute("SELECT count(*) FROM ai_audit_log")
        assert await cursor.fetchone() == (0,), "nothing was changed by what was refused"


async def test_open_core_needs_no_key(database: str) -> None:
    """Health, readiness and metrics are open to everybody; nothing else is. The bare address
    only leads to the console's door."""
    async with worker.running(database) as daemon, calling(daemon, None) as caller:
        for path in ("/health", "/api/health", "/healthz", "/ready", "/readyz", "/metrics"):
            assert (await caller.get(path)).status == 200
        routes = [
            resource.canonical
            for resource in daemon.site.app.router.resources()
            if not resource.canonical.startswith(("/api/", "/gui"))
        ]
        assert sorted(routes) == ["/", "/health", "/healthz", "/metrics", "/ready", "/readyz"]
