"""``python -m tests.gui.screenshots``: makes the pictures of the console in ``docs/`` anew.

A sample gym, a daemon and the local stand-in for a model are started; the demo's requests are
played, and their rows copied over the last day so that there is something to see. Everything
started is stopped again. Needs a chromium.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from daemon import migrate
from daemon.demo import gym
from daemon.demo.model_server import running_server
from daemon.demo.play import running_daemon
from daemon.demo.scenes import scenes
from tests.gui.browser import launched, signed_in
from tests.kit.postgres import throwaway
from tests.kit.signals import until

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEY = "the-key-of-the-pictures"
ENDED = ("completed", "failed")
# A day as a gym has it: quiet at night, busy in the morning and after work.
SPREAD = """
SET session_replication_role = replica;
INSERT INTO ai_requests (id, task_type, input_data, status, attempt, mode, created_at, run_after,
    started_at, finished_at, error, cost_usd, agent_version)
SELECT 1000 + row_number() OVER (), r.task_type, r.input_data, r.status, 1,
    CASE WHEN r.status = 'completed' AND i %% 31 = 0 THEN 'degraded' ELSE r.mode END,
    at.moment, at.moment, at.moment + interval '0.2 s',
    at.moment + interval '0.2 s'
        + coalesce(r.finished_at - r.started_at, interval '0 s') * (0.6 + 0.05 * (i %% 17)),
    r.error, r.cost_usd, 1
FROM generate_series(1, 60) i
CROSS JOIN LATERAL (SELECT now() - make_interval(mins => 24 * i) AS moment) at
JOIN ai_requests r ON (r.status = 'completed' OR i %% 23 = r.id %% 23)
    AND r.id %% (2 + abs(12 - extract(hour FROM at.moment)::int) / 4) = 0
WHERE r.status IN ('completed', 'failed');
UPDATE ai_requests SET finished_at = finished_at - interval '3 h'
WHERE status = 'failed' AND id < 1000;
-- How busy the machine is that makes the pictures is nobody's business.
DELETE FROM ai_system_health WHERE status <> 'healthy';
INSERT INTO ai_approvals (request_id, key, question, expires_at) VALUES
    (2, 'publish', '{"question": "Save the plan for client 1 into the main app?",
    "consequence": "writes 12 rows into workout_templates"}', now() + interval '2 days');
SELECT ai_count_hour_v1(date_trunc('hour', now(), 'UTC') - make_interval(hours => h))
FROM generate_series(0, 24) h
"""


def play(dsn: str) -> int:
    """Insert the demo's requests and wait for their ends; returns the id to take a picture of."""
    truth = gym.load(dsn, clients=12)
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running_server())
        stack.enter_context(
            running_daemon(dsn, {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "local"})
        )
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        asked = [(scene.task_type, scene.input_data) for scene in scenes(truth.cast)]
        asked.append(("client_review", {"client_id": truth.cast["low_back"]}))
        ids = [insert(connection, task_type, data) for task_type, data in asked]
        until(lambda: all(ended(connection, number) for number in ids), 120)
        connection.execute(SPREAD.replace("%%", "%").encode())
    return ids[-1]


def insert(connection: psycopg.Connection, task_type: str, data: Any) -> int:
    row = connection.execute(
        "INSERT INTO ai_requests (task_type, input_data) VALUES (%s, %s) RETURNING id",
        (task_type, json.dumps(data)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def ended(connection: psycopg.Connection, request_id: int) -> bool:
    row = connection.execute(
        "SELECT status FROM ai_requests WHERE id = %s", (request_id,)
    ).fetchone()
    return row is not None and row[0] in ENDED


async def take(url: str, request_id: int) -> None:
    """Two pictures, small enough for a repository."""
    async with launched() as browser:
        context = await browser.new_context(viewport={"width": 1160, "height": 1000})
        visit = await signed_in(context, url, KEY)
        for path, name in (("/gui", "overview"), (f"/gui/requests/{request_id}", "request")):
            await visit.page.goto(url + path)
            await visit.page.wait_for_load_state("load")
            await visit.page.screenshot(path=DOCS / f"console-{name}.png")


def main() -> None:
    with throwaway() as server:
        dsn = urlsplit(server.dsn())._replace(path="/pictures").geturl()
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE pictures")
        migrate.upgrade(dsn)
        request_id = play(dsn)
        environment = {"ADMIN_API_KEY": KEY, "DAILY_BUDGET_USD": "5", "FLASK_ENV": "sample gym"}
        with running_daemon(dsn, environment) as daemon:
            asyncio.run(take(daemon.url, request_id))


if __name__ == "__main__":
    main()
