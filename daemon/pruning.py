"""Old rows go, in batches, and what the database refuses to let go holds up nothing else.

A table of the main app's that refers to requests keeps those requests, and a batch with one of
them in it is refused whole. Its requests then go one by one, and the rest behind it. As each
refusal may cost a scan of the main app's table, an hour has few such batches; the next one goes on
where this one ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import psycopg

from daemon.database import is_transient
from daemon.model import Status
from daemon.store import Store
from daemon.store.retention import BATCH, REQUEST_SECONDS, TABLE_SECONDS, Place

MOST_BATCHES = 200
"""Of one status or table in one round: pruning must not become a load of its own."""
MOST_SINGLE_BATCHES = 4
"""Of one status in one round, whose requests go one by one."""


class Pruning:
    """One round after the other over all that is kept for a time only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places: dict[Status, Place] = {}
        """Where the last round stopped among requests that are refused one by one."""
        self._refusal: psycopg.Error | None = None

    async def round(self) -> tuple[int, psycopg.Error | None]:
        """(how many requests and rows went, the first refusal).

        Raises what a database that is away raises.
        """
        self._refusal = None
        pruned = 0
        for status in REQUEST_SECONDS:
            pruned += await self._requests(status)
        for table in TABLE_SECONDS:
            pruned += await self._rows(table)
        return pruned, self._refusal

    async def _rows(self, table: str) -> int:
        pruned = 0
        for _ in range(MOST_BATCHES):
            count = await self._unless_refused(partial(self._store.prune, table))
            pruned += count or 0
            if count is None or count < BATCH:
                break
        return pruned

    async def _requests(self, status: Status) -> int:
        pruned = single_batches = 0
        place = self._places.pop(status, None)
        for _ in range(MOST_BATCHES):
            count = await self._unless_refused(
                partial(self._store.prune_requests, status, after=place)
            )
            if count is not None:
                pruned += count
                if count < BATCH:
                    break
                continue
            if single_batches == MOST_SINGLE_BATCHES:
                if place is not None:
                    self._places[status] = place
                break
            single_batches += 1
            for behind in await self._store.old_requests(status, after=place):
                pruned += (
                    await self._unless_refused(
                        partial(self._store.prune_requests, status, after=place, limit=1)
                    )
                    or 0
                )
                place = behind
        return pruned

    async def _unless_refused(self, prune: Callable[[], Awaitable[int]]) -> int | None:
        """How many rows went; None where the database does not let them go."""
        try:
            return await prune()
        except psycopg.Error as error:
            if is_transient(error):
                raise
            self._refusal = self._refusal or error
            return None
