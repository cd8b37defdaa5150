"""``/gui``: is all well, what is done, by whom, and what failed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from aiohttp import web

from agents.prompt import DRAFT
from daemon.registry import Registry
from daemon.web.gui.chart import spark
from daemon.web.gui.console import Console
from daemon.web.gui.measures import DAY, HOUR, percentile, throughput, window
from daemon.web.gui.render import Page, today
from daemon.web.gui.verdicts import judge


class Overview:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        page = Page(
            "overview.html",
            "Overview",
            "overview",
            {
                "verdicts": self._verdicts,
                "throughput": self._throughput,
                "agents": self._agents,
                "failures": lambda: self._console.reads.rows("console_failures"),
            },
            shared=True,
        )
        return await self._console.respond(request, page)

    async def _verdicts(self) -> Any:
        reads = self._console.reads
        frame = await reads.frame()
        signs = await reads.row("console_signs")
        assert signs is not None
        return judge(
            now=today(),
            frame=frame,
            agents=await reads.rows("console_agents"),
            failures=await reads.rows("console_failures"),
            signs=signs,
            budget=self._console.budget(frame),
        )

    async def _throughput(self) -> Any:
        now = today()
        since = window(now, DAY, HOUR)
        rows = await self._console.reads.rows(
            "console_hours", step=HOUR, since=since, task_type="*"
        )
        return throughput(rows, since, now, step=HOUR)

    async def _agents(self) -> Any:
        rows = await self._console.reads.rows("console_agents")
        return agents_table(rows, self._console.registry)


def agents_table(rows: list[dict[str, Any]], registry: Registry) -> list[dict[str, Any]]:
    """The agents' rows with what is computed from them: share of success, p95, a small chart.

    workflow: it runs other agents, with whom its model calls are counted.
    """
    now = today()
    hours = [
        (now - dt.timedelta(hours=back)).strftime("%Y-%m-%dT%H") for back in range(23, -1, -1)
    ]
    for row in rows:
        completed, failed = int(row["completed"] or 0), int(row["failed"] or 0)
        done = completed + failed
        row["ok"] = completed / done if done else None
        row["degraded_share"] = int(row["degraded"] or 0) / completed if completed else None
        row["p95"] = percentile(row["histogram"] or [], 0.95)
        counted = row["hours"] or {}
        row["spark"] = spark(
            [counted.get(hour, 0) for hour in hours], f"{done} requests ended in 24 hours"
        )
        row["done"] = done
        agent = registry.agent(row["type"])
        row["workflow"] = agent is not None and bool(agent.runs)
        row["state"] = (
            "draft"
            if row["type"].startswith(DRAFT)
            else "error"
            if row["problem"] and row["enabled"]
            else "inactive"
            if not row["enabled"]
            else "paused"
            if row["paused"]
            else "active"
        )
    return rows
