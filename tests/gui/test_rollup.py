"""The hourly roll-ups say what the requests themselves say, whoever counts."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import psycopg
import pytest

from daemon.web.gui.measures import percentile
from daemon.web.gui.rollup import Rollup
from tests.gui.conftest import TEXTS, Served
from tests.gui.page import Person

ENDED = """SET session_replication_role = replica;
INSERT INTO ai_requests (id, task_type, status, attempt, mode, created_at, run_after, started_at,
    finished_at)
SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, CASE WHEN i % 10 = 0 THEN 'failed'
    ELSE 'completed' END, 1, CASE WHEN i % 10 = 1 THEN 'degraded' END, at, at, at + interval '1 s',
    at + interval '1 s' + make_interval(secs => i / 10.0)
FROM generate_series(1, 100) i, LATERAL (SELECT date_trunc('hour', now(), 'UTC')
    - make_interval(hours => i % 3) AS at) t;
INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type, model,
    status, cost_state, cost_usd, started_at, finished_at, input_tokens, output_tokens)
SELECT i, '\\x00', 1, 1, gen_random_uuid(), 1, 'w', 'a', 'm', 'done', 'exact', 0.01,
    now() - interval '1 hour', now(), 100, 10 FROM generate_series(1, 50) i"""


@pytest.fixture
def rollup(console: Served) -> Rollup:
    return Rollup(console.database.pool, TEXTS)


async def test_hours_add_up(rollup: Rollup, rows: Any) -> None:
    """Each hour is counted once: by agent, all together, with durations near the real ones."""
    rows(ENDED)
    assert await rollup.count() == 3
    assert rows(
        "SELECT sum(completed), sum(failed), sum(degraded) FROM ai_hours WHERE task_type = '*'"
    ) == [(90, 10, 10)]
    assert rows("SELECT sum(completed + failed) FROM ai_hours WHERE task_type <> '*'") == [(100,)]
    histograms = [row[0] for row in rows("SELECT seconds FROM ai_hours WHERE task_type = '*'")]
    ((exact,),) = rows(
        "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY"
        " extract(epoch FROM finished_at - started_at)) FROM ai_requests"
        " WHERE status = 'completed'"
    )
    assert percentile(histograms, 0.95) == pytest.approx(float(exact), rel=0.25)
    assert rows(
        "SELECT sum(calls), sum(cost_usd)::float, sum(input_tokens) FROM ai_call_hours"
    ) == [(50, 0.5, 5000)]
    assert await rollup.count() == 0


async def test_a_quiet_hour_is_left_alone(rollup: Rollup, rows: Any) -> None:
    """Where nothing ever ended one hour is counted, and counted again only once something ends."""
    assert await rollup.count() == 1
    rows("UPDATE ai_hours SET counted_at = now() - interval '2 minutes'")
    assert await rollup.count() == 0
    rows(
        "SET session_replication_role = replica; INSERT INTO ai_requests (status, finished_at)"
        " VALUES ('completed', now())"
    )
    assert await rollup.count() == 1
    assert rows("SELECT sum(completed) FROM ai_hours WHERE task_type = '*'") == [(1,)]


async def test_one_counts(database: str, rollup: Rollup, rows: Any) -> None:
    """While somebody else counts, a daemon leaves it to them."""
    rows(ENDED)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('ai_hours:' || current_schema()), 0)")
        assert await rollup.count() == 0
    assert await rollup.count() == 3


async def test_no_answer_is_said_to_have_had_a_model(
    rollup: Rollup, admin: Person, rows: Any
) -> None:
    """The share of degraded answers is told as what it is: deterministic ones used no model too,
    so the page must not say that all others had one."""
    rows(ENDED)
    rows("UPDATE ai_requests SET mode = 'deterministic' WHERE status = 'completed'")
    await rollup.count()
    page = await admin.get("/gui/metrics")
    assert "0.0 % of 90 answers had to do without a model that was wanted." in page.text
    assert "none was needed or configured" in page.text
    assert "did without the model" not in page.text
    degraded = page.text.partition("Degraded answers")[2]
    assert "Nothing to draw yet" not in degraded


async def test_the_metrics_page_reads_them(rollup: Rollup, admin: Person, rows: Any) -> None:
    """What was counted is what the page says, in a sentence and as a table."""
    rows(ENDED)
    await rollup.count()
    page = await admin.get("/gui/metrics")
    assert "100 requests ended in 24 hours, 10 of them failed." in page.text
    assert "$0.50 for 50 model calls." in page.text


async def test_the_csv_of_the_metrics_is_for_programs(
    rollup: Rollup, admin: Person, rows: Any
) -> None:
    """Each number stands in the CSV as digits, in one unit that is named, at a moment with its
    year; where nothing was measured, there is nothing."""
    rows(ENDED)
    await rollup.count()
    answer = await admin.get("/gui/metrics.csv?window=7d")
    lines = list(csv.DictReader(io.StringIO(answer.html)))
    units = {line["chart"]: line["unit"] for line in lines}
    assert units == {
        "throughput": "requests",
        "latency": "seconds",
        "wait": "seconds",
        "degraded": "share",
        "cost": "usd",
        "tokens": "tokens",
    }
    for line in lines:
        assert re.fullmatch(r"(\d+(\.\d+)?)?", line["value"]), line
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:00:00.000Z", line["at"]), line
    assert sum(float(x["value"]) for x in lines if x["chart"] == "cost") == pytest.approx(0.5)
    done = [x for x in lines if (x["chart"], x["series"]) == ("throughput", "completed")]
    assert sum(float(x["value"]) for x in done) == 80
