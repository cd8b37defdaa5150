"""kill -9 at every moment of an attempt: before each statement and call, and after its reply."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from daemon.demo.model_server import ModelServer
from tests.chaos.agents import CATALOG
from tests.chaos.invariants import settle, violations
from tests.chaos.nursery import forked
from tests.kit.signals import until
from tests.kit.worker import becomes, running

PARTS = 4
AT_ONCE = 3
MODEL = {"OPENAI_MODEL": "gpt-4o-mini"}
INSERT = (
    "INSERT INTO ai_requests (task_type, input_data, fair_key)"
    " VALUES ('chaos_labour', '{\"calls\": 2}', 'key') RETURNING id"
)
MUST_BE_AMONG = {
    "request_claim<",
    "step_put>",
    "event_put<",
    "call_begin>",
    "call_begin<",
    "model>",
    "model<",
    "call_end>",
    "call_end<",
    "attempt_complete>",
    "attempt_complete<",
    "commit<",
}


def insert(connection: psycopg.Connection) -> int:
    row = connection.execute(INSERT).fetchone()
    assert row is not None
    return int(row[0])


def victims(
    database: str, url: str, folder: Path, connection: psycopg.Connection, ends: list[int]
) -> list[int]:
    """Daemons with a single slot, each of which dies at its moment; returns their requests."""
    ids: list[int] = []
    for start in range(0, len(ends), AT_ONCE):
        with ExitStack() as stack:
            group = []
            for end in ends[start : start + AT_ONCE]:
                ids.append(insert(connection))
                env = {"CHAOS_TRACE": str(folder / f"trace-{end}"), "CHAOS_DIE_AT": str(end)}
                env |= MODEL | {"OPENAI_BASE_URL": url, "WORKER_CONCURRENCY": "1"}
                fork = forked(database, folder / f"output-{end}", **env)
                group.append((end, stack.enter_context(fork)))
            for end, process in group:
                process.join(30)
                assert process.exitcode == -signal.SIGKILL, (
                    f"moment {end}: {(folder / f'output-{end}').read_text()[-3000:]}"
                )
    return ids


def moments_of_an_attempt(database: str, url: str, folder: Path) -> list[str]:
    """What a whole attempt passes, learned from one that lives."""
    trace = folder / "trace"
    env = {"CHAOS_TRACE": str(trace), "OPENAI_BASE_URL": url, **MODEL}
    with (
        psycopg.connect(database, autocommit=True) as connection,
        forked(database, folder / "output", **env),
    ):
        insert(connection)
        until(lambda: trace.exists() and "commit<" in trace.read_text(), 30, what="the attempt")
    return trace.read_text().split()


@pytest.mark.parametrize("part", range(PARTS))
async def test_killed_at_every_moment(
    part: int,
    watched: str,
    connection: psycopg.Connection,
    aconnection: psycopg.AsyncConnection,
    models: ModelServer,
    tmp_path: Path,
) -> None:
    """Wherever a worker dies the request is answered once by the next one, and what was paid is
    on the ledger: answers are replayed, and one more call is bought only where doubt is shown."""
    names = moments_of_an_attempt(watched, models.url, tmp_path)
    assert set(names) >= MUST_BE_AMONG
    settle(watched)
    ends = list(range(1 + part, len(names) + 1, PARTS))
    ids = victims(watched, models.url, tmp_path, connection, ends)
    connection.execute("UPDATE ai_leases SET expires_at = now() - interval '1 second'")
    async with running(
        watched, CATALOG, openai_base_url=models.url, openai_model=MODEL["OPENAI_MODEL"]
    ):
        for request_id in ids:
            row = await becomes(aconnection, request_id, "completed", 30)
            assert row["mode"] == "full"
    assert violations(watched, calls=models.calls) == []
    doubt: dict[int, int] = dict(
        connection.execute(
            "SELECT request_id, count(*) FROM ai_llm_calls WHERE status = 'uncertain' GROUP BY 1"
        ).fetchall()
    )
    assert max(doubt.values(), default=0) <= 1
    # The dead do not answer late: an answer bought twice would be a replay that failed.
    twice = connection.execute("SELECT id FROM ai_llm_calls WHERE status = 'duplicate'")
    assert twice.fetchall() == []
    # Before the commit everything runs again, after it nothing. Which of the daemons took which
    # request is left open, so they are counted.
    committed = ["commit<" in (tmp_path / f"trace-{end}").read_text() for end in ends]
    once = connection.execute(
        "SELECT count(*) FROM ai_requests WHERE fence = 1 AND id = ANY(%s)", (ids,)
    ).fetchone()
    assert once is not None
    assert once[0] <= sum(committed)
