"""A few seconds of a soak: what runs for an hour is run through once, and its checks can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon.demo.model_server import Recorded
from daemon.statements import load as load_statements
from tests.chaos.invariants import CHECKS, findings, watch
from tests.soak import chart, kept, page
from tests.soak.million import Round, grind, load, save
from tests.soak.probe import Sample
from tests.soak.run import BLIND, Plan, Recording, perform


@pytest.mark.database
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="measures processes in /proc, as Linux has it")
def test_short_soak(tmp_path: Path) -> None:
    """All agents, all users and every measurement for some seconds: no promise is broken, what is
    old is pruned and judged all the same, limits are filled, and the page has it all."""
    ticks: list[Sample] = []
    plan = Plan(seconds=5.0, rate=12.0, pause_seconds=0.5, daemons=1, clients=8)
    recording = perform(plan, ticks.append, tmp_path / "recording.json")
    assert recording.violations == []
    assert recording == Recording.load(tmp_path / "recording.json")
    assert len(ticks) >= 3
    assert recording.counts["ended as completed"] > 5
    assert recording.pruned["ai_requests"] > 0
    assert recording.pruned["ai_llm_calls"] > 0
    assert recording.pruned["ai_results"] > 0
    asked = sum(sum(ends.values()) for ends in recording.types.values())
    assert recording.looked["not ended"] == asked >= recording.counts["requests"]
    assert 0 < recording.looked[kept.NEVER] <= recording.counts["model calls"]
    checks = set(CHECKS) - {BLIND} | set(kept.OF_CALLS)
    assert checks <= recording.looked.keys() & recording.found.keys()
    keys = {"memory_mb", "handles", "threads", "children", "cpu_seconds", "health_ms"}
    assert {f"daemon 1/{key}" for key in keys} <= ticks[0].keys()
    assert ticks[0]["server/sessions"] > 2
    assert ticks[0]["server/session_mb"] > ticks[0]["server/session_max_mb"] > 1
    assert ticks[0]["table/ai_requests"] > 0

    assert not {name for tick in ticks for name in tick if name.startswith("table/soak_")}
    verdicts = page.verdicts_of(recording)
    assert "daemon 1: memory, MB" in page.write(recording, verdicts)
    assert page.passed(recording, verdicts)
    assert chart.draw(verdicts, plan.seconds).count("<polyline") > 8


@pytest.fixture
def judged(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database that is watched, and keeps what is pruned."""
    watch(database)
    with psycopg.connect(database, autocommit=True) as connection:
        kept.keep(connection)
        yield connection


RUN = (
    "UPDATE ai_requests SET status = 'running', fence = 1, attempt = 1, started_at = now()"
    " WHERE id = %s"
)
TRY = (
    "INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at, finished_at,"
    " outcome) VALUES (%s, 1, 1, 'w', now(), now(), '{}')"
)
ANSWER = (
    "INSERT INTO ai_results (request_id, task_type, mode, result) VALUES (%s, 'x', 'full', '{}')"
)


def ended_request(connection: psycopg.Connection[Any], outcome: str) -> int:
    """A completed request with a result, and an attempt that ended so."""
    row = connection.execute("INSERT INTO ai_requests (task_type) VALUES ('x') RETURNING id")
    (number,) = row.fetchone() or (0,)
    for change in (
        RUN,
        TRY.format(outcome),
        "UPDATE ai_requests SET status = 'completed', finished_at = now() WHERE id = %s",
        ANSWER,
    ):
        connection.execute(change.encode(), (number,))
    return number


def prune(connection: psycopg.Connection[Any]) -> None:
    """Everything that has ended, as upkeep does."""
    about = {
        "status": "completed",
        "older_seconds": -1.0,
        "limit": 100,
        "after_at": None,
        "after_id": None,
    }
    connection.execute(load_statements()["prune_requests"], about)


@pytest.mark.parametrize(("outcome", "wrong"), [("completed", 0), ("failed", 1)])
def test_what_was_pruned_is_judged(
    judged: psycopg.Connection[Any], database: str, outcome: str, wrong: int
) -> None:
    """A promise that was broken by a request that is long gone is found in the end."""
    number = ended_request(judged, outcome)
    prune(judged)
    assert judged.execute("SELECT count(*) FROM ai_requests").fetchone() == (0,)
    returned = kept.put_back(judged)
    assert (returned["ai_requests"], returned["ai_results"], returned["ai_attempts"]) == (1, 1, 1)
    found = findings(database)
    assert len(found["not exactly one attempt that completed"]) == wrong
    assert all(f"'id': {number}" in line for lines in found.values() for line in lines)
    assert kept.looked(judged)["not ended"] == 1


def test_an_attempt_that_was_refused_does_not_come_back(judged: psycopg.Connection[Any]) -> None:
    """Its deletion is part of the refusal, not of pruning."""
    ended_request(judged, "completed")
    judged.execute("DELETE FROM ai_attempts")
    prune(judged)
    assert kept.put_back(judged)["ai_attempts"] == 0


LINE = (
    "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type,"
    " model, status, prompt, cost_state, cost_usd, finished_at) VALUES"
    " (7, %s, %s, 1, gen_random_uuid(), 1, 'w', 'x', 'm', %s, %s, %s, 0, now())"
)


@pytest.mark.parametrize(
    ("answers", "lines", "broken"),
    [
        pytest.param(1, [("done", "exact")], None, id="paid and booked"),
        pytest.param(0, [("failed", "none")], None, id="not answered and not booked"),
        pytest.param(1, [("uncertain", "uncertain")], None, id="in doubt"),
        pytest.param(0, [("done", "exact")], kept.NEVER, id="booked only"),
        pytest.param(1, [("failed", "none")], kept.NOWHERE, id="paid only"),
        pytest.param(2, [("done", "exact")], kept.NOWHERE, id="paid twice, booked once"),
        pytest.param(2, [("done", "exact"), ("done", "exact")], kept.TWICE, id="bought twice"),
    ],
)
def test_calls_and_ledger_are_compared(
    judged: psycopg.Connection[Any],
    answers: int,
    lines: list[tuple[str, str]],
    broken: str | None,
) -> None:
    """Answers without a line, lines without an answer, and the same answer bought twice are found
    by their questions, whichever way these were written down."""
    body = {"model": "m", "messages": [{"role": "user", "content": "why?"}], "temperature": 0.5}
    heard = kept.Heard()
    for number in range(max(answers, 1)):
        call = Recorded("m", "", dict(reversed(body.items())))
        heard.append(call)
        call.usage = {"prompt_tokens": 1} if number < answers else None
    for n, (status, cost) in enumerate(lines):
        judged.execute(LINE, (b"hash", n, status, json.dumps(body), cost))
    found = kept.unpaid(judged, heard)
    assert set(found) == set(kept.OF_CALLS)
    assert {name for name, offenders in found.items() if offenders} == ({broken} - {None})


async def test_a_few_rounds_of_the_million(database: str, tmp_path: Path) -> None:
    """Requests go through all statements and are pruned: what is kept is what a round has."""
    told: list[Round] = []
    rounds = await grind(database, 1000, told.append)
    assert rounds == told
    assert [one.requests for one in rounds] == [100 * n for n in range(1, 11)]
    # The age to which it prunes is measured here, the ends by the server: a batch may be split.
    assert all(100 <= one.kept <= 200 for one in rounds[1:])
    assert rounds[-1].tables_mb > rounds[0].tables_mb > 0
    save(rounds, tmp_path / "million.json")
    assert load(tmp_path / "million.json") == rounds
