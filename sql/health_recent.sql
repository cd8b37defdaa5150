-- Purpose: since when the checks of failures and delays look back: a quarter of an hour, less where
--          more than 5,000 requests of one outcome ended in it. A share of so many is sure enough,
--          and the checks stay quick on the busiest day.
-- Index:   ai_requests_finished_at.
-- Caller:  daemon.health.checker, before the checks.
-- Locks:   none.
SELECT greatest(now() - interval '15 minutes', max(x.finished_at)) AS recent
FROM (VALUES ('completed'), ('failed'), ('cancelled'), ('expired')) AS s (status)
LEFT JOIN LATERAL (
    SELECT r.finished_at FROM ai_requests r
    WHERE r.status = s.status AND r.finished_at > now() - interval '15 minutes'
    ORDER BY r.finished_at DESC OFFSET 5000 LIMIT 1
) x ON true
