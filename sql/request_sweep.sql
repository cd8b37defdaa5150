-- Purpose: cancels and expires what no attempt holds, answers overdue approvals; see
--          functions/sweep_v2.sql. Each row, or the one without an id where nothing ended, says in
--          how many seconds the next thing ends by itself, as of before; NULL: none is known.
-- Index:   ai_requests_stop, ai_requests_expire, ai_approvals_open.
-- Caller:  Store.sweep.
-- Locks:   requests and approvals that nobody holds.
SELECT s.id, s.task_type, s.status, s.refusal, n.ends_in_seconds
FROM (SELECT extract(epoch FROM least(
        (SELECT min(r.expires_at) FROM ai_requests r
            WHERE r.status = 'pending' AND r.expires_at IS NOT NULL),
        (SELECT min(a.expires_at) FROM ai_approvals a WHERE a.decided_at IS NULL)))::float8
    - extract(epoch FROM coalesce(%(now)s::timestamptz, clock_timestamp()))::float8
        AS ends_in_seconds) n
LEFT JOIN ai_sweep_v2(%(limit)s::integer, %(now)s::timestamptz, %(past)s::bigint[]) s ON true
