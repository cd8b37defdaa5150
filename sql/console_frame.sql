-- Purpose: the counters on every page of the console. Counts end at 10,001, which means "over 10,000".
-- Index:   ai_requests_claim, ai_requests_live, ai_requests_finished_at, ai_approvals_open,
--          ai_code_suggestions_listed; primary key of ai_budgets.
-- Caller:  the console's frame.
-- Locks:   none.
SELECT
    (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status = 'pending' AND r.priority >= -32768 LIMIT 10001) q) AS pending,
    (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'running' LIMIT 10001) q)
        AS running,
    (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'waiting' LIMIT 10001) q)
        AS waiting,
    (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status = 'failed' AND r.finished_at > now() - interval '24 hours'
        LIMIT 10001) q) AS failed_day,
    (SELECT count(*) FROM (SELECT FROM ai_approvals a LEFT JOIN ai_requests r ON r.id = a.request_id
        WHERE a.decided_at IS NULL AND r.finished_at IS NULL LIMIT 100) q) AS approvals,
    (SELECT count(*) FROM (SELECT FROM ai_code_suggestions s
        WHERE s.status = 'pending' LIMIT 100) q) AS suggestions,
    coalesce((SELECT nullif(b.spent_usd + b.uncertain_usd, 'NaN') FROM ai_budgets b
        WHERE b.scope = 'global'
        AND b.period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')), 0) AS cost_today,
    (SELECT coalesce(CASE WHEN now() < b.interim_until THEN b.interim_usd END, b.limit_usd)
        FROM ai_budgets b WHERE b.scope = 'global' AND b.period = 'day')
        AS budget
