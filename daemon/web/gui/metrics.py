"""``/gui/metrics``: throughput, times, errors, tokens and cost, from the hourly roll-ups."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from daemon.web.gui import measures
from daemon.web.gui.chart import Line
from daemon.web.gui.console import Console
from daemon.web.gui.measures import DAY, HOUR, Chart, Row
from daemon.web.gui.render import Page, today
from daemon.web.gui.requests import cell
from daemon.web.gui.words import about, amount, percent, seconds, short, usd

WINDOWS = {"24h": (DAY, HOUR), "7d": (7 * DAY, 8 * HOUR), "30d": (30 * DAY, DAY)}
MOST_LINES = 5
MOST_ERRORS = 5000
"""So many failed requests are read."""


@dataclass(frozen=True)
class Window:
    """What is looked at: since when, in which steps, of which agent, cost by what."""

    name: str
    since: dt.datetime
    now: dt.datetime
    step: dt.timedelta
    task_type: str
    by: str

    @property
    def slots(self) -> list[dt.datetime]:
        return measures.positions(self.since, self.now, self.step)

    @classmethod
    def of(cls, query: Any) -> Window:
        name = query.get("window", "24h")
        name = name if name in WINDOWS else "24h"
        span, step = WINDOWS[name]
        now = today()
        since = measures.window(now, span, step)
        by = "model" if query.get("by") == "model" else "agent"
        return cls(name, since, now, step, query.get("task_type", "")[:200].replace("\0", ""), by)


class Metrics:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        window = Window.of(request.query)
        page = Page(
            "metrics.html",
            "Metrics",
            "metrics",
            {
                "ended": lambda: self._ended(window),
                "money": lambda: self._money(window),
                "errors": lambda: self._errors(window),
            },
            {
                "window": window,
                "windows": list(WINDOWS),
                "types": self._console.registry.known_types(),
            },
            shared=True,
        )
        return await self._console.respond(request, page)

    async def csv(self, request: web.Request) -> web.Response:
        """Every chart's numbers of the window as one CSV; all of a chart in one unit."""
        window = Window.of(request.query)
        charts = {**await self._ended(window), **await self._money(window)}
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("chart", "at", "series", "value", "unit"))
        for name, chart in charts.items():
            if isinstance(chart, Chart):
                for at, values in chart.points:
                    for series, value in zip(chart.names, values, strict=True):
                        row = (name, at, series, value, chart.measure)
                        writer.writerow([cell(part) for part in row])
        return web.Response(
            text=out.getvalue(),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="metrics-{window.name}.csv"'},
        )

    async def _ended(self, window: Window) -> dict[str, Any]:
        rows = await self._console.reads.rows(
            "console_hours",
            step=window.step,
            since=window.since,
            task_type=window.task_type or "*",
        )
        return {
            "throughput": measures.throughput(
                rows, window.since, window.now, step=window.step, task_type=window.task_type
            ),
            "latency": durations(
                rows,
                window,
                "seconds",
                "an answer took",
                "histogram_quantile(0.95, rate(ai_request_seconds_bucket[5m]))",
            ),
            "wait": durations(
                rows,
                window,
                "wait_seconds",
                "a request waited",
                "histogram_quantile(0.95, rate(ai_queue_wait_seconds_bucket[5m]))",
            ),
            "degraded": share_of_degraded(rows, window),
        }

    async def _money(self, window: Window) -> dict[str, Any]:
        rows = await self._console.reads.rows(
            "console_call_hours",
            step=window.step,
            since=window.since,
            by=window.by,
            task_type=window.task_type or None,
        )
        cost = by_name(rows, window, lambda row: float(row["cost_usd"]))
        total = sum(row["cost_usd"] for row in rows)
        calls = sum(row["calls"] for row in rows)
        tokens = [
            Line("read", totals(rows, window, lambda r: r["input_tokens"] - r["cached_tokens"])),
            Line("read from cache", totals(rows, window, lambda r: r["cached_tokens"])),
            Line("written", totals(rows, window, lambda r: r["output_tokens"])),
        ]
        read = sum(row["input_tokens"] for row in rows)
        written = sum(row["output_tokens"] for row in rows)
        names: dict[str, list[Row]] = {}
        for row in rows:
            names.setdefault(row["name"], []).append(row)
        return {
            "cost": measures.series(
                window.slots,
                cost,
                f"{usd(total)} for {amount(int(calls), 'model call')}.",
                step=window.step,
                label=usd,
                measure="usd",
                promql="rate(ai_llm_cost_usd_total[1h])",
            ),
            "tokens": measures.series(
                window.slots,
                tokens,
                f"{short(float(read))} tokens read, {short(float(written))} written.",
                step=window.step,
                label=short,
                measure="tokens",
                promql="rate(ai_llm_tokens_total[1h])",
            ),
            "table": sorted(
                (
                    {
                        "name": name,
                        **{
                            key: sum(row[key] for row in group)
                            for key in (
                                "calls",
                                "failed",
                                "cached_answers",
                                "input_tokens",
                                "output_tokens",
                                "cost_usd",
                                "unpriced_usd",
                                "uncertain_usd",
                            )
                        },
                    }
                    for name, group in names.items()
                ),
                key=lambda row: -row["cost_usd"],
            ),
        }

    async def _errors(self, window: Window) -> Chart:
        rows = await self._console.reads.rows(
            "console_errors",
            step=window.step,
            since=window.since,
            task_type=window.task_type or None,
        )
        total = sum(row["requests"] for row in rows)
        return measures.series(
            window.slots,
            by_name(rows, window, lambda row: float(row["requests"])),
            failed_words(int(total)),
            step=window.step,
            promql='rate(ai_requests_total{outcome="failed"}[5m])',
            wide=False,
        )


