-- Purpose: what an agent's last hundred answers cost and took, for whoever is about to ask.
-- Index:   ai_results_recent; primary key of ai_requests.
-- Caller:  the console: a new request.
-- Locks:   none.
SELECT count(*) AS calls,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cost_usd) AS cost_usd,
    percentile_cont(0.5) WITHIN GROUP
        (ORDER BY extract(epoch FROM r.finished_at - r.started_at)) AS seconds
FROM (SELECT s.request_id FROM ai_results s WHERE s.task_type = %(task_type)s::text
    ORDER BY s.created_at DESC LIMIT 100) s
JOIN ai_requests r ON r.id = s.request_id
