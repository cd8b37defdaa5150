"""The main app's side of the AI orchestrator: four functions over plain SQL. Copy this file.

It needs what the app has already: a DB-API connection to the shared database, of psycopg2 or of
psycopg 3. Nothing here commits for you except :func:`wait`, which has to look anew each time: what
you submit becomes visible to the orchestrator when *your* transaction commits, and never if it
rolls back.

::

    request_id = submit(connection, "workout_optimization", {"client_id": 1})
    connection.commit()
    answer = wait(connection, request_id, seconds=18)
    if answer["status"] == "completed":
        plan = answer["result"]
"""

from __future__ import annotations

import json
import time
from typing import Any

ENDED = ("completed", "failed", "cancelled", "expired")
LOOK_SECONDS = 0.25


def submit(
    connection: Any,
    task_type: str,
    input_data: dict[str, Any],
    *,
    idempotency_key: str | None = None,
    priority: int = 0,
    requested_by: str | None = None,
) -> int:
    """Ask for something; returns the request's id. Counts once your transaction commits.

    idempotency_key: the same one asks once, however often this is called. requested_by:
    ``trainer:12``, ``client:7`` or ``user:3``; a trainer is answered for their own clients only.

    Never fails because of what is asked: a mistake becomes a failed request that names it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ai_submit(%s, %s::jsonb, idempotency_key => %s, priority => %s,"
            " requested_by => %s)",
            (task_type, json.dumps(input_data), idempotency_key, priority, requested_by),
        )
        request_id: int = cursor.fetchone()[0]
    return request_id


def result(connection: Any, request_id: int) -> dict[str, Any]:
    """How a request stands: ``status``, ``mode``, ``result``, ``error``, ``cost_usd``.

    ``result`` is the answer once ``status`` is ``completed``, else None. ``error`` has ``code``,
    ``message`` and ``hint`` when it failed. Raises LookupError for an id that does not exist.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.status, r.mode, s.result, r.error, r.cost_usd::float8 FROM ai_requests r"
            " LEFT JOIN ai_results s ON s.request_id = r.id WHERE r.id = %s",
            (request_id,),
        )
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"there is no request {request_id}")
    return dict(zip(("status", "mode", "result", "error", "cost_usd"), row, strict=True))


def wait(connection: Any, request_id: int, seconds: float = 18.0) -> dict[str, Any]:
    """:func:`result` once the request has ended, or as it stands when the time is over.

    Commits, since a transaction would go on seeing what it saw first: submit, commit, wait. Keep
    the time below what your web server allows a worker (gunicorn: 30 seconds).
    """
    until = time.monotonic() + seconds
    while True:
        answer = result(connection, request_id)
        connection.commit()
        if answer["status"] in ENDED or time.monotonic() >= until:
            return answer
        time.sleep(LOOK_SECONDS)


def cancel(connection: Any, request_id: int) -> bool:
    """Ask a request to stop, once your transaction commits; False if it has ended already.

    A waiting one ends within a second, a running one within two.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s"
            " AND status IN ('pending', 'running', 'waiting')",
            (request_id,),
        )
        asked: bool = cursor.rowcount == 1
    return asked
