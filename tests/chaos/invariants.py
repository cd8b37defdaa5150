"""What must be true after any fault, asked of the database in SQL.

:func:`watch` makes a fresh database write down every step of every request's state, together with
how much was running at that moment, so that limits are judged at each start and not by samples.
:func:`violations` then lists everything that should not be. It is meant for a queue at rest:
:func:`settle` first counts what dead daemons left open on the ledger, as upkeep does in time.

A watched database is slower; the answers are the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from daemon.demo.model_server import Recorded, data_of
from daemon.statements import load

ENDED = "('completed', 'failed', 'cancelled', 'expired')"
GIVEN_BACK = "('snoozed', 'released', 'waiting')"
SHOWN = 5
"""How many offenders of each kind are listed."""

WATCH = """
CREATE TABLE chaos_steps (
    n bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_id bigint NOT NULL, fence bigint NOT NULL, old text NOT NULL, new text NOT NULL,
    over text
);
CREATE TABLE chaos_answers (request_id bigint NOT NULL, operation text NOT NULL);

CREATE FUNCTION chaos_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_over text;
BEGIN
    IF NEW.status = 'running' THEN
        -- Only claims make rows running, one claim at a time: what is counted here can only have
        -- become less since the claim counted it.
        SELECT string_agg(c.task_type || ': ' || n.all_keys || ' of ' || c.concurrency
            || ', key: ' || n.own_key || ' of ' || c.per_key, '; ') INTO v_over
        FROM ai_control c CROSS JOIN LATERAL (
            SELECT count(*) AS all_keys,
                count(*) FILTER (WHERE r.fair_key = NEW.fair_key) AS own_key
            FROM ai_requests r
            WHERE r.status = 'running' AND (c.task_type = '*' OR r.task_type = c.task_type)) n
        WHERE c.task_type IN (NEW.task_type, '*') AND (n.all_keys > c.concurrency
            OR c.task_type <> '*' AND NEW.fair_key <> '' AND n.own_key > c.per_key);
    END IF;
    INSERT INTO chaos_steps (request_id, fence, old, new, over)
    VALUES (NEW.id, NEW.fence, OLD.status, NEW.status, v_over);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_step AFTER UPDATE OF status ON ai_requests FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION chaos_step();

CREATE FUNCTION chaos_answer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_added text[] := '{suggestions_created,suggestion_ids,suggestions_gone}';
BEGIN
    -- A code review's result is completed with the ids that its findings got; an end that is
    -- written again is a second answer even if it says the same.
    IF TG_OP = 'INSERT' OR NEW.created_at <> OLD.created_at
        OR NEW.result - v_added IS DISTINCT FROM OLD.result - v_added THEN
        INSERT INTO chaos_answers VALUES (NEW.request_id, TG_OP);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_answer AFTER INSERT OR UPDATE ON ai_results FOR EACH ROW
    EXECUTE FUNCTION chaos_answer();
"""

# What is wrong, and a query that finds it: each row is an offender.
CHECKS = {
    "not ended": f"""
        SELECT id, task_type, status, attempt, fence, error,
            extract(epoch FROM run_after - now())::integer AS due_in_seconds
        FROM ai_requests WHERE status NOT IN {ENDED}""",
    "ended more than once": f"""
        SELECT request_id, array_agg(old || ' > ' || new ORDER BY n) FROM chaos_steps
        GROUP BY request_id
        HAVING count(*) FILTER (WHERE new IN {ENDED})
            > 1 + count(*) FILTER (WHERE old IN {ENDED})""",
    "completed and no result, or the other way round": """
        SELECT r.id, r.status, s.request_id FROM ai_requests r
        FULL JOIN ai_results s ON s.request_id = r.id
        WHERE (r.status = 'completed') IS DISTINCT FROM (s.request_id IS NOT NULL)""",
    "result written twice": """
        SELECT request_id, array_agg(operation) FROM chaos_answers
        GROUP BY request_id HAVING count(*) > 1""",
    # Not the number of claims: a crash may have undone one, whose fence is then passed over.
    "a fence given twice, or not the last claim's": """
        SELECT r.id, r.fence, c.fences FROM ai_requests r CROSS JOIN LATERAL (
            SELECT array_agg(s.fence ORDER BY s.n) AS fences, count(DISTINCT s.fence) AS different,
                coalesce(max(s.fence), 0) AS last
            FROM chaos_steps s WHERE s.request_id = r.id AND s.new = 'running') c
        WHERE r.fence <> c.last OR cardinality(c.fences) <> c.different""",
    # A refusal at the claim leaves none.
    "a claim without an attempt row": """
        SELECT s.request_id, s.fence FROM chaos_steps s
        LEFT JOIN ai_attempts a USING (request_id, fence)
        WHERE s.new = 'running' AND a.fence IS NULL AND NOT EXISTS (SELECT FROM chaos_steps e
            WHERE e.request_id = s.request_id AND e.fence = s.fence AND e.new = 'failed')""",
    "attempt is not the number of attempts used": f"""
        SELECT r.id, r.attempt, u.used, r.max_attempts FROM ai_requests r CROSS JOIN LATERAL (
            SELECT count(*) AS used FROM ai_attempts a
            WHERE a.request_id = r.id AND coalesce(a.outcome, '') NOT IN {GIVEN_BACK}
                AND a.fence > coalesce((SELECT max(s.fence) FROM chaos_steps s
                    WHERE s.request_id = r.id AND s.old IN {ENDED}), 0)) u
        WHERE r.attempt <> u.used OR r.attempt > r.max_attempts""",
    "an attempt without an end": """
        SELECT a.request_id, a.fence, r.status FROM ai_attempts a
        JOIN ai_requests r ON r.id = a.request_id
        WHERE a.outcome IS NULL AND NOT (r.status = 'running' AND r.fence = a.fence)""",
    "not exactly one attempt that completed": """
        SELECT r.id, r.status, array_agg(a.outcome) FROM ai_requests r
        JOIN ai_attempts a ON a.request_id = r.id
        GROUP BY r.id
        HAVING count(*) FILTER (WHERE a.outcome = 'completed')
            <> (r.status = 'completed')::integer""",
    "the result of another attempt": """
        SELECT s.request_id, s.result -> 'fence', a.fence FROM ai_results s
        LEFT JOIN ai_attempts a ON a.request_id = s.request_id AND a.outcome = 'completed'
        WHERE s.result ? 'fence' AND (s.result ->> 'fence')::bigint IS DISTINCT FROM a.fence""",
    "a lease without a running request": """
        SELECT l.request_id, l.fence, r.status, r.fence FROM ai_leases l
        LEFT JOIN ai_requests r ON r.id = l.request_id
        WHERE r.status IS DISTINCT FROM 'running' OR r.fence <> l.fence""",
    "a limit exceeded": "SELECT request_id, fence, over FROM chaos_steps WHERE over IS NOT NULL",
    "budgets differ from the ledger": """
        SELECT * FROM ai_budget_check WHERE spent_difference_usd <> 0
            OR reserved_difference_usd <> 0 OR uncertain_difference_usd <> 0""",
    "a budget exceeded": """
        SELECT scope, period, limit_usd, spent_usd, uncertain_usd FROM ai_budgets
        WHERE period NOT IN ('day', 'month') AND spent_usd + uncertain_usd > limit_usd""",
    "a cost that does not follow from the usage": """
        SELECT * FROM ai_cost_check WHERE difference_usd <> 0""",
    "a call that nobody settled": "SELECT id FROM ai_llm_calls WHERE status = 'started'",
}


def watch(dsn: str) -> None:
    """Write down every step from now on. The database must not hold requests yet."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(WATCH.encode())


