-- Purpose: configured channels whose messages do not arrive, and since when.
-- Index:   ai_alert_deliveries_due.
-- Caller:  AlertStore.round.
-- Locks:   none.
SELECT d.channel, count(DISTINCT d.message_id)::integer AS waiting, max(d.attempts)::integer AS attempts,
    extract(epoch FROM now() - min(d.created_at) FILTER (WHERE isfinite(d.created_at)))
        ::double precision AS oldest_seconds,
    (array_agg(d.error ORDER BY d.attempted_at DESC NULLS LAST))[1] AS error
FROM ai_alert_deliveries d
WHERE d.state = 'pending' AND d.attempts >= %(attempts)s::integer
    AND d.channel = ANY (%(channels)s::text[])
GROUP BY d.channel
