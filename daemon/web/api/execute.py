"""``POST /api/execute``: ask an agent by HTTP and wait for the answer.

It inserts a row like anybody else and waits as anybody could. The main app's worker gives up after
30 seconds, so nothing waits longer than 20. An equal question that comes while its twin is on the
way, or within seconds of it, gets the twin's answer: impatient people press twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from agents.prompt import DRAFT
from daemon import clock
from daemon.database import is_transient
from daemon.web.access import PRINCIPAL, Principal
from daemon.web.answers import answer, body_of
from daemon.web.api.models import ExecuteBody
from daemon.web.api.shared import Parts, Row, shown
from daemon.web.hub import Watch
from daemon.web.refused import Refused

Json = Any
TWIN_SECONDS = 10.0
ON_THE_WAY_SECONDS = 30.0
"""Longer than anybody waits: afterwards nobody would have learnt of its end."""
MOST_TWINS = 1000
ENDED = frozenset({"completed", "failed", "cancelled", "expired"})
GONE = "cancelled"
"""What a request is that is not there any more: its client was forgotten."""
REFUSED_INPUT = frozenset({"invalid_input", "unknown_task_type", "input_too_large"})
NOT_TO_BE_HAD = frozenset({"provider_unavailable", "budget_exhausted"})


@dataclass
class Twin:
    """A question that was asked. id: settled when its row is there. status: as last seen."""

    id: asyncio.Future[int]
    asked_monotonic: float
    status: str = "pending"


class Execute:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._twins: OrderedDict[bytes, Twin] = OrderedDict()

    async def execute(self, request: web.Request) -> web.StreamResponse:
        who: Principal = request[PRINCIPAL]
        given = request.headers.get("Idempotency-Key")
        also = {"idempotency_key": given} if given else {}
        body = await body_of(request, ExecuteBody, **also)
        if body.task_type.startswith(DRAFT):
            raise Refused(
                422,
                "unknown_task_type",
                f"{body.task_type} is a draft, which answers only what is tried in the console",
                "activate it there, then ask for its task type",
            )
        twin = await self._asked(who, body)
        request_id = await asyncio.shield(twin.id)
        try:
            row = await self._wait(request_id, body.wait_seconds)
            twin.status = GONE if row is None else row["status"]
        except Exception as error:
            # It was asked, and goes on: whoever is told of a failure asks once more.
            if not is_transient(error):
                raise
            row = {"status": "pending"}
        return told(request, who, request_id, row)

    async def _asked(self, who: Principal, body: ExecuteBody) -> Twin:
        """The question's row, or the one that an equal question has made."""
        key = _key(who, body)
        twin = self._twins.get(key)
        if twin is not None and not await self._still_good(twin):
            if self._twins.get(key) is twin:
                del self._twins[key]
            twin = self._twins.get(key)  # somebody may have asked anew meanwhile
        if twin is not None:
            return twin
        twin = self._twins[key] = Twin(
            asyncio.get_running_loop().create_future(), clock.monotonic()
        )
        self._twins.move_to_end(key)
        while len(self._twins) > MOST_TWINS:
            self._twins.popitem(last=False)
        try:
            request_id, _ = await self._parts.actions.submit(
                who,
                body.task_type,
                body.input_data,
                idempotency_key=body.idempotency_key,
                priority=body.priority,
                fair_key=body.fair_key,
                requested_by=body.requested_by,
                max_usd=body.max_usd,
                on_unavailable=body.on_unavailable,
            )
        except BaseException as error:
            self._twins.pop(key, None)
            # Whoever joined meanwhile is told the same; without one, nobody need hear of it.
            failed = error if isinstance(error, Exception) else ConnectionError("given up")
            twin.id.set_exception(failed)
            twin.id.exception()
            raise
        twin.id.set_result(request_id)
        return twin

    async def _still_good(self, twin: Twin) -> bool:
        """Whether an equal question should get this one's answer; a failed one is asked anew."""
        if twin.id.done():
            # Whoever asked may not have waited for its end, or its client was forgotten meanwhile.
            request_id = await twin.id
            rows = await self._parts.reader.rows("execution_watch", ids=[request_id])
            twin.status = rows[0]["status"] if rows else GONE
        if twin.status in ENDED - {"completed"}:
            return False
        age = clock.monotonic() - twin.asked_monotonic
        return age < (TWIN_SECONDS if twin.status in ENDED else ON_THE_WAY_SECONDS)

    async def _wait(self, request_id: int, seconds: float) -> Row | None:
        """The request as it is when it has ended, waits for a person, or the time is over."""
        with self._parts.hub.watch(request_id) as watch:
            deadline = clock.monotonic() + seconds
            while True:
                row = await self._parts.reader.row("execution_get", request_id=request_id)
                if row is None or row["status"] in ENDED or row["status"] == "waiting":
                    return row
                left = deadline - clock.monotonic()
                if left <= 0 or not await self._changed(watch, row["status"], left):
                    return row

    async def _changed(self, watch: Watch, status: str, seconds: float) -> bool:
        """Whether the status became another one in time; False at the server's end too."""
        stop = asyncio.ensure_future(self._parts.stop.wait())
        try:
            async with asyncio.timeout(seconds):
                while not self._parts.stop.is_set():
                    change = asyncio.ensure_future(watch.changed.wait())
                    try:
                        await asyncio.wait({change, stop}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        change.cancel()
                    watch.changed.clear()
                    if watch.status not in {None, status}:
                        return True
        except TimeoutError:
            return True  # one last look
        finally:
            stop.cancel()
        return False


def told(request: web.Request, who: Principal, request_id: int, row: Row | None) -> web.Response:
    """What came of it, as ``models.Executed``, ``Accepted`` or ``ExecuteFailed``."""
    status = GONE if row is None else row["status"]
    if row is not None and status == "completed":
        done = {
            "success": True,
            "request_id": request_id,
            "status": status,
            "mode": row["mode"],
            "degraded_reason": row["degraded_reason"],
            "results": shown(row["result_text"], who),
            "cost_usd": row["cost_usd"],
        }
        return answer(request, done)
    if status not in ENDED:
        waiting = {
            "success": False,
            "request_id": request_id,
            "status": status,
            "message": "a person must answer first"
            if status == "waiting"
            else f"not answered yet; look at /api/executions/{request_id}",
        }
        where = {"Location": f"/api/executions/{request_id}"}
        return answer(request, waiting, 202, headers=where)
    error = row["error"] if row is not None and isinstance(row["error"], dict) else {}
    code = str(error.get("code") or status)
    failed = {
        "success": False,
        "request_id": request_id,
        "status": status,
        "error": str(error.get("message") or f"the request was {status}"),
        "code": code,
        "hint": str(error.get("hint") or ""),
        "retryable": error.get("retryable"),
    }
    return answer(request, failed, http_status(status, code))


def http_status(status: str, code: str) -> int:
    """The HTTP status for a request that ended without an answer."""
    if status in {"cancelled", "expired"}:
        return 409
    if code in REFUSED_INPUT:
        return 422
    return 503 if code in NOT_TO_BE_HAD else 500


def _key(who: Principal, body: ExecuteBody) -> bytes:
    """What makes two questions equal: who asks, and everything asked but how long to wait."""
    asked = {name: value for name, value in body if name != "wait_seconds"}
    text = json.dumps([who.kind, who.key_id, who.name, asked], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