def durations(rows: Sequence[Row], window: Window, column: str, what: str, promql: str) -> Chart:
    """Median, 95th and 99th percentile of a duration in each step."""
    by = {row["at"]: row[column] for row in rows}
    lines = [
        Line(name, [measures.percentile(by.get(at, []), share) for at in window.slots])
        for name, share in (("half within", 0.5), ("95 % within", 0.95), ("99 % within", 0.99))
    ]
    every = [h for row in rows for h in row[column]]
    half, most = measures.percentile(every, 0.5), measures.percentile(every, 0.95)
    sentence = (
        f"Half the time {what} at most {seconds(half)}, 95 of 100 times at most {seconds(most)}."
        if half is not None
        else "Nothing was measured."
    )
    return measures.series(
        window.slots,
        lines,
        sentence,
        step=window.step,
        label=about,
        measure="seconds",
        stacked=False,
        promql=promql,
        wide=False,
    )


def share_of_degraded(rows: Sequence[Row], window: Window) -> Chart:
    """How many answers did without a model that was wanted. Deterministic ones, for which none was
    needed or configured, are no failure of a model and are not counted by hour."""
    by = {row["at"]: row for row in rows}
    values = [
        float(by[at]["degraded"]) / float(by[at]["completed"])
        if at in by and by[at]["completed"]
        else None
        for at in window.slots
    ]
    done = sum(row["completed"] for row in rows)
    degraded = sum(row["degraded"] for row in rows)
    sentence = (
        f"{percent(degraded / done, 1)} of {amount(int(done), 'answer')} had to do without a model"
        " that was wanted. One for which none was needed or configured is not degraded."
        if done
        else "Nothing was answered."
    )
    return measures.series(
        window.slots,
        [Line("degraded", values, "t-warn")],
        sentence,
        step=window.step,
        label=lambda v: percent(v, 1),
        measure="share",
        stacked=False,
        wide=False,
    )


def failed_words(number: int) -> str:
    if number >= MOST_ERRORS:
        return f"The newest {MOST_ERRORS:,} of the requests that failed."
    return f"{amount(number, 'request')} failed." if number else "Nothing failed."


def totals(rows: Sequence[Row], window: Window, pick: Callable[[Row], Any]) -> list[float]:
    """One sum per step over all names."""
    found = dict.fromkeys(window.slots, 0.0)
    for row in rows:
        if row["at"] in found:
            found[row["at"]] += float(pick(row))
    return list(found.values())


def by_name(rows: Sequence[Row], window: Window, pick: Callable[[Row], float]) -> list[Line]:
    """A line per name, the largest first; what comes after the fifth is one line."""
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["name"]] = sums.get(row["name"], 0.0) + pick(row)
    first = sorted(sums, key=lambda name: -sums[name])[:MOST_LINES]
    lines = [
        Line(name, totals([row for row in rows if row["name"] == name], window, pick))
        for name in first
    ]
    rest = [row for row in rows if row["name"] not in first]
    return [*lines, Line("others", totals(rest, window, pick))] if rest else lines
