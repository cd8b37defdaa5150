"""What is pruned is kept aside, so that in the end every row is judged and not only what is left.

:func:`keep` lets triggers copy what is deleted of the judged tables into ``soak_`` tables, whose
size nobody judges; :func:`put_back` returns it once the daemons have stopped. :class:`Heard` keeps
of each model call what it takes to find its line in the ledger, where the whole question stands
too: the agents of the service do not tell the model which request they work for, so calls and
lines are compared question by question.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from daemon.demo.model_server import Recorded
from daemon.llm.wire import canonical, digest

TABLES: Mapping[str, str] = {
    "ai_requests": "true",
    "ai_results": "true",
    # An attempt that was refused is deleted at once, as if it had not been; its request is there.
    "ai_attempts": "NOT EXISTS (SELECT FROM ai_requests r WHERE r.id = ($1).request_id)",
    "ai_llm_calls": "true",
    "ai_budgets": "true",
    "ai_alerts": "true",
    "ai_healing_actions": "true",
}
"""What is kept, and when: the others hold nothing that is judged or counted."""
FUNCTION = """
CREATE FUNCTION soak_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO soak_%s SELECT ($1).* WHERE %s', TG_RELNAME, TG_ARGV[0]) USING OLD;
    RETURN NULL;
END $$;
"""
KEEP = """
CREATE TABLE soak_{table} (LIKE {table});
CREATE TRIGGER soak_keep AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION soak_keep('{when}');
"""
KEEP_PROMPTS = """
CREATE TABLE soak_prompts (id bigint PRIMARY KEY, prompt jsonb);
CREATE FUNCTION soak_keep_prompt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO soak_prompts VALUES (OLD.id, OLD.prompt);
    RETURN NULL;
END $$;
CREATE TRIGGER soak_keep_prompt AFTER UPDATE OF prompt ON ai_llm_calls FOR EACH ROW
WHEN (OLD.prompt IS NOT NULL AND NEW.prompt IS NULL) EXECUTE FUNCTION soak_keep_prompt();
"""
"""What was asked goes with its request; its line in the ledger stays."""
# As a replica: neither the service's own triggers nor those that watch it see these rows again.
PUT_BACK = """
BEGIN;
SET LOCAL session_replication_role = replica;
{inserts}
UPDATE ai_llm_calls c SET prompt = k.prompt FROM soak_prompts k WHERE k.id = c.id;
COMMIT;
"""
LEDGER = """
SELECT request_id, prompt, call_hash, status = 'uncertain' OR cost_state = 'uncertain' AS uncertain
FROM ai_llm_calls
WHERE cached_from IS NULL AND (status IN ('done', 'duplicate') OR cost_state = 'uncertain')
"""
AGAIN = """
SELECT request_id, count(*) FROM ai_llm_calls WHERE cached_from IS NULL AND status = 'done'
GROUP BY request_id, call_hash HAVING count(*) > 1
"""
LOOKED = """
SELECT (SELECT count(*) FROM ai_requests) AS requests,
    (SELECT count(*) FROM ai_results) AS results,
    (SELECT count(*) FROM ai_attempts) AS attempts,
    (SELECT count(*) FROM chaos_steps WHERE new = 'running') AS claims,
    (SELECT count(*) FROM ai_llm_calls) AS calls,
    (SELECT count(*) FROM ai_cost_check) AS prices,
    (SELECT count(*) FROM ai_budget_check) AS budgets,
    (SELECT count(*) FROM ai_budgets
        WHERE period NOT IN ('day', 'month') AND limit_usd IS NOT NULL) AS limits,
    (SELECT count(*) FROM ai_results WHERE result ? 'fence') AS fences
