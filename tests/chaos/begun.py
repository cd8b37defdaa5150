"""Which attempts really began, written down where no crash of the database can undo it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from daemon.runner import Runner

SLOTS = 20
"""``WORKER_CONCURRENCY`` of every daemon in a run."""


def record(file: Path) -> None:
    """Have this process add a line for each attempt that begins: request, fence, how many run."""
    lines = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    run, running = Runner.run, 0

    async def recorded(self: Runner, claimed: Any, lease: Any) -> Any:
        nonlocal running
        running += 1
        os.write(lines, f"{claimed.request_id} {claimed.authority.fence} {running}\n".encode())
        try:
            return await run(self, claimed, lease)
        finally:
            running -= 1

    Runner.run = recorded  # type: ignore[method-assign]


def begun_twice(file: Path) -> list[str]:
    """Attempts that began more than once: a fence that was valid for two of them."""
    often = Counter((request, fence) for request, fence, _ in _lines(file))
    return [f"request {key[0]}, fence {key[1]}: {n} times" for key, n in often.items() if n > 1]


def too_many_at_once(file: Path) -> list[str]:
    """Attempts that began in a daemon without a free slot."""
    return [
        f"request {request}, fence {fence}: {running} at once"
        for request, fence, running in _lines(file)
        if int(running) > SLOTS
    ]


def _lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()]
