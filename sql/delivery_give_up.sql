-- Purpose: gives up messages that could not be delivered within a day.
-- Index:   ai_alert_deliveries_due.
-- Caller:  AlertStore.give_up.
-- Locks:   those rows, unless somebody holds them.
--
-- Never tried: no daemon knows the channel any more.
UPDATE ai_alert_deliveries d
SET state = CASE WHEN d.attempts > 0 THEN 'failed' ELSE 'dropped' END
WHERE d.id = ANY (ARRAY(
    SELECT p.id FROM ai_alert_deliveries p
    WHERE p.state = 'pending' AND p.created_at < now() - interval '1 day'
    LIMIT 500
    FOR UPDATE SKIP LOCKED))
