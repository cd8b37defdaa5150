"""Two clocks, never mixed.

Leases, due times, budgets and slots follow the database's clock and are compared there. Durations
inside this process are monotonic: a host whose wall clock jumps loses no lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Monotonic = Callable[[], float]

monotonic: Monotonic = time.monotonic


def utcnow() -> datetime:
    """Wall time, for log lines and file names only."""
    return datetime.now(UTC)
