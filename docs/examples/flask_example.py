"""A Flask route that asks the orchestrator by SQL, and answers the browser whatever happens.

The view is a plain function of a connection, so that it can be tested without Flask;
:func:`register` puts it on an app. ``connect`` gives a DB-API connection, for example
``lambda: psycopg2.connect(os.environ["DATABASE_URL"])`` or, since Flask-SQLAlchemy has no engine
before a request, ``lambda: db.engine.raw_connection()``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from fitness_ai import ENDED, submit, wait

WAIT_SECONDS = 18.0


def recommendations(
    connection: Any,
    client_id: int,
    *,
    trainer_id: int | None = None,
    seconds: float = WAIT_SECONDS,
) -> tuple[dict[str, Any], int]:
    """Exercises for a client: (body, HTTP status).

    200 with ``recommendations``; an honest "cannot say" is an answer too, see its ``status``.
    202 with ``request_id`` when it takes longer, 422 or 503 with ``error`` when it failed, 409
    when it was cancelled or has expired: nothing will come of it any more.
    """
    requested_by = None if trainer_id is None else f"trainer:{trainer_id}"
    asked = {"client_id": client_id}
    request_id = submit(connection, "workout_optimization", asked, requested_by=requested_by)
    connection.commit()
    answer = wait(connection, request_id, seconds)
    if answer["status"] == "completed":
        found = answer["result"]
        return {
            "success": True,
            "status": found["status"],
            "recommendations": found.get("recommendations", []),
            "mode": answer["mode"],
        }, 200
    if answer["status"] == "failed":
        error = answer["error"]
        status = 503 if error["retryable"] else 422
        return {"success": False, "error": error["message"], "hint": error["hint"]}, status
    status = 409 if answer["status"] in ENDED else 202
    return {"success": False, "request_id": request_id, "status": answer["status"]}, status


def register(app: Any, connect: Callable[[], Any]) -> None:
    """Add ``GET /api/ai/clients/<client_id>/recommendations`` to a Flask app."""

    @app.get("/api/ai/clients/<int:client_id>/recommendations")
    def view(client_id: int) -> tuple[dict[str, Any], int]:
        with closing(connect()) as connection:
            return recommendations(connection, client_id)
