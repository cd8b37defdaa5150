-- Purpose: the hours that ai_hours has not counted, or not since they were young, newest first.
-- Index:   primary key of ai_hours; ai_requests_finished_at; ai_llm_calls_started.
-- Caller:  the roll-up of the console.
-- Locks:   none.
--
-- Hours before the first end and the first call have nothing to count. The present hour is due again
-- ten seconds after it was counted if something ended or was asked since (a minute before counts,
-- for what commits late), and ten minutes after in any case: a call may get its price later.
SELECT s.hour
FROM generate_series(
    date_trunc('hour', greatest(now() - interval '31 days', coalesce(least(
        (SELECT min(e.finished_at) FROM (
            SELECT (SELECT min(r.finished_at) FROM ai_requests r
                WHERE r.status = w.status AND r.finished_at IS NOT NULL) AS finished_at
            FROM unnest('{completed,failed,cancelled,expired}'::text[]) AS w (status)) e),
        (SELECT min(c.started_at) FROM ai_llm_calls c)), now())), 'UTC'),
    date_trunc('hour', now(), 'UTC'), interval '1 hour') AS s (hour)
LEFT JOIN ai_hours h ON h.hour = s.hour AND h.task_type = '*'
WHERE h.hour IS NULL
    OR h.counted_at < least(s.hour + interval '2 hours', now() - interval '10 minutes')
    OR (s.hour + interval '1 hour' > now() AND h.counted_at < now() - interval '10 seconds'
        AND (EXISTS (
            SELECT FROM unnest('{completed,failed,cancelled,expired}'::text[]) AS w (status)
            CROSS JOIN LATERAL (SELECT FROM ai_requests r WHERE r.status = w.status
                AND r.finished_at > h.counted_at - interval '1 minute' LIMIT 1) ended)
            OR EXISTS (SELECT FROM ai_llm_calls c
                WHERE c.started_at > h.counted_at - interval '1 minute')))
ORDER BY s.hour DESC LIMIT %(limit)s::integer
