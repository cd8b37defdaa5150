-- Purpose: the hours that ai_hours has not counted, or not since they were young, newest first.
-- Index:   primary key of ai_hours; ai_requests_finished_at.
-- Caller:  the roll-up of the console.
-- Locks:   none.
SELECT s.hour
FROM generate_series(
    date_trunc('hour', greatest(now() - interval '31 days', (
        SELECT min(e.finished_at) FROM (
            SELECT (SELECT min(r.finished_at) FROM ai_requests r
                WHERE r.status = w.status AND r.finished_at IS NOT NULL) AS finished_at
            FROM unnest('{completed,failed,cancelled,expired}'::text[]) AS w (status)) e)),
        'UTC'),
    date_trunc('hour', now(), 'UTC'), interval '1 hour') AS s (hour)
LEFT JOIN ai_hours h ON h.hour = s.hour AND h.task_type = '*'
WHERE h.hour IS NULL OR h.counted_at < least(s.hour + interval '2 hours',
    now() - CASE WHEN s.hour + interval '1 hour' > now() THEN interval '10 seconds'
        ELSE interval '10 minutes' END)
ORDER BY s.hour DESC LIMIT %(limit)s::integer
