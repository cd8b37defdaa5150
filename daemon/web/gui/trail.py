"""``/gui/audit``: who changed what, before and after; to read and to take along."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.console import Console
from daemon.web.gui.differences import told
from daemon.web.gui.render import Page
from daemon.web.gui.requests import CSV_ROWS, ROWS, cell
from daemon.web.gui.words import cut
from daemon.web.privacy import redact

PLACES = {"request": "/gui/requests/", "agent": "/gui/agents/", "suggestion": "/gui/suggestions/"}


class Audit:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        wanted = _wanted(request.query)
        before = _before(request.query)

        async def rows() -> Any:
            found = await self._console.reads.rows(
                "console_audit", **wanted, before=before, limit=ROWS + 1
            )
            kept = [shaped(row, request[PRINCIPAL].role) for row in found[:ROWS]]
            given = {name: value for name, value in wanted.items() if value}
            older = ""
            if len(found) > ROWS:
                older = "/gui/audit?" + urlencode({**given, "before": kept[-1]["id"]})
            newer = "/gui/audit?" + urlencode(given) if before is not None else ""
            return {"rows": kept, "older": older, "newer": newer}

        page = Page(
            "audit.html",
            "Audit",
            "audit",
            {"rows": rows},
            {**wanted, "before": before, "first": before is None},
        )
        return await self._console.respond(request, page)

    async def csv(self, request: web.Request) -> web.Response:
        """The filtered log as CSV, at most 1,000 rows; older ones after ``before``."""
        found = await self._console.reads.rows(
            "console_audit",
            **_wanted(request.query),
            before=_before(request.query),
            limit=CSV_ROWS,
        )
        role = request[PRINCIPAL].role
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(
            ("id", "at_utc", "actor", "channel", "action", "target", "before", "after", "origin")
        )
        for row in found:
            values = (
                row["id"],
                row["at"],
                row["actor"],
                row["channel"],
                row["action"],
                row["target"],
                *(
                    None if row[side] is None else json.dumps(redact(row[side], role))
                    for side in ("before", "after")
                ),
                row["origin"],
            )
            writer.writerow([cell(value) for value in values])
        return web.Response(
            text=out.getvalue(),
            content_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
        )


def shaped(row: dict[str, Any], role: str) -> dict[str, Any]:
    """A line with what differs between before and after, and where its target is shown."""
    before, after = redact(row["before"], role), redact(row["after"], role)
    kind, _, rest = str(row["target"]).partition(":")
    number = rest.split(":")[0]
    row["link"] = PLACES[kind] + number if kind in PLACES and number.isdecimal() else ""
    if isinstance(before or {}, Mapping) and isinstance(after or {}, Mapping):
        found = told(before or {}, after or {})
    else:
        found = told(*({"value": side} if side is not None else {} for side in (before, after)))
    row["changes"] = [
        replace(change, before=_brief(change.before), after=_brief(change.after), lines=[])
        for change in found[:8]
    ]
    return row


def _brief(side: str | None) -> str | None:
    return None if side is None else cut(side, 200)


def _wanted(query: Mapping[str, str]) -> dict[str, str | None]:
    return {
        name: query.get(name, "").strip()[:200].replace("\0", "") or None
        for name in ("actor", "action", "target")
    }


def _before(query: Mapping[str, str]) -> int | None:
    value = query.get("before", "")
    return int(value) if value.isdecimal() and len(value) < 19 else None