def settle(dsn: str) -> None:
    """Count calls that their dead owners left open, as upkeep does once they are old enough."""
    text = load()["call_abandon"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute(text, {"older_seconds": 0.0}).fetchone()
            if row is None or row[0] is None:
                return


def findings(
    dsn: str, *, calls: Iterable[Recorded] | None = None, forgiven: Collection[int] = ()
) -> dict[str, list[str]]:
    """What was looked for, and what was found of it: an empty list where the promise was kept.

    calls: what the model server saw, compared with the ledger; None: nobody looks. forgiven:
    requests whose calls may be missing there: a crash of the server takes the unflushed begin of a
    call with it, and their daemon ended before it could tell.
    """
    found: dict[str, list[str]] = {}
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        for name, query in CHECKS.items():
            rows = connection.execute(query.encode()).fetchall()
            found[name] = [f"{name}: {dict(row)}" for row in rows]
        if calls is not None:
            found |= unpaid(connection, calls, forgiven)
    return found


def violations(dsn: str, *, calls: Iterable[Recorded] | None = None) -> list[str]:
    """Everything that is wrong, one line each; empty when every promise was kept."""
    return [line for lines in findings(dsn, calls=calls).values() for line in lines[:SHOWN]]


def unpaid(
    connection: psycopg.Connection[Any], calls: Iterable[Recorded], forgiven: Collection[int] = ()
) -> dict[str, list[str]]:
    """Where the model server's count of answers and the ledger do not agree.

    The test agents put their request's id into the data of each question.
    """
    answered: Counter[int] = Counter()
    distinct: dict[int, set[str]] = defaultdict(set)
    for call in calls:
        request_id = data_of(call.body).get("request_id")
        if request_id is None or call.usage is None:
            continue
        answered[request_id] += 1
        distinct[request_id].add(repr(call.body))
    rows = connection.execute(
        "SELECT request_id, count(*) FILTER (WHERE status = 'done') AS done,"
        " count(*) FILTER (WHERE status = 'duplicate') AS duplicate,"
        " count(*) FILTER (WHERE cost_state = 'uncertain') AS uncertain"
        " FROM ai_llm_calls GROUP BY request_id"
    ).fetchall()
    ledger = {row["request_id"]: row for row in rows}
    never, nowhere, twice = "booked and never bought", "bought and on no ledger", "bought twice"
    found: dict[str, list[str]] = {never: [], nowhere: [], f"{twice} without doubt": []}
    for request_id, paid in answered.items():
        row = ledger.get(request_id, {"done": 0, "duplicate": 0, "uncertain": 0})
        booked = row["done"] + row["duplicate"]
        if booked > paid:
            found[never].append(f"{never}: request {request_id}, {booked} of {paid}")
        if request_id in forgiven:
            continue
        if paid > booked + row["uncertain"]:
            found[nowhere].append(f"{nowhere}: request {request_id}, {paid}, {row}")
        if paid - len(distinct[request_id]) > row["duplicate"] + row["uncertain"]:
            found[f"{twice} without doubt"].append(f"{twice}: request {request_id}, {paid}, {row}")
    return found
