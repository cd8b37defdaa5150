"""The HTTP way, with the standard library alone: for callers that have no database connection.

AI_ORCHESTRATOR_URL=http://localhost:5001 AI_ORCHESTRATOR_KEY=... python http_example.py 1

The key is what the service has as MAIN_APP_API_KEY, or one of `python -m daemon keys add`.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any


def execute(
    base_url: str, key: str, task_type: str, input_data: dict[str, Any], seconds: float = 18.0
) -> dict[str, Any]:
    """Ask and wait. The answer has ``success``; if true ``results``, else ``error`` or, when it
    takes longer, ``request_id`` to look for at ``/api/executions/{request_id}``. Where nobody
    answers, or somebody else does (a proxy's page), ``code`` is ``unreachable``.
    """
    asked = {"task_type": task_type, "input_data": input_data, "wait_seconds": seconds}
    request = urllib.request.Request(  # noqa: S310 - the URL is the caller's own setting
        base_url.rstrip("/") + "/api/execute",
        data=json.dumps(asked).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds + 5) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            told = _refusal(error.read()) or _unreachable(base_url, error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        told = _unreachable(base_url, error)
    return told


def _refusal(body: bytes) -> dict[str, Any]:
    """The service's own words; {} for those of a proxy before it."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return {"success": False, **told} if isinstance(told, dict) else {}


def _unreachable(base_url: str, error: Exception) -> dict[str, Any]:
    return {"success": False, "error": f"{base_url}: {error}", "code": "unreachable"}


if __name__ == "__main__":
    url = os.environ.get("AI_ORCHESTRATOR_URL", "http://localhost:5001")
    client_id = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    key = os.environ.get("AI_ORCHESTRATOR_KEY") or sys.exit("set AI_ORCHESTRATOR_KEY")
    found = execute(url, key, "workout_optimization", {"client_id": client_id})
    print(json.dumps(found, indent=2))
