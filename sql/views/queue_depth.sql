-- What waits and runs per agent, with the limits that hold it. Counts end at 10,001, which means
-- "over 10,000"; the oldest is the oldest of those counted. Reads ai_requests_claim, ai_requests_live
-- and the leases, which are few. A run_after of '-infinity' is due and has no age.
--
-- Requests of a type that nobody answers are in no row: they are refused within a second.
CREATE VIEW ai_queue_depth AS
SELECT c.task_type,
    pending.due,
    pending.later,
    coalesce(lease.running, 0) AS running,
    coalesce(asked.waiting, 0) AS waiting,
    greatest(0, extract(epoch FROM now() - pending.oldest_due))::double precision
        AS oldest_due_seconds,
    pending.next_due_at,
    c.paused AND (c.resume_at IS NULL OR c.resume_at > now()) AS paused,
    c.resume_at,
    c.concurrency
FROM ai_control c
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.run_after <= now()) AS due,
        count(*) FILTER (WHERE p.run_after > now()) AS later,
        min(p.run_after) FILTER (WHERE p.run_after <= now() AND isfinite(p.run_after))
            AS oldest_due,
        min(p.run_after) FILTER (WHERE p.run_after > now()) AS next_due_at
    FROM (
        SELECT r.run_after FROM ai_requests r
        WHERE r.task_type = c.task_type AND r.status = 'pending' AND r.priority >= -32768
        ORDER BY r.priority DESC, r.id LIMIT 10001
    ) p
) pending
LEFT JOIN (
    SELECT l.task_type, count(*) AS running FROM ai_leases l GROUP BY l.task_type
) lease ON lease.task_type = c.task_type
LEFT JOIN (
    SELECT w.task_type, count(*) AS waiting
    FROM (
        SELECT r.task_type FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'waiting' LIMIT 10001
    ) w
    GROUP BY w.task_type
) asked ON asked.task_type = c.task_type
WHERE c.task_type <> '*';