"""
ROWS = {
    "not ended": "requests",
    "ended more than once": "requests",
    "completed and no result, or the other way round": "requests",
    "result written twice": "results",
    "a fence given twice, or not the last claim's": "requests",
    "a claim without an attempt row": "claims",
    "attempt is not the number of attempts used": "requests",
    "an attempt without an end": "attempts",
    "not exactly one attempt that completed": "requests",
    "the result of another attempt": "fences",
    "a lease without a running request": "claims",
    "a limit exceeded": "claims",
    "budgets differ from the ledger": "budgets",
    "a budget exceeded": "limits",
    "a cost that does not follow from the usage": "prices",
    "a call that nobody settled": "calls",
}
"""Which rows of LOOKED each check of the database looks at."""
NEVER, NOWHERE, TWICE = OF_CALLS = (
    "booked and never bought",
    "bought and on no ledger",
    "bought twice without doubt",
)
FILLED = """
SELECT count(DISTINCT n) FROM (
    SELECT s.n, s.new, r.task_type,
        sum((s.new = 'running')::integer - (s.old = 'running')::integer)
            OVER (PARTITION BY r.task_type ORDER BY s.n) AS of_type,
        sum((s.new = 'running')::integer - (s.old = 'running')::integer)
            OVER (ORDER BY s.n) AS of_all
    FROM chaos_steps s JOIN ai_requests r ON r.id = s.request_id) t
JOIN ai_control c ON c.task_type IN (t.task_type, '*')
WHERE new = 'running' AND CASE WHEN c.task_type = '*' THEN of_all ELSE of_type END >= c.concurrency
"""


class Heard(list[Recorded]):
    """The calls of a model server, each with the digest of its question in place of the body."""

    def append(self, call: Recorded) -> None:
        call.body = question(call.body)
        super().append(call)


def question(body: Any) -> bytes:
    """What tells questions apart, whichever way their JSON was written down."""
    return digest(canonical(body))


def keep(connection: psycopg.Connection[Any]) -> None:
    """Copy from now on what is deleted, and prompts that are emptied."""
    text = FUNCTION + "".join(KEEP.format(table=t, when=when) for t, when in TABLES.items())
    connection.execute((text + KEEP_PROMPTS).encode())


def put_back(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return what was kept; how many rows of each table that were. Call it once, in autocommit."""
    kept = {}
    for table in TABLES:
        row = connection.execute(f"SELECT count(*) FROM soak_{table}".encode()).fetchone()
        assert row is not None
        kept[table] = int(row[0])
    inserts = "\n".join(f"INSERT INTO {t} SELECT * FROM soak_{t};" for t in TABLES)
    connection.execute(PUT_BACK.format(inserts=inserts).encode())
    return kept


def looked(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Over how many rows each check of the database looks, by the check's name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(LOOKED.encode()).fetchone()
    assert rows is not None
    return {name: int(rows[of]) for name, of in ROWS.items()}


def filled(connection: psycopg.Connection[Any]) -> int:
    """How many starts filled a limit: the next request had to wait."""
    row = connection.execute(FILLED.encode()).fetchone()
    assert row is not None
    return int(row[0])


def unpaid(connection: psycopg.Connection[Any], calls: Iterable[Recorded]) -> dict[str, list[str]]:
    """Where the answers that the model server counted and the ledger do not agree."""
    paid = Counter(call.body for call in calls if call.usage is not None)
    booked: Counter[bytes] = Counter()
    unsure: Counter[bytes] = Counter()
    requests: dict[bytes, set[int]] = defaultdict(set)
    with connection.cursor(row_factory=dict_row) as cursor:
        for line in cursor.execute(LEDGER.encode()):
            asked = question(line["prompt"])
            (unsure if line["uncertain"] else booked)[asked] += 1
            requests[asked].add(line["request_id"])
        again = cursor.execute(AGAIN.encode()).fetchall()
    return {
        NEVER: [
            f"{NEVER}: {booked[asked]} of {paid[asked]}, {some(requests[asked])}"
            for asked in booked
            if booked[asked] > paid[asked]
        ],
        NOWHERE: [
            f"{NOWHERE}: {paid[asked]} answers, {booked[asked]} lines and"
            f" {unsure[asked]} in doubt, {some(requests[asked])}"
            for asked in paid
            if paid[asked] > booked[asked] + unsure[asked]
        ],
        TWICE: [f"{TWICE}: request {row['request_id']}, {row['count']} times" for row in again],
    }


def some(requests: Iterable[int]) -> str:
    """A few of them, for a line that a person reads."""
    first: Sequence[int] = sorted(requests)[:5]
    return f"requests {', '.join(map(str, first))}" if first else "no request"
