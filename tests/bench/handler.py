"""What every job of every system does: tell how long it waited, and hold on when asked to.

A job is ``{"ts": seconds since the epoch, "hold": path prefix or ""}``. The clock of insert and
start is the same machine's. A job that holds says so by creating ``<hold>.<worker>.started``, and
goes on once ``<hold>.<worker>.go`` exists; so a test can freeze a worker in the middle of its
work.
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


def _mark(path: str) -> None:
    Path(path).touch()


def _there(path: str) -> bool:
    return Path(path).exists()


async def handle(job: Mapping[str, Any]) -> str:
    """Returns this worker's name: the result, where a system keeps results."""
    waited_seconds.append(time.time() - float(job["ts"]))
    if prefix := job.get("hold"):
        _mark(f"{prefix}.{NAME}.started")
        while not _there(f"{prefix}.{NAME}.go"):  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(LOOK_SECONDS)
        _mark(f"{prefix}.{NAME}.done")
    return NAME
