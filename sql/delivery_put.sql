-- Purpose: writes a message about an alert for each channel into the outbox.
-- Index:   primary key of ai_alert_deliveries.
-- Caller:  AlertStore.round, in the transaction that changed the alert.
-- Locks:   the new rows; the alert's row against deletion.
INSERT INTO ai_alert_deliveries (alert_id, channel, event, content, next_at, created_at)
SELECT %(alert_id)s::bigint, c.channel, %(event)s::text, %(content)s::jsonb,
    %(now)s::timestamptz + make_interval(secs => %(group_seconds)s::double precision),
    %(now)s::timestamptz
FROM unnest(%(channels)s::text[]) AS c (channel)
