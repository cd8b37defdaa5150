"""Rows for every page of the console, as many as wanted, with any text in every free column."""

from __future__ import annotations

import json
from typing import Any

import psycopg

TYPES = ("workout_optimization", "progress_monitoring", "scheduling")
HOSTILE = """"><xss onerror=alert(1)>'</textarea></pre><script>x</script>{{7*7}}<!--"""
"""No page may show this as anything but text."""
STATUSES = ("completed", "failed", "pending", "waiting", "running", "cancelled", "expired")


def fill(dsn: str, count: int, text: str = "plain words") -> None:
    """``count`` rows in each table that a page shows. Triggers are off: rows are as given."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for name, statement in STATEMENTS.items():
            try:
                connection.execute(
                    statement.encode(),
                    {"n": count, "t": text, "j": json.dumps(document(text))},
                )
            except psycopg.Error as error:
                raise AssertionError(f"{name}: {error}") from error


def document(text: str) -> dict[str, Any]:
    """A JSON object with the text as key, value, member and sentence."""
    return {
        "client_id": text,
        "question": text,
        "consequence": text,
        "message": text,
        "code": text,
        "hint": text,
        "goals": [text, {"deep": text}],
        text[:60]: text,
        "note": text,
        "notes": text,
        "summary": text,
    }


RESULTS = """CASE i %% 4
    WHEN 0 THEN %(j)s::jsonb
    WHEN 1 THEN jsonb_build_object('kind', 'plan', 'weeks', jsonb_build_array(jsonb_build_object(
        'week', 1, 'phase', %(t)s::text, 'workouts', jsonb_build_array(jsonb_build_object(
            'day', 1, 'weekday', 2, 'title', %(t)s::text, 'exercises', jsonb_build_array(
                jsonb_build_object('exercise', %(t)s::text, 'sets', 3, 'reps', 10,
                    'reason', %(t)s::text, 'rest_seconds', 60)))))),
        'recommendations', '[]'::jsonb, 'summary', %(t)s::text,
        'screening', jsonb_build_object('conditions', jsonb_build_array(%(t)s::text)))
    WHEN 2 THEN jsonb_build_object('interval_pct', 80, 'prediction', %(t)s::text,
        'chart_svg', '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        'goals', jsonb_build_array(jsonb_build_object('metric', %(t)s::text, 'unit', %(t)s::text,
            'current', 80, 'target', 70, 'status', %(t)s::text)),
        'insights', jsonb_build_array(%(t)s::text),
        'data_warnings', jsonb_build_array(%(t)s::text))
    ELSE jsonb_build_object('suggestions', jsonb_build_array(jsonb_build_object(
        'start', '2026-12-01T18:00:00', 'p_attend', 0.9, 'p_lo', 0.8, 'p_hi', 0.95,
        'duration_minutes', 60, 'suggestion', %(t)s::text, 'timezone', %(t)s::text,
        'priority', 1))) END"""

STATEMENTS = {
    "ids": "SELECT setval('ai_requests_id_seq', 100000)",
    "requests": """INSERT INTO ai_requests (id, task_type, input_data, status, attempt, mode,
            degraded_reason, error, created_at, started_at, finished_at, requested_by, fair_key,
            idempotency_key, agent_version, cost_usd, cancel_requested_at)
        SELECT i, (ARRAY['workout_optimization', 'progress_monitoring', 'scheduling',
                left(%(t)s, 90)])[1 + i %% 4],
            %(j)s::jsonb, s.status, 1, CASE WHEN s.status = 'completed' THEN 'degraded' END,
            CASE WHEN s.status = 'completed' THEN left(%(t)s, 40) END,
            CASE WHEN s.status = 'failed' THEN %(j)s::jsonb END,
            now() - make_interval(secs => i), now() - make_interval(secs => i),
            CASE WHEN s.status IN ('completed', 'failed', 'cancelled', 'expired')
                THEN now() - make_interval(secs => i) END,
            %(t)s, %(t)s, %(t)s || i, 1, 0.01,
            CASE WHEN s.status = 'running' THEN now() END
        FROM generate_series(1, %(n)s) i
        CROSS JOIN LATERAL (SELECT ('{completed,failed,pending,waiting,running,cancelled,expired}'
            ::text[])[1 + i %% 7] AS status) s""",
    "results": f"""INSERT INTO ai_results (request_id, task_type, mode, result)
        SELECT i, 'scheduling', 'full', {RESULTS} FROM generate_series(1, %(n)s) i""",
    "attempts": """INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at,
            finished_at, outcome, error)
        SELECT i, 1, 1, %(t)s, now(), now(), 'failed', %(j)s::jsonb
        FROM generate_series(1, %(n)s) i""",
    "events": """INSERT INTO ai_request_events (request_id, fence, node, percent, message)
        SELECT i, 1, %(t)s, 50, %(t)s FROM generate_series(1, %(n)s) i""",
    "calls": """INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,
            task_type, name, model, status, prompt, response, error, cost_state, cost_usd,
            finished_at, input_tokens, output_tokens)
        SELECT i, sha256(i::text::bytea), 1, 1, gen_random_uuid(), 1, %(t)s, 'scheduling', %(t)s,
            %(t)s, 'done', %(j)s::jsonb, %(j)s::jsonb, %(j)s::jsonb, 'exact', 0.01, now(), 10, 10
        FROM generate_series(1, %(n)s) i""",
    "agents": """INSERT INTO ai_agents (id, name, type, description, config, enabled, status,
            version, problem, updated_by)
        SELECT 1000 + i, left(%(t)s, 80) || i, left(md5(i::text), 20), %(t)s,
            jsonb_build_object('kind', 'prompt', 'system', %(t)s::text, 'output_schema',
                '{"properties": {"a": {"type": "string"}}}'::jsonb),
            true, 'error', 2, %(t)s, %(t)s FROM generate_series(1, least(%(n)s, 5)) i""",
    "versions": """INSERT INTO ai_agent_versions (agent_id, version, type, name, config, enabled,
            changed_by)
        SELECT 1001, i, 'x', left(%(t)s, 80), jsonb_build_object('system', %(t)s::text || i), true,
            %(t)s FROM generate_series(1, %(n)s) i""",
    "control": """INSERT INTO ai_control (task_type, paused)
        SELECT left(md5(i::text), 20), true FROM generate_series(1, least(%(n)s, 5)) i""",
    "approvals": """INSERT INTO ai_approvals (request_id, key, question, answer, decided_at,
            decided_by, expires_at)
        SELECT i, %(t)s, %(j)s::jsonb, CASE WHEN i %% 2 = 0 THEN %(j)s::jsonb END,
            CASE WHEN i %% 2 = 0 THEN now() END, CASE WHEN i %% 2 = 0 THEN %(t)s END, now()
        FROM generate_series(1, %(n)s) i""",
    "hours": """INSERT INTO ai_hours (hour, task_type, completed, failed, degraded, seconds,
            wait_seconds)
        SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => i - 1), t, 10, 2, 1,
            (SELECT array_agg(3) FROM generate_series(0, 29)),
            (SELECT array_agg(3) FROM generate_series(0, 29))
        FROM generate_series(1, %(n)s) i,
            unnest(ARRAY['*', 'workout_optimization', left(%(t)s, 90)]) t""",
    "call_hours": """INSERT INTO ai_call_hours (hour, task_type, model, calls, input_tokens,
            output_tokens, cost_usd, unpriced_usd)
        SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => i - 1), left(%(t)s, 90),
            left(%(t)s, 90), 5, 100, 100, 0.5, 0.1 FROM generate_series(1, %(n)s) i""",
    "schedules": """INSERT INTO ai_schedules (name, task_type, trigger, input_data, problem,
            last_slot)
        SELECT left(%(t)s, 90) || i, left(%(t)s, 90), CASE i %% 2 WHEN 0 THEN '0 6 * * *'
            ELSE %(t)s END, %(j)s::jsonb, %(t)s, now() FROM generate_series(1, %(n)s) i""",
    "suggestions": """INSERT INTO ai_code_suggestions (file_path, issue_type, severity,
            description, suggestion, code_snippet, rule, explanation, diff, sources, taint_path,
            gate, decided_by)
        SELECT left(%(t)s, 90), 'bug', 'high', %(t)s, %(t)s, %(t)s, %(t)s, %(t)s,
            E'--- a\n+++ b\n@@ -1 +1 @@\n-' || %(t)s || E'\n+' || %(t)s, ARRAY[%(t)s],
            jsonb_build_array(%(j)s::jsonb, %(t)s::text), %(j)s::jsonb, %(t)s
        FROM generate_series(1, %(n)s) i""",
    "health": """INSERT INTO ai_system_health (component, status, message, worst_check,
            checks_total, metrics)
        SELECT left(%(t)s, 80) || i, (ARRAY['critical', 'warning', 'healthy'])[1 + i %% 3], %(t)s,
            %(t)s, 3, '{}' FROM generate_series(1, %(n)s) i""",
    "alerts": """INSERT INTO ai_alerts (check_id, target, severity, message, remedy,
            acknowledged_by, healed_by)
        SELECT %(t)s, i::text, 'critical', %(t)s, %(t)s, CASE WHEN i %% 2 = 0 THEN %(t)s END, %(t)s
        FROM generate_series(1, %(n)s) i""",
    "healing": """INSERT INTO ai_healing_actions (rule, target, mode, outcome, reason, command,
            finished_at, proposed_at)
        SELECT %(t)s, %(t)s, 'propose', 'proposed', %(t)s, %(t)s, now(), now()
        FROM generate_series(1, %(n)s) i""",
    "workers": """INSERT INTO ai_workers (worker_id, version, host, pid, concurrency, state)
        SELECT left(%(t)s, 90) || i, left(%(t)s, 20), %(t)s, 1, 20, 'ready'
        FROM generate_series(1, least(%(n)s, 20)) i""",
    "providers": """INSERT INTO ai_provider_state (model, state, opened_until, reason)
        SELECT left(%(t)s, 90) || i, 'open', now() + interval '1 minute', %(t)s
        FROM generate_series(1, least(%(n)s, 5)) i""",
    "audit": """INSERT INTO ai_audit_log (actor, channel, action, target, before, after, origin)
        SELECT %(t)s, 'console', %(t)s, CASE i %% 2 WHEN 0 THEN 'request:1' ELSE %(t)s END,
            %(j)s::jsonb, jsonb_build_object('a', %(t)s::text), %(t)s
        FROM generate_series(1, %(n)s) i""",
    "budgets": """INSERT INTO ai_budgets (scope, period, limit_usd, spent_usd)
        SELECT 'key:' || left(%(t)s, 90) || i, 'day', 5, 1
        FROM generate_series(1, least(%(n)s, 50)) i""",
    "keys": """INSERT INTO ai_api_keys (name, role, hash, prefix, created_by)
        SELECT left(%(t)s, 60) || i, 'viewer', sha256(('k' || i)::bytea), left(%(t)s, 8), %(t)s
        FROM generate_series(1, %(n)s) i""",
}
