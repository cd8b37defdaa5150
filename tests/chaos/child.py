"""``python -m tests.chaos.child``: the daemon as it is, with agents that misbehave and a way to
die at a chosen moment.

``CHAOS_TRACE`` names a file that gets a line for each moment of the one attempt that it takes:
``call_end>`` before that statement is sent, ``call_end<`` when its reply is there.
``CHAOS_DIE_AT`` is the number of the moment at which the process kills itself, as ``kill -9``
would, ``CHAOS_DIE_AFTER`` the name of it. ``CHAOS_WEDGED_SECONDS`` shortens the time after which
a stuck event loop ends the process. ``CHAOS_BEGUN`` names a file that gets a line for each attempt
that begins.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from psycopg.pq import TransactionStatus

from daemon import context, lease
from daemon.commands.run import serve
from daemon.llm.provider import Provider
from daemon.store.executor import Executor
from tests.chaos.agents import CATALOG
from tests.chaos.begun import record

OF_AN_ATTEMPT = {
    "request_load",
    "agent_version",
    "step_get",
    "step_put",
    "event_put",
    "call_begin",
    "call_end",
    "attempt_complete",
}
"""The other statements come when they come: prices, say, with the first attempt or before it."""


class Moments:
    """Counts the moments of an attempt, and ends the process at one of them."""

    def __init__(self, trace: str, die_at: int, die_after: str) -> None:
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._die_at = die_at
        self._die_after = die_after
        self._count = 0
        self.claimed = False

    def pass_by(self, name: str) -> None:
        """One moment. The first is the reply of a claim that brought something."""
        if name == "request_claim<":
            self.claimed = True
        if not self.claimed:
            return
        self._count += 1
        os.write(self._trace, f"{name}\n".encode())
        if self._count == self._die_at or name == self._die_after:
            os.kill(os.getpid(), signal.SIGKILL)


def _in_transaction(connection: Any) -> bool:
    return bool(connection.info.transaction_status != TransactionStatus.IDLE)


def count_moments(moments: Moments) -> None:
    """Have every statement, commit and model call of an attempt pass by."""
    rows, claim = Executor._rows, Executor._tuples
    transaction, call = Executor._transaction, Provider.call

    async def counted_rows(
        self: Executor, name: str, connection: Any = None, /, **values: Any
    ) -> Any:
        leaf = connection is not None and name in OF_AN_ATTEMPT
        if leaf:
            moments.pass_by(f"{name}>")
        found = await rows(self, name, connection, **values)
        if leaf and name == "attempt_complete" and not _in_transaction(connection):
            moments.pass_by("commit<")  # it was a transaction of its own
        if leaf:
            moments.pass_by(f"{name}<")
        return found

    async def counted_claim(self: Executor, name: str, connection: Any, /, **values: Any) -> Any:
        if moments.claimed:
            # A slot is free before the end is written; here one request's moments are counted.
            values["slots"] = 0
        found = await claim(self, name, connection, **values)
        if found[0][0] is not None:
            moments.pass_by(f"{name}<")
        return found

    @asynccontextmanager
    async def counted_transaction(self: Executor) -> AsyncIterator[Any]:
        async with transaction(self) as connection:
            yield connection
        moments.pass_by("commit<")

    async def counted_call(self: Provider, *values: Any) -> Any:
        moments.pass_by("model>")
        reply = await call(self, *values)
        moments.pass_by("model<")
        return reply

    Executor._rows = counted_rows  # type: ignore[method-assign]
    Executor._tuples = counted_claim  # type: ignore[method-assign]
    Executor._transaction = counted_transaction  # type: ignore[method-assign]
    Provider.call = counted_call  # type: ignore[method-assign, assignment]


def main() -> int:
    """Be the daemon that the environment describes."""
    if seconds := os.environ.get("CHAOS_WEDGED_SECONDS"):
        lease.WEDGED_SECONDS = float(seconds)
    if begun := os.environ.get("CHAOS_BEGUN"):
        record(Path(begun))
    if trace := os.environ.get("CHAOS_TRACE"):
        # Each progress is a row, so that its moment can be died at.
        context.EVENT_INTERVAL_SECONDS = 0.0
        die_at = int(os.environ.get("CHAOS_DIE_AT", "0"))
        count_moments(Moments(trace, die_at, os.environ.get("CHAOS_DIE_AFTER", "")))
    return serve(CATALOG)


if __name__ == "__main__":
    sys.exit(main())
