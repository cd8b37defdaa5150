-- Purpose: mends what a hand in the tables left behind: questions whose request is deleted go, since
--          no answer ends them and they stand before others whose time is over; requests that wait
--          for a question that is deleted go on, and ask again.
-- Index:   ai_approvals_open, ai_requests_live; primary key of ai_requests; ai_approvals by request_id.
-- Caller:  Store.mend_questions.
-- Locks:   those requests and questions, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_approvals WHERE id = ANY (ARRAY(
        SELECT a.id FROM ai_approvals a
        WHERE a.decided_at IS NULL
            AND NOT EXISTS (SELECT FROM ai_requests r WHERE r.id = a.request_id)
        LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
),
back AS (
    UPDATE ai_requests SET status = 'pending', run_after = clock_timestamp()
    WHERE status = 'waiting' AND id = ANY (ARRAY(
        SELECT r.id FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'waiting'
            AND r.cancel_requested_at IS NULL
            AND NOT EXISTS (SELECT FROM ai_approvals a
                WHERE a.request_id = r.id AND a.decided_at IS NULL)
        ORDER BY r.id LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
),
rung AS (
    SELECT ai_ring() FROM (SELECT FROM back LIMIT 1) z
)
SELECT (SELECT count(*) FROM gone)::integer AS gone, (SELECT count(*) FROM back)::integer AS back
FROM (SELECT count(*) FROM rung) b
