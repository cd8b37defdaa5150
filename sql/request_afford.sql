-- Purpose: takes up again what was put off until a budget renews, where that has room by now: its limit
--          was raised or lifted, or what others had reserved cost less.
-- Index:   ai_requests_due, primary keys of ai_requests and ai_budgets.
-- Caller:  daemon.llm.journal for upkeep.
-- Locks:   those requests, unless somebody holds them.
--
-- Only as many as there is room for, each with the most that its call may cost: what did not fit is not
-- tried in vain again and again. limit_usd: DAILY_BUDGET_USD of who asks. Rings, as whoever looks for
-- requests has gone to sleep until they are due.
WITH short AS MATERIALIZED (
    SELECT r.id, r.priority, b.scope, b.period, b.usd
    FROM ai_requests r
    CROSS JOIN LATERAL jsonb_to_record(r.error -> 'budget')
        AS b (scope text, period text, usd numeric)
    WHERE r.status = 'pending' AND r.run_after >= '-infinity' AND r.run_after > now()
        AND jsonb_typeof(r.error -> 'budget') = 'object'
    ORDER BY r.run_after LIMIT 10000
),
budget AS (
    SELECT s.scope, s.period, CASE length(s.period) WHEN 7 THEN 'month' ELSE 'day' END AS kind
    FROM short s GROUP BY 1, 2
),
room AS (
    SELECT d.scope, d.period,
        l.limit_usd - coalesce(nullif(b.spent_usd + b.reserved_usd + b.uncertain_usd, 'NaN'), 0)
            AS usd
    FROM budget d
    LEFT JOIN ai_call_budgets_v1((
            SELECT jsonb_agg(jsonb_build_object('scope', k.scope, 'kind', k.kind, 'limit_usd',
                CASE k.scope || ' ' || k.kind WHEN 'global day' THEN %(limit_usd)s::numeric END))
            FROM budget k), now()) l
        ON l.scope = d.scope AND l.period = d.period
    LEFT JOIN ai_budgets b ON b.scope = d.scope AND b.period = d.period
),
fits AS (
    SELECT s.id
    FROM (SELECT w.*, sum(w.usd) OVER (PARTITION BY w.scope, w.period
            ORDER BY w.priority DESC, w.id) AS together
        FROM short w) s
    JOIN room ON room.scope = s.scope AND room.period = s.period
    WHERE room.usd IS NULL OR s.together <= room.usd
    ORDER BY s.priority DESC, s.id LIMIT %(limit)s::integer
),
due AS (
    UPDATE ai_requests r SET run_after = now(), error = NULL
    WHERE r.id = ANY (ARRAY(
            SELECT q.id FROM ai_requests q
            WHERE q.id = ANY (ARRAY(SELECT f.id FROM fits f)) AND q.status = 'pending'
                AND q.run_after > now()
            ORDER BY q.id
            FOR UPDATE SKIP LOCKED))
        AND r.status = 'pending'
    RETURNING r.id
),
rung AS (
    SELECT ai_ring() FROM (SELECT FROM due LIMIT 1) z
)
SELECT d.id FROM due d, (SELECT count(*) FROM rung) b
