"""``/gui/requests/{id}``: what was asked and answered, how it came about, what it cost."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.console import Console
from daemon.web.gui.render import Page
from daemon.web.gui.requests import with_words
from daemon.web.gui.results import MOST, items, parts
from daemon.web.gui.search import ENDED
from daemon.web.privacy import redact
from daemon.web.refused import not_found

LARGE_BYTES = 24 * 1024
"""Longer JSON is not put into the page, but behind a link of its own."""
SIBLINGS = 8
MOST_OF_TRACE = {"attempt": 30, "step": 100, "question": 20}
"""Newest lines that console_trace.sql reads of a kind; the sums tell of model calls."""

Standing = tuple[str, dt.datetime | None]


class RequestPage:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(
        self, request: web.Request, *, revealed: bool = False, prompts: Sequence[Any] = ()
    ) -> web.Response:
        row = await self.load(request)
        person = request[PRINCIPAL]
        reads = self._console.reads
        client = mapping(row["input_data"]).get("client_id")

        async def state() -> Any:
            return shaped(row, person.role)

        async def answer() -> Any:
            ids = [
                number
                for number in items(mapping(row["result"]).get("suggestion_ids"))
                if isinstance(number, int) and 0 < number < 2**63
            ]
            found = await reads.rows("console_found", ids=ids[: MOST + 1]) if ids else []
            known = {line["fingerprint"]: line["id"] for line in found}
            return shaped(row, person.role, known)

        async def trace() -> Any:
            found = await reads.rows("console_trace", request_id=row["id"])
            for line in found:
                written = {key: line[key] for key in ("error", "question", "answer")}
                line["item"] = {**line["item"], **written}
            return {**told(found), "standing": standing(row, found)}

        async def siblings() -> Any:
            found = await reads.rows(
                "console_requests_client",
                client=str(client),
                status=None,
                task_type=None,
                code=None,
                before=None,
                limit=SIBLINGS + 1,
            )
            return [with_words(r, person.role) for r in found if r["id"] != row["id"]][:SIBLINGS]

        page = Page(
            "request.html",
            f"Request {row['id']}",
            "requests",
            {"state": state, "answer": answer, "trace": trace}
            | ({"siblings": siblings} if client is not None else {}),
            {
                "id": row["id"],
                "row": row,
                "client": client,
                "revealed": revealed,
                "prompts": prompts,
                "sql": as_sql(row) if person.role != "viewer" else "",
            },
        )
        return await self._console.respond(request, page)

    async def load(self, request: web.Request) -> dict[str, Any]:
        """The request of the URL. Refused: 404."""
        request_id = int(request.match_info["id"])
        row = (
            await self._console.reads.row("console_request", request_id=request_id)
            if request_id < 2**63
            else None
        )
        if row is None:
            raise not_found(f"request {request_id}", "It may have been pruned by age.")
        return row

    async def raw(self, request: web.Request) -> web.Response:
        """Input or result as JSON, redacted like the page."""
        row = await self.load(request)
        what = request.match_info["what"]
        value = row["input_data"] if what == "input" else row["result"]
        value = redact(value, request[PRINCIPAL].role)
        return web.Response(
            text=json.dumps(value, ensure_ascii=False, indent=2, default=str),
            content_type="application/json",
        )

    async def picture(self, request: web.Request) -> web.Response:
        """The chart an agent drew, as an image: no script of it could run, were there any."""
        row = await self.load(request)
        result = mapping(row["result"])
        svg = result.get("chart_svg") or mapping(result.get("progress")).get("chart_svg")
        if not isinstance(svg, str) or not svg.startswith("<svg"):
            raise web.HTTPNotFound(reason="this result has no picture")
        headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        }
        return web.Response(text=svg, content_type="image/svg+xml", headers=headers)


def shaped(
    row: Mapping[str, Any], role: str, suggestions: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """A request's row with its parts as the page shows them. suggestions: see :func:`parts`."""
    error = mapping(row["error"])
    result = redact(row["result"], role)
    seen_input = redact(row["input_data"], role)
    return {
        **row,
        "error": error,
        "seconds": _seconds(row["started_at"], row["finished_at"]),
        "waited": _seconds(row["created_at"], row["started_at"]) if row["attempt"] == 1 else None,
        "parts": parts(result, suggestions),
        "input": _bounded(seen_input),
        "raw": _bounded(result) if result is not None else None,
        "warnings": mapping(result).get("data_warnings"),
        "live": row["status"] not in ENDED,
        "can_retry": row["status"] in {"failed", "cancelled", "expired"},
        "can_cancel": row["status"] in {"pending", "running", "waiting"}
        and row["cancel_requested_at"] is None,
        "redacted": seen_input != row["input_data"] or result != row["result"],
    }


def told(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The trace as a story, and its sums. progress: the newest step's percentage, or None."""
    calls = [row["item"] for row in rows if row["kind"] == "call"]
    steps = [row for row in rows if row["kind"] == "step"]
    newest = max((row["fence"] for row in rows if row["kind"] == "attempt"), default=0)
    current = [row["item"] for row in steps if row["fence"] == newest]
    percents = [item["percent"] for item in current if item["percent"] is not None]
    over = any(
        row["kind"] == "attempt" and row["fence"] == newest and row["item"]["outcome"]
        for row in rows
    )
    return {
        "rows": rows,
        "cut": " and ".join(
            f"{most} {kind}s"
            for kind, most in MOST_OF_TRACE.items()
            if sum(row["kind"] == kind for row in rows) == most
        ),
        "calls": len(calls),
        "input_tokens": sum(call["input_tokens"] or 0 for call in calls),
        "output_tokens": sum(call["output_tokens"] or 0 for call in calls),
        "cost_usd": sum(call["cost_usd"] or 0 for call in calls),
        "progress": None if over else max(percents, default=None),
        "node": current[-1]["node"] if current else "",
    }


def standing(row: Mapping[str, Any], trace: Sequence[Mapping[str, Any]]) -> list[Standing]:
    """Why no attempt is under way, as (reason, until when or None); [] where the trace tells.

    It belongs to the trace, which open pages fetch without the rest of the page.
    """
    attempts = [line["item"] for line in trace if line["kind"] == "attempt"]
    if row["status"] != "pending":
        return [] if attempts else [(row["status"], None)]
    if any(attempt["outcome"] is None for attempt in attempts):
        return []  # it began between two reads
    if row["cancel_requested_at"] is not None:
        return [("stopping", None)]
    reasons: list[Standing] = []
    if row["due_later"]:
        reasons.append(("due_later", row["run_after"]))
    for whose in ("agent", "all"):
        if row[f"{whose}_paused"]:
            until = row[f"{whose}_resume_at"]
            reasons.append((f"{whose}_paused", until))
        elif row[f"{whose}_limit"] == 0:
            reasons.append((f"{whose}_limit", None))
    return reasons or [("slot", None)]


def as_sql(row: Mapping[str, Any]) -> str:
    """The INSERT that asks the same again, for psql; '' where that would be too long."""
    if row["input_text"] is None:
        return ""
    data = str(row["input_text"]).replace("'", "''")
    task_type = str(row["task_type"]).replace("'", "''")
    text = (
        f"INSERT INTO ai_requests (task_type, input_data)\nVALUES ('{task_type}', '{data}')"
        " RETURNING id;\nNOTIFY ai_requests;"
    )
    return text if len(text) <= LARGE_BYTES else ""


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _bounded(value: Any) -> str | None:
    """JSON for the page, or None where it is too large for it."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return text if len(text) <= LARGE_BYTES else None


def _seconds(start: Any, end: Any) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
