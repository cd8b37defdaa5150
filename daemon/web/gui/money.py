"""``/gui/budgets``: limits, what is spent, reserved and uncertain, and the prices behind it."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from daemon.web.gui.chart import meter
from daemon.web.gui.console import Console
from daemon.web.gui.render import Page, today
from daemon.web.gui.words import title, usd

EACH_KEY = "key:*"
MOST_KEYS = 20
"""console_budgets.sql gives one more, by which it is known that there are more."""
EARLY = Decimal("0.05")
"""Of a day or month: before so much of it has passed, nothing is forecast."""


class Budgets:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(
        self,
        request: web.Request,
        *,
        typed: Mapping[str, Any] | None = None,
        wrong: str = "",
        status: int = 200,
    ) -> web.Response:
        """typed, wrong: a limit that could not be set, and why."""

        async def budgets() -> Any:
            now = today()
            limit = self._console.settings.daily_budget_usd
            rows = await self._console.reads.rows("console_budgets")
            keys = sorted({row["scope"] for row in rows if row["scope"].startswith("key:")})
            kept = [row for row in rows if row["scope"] not in keys[MOST_KEYS:]]
            return {
                "rows": [shaped(row, now, limit) for row in kept],
                "more": len(keys) > MOST_KEYS,
                "each_key": EACH_KEY in keys,
            }

        page = Page(
            "budgets.html",
            "Budgets",
            "budgets",
            {"budgets": budgets, "prices": lambda: self._console.reads.rows("console_prices")},
            {
                "each_key": (EACH_KEY, named(EACH_KEY)),
                "environment_limit": self._console.settings.daily_budget_usd,
                "typed": typed or {},
                "wrong": wrong,
            },
            status,
        )
        return await self._console.respond(request, page)


def shaped(row: dict[str, Any], now: dt.datetime, environment: Decimal | None) -> dict[str, Any]:
    """A budget with the limit that holds, its shares, and what it comes to at this pace."""
    limits = [row["interim_usd"]]
    if row["interim_usd"] is None:
        limits = [row["limit_usd"], row["agent_limit_usd"]]
    if row["scope"] == "global" and row["kind"] == "day":
        limits.append(environment)
    limit = min((x for x in limits if x is not None), default=None)
    used = row["spent_usd"] + row["uncertain_usd"]
    row["limit"] = limit
    row["name"] = named(row["scope"])
    row["used"] = used
    passed = share_of(row["kind"], now)
    row["forecast"] = used / passed if passed > EARLY and used else None
    row["over"] = limit is not None and used >= limit
    row["meter"] = None
    if limit:
        parts = (
            (row["spent_usd"], "t-bad" if row["over"] else "c0"),
            (row["uncertain_usd"], "c1"),
            (row["reserved_usd"], "c2"),
        )
        row["meter"] = meter(
            [(float(value / limit), tone) for value, tone in parts],
            f"{usd(used)} of {usd(limit)} used, {usd(row['reserved_usd'])} reserved",
        )
    return row


def named(scope: str) -> str:
    """A scope for people; a key's name stays as it is, so that it is not taken for an agent's."""
    kind, _, name = scope.partition(":")
    if kind == "global":
        return "All agents"
    if kind == "key":
        return "Each fair key without a limit of its own" if name == "*" else f"Fair key {name}"
    return title(name)


def share_of(kind: str, now: dt.datetime) -> Decimal:
    """How much of the UTC day or month has passed, from 0 to 1."""
    day = Decimal((now.hour * 3600 + now.minute * 60 + now.second) / 86_400)
    if kind == "day":
        return day
    return (now.day - 1 + day) / calendar.monthrange(now.year, now.month)[1]
