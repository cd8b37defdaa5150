"""Health, metrics, suggestions about code, feedback, and questions that wait for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.answers import answer, body_of, id_of, query_of
from daemon.web.api.models import (
    Answer,
    ApprovalsQuery,
    Decision,
    FeedbackBody,
    MetricsQuery,
    SuggestionsQuery,
)
from daemon.web.api.shared import Parts, Row
from daemon.web.privacy import redact
from daemon.web.refused import not_found

Json = Any
KINDS = ("requests", "success_rate", "failures", "degraded", "retried", "cost_usd")
HOUR = timedelta(hours=1)
WORST_LAST = ("healthy", "warning", "critical")
WORDS = frozenset(WORST_LAST)


class Insights:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def health(self, request: web.Request) -> web.StreamResponse:
        rows = await self._parts.reader.rows("health_newest")
        checks = [
            {**row, "status": row["status"] if row["status"] in WORDS else "warning"}
            for row in rows
        ]
        alerts = await self._parts.reader.rows("health_alerts")
        worst = max((WORST_LAST.index(row["status"]) for row in checks), default=1)
        found = {
            "health_checks": checks,
            "total": len(checks),
            "status": WORST_LAST[worst],
            "checks": [result.as_json() for result in self._parts.latest()],
            "alerts": alerts,
        }
        return answer(request, found, etag=True)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, MetricsQuery)
        rows = await self._parts.reader.rows(
            "metric_list", agent_id=query.agent_id, hours=query.hours
        )
        found = [metric for row in rows for metric in _metrics(row)]
        return answer(request, {"metrics": found, "total": len(found)})

    # --- suggestions ----------------------------------------------------------------------------

    async def suggestions(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, SuggestionsQuery)
        rows = await self._parts.reader.rows(
            "suggestion_list", suggestion_id=None, status=query.status, severity=query.severity
        )
        return answer(request, {"suggestions": rows, "total": len(rows)}, etag=True)

    async def decide(self, request: web.Request) -> web.StreamResponse:
        suggestion_id = id_of(request)
        body = await body_of(request, Decision)
        await self._parts.actions.decide_suggestion(
            request[PRINCIPAL], suggestion_id, body.status, body.reason
        )
        row = await self._parts.reader.row(
            "suggestion_list", suggestion_id=suggestion_id, status=None, severity=None
        )
        if row is None:
            raise not_found(f"suggestion {suggestion_id}")
        return answer(request, {"message": f"it is {row['status']}", "suggestion": row})

    # --- feedback -------------------------------------------------------------------------------

    async def feedback(self, request: web.Request) -> web.StreamResponse:
        body = await body_of(request, FeedbackBody)
        user = body.user_id
        given = await self._parts.actions.take_feedback(
            request[PRINCIPAL],
            str(body.recommendation_id),
            body.feedback,
            given_by=f"user:{user}" if isinstance(user, int) else (user or ""),
            reason=body.reason,
        )
        said = {"success": True, "message": "thank you", **given}
        return answer(request, said, 201)

    # --- approvals ------------------------------------------------------------------------------

    async def approvals(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, ApprovalsQuery)
        rows = await self._parts.reader.rows("approval_rows", approval_id=None, every=query.every)
        role = request[PRINCIPAL].role
        shown = [_approval(row, role) for row in rows]
        return answer(request, {"approvals": shown, "total": len(shown)})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        approval_id = id_of(request)
        body = await body_of(request, Answer)
        row = await self._approval(approval_id)
        await self._parts.actions.answer(
            request[PRINCIPAL],
            row["request_id"],
            row["key"],
            body.decision,
            reason=body.reason,
            more=body.answer,
        )
        row = await self._approval(approval_id)
        shown = _approval(row, request[PRINCIPAL].role)
        return answer(request, {"message": f"{body.decision} was noted", "approval": shown})

    async def _approval(self, approval_id: int) -> Row:
        row = await self._parts.reader.row("approval_rows", approval_id=approval_id, every=True)
        if row is None:
            raise not_found(f"approval {approval_id}", "GET /api/approvals")
        return row


def _approval(row: Row, role: str) -> dict[str, Json]:
    return {**row, "question": redact(row["question"], role)}


def _metrics(row: Row) -> Iterator[dict[str, Json]]:
    """The numbers of an agent's hour. An id is made of hour, agent and kind, and stays."""
    judged = row["completed"] + row["failed"]
    values = {
        "requests": row["ended"],
        "success_rate": row["completed"] / judged if judged else None,
        "failures": row["failed"],
        "degraded": row["degraded"],
        "retried": row["tried_again"],
        "cost_usd": row["cost_usd"],
    }
    hour = int(row["hour"].timestamp()) // 3600
    for number, kind in enumerate(KINDS):
        if values[kind] is not None and math.isfinite(values[kind]):
            yield {
                "id": (hour * 100_000 + row["agent_id"] % 10_000 * 10) + number,
                "agent_id": row["agent_id"],
                "metric_type": kind,
                "metric_value": float(values[kind]),
                "period_start": row["hour"],
                "period_end": row["hour"] + HOUR,
                "created_at": row["counted_at"],
            }
