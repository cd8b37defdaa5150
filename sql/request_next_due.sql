-- Purpose: seconds until the next request becomes due or the next paused agent resumes.
-- Index:   ai_requests_due.
-- Caller:  Store.next_due_seconds.
-- Locks:   none.
SELECT extract(epoch FROM least(due.at, resume.at) - clock.now)::double precision AS seconds
FROM (SELECT coalesce(%(now)s::timestamptz, now()) AS now) clock
LEFT JOIN LATERAL (
    SELECT r.run_after AS at FROM ai_requests r
    WHERE r.status = 'pending' AND r.run_after > coalesce(%(now)s::timestamptz, now())
        AND r.run_after >= '-infinity'
    ORDER BY r.run_after LIMIT 1) due ON true
LEFT JOIN LATERAL (
    SELECT min(c.resume_at) AS at FROM ai_control c
    WHERE c.paused AND c.resume_at > clock.now) resume ON true
