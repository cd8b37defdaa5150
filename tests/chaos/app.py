"""The main app of a chaos run: it inserts, cancels, retries, and listens for the answers."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import psycopg

INSERT = (
    "INSERT INTO ai_requests (task_type, input_data, fair_key, priority, run_after, expires_at,"
    " idempotency_key, max_usd) VALUES (%s, %s::jsonb, %s, %s,"
    " now() + make_interval(secs => %s), now() + make_interval(secs => %s), %s, %s)"
    " ON CONFLICT (task_type, idempotency_key) DO NOTHING RETURNING id"
)
ENDED = "('completed', 'failed', 'cancelled', 'expired')"
KEYS = 12
MARGIN_SECONDS = 1.0
"""An end so shortly before the app stopped listening may not have been told yet."""
AWAY = ("08", "57P", "25006")
"""SQLSTATE of a database that is cut off, goes down, comes up, or is a standby still."""


def some_request(rng: random.Random, number: int) -> tuple[Any, ...]:
    """The values of INSERT: mostly work, some of it slow or with model calls, some nonsense."""
    kind = rng.random()
    task_type = "chaos_labour"
    work: dict[str, Any] = {}
    if kind < 0.35:
        task_type, work = "test_echo", {"text": "hello"}
    elif kind < 0.65:
        work = {"calls": rng.randint(1, 3), "seconds": rng.choice([0.0, 0.1])}
    elif kind < 0.85:
        work = {"seconds": rng.choice([0.05, 0.3, 1.5])}
    elif kind < 0.88:
        task_type, work = "chaos_deaf", {"seconds": rng.choice([0.1, 0.6])}
    elif kind < 0.91:
        task_type, work = "chaos_villain", {"how": rng.choice(["exit", "recurse", "interrupt"])}
    elif kind < 0.93:
        task_type, work = "no_such_type", {}
    elif kind < 0.95:
        work = {"calls": "many"}
    return (
        task_type,
        json.dumps(work),
        f"key:{rng.randrange(KEYS)}" if rng.random() < 0.7 else None,
        rng.choice([0, 0, 0, 5, -5]),
        rng.choice([0.0, 0.0, 0.0, 1.0, 3.0]),
        2.0 if rng.random() < 0.02 else 3600.0,
        f"{task_type}:{number - number % 2}" if rng.random() < 0.1 else None,
        "0.0001" if rng.random() < 0.05 else None,
    )


class App:
    """Threads that play the main app on connections of their own, straight to the database.

    inserted: how many requests it has sent; some were the same under one idempotency key.
    confirmed: the ids of those whose commit was confirmed. absences: what it met while the
    database was away, one line each. errors: everything else that went wrong; nothing may.
    slowest_seconds: of all transactions with inserts, connecting included. ends_judged: of how
    many ends it must have been told. given_up: why the database will never come back.
    """

    def __init__(
        self, dsn: str, rng: random.Random, *, margin_seconds: float = MARGIN_SECONDS
    ) -> None:
        self.inserted = 0
        self.cancelled = 0
        self.retried = 0
        self.confirmed: set[int] = set()
        self.absences: list[str] = []
        self.errors: list[str] = []
        self.ends_judged = 0
        self.slowest_seconds = 0.0
        self.given_up: BaseException | None = None
        self.told: dict[int, list[str]] = defaultdict(list)
        self.heard: list[list[float]] = []
        """From when to when, on the database's clock, somebody listened without interruption."""
        self._dsn = dsn
        self._margin_seconds = margin_seconds
        self._rng = rng
        self._stopping = threading.Event()
        self._decided = threading.Event()
        self._hearer = threading.Thread(
            target=self._persist, args=[self._hear, self._stopping], daemon=True
        )
        self._second_thoughts = threading.Thread(
            target=self._persist, args=[self._think_again, self._decided], daemon=True
        )

    def start(self) -> None:
        """Listen, and have second thoughts now and then."""
        self._hearer.start()
        self._second_thoughts.start()

    def calm_down(self) -> None:
        """No more cancels and retries."""
        self._decided.set()
        self._second_thoughts.join(10)

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        self._hearer.join(10)

    def insert(self, count: int) -> None:
        """One transaction with so many requests; a few of them change their mind and roll back.

        While the database is away it is tried again, as an app's own retry does. Raises what
        was given up with, once nobody will bring it back.
        """
        numbers = range(self.inserted, self.inserted + count)
        rows = [some_request(self._rng, number) for number in numbers]
        while True:
            began = time.monotonic()
            try:
                with psycopg.connect(self._dsn) as connection:
                    cursor = connection.cursor()
                    cursor.executemany(INSERT, rows, returning=True)
                    ids = {row[0] for result in cursor.results() for row in result}
                    if self._rng.random() < 0.05:
                        connection.rollback()
                        continue
            except psycopg.Error as error:
                if not self._missed("insert", error):
                    raise
                if self.given_up is not None:
                    raise self.given_up from error
                time.sleep(0.2)
                continue
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            self.confirmed |= ids
            self.inserted += count
            return

    def _missed(self, what: str, error: psycopg.Error) -> bool:
        """Write it down; whether it only means that the database is away."""
        connecting = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
        away = connecting or (error.sqlstate or "").startswith(AWAY)
        line = f"{what}: {type(error).__name__}: {str(error).splitlines()[:1]}"
        (self.absences if away else self.errors).append(line)
        return away

    def _persist(
        self, action: Callable[[psycopg.Connection[Any]], None], enough: threading.Event
    ) -> None:
        while not enough.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as opened:
                    action(opened)
            except psycopg.Error as error:
                self._missed(action.__name__, error)
            time.sleep(0.2)

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("LISTEN ai_results")
        window = [_clock(connection), 0.0]
        self.heard.append(window)
        while not self._stopping.is_set():
            for note in connection.notifies(timeout=0.2):
                body = json.loads(note.payload)
                self.told[body["id"]].append(body["status"])
            window[1] = _clock(connection)

    def _think_again(self, connection: psycopg.Connection[Any]) -> None:
        rng = random.Random(self._rng.random())
        while not self._decided.wait(rng.random() * 0.3):
            cancel = (
                "UPDATE ai_requests SET cancel_requested_at = now() WHERE id IN (SELECT id FROM"
                f" ai_requests WHERE status NOT IN {ENDED} AND cancel_requested_at IS NULL"
                # What a fault waits for is to be under way when it comes.
                " AND NOT input_data ? 'first_only'"
                " ORDER BY random() LIMIT 1)"
            )
            self.cancelled += connection.execute(cancel.encode()).rowcount
            retry = (
                "SELECT ai_retry(id, 'user:1') FROM ai_requests"
                " WHERE status IN ('failed', 'cancelled', 'expired')"
                " AND task_type <> 'no_such_type' ORDER BY random() LIMIT 1"
            )
            if rng.random() < 0.5:
                self.retried += connection.execute(retry.encode()).rowcount

    def lost(self) -> list[str]:
        """Requests whose commit was confirmed and that are not there."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT c.id FROM unnest(%s::bigint[]) AS c (id)"
                " WHERE NOT EXISTS (SELECT FROM ai_requests r WHERE r.id = c.id)",
                (sorted(self.confirmed),),
            ).fetchall()
        return [f"confirmed and not there: request {row[0]}" for row in rows]

    def untold(self) -> list[str]:
        """Ends that happened while we listened and were not notified, or otherwise; to be asked
        once."""
        found = []
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            steps = connection.execute(
                "SELECT request_id, new, extract(epoch FROM at)::float8 FROM chaos_steps"
                f" WHERE new IN {ENDED} ORDER BY n".encode()
            ).fetchall()
        told = {request_id: list(statuses) for request_id, statuses in self.told.items()}

        def due(at: float) -> bool:
            return any(began < at < ended - self._margin_seconds for began, ended in self.heard)

        # A request that was retried may end twice in the same way, the first time unheard: what
        # was told is that of which we must have been told.
        for request_id, status, at in sorted(steps, key=lambda step: not due(step[2])):
            self.ends_judged += due(at)
            if status in told.get(request_id, ()):
                told[request_id].remove(status)
            elif due(at):
                found.append(f"not told: request {request_id} is {status}")
        found += [f"told and not so: request {r}, {left}" for r, left in told.items() if left]
        return found


def _clock(connection: psycopg.Connection[Any]) -> float:
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    return float(row[0])
