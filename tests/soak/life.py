"""Who uses the service during a soak: the main app, its people, and who watches over it."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any

import psycopg

from daemon.demo.scenes import FLAWED_VIEW

Json = Any
KEY = "admin-key-of-the-soak"
HAIKU: Json = {
    "kind": "prompt",
    "system": "Write a haiku about the topic.",
    "input_schema": {"properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    "output_schema": {"properties": {"haiku": {"type": "string"}}, "required": ["haiku"]},
}
DECK = {
    "soak_haiku": 7,
    "progress_monitoring": 4,
    "scheduling": 3,
    "workout_optimization": 3,
    "client_review": 1,
    "code_analysis": 1,
    "health_check": 1,
    "no_such_type": 1,
}
"""What is asked, in shares: every deck is shuffled, so that a few minutes hold the same mix."""
INSERT = (
    "INSERT INTO ai_requests (task_type, input_data, max_usd, fair_key, priority, run_after,"
    " expires_at, requested_by) VALUES (%s, %s::jsonb, %s, %s, %s,"
    " clock_timestamp() + make_interval(secs => %s),"
    " clock_timestamp() + make_interval(secs => %s), 'user:1') RETURNING id"
)
LIMITS = (
    "INSERT INTO ai_control (task_type, concurrency, per_key) VALUES"
    " ('*', 6, 1000), ('soak_haiku', 2, 1), ('workout_optimization', 1, 1),"
    " ('progress_monitoring', 2, 1)"
    " ON CONFLICT (task_type) DO UPDATE"
    " SET concurrency = excluded.concurrency, per_key = excluded.per_key"
)
"""Low enough to be filled by a burst; a single request now and then never fills them."""
BURST = 10
BURSTS = 0.05
"""One insert in twenty is a burst; the rate stays what it is to be."""
ENOUGH_USD, TOO_LITTLE_USD = "0.01", "0.00001"
CANCEL = "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s"
RETRY = (
    "SELECT ai_retry(id, 'user:1') FROM ai_requests"
    " WHERE status IN ('failed', 'cancelled', 'expired') AND task_type <> 'no_such_type'"
    " ORDER BY id DESC LIMIT 1"
)
SCHEDULES = (
    "INSERT INTO ai_schedules (name, task_type, trigger, input_data) VALUES"
    " ('soak_health', 'health_check', 'every 1 minutes', '{}'),"
    " ('soak_progress', 'progress_monitoring', 'every 2 minutes', %s),"
    " ('soak_never', 'soak_haiku', 'now and then', '{\"topic\": \"rain\"}')"
)
NO_BACK_OFF = """
UPDATE ai_agents SET config = coalesce(config, '{}') || '{"healing": {"back_off": "dry_run"}}'
WHERE type = 'health_check'
"""
"""On a machine that others use too, a late event loop says nothing about the daemon in it."""
TROUBLE = "UPDATE ai_schedules SET enabled = NOT enabled WHERE name = 'soak_never'"
"""A schedule that cannot run: it opens an alert, and without it the alert is over."""
PATHS = (
    "/metrics",
    "/health",
    "/ready",
    "/api/executions?limit=20",
    "/api/agents",
    "/api/metrics",
    "/api/health-status",
    "/api/suggestions",
    "/api/approvals",
    "/gui/",
    "/gui/requests",
    "/gui/metrics",
    "/gui/health",
    "/gui/schedules",
    "/gui/budgets",
    "/gui/audit",
    "/gui/suggestions",
    "/gui/requests.csv",
)
DEEDS = ("requests", "bursts", "notifications", "pages", "streams")
"""What every run has, however short."""
LEAST_SHARE = 0.8
"""Of the planned requests; a burst more or less says nothing."""
STREAM_SECONDS = 20.0
PAGE_SECONDS = 30.0
PATIENCE_SECONDS = 300.0
"""How long the main app waits for an answer: a machine that is too busy builds up no mountain."""


class Life:
    """Threads that live until :meth:`stop`. counts: what they did. troubles: what went wrong.

    seconds: how long they lived, once they are stopped.
    """

    def __init__(
        self, dsn: str, urls: Sequence[str], clients: Sequence[int], rate: float, seed: int
    ) -> None:
        """urls: the daemons'. rate: requests a second."""
        self.counts: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.confirmed: set[int] = set()
        self.seconds = 0.0
        self._dsn = dsn
        self._urls = urls
        self._clients = clients
        self._rate = rate
        self._seed = seed
        self._enough = threading.Event()
        parts = (self._ask, self._change_minds, self._hear, self._read, self._stir)
        self._threads = [self._thread(part) for part in parts]
        self._watcher = self._thread(self._watch)
        self._began = 0.0

    def _thread(self, part: Callable[[], None]) -> threading.Thread:
        name = part.__name__.strip("_")
        return threading.Thread(target=self._persist, args=[part, name], name=name, daemon=True)

    def prepare(self) -> None:
        """The prompt agent, limits, schedules, and a healing rule that only says what it would
        do."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(
                "INSERT INTO ai_agents (name, type, config) VALUES ('Haiku', 'soak_haiku', %s)",
                (json.dumps(HAIKU),),
            )
            connection.execute(LIMITS)
            connection.execute(NO_BACK_OFF)
            connection.execute(SCHEDULES, (json.dumps({"client_id": self._clients[0]}),))

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in (*self._threads, self._watcher):
            thread.start()

    def stop(self) -> None:
        """Ask no more; what was asked is still being answered. A live stream may stay open: the
        daemon has to end it."""
        self.seconds = time.monotonic() - self._began
        self._enough.set()
        for thread in self._threads:
            thread.join(PAGE_SECONDS)
            if thread.is_alive():
                self.troubles[f"{thread.name}: does not end"] += 1

    def missing(self) -> list[str]:
        """What there was too little of: a soak of a service that nobody used says nothing."""
        planned = self._rate * self.seconds
        found = [f"no {what}" for what in DEEDS if not self.counts[what]]
        if self.counts["requests"] < LEAST_SHARE * planned - BURST:
            found.append(f"{self.counts['requests']} requests where {planned:.0f} were planned")
        return found

    def _persist(self, part: Callable[[], None], name: str) -> None:
        while not self._enough.is_set():
            try:
                part()
            except Exception as error:  # a thread that ends would end unseen
                # A stream or a page may be cut by the end of it all; our own mistakes may not.
                expected = isinstance(error, psycopg.Error | OSError | HTTPException)
                if self._enough.is_set() and expected:
                    return
                self.troubles[f"{name}: {type(error).__name__}: {str(error)[:80]}"] += 1
                self._enough.wait(1.0)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._dsn, autocommit=True, application_name="soak-app")

    def _ask(self) -> None:
        """Insert at a steady rate; what could not be sent in time is not made up for."""
        rng = random.Random(self._seed)
        kinds = deck(rng)
        size = BURST
        with self._connect() as connection:
            while True:
                with connection.transaction():
                    ids = [self._insert(connection, next(kinds), rng) for _ in range(size)]
                self.confirmed |= set(ids)
                self.counts["requests"] += size
                self.counts["bursts"] += size > 1
                if rng.random() < 0.03:
                    self.counts["cancels"] += connection.execute(CANCEL, ids[:1]).rowcount
                if self._enough.wait(size * rng.uniform(0.5, 1.5) / self._rate):
                    return
                size = BURST if rng.random() < BURSTS else 1

    def _insert(self, connection: psycopg.Connection[Any], kind: str, rng: random.Random) -> int:
        values = (kind, json.dumps(self._input(kind, rng)), purse(kind, rng), *manner(rng))
        row = connection.execute(INSERT, values).fetchone()
        assert row is not None
        return int(row[0])

    def _input(self, kind: str, rng: random.Random) -> Json:
        client = {"client_id": rng.choice(self._clients)}
        match kind:
            case "soak_haiku":
                return {"topic": f"rain {rng.randrange(1000)}"}
            case "workout_optimization":
                weeks = {"duration_weeks": 4} if rng.random() < 0.4 else {}
                return client | weeks | {"goals": ["general"], "equipment": ["dumbbells"]}
            case "client_review":
                return client | {"duration_weeks": 4}
            case "code_analysis":
                return {"code": FLAWED_VIEW, "file_path": f"api/view{rng.randrange(50)}.py"}
            case "health_check" | "no_such_type":
                return {}
            case _:
                return client

    def _change_minds(self) -> None:
        """Now and then something that did not work out is tried again."""
        with self._connect() as connection:
            while not self._enough.wait(5.0):
                self.counts["retries"] += connection.execute(RETRY.encode()).rowcount

    def _hear(self) -> None:
        """Listen for answers, as an app does."""
        with self._connect() as connection:
            connection.execute("LISTEN ai_results")
            while not self._enough.is_set():
                for _ in connection.notifies(timeout=0.5):
                    self.counts["notifications"] += 1

    def _read(self) -> None:
        """A person signed in to each console, a monitoring, and an app that reads the API."""
        browsers = [signed_in(url) for url in self._urls]
        for path in itertools.cycle(PATHS):
            for url, browser in zip(self._urls, browsers, strict=True):
                with browser.open(url + path, timeout=PAGE_SECONDS) as answer:
                    answer.read()
                self.counts["pages"] += 1
            if self._enough.wait(1.0):
                return

    def _watch(self) -> None:
        """Open a live stream, close it in the middle, open the next one."""
        browsers = [signed_in(url) for url in self._urls]
        for url, browser in itertools.cycle(zip(self._urls, browsers, strict=True)):
            until = time.monotonic() + STREAM_SECONDS
            with browser.open(f"{url}/gui/events", timeout=PAGE_SECONDS) as answer:
                self.counts["streams"] += 1
                while time.monotonic() < until and not self._enough.is_set():
                    try:
                        line = answer.readline()
                    except TimeoutError:
                        break
                    if not line:
                        break
            if self._enough.is_set():
                return

    def _stir(self) -> None:
        """Open an alert and end it again, minutes apart."""
        with self._connect() as connection:
            while not self._enough.wait(420.0):
                connection.execute(TROUBLE)
                self.counts["troubles"] += 1


def deck(rng: random.Random) -> Iterator[str]:
    """Kinds of requests without an end."""
    cards = [kind for kind, count in DECK.items() for _ in range(count)]
    while True:
        rng.shuffle(cards)
        yield from cards


def purse(kind: str, rng: random.Random) -> str | None:
    """max_usd: mostly none. A haiku that nobody may pay for would wait for ever."""
    if kind == "soak_haiku" or rng.random() < 0.9:
        return None
    return rng.choice([ENOUGH_USD, TOO_LITTLE_USD])


def manner(rng: random.Random) -> tuple[Any, ...]:
    """fair_key, priority, seconds until it is due, seconds until it expires."""
    return (
        f"key:{rng.randrange(12)}" if rng.random() < 0.7 else None,
        rng.choice([0, 0, 0, 5, -5]),
        rng.choice([0.0] * 18 + [2.0, 5.0]),
        1.0 if rng.random() < 0.01 else PATIENCE_SECONDS,
    )


def signed_in(url: str) -> urllib.request.OpenerDirector:
    """A browser with a session, whose calls to the API carry the key."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    browser.addheaders = [("Authorization", f"Bearer {KEY}")]
    form = urllib.parse.urlencode({"key": KEY}).encode()
    headers: Mapping[str, str] = {"Origin": url}
    request = urllib.request.Request(f"{url}/gui/login", form, dict(headers))
    with browser.open(request, timeout=PAGE_SECONDS) as answer:
        answer.read()
    return browser
