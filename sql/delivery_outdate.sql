-- Purpose: no longer sends what a channel refused about a check and target, now that there is news of
--          it: "critical" that arrives after "resolved" would be believed.
-- Index:   ai_alert_deliveries_due; primary key of ai_alerts.
-- Caller:  AlertStore.round, before it writes the news.
-- Locks:   those rows, unless somebody holds them.
UPDATE ai_alert_deliveries d
SET state = 'dropped'
WHERE d.id = ANY (ARRAY(
    SELECT p.id FROM ai_alert_deliveries p
    JOIN ai_alerts a ON a.id = p.alert_id
    WHERE p.state = 'pending' AND p.channel = ANY (%(channels)s::text[]) AND p.error IS NOT NULL
        AND a.check_id = %(check_id)s::text AND a.target = %(target)s::text
    FOR UPDATE OF p SKIP LOCKED))
