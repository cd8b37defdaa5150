"""``python -m tests.soak.child``: the daemon as it is, except that it keeps nothing for long.

``SOAK_KEEP_SECONDS`` is the age at which rows are pruned and sessions replaced,
``SOAK_PRUNE_SECONDS`` the pause between two prunings.
"""

from __future__ import annotations

import os
import sys
from typing import cast

from agents.catalog import AGENTS
from daemon import database, upkeep
from daemon.commands.run import serve
from daemon.model import Status
from daemon.store import retention

KEPT_AS_EVER = {"workers", "audit_log", "hours", "call_hours", "sessions", "budgets"}
"""Few rows, rows that are still added to (budgets), or that nobody may delete (the audit log)."""


def keep(seconds: int, pause_seconds: float) -> None:
    """Prune what is older, so often; no session gets older either."""
    requests = cast("dict[Status, int]", retention.REQUEST_SECONDS)
    tables = cast("dict[str, int]", retention.TABLE_SECONDS)
    requests.update(dict.fromkeys(requests, seconds))
    tables.update({name: seconds for name in tables if name not in KEPT_AS_EVER})
    upkeep.PRUNE_SECONDS = pause_seconds
    database.SESSION_SECONDS = float(seconds)


if __name__ == "__main__":
    keep(int(os.environ["SOAK_KEEP_SECONDS"]), float(os.environ["SOAK_PRUNE_SECONDS"]))
    sys.exit(serve(AGENTS))
