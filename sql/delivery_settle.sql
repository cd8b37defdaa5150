-- Purpose: how an attempt to send a message ended: sent, or to be tried again later.
-- Index:   primary key of ai_alert_deliveries.
-- Caller:  AlertStore.settle.
-- Locks:   those rows.
--
-- What became outdated while it was under way has been sent, if the receiver took it.
UPDATE ai_alert_deliveries d
SET state = CASE WHEN %(error)s::text IS NULL THEN 'sent' ELSE 'pending' END,
    sent_at = CASE WHEN %(error)s::text IS NULL
        THEN coalesce(%(now)s::timestamptz, clock_timestamp()) END,
    error = %(error)s::text,
    next_at = coalesce(%(now)s::timestamptz, clock_timestamp())
        + make_interval(secs => %(again_seconds)s::double precision)
WHERE d.id = ANY (%(ids)s::bigint[])
    AND (d.state = 'pending' OR (d.state = 'dropped' AND %(error)s::text IS NULL))
