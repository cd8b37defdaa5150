"""What every job of every system does: tell how long it waited, and hold on when asked to.

A job is ``{"ts": seconds since the epoch, "hold": path prefix or ""}``. The clock of insert and
start is the same machine's. A job that holds says so by creating ``<hold>.<worker>.started``, and
goes on once ``<hold>.<worker>.go`` exists; so a test can freeze a worker in the middle of its work.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = os.environ.get("BENCH_WORKER", "A")
LOOK_SECONDS = 0.02

waited_seconds: list[float] = []


async def handle(job: Mapping[str, Any]) -> str:
    """Returns this worker's name: the result, where a system keeps results."""
    waited_seconds.append(time.time() - float(job["ts"]))
    if prefix := job.get("hold"):
        Path(f"{prefix}.{NAME}.started").touch()
        while not Path(f"{prefix}.{NAME}.go").exists():  # noqa: ASYNC240 - a look, not a read
            await asyncio.sleep(LOOK_SECONDS)
        Path(f"{prefix}.{NAME}.done").touch()
    return NAME
