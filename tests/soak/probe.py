"""One look at everything that a leak would raise: processes, sessions, tables, the log."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

Sample = dict[str, float]
MEGABYTE = 1 << 20
GLANCE_SECONDS = 0.1
"""Between two looks at the children: the shortest of them lives longer."""
SIZES = """
SELECT c.relname AS name, pg_table_size(c.oid) AS table_bytes,
    pg_indexes_size(c.oid) AS index_bytes,
    coalesce(s.n_dead_tup, 0) AS dead_rows, coalesce(s.n_live_tup, 0) AS live_rows
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relname LIKE 'ai\\_%'
"""
SERVER = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal_bytes,
    (SELECT xact_commit + xact_rollback FROM pg_stat_database
        WHERE datname = current_database()) AS transactions,
    (SELECT coalesce(sum(pg_table_size(oid) + pg_indexes_size(oid)), 0) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace) AS catalog_bytes,
    (SELECT array_agg(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'ai-daemon/%') AS sessions,
    (SELECT coalesce(sum(autovacuum_count), 0) FROM pg_stat_user_tables) AS autovacuums
"""
ENDED = """
SELECT count(*) AS ended,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took)) AS p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM took)) AS p95
FROM ai_requests CROSS JOIN LATERAL (SELECT finished_at - created_at AS took) t
WHERE finished_at > now() - make_interval(secs => %(seconds)s) AND finished_at <= now()
    AND status = 'completed' AND run_after <= created_at + interval '1 second' AND fence = 1
"""
STEPS = (
    "SELECT count(*) FROM chaos_steps WHERE new IN ('completed', 'failed', 'cancelled', 'expired')"
)


class Probe:
    """daemons: name to process id. urls: name to the address of its status server."""

    def __init__(
        self, dsn: str, daemons: Mapping[str, int], urls: Mapping[str, str], began: float
    ) -> None:
        self._daemons = daemons
        self._urls = urls
        self._began = began
        self._peaks = Peaks(daemons)
        self._connection = psycopg.connect(
            dsn, autocommit=True, application_name="soak-probe", row_factory=dict_row
        )

    def close(self) -> None:
        self._peaks.close()
        self._connection.close()

    def look(self, latency_seconds: float) -> Sample:
        """One sample; latencies are of requests that ended in the last so many seconds.

        What cannot be measured, a daemon that is gone say, is not in it.
        """
        sample: Sample = {
            "seconds": time.monotonic() - self._began,
            "machine/load": os.getloadavg()[0],
        }
        for name, pid in self._daemons.items():
            with suppress(OSError, KeyError):
                sample |= {f"{name}/{key}": value for key, value in process(pid).items()}
                sample |= {f"{name}/{k}": value for k, value in self._peaks.take(name).items()}
            with suppress(OSError):
                sample[f"{name}/health_ms"] = answer_ms(f"{self._urls[name]}/health")
        return sample | self._server(latency_seconds)

    def _server(self, latency_seconds: float) -> Sample:
        server = self._one(SERVER)
        sessions = server.pop("sessions") or []
        sample = {f"server/{name}": float(value) for name, value in server.items()}
        sample["server/sessions"] = float(len(sessions))
        private = [private_mb(pid) for pid in sessions]
        sample["server/session_mb"] = sum(private)
        sample["server/session_max_mb"] = max(private, default=0.0)
        tables = self._connection.execute(SIZES.encode()).fetchall()
        for key in ("table_bytes", "index_bytes", "dead_rows", "live_rows"):
            sample[f"server/{key}"] = float(sum(row[key] for row in tables))
        for row in tables:
            sample[f"table/{row['name']}"] = float(row["table_bytes"] + row["index_bytes"])
        ended = self._one(ENDED, seconds=latency_seconds)
        sample["requests/ended"] = float(self._one(STEPS)["count"])
        if ended["ended"]:
            sample["requests/p50"], sample["requests/p95"] = (
                float(ended["p50"]),
                float(ended["p95"]),
            )
        return sample

    def _one(self, query: str, **values: Any) -> dict[str, Any]:
        row = self._connection.execute(query.encode(), values or None).fetchone()
        assert row is not None
        return dict(row)


class Peaks:
    """What the children of each daemon were since it was last taken.

    They live for a second or so: a look every few seconds would meet one by chance.
    """

    def __init__(self, daemons: Mapping[str, int]) -> None:
        self._daemons = daemons
        self._seen: dict[str, list[list[float]]] = {name: [] for name in daemons}
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def take(self, name: str) -> Sample:
        """``children_mb``: the most that all held at once; ``child_mb``: that one held;
        ``children``: the fewest that there were.

        KeyError where nobody has looked, or once the thread that looks has ended.
        """
        with self._lock:
            seen, self._seen[name] = self._seen[name], []
        if not seen or not self._thread.is_alive():
            raise KeyError(name)
        return {
            "children_mb": max(sum(each) for each in seen),
            "child_mb": max(max(each, default=0.0) for each in seen),
            "children": float(min(len(each) for each in seen)),
        }

    def close(self) -> None:
        self._enough.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._enough.wait(GLANCE_SECONDS):
            self._look()

    def _look(self) -> None:
        for name, pid in self._daemons.items():
            now = [own_mb(child, pid) for child in children(pid)]
            with self._lock:
                self._seen[name].append(now)


def process(pid: int) -> Sample:
    """What Linux tells of a process: its memory, handles, threads, seconds of CPU.

    Raises OSError or KeyError when it is gone.
    """
    status = fields(pid)
    cpu = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return {
        "memory_mb": status["VmRSS"] / 1024,
        "handles": float(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())),
        "threads": status["Threads"],
        "cpu_seconds": (int(cpu[11]) + int(cpu[12])) / os.sysconf("SC_CLK_TCK"),
    }


def own_mb(child: int, parent: int) -> float:
    """What a child holds; 0 as long as it is its parent's copy, which it is when it is born."""
    words = {}
    for pid in (child, parent):
        with suppress(OSError):
            words[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
    if words.get(child) == words.get(parent):
        return 0.0
    return fields(child).get("VmRSS", 0.0) / 1024


def children(pid: int) -> list[int]:
    """Descendants of a process, whichever of its threads started them."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found + [deeper for child in found for deeper in children(child)]


def fields(pid: int) -> Sample:
    """The numbers of ``/proc/PID/status``; kilobytes where they are sizes, {} when it is gone."""
    numbers: Sample = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, text = line.partition(":")
            value = text.split()
            if value and value[0].isdigit():
                numbers[name] = float(value[0])
    return numbers


def private_mb(pid: int) -> float:
    """What a session's process holds for itself, the server's shared memory left out."""
    return fields(pid).get("RssAnon", 0.0) / 1024


def answer_ms(url: str) -> float:
    """How long a page that touches nothing takes: more when the event loop is held up."""
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=30) as answer:
        answer.read()
    return 1000 * (time.monotonic() - began)
