"""``/gui/health``: checks and their last day, alerts, what healing did, providers, workers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from aiohttp import web

from daemon.web.gui import chart
from daemon.web.gui.console import Console
from daemon.web.gui.render import Page, today
from daemon.web.gui.words import title

STRIP_HOURS = 24
MOST_ALERTS = 20
WORSE = {"healthy": 0, "warning": 1, "critical": 2}


class Health:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        reads = self._console.reads

        async def components() -> Any:
            now = today()
            return [shaped(row, now) for row in await reads.rows("console_health")]

        async def alerts() -> Any:
            found = await reads.rows("console_alerts")
            is_open = [row for row in found if row["resolved_at"] is None]
            return {
                "open": is_open[:MOST_ALERTS],
                "more": len(is_open) > MOST_ALERTS,
                "over": [row for row in found if row["resolved_at"] is not None],
            }

        page = Page(
            "health.html",
            "Health",
            "health",
            {
                "components": components,
                "alerts": alerts,
                "healing": lambda: reads.rows("console_healing"),
                "workers": lambda: reads.rows("console_workers"),
                "providers": lambda: reads.rows("console_providers"),
            },
            shared=True,
        )
        return await self._console.respond(request, page)


NAMES = {"main_api": "Main app's API"}


def shaped(row: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """A component with the worst state of each of the last 24 hours; '' where nothing looked."""
    row["name"] = NAMES.get(row["component"]) or title(row["component"])
    strip = [""] * STRIP_HOURS
    for status, since, checked in row["states"] or []:
        last = _hours_ago(checked, now)
        first = min(_hours_ago(since, now), STRIP_HOURS - 1)
        for hour in range(last, first + 1):
            if 0 <= hour < STRIP_HOURS and WORSE.get(status, 1) >= WORSE.get(strip[hour], -1):
                strip[hour] = status
    bad = sum(status in {"warning", "critical"} for status in strip)
    sentence = f"bad in {bad} of the last 24 hours" if bad else "well whenever it was looked at"
    row["strip"] = chart.strip(list(reversed(strip)), sentence)
    return row


def _hours_ago(text: str, now: dt.datetime) -> int:
    """text: a moment as JSON has it, which may be one that no calendar has."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return STRIP_HOURS if text.startswith("-") or text.endswith("BC") else 0
    return max(0, int((now - moment).total_seconds() // 3600))
