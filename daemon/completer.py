"""Writes how attempts ended: many in one transaction, none of them twice, none of them lost.

A lone end is written at once. Where many come together they are gathered, at most 200, for 20 ms
or until fewer agents run than ends are here, so one durable commit serves them all. Whoever hands
in an end waits for the commit, and the claimer lets no more of them wait than there are slots, or
end within a moment.

When a commit's fate is unknown (the connection broke) or the database is away, the same batch is
sent again until it gets an answer: what was written already comes back ``repeated``. A row that
the database refuses falls back to a transaction of its own (in ``store``); a row that somebody
else holds locked is set aside for the next batch, and there goes last, so that the others need not
wait with it for longer than one try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol

import psycopg

from daemon import backoff, clock
from daemon.database import brief, is_transient
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.model import Authority, Outcome
from daemon.store import Finished, Key, Verdict

BATCH_ROWS = 200
GATHER_SECONDS = 0.02
RETRY_CAP_SECONDS = 5.0

log = get_logger(__name__)


class CompletionStore(Protocol):
    """The part of the store that is needed here."""

    async def complete(
        self, worker_id: str, finished: list[Finished | tuple[Authority, Outcome, int | None]]
    ) -> dict[Key, Verdict]: ...


@dataclass(eq=False)
class _End:
    finished: Finished
    acknowledged: asyncio.Future[Verdict]
    set_aside: bool = False


class Completer(Service):
    """``submit`` hands in an end and returns the database's verdict on it."""

    name: ClassVar[str] = "completer"

    def __init__(
        self,
        store: CompletionStore,
        worker_id: str,
        *,
        gather_seconds: float = GATHER_SECONDS,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        super().__init__()
        self._store = store
        self._worker_id = worker_id
        self._gather_seconds = gather_seconds
        self._batch_rows = batch_rows
        self._ends: list[_End] = []
        self._news = asyncio.Event()
        self._full = asyncio.Event()
        self._in_flight = 0
        self.could_join: Callable[[], int] = lambda: batch_rows
        """How many agents still run; the claimer knows."""

    @property
    def waiting(self) -> int:
        """Ends that are not acknowledged yet."""
        return len(self._ends) + self._in_flight

    async def submit(
        self, authority: Authority, outcome: Outcome, agent_version: int | None = None
    ) -> Verdict:
        """Write an attempt's end; returns when it is committed, however long that takes."""
        return await self.hand_in(authority, outcome, agent_version)

    def hand_in(
        self, authority: Authority, outcome: Outcome, agent_version: int | None = None
    ) -> asyncio.Future[Verdict]:
        """The same for who does not wait."""
        acknowledged: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._ends.append(_End(Finished(authority, outcome, agent_version), acknowledged))
        self._news.set()
        # As many as still run are company enough: the database writes them meanwhile.
        if not self._full.is_set() and len(self._ends) >= min(self.could_join(), self._batch_rows):
            self._full.set()
        return acknowledged

    async def _run(self) -> None:
        flushed_monotonic = -self._gather_seconds
        while True:
            await self._news.wait()
            await self._gather(self._gather_seconds - (clock.monotonic() - flushed_monotonic))
            flushed_monotonic = clock.monotonic()
            batch, self._ends = self._ends[: self._batch_rows], self._ends[self._batch_rows :]
            if not self._ends:
                self._news.clear()
            if len(self._ends) < self._batch_rows:
                self._full.clear()
            self._in_flight = len(batch)
            try:
                await self._flush(batch)
            except asyncio.CancelledError:
                again = [end for end in batch if not end.acknowledged.done()]
                self._ends = again + [end for end in self._ends if end not in again]
                self._news.set()
                raise
            finally:
                self._in_flight = 0

    async def _gather(self, seconds: float) -> None:
        """Wait for company, unless the last batch is long gone or this one is full."""
        if seconds > 0 and not self._full.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._full.wait()

    async def _flush(self, batch: list[_End]) -> None:
        """Send a batch until the database has answered."""
        attempt = 0
        while True:
            try:
                verdicts = await self._store.complete(
                    self._worker_id, [end.finished for end in batch]
                )
                break
            except psycopg.errors.LockNotAvailable as error:
                if len(batch) > 1:
                    await self._one_by_one(batch)
                else:
                    self._set_aside(batch[0], error)
                return
            except Exception as error:
                if not is_transient(error):
                    raise
                attempt += 1
                await self._pause(attempt, batch, error)
        self._acknowledge(batch, verdicts)

    async def _one_by_one(self, batch: list[_End]) -> None:
        """Some row is locked by somebody: write the others, and take that one with the next."""
        for end in sorted(batch, key=lambda end: end.set_aside):
            try:
                verdicts = await self._store.complete(self._worker_id, [end.finished])
            except Exception as error:
                if not is_transient(error):
                    raise
                self._set_aside(end, error)
            else:
                self._acknowledge([end], verdicts)

    def _set_aside(self, end: _End, error: BaseException) -> None:
        if not end.set_aside:
            log.warning("completion_delayed", rows=1, error=brief(error))
        end.set_aside = True
        self.signals.emit("delayed", 1)
        self._ends.append(end)
        self._news.set()

    async def _pause(self, attempt: int, batch: list[_End], error: BaseException) -> None:
        if attempt == 1:
            log.warning("completion_delayed", rows=len(batch), error=brief(error))
        self.signals.emit("delayed", len(batch))
        await asyncio.sleep(
            backoff.full_jitter(attempt, base_seconds=0.1, cap_seconds=RETRY_CAP_SECONDS)
        )

    def _acknowledge(self, batch: list[_End], verdicts: dict[Key, Verdict]) -> None:
        for end in batch:
            if not end.acknowledged.done():
                end.acknowledged.set_result(verdicts[end.finished.key])
        self.signals.emit("flushed", len(batch))
