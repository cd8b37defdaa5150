"""``/gui/requests``: one page of requests at a time, filtered, each filter a link."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.console import Console
from daemon.web.gui.render import Page, today
from daemon.web.gui.search import ENDED, STATUSES, Filter, from_query
from daemon.web.gui.words import summary, title
from daemon.web.privacy import redact

ROWS = 50
CSV_ROWS = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Requests:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.StreamResponse:
        wanted = from_query(request.query)
        if wanted.request_id is not None:
            return web.Response(
                status=303, headers={"Location": f"/gui/requests/{wanted.request_id}"}
            )
        cursor = Cursor.read(request.query)
        role = request[PRINCIPAL].role
        place = {name: request.query.get(name, "") for name in ("before", "ended", "to")}

        async def page_of() -> Any:
            found = await self.rows(wanted, cursor, ROWS + 1)
            return listed(found, wanted, cursor, role)

        async def tabs() -> Any:
            counts = await self._console.reads.rows("console_status_counts")
            return {row["status"]: row["requests"] for row in counts}

        page = Page(
            "requests.html",
            "Requests",
            "requests",
            {"rows": page_of, "tabs": tabs},
            {
                "filter": wanted,
                "q": wanted.words,
                "statuses": STATUSES,
                "ended": ENDED,
                "types": self._console.registry.known_types(),
                "link": lambda **values: link(wanted, **values),
                "first": cursor.is_first,
                "csv": link(wanted, "/gui/requests.csv", **place),
            },
            shared=True,
        )
        return await self._console.respond(request, page)

    async def csv(self, request: web.Request) -> web.Response:
        """The filtered list as CSV from where the page begins, at most 1,000 rows."""
        wanted = from_query(request.query)
        role = request[PRINCIPAL].role
        found = await self.rows(wanted, Cursor.read(request.query), CSV_ROWS)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(
            (
                "id",
                "task_type",
                "status",
                "mode",
                "attempt",
                "cost_usd",
                "created_at",
                "finished_at",
                "error_code",
                "error_message",
                "input",
            )
        )
        for row in found:
            writer.writerow(
                [
                    cell(value)
                    for value in (
                        row["id"],
                        row["task_type"],
                        row["status"],
                        row["mode"],
                        row["attempt"],
                        row["cost_usd"],
                        row["created_at"],
                        row["finished_at"],
                        row["error_code"],
                        row["error_message"],
                        summary(redact(row["input_data"], role), 200),
                    )
                ]
            )
        return web.Response(
            text=out.getvalue(),
            content_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="requests.csv"'},
        )

    async def rows(self, wanted: Filter, cursor: Cursor, limit: int) -> list[dict[str, Any]]:
        """Which statement has the index for this filter."""
        reads = self._console.reads
        values: dict[str, Any] = {
            "status": wanted.status,
            "task_type": wanted.task_type,
            "code": wanted.code,
            "before": cursor.before,
            "limit": limit,
            "client": wanted.client,
        }
        if wanted.client is not None:
            return await reads.rows("console_requests_client", **values)
        status = wanted.status or ("failed" if wanted.code else None)
        if status in ENDED:
            values |= {"status": status, "ended": cursor.ended, "since": None}
            return await reads.rows("console_requests_ended", **values)
        return await reads.rows("console_requests", **values)


class Cursor:
    """Where a page of the list begins: after this id, and for ended requests this moment."""

    def __init__(self, before: int | None, ended: dt.datetime | None) -> None:
        self.before = before
        self.ended = ended

    @property
    def is_first(self) -> bool:
        return self.before is None and self.ended is None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Cursor:
        """From a link; what cannot be read is the first page. ``to``: up to this moment."""
        text = query.get("before", "")
        ended = moment(query.get("ended") or query.get("to"))
        before = int(text) if text.isdecimal() and len(text) < 19 else None
        return cls(2**63 - 1 if ended is not None and before is None else before, ended)


def moment(text: str | None) -> dt.datetime | None:
    """A moment of a link, in UTC where it has no zone; None for anything else."""
    try:
        found = dt.datetime.fromisoformat((text or "").replace(" ", "+"))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return found if 1970 < found.year < 9999 else None


def listed(
    found: list[dict[str, Any]], wanted: Filter, cursor: Cursor, role: str
) -> dict[str, Any]:
    """The rows of one page, and the links to the next and the first."""
    rows = [with_words(row, role) for row in found[:ROWS]]
    older = ""
    if len(found) > ROWS:
        last = rows[-1]
        after: dict[str, Any] = {"before": last["id"]}
        if wanted.client is None and (
            wanted.status in ENDED or (wanted.code and not wanted.status)
        ):
            after["ended"] = last["finished_at"].isoformat()
        older = link(wanted, **after)
    return {"rows": rows, "older": older, "newer": "" if cursor.is_first else link(wanted)}


def with_words(row: dict[str, Any], role: str) -> dict[str, Any]:
    """A request's row with the line that tells what was asked, and a label beside its status."""
    data = row["input_data"]
    row["line"] = "a large input" if data is None else summary(redact(data, role))
    row["agent_name"] = title(row["task_type"])
    row["label"] = ""
    if row["cancelling"]:
        row["label"] = "asked to stop"
    elif row["status"] == "pending" and row["run_after"] > today() + dt.timedelta(seconds=2):
        row["label"] = "tried again later" if row["attempt"] else "scheduled"
    return row


def link(wanted: Filter, path: str = "/gui/requests", /, **values: Any) -> str:
    """The list with this filter, changed by ``values``; an empty value takes a part away."""
    parameters = wanted.parameters | {name: str(value) for name, value in values.items()}
    kept = {name: value for name, value in parameters.items() if value}
    return path + (f"?{urlencode(kept)}" if kept else "")


def cell(value: Any) -> str:
    """A value for programs: plain digits, a moment as ISO 8601 in UTC, nothing for None; and no
    text that a spreadsheet takes for a formula."""
    match value:
        case None:
            return ""
        case dt.datetime():
            at = value.astimezone(dt.UTC).isoformat(timespec="milliseconds")
            return at.replace("+00:00", "Z")
        case float() | Decimal():
            # As many digits as the columns for money hold, and never an exponent.
            digits = f"{value:.8f}".rstrip("0").rstrip(".")
            return "0" if digits == "-0" else digits
        case int():
            return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
