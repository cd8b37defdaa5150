"""``/api/executions``: look at requests, follow one as it runs, stop it, reopen it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from daemon import clock
from daemon.database import is_transient
from daemon.web.access import ACCESS, PRINCIPAL, Principal
from daemon.web.answers import answer, dumps, id_of, query_of
from daemon.web.api.models import ExecutionsQuery
from daemon.web.api.shared import Parts, execution, ignored
from daemon.web.hub import Watch
from daemon.web.refused import Refused, invalid, not_found

Json = Any
COUNTED = 10_000
"""Lists are counted, and paged by number, so far; beyond it only cursors lead."""
ENDED = frozenset({"completed", "failed", "cancelled", "expired"})
MOST_STREAMS = 256
EVENTS_AT_ONCE = 200
PING_SECONDS = 15.0
CHECK_SECONDS = 1.0
"""How soon a revoked key loses its open streams."""


class Executions:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams = 0

    async def show(self, request: web.Request) -> web.StreamResponse:
        who: Principal = request[PRINCIPAL]
        query = query_of(request, ExecutionsQuery)
        task_type = await self._type(query)
        ended = query.status in ENDED
        offset = (query.page - 1) * query.per_page
        values: dict[str, Json] = {"status": query.status, "task_type": task_type}
        read = self._parts.reader
        counted = await read.row("execution_count", is_ended=ended, **values)
        assert counted is not None
        total = counted["total"]
        rows = []
        if offset < COUNTED:
            before, moment = cursor_of(query.cursor, ended=ended)
            values |= {"before": before, "limit": query.per_page + 1, "offset_rows": offset}
            if ended:
                rows = await read.rows("execution_list_ended", ended=moment, **values)
            else:
                rows = await read.rows("execution_list", **values)
        page = rows[: query.per_page]
        more = len(rows) > query.per_page
        counted_total = min(total, COUNTED)
        return answer(
            request,
            {
                "executions": [execution(row, who) for row in page],
                "total": counted_total,
                "total_is_exact": total <= COUNTED,
                "page": query.page,
                "per_page": query.per_page,
                "pages": -(-counted_total // query.per_page),
                "next_cursor": cursor_after(page[-1], ended=ended) if more else None,
                "ignored": ignored(query),
            },
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        row = await self._parts.reader.row("execution_get", request_id=id_of(request))
        if row is None:
            raise not_found(f"execution {request.match_info['id']}")
        shown = {"execution": execution(row, request[PRINCIPAL])}
        return answer(request, shown, etag=True)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        request_id = id_of(request)
        status = await self._parts.actions.cancel(request[PRINCIPAL], request_id)
        within = "two seconds" if status == "running" else "a second"
        return answer(
            request, {"message": f"it ends within {within}", "request_id": request_id}, 202
        )

    async def retry(self, request: web.Request) -> web.StreamResponse:
        request_id = id_of(request)
        await self._parts.actions.retry(request[PRINCIPAL], request_id)
        return answer(request, {"message": "it is pending again", "request_id": request_id}, 202)

    async def _type(self, query: ExecutionsQuery) -> str | None:
        if query.agent_id is None:
            return query.task_type
        row = await self._parts.reader.row("agent_type", agent_id=query.agent_id)
        if row is None:
            raise not_found(f"agent {query.agent_id}", "GET /api/agents")
        task_type: str = row["type"]
        if query.task_type not in {None, task_type}:
            raise invalid(
                "task_type",
                f"agent {query.agent_id} answers {task_type}",
                "leave out task_type or agent_id",
            )
        return task_type

    # --- following one --------------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: ``progress`` for each step, ``status`` for each change, ``end``."""
        request_id = id_of(request)
        row = await self._parts.reader.row("execution_get", request_id=request_id)
        if row is None:
            raise not_found(f"execution {request_id}")
        if self._streams >= MOST_STREAMS:
            raise Refused(
                503,
                "too_many_streams",
                f"{MOST_STREAMS} event streams are open",
                f"look at /api/executions/{request_id} now and then instead",
                headers={"Retry-After": "10"},
            )
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        self._streams += 1
        try:
            await response.prepare(request)
            await self._follow(request, response, request_id)
        except Exception as error:
            # A browser that has gone shows at the next write only; a database that is away has
            # nothing to tell. An answer that has begun cannot become another one: it ends, and
            # whoever still listens comes again.
            if not is_transient(error):
                raise
        finally:
            self._streams -= 1
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, request_id: int
    ) -> None:
        who: Principal = request[PRINCIPAL]
        given = request.headers.get("Last-Event-ID", "")
        last = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
        status = ""
        spoke = checked = clock.monotonic()
        with self._parts.hub.watch(request_id) as watch:
            while not self._parts.stop.is_set():
                row = await self._parts.reader.row("execution_get", request_id=request_id)
                if row is None:
                    return
                events = await self._parts.reader.rows(
                    "event_list", request_id=request_id, after_id=last, limit=EVENTS_AT_ONCE
                )
                for event in events:
                    last = event["id"]
                    await response.write(_event("progress", event, last))
                if len(events) == EVENTS_AT_ONCE:
                    continue  # the rest of them, before a change of status is told
                if row["status"] != status:
                    status = row["status"]
                    kind = "end" if status in ENDED else "status"
                    shown = execution(row, who) if kind == "end" else {"status": status}
                    await response.write(_event(kind, shown))
                    if kind == "end":
                        return
                while not watch.changed.is_set() and not self._parts.stop.is_set():
                    await self._pause(watch)
                    now = clock.monotonic()
                    if now - checked >= CHECK_SECONDS:
                        checked = now
                        if not await request.app[ACCESS].still(request):
                            return
                    if now - spoke >= PING_SECONDS:
                        spoke = now
                        await response.write(b": still here\n\n")
                watch.changed.clear()

    async def _pause(self, watch: Watch) -> None:
        """Until something changes, the server stops, or it is time to look around."""
        waits = {
            asyncio.ensure_future(watch.changed.wait()),
            asyncio.ensure_future(self._parts.stop.wait()),
        }
        try:
            await asyncio.wait(waits, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _event(kind: str, data: Json, event_id: int | None = None) -> bytes:
    """One server-sent event. JSON holds no line break, so one ``data:`` line is enough."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {kind}\ndata: {dumps(data)}\n\n".encode("utf-8", "replace")


def cursor_after(row: Any, *, ended: bool) -> str:
    """Where the page after this row begins."""
    if not ended:
        return str(row["id"])
    return f"{row['id']}~{row['finished_at'].astimezone(UTC).isoformat()}"


def cursor_of(text: str | None, *, ended: bool) -> tuple[int | None, datetime | None]:
    """(before, moment) of a cursor. Raises Refused (400) for what none of ours is."""
    if text is None:
        return None, None
    number, _, moment = text.partition("~")
    wrong = invalid("cursor", "this is no cursor of this list", "take next_cursor as it is")
    if not (number.isascii() and number.isdigit() and len(number) < 19) or bool(moment) != ended:
        raise wrong
    if not ended:
        return int(number), None
    try:
        # A plus sign in a query is a space.
        found = datetime.fromisoformat(moment.replace(" ", "+"))
    except ValueError:
        raise wrong from None
    if found.tzinfo is None or not 1970 < found.year < 9999:
        raise wrong
    return int(number), found
