"""``/gui/suggestions``: what code analysis found in the main app, for a person to decide."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from daemon.web.gui.console import Console
from daemon.web.gui.differences import marked, unified
from daemon.web.gui.render import Page
from daemon.web.gui.requests import ROWS, Cursor
from daemon.web.gui.results import items

STATUSES = ("pending", "accepted", "rejected", "applied")
SEVERITIES = ("critical", "high", "medium", "low")
UNDER_DECISION = {
    "pending": ("accepted", "rejected"),
    "accepted": ("applied", "pending"),
    "rejected": ("pending",),
    "applied": (),
}
"""What a person may make of a suggestion in each status."""


class Suggestions:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        status = request.query.get("status", "pending")
        status = status if status in STATUSES else "pending"
        severity = request.query.get("severity")
        severity = severity if severity in SEVERITIES else None
        cursor = Cursor.read(request.query)
        wanted = {"status": status} | ({"severity": severity} if severity else {})

        async def rows() -> Any:
            found = await self._console.reads.rows(
                "console_suggestions",
                status=status,
                severity=severity,
                before=cursor.before if cursor.ended else None,
                ended=cursor.ended,
                limit=ROWS + 1,
            )
            kept, older = found[:ROWS], ""
            if len(found) > ROWS:
                last = {"ended": kept[-1]["created_at"].isoformat(), "before": kept[-1]["id"]}
                older = "/gui/suggestions?" + urlencode(wanted | last)
            newer = "" if cursor.is_first else "/gui/suggestions?" + urlencode(wanted)
            return {"rows": kept, "older": older, "newer": newer}

        page = Page(
            "suggestions.html",
            "Suggestions",
            "suggestions",
            {"rows": rows, "sources": lambda: self._console.reads.rows("console_sources")},
            {
                "status": status,
                "severity": severity,
                "statuses": STATUSES,
                "severities": SEVERITIES,
            },
        )
        return await self._console.respond(request, page)


class SuggestionPage:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        suggestion_id = int(request.match_info["id"])
        row = (
            await self._console.reads.row("console_suggestion", suggestion_id=suggestion_id)
            if suggestion_id < 2**63
            else None
        )
        if row is None:
            raise web.HTTPNotFound(reason=f"there is no suggestion {suggestion_id}")

        async def history() -> Any:
            return await self._console.reads.rows(
                "console_audit",
                before=None,
                actor=None,
                action=None,
                target=f"suggestion:{suggestion_id}",
                limit=20,
            )

        row["taint_path"] = items(row["taint_path"])
        diff = row["diff"]
        lines = marked(diff) if diff else []
        if not lines and row["replacement_code"]:
            lines = unified(row["existing_code"] or "", row["replacement_code"])
        page = Page(
            "suggestion.html",
            f"Suggestion {suggestion_id}",
            "suggestions",
            {"history": history},
            {"s": row, "lines": lines, "steps": UNDER_DECISION[row["status"]]},
        )
        return await self._console.respond(request, page)
