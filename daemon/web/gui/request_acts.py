"""What people do to requests: send, retry, cancel, rate, look at prompts; one or many at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.compose import Compose
from daemon.web.gui.console import FORM, Console
from daemon.web.gui.forms import Unreadable, loads, read
from daemon.web.gui.render import Page
from daemon.web.gui.request import RequestPage
from daemon.web.gui.requests import Cursor, Requests
from daemon.web.gui.search import ENDED, Filter, from_query
from daemon.web.gui.words import amount, cut, usd
from daemon.web.refused import Refused

MOST = 1000
"""Requests that one bulk action takes; more are left for the next."""
TICKED = 100


class RequestActs:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._page = RequestPage(console)
        self._compose = Compose(console)
        self._list = Requests(console)

    async def send(self, request: web.Request) -> web.Response:
        """A request from the form, or from raw JSON."""
        form = request[FORM]
        task_type = str(form.get("task_type", ""))
        try:
            data = self._input(task_type, form)
        except Unreadable as wrong:
            return await self._compose.show(
                request, task_type=task_type, typed=form, wrong=wrong.fields, status=422
            )
        request_id, fresh = await self._console.actions.submit(
            request[PRINCIPAL], task_type, data, idempotency_key=_once(form, data)
        )
        again = "" if fresh else " already"
        return self._console.done(
            form, f"Request {request_id} is on its way{again}.", to=f"/gui/requests/{request_id}"
        )

    def _input(self, task_type: str, form: Mapping[str, Any]) -> dict[str, Any]:
        raw = str(form.get("raw", "")).strip()
        if not raw:
            return read(self._compose.fields(task_type), form)
        try:
            data = loads(raw)
        except ValueError as error:
            raise Unreadable({"raw": f"Raw JSON cannot be read: {error}"}) from None
        if not isinstance(data, dict):
            raise Unreadable({"raw": 'Raw JSON must be an object, such as {"client_id": 1}'})
        return data

    async def retry(self, request: web.Request) -> web.Response:
        request_id, form = int(request.match_info["id"]), request[FORM]
        await self._console.actions.retry(request[PRINCIPAL], request_id)
        return self._console.done(form, f"Request {request_id} is tried again.")

    async def cancel(self, request: web.Request) -> web.Response:
        request_id, form = int(request.match_info["id"]), request[FORM]
        await self._console.actions.cancel(request[PRINCIPAL], request_id)
        return self._console.done(form, f"Request {request_id} was asked to stop.")

    async def feedback(self, request: web.Request) -> web.Response:
        request_id, form = int(request.match_info["id"]), request[FORM]
        problem = await self._console.actions.give_feedback(
            request[PRINCIPAL],
            request_id,
            "helpful" if form.get("feedback") == "helpful" else "not_helpful",
            reason=str(form.get("comment", "")),
        )
        if problem:
            return self._console.done(form, f"Noted, but it counts nowhere: {problem}", tone="bad")
        return self._console.done(form, "Thank you, noted.")

    async def reveal(self, request: web.Request) -> web.Response:
        """The page with prompts; that somebody looked is in the audit log before it is shown."""
        row = await self._page.load(request)
        await self._console.actions.reveal(request[PRINCIPAL], row["id"])
        prompts = await self._console.reads.rows("console_prompts", request_id=row["id"])
        return await self._page.show(request, revealed=True, prompts=prompts)

    # --- many at once ---------------------------------------------------------------------------

    async def bulk(self, request: web.Request) -> web.Response:
        """Ticked requests at once; all that match a filter after a question with their cost."""
        form = request[FORM]
        what = "retry" if form.get("do") == "retry" else "cancel"
        if form.get("ticked"):
            ids = [int(v) for v in form.getall("id", []) if str(v).isdecimal() and len(v) < 19]
            if not ids:
                return self._console.done(form, "Nothing was ticked.", tone="bad")
            return await self._act(request, what, ids[:TICKED])
        wanted = from_query({k: str(v) for k, v in form.items() if isinstance(v, str)})
        if wanted.unknown or wanted.request_id is not None:
            # The list was wider than what was typed: nobody saw what would be acted on.
            words = ", ".join(wanted.unknown) or f"a single request, {wanted.request_id}"
            raise Refused(
                400,
                "invalid_value",
                f"Nothing was done: not understood: {cut(words, 200)}",
                "Search with task:, status:, client: or error:, and act on what is then shown.",
            )
        if what == "retry" and wanted.status not in {"failed", "cancelled", "expired"}:
            raise Refused(
                400, "invalid_value", "Only failed, cancelled or expired ones are retried."
            )
        if what == "cancel" and wanted.status in {None, *ENDED}:
            raise Refused(400, "invalid_value", "Only live ones are cancelled: choose a status.")
        found = await self._list.rows(wanted, Cursor(None, None), MOST + 1)
        ids = [row["id"] for row in found[:MOST]]
        if form.get("sure"):
            return await self._act(request, what, ids)
        return await self._ask(request, what, wanted, found)

    async def _ask(
        self, request: web.Request, what: str, wanted: Filter, found: list[dict[str, Any]]
    ) -> web.Response:
        costs = [row["cost_usd"] for row in found if row["cost_usd"]]
        page = Page(
            "sure.html",
            "Are you sure?",
            "requests",
            values={
                "what": what,
                "number": len(found[:MOST]),
                "more": len(found) > MOST,
                "filter": wanted,
                "cost": usd(sum(costs)) if costs and what == "retry" else "",
                "back": request[FORM].get("back", "/gui/requests"),
            },
        )
        return await self._console.respond(request, page)

    async def _act(self, request: web.Request, what: str, ids: list[int]) -> web.Response:
        actions, who = self._console.actions, request[PRINCIPAL]
        done = await (actions.retry_many if what == "retry" else actions.cancel_many)(who, ids)
        left = len(ids) - done
        said = f"{amount(done, 'request')} {'tried again' if what == 'retry' else 'asked to stop'}"
        not_so = "is" if left == 1 else "are"
        why = (
            f"{not_so} not failed, cancelled or expired" if what == "retry" else "had ended before"
        )
        also = f"; {left} {why}" if left else ""
        return self._console.done(
            request[FORM],
            f"{said}{also}.",
            tone="" if done else "bad",
            link=("/gui/requests", "Requests"),
        )


def _once(form: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """The same of one form is one request, however often it arrives: where answers are slow people
    press twice. Something else from the same form, which the browser may have kept, is another."""
    mark = str(form.get("once", ""))
    if not mark:
        return None
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    return f"console:{mark[:40]}:{digest[:16]}"
