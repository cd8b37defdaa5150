"""Tables after a million requests: ``python -m tests.soak --million``.

Requests that cost nothing go the whole way through the statements of a daemon: inserted, claimed,
completed with a result, notified, pruned; as fast as it goes, in rounds, with so many kept as a
round has. After the second round all that may grow is waste: what autovacuum, set up as the
tables' own settings say, does not give back in time.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from daemon import migrate
from daemon.model import Complete, Status
from daemon.store.retention import BATCH
from tests.kit.parts import Parts, parts
from tests.kit.postgres import throwaway
from tests.soak.judge import theil_sen
from tests.soak.probe import MEGABYTE

ROUNDS, SLOTS, LEASE_SECONDS = 10, 100, 60.0
CHUNK = 1000
LIMIT = 0.10
FILLING = 2
"""The first rounds: until the second is over, more rows are kept than before."""
INSERT = """
INSERT INTO ai_requests (task_type, input_data, fair_key)
SELECT 'soak_noop', jsonb_build_object('n', n), 'key:' || n %% 50 FROM generate_series(1, %s) n
"""
SIZES = """
SELECT sum(pg_table_size(c.oid)) AS tables, sum(pg_indexes_size(c.oid)) AS indexes,
    sum(s.n_dead_tup) AS dead, sum(s.autovacuum_count) AS vacuums,
    (SELECT count(*) FROM ai_requests) AS kept
FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relname LIKE 'ai\\_%'
"""


@dataclass(frozen=True)
class Round:
    """Requests so far, and what the tables looked like then. claim_ms: the median of the round."""

    requests: int
    per_second: float
    kept: int
    tables_mb: float
    indexes_mb: float
    dead_rows: int
    vacuums: int
    claim_ms: float

    @property
    def size_mb(self) -> float:
        return self.tables_mb + self.indexes_mb


def growth(rounds: Sequence[Round]) -> float:
    """What the size rises from the third round to the last, as a share of it."""
    settled = [(float(r.requests), r.size_mb) for r in rounds[FILLING:]]
    if len(settled) < 2:
        return 0.0
    run = settled[-1][0] - settled[0][0]
    return theil_sen(settled) * run / settled[len(settled) // 2][1]


def is_flat(rounds: Sequence[Round]) -> bool:
    """Whether the tables stay as large as the rows that are kept."""
    return growth(rounds) <= LIMIT


def save(rounds: list[Round], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in rounds]))


def load(path: Path) -> list[Round]:
    """The rounds of an earlier run, [] if there was none."""
    return [Round(**one) for one in json.loads(path.read_text())] if path.exists() else []


def million(requests: int, tell: Callable[[Round], None]) -> list[Round]:
    """All rounds, on a durable server of its own."""
    with throwaway(durable=True) as server:
        migrate.upgrade(server.dsn())
        return asyncio.run(grind(server.dsn(), requests, tell))


async def grind(dsn: str, requests: int, tell: Callable[[Round], None]) -> list[Round]:
    """All rounds, on a migrated database that nobody else uses."""
    size = requests // ROUNDS
    rounds: list[Round] = []
    async with parts(dsn) as made:
        mill = Mill(made, dsn, keep=size)
        try:
            for number in range(1, ROUNDS + 1):
                began = time.monotonic()
                await mill.grind(size)
                seconds = time.monotonic() - began
                rounds.append(await mill.weigh(number * size, size / seconds))
                tell(rounds[-1])
        finally:
            await mill.close()
    return rounds


class Mill:
    """Inserts, claims, completes and prunes. keep: how many requests that ended are kept."""

    def __init__(self, made: Parts, dsn: str, keep: int) -> None:
        self._made = made
        self._dsn = dsn
        self._keep = keep
        self._app: psycopg.AsyncConnection[Any] | None = None
        self._done: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._count = 0
        self._claims: list[float] = []

    async def close(self) -> None:
        if self._app is not None:
            await self._app.close()

    async def app(self) -> psycopg.AsyncConnection[Any]:
        """The main app's connection."""
        if self._app is None:
            self._app = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        return self._app

    async def grind(self, count: int) -> None:
        """So many requests, from the insert to the end."""
        for left in range(count, 0, -CHUNK):
            await (await self.app()).execute(INSERT, (min(CHUNK, left),))
            await asyncio.gather(self._answer(), self._prune())

    async def _answer(self) -> None:
        """Claim and complete what is due, as a daemon does: in batches, until nothing is left."""
        store, worker = self._made.store, self._made.worker_id
        while True:
            began = time.monotonic()
            claim = await store.claim(worker, ["soak_noop"], SLOTS, LEASE_SECONDS)
            if not claim.requests:
                break
            self._claims.append(time.monotonic() - began)
            ends = [
                (claimed.authority, Complete({"said": "nothing"}, "deterministic"), None)
                for claimed in claim.requests
            ]
            verdicts = await store.complete(worker, ends)
            assert set(verdicts.values()) == {"accepted"}, set(verdicts.values())
            self._count += len(ends)
        self._done.append((time.monotonic(), self._count))

    async def _prune(self) -> None:
        """What is older than the newest ``keep``: the age at which that many had not ended yet."""
        while len(self._done) > 1 and self._done[1][1] <= self._count - self._keep:
            self._done.popleft()
        at, count = self._done[0]
        if count > self._count - self._keep:
            return
        older_seconds = time.monotonic() - at
        store = self._made.store
        while await store.prune_requests(Status.COMPLETED, older_seconds=older_seconds) == BATCH:
            pass

    async def weigh(self, requests: int, per_second: float) -> Round:
        """The tables as they are now."""
        cursor = await (await self.app()).execute(SIZES.encode())
        row = await cursor.fetchone()
        assert row is not None
        tables, indexes, dead, vacuums, kept = map(float, row)
        claims, self._claims = sorted(self._claims), []
        return Round(
            requests,
            per_second,
            int(kept),
            tables / MEGABYTE,
            indexes / MEGABYTE,
            int(dead),
            int(vacuums),
            1000 * claims[len(claims) // 2],
        )
