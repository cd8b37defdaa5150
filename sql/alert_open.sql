-- Purpose: begins an alert.
-- Index:   ai_alerts_one_open.
-- Caller:  AlertStore.round.
-- Locks:   the new row; nothing if there is an open one.
INSERT INTO ai_alerts (check_id, target, severity, state, opened_at, last_seen_at, notified_at,
    value, threshold, message, remedy)
VALUES (%(check_id)s::text, %(target)s::text, %(severity)s::text, %(state)s::text,
    %(now)s::timestamptz, %(now)s::timestamptz, %(now)s::timestamptz,
    %(value)s::double precision, %(threshold)s::double precision, %(message)s::text,
    %(remedy)s::text)
ON CONFLICT (check_id, target) WHERE resolved_at IS NULL DO NOTHING
RETURNING id, opened_at, value, threshold, message, remedy, healed_by, resolved_at
